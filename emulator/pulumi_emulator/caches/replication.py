"""Cluster mode off: one primary, replicas that follow it."""

from __future__ import annotations

from collections.abc import Iterable

from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.node import SYNC_TIMEOUT, Node, wait_until


def form(group: Group) -> None:
    """Make one group of freshly started nodes: the first is the primary."""
    shard = group.spec.shards[0]
    primary_id = group.primaries.setdefault(shard, group.spec.of_shard(shard)[0].node_id)
    primary = group.nodes[primary_id]
    replicas = [node for node in group.nodes.values() if node is not primary]
    take_place(group, primary)
    primary.serving = True
    follow(group, replicas, primary)
    group.wait_linked(replicas)


def follow(group: Group, replicas: Iterable[Node], primary: Node) -> None:
    """Let nodes follow a primary, which is of `group`; they may be of another, with another password."""
    for node in replicas:
        with node.admin() as connection:
            connection("CONFIG", "SET", "masterauth", primary.password)
            connection("REPLICAOF", primary.address, group.spec.node_port)


def take_place(group: Group, node: Node) -> None:
    """Make a node the group's primary: it takes writes, or follows the leader's primary when the group follows another.

    Also one that is dead: the node refuses writes then, and waits for it.
    """
    source = group.source(node.spec.shard)
    if group.leader is None or source is None:
        node.ask("REPLICAOF", "NO", "ONE")
    else:
        follow(group.leader, [node], source)


def observe(group: Group) -> list[tuple[str, Node, Node]]:
    """Return shards whose primary changed by itself: never, nobody here would change it."""
    del group
    return []


def promote(group: Group, shard: str, chosen: Node) -> Node:
    """Make a replica the primary that the others follow."""
    take_place(group, chosen)
    follow(group, [node for node in group.replicas(shard) if node is not chosen], chosen)
    return chosen


def rejoin(group: Group, node: Node) -> bool:
    """Let a node that came back empty follow its primary; True once it has the data. Asked again until then."""
    primary = group.primary(node.spec.shard)
    if not primary.alive:
        return False
    state = node.info()
    if state["role"] != "slave" or state["master_host"] != primary.address:
        follow(group, [node], primary)
        return False
    return group.linked(node)


def restore(group: Group, node: Node) -> bool:
    """Give a primary that came back empty its place again, with the data of its best replica when it has one; True.

    Without automatic failover ElastiCache keeps the primary and fills it from a replica (AutoFailover.html). In a group that
    follows another it is filled from there: False until it is.
    """
    leading = group.source(node.spec.shard)
    if leading is not None:
        take_place(group, node)
        if not node.follows(leading):
            return False
        follow(group, group.replicas(node.spec.shard), node)
        return True
    source = group.most_advanced(node.spec.shard)
    if source is not None:
        source.ask("REPLICAOF", "NO", "ONE")
        follow(group, [node], source)
        wait_until(lambda: node.follows(source), SYNC_TIMEOUT, f"cache node {node.spec.node_id} has its replica's data")
        node.ask("REPLICAOF", "NO", "ONE")
    follow(group, group.replicas(node.spec.shard), node)
    return True


def hand_over(group: Group, shard: str, chosen: Node) -> None:
    """Change primary without a loss: the old one stops writing until the new one has everything (FAILOVER).

    In a group that follows another nobody writes; both have what the leader sends.
    """
    old = group.primary(shard)
    leading = group.source(shard)
    if leading is not None:
        take_place(group, chosen)
        wait_until(lambda: chosen.follows(leading), SYNC_TIMEOUT, f"{chosen.spec.node_id} follows the leader's primary")
        group.primaries[shard] = chosen.spec.node_id
        replicas = [node for node in group.replicas(shard) if node is not chosen]
        follow(group, replicas, chosen)
        group.wait_linked(replicas)
        return
    old.ask("FAILOVER", "TO", chosen.address, group.spec.node_port)
    wait_until(lambda: chosen.info()["role"] == "master", SYNC_TIMEOUT, f"{chosen.spec.node_id} is primary")
    group.primaries[shard] = chosen.spec.node_id
    follow(group, [node for node in group.replicas(shard) if node not in (old, chosen)], chosen)
    group.wait_linked([old])
