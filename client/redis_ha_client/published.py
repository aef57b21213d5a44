"""What is known of a group's endpoints document, and when to read it again: shared by all connections of a client, both halves.

Reading is done by a thread beside the commands, which go on by the document that is known: SSM being slow, or away, makes none
of them wait. It ends with the reading, so a fork and a process that was frozen need no care.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from redis import exceptions

from .budget import command_budget, current_budget
from .clocks import moment, seconds_since
from .documents import ClusterConnection, PrimaryConnection, SsmConnection
from .endpoints import Endpoints, read_endpoints
from .errors import DocumentError, EndpointsForbiddenError, EndpointsUnknownError
from .lookup import Parameter
from .policy import FailoverPolicy

LOGGER = logging.getLogger("redis_ha_client.endpoints")
# The shortest time between two readings of one client while its budgets are spent. It is doubled, up to the interval, while
# nothing new is read: a fleet that fails for minutes would take all that SSM answers (see INTERVAL_SECONDS in documents.py).
PAUSE_SECONDS = 5.0
JITTER = 0.2  # so that a fleet does not read at once
# How long `connect` tries to read: SSM refuses for a second or two when a fleet starts. Longer waiting would mend nothing.
START_SECONDS = 10.0


@dataclass(frozen=True)
class Known:
    """What a client goes by. `epoch` counts how often connections had to be made anew."""

    endpoints: Endpoints
    epoch: int = 0


class Published:
    """The endpoints document of one group, as far as is known. A failed reading keeps what is known, and is said in the log."""

    def __init__(self, connection: SsmConnection, ask: Callable[[], str | None], endpoints: Endpoints) -> None:
        self.connection = connection
        self.source = str(ask)
        self.known = Known(endpoints)
        self.problem: str | None = None  # of the last reading
        self._ask = ask
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._read_at = self._known_at = moment()  # when a reading began; and one that brought what is known
        self._wait = self._interval
        self._pause = PAUSE_SECONDS
        self._hurried = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle what is known, without the thread."""
        return type(self), (self.connection, self._ask, self.known.endpoints)

    def __repr__(self) -> str:
        return f"<Published {self.source}: generation {self.known.endpoints.generation}>"

    @property
    def _interval(self) -> float:
        return _jittered(self.connection.interval_seconds)

    @property
    def current(self) -> PrimaryConnection | ClusterConnection:
        """How the group is reached now."""
        return self.known.endpoints.connection

    @property
    def read_seconds_ago(self) -> float:
        """How old what is known is at most: readings that failed do not count."""
        return seconds_since(self._known_at)

    def look(self) -> None:
        """Begin to read if it is due, and let the running command hurry that when its budget is used up. Never waits."""
        budget = current_budget()
        if budget is not None:
            budget.when_spent = self.hurry
            if self.problem is not None and budget.causes:
                budget.causes.setdefault(self.problem, 1)
        if seconds_since(self._read_at) < self._wait:
            return
        with self._lock:
            if seconds_since(self._read_at) < self._wait or (self._thread is not None and self._thread.is_alive()):
                return
            thread = threading.Thread(target=self.read, name="redis-ha-endpoints", daemon=True)
            with contextlib.suppress(RuntimeError):  # the interpreter is ending, and starts none
                thread.start()
                self._thread = thread

    def hurry(self) -> None:
        """Read soon: a command's budget is spent, so perhaps the endpoints are others."""
        if not self._hurried:  # drawn once, or many failures would draw the shortest
            self._hurried = True
            self._wait = min(self._wait, _jittered(self._pause))
        self.look()

    def read(self) -> None:
        """Read once, and go by what was read if that is possible."""
        self._pause = min(2 * self._pause, self.connection.interval_seconds) if self._hurried else PAUSE_SECONDS
        self._hurried = False
        self._read_at, self._wait = moment(), self._interval
        before = self.known
        try:
            new = read_endpoints(self._ask(), self.source, before.endpoints)
        except (DocumentError, EndpointsUnknownError, EndpointsForbiddenError) as error:
            self._failed(str(error))
            return
        self._known_at = self._read_at
        if self.problem is not None:
            LOGGER.info("%s is read again", self.source)
            self.problem = None
        if new.differs_from(before.endpoints):
            LOGGER.info(
                "%s has generation %d, was %d: connections are made anew",
                self.source,
                new.generation,
                before.endpoints.generation,
            )
            self.known = Known(new, before.epoch + 1)
            self._pause = PAUSE_SECONDS
        else:
            self.known = Known(new, before.epoch)

    def _failed(self, problem: str) -> None:
        if problem != self.problem:  # once, not once a reading
            LOGGER.warning("%s; generation %d is kept", problem, self.known.endpoints.generation)
        self.problem = problem


def published_of(connection: SsmConnection, policy: FailoverPolicy) -> Published:
    """Read the document for the first time; waits. Raises what `connect` tells of kind "ssm"."""
    ask = Parameter(
        connection.parameter,
        connection.region,
        policy,
        wanted_by="connection.parameter",
        unknown=EndpointsUnknownError,
        forbidden=EndpointsForbiddenError,
    )
    return Published(connection, ask, _first(ask, replace(policy, total_seconds=min(policy.budget_seconds, START_SECONDS))))


def _first(ask: Callable[[], str | None], policy: FailoverPolicy) -> Endpoints:
    with command_budget(policy, f"reading {ask}", own=True) as budget:
        while True:
            budget.begin_attempt()
            try:
                return read_endpoints(ask(), str(ask))
            except exceptions.ConnectionError as error:
                over = budget.judge(error)
                if over is error:
                    raise
                if over is not None:
                    raise over from error
            time.sleep(budget.pause())


def _jittered(seconds: float) -> float:
    return random.uniform(1 - JITTER, 1) * seconds  # noqa: S311 - jitter
