"""What ElastiCache does by itself: it sees a dead primary, promotes a replica, and brings dead nodes back, empty."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType

from pulumi_emulator.caches import following, replication, sharding
from pulumi_emulator.caches.group import CACHE_NODE, Group
from pulumi_emulator.caches.node import Node
from pulumi_emulator.errors import EmulatorError


def way_of(group: Group) -> ModuleType:
    """Return how this kind of group is formed, promoted and joined."""
    return sharding if group.spec.cluster else replication


def look(group: Group, zones_down: Collection[str]) -> bool:
    """Look at every node once and do what is due; return whether the group is whole. Under the group's lock."""
    # What was on its way back when its zone's power went has no power either.
    late = [node for node in group.nodes.values() if node.spec.zone in zones_down and node.alive]
    if late:
        group.take_down(late)
    for shard, old, new in way_of(group).observe(group):
        _changed(group, shard, old, new)
    dead = {node_id for node_id, node in group.nodes.items() if group.hangs_or_died(node)}
    for shard in group.spec.shards:
        primary = group.primary(shard)
        if primary.spec.node_id in dead:
            group.take_down([primary])
            fail_over(group, shard)
    whole = True
    for node_id, node in list(group.nodes.items()):
        if node.spec.zone in zones_down:
            whole = False
        elif not node.serving or node_id in dead:
            whole = recover(group, node) and whole
    following.tend(group)
    return whole


def fail_over(group: Group, shard: str) -> Node | None:
    """Promote the replica with the least lag in place of a dead primary; None when there is none, or it shall not be."""
    old = group.primary(shard)
    chosen = group.most_advanced(shard) if group.spec.automatic_failover else None
    if chosen is None:
        return None
    promoted: Node = way_of(group).promote(group, shard, chosen)
    _changed(group, shard, old, promoted)
    return promoted


def _changed(group: Group, shard: str, old: Node, new: Node) -> None:
    group.primaries[shard] = new.spec.node_id
    message = f"Failover from primary node {old.spec.node_id} to replica node {new.spec.node_id} completed"
    group.tell("cache-cluster", old.spec.node_id, message)
    group.tell("replication-group", group.spec.group_id, message, "FailoverComplete")


def recover(group: Group, node: Node) -> bool:
    """Do the next step of a dead node's return; True when it is back."""
    node_id = node.spec.node_id
    try:
        if not node.alive or node_id not in group.recovering:
            group.take_down([node])
            if node_id not in group.recovering:
                group.recovering.add(node_id)
                message = f"Recovering cache nodes {CACHE_NODE}"
                group.tell("cache-cluster", node_id, message, "CacheNodeReplaceStarted")
            group.launch(node)
            group.started(node)
            # Nodes may speak with it, clients not yet: they would see an empty primary.
            group.place.site.shut(node.address, group.spec.client_ports)
            group.place.site.lighten([node.address])
        back = way_of(group).restore if group.primaries[node.spec.shard] == node_id else way_of(group).rejoin
        if not back(group, node):
            return False
        if group.primaries[node.spec.shard] == node_id and not following.filled(group, node.spec.shard):
            return False
    except (OSError, EmulatorError) as error:
        group.trouble[node_id] = str(error) or type(error).__name__
        return False  # the next look tries again
    group.place.site.open(node.address, group.spec.client_ports)
    node.serving = True
    group.recovering.discard(node_id)
    group.trouble.pop(node_id, None)
    group.unanswered.pop(node_id, None)
    group.tell("cache-cluster", node_id, f"Finished recovery for cache nodes {CACHE_NODE}", "CacheNodeReplaceComplete")
    return True
