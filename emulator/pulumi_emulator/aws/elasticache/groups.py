"""Replication groups: made, described, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from pulumi_emulator.aws.elasticache import (
    describe,
    engines,
    events,
    global_members,
    parameters,
    placement,
    snapshots,
    subnets,
    user_groups,
)
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.checks import (
    GROUP_ID,
    check_group,
    check_key,
    check_logs,
    check_token,
    check_topic,
    overlap,
)
from pulumi_emulator.aws.elasticache.faults import Fault, refuse
from pulumi_emulator.aws.elasticache.jobs import AVAILABLE, CREATE_FAILED, CREATING, DELETING, run
from pulumi_emulator.aws.elasticache.model import GlobalGroup, Group, Node
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.elasticache.specs import group_spec
from pulumi_emulator.aws.elasticache.users import password_hash

DEFAULT_PORT: Final = 6379  # botocore CreateReplicationGroup Port
# What the service chooses when none is asked for (some time in the Region's night); fixed here, so that runs are the same.
# Of the snapshot windows the first that does not overlap the maintenance window.
DEFAULT_MAINTENANCE: Final = "sun:05:00-sun:06:00"
DEFAULT_SNAPSHOTS: Final = ("03:00-04:00", "06:00-07:00", "21:00-22:00")


@operation(
    "CreateReplicationGroup",
    "ReplicationGroupId ReplicationGroupDescription AutomaticFailoverEnabled MultiAZEnabled NumCacheClusters "
    "PreferredCacheClusterAZs NumNodeGroups ReplicasPerNodeGroup NodeGroupConfiguration CacheNodeType Engine EngineVersion "
    "CacheParameterGroupName CacheSubnetGroupName SecurityGroupIds Tags SnapshotArns SnapshotName PreferredMaintenanceWindow "
    "Port NotificationTopicArn AutoMinorVersionUpgrade SnapshotRetentionLimit SnapshotWindow AuthToken "
    "TransitEncryptionEnabled AtRestEncryptionEnabled KmsKeyId UserGroupIds LogDeliveryConfigurations DataTieringEnabled "
    "NetworkType IpDiscovery GlobalReplicationGroupId "
    "TransitEncryptionMode ClusterMode Durability",
)
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a replication group; its nodes start behind the answer."""
    group_id = given["ReplicationGroupId"].lower()
    if GROUP_ID.fullmatch(group_id) is None:
        raise refuse("group-id", id=group_id)
    if group_id in region.groups:
        raise refuse("group-exists", id=group_id)
    elsewhere = region.account.group(group_id)
    if elsewhere is not None:
        raise refuse("id-elsewhere", id=group_id, region=elsewhere[0].name)
    joined = global_members.joined(region, given)
    group = _described(region, group_id, given) if joined is None else _secondary(region, group_id, given, joined)
    region.groups[group_id] = group
    region.put_tags(region.arn("replicationgroup", group_id), given.get("Tags"))
    tag_nodes(region, group)
    spec = group.applied = group_spec(region, group)
    if joined is None:
        run(region, group, CREATING, lambda: region.account.plane.create(spec), lambda: _created(region, group))
    else:
        global_members.associate(region, group, joined, spec, lambda: _created(region, group))
    return {"ReplicationGroup": describe.replication_group(region, group)}


def _secondary(region: Region, group_id: str, given: dict[str, Any], joined: GlobalGroup) -> Group:
    """Return a new secondary: what is asked for, and all else as the primary has it."""
    primary_region, primary = region.account.members(joined.global_id)[0]
    own = global_members.inherited(primary, given)
    record = parameters.find(primary_region, primary.parameter_group)
    copy = global_members.copy_parameters(record, region, joined)
    try:
        group = _described(region, group_id, {**own, "CacheParameterGroupName": copy}, like=primary)
    except Fault:
        global_members.drop_parameters(region, copy)
        raise
    group.auto_minor_version_upgrade = False
    return group


