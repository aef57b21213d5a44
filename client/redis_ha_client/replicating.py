"""Which commands write, how many replicas have to have a write, and what their count means: plain decisions of both halves.

With `safe_writes` a write counts when all replicas that its master has at that moment have acknowledged it. A failover takes
the replica with the best priority and only then the largest offset (redis/redis src/sentinel.c compareSlavesForPromotion), so
any replica without the write may be the next master.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import DataError

from .discovery import role_of
from .documents import Connection, GlobalConnection, PrimaryConnection, SentinelConnection
from .errors import DocumentError, NotReplicated, UnconfirmedError
from .words import text_of

# A write that no replica has is lost with its master: however few a master may need to take writes, one has to have it.
FEWEST_REPLICAS = 1


@dataclass
class Safety:
    """What a client with safe writes knows: shared by its connections, and by a client that a library makes of it."""

    least: int  # replicas that have to have a write, however few are attached
    _writes: dict[str, bool] = field(default_factory=dict)  # "set", "xgroup|create" -> whether it writes

    @property
    def tried(self) -> bool:
        """Whether a server has been asked anything yet."""
        return bool(self._writes)

    def unknown(self, commands: Iterable[Sequence[Any]]) -> list[str]:
        """Return the commands of which the server has not yet said what they do, as COMMAND INFO takes them."""
        return sorted({_words(args)[0] for args in commands} - self._writes.keys())

    def learn(self, names: Sequence[str], answer: Sequence[Any]) -> None:
        """Take note of the server's answer to COMMAND INFO; a command that it does not know will change nothing."""
        for name, entry in zip(names, answer, strict=True):
            self._writes[name] = entry is not None and writes(entry[2])
            for part in entry[9] if entry is not None and len(entry) > 9 else ():  # since Redis 7.0
                self._writes[text_of(part[0]).lower()] = writes(part[2])

    def is_write(self, args: Sequence[Any]) -> bool:
        """Tell whether a command writes."""
        words = _words(args)
        return self._writes.get("|".join(words[:2]), self._writes.get(words[0], False))


def refuse_multi(args: Sequence[Any]) -> None:
    """Refuse a bare MULTI: what follows it is only queued, and so is the question how many replicas have it."""
    if _words(args)[0] == "multi":
        raise DataError("MULTI by execute_command is not possible with safe_writes: use pipeline(transaction=True)")


def _words(args: Sequence[Any]) -> list[str]:
    """Return the words that may be a command's name: redis-py takes "XGROUP CREATE" apart, and blanks away."""
    return [*text_of(args[0]).lower().split(), *(text_of(word).lower() for word in args[1:2])] or [""]


def writes(flags: Iterable[object]) -> bool:
    """Tell from a command's own flags whether it may write.

    Of the commands whose keys have to be looked for, those that are not called read-only run scripts: EVAL, EVALSHA, FCALL.
    """
    told = {text_of(flag) for flag in flags}
    return "write" in told or ("movablekeys" in told and "readonly" not in told)


def replicas_needed(role: Any, least: int) -> int:
    """Return how many replicas have to have a write, by a master's answer to ROLE, which lists those that are in sync.

    Raises UnconfirmedError for a node that is a master no longer.
    """
    told = role_of(role)
    if told != "master":
        raise UnconfirmedError(f"the node that took the write is a {told} by now")
    return max(len(role[2]), least)


def wait_seconds(read_seconds: float, left: float) -> float:
    """Return how long to wait for the replicas: as long as for any answer, and never for more than half of what is left."""
    return max(min(read_seconds, left / 2), 0.001)  # WAIT takes milliseconds, and 0 means for ever


def judge_count(acknowledged: int, needed: int, seconds: float) -> NotReplicated | None:
    """Return the error of a write that too few replicas have; None when they are enough."""
    if acknowledged >= needed:
        return None
    return NotReplicated(
        f"executed on the master, and {acknowledged} of {needed} replicas had it after {seconds:g} s: a failover may lose it. "
        "See to the replicas (`redis-ha status`), and look before you write it again"
    )


def safety_of(connection: Connection, *, safe_writes: bool, reader: bool, whole: GlobalConnection | None) -> Safety | None:
    """Return what a client with safe writes begins with, None without; DocumentError where they are not to be had."""
    if not isinstance(safe_writes, bool):
        raise DocumentError(f"safe_writes is {safe_writes!r}: must be True or False")
    if not safe_writes:
        return None
    if reader:
        raise DocumentError("safe_writes=True, but reader=True: this client writes nothing; leave one of them out")
    if whole is not None:
        raise DocumentError(
            "safe_writes=True, but connection.kind is 'global': other regions are never waited for: leave it out"
        )
    if isinstance(connection, SentinelConnection):
        return Safety(max(connection.clocks.min_replicas_to_write, FEWEST_REPLICAS))
    if not isinstance(connection, PrimaryConnection):
        raise DocumentError(
            "safe_writes=True, but this is a group in cluster mode, the replicas of whose shards are not counted: leave it out "
            "(a group with durability `sync` loses nothing without it)"
        )
    if not connection.clocks.replicas:
        raise DocumentError("safe_writes=True, but connection.failover.replicas is 0: nobody could acknowledge; leave it out")
    return Safety(FEWEST_REPLICAS)


def described(safety: Safety | None, read_seconds: float) -> Mapping[str, float] | None:
    """Return what `describe` tells of safe writes: None without them."""
    return None if safety is None else {"replicas_at_least": safety.least, "wait_seconds": read_seconds}
