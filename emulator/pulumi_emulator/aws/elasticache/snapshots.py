"""Snapshots of replication groups: records of what a group was. Their data is not kept."""

from __future__ import annotations

from typing import Any

from moto.s3.models import s3_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache import events
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.jobs import check_available
from pulumi_emulator.aws.elasticache.model import CACHE_NODE_ID, Group
from pulumi_emulator.aws.elasticache.operations import operation


@operation("CreateSnapshot", "ReplicationGroupId CacheClusterId SnapshotName Tags")
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Take a snapshot of a group, named by itself or by one of its nodes."""
    if ("ReplicationGroupId" in given) == ("CacheClusterId" in given):
        raise refuse("snapshot-source")
    if "ReplicationGroupId" in given:
        group = region.group(given["ReplicationGroupId"])
    else:
        wanted = given["CacheClusterId"].lower()
        groups = [group for group in region.groups.values() if any(node.node_id == wanted for node in group.nodes)]
        if not groups:
            raise refuse("cluster-unknown", id=wanted)
        group = groups[0]
    check_available(region, group)
    return {"Snapshot": take(region, group, given["SnapshotName"], given.get("Tags", []))}


@operation("DescribeSnapshots", "ReplicationGroupId CacheClusterId SnapshotName SnapshotSource ShowNodeGroupConfig")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return snapshots."""
    if "SnapshotName" in given:
        return {"Snapshots": [find(region, given["SnapshotName"])]}
    source = {"user": "manual", "system": "automated"}.get(given.get("SnapshotSource", ""))
    found = [
        record
        for record in region.snapshots.values()
        if given.get("ReplicationGroupId") in (None, record["ReplicationGroupId"])
        and source in (None, record["SnapshotSource"])
    ]
    return {"Snapshots": found}


@operation("DeleteSnapshot", "SnapshotName")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a snapshot."""
    record = find(region, given["SnapshotName"])
    del region.snapshots[record["SnapshotName"]]
    region.tags.pop(record["ARN"], None)
    return {"Snapshot": {**record, "SnapshotStatus": "deleting"}}


def take(region: Region, group: Group, name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    """Keep a record of a group as it is."""
    key = name.lower()
    if key in region.snapshots:
        raise refuse("snapshot-exists", name=name)
    time = region.now()
    arn = region.arn("snapshot", key)
    region.snapshots[key] = {
        "SnapshotName": key,
        "ReplicationGroupId": group.group_id,
        "ReplicationGroupDescription": group.description,
        "SnapshotStatus": "available",
        "SnapshotSource": "manual",
        "CacheNodeType": group.node_type,
        "Engine": group.engine,
        "EngineVersion": group.version,
        "PreferredMaintenanceWindow": group.maintenance_window,
        "Port": group.port,
        "CacheParameterGroupName": group.parameter_group,
        "CacheSubnetGroupName": group.subnet_group,
        "VpcId": region.subnet_groups[group.subnet_group]["VpcId"],
        "AutoMinorVersionUpgrade": group.auto_minor_version_upgrade,
        "SnapshotRetentionLimit": group.retention,
        "SnapshotWindow": group.snapshot_window,
        "NumNodeGroups": len(group.slots),
        "AutomaticFailover": "enabled" if group.automatic_failover else "disabled",
        "NodeSnapshots": [
            {
                "CacheClusterId": group.of_shard(shard)[0].node_id,
                "NodeGroupId": shard,
                "CacheNodeId": CACHE_NODE_ID,
                "CacheNodeCreateTime": group.of_shard(shard)[0].created,
                "SnapshotCreateTime": time,
            }
            for shard in group.shards
        ],
        "ARN": arn,
        "DataTiering": "enabled" if group.data_tiering else "disabled",
        **({"KmsKeyId": group.kms_key} if group.kms_key else {}),
        **({"TopicArn": group.topic_arn} if group.topic_arn else {}),
    }
    region.put_tags(arn, tags)
    events.record(region, "replication-group", group.group_id, f"Snapshot succeeded for snapshot with ID '{key}'")
    events.publish(region, group, "SnapshotComplete", group.group_id)
    return region.snapshots[key]


def find(region: Region, name: str) -> dict[str, Any]:
    """Return a snapshot; SnapshotNotFoundFault when there is none."""
    record = region.snapshots.get(name.lower())
    if record is None:
        raise refuse("snapshot-unknown", name=name)
    return record


def check_arns(arns: list[str]) -> None:
    """Refuse files that are not in the emulated S3. What is in them is not read: the group begins empty."""
    for arn in arns:
        bucket, _, key = arn.removeprefix("arn:aws:s3:::").partition("/")
        buckets = s3_backends[ACCOUNT_ID]["aws"].buckets
        if not arn.startswith("arn:aws:s3:::") or "," in key or bucket not in buckets or key not in buckets[bucket].keys:
            raise refuse("snapshot-arn", arn=arn)


def check_restorable(region: Region, name: str) -> None:
    """Refuse a snapshot that is not there or not done."""
    record = find(region, name)
    if record["SnapshotStatus"] != "available":
        raise refuse("snapshot-state", name=name, status=record["SnapshotStatus"])