def _described(region: Region, group_id: str, given: dict[str, Any], like: Group | None = None) -> Group:
    """Return the group that an input describes, checked; its shards are those of the group that it shall be `like`."""
    engine, version = engines.check_engine(given.get("Engine"), given.get("EngineVersion"))
    if "CacheNodeType" not in given:
        raise refuse("node-type-missing")
    maintenance = given.get("PreferredMaintenanceWindow", DEFAULT_MAINTENANCE).lower()
    mode, parameter_group = _mode(region, given, engines.family(engine, version))
    subnet_group = given.get("CacheSubnetGroupName", "").lower() or subnets.default_name(region)
    zones = subnets.zones(region, subnet_group)
    shards = placement.plan(given, zones, clustered=mode != "disabled")
    if like is not None:
        shards = [replace(shard, shard=name, slots=like.slots[name]) for shard, name in zip(shards, like.shards, strict=True)]
    created = region.now()
    group = Group(
        group_id=group_id,
        description=given["ReplicationGroupDescription"],
        engine=engine,
        version=version,
        node_type=engines.check_node_type(given["CacheNodeType"]),
        cluster_mode=mode,
        sharded_ids=mode == "enabled",
        nodes=[],
        slots={shard.shard: shard.slots for shard in shards},
        created=created,
        subnet_group=subnet_group,
        parameter_group=parameter_group,
        port=given.get("Port", DEFAULT_PORT),
        automatic_failover=given.get("AutomaticFailoverEnabled", False),
        multi_az=given.get("MultiAZEnabled", False),
        tls=given.get("TransitEncryptionEnabled", False),
        tls_mode=given.get("TransitEncryptionMode") or ("required" if given.get("TransitEncryptionEnabled") else None),
        at_rest=given.get("AtRestEncryptionEnabled", False),
        auto_minor_version_upgrade=given.get("AutoMinorVersionUpgrade", True),
        maintenance_window=maintenance,
        snapshot_window=given.get("SnapshotWindow") or _snapshot_window(maintenance),
        retention=given.get("SnapshotRetentionLimit", 0),
        network_type=given.get("NetworkType", "ipv4"),
        ip_discovery=given.get("IpDiscovery", "ipv4"),
        data_tiering=given.get("DataTieringEnabled", False),
        durability=given.get("Durability"),
    )
    group.encrypt_durable()
    for shard in shards:
        group.nodes += [Node(group.new_node_id(shard.shard), shard.shard, zone, created) for zone in shard.zones]
    if group.cluster_mode == "disabled":
        group.snapshotting_cluster = group.nodes[0].node_id
    _secure(region, group, given)
    if "NotificationTopicArn" in given:
        group.topic_arn = check_topic(region, given["NotificationTopicArn"])
    group.logs = check_logs(region, given.get("LogDeliveryConfigurations", []), [])
    if "SnapshotName" in given:
        snapshots.check_restorable(region, given["SnapshotName"])
    snapshots.check_arns(given.get("SnapshotArns", []))
    check_group(region, group)
    return group


def _snapshot_window(maintenance: str) -> str:
    return next((window for window in DEFAULT_SNAPSHOTS if not overlap(window, maintenance)), DEFAULT_SNAPSHOTS[-1])


def _mode(region: Region, given: dict[str, Any], family: str) -> tuple[str, str]:
    """Return the cluster mode and the parameter group: the mode is asked for, or follows from the group or the shards."""
    asked = given.get("CacheParameterGroupName")
    if "ClusterMode" in given:
        mode = given["ClusterMode"]
    elif asked is not None:
        mode = "enabled" if parameters.has_cluster_enabled(parameters.find(region, asked)) else "disabled"
    else:
        mode = "enabled" if given.get("NumNodeGroups", 1) > 1 else "disabled"
    name = asked or parameters.default_name(family, clustered=mode != "disabled")
    return mode, parameters.find(region, name)["name"]


