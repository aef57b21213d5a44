"""Changes of a Global Datastore that all its members take part in: engine, node type, failover, shards."""

from __future__ import annotations

import copy
from typing import Any, Final

from pulumi_emulator.aws.elasticache import engines, events, global_members, parameters, scaling
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.checks import check_group
from pulumi_emulator.aws.elasticache.faults import Fault, refuse
from pulumi_emulator.aws.elasticache.global_groups import work_on
from pulumi_emulator.aws.elasticache.global_members import shape
from pulumi_emulator.aws.elasticache.groups import tag_nodes
from pulumi_emulator.aws.elasticache.jobs import AVAILABLE, MEMBERSHIP, current_status
from pulumi_emulator.aws.elasticache.model import GlobalGroup, Group
from pulumi_emulator.aws.elasticache.modify import apply_engine
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.elasticache.parameter_table import parameters_of
from pulumi_emulator.aws.elasticache.placement import check_shards
from pulumi_emulator.aws.elasticache.specs import group_spec
from pulumi_emulator.caches.spec import GroupSpec

# What goes in one request: a new version may need its engine and its parameter group.
FIELDS: Final = (
    frozenset({"Engine", "EngineVersion", "CacheParameterGroupName"}),
    frozenset({"CacheNodeType"}),
    frozenset({"AutomaticFailoverEnabled"}),
    frozenset({"GlobalReplicationGroupDescription"}),
)
# A member of a change: its Region, the group, and what it shall be. The primary is the first.
Change = tuple[Region, Group, Group]


@operation(
    "ModifyGlobalReplicationGroup",
    "GlobalReplicationGroupId ApplyImmediately CacheNodeType Engine EngineVersion CacheParameterGroupName "
    "GlobalReplicationGroupDescription AutomaticFailoverEnabled",
)
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Change all members alike: checked as a whole first, so that a refused change changes nothing."""
    found, changes = _begin(region, given, "ModifyGlobalReplicationGroup")
    asked = given.keys() - {"GlobalReplicationGroupId", "ApplyImmediately"}
    if not any(asked <= field for field in FIELDS):
        raise refuse("global-one-field", given=", ".join(sorted(asked)))
    if "CacheNodeType" in given:
        global_members.check_node_type(engines.check_node_type(given["CacheNodeType"]))
    for _, _, new in changes:
        new.node_type = given.get("CacheNodeType", new.node_type)
        new.automatic_failover = given.get("AutomaticFailoverEnabled", new.automatic_failover)
        apply_engine(new, given)
    source = _new_parameters(region, changes[0], given)
    copies = [(place, global_members.copy_parameters(source, place, found)) for place, _, _ in changes] if source else []
    for (_, _, new), (_, name) in zip(changes, copies, strict=False):
        new.parameter_group = name
    try:
        for place, _, new in changes:
            check_group(place, new)
    except Fault:
        for place, name in copies:
            global_members.drop_parameters(place, name)
        raise
    found.description = given.get("GlobalReplicationGroupDescription") or found.description
    return _carry_out(region, found, changes, "modified")


def _new_parameters(region: Region, primary: Change, given: dict[str, Any]) -> dict[str, Any] | None:
    """Return the parameter group that the members get copies of; None when they keep those that they have."""
    place, old, new = primary
    family = engines.family(new.engine, new.version)
    if family == engines.family(old.engine, old.version):
        if "CacheParameterGroupName" in given:
            raise refuse("global-parameter-group", why="is only taken with a new major version of the engine")
        return None
    if "CacheParameterGroupName" in given:
        return parameters.find(region, given["CacheParameterGroupName"])
    if old.engine == new.engine:
        raise refuse("global-parameter-group", why=f"is needed for {old.version} to {new.version}: a group of family {family}")
    # From Redis to Valkey the provider names none (terraform-provider-aws#44820): what the members have, as far as it is known.
    record, known = parameters.find(place, old.parameter_group), parameters_of(family)
    kept = {name: value for name, value in record["values"].items() if name in known}
    return {**record, "family": family, "values": kept}


@operation(
    "IncreaseNodeGroupsInGlobalReplicationGroup",
    "GlobalReplicationGroupId NodeGroupCount RegionalConfigurations ApplyImmediately",
)
def increase(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Give all members more shards; slots move with their keys."""
    found, changes = _begin_shards(region, given, "IncreaseNodeGroupsInGlobalReplicationGroup")
    count, current = given["NodeGroupCount"], len(changes[0][1].slots)
    if count <= current:
        raise refuse("global-shards", count=count, more="more", current=current)
    ids = scaling.new_shards([group for _, group, _ in changes], count)
    asked = {
        (entry["ReplicationGroupRegion"], entry["ReplicationGroupId"].lower()): entry["ReshardingConfiguration"]
        for entry in given.get("RegionalConfigurations", [])
    }
    for place, group, new in changes:
        replicas = max(len(group.of_shard(shard)) for shard in group.shards) - 1
        check_shards(count, replicas)
        scaling.add_shards(place, new, ids, replicas, asked.get((place.name, group.group_id), []))
    return _carry_out_shards(region, found, changes)


