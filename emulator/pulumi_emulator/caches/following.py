"""Groups of several regions: one leads and takes writes, the others follow it, shard by shard (a global datastore's data)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from pulumi_emulator.caches import replication
from pulumi_emulator.caches.admin import ReplyError
from pulumi_emulator.caches.group import PING_TIMEOUT, Group
from pulumi_emulator.caches.link import Link
from pulumi_emulator.caches.node import POLL, SYNC_TIMEOUT, Node, wait_until
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
        _take_role(group)
        wait_copied(group, SYNC_TIMEOUT)
    except BaseException:
        end(group)
        raise


def end(group: Group) -> None:
    """Let a group lead itself: it keeps what it has, and takes writes. Under its lock."""
    group.leader = None
    _take_role(group)


def _take_role(group: Group) -> None:
    """Let a group's nodes be what they are to be now that its leader is another, or none."""
    if group.spec.cluster:
        stop_links(group)
        for node in group.nodes.values():
            with suppress(OSError, ReplyError):  # one that died returns with the files of now
                node.write_users(group.acl())
                if node.alive:
                    group.set_parameters(node)
    elif group.leader is None:
        for shard in group.primaries:
            primary = group.primary(shard)
            if primary.alive and primary.serving:
                replication.take_place(group, primary)
    tend(group)


def tend(group: Group) -> None:
    """Let every primary of a following group follow its leader's of now; both may have changed. Under the group's lock."""
    if group.leader is None:
        return
    for shard in group.primaries:
        primary, source = group.primary(shard), group.source(shard)
        if group.spec.cluster:
            if source is None:
                _stop(group, shard)
            elif primary.serving:
                filled(group, shard)
        elif source is not None and primary.alive and primary.serving and primary.spec.node_id not in group.unanswered:
            state = primary.info()
            if (state.get("master_host"), state.get("master_port")) != (source.address, str(group.leader.spec.node_port)):
                replication.take_place(group, primary)


def filled(group: Group, shard: str) -> bool:
    """Let a shard's primary be a copy of its leader's, when it shall be one; True once it is, or need not be.

    Cluster mode off has this in the server. Under the group's lock.
    """
    primary, source = group.primary(shard), group.source(shard)
    if not group.copies or source is None:
        return True
    link = group.links.get(shard)
    if link is not None and link.between(source, primary):
        return link.up
    if source.alive and primary.alive:
        position = link.stop(primary) if link is not None else None
        group.links[shard] = Link(source, primary, group.spec.node_port, position)
    return False


def stop_links(group: Group) -> None:
    """End a group's links."""
    for shard in list(group.links):
        _stop(group, shard)


def _stop(group: Group, shard: str) -> None:
    link = group.links.pop(shard, None)
    if link is not None:
        link.stop(link.target)


def wait_copied(group: Group, seconds: float) -> None:
    """Wait until a following group has its leader's data in every node that serves. Under the group's lock."""
    deadline = time.monotonic() + seconds
    while not copied(group):
        if time.monotonic() > deadline:
            told = "; ".join(link.broken for link in group.links.values() if link.broken)
            raise EmulatorError(
                f"cache group {group.spec.group_id} has not its leader's data after {seconds:.0f} s{told and f' ({told})'}"
            )
        time.sleep(POLL)
        tend(group)


def reachable(group: Group) -> bool:
    """Tell whether every shard of a group has a live one of its leader to follow."""
    sources = [group.source(shard) for shard in group.primaries]
    return all(source is not None and source.alive for source in sources)


def copied(group: Group) -> bool:
    """Tell whether every node of a following group that serves has its leader's data and is sent what comes."""
    for shard in group.primaries:
        primary, source = group.primary(shard), group.source(shard)
        if source is None:
            return False
        link = group.links.get(shard)
        if group.spec.cluster and not (link is not None and link.up and link.between(source, primary)):
            return False
        if not group.spec.cluster and not primary.follows(source):
            return False
        if not all(group.linked(node) for node in group.replicas(shard)):
            return False
    return True


def lag(group: Group) -> float | None:
    """Return the seconds since the leader's last word, of the shard where it is longest; None when a link is down."""
    if group.leader is None:
        return None
    longest = 0.0
    for shard in list(group.primaries):
        seconds = _lag(group, shard)
        if seconds is None:
            return None
        longest = max(longest, seconds)
    return longest


def _lag(group: Group, shard: str) -> float | None:
    if group.spec.cluster:
        link = group.links.get(shard)
        return link.lag if link is not None else None
    try:
        state = group.primary(shard).info(timeout=PING_TIMEOUT)
    except (OSError, ReplyError):
        return None
    return float(state["master_last_io_seconds_ago"]) if state.get("master_link_status") == "up" else None


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
            if other.leader is group:
                continue
            other.leader = group
            with suppress(OSError, EmulatorError):  # its nodes died just now: the watch lets them follow when they are back
                _take_role(other)
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
        source = group.source(shard)
        if source is None or not source.alive:
            continue
        with suppress(OSError, EmulatorError):  # it died, or is out of reach: what has arrived counts
            written = int(source.info()["master_repl_offset"])
            wait_until(
                lambda shard=shard, written=written: _arrived(group, shard) >= written,  # type: ignore[misc]
                CATCH_UP_TIMEOUT,
                f"node group {shard} of {group.spec.group_id} has all of its leader's writes",
            )


def _arrived(group: Group, shard: str) -> int:
    """Return how far a shard came in its leader's history."""
    if not group.spec.cluster:
        return int(group.primary(shard).info()["slave_repl_offset"])
    filled(group, shard)  # the link may have broken just now, and goes on
    link = group.links.get(shard)
    return link.offset if link is not None else -1
