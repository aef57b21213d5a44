"""The moment of a planned switch: from the hold of the old master's writes until it follows the new one.

SENTINEL FAILOVER alone treats the master as dead. The old one goes on acknowledging until it is made a replica: by its agent a
second or two after the promotion, by a Sentinel some 10 s after it (redis/redis src/sentinel.c, sentinelRefreshInstanceInfo: it
has to report itself master for 4 hello periods, and is asked every 10 s). What it acknowledges meanwhile is thrown away. So its
writes are held, the new one has all of them before a Sentinel is told, and the old one is made its replica as soon as the new
one says master.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from redis_ha_ops.asking import Dial, Line, RefusedError
from redis_ha_ops.errors import OpsError
from redis_ha_ops.stack import Slot, Stack
from redis_ha_ops.topology import pairs, read_info

# CLIENT PAUSE ends by itself: a tool that dies leaves the writes held for so long at most. It is longer than an agent of a data
# node needs to make a second master a replica (redis_ha.sentinel.node.placement).
HOLD_SECONDS = 10.0
RENEW_SECONDS = 2.0
CATCH_UP_SECONDS = 5.0  # a replica that was in step needs milliseconds
ANSWER_SECONDS = 2.0
POLL_SECONDS = 0.01
FLAGS_SECONDS = 0.2  # between two questions whether the failover is still under way
# What a Sentinel may have begun before it went silent happens within its next few ticks of 0.1 s.
SILENCE_SECONDS = 2.0
# A Sentinel asks the replica that it promotes for INFO a second after the last time, not sooner (src/sentinel.c,
# sentinelSendPeriodicCommands). It promotes 0.2 to 0.35 s after it was told. Told so long after an INFO it sees the promotion
# with the next one; told at any other moment it sees it up to a second later, and names the old master until then.
MOMENT_SECONDS = 0.6
FRESH_SECONDS = 0.5  # an INFO that is older is too old to wait for that moment
PREFERRED = 1  # replica-priority of the one that is to lead: the lowest number that may


@dataclass(frozen=True)
class Heard:
    """What a Sentinel last heard of a replica, and how long ago."""

    priority: int
    age_seconds: float


def heard(reply: object, slot: Slot) -> Heard | None:
    """Return what an answer to SENTINEL REPLICAS has of a node; None: nothing."""
    for row in reply if isinstance(reply, list) else []:
        found = pairs(row)
        if f"{found.get('ip')}:{found.get('port')}" == slot.address:
            return Heard(int(found.get("slave-priority", 0)), int(found.get("info-refresh", 0)) / 1000)
    return None


def is_moment(seen: Heard | None) -> bool:
    """Tell whether a Sentinel has just heard that the node is preferred."""
    return seen is not None and seen.priority == PREFERRED and seen.age_seconds <= FRESH_SECONDS


class Handover:
    """One switch, with a connection to every node that takes part."""

    def __init__(self, stack: Stack, dial: Dial, old: Slot, new: Slot) -> None:
        self.stack = stack
        slots = stack.of_kind("data")
        self.data = {slot.name: Line(slot, stack, dial, ANSWER_SECONDS) for slot in slots}
        self.sentinels = [Line(slot, stack, dial, ANSWER_SECONDS) for slot in stack.of_kind("sentinel")]
        self.old = self.data[old.name]
        self.new = self.data[new.name]
        self.held = 0.0  # when the writes were held last; 0: they are not
        self.asked = False

    def close(self) -> None:
        """Hang up everywhere."""
        for line in (*self.data.values(), *self.sentinels):
            line.close()

    def moment(self) -> Line | None:
        """Return a Sentinel that is to be told now; None: there is none yet."""
        for line in self.sentinels:
            with contextlib.suppress(OpsError):
                seen = heard(line.ask("SENTINEL", "REPLICAS", self.stack.master_name), self.new.slot)
                if seen is not None and is_moment(seen):
                    time.sleep(max(MOMENT_SECONDS - seen.age_seconds, 0.0))
                    return line
        return None

    def make(self, sentinel: Line, longest: float) -> Slot:
        """Hold, wait, fail over, and make the old master a replica; return the new one.

        longest: how long a failover may take, seconds. OpsError: another node leads not, or not for certain; it says what is.
        """
        old = self.old.slot.name
        try:
            self._hold()
            self._caught_up()
            self._tell(sentinel)
            new = self._promoted(sentinel, longest)
        except BaseException:
            # Whoever may still be promoted must not have a second one beside it: the hold ends by itself then.
            if not self.asked:
                with contextlib.suppress(OpsError):
                    self._let_go()
            raise
        if new is None:
            self._let_go()
            raise OpsError(f"{sentinel.slot.name} gave the failover up: {old} is the master as before, and takes writes")
        self.demote(new)
        return new

    def demote(self, new: Slot) -> None:
        """Make the old master a replica of the new one at once, and let its held writes go."""
        try:
            _follow(self.old, new)
        except OpsError as error:
            raise OpsError(
                f"{new.name} is the master, and {self.old.slot.name} could not be made its replica ({error}); "
                f"its agent does that. Its writes are held for {HOLD_SECONDS:g} s at most"
            ) from None
        self.held = 0.0

    def take_back(self, new: Slot) -> None:
        """Give the lead back to the old master, which the Sentinels still name: nothing that the new one took is lost."""
        line = self.data[new.name]
        line.ask("CLIENT", "PAUSE", str(int(HOLD_SECONDS * 1000)), "WRITE")
        _wait(lambda: _offset(self.old) >= _offset(line), f"{self.old.slot.name} lacks what {new.name} has", CATCH_UP_SECONDS)
        self.old.ask("REPLICAOF", "NO", "ONE")
        _follow(line, self.old.slot)

    def named(self) -> tuple[str | None, bool]:
        """Return the address that a majority of the Sentinels names, and whether one of them fails over."""
        named: list[str | None] = []
        moving = False
        for line in self.sentinels:
            try:
                address = line.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.stack.master_name)
                moving = moving or bool(_under_way(line, self.stack.master_name))
            except OpsError:
                address = None
            named.append(f"{address[0]}:{address[1]}" if address else None)
        return majority(named), moving

    def leaders(self) -> list[Slot]:
        """Return who says that it is a master, but for the old one."""
        found = []
        for line in self.data.values():
            with contextlib.suppress(OpsError):
                if line is not self.old and line.ask("ROLE")[0] == "master":
                    found.append(line.slot)
        return found

    # --- within ---

    def _hold(self) -> None:
        now = time.monotonic()
        if now - self.held < RENEW_SECONDS:
            return
        self.old.ask("CLIENT", "PAUSE", str(int(HOLD_SECONDS * 1000)), "WRITE")
        self.held = now

    def _let_go(self) -> None:
        self.old.ask("CLIENT", "UNPAUSE")
        self.held = 0.0

    def _caught_up(self) -> None:
        """Wait until the new one has all that the old one had when its writes were held."""
        wanted = _offset(self.old)
        if wanted < 0:
            raise OpsError(f"{self.old.slot.name} is no master")
        what = f"{self.new.slot.name} lacks writes of {self.old.slot.name}, which is the master as before"
        _wait(lambda: _offset(self.new) >= wanted, what, CATCH_UP_SECONDS)

    def _tell(self, sentinel: Line) -> None:
        self._hold()
        self.asked = True
        try:
            sentinel.ask_once("SENTINEL", "FAILOVER", self.stack.master_name)
        except RefusedError:
            self.asked = False
            raise

    def _promoted(self, sentinel: Line, longest: float) -> Slot | None:
        """Wait until a node says master; None when the Sentinel has given up."""
        began = looked = time.monotonic()
        silent: float | None = None
        while True:
            with contextlib.suppress(OpsError):  # promoted all the same; the hold that runs out is seen below
                self._hold()
            found = self.leaders()
            if found:
                return found[0]
            now = time.monotonic()
            if now - began > longest:
                raise OpsError(
                    f"nobody was promoted within {longest:g} s, and {sentinel.slot.name} has not given up: "
                    f"{self.old.slot.name} is the master, its writes are held for {HOLD_SECONDS:g} s at most"
                )
            if now - looked >= FLAGS_SECONDS:
                looked = now
                under_way = _under_way(sentinel, self.stack.master_name)
                silent = None if under_way is not None else silent or now
                if under_way is False or (silent is not None and now - silent >= SILENCE_SECONDS):
                    return next(iter(self.leaders()), None)
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def between(stack: Stack, dial: Dial, old: Slot, new: Slot) -> Iterator[Handover]:
    """Hold the connections of a switch as long as the block runs."""
    with contextlib.closing(Handover(stack, dial, old, new)) as handover:
        yield handover


def _follow(line: Line, master: Slot) -> None:
    """Make a node a replica whose held writes are refused (READONLY), and hang up on its clients, as Sentinel does."""
    line.together(("REPLICAOF", master.private_ip, str(master.port)), ("CLIENT", "UNPAUSE"))
    for kind in ("normal", "pubsub"):
        line.ask("CLIENT", "KILL", "TYPE", kind)


def majority(named: Sequence[str | None]) -> str | None:
    """Return the address that more than half of the Sentinels name; those that do not answer count as well."""
    return next((one for one in set(named) if one is not None and 2 * named.count(one) > len(named)), None)


def _under_way(sentinel: Line, name: str) -> bool | None:
    """Tell whether a Sentinel fails over; None: it does not say."""
    try:
        return "failover_in_progress" in pairs(sentinel.ask("SENTINEL", "MASTER", name)).get("flags", "")
    except OpsError:
        return None


def _offset(line: Line) -> int:
    """Return up to where a node has the history, by its own word; -1 for a replica without a link to its master."""
    info = read_info(line.ask("INFO", "replication"))
    if info.get("role") == "master":
        return int(info["master_repl_offset"])
    return int(info["slave_repl_offset"]) if info.get("master_link_status") == "up" else -1


def _wait(look: Callable[[], bool], what: str, seconds: float) -> None:
    """Look until it is so; OpsError after `seconds`.

    A node that does not answer is asked again: a Sentinel that places it hangs up on its clients.
    """
    end = time.monotonic() + seconds
    while True:
        trouble = ""
        try:
            if look():
                return
        except OpsError as error:
            trouble = f" ({error})"
        if time.monotonic() >= end:
            raise OpsError(f"{what}, after {seconds:g} s{trouble}")
        time.sleep(POLL_SECONDS)
