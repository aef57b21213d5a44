"""Changing a group that runs: access, parameters, nodes, shards with their slots; its engine and modes by a short rebuild."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pulumi_emulator.caches import replication, resharding, sharding
from pulumi_emulator.caches.admin import Admin, ReplyError
from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.node import SYNC_TIMEOUT, Node, wait_until
from pulumi_emulator.caches.spec import GroupSpec
from pulumi_emulator.errors import EmulatorError

FIXED: Final = ("region", "hash", "port")  # a group is made anew for another (aws_elasticache_replication_group, ForceNew)
REBUILT: Final = ("engine", "cluster", "tls", "plain")  # a process has these from its start
# Longer than a rebuild's SAVE takes; the primary that is paused ends before it is over.
PAUSE_MS: Final = 30_000


def change(group: Group, spec: GroupSpec, publish: Callable[[Group], None]) -> None:
    """Bring a group to another specification with all its data. Under its lock; EmulatorError before anything is touched.

    `publish` lets the names of the group as it is then resolve.
    """
    old = group.spec
    for name in FIXED:
        if getattr(spec, name) != getattr(old, name):
            raise EmulatorError(
                f"cache group {spec.group_id}: {name} {getattr(old, name)!r} cannot become {getattr(spec, name)!r}: "
                "make a new group"
            )
    if old.cluster and not spec.cluster:
        raise EmulatorError(f"cache group {spec.group_id}: cluster mode cannot be switched off again: make a new group")
    places = {node.node_id: (node.shard, node.zone) for node in old.nodes}
    moved = [
        node.node_id for node in spec.nodes if places.get(node.node_id, (node.shard, node.zone)) != (node.shard, node.zone)
    ]
    if moved:
        raise EmulatorError(f"cache group {spec.group_id}: {', '.join(moved)} cannot move: remove the node and add another")
    if any(getattr(spec, name) != getattr(old, name) for name in REBUILT):
        _rebuild(group, replace(spec, nodes=old.nodes, slots=old.slots if old.cluster else spec.slots))
    else:
        group.spec = replace(spec, nodes=old.nodes, slots=old.slots)
        try:
            _set_live(group, old)
        except EmulatorError:
            refused, group.spec = group.spec, old
            _set_live(group, refused)
            raise
    if spec.nodes != old.nodes or spec.slots != old.slots:
        _move(group, spec, publish)
    group.spec = spec
    publish(group)


def _set_live(group: Group, old: GroupSpec) -> None:
    spec = group.spec
    if spec.access != old.access:
        for node in group.nodes.values():
            node.write_users(group.acl())
    if spec.parameters != old.parameters or spec.maxmemory_bytes != old.maxmemory_bytes:
        for node in group.nodes.values():
            if node.alive:
                group.set_parameters(node)


def _move(group: Group, spec: GroupSpec, publish: Callable[[Group], None]) -> None:
    """Add nodes and shards, move slots, take nodes and shards away: in this order nothing is ever without a place."""
    old = group.spec
    kept = {node.node_id for node in spec.nodes}
    present = set(group.nodes)
    added = [node for node in spec.nodes if node.node_id not in present]
    both = (*old.nodes, *added)
    group.spec = replace(spec, nodes=both, slots={shard: old.slots.get(shard, "") for shard in {node.shard for node in both}})
    try:
        nodes = group.add(added)
        publish(group)
        _join(group, nodes)
    except BaseException:
        group.spec = old
        _drop(group, [group.nodes[node.node_id] for node in added if node.node_id in group.nodes])
        publish(group)
        raise
    if spec.cluster:
        resharding.reshard(group, {shard: spec.slots.get(shard, "") for shard in group.spec.shards})
        sharding.wait_agreed(group)
    _take_away(group, [node for node_id, node in group.nodes.items() if node_id not in kept], spec)
    group.spec = spec
    if spec.cluster:
        sharding.wait_serving(group)


def _join(group: Group, nodes: Sequence[Node]) -> None:
    """Let new nodes in: the first of a new shard as its primary, all others as replicas."""
    if not nodes:
        return
    if not group.spec.cluster:
        replication.follow(group, nodes, group.primary(group.spec.shards[0]))
        group.wait_linked(nodes)
        return
    sharding.learn_ids(group, nodes)
    sharding.meet(group, next(node for node in group.nodes.values() if node not in nodes), nodes)
    for node in nodes:
        group.primaries.setdefault(node.spec.shard, node.spec.node_id)
    primaries = set(group.primaries.values())
    replicas = [node for node in nodes if node.spec.node_id not in primaries]
    sharding.wait_follow(group, replicas)
    group.wait_linked(replicas)
    for node in nodes:
        node.serving = True
    sharding.wait_agreed(group)
    sharding.wait_serving(group)  # a new primary takes no keys before


def _take_away(group: Group, removed: Sequence[Node], spec: GroupSpec) -> None:
    way = sharding if spec.cluster else replication
    for shard in spec.shards:
        if group.primary(shard) in removed:
            staying = [node for node in group.replicas(shard) if node not in removed]
            if not staying:
                raise EmulatorError(f"cache group {spec.group_id}: shard {shard} would lose all nodes that have its data")
            way.hand_over(group, shard, staying[0])
    _drop(group, removed)
    if spec.cluster and removed:
        sharding.wait_agreed(group)


def _drop(group: Group, nodes: Sequence[Node]) -> None:
    """End nodes and let the others forget them, and shards that have none any more."""
    for node in nodes:
        group.drop(node)
    for shard in [shard for shard, node_id in group.primaries.items() if node_id not in group.nodes]:
        del group.primaries[shard]
    for node in nodes:
        cluster_id = group.cluster_ids.pop(node.spec.node_id, None)
        if cluster_id is not None:
            sharding.forget(group, cluster_id)


def _rebuild(group: Group, spec: GroupSpec) -> None:
    """Start all nodes again as others: primaries with their data, which nobody changes meanwhile; clients reconnect.

    ElastiCache does this node by node; here every connection breaks once, for a second or two.
    """
    if spec.cluster and not group.spec.cluster and set(_databases(group)) - {"db0"}:
        raise EmulatorError(
            f"cache group {spec.group_id}: keys lie in databases other than 0, which cluster mode does not have"
        )
    for node_id in group.primaries.values():
        with group.nodes[node_id].admin(PAUSE_MS / 1000) as connection:
            connection("CLIENT", "PAUSE", PAUSE_MS, "WRITE")
            wait_until(lambda connection=connection: _saved(connection), SYNC_TIMEOUT, f"{node_id} has saved its data")  # type: ignore[misc]
    primaries = set(group.primaries.values())
    for node in group.nodes.values():
        node.kill()
        group.close(node)
    group.spec = spec
    for node in group.nodes.values():
        group.write_files(node)
        group.launch(node, keep_data=node.spec.node_id in primaries)
    for node in group.nodes.values():
        group.started(node)
    (sharding if spec.cluster else replication).form(group)


def _saved(connection: Admin) -> bool:
    """Write the data to the node's folder; False while a child of the server is at work for a replica."""
    try:
        connection("SAVE")
    except ReplyError as error:
        if "in progress" in str(error):
            return False
        raise
    return True


def _databases(group: Group) -> list[str]:
    """Return the databases that have keys."""
    return [name for name in group.primary(group.spec.shards[0]).info("keyspace") if name.startswith("db")]
