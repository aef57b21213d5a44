"""min-replicas-to-write while the agent raises it. What it was before is in a file, so it comes back whoever is restarted."""

from pathlib import Path

from .config import note
from .resp import Connection, ReplyError, pairs

DIRECTIVE = "min-replicas-to-write"
RECORD = "min-replicas-to-write"


class MinReplicas:
    """Raises the directive and gives it its value back.

    A directive that Redis has: what it refuses is certainly not done. Sentinel may write the raised value into redis.conf, when
    it turns the node into a replica, so that file is rewritten afterwards.
    """

    def __init__(self, directory: Path) -> None:
        """Read what an earlier process left."""
        self._record = directory / RECORD
        self.needed: int | None = None
        self.configured = 0
        self._live = 0
        try:
            self._before: int | None = int(self._record.read_text())
        except (OSError, ValueError):
            self._before = None

    @property
    def raised(self) -> bool:
        """Whether it is raised, by this process or by an earlier one."""
        return self._before is not None

    def look(self, connection: Connection) -> None:
        """Learn the live value, and with it what operators want; an agent that raised it knows that from its file."""
        self._live = int(pairs(connection.call("CONFIG", "GET", DIRECTIVE))[DIRECTIVE])
        self.configured = self._live if self._before is None else self._before

    def need(self, connection: Connection, needed: int | None) -> bool:
        """Set the value that is needed now, None for the configured one; tell whether anything changed."""
        changed = needed != self.needed or (needed is None and self._before is not None)
        self.needed = needed
        if needed is not None:
            if self._before is None:
                self._before = self.configured
                note(self._record, f"{self.configured}\n")  # where it cannot be written, this process remembers it
            if self._live != needed:
                connection.call("CONFIG", "SET", DIRECTIVE, needed)
        elif self._before is not None:
            connection.call("CONFIG", "SET", DIRECTIVE, self.configured)
            try:
                connection.call("CONFIG", "REWRITE")
            except ReplyError:  # a full disk: the note stays, and the next look tries again
                return False
            self._record.unlink(missing_ok=True)
            self._before = None
        return changed
