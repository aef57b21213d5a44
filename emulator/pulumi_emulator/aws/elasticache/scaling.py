"""More and fewer replicas and shards."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any, Final

from pulumi_emulator.aws.elasticache import describe, events, subnets
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.groups import tag_nodes
from pulumi_emulator.aws.elasticache.jobs import become, check_available
from pulumi_emulator.aws.elasticache.model import SLOTS, Group, Node
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.elasticache.placement import around, check_shards

UP: Final = ("ReplicationGroupIncreaseReplicaCountStarted", "ReplicationGroupIncreaseReplicaCountFinished")


@operation("IncreaseReplicaCount", "ReplicationGroupId NewReplicaCount ReplicaConfiguration ApplyImmediately")
def increase(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Add replicas to every shard, or to those that are named."""
    group = _ready(region, given, "IncreaseReplicaCount")
    wanted = _counts(group, given)
    new = copy.deepcopy(group)
    zones = subnets.zones(region, group.subnet_group)
    for shard, (count, named) in wanted.items():
        present = group.of_shard(shard)
        if count <= len(present) - 1:
            raise refuse("increase", count=count, current=len(present) - 1)
        check_shards(len(group.slots), count)
        spread = named[len(present) :] or list(_next_zones(zones, present, count + 1 - len(present)))
        for zone in spread:
            if zone not in zones:
                raise refuse("zone-unknown", zone=zone, zones=", ".join(zones))
            new.nodes.append(Node(new.new_node_id(shard), shard, zone, region.now()))
    new.nodes.sort(key=lambda node: node.node_id)
    return _take_over(region, group, new, UP)


