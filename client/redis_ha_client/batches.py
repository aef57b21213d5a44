"""The commands of a pipeline or transaction, and what is known of each: plain data and decisions, shared by both halves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import exceptions
from redis.commands.cluster import READ_COMMANDS

from .blocking import block_seconds
from .errors import (
    CommandOutcome,
    NotExecutedError,
    OutcomeUnknownError,
    RefusedError,
    mark_unknown,
    note_outcomes,
    outcome_of,
    outcomes_of,
    says_too_little,
)
from .words import command_name

# Answers by which a node says that it did not execute a pipeline's command; of a cluster's, MOVED and ASK (AskError) too.
REFUSED: tuple[type[Exception], ...] = (RefusedError, exceptions.BusyLoadingError)
REFUSED_IN_CLUSTER = (*REFUSED, exceptions.AskError, exceptions.TryAgainError)
# Commands about their own connection: on another one they, and those after them, would mean something else. A command after
# SELECT would go to another database, and WAIT would answer for no write at all.
_COUNT_REPLICAS = ("WAIT", "WAITAOF")
_SET_UP = ("ASKING", "AUTH", "CLIENT", "HELLO", "READONLY", "READWRITE", "RESET", "SELECT")
_TRANSACT = ("DISCARD", "EXEC", "MULTI", "UNWATCH", "WATCH")
_BOUND = frozenset((*_COUNT_REPLICAS, *_SET_UP, *_TRANSACT))
Command = tuple[tuple[Any, ...], Mapping[str, Any]]  # arguments, options of redis-py


@dataclass
class Batch:
    """What one `execute` sends, and what came back.

    What was answered is not sent again, unless a command is about its connection: then all are. Of a transaction (`atomic`) all
    is answered at once, by EXEC.
    """

    commands: Sequence[Command]
    atomic: bool = False
    replies: dict[int, Any] = field(default_factory=dict)  # position -> reply, or the error that is the reply
    unconfirmed: set[int] = field(default_factory=set)  # writes of which nobody has counted yet which replicas have them
    _open: set[int] = field(default_factory=set)  # sent in the newest attempt; neither answered nor refused yet
    _lost: set[int] = field(default_factory=set)  # the same of an earlier attempt

    def waiting(self) -> list[int]:
        """Return the positions without a reply."""
        return [position for position in range(len(self.commands)) if position not in self.replies]

    def begin(self) -> list[int]:
        """Return the positions that the next attempt sends over one connection."""
        waiting = self.waiting()
        if not self._starts_over:
            return waiting
        self._lost.update(self._done)
        self.replies.clear()
        return self.waiting()

    @property
    def _is_bound(self) -> bool:
        return any(_name(args) in _BOUND for args, _ in self.commands)

    @property
    def _starts_over(self) -> bool:
        """Whether the next attempt sends what was answered as well. Replicas are counted on the connection that wrote."""
        return bool(self.unconfirmed) or (bool(self.waiting()) and self._is_bound)

    @property
    def _done(self) -> list[int]:
        """The positions of what was executed and has an effect beyond its connection."""
        return [
            position
            for position, reply in self.replies.items()
            if not isinstance(reply, Exception) and _name(self.commands[position][0]) not in _BOUND
        ]

    def sending(self, positions: Iterable[int]) -> None:
        """Note that these go to a node now: from here on it may execute them."""
        self._lost |= self._open.intersection(positions)
        self._open.update(positions)

    def answered(self, position: int, reply: Any) -> None:
        """Note a command's reply, or the error that a node replied."""
        if isinstance(reply, Exception) and says_too_little(_name(self.commands[position][0]), reply):
            mark_unknown(reply)
        self._open.discard(position)
        self.replies[position] = reply

    def answered_early(self, position: int, reply: Any) -> None:
        """Note the reply to a command that a node has executed although it had refused one before: it came too early.

        What has changed nothing, a read or an error, is sent again in its order. What was written is not written twice.
        """
        name = _name(self.commands[position][0])
        changed_nothing = not says_too_little(name, reply) if isinstance(reply, Exception) else name in READ_COMMANDS
        if changed_nothing:
            self.refused([position])
        else:
            self.answered(position, reply)

    def refused(self, positions: Iterable[int]) -> None:
        """Note that a node did not execute these; what an earlier attempt did stands."""
        self._open.difference_update(positions)

    def answered_all(self, replies: Iterable[Any]) -> None:
        """Note the replies of all commands."""
        for position, reply in enumerate(replies):
            self.answered(position, reply)

    @property
    def block_seconds(self) -> float:
        """How long the commands say that they may wait on the server, one after the other; in a transaction none waits."""
        return 0.0 if self.atomic else sum(block_seconds(args) for args, _ in self.commands)

    def refusal_in(
        self, replies: Sequence[Any], refusal_of: Callable[[exceptions.ResponseError], RefusedError | None]
    ) -> tuple[RefusedError | None, bool]:
        """Return the first refusal among the replies of a transaction, and whether nothing was changed beside it.

        A node that takes no writes refuses those of a script when it runs, not when it is queued.
        """
        found = [refusal_of(reply) if isinstance(reply, exceptions.ResponseError) else None for reply in replies]
        changed = any(
            refusal is None and _name(args) not in READ_COMMANDS
            for refusal, (args, _) in zip(found, self.commands, strict=False)
        )
        return next((one for one in found if one is not None), None), not changed

    def in_order(self) -> list[Any]:
        """Return the replies of all commands."""
        return [self.replies[position] for position in range(len(self.commands))]

    def forget_counts(self) -> None:
        """Answer WAIT with an error in a cluster where a command follows by itself: no count of replicas is about that one."""
        for position, (args, _) in enumerate(self.commands):
            if _name(args) in _COUNT_REPLICAS:
                told = "a command was sent again by itself: nobody counted the replicas that have it"
                self.answered(position, OutcomeUnknownError(f"{_name(args)} in a pipeline: {told}"))

    def in_doubt(self, position: int) -> bool:
        """Tell whether a command was sent at some time without an answer to that sending."""
        return position in self._lost or position in self._open

    @property
    def doubtful(self) -> bool:
        """Whether a command that the next attempt sends may have been executed."""
        waiting = self.waiting()
        again = self._done if self._starts_over else ()
        return bool(again) or any(self.in_doubt(position) for position in waiting)

    @property
    def executed(self) -> int:
        """How many commands were answered without an error."""
        return sum(not isinstance(reply, Exception) for reply in self.replies.values())

    def outcomes(self, error: BaseException, *, sent: bool, ambiguous: bool) -> list[CommandOutcome]:
        """Tell what is known of each command after `error` ended the whole.

        Of a transaction: `sent` in its last attempt, `ambiguous` if an earlier one was sent and stayed without an answer.
        """
        unanswered: CommandOutcome = "unknown" if self.atomic and sent and not _discards_all(error) else "failed"
        return [
            self._outcome(position, unanswered, lost=ambiguous if self.atomic else self.in_doubt(position))
            for position in range(len(self.commands))
        ]

    def _outcome(self, position: int, unanswered: CommandOutcome, *, lost: bool) -> CommandOutcome:
        if position not in self.replies:
            return "unknown" if lost else unanswered
        reply = self.replies[position]
        if not isinstance(reply, Exception):
            return "unknown" if position in self.unconfirmed else "executed"
        return "unknown" if lost else outcome_of(reply)


