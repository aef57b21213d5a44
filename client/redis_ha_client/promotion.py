"""Which node a failover that is under way has promoted, before the Sentinels name it: plain decisions, shared by both halves.

A Sentinel names the promoted node when it hears of it by INFO, which it asks for once a second (redis/redis src/sentinel.c
sentinelSendPeriodicCommands): up to a second after the promotion. A node's own word is not enough: a former master that was
cut off, or has come back, says that it is one. Two things together are:

- a majority of the Sentinels calls the master down that it still names, so no newer failover has ended, and
- the leader of the failover, whom a majority has elected, shows by the flag `promoted` which replica it has chosen.

That node is dialled in place of the master, and asked for its role as every node is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .budget import current_budget
from .discovery import Address, SentinelOrder
from .silence import ASK_AGAIN_SECONDS
from .words import text_of

FIRST_ASKED = 2  # the attempt that looks for evidence first: the one after the first failure
_DOWN = {"s_down", "o_down", "failover_in_progress"}


@dataclass
class Evidence:
    """What the Sentinels of one look-up show about the master that they name."""

    master: Address  # that they name, or named
    sentinels: int  # how many there are
    down: set[Address] = field(default_factory=set)  # Sentinels that call it down
    heard: set[Address] = field(default_factory=set)
    elsewhere: set[Address] = field(default_factory=set)  # Sentinels that name another master
    leader: Address | None = None
    promoted: Address | None = None

    def shows(self, sentinel: Address, answer: Any) -> bool:
        """Take note of an answer to SENTINEL MASTER; tell whether this Sentinel leads a failover, and has chosen a replica."""
        row = _row(answer)
        flags = _flags(row)
        self.heard.add(sentinel)
        if _address(row) != self.master:
            self.elsewhere.add(sentinel)
            return False
        if not flags & _DOWN:
            return False
        self.down.add(sentinel)
        return "failover_in_progress" in flags

    def chooses(self, sentinel: Address, answer: Iterable[Any]) -> None:
        """Take note of a leader's answer to SENTINEL REPLICAS."""
        for row in map(_row, answer):
            if "promoted" in _flags(row):
                self.leader, self.promoted = sentinel, _address(row)

    @property
    def is_decided(self) -> bool:
        """Whether no further answer can change anything."""
        left = self.sentinels - len(self.heard)
        return self.replaced or max(len(self.down), len(self.elsewhere)) + left < self._majority

    @property
    def replaced(self) -> bool:
        """Whether the master is one no longer: another node was promoted for certain, or a majority names one by now."""
        return self.found is not None or len(self.elsewhere) >= self._majority

    @property
    def found(self) -> tuple[Address, Address] | None:
        """The promoted node, and the Sentinel that promoted it; None while that is not certain."""
        if self.promoted is None or self.leader is None or len(self.down) < self._majority:
            return None
        return self.promoted, self.leader

    @property
    def _majority(self) -> int:
        return self.sentinels // 2 + 1


@dataclass
class Ahead:
    """Whether a client goes ahead of the Sentinels: to the node that they will name."""

    _left: Address | None = None  # the master that the Sentinels still named when it went ahead

    # Threads of one client share this object: each method reads the field once and replaces it whole.
    def wanted(self, named: Address) -> bool:
        """Tell whether to look for a promoted node: in a command that has failed before, and as long as that is the way."""
        budget = current_budget()
        return named == self._left or (budget is not None and bool(budget.causes))

    def instead_of(self, elected: tuple[Address, Address], found: tuple[Address, Address] | None) -> tuple[Address, Address]:
        """Return what to dial and who said so: what was found, else what the Sentinels name."""
        self._left = elected[0] if found is not None else None
        return elected if found is None else found


@dataclass
class LastWord:
    """What the Sentinels said last of a silent master. All commands of a client that wait for its answer share it.

    Else each would ask, in the very moment in which the Sentinels agree on a failover.
    """

    _master: Address | None = None
    _asked_at: float = float("-inf")
    _replaced: bool = False

    # Threads of one client share this object: two that come at once may both ask.
    def is_due(self, master: Address, now: float) -> bool:
        """Tell whether to ask now, and take note of it. now: of time.monotonic."""
        if master == self._master and now < self._asked_at + ASK_AGAIN_SECONDS:
            return False
        self._master, self._asked_at, self._replaced = master, now, False
        return True

    def said(self, master: Address, *, replaced: bool) -> None:
        """Take note of the answer."""
        if master == self._master:
            self._replaced = replaced

    def tells(self, master: Address) -> bool:
        """Whether `master` was replaced, as far as the last answer goes."""
        return master == self._master and self._replaced


def to_ask(order: SentinelOrder) -> tuple[Address, ...]:
    """Return the Sentinels to ask for evidence: all of them, and later in the same command those that answer.

    One that is gone costs its time-out once a command, and not at every attempt.
    """
    budget = current_budget()
    return order.to_ask() if budget is None or budget.attempts <= FIRST_ASKED else order.answering()


def _row(answer: Any) -> dict[str, str]:
    """Read a row of SENTINEL MASTER or SENTINEL REPLICAS: a map, or in RESP2 a list of names and values."""
    pairs = answer.items() if isinstance(answer, Mapping) else zip(answer[::2], answer[1::2], strict=True)
    return {text_of(name): text_of(value) for name, value in pairs}


def _flags(row: Mapping[str, str]) -> set[str]:
    return set(row.get("flags", "").split(","))


def _address(row: Mapping[str, str]) -> Address:
    return row["ip"], int(row["port"])
