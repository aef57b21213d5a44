"""One total time budget a command: the clock, what an attempt did, and the decision whether there is another attempt.

redis-py retries at several places inside one command (checkout, connect, health check, command), each with its own count,
so that they multiply. Here all share the budget of the command that runs: only the outermost repeats, the others try once.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from redis import exceptions

from .batches import Batch
from .errors import (
    CertificateError,
    NotExecutedError,
    NotReplicated,
    NotTheMasterError,
    OutcomeUnknownError,
    RefusedError,
    UnconfirmedError,
    WrongKindError,
    mark_unknown,
    note_outcomes,
    says_too_little,
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
    many: bool = False  # perhaps several commands in one write: what is sent of it may hold complete commands
    batch: Batch | None = None  # ... and what is known of each
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
    owner: object = field(default=None, repr=False)  # whose inner commands belong to it: a pipeline's, while it is executed
    when_spent: Callable[[], None] | None = field(default=None, repr=False)  # called when the budget is used up
    lent: bool = False  # opened by a connection, for whoever uses it without a client of this package: Pub/Sub, redis.Redis

    def left(self) -> float:
        """Seconds left, never negative; the whole budget while it does not count yet."""
        if self.deadline is None:
            return self.policy.budget_seconds
        return max(self.deadline - time.monotonic(), 0.0)

    @property
    def piecemeal(self) -> bool:
        """Whether the commands of a pipeline are executed one by one: an answer to one says nothing about the others."""
        return self.batch is not None and not self.batch.atomic

    def begin_attempt(self) -> None:
        """Forget what the last attempt sent; called before each attempt."""
        self.sent = False
        self.replies = 0
        self.attempts += 1

    def judge(self, error: Exception) -> Exception | None:
        """Take note of a failed attempt. Return the error to raise, or None when another attempt may be made."""
        cause = str(error) or type(error).__name__
        self.remember(cause)
        if self.deadline is None:
            self.deadline = time.monotonic() + self.policy.budget_seconds + self.block_seconds
        self.ambiguous = self._left_in_doubt(error)
        if isinstance(error, FINAL_ERRORS):
            return error
        if self.ambiguous and not self.policy.resend_ambiguous:
            if isinstance(error, UnconfirmedError):
                return NotReplicated(f"{self.what}: {cause}; it is not sent again (resend_ambiguous=False)")
            return OutcomeUnknownError(
                f"{self.what} was sent and no answer came; it is not sent again (resend_ambiguous=False): {cause}"
            )
        if self.left() <= SHORTEST_WAIT_SECONDS:
            return self.exhausted()
        return None

    def _left_in_doubt(self, error: Exception) -> bool:
        """Tell whether something was sent, in this attempt or before, of which nobody can know what became of it."""
        if self.batch is not None and not self.batch.atomic:
            return self.batch.doubtful
        refused = isinstance(error, REFUSED_ERRORS)  # one refusal discards all of a transaction
        return self.ambiguous or (self.sent and not (refused and (self.batch is not None or self.replies == 0)))

    def redirected(self) -> None:
        """Take note that the node sent the command on without executing it; what others have answered before stands."""
        self.replies -= 1
        if self.replies <= 0:
            self.sent = False

    def took_to_send(self, seconds: float) -> None:
        """Let the time in which the node took a big value not count: it was no waiting, and the answer is still to come."""
        if self.deadline is not None:
            self.deadline += seconds

    def note_origin(self, name: str, origin: Origin) -> None:
        """Take note of who answers a scan."""
        self.origins.pop(name, None)
        self.origins[name] = origin

    @property
    def scans(self) -> bool:
        """Whether the command is a scan, whose cursors belong to the node that answers."""
        return self.what in SCANS

    def remember(self, cause: str) -> None:
        """Take note of a cause that no attempt raised."""
        self.causes[cause] = self.causes.get(cause, 0) + 1

    def pause(self) -> float:
        """Seconds to wait before the next attempt: full jitter, bounded, never beyond the budget."""
        policy = self.policy
        # Exponent bounded: 2.0 ** 1100 overflows in a long Pub/Sub outage.
        bound = min(policy.backoff_cap_seconds, policy.backoff_base_seconds * 2.0 ** min(self.attempts - 1, 30))
        return min(random.uniform(0.0, bound), self.left())  # noqa: S311 - jitter, no secret

    def exhausted(self) -> Exception:
        """Build the error of a command whose budget is used up: what is known of its outcome, and every cause."""
        if self.when_spent is not None:
            self.when_spent()
        spent = time.monotonic() - self.started
        shown = [f"{count}x {cause}" for cause, count in list(self.causes.items())[-SHOWN_CAUSES:]]
        story = (
            f"after {spent:.1f} s and {self.attempts} attempts (budget {self.policy.budget_seconds:g} s): {'; '.join(shown)}"
        )
        part = ""
        if self.batch is not None and self.batch.executed:
            part = f"{self.batch.executed} of {len(self.batch.commands)} were executed, "
        if self.ambiguous:
            return OutcomeUnknownError(f"{self.what}: {part}outcome UNKNOWN, it was sent and no answer came; given up {story}")
        if part:
            return OutcomeUnknownError(f"{self.what}: {part}the others NOT EXECUTED, given up {story}")
        return NotExecutedError(f"{self.what}: NOT EXECUTED, given up {story}")

    def note(self, error: BaseException) -> None:
        """Note on the error that ends the command, or each command of the batch, what is known of its outcome."""
        if self.batch is not None and self.batch.commands:
            note_outcomes(error, self.batch.outcomes(error, sent=self.sent, ambiguous=self.ambiguous))
        elif self.ambiguous or says_too_little(self.what, error):
            mark_unknown(error)


_current: ContextVar[Budget | None] = ContextVar("redis_ha_budget", default=None)


def current_budget() -> Budget | None:
    """Return the budget of the command that runs in this thread or task, or None."""
    return _current.get()


# Every command passes through these several times: classes take a third of the time of contextlib's generators.


class _Running:
    """A block under a budget of its own."""

    __slots__ = ("_budget", "_token")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __enter__(self) -> Budget:
        self._token = _current.set(self._budget)
        return self._budget

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            self._budget.note(error)
        # The garbage collector closes a coroutine that its loop has left behind in a context in which nothing was set.
        with suppress(ValueError):
            _current.reset(self._token)


class _Joined:
    """A block under the budget that runs already."""

    __slots__ = ("_budget",)

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __enter__(self) -> Budget:
        return self._budget

    def __exit__(self, *_: object) -> None:
        """Leave everything to the block around."""


class attempt:  # noqa: N801 - used as the functions beside it
    """Mark that an attempt runs, so that retries inside it know that they are not the outermost."""

    __slots__ = ("_budget",)

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        self._budget.busy = True

    def __exit__(self, *_: object) -> None:
        self._budget.busy = False


def dialling_once(budget: Budget | None) -> AbstractContextManager[None]:
    """Let a dial between two attempts be made once. Without an attempt around it, the budget's whole time would be its own."""
    return nullcontext() if budget is None or budget.busy else attempt(budget)