def _name(args: Sequence[object]) -> str:
    return command_name(args).upper()


def not_sent_again(name: str) -> OutcomeUnknownError:
    """Build the error of a pipeline's command that may have been executed and may not be sent twice."""
    return OutcomeUnknownError(
        f"{name} in a pipeline: it was sent and no answer came; it is not sent again (resend_ambiguous=False)"
    )


def _discards_all(error: BaseException) -> bool:
    """Tell whether an error of a transaction means that nothing of it was executed.

    EXEC answered EXECABORT (redis-py raises the error that caused it from there) or nil. Another error reply does not say so: a
    user who may not MULTI has executed every command by the time EXEC is refused.
    """
    return any(
        isinstance(one, (exceptions.ExecAbortError, exceptions.WatchError, NotExecutedError))
        for one in (error, error.__context__)
    )


@dataclass(frozen=True)
class Emptied:
    """How the last `execute` of a pipeline ended that failed: it emptied the pipeline, as redis-py does."""

    told: str
    outcomes: tuple[CommandOutcome, ...]

    @classmethod
    def by(cls, error: BaseException) -> "Emptied":
        """Keep what has to be known of `error`."""
        return cls(type(error).__name__, tuple(outcomes_of(error)))

    def error(self) -> exceptions.RedisError:
        """Build the error of an `execute` of nothing that follows: it must not look like a success."""
        error = exceptions.RedisError(
            f"the pipeline is empty: its last execute() ended with {self.told}, and whatever ends it empties the pipeline. "
            "Queue the commands (and WATCH the keys) again; outcomes_of() says of each whether it was executed"
        )
        note_outcomes(error, self.outcomes)
        return error