def _secure(region: Region, group: Group, given: dict[str, Any]) -> None:
    if "AuthToken" in given:
        group.token_hashes = (password_hash(check_token(given["AuthToken"])),)
        group.token_changed = group.created
    group.user_groups = [user_groups.check_for_cache(region, entry, group.engine) for entry in given.get("UserGroupIds", [])]
    group.security_groups = list(given.get("SecurityGroupIds", []))
    subnets.check_security_groups(region, group.security_groups)
    if "KmsKeyId" in given:
        if not group.at_rest:
            raise refuse("kms-needs-encryption")
        group.kms_key = check_key(region, given["KmsKeyId"])


def _created(region: Region, group: Group) -> None:
    for node in group.nodes:
        events.record(region, "cache-cluster", node.node_id, "Cache cluster created")
        events.publish(region, group, "CacheClusterProvisioningComplete", node.node_id)
    events.record(region, "replication-group", group.group_id, f"Replication group {group.group_id} created")
    events.publish(region, group, "CreateReplicationGroupComplete", group.group_id)


def tag_nodes(region: Region, group: Group) -> None:
    """Give the nodes the group's tags, as the service does for its cache clusters."""
    tags = region.tags[region.arn("replicationgroup", group.group_id)]
    for node in group.nodes:
        region.tags.setdefault(region.arn("cluster", node.node_id), dict(tags))


@operation("DescribeReplicationGroups", "ReplicationGroupId")
def describe_groups(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one group or all."""
    found = [region.group(given["ReplicationGroupId"])] if "ReplicationGroupId" in given else list(region.groups.values())
    return {"ReplicationGroups": [describe.replication_group(region, group) for group in found]}


@operation("DescribeCacheClusters", "CacheClusterId ShowCacheNodeInfo ShowCacheClustersNotInReplicationGroups")
def describe_clusters(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one node or all, as cache clusters. There are none here outside of replication groups."""
    wanted = given.get("CacheClusterId", "").lower()
    outside = given.get("ShowCacheClustersNotInReplicationGroups", False)
    found = [
        describe.cache_cluster(region, group, node, show_nodes=given.get("ShowCacheNodeInfo", False))
        for group in region.groups.values()
        for node in group.nodes
        if wanted in ("", node.node_id) and not outside
    ]
    if wanted and not found:
        raise refuse("cluster-unknown", id=wanted)
    return {"CacheClusters": found}


@operation("DeleteReplicationGroup", "ReplicationGroupId RetainPrimaryCluster FinalSnapshotIdentifier")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a group with its nodes, and keep a last snapshot when one is asked for."""
    group = region.group(given["ReplicationGroupId"])
    if group.status not in {AVAILABLE, CREATE_FAILED}:
        raise refuse("group-busy", id=group.group_id, status=group.status)
    if group.global_id is not None:
        raise refuse("global-member", id=group.group_id, global_id=group.global_id)
    if given.get("RetainPrimaryCluster"):
        raise refuse("retain")
    if "FinalSnapshotIdentifier" in given:
        snapshots.take(region, group, given["FinalSnapshotIdentifier"], [])
    made = group.status != CREATE_FAILED
    plane = region.account.plane if made else None
    run(region, group, DELETING, lambda: plane.delete(group.group_id) if plane else None, lambda: _deleted(region, group))
    return {"ReplicationGroup": describe.replication_group(region, group)}


def _deleted(region: Region, group: Group) -> None:
    del region.groups[group.group_id]
    region.tags.pop(region.arn("replicationgroup", group.group_id), None)
    for node in group.nodes:
        region.tags.pop(region.arn("cluster", node.node_id), None)
        events.record(region, "cache-cluster", node.node_id, "Cache cluster deleted")
        events.publish(region, group, "DeleteCacheClusterComplete", node.node_id)
    events.record(region, "replication-group", group.group_id, f"Replication group {group.group_id} deleted")