def command_budget(
    policy: FailoverPolicy,
    what: str,
    *,
    block_seconds: float = 0.0,
    batch: Batch | None = None,
    counting: bool = True,
    own: bool = False,
    owner: object = None,
) -> AbstractContextManager[Budget]:
    """Run a block under the budget of one command.

    Inside another command's budget that one goes on, unless this is a user's command (`own`). The other one is then only
    interrupted, by a signal handler or a finalizer, or was left behind by whoever started this task or greenlet: its clock and
    its story are its own. A pipeline's inner commands belong to the pipeline (`owner`), and to no other command.
    """
    outer = _current.get()
    if outer is not None and not own and (owner is None or owner is outer.owner):
        return _Joined(outer)
    deadline = time.monotonic() + policy.budget_seconds + block_seconds if counting else None
    lent = not counting
    many = lent or batch is not None
    return _Running(Budget(policy, what, deadline, block_seconds=block_seconds, many=many, batch=batch, owner=owner, lent=lent))


def alone(what: str, *, in_doubt: bool) -> AbstractContextManager[Budget]:
    """Run one command of the running pipeline under a budget of its own, which ends when that of the whole does.

    in_doubt: whether the command was sent before, without an answer.
    """
    whole = _current.get()
    if whole is None:
        raise TypeError("no pipeline runs")
    own = replace(
        whole,
        what=f"{what} in a {whole.what}",
        many=False,
        batch=None,
        busy=False,
        sent=False,
        ambiguous=in_doubt,
        attempts=0,
    )
    return _Running(own)


@contextmanager
def aside() -> Iterator[None]:
    """Mark that what is sent in the block is not the command itself: its loss says nothing about the command."""
    budget = _current.get()
    before = (budget.sent, budget.replies) if budget is not None else (False, 0)
    try:
        yield
    finally:
        if budget is not None:
            budget.sent, budget.replies = before


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Let the answers in the block take that much longer, within the budget."""
    budget = _current.get()
    before = 0.0 if budget is None else budget.block_seconds
    try:
        if budget is not None:
            budget.block_seconds = seconds
        yield
    finally:
        if budget is not None:
            budget.block_seconds = before


def interrupts(home: Budget | None = None) -> bool:
    """Tell whether a connection is taken or used while the running command is in an attempt that does not use it.

    home: the budget under which the connection was handed out or last used; None for one that is asked for now.
    """
    running = _current.get()
    return running is not None and running.busy and home is not running


def bounded(seconds: float | None) -> float:
    """Cut a time-out to what is left of the running command's budget."""
    budget = _current.get()
    own = float("inf") if seconds is None else seconds
    return own if budget is None else max(min(own, budget.left()), SHORTEST_WAIT_SECONDS)
