"""Groups of several regions: one leads and takes writes, the others follow it, shard by shard (a global datastore's data)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from pulumi_emulator.caches import replication
from pulumi_emulator.caches.admin import ReplyError
from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.node import SYNC_TIMEOUT, Node, wait_until
from pulumi_emulator.caches.spec import GroupSpec, slots_of
from pulumi_emulator.errors import EmulatorError

# Seconds that a planned promotion waits for what was written last to arrive; on this machine it is a few milliseconds behind.
CATCH_UP_TIMEOUT: Final = 10.0
# Writes wait at the old leader while it hands over; the pause ends with the hand-over.
PAUSE_MS: Final = 60_000


def refusal(spec: GroupSpec, leader: GroupSpec) -> str | None:
    """Say why a group cannot follow another, whatever shards they have; None when it can."""
    if spec.group_id == leader.group_id:
        return "a group cannot follow itself"
    for name in ("cluster", "tls"):
        if getattr(spec, name) != getattr(leader, name):
            return f"{name} is {getattr(spec, name)} here and {getattr(leader, name)} there: it must be the same"
    if (spec.engine, leader.engine) == ("redis", "valkey"):
        return "Redis cannot read what Valkey writes: change this group to valkey first"
    return None


def same_shards(spec: GroupSpec, leader: GroupSpec) -> bool:
    """Tell whether two groups have shards with the same slots, so that each of one can follow one of the other."""
    return not spec.cluster or _slots(spec) == _slots(leader)


def _slots(spec: GroupSpec) -> set[frozenset[int]]:
    return {frozenset(slots_of(text)) for text in spec.slots.values()}


def begin(group: Group, leader: Group) -> None:
    """Throw a group's data away and let it follow; returns when it has its leader's. Under the group's lock."""
    group.leader = leader
    try:
        tend(group)
        wait_until(lambda: copied(group), SYNC_TIMEOUT, f"{group.spec.group_id} has the data of {leader.spec.group_id}")
    except BaseException:
        end(group)
        raise


def end(group: Group) -> None:
    """Let a group lead itself: it keeps what it has, and takes writes. Under its lock."""
    group.leader = None
    for shard in group.primaries:
        primary = group.primary(shard)
        if primary.alive and primary.serving:
            replication.take_place(group, primary)


def tend(group: Group) -> None:
    """Let every primary of a following group follow its leader's of now; both may have changed. Under the group's lock."""
    if group.leader is None:
        return
    port = str(group.leader.spec.node_port)
    for shard in group.primaries:
        primary, source = group.primary(shard), group.source(shard)
        if source is not None and primary.alive and primary.serving:
            state = primary.info()
            if (state.get("master_host"), state.get("master_port")) != (source.address, port):
                replication.take_place(group, primary)


def copied(group: Group) -> bool:
    """Tell whether every node of a following group that serves has its leader's data and is sent what comes."""
    for shard in group.primaries:
        primary, source = group.primary(shard), group.source(shard)
        if source is None or not primary.follows(source):
            return False
        if not all(group.linked(node) for node in group.replicas(shard)):
            return False
    return True


def lag(group: Group) -> float | None:
    """Return the seconds since the leader's last word, of the shard where it is longest; None when a link is down."""
    if group.leader is None:
        return None
    longest = 0.0
    for shard in group.primaries:
        try:
            state = group.primary(shard).info()
        except (OSError, ReplyError):
            return None
        if state.get("master_link_status") != "up":
            return None
        longest = max(longest, float(state["master_last_io_seconds_ago"]))
    return longest


def promote(group: Group, others: Sequence[Group]) -> None:
    """Make a group the leader that the others follow. Under the locks of all.

    The old leader's writes wait meanwhile, when it lives, and what it acknowledged arrives first; they are refused then.
    Groups without power follow when they are back.
    """
    old = group.leader
    for shard in group.spec.shards:
        if not group.primary(shard).alive:
            raise EmulatorError(
                f"cache group {group.spec.group_id}: the primary of node group {shard} is gone: nothing can lead"
            )
    paused = _pause(old) if old is not None else []
    try:
        if old is not None:
            _catch_up(group)
        end(group)
        for other in others:
            other.leader = group
            with suppress(OSError, EmulatorError):  # its nodes died just now: the watch lets them follow when they are back
                tend(other)
    finally:
        for node in paused:
            with suppress(OSError, ReplyError):
                node.ask("CLIENT", "UNPAUSE")


def _pause(leader: Group) -> list[Node]:
    """Let all writes wait at the primaries of a leader that live."""
    paused = []
    for shard in leader.primaries:
        node = leader.primary(shard)
        if node.alive:
            with suppress(OSError, ReplyError):
                node.ask("CLIENT", "PAUSE", PAUSE_MS, "WRITE")
                paused.append(node)
    return paused


def _catch_up(group: Group) -> None:
    """Wait until all has arrived that live primaries of the leader wrote, so long as a link stands."""
    for shard in group.spec.shards:
        primary, source = group.primary(shard), group.source(shard)
        if source is None or not source.alive:
            continue
        with suppress(OSError, EmulatorError):  # it died, or is out of reach: what has arrived counts
            written = int(source.info()["master_repl_offset"])
            wait_until(
                lambda primary=primary, written=written: int(primary.info()["slave_repl_offset"]) >= written,  # type: ignore[misc]
                CATCH_UP_TIMEOUT,
                f"{primary.spec.node_id} has all of {source.spec.node_id}",
            )
