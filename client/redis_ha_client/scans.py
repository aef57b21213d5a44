"""Cursors of SCAN and its kin belong to the node that gave them: what a cursor remembers, and where it may go on.

A cursor is a place in a node's hash table, and every process hashes with a seed of its own (redis/redis src/dict.c dictScan,
src/server.c main). Another node takes the number without a word and leaves elements out (redis/redis issue 12440).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import ScanInterruptedError

COMMANDS = frozenset({"SCAN", "SSCAN", "HSCAN", "ZSCAN"})
PINNED_ATTEMPTS = 2  # a lost connection and a dial: who gave a cursor is then taken for gone


@dataclass(frozen=True)
class Origin:
    """The end of a connection: its node, the number that the node gave it, and when it was dialled (monotonic seconds)."""

    node: str
    number: int | None
    dialled_at: float

    def is_same_process(self, other: "Origin", heard_at: float) -> bool:
        """Tell whether the process that answered `other` at `heard_at` is at this end.

        A node numbers its connections from 1 up (redis/redis src/networking.c createClient). One that was dialled later and has
        no higher number is to a process that has been started since.
        """
        if self.node != other.node:
            return False
        later = self.dialled_at > heard_at and self.number is not None and other.number is not None
        return not (later and int(self.number or 0) <= int(other.number or 0))


class Cursor(int):
    """A cursor as redis-py gives it, a whole number, that remembers who gave it. A copy as plain number does not."""

    origin: Origin
    given_at: float

    def fits(self, end: Origin) -> bool:
        """Tell whether a scan may go on at this end of a connection."""
        return end.is_same_process(self.origin, self.given_at)


def cursor_of(value: int, origin: Origin | None, now: float) -> int:
    """Return a cursor that remembers; 0, the end of a scan, is the same everywhere."""
    if value == 0 or origin is None:
        return value
    cursor = Cursor(value)
    cursor.origin, cursor.given_at = origin, now
    return cursor


def remember(command: object, reply: Any, origins: Mapping[str, Origin], now: float) -> Any:
    """Return the reply to a command; the cursors in one to a scan remember who gave them.

    origins: the ends that have answered this command, by name, the last one last.
    """
    if command not in COMMANDS or not origins or not isinstance(reply, list | tuple) or len(reply) != 2:
        return reply
    cursor, elements = reply
    if isinstance(cursor, dict):  # a cluster's: one for each node
        return {node: cursor_of(one, origins.get(node), now) for node, one in cursor.items()}, elements
    return cursor_of(cursor, list(origins.values())[-1], now), elements


def cursor_in(args: Sequence[Any]) -> Cursor | None:
    """Return the cursor that remembers, of one command."""
    return next(iter(cursors_in((args,))), None) if args[0] in COMMANDS else None


def cursors_in(commands: Iterable[Sequence[Any]]) -> tuple[Cursor, ...]:
    """Return the cursors that remember, of commands that are to be sent: SCAN cursor ..., HSCAN key cursor ..."""
    return tuple(word for args in commands for word in args[1:3] if isinstance(word, Cursor))


def check(cursors: Iterable[Cursor], end: Origin) -> None:
    """Refuse to go on with a scan at another node, or in another process there."""
    for cursor in cursors:
        if not cursor.fits(end):
            raise interrupted(cursor, f"{end.node} would answer" if end.node != cursor.origin.node else "it has been restarted")


def interrupted(cursor: Cursor, why: str) -> ScanInterruptedError:
    """Build the error of a scan that cannot go on."""
    return ScanInterruptedError(
        f"the scan's cursor is of {cursor.origin.node}, and {why}: elsewhere it would leave elements out. "
        "Scan again from the beginning (cursor 0, or a new *_iter); elements that were seen may come again"
    )


def scanned_at(args: Sequence[Any], nodes: Mapping[str, Any], attempts: int) -> dict[str, Any]:
    """Return the argument that sends a scan which goes on to its own node of a cluster; refuse if that node is gone.

    SCAN names its node already. A scan of one key would go to the key's replicas in turn where they are read from.

    attempts: of this command, with this one. A layout may name a dead replica for long: another node then refuses the cursor.
    """
    cursor = cursor_in(args)
    if cursor is None:
        return {}
    if cursor.origin.node not in nodes:
        raise interrupted(cursor, "it is no node of the cluster any more")
    return {} if args[0] == "SCAN" or attempts > PINNED_ATTEMPTS else {"target_nodes": nodes[cursor.origin.node]}
