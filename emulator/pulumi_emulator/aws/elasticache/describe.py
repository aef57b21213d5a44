"""Replication groups and cache clusters in the form in which the API answers them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from pulumi_emulator.aws.elasticache import events, parameters
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.jobs import current_status
from pulumi_emulator.aws.elasticache.model import CACHE_NODE_ID, Group, Node
from pulumi_emulator.aws.elasticache.specs import group_spec
from pulumi_emulator.caches import names
from pulumi_emulator.errors import EmulatorError


def replication_group(region: Region, group: Group) -> dict[str, Any]:
    """Return a group. Roles and per-node endpoints only with cluster mode disabled, as botocore's NodeGroupMember says."""
    roles = roles_of(region, group)
    shape: dict[str, Any] = {
        "ReplicationGroupId": group.group_id,
        "Description": group.description,
        "Status": current_status(region, group),
        "PendingModifiedValues": pending(group),
        "MemberClusters": [node.node_id for node in group.nodes],
        "NodeGroups": [_node_group(region, group, shard, roles) for shard in group.shards],
        "AutomaticFailover": "enabled" if group.automatic_failover else "disabled",
        "MultiAZ": "enabled" if group.multi_az else "disabled",
        "SnapshotRetentionLimit": group.retention,
        "SnapshotWindow": group.snapshot_window,
        "ClusterEnabled": group.clustered,
        "CacheNodeType": group.node_type,
        "AuthTokenEnabled": bool(group.token_hashes),
        "TransitEncryptionEnabled": group.tls,
        "AtRestEncryptionEnabled": group.at_rest,
        "ARN": region.arn("replicationgroup", group.group_id),
        "UserGroupIds": list(group.user_groups),
        "LogDeliveryConfigurations": group.logs,
        "ReplicationGroupCreateTime": group.created,
        "DataTiering": "enabled" if group.data_tiering else "disabled",
        "AutoMinorVersionUpgrade": group.auto_minor_version_upgrade,
        "NetworkType": group.network_type,
        "IpDiscovery": group.ip_discovery,
        "ClusterMode": group.cluster_mode,
        "Engine": group.engine,
    }
    optional: dict[str, Any] = {
        "KmsKeyId": group.kms_key,
        "TransitEncryptionMode": group.tls_mode,
        "AuthTokenLastModifiedDate": group.token_changed,
        "Durability": group.durability,
        # botocore ReplicationGroup: "default" is resolved by the service; here to no durability.
        "EffectiveDurability": {"default": "disabled"}.get(group.durability, group.durability) if group.durability else None,
        "SnapshottingClusterId": group.snapshotting_cluster if group.retention else None,
    }
    if group.clustered:
        optional["ConfigurationEndpoint"] = _endpoint(group, names.configuration_name(group_spec(region, group), tls=group.tls))
    if group.global_id is not None:
        optional["GlobalReplicationGroupInfo"] = {
            "GlobalReplicationGroupId": group.global_id,
            "GlobalReplicationGroupMemberRole": group.global_role,
        }
    return shape | {name: value for name, value in optional.items() if value is not None}


