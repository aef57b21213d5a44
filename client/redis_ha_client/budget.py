"""One total time budget a command: the clock, what an attempt did, and the decision whether there is another attempt.

redis-py retries at several places inside one command (checkout, connect, health check, command), each with its own count,
so that they multiply. Here all share the budget of the command that runs: only the outermost repeats, the others try once.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from redis import exceptions

from .errors import (
    CertificateError,
    NotExecutedError,
    NotTheMasterError,
    OutcomeUnknownError,
    RefusedError,
    WrongKindError,
    mark_resent,
)
from .policy import FailoverPolicy
from .scans import COMMANDS as SCANS
from .scans import Cursor, Origin

# What is tried again. The builtin TimeoutError is socket.timeout and asyncio.TimeoutError; MASTERDOWN comes as RefusedError.
RETRIED_ERRORS: tuple[type[Exception], ...] = (exceptions.ConnectionError, exceptions.TimeoutError, TimeoutError)
# Subclasses of redis-py's ConnectionError that time does not heal: told at once.
FINAL_ERRORS = (
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.MaxConnectionsError,
    CertificateError,
    WrongKindError,
    NotExecutedError,
    OutcomeUnknownError,
)
# The node's own word that it did not execute: MOVED and ASK are MovedError and AskError, which is one.
REFUSED_ERRORS = (RefusedError, NotTheMasterError, exceptions.BusyLoadingError, exceptions.AskError, exceptions.TryAgainError)
SHORTEST_WAIT_SECONDS = 0.001  # a socket time-out of 0 means "do not block" or "for ever" to various callees
SHOWN_CAUSES = 5  # different causes shown by an error; a failover has about three


@dataclass
class Budget:
    """The time and the story of one command. `deadline` is None until it starts to count (Pub/Sub: at the first failure)."""

    policy: FailoverPolicy
    what: str
    deadline: float | None
    block_seconds: float = 0.0
    many: bool = False  # several commands in one write: refusal of a later one says nothing about the earlier ones
    atomic: bool = False  # ... except in MULTI/EXEC, where one refusal discards all
    busy: bool = False  # an attempt runs: retries inside it are not theirs to make
    sent: bool = False  # in this attempt, the command (not the handshake) may have reached the node
    replies: int = 0  # in this attempt, answers that were no refusal
    moved: bool = False  # a node answered MOVED: the cluster's layout is not what it was
    ambiguous: bool = False  # an earlier attempt was sent and stayed without an answer
    attempts: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    not_permitted: dict[str, float] = field(default_factory=dict)  # region of a global datastore -> when it first said NOPERM
    cursor: Cursor | None = None  # of a scan that goes on: the node that gave it is wanted
    origins: dict[str, Origin] = field(default_factory=dict)  # of a scan: who has answered, the last one last
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left, never negative; the whole budget while it does not count yet."""
        if self.deadline is None:
            return self.policy.budget_seconds
        return max(self.deadline - time.monotonic(), 0.0)

    def begin_attempt(self) -> None:
        """Forget what the last attempt sent; called before each attempt."""
        self.sent = False
        self.replies = 0
        self.attempts += 1

    def judge(self, error: Exception) -> Exception | None:
        """Take note of a failed attempt. Return the error to raise, or None when another attempt may be made."""
        cause = str(error) or type(error).__name__
        self.causes[cause] = self.causes.get(cause, 0) + 1
        if self.deadline is None:
            self.deadline = time.monotonic() + self.policy.budget_seconds
        refused = isinstance(error, REFUSED_ERRORS)
        if self.sent and not (refused and (self.atomic or self.replies == 0)):
            self.ambiguous = True
        if isinstance(error, FINAL_ERRORS):
            if self.ambiguous:
                mark_resent(error)
            return error
        if self.ambiguous and not self.policy.resend_ambiguous:
            return OutcomeUnknownError(
                f"{self.what} was sent and no answer came; it is not sent again (resend_ambiguous=False): {cause}"
            )
        if self.left() <= SHORTEST_WAIT_SECONDS:
            return self.exhausted()
        return None

    def redirected(self) -> None:
        """Take note that the node sent the command on without executing it; what others have answered before stands."""
        self.replies -= 1
        if self.replies <= 0:
            self.sent = False

    def note_origin(self, name: str, origin: Origin) -> None:
        """Take note of who answers a scan."""
        self.origins.pop(name, None)
        self.origins[name] = origin

    @property
    def scans(self) -> bool:
        """Whether the command is a scan, whose cursors belong to the node that answers."""
        return self.what in SCANS

    def note_lost(self, error: Exception) -> None:
        """Take note that a part of a pipeline got no answer, which redis-py keeps to itself and tries again."""
        if self.many and not self.atomic and self.sent and not (isinstance(error, REFUSED_ERRORS) and self.replies == 0):
            self.ambiguous = True

    def pause(self) -> float:
        """Seconds to wait before the next attempt: full jitter, bounded, never beyond the budget."""
        policy = self.policy
        # Exponent bounded: 2.0 ** 1100 overflows in a long Pub/Sub outage.
        bound = min(policy.backoff_cap_seconds, policy.backoff_base_seconds * 2.0 ** min(self.attempts - 1, 30))
        return min(random.uniform(0.0, bound), self.left())  # noqa: S311 - jitter, no secret

    def exhausted(self) -> Exception:
        """Build the error of a command whose budget is used up: what is known of its outcome, and every cause."""
        spent = time.monotonic() - self.started
        shown = [f"{count}x {cause}" for cause, count in list(self.causes.items())[-SHOWN_CAUSES:]]
        story = (
            f"after {spent:.1f} s and {self.attempts} attempts (budget {self.policy.budget_seconds:g} s): {'; '.join(shown)}"
        )
        if self.ambiguous:
            return OutcomeUnknownError(f"{self.what}: outcome UNKNOWN, it was sent and no answer came; given up {story}")
        return NotExecutedError(f"{self.what}: NOT EXECUTED, given up {story}")


_current: ContextVar[Budget | None] = ContextVar("redis_ha_budget", default=None)


def current_budget() -> Budget | None:
    """Return the budget of the command that runs in this thread or task, or None."""
    return _current.get()


@contextmanager
def command_budget(
    policy: FailoverPolicy,
    what: str,
    *,
    block_seconds: float = 0.0,
    many: bool = False,
    atomic: bool = False,
    counting: bool = True,
) -> Iterator[Budget]:
    """Run a block under the budget of one command; inside another command's budget, that one goes on."""
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    deadline = time.monotonic() + policy.budget_seconds + block_seconds if counting else None
    budget = Budget(policy, what, deadline, block_seconds=block_seconds, many=many, atomic=atomic)
    token = _current.set(budget)
    try:
        yield budget
    except FINAL_ERRORS:
        raise
    except Exception as error:
        if budget.ambiguous:
            mark_resent(error)
        raise
    finally:
        # The garbage collector closes a coroutine that its loop has left behind in a context in which nothing was set.
        with suppress(ValueError):
            _current.reset(token)


@contextmanager
def attempt(budget: Budget) -> Iterator[None]:
    """Mark that an attempt runs, so that retries inside it know that they are not the outermost."""
    budget.busy = True
    try:
        yield
    finally:
        budget.busy = False


def bounded(seconds: float | None) -> float:
    """Cut a time-out to what is left of the running command's budget."""
    budget = _current.get()
    own = float("inf") if seconds is None else seconds
    return own if budget is None else max(min(own, budget.left()), SHORTEST_WAIT_SECONDS)
