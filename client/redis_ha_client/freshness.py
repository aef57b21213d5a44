"""Whether a connection is still what the next command should use: for the connections of both halves."""

from .clocks import Moment, moment, seconds_since
from .published import Published
from .wiring import Settings


class Freshness:
    """What a connection knows of its last use, and of the endpoints document that it was dialled by."""

    published: Published | None
    _epoch = 0  # of what was published when this was dialled
    _idle_seconds: float | None
    _used_at: Moment

    def begin(self, settings: Settings) -> None:
        """Begin to know it; called before the connection is made."""
        self.published = settings.published
        self._idle_seconds = settings.policy.idle_seconds
        self._used_at = moment()

    def used(self) -> None:
        """Note a use."""
        if self._idle_seconds is not None:
            self._used_at = moment()

    @property
    def rested(self) -> bool:
        """Whether nobody used the connection for so long that the node may be gone without a word."""
        return self._idle_seconds is not None and seconds_since(self._used_at) > self._idle_seconds

    @property
    def outdated(self) -> bool:
        """Whether connections had to be made anew since this one was dialled."""
        return self.published is not None and self._epoch != self.published.known.epoch

    def up_to_date(self) -> None:
        """Note that a dial goes by what is published now; called before that is read."""
        if self.published is not None:
            self._epoch = self.published.known.epoch

    def look_around(self) -> None:
        """Look at what is published, if it is time. Commands do so anyway; a subscriber sends none."""
        if self.published is not None:
            self.published.look()