def cache_cluster(region: Region, group: Group, node: Node, *, show_nodes: bool) -> dict[str, Any]:
    """Return one node of a group as the cache cluster that it is to the API."""
    gone = roles_of(region, group).get(node.node_id) == "gone"
    status = "modifying" if gone else group.status
    record = parameters.find(region, group.parameter_group)
    shape: dict[str, Any] = {
        "CacheClusterId": node.node_id,
        "ClientDownloadLandingPage": "https://console.aws.amazon.com/elasticache/home#client-download:",
        "CacheNodeType": group.node_type,
        "Engine": group.engine,
        "EngineVersion": group.version,
        "CacheClusterStatus": status,
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": node.zone,
        "CacheClusterCreateTime": node.created,
        "PreferredMaintenanceWindow": group.maintenance_window,
        "PendingModifiedValues": _pending_of_cluster(group),
        "CacheSecurityGroups": [],
        "CacheParameterGroup": {
            "CacheParameterGroupName": record["name"],
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": group.subnet_group,
        "AutoMinorVersionUpgrade": group.auto_minor_version_upgrade,
        "SecurityGroups": [{"SecurityGroupId": entry, "Status": "active"} for entry in group.security_groups],
        "ReplicationGroupId": group.group_id,
        "SnapshotRetentionLimit": group.retention if node.node_id == group.snapshotting_cluster else 0,
        "SnapshotWindow": group.snapshot_window,
        "AuthTokenEnabled": bool(group.token_hashes),
        "TransitEncryptionEnabled": group.tls,
        "AtRestEncryptionEnabled": group.at_rest,
        "ARN": region.arn("cluster", node.node_id),
        "ReplicationGroupLogDeliveryEnabled": bool(group.logs),
        "LogDeliveryConfigurations": group.logs,
        "NetworkType": group.network_type,
        "IpDiscovery": group.ip_discovery,
    }
    if group.tls_mode is not None:
        shape["TransitEncryptionMode"] = group.tls_mode
    if group.topic_arn is not None:
        shape["NotificationConfiguration"] = {
            "TopicArn": group.topic_arn,
            "TopicStatus": events.topic_status(region, group.topic_arn) if group.topic_active else "inactive",
        }
    if show_nodes:
        shape["CacheNodes"] = [
            {
                "CacheNodeId": CACHE_NODE_ID,
                "CacheNodeStatus": "rebooting cluster nodes" if gone else group.status,
                "CacheNodeCreateTime": node.created,
                "Endpoint": _endpoint(group, _node_host(region, group, node)),
                "ParameterGroupStatus": "in-sync",
                "CustomerAvailabilityZone": node.zone,
            }
        ]
    return shape


def roles_of(region: Region, group: Group) -> Mapping[str, str]:
    """Return the nodes' roles as they really are; as they will be while the group is made."""
    if group.status != "creating" and region.account.has_plane:
        # Nodes are not there yet, or not any more.
        with contextlib.suppress(EmulatorError):
            return region.account.plane.roles(group.group_id)
    return {node.node_id: "primary" if node == group.of_shard(node.shard)[0] else "replica" for node in group.nodes}


def pending(group: Group) -> dict[str, Any]:
    """Return what waits for the maintenance window, as far as the group's shape has a place for it."""
    values: dict[str, Any] = {}
    if "AutomaticFailoverEnabled" in group.pending:
        values["AutomaticFailoverStatus"] = "enabled" if group.pending["AutomaticFailoverEnabled"] else "disabled"
    for name in ("TransitEncryptionEnabled", "TransitEncryptionMode", "ClusterMode"):
        if name in group.pending:
            values[name] = group.pending[name]
    return values


def _pending_of_cluster(group: Group) -> dict[str, Any]:
    names_ = ("EngineVersion", "CacheNodeType", "TransitEncryptionEnabled", "TransitEncryptionMode")
    return {name: group.pending[name] for name in names_ if name in group.pending}


def _node_group(region: Region, group: Group, shard: str, roles: Mapping[str, str]) -> dict[str, Any]:
    nodes = group.of_shard(shard)
    whole = all(roles.get(node.node_id) != "gone" for node in nodes)
    status = group.status if whole or group.status != "available" else "modifying"
    shape: dict[str, Any] = {"NodeGroupId": shard, "Status": status}
    if group.cluster_mode != "enabled":
        spec = group_spec(region, group)
        shape["PrimaryEndpoint"] = _endpoint(group, names.primary_name(spec, tls=group.tls))
        shape["ReaderEndpoint"] = _endpoint(group, names.reader_name(spec, tls=group.tls))
    if group.clustered:
        shape["Slots"] = group.slots[shard]
    shape["NodeGroupMembers"] = [_member(region, group, node, roles) for node in nodes]
    return shape


def _member(region: Region, group: Group, node: Node, roles: Mapping[str, str]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "CacheClusterId": node.node_id,
        "CacheNodeId": CACHE_NODE_ID,
        "PreferredAvailabilityZone": node.zone,
    }
    if group.cluster_mode != "enabled":
        shape["ReadEndpoint"] = _endpoint(group, _node_host(region, group, node))
        shape["CurrentRole"] = "primary" if roles.get(node.node_id) == "primary" else "replica"
    return shape


def _node_host(region: Region, group: Group, node: Node) -> str:
    return names.node_name(group_spec(region, group), node.node_id, tls=group.tls)


def _endpoint(group: Group, host: str) -> dict[str, Any]:
    return {"Address": host, "Port": group.port}