@operation(
    "DecreaseNodeGroupsInGlobalReplicationGroup",
    "GlobalReplicationGroupId NodeGroupCount GlobalNodeGroupsToRemove GlobalNodeGroupsToRetain ApplyImmediately",
)
def decrease(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Take shards from all members; slots move with their keys before."""
    found, changes = _begin_shards(region, given, "DecreaseNodeGroupsInGlobalReplicationGroup")
    count, shards = given["NodeGroupCount"], changes[0][1].shards
    if not 1 <= count < len(shards):
        raise refuse("global-shards", count=count, more="less", current=len(shards))
    names = {f"{found.global_id}-{shard}": shard for shard in shards}
    remove, retain = set(given.get("GlobalNodeGroupsToRemove", [])), set(given.get("GlobalNodeGroupsToRetain", []))
    kept = {shard for name, shard in names.items() if (name in retain if retain else name not in remove)}
    if (remove | retain) - names.keys() or len(kept) != count:
        raise refuse("global-shards-to-remove", known=", ".join(names), count=count)
    for _, _, new in changes:
        scaling.keep_shards(new, kept)
    return _carry_out_shards(region, found, changes)


@operation("RebalanceSlotsInGlobalReplicationGroup", "GlobalReplicationGroupId ApplyImmediately")
def rebalance(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Spread the slots evenly over the shards of all members."""
    found, changes = _begin_shards(region, given, "RebalanceSlotsInGlobalReplicationGroup")
    return _carry_out_shards(region, found, changes)


def _begin(region: Region, given: dict[str, Any], operation_name: str) -> tuple[GlobalGroup, list[Change]]:
    found = global_members.find(region, given["GlobalReplicationGroupId"])
    if not given["ApplyImmediately"]:
        raise refuse("global-immediately", operation=operation_name)
    global_members.check_settled(region, found, "modify")
    members = region.account.members(found.global_id)
    for place, group in members:
        status = current_status(place, group)
        if status != AVAILABLE:
            raise refuse("global-member-state", action="modify", id=found.global_id, member=group.group_id, status=status)
    return found, [(place, group, copy.deepcopy(group)) for place, group in members]


def _begin_shards(region: Region, given: dict[str, Any], operation_name: str) -> tuple[GlobalGroup, list[Change]]:
    found, changes = _begin(region, given, operation_name)
    if changes[0][1].cluster_mode != "enabled":
        raise refuse("global-not-sharded", id=found.global_id)
    return found, changes


def _carry_out_shards(region: Region, found: GlobalGroup, changes: list[Change]) -> dict[str, Any]:
    slots = scaling.rebalanced(changes[0][2].slots, changes[0][1].slots)
    for _, _, new in changes:
        new.slots = dict(slots)
    return _carry_out(region, found, changes, "scaled")


def _carry_out(region: Region, found: GlobalGroup, changes: list[Change], what: str) -> dict[str, Any]:
    """Make the members what they shall be: the secondaries before the primary, for they must understand what it sends."""
    before = {group.group_id: _own(group) for _, group, _ in changes}
    specs = [_take_over(*change) for change in reversed(changes)]
    changed: set[str] = set()

    def work() -> None:
        for spec, unlike in specs:
            if unlike:
                region.account.plane.change(spec)
            changed.add(spec.group_id)

    def done() -> None:
        for place, group, _ in changes:
            group.failure = None
            _tidy(place, group, before[group.group_id])
            events.record(place, "replication-group", group.group_id, f"Replication group {group.group_id} {what}")

    def undo(failure: str) -> None:
        for _, group, _ in changes:
            if group.group_id not in changed:
                vars(group).update(before[group.group_id])
            group.failure = failure

    work_on(region.account, found, [(place, group) for place, group, _ in changes], work, done, undo)
    return {"GlobalReplicationGroup": shape(region, found, members=True)}


def _take_over(place: Region, group: Group, new: Group) -> tuple[GroupSpec, bool]:
    """Make a group what it shall be; return what its nodes shall be, and whether they are not that yet."""
    vars(group).update(_own(new))
    tag_nodes(place, group)
    spec, told = group_spec(place, group), group.applied
    group.applied = spec
    return spec, spec != told


def _own(group: Group) -> dict[str, Any]:
    """Return what a change may change of a group: not who leads, nor whether something is under way."""
    return {name: value for name, value in vars(group).items() if name not in MEMBERSHIP | {"status"}}


def _tidy(place: Region, group: Group, before: dict[str, Any]) -> None:
    """Forget what a member no longer has: nodes, and a copy of a parameter group."""
    present = {node.node_id for node in group.nodes}
    for node in before["nodes"]:
        if node.node_id not in present:
            place.tags.pop(place.arn("cluster", node.node_id), None)
            events.record(place, "cache-cluster", node.node_id, "Cache cluster deleted")
            events.publish(place, group, "DeleteCacheClusterComplete", node.node_id)
    if before["parameter_group"] != group.parameter_group:
        global_members.drop_parameters(place, before["parameter_group"])