@operation("DecreaseReplicaCount", "ReplicationGroupId NewReplicaCount ReplicaConfiguration ReplicasToRemove ApplyImmediately")
def decrease(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Take replicas away: those that are named, else the newest; never a primary."""
    group = _ready(region, given, "DecreaseReplicaCount")
    roles = describe.roles_of(region, group)
    named = [entry.lower() for entry in given.get("ReplicasToRemove", [])]
    new = copy.deepcopy(group)
    if named:
        for node_id in named:
            if roles.get(node_id) != "replica":
                raise refuse("replica-to-remove", id=node_id)
        new.nodes = [node for node in group.nodes if node.node_id not in named]
    else:
        for shard, (count, _) in _counts(group, given).items():
            present = group.of_shard(shard)
            if count >= len(present) - 1:
                raise refuse("decrease", count=count, current=len(present) - 1)
            check_shards(len(group.slots), count)
            replicas = [node for node in present if roles.get(node.node_id) != "primary"]
            gone = set(replicas[len(replicas) - (len(present) - 1 - count) :])
            new.nodes = [node for node in new.nodes if node not in gone]
    fewest = min(len(new.of_shard(shard)) for shard in new.shards) - 1
    # botocore DecreaseReplicaCount: with cluster mode enabled 0 is possible, without it not while Multi-AZ is on.
    if fewest < 1 and (group.multi_az or (group.automatic_failover and not group.clustered)):
        raise refuse("last-replica")
    return _take_over(region, group, new, None)


@operation(
    "ModifyReplicationGroupShardConfiguration",
    "ReplicationGroupId NodeGroupCount ApplyImmediately ReshardingConfiguration NodeGroupsToRemove NodeGroupsToRetain",
)
def reshard(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Add or remove shards; the slots move with their keys."""
    group = _ready(region, given, "ModifyReplicationGroupShardConfiguration")
    if group.cluster_mode != "enabled":
        raise refuse("not-sharded", id=group.group_id)
    count = given["NodeGroupCount"]
    replicas = max(len(group.of_shard(shard)) for shard in group.shards) - 1
    check_shards(count, replicas)
    if count == len(group.slots):
        raise refuse("nothing", id=group.group_id)
    new = copy.deepcopy(group)
    if count > len(group.slots):
        add_shards(region, new, new_shards([group], count), replicas, given.get("ReshardingConfiguration", []))
    else:
        keep_shards(new, _kept_shards(group, given, count))
    new.slots = rebalanced(new.slots, group.slots)
    return _take_over(region, group, new, ("", "ReplicationGroupScalingComplete"))


def new_shards(groups: Sequence[Group], count: int) -> list[str]:
    """Return the ids of the shards that the groups lack of `count`: none that one of them ever had."""
    number = max(int(shard) for group in groups for shard in [*group.slots, *group.last_number])
    return [f"{number + index + 1:04d}" for index in range(count - len(groups[0].slots))]


def add_shards(region: Region, new: Group, ids: list[str], replicas: int, configuration: list[dict[str, Any]]) -> None:
    """Give a group more shards, without slots yet."""
    zones = subnets.zones(region, new.subnet_group)
    asked = {
        entry["NodeGroupId"].zfill(4): entry.get("PreferredAvailabilityZones", [])
        for entry in configuration
        if "NodeGroupId" in entry
    }
    for index, shard in enumerate(ids, start=len(new.slots)):
        named = asked.get(shard) or around(zones, index, replicas + 1)
        new.slots[shard] = ""
        new.nodes += [Node(new.new_node_id(shard), shard, zone, region.now()) for zone in named[: replicas + 1]]


def keep_shards(new: Group, kept: Collection[str]) -> None:
    """Take a group's other shards away; their slots are not given to others yet."""
    new.nodes = [node for node in new.nodes if node.shard in kept]
    new.slots = {shard: slots for shard, slots in new.slots.items() if shard in kept}


def _kept_shards(group: Group, given: dict[str, Any], count: int) -> list[str]:
    remove = {entry.zfill(4) for entry in given.get("NodeGroupsToRemove", [])}
    retain = {entry.zfill(4) for entry in given.get("NodeGroupsToRetain", [])}
    unknown = (remove | retain) - set(group.slots)
    if unknown:
        raise refuse("node-group-unknown", shard=min(unknown))
    kept = [shard for shard in group.shards if (shard in retain if retain else shard not in remove)]
    if len(kept) != count or not (remove or retain):
        raise refuse("shards-to-remove", count=count)
    return kept


def rebalanced(wanted: dict[str, str], before: dict[str, str]) -> dict[str, str]:
    """Return the slots of each shard after a rebalance: evenly many, and as few as possible in another place than before."""
    shards = sorted(wanted)
    sizes = {shard: SLOTS // len(shards) + (1 if index < SLOTS % len(shards) else 0) for index, shard in enumerate(shards)}
    have = {shard: _numbers(before.get(shard, "")) for shard in {*shards, *before}}
    free = sorted(slot for shard, slots in have.items() for slot in slots[sizes.get(shard, 0) :])
    result: dict[str, str] = {}
    for shard in shards:
        own = have[shard][: sizes[shard]]
        missing = sizes[shard] - len(own)
        own, free = sorted([*own, *free[:missing]]), free[missing:]
        result[shard] = _text(own)
    return result


def _numbers(text: str) -> list[int]:
    slots: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        slots += range(int(first), int(last or first) + 1)
    return slots


def _text(slots: list[int]) -> str:
    parts: list[str] = []
    start = previous = slots[0]
    for slot in [*slots[1:], None]:
        if slot != previous + 1:
            parts.append(f"{start}-{previous}")
            start = slot if slot is not None else 0
        previous = slot if slot is not None else previous
    return ",".join(parts)


def _next_zones(zones: list[str], present: list[Node], count: int) -> list[str]:
    """Return the zones of new replicas: always the one with the fewest nodes of the shard."""
    load = [node.zone for node in present]
    chosen: list[str] = []
    for _ in range(count):
        chosen.append(min(zones, key=[*load, *chosen].count))
    return chosen


def _counts(group: Group, given: dict[str, Any]) -> dict[str, tuple[int, list[str]]]:
    """Return what each shard's number of replicas shall be, and the zones named for all its nodes."""
    if "ReplicaConfiguration" in given:
        wanted = {}
        for entry in given["ReplicaConfiguration"]:
            shard = entry["NodeGroupId"].zfill(4)
            if shard not in group.slots:
                raise refuse("node-group-unknown", shard=entry["NodeGroupId"])
            wanted[shard] = (int(entry["NewReplicaCount"]), list(entry.get("PreferredAvailabilityZones", [])))
        return wanted
    if "NewReplicaCount" not in given:
        raise refuse("replica-count-missing")
    return {shard: (int(given["NewReplicaCount"]), []) for shard in group.shards}


def _ready(region: Region, given: dict[str, Any], name: str) -> Group:
    group = region.group(given["ReplicationGroupId"])
    check_available(region, group)
    if not given["ApplyImmediately"]:
        raise refuse("immediately-only", operation=name)
    if group.global_id is not None and name == "ModifyReplicationGroupShardConfiguration":
        raise refuse("global-member", id=group.group_id, global_id=group.global_id)
    if group.cluster_mode == "compatible":
        raise refuse("mode-compatible", others="the numbers of replicas and shards")
    return group


def _take_over(region: Region, group: Group, new: Group, notices: tuple[str, str] | None) -> dict[str, Any]:
    gone = [node for node in group.nodes if node not in new.nodes]
    added = [node for node in new.nodes if node not in group.nodes]
    if new.snapshotting_cluster in {node.node_id for node in gone}:
        new.snapshotting_cluster = new.nodes[0].node_id
    tag_nodes(region, new)
    if notices and notices[0]:
        events.publish(region, group, notices[0], group.group_id)

    def done() -> None:
        for node in added:
            events.record(region, "cache-cluster", node.node_id, "Cache cluster created")
        for node in gone:
            region.tags.pop(region.arn("cluster", node.node_id), None)
            events.record(region, "cache-cluster", node.node_id, "Cache cluster deleted")
            events.publish(region, group, "DeleteCacheClusterComplete", node.node_id)
        events.record(region, "replication-group", group.group_id, f"Replication group {group.group_id} scaled")
        if notices:
            events.publish(region, group, notices[1], group.group_id)

    become(region, group, new, done)
    return {"ReplicationGroup": describe.replication_group(region, group)}
