"""What the provider decides in code about a replication group: plan checks, what replaces, what an update asks for.

Source: hashicorp/terraform-provider-aws internal/service/elasticache/replication_group.go and engine_version.go.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pulumi_emulator.handlers.aws.translation import Request
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Change, Failure
from pulumi_emulator.values import has_unknown

# failoverMinNumCacheClusters
FAILOVER_MIN_NODES: Final = 2
# Below this, encryption in transit can only be decided when a group is made.
TLS_IN_PLACE_SINCE: Final = (7, 0, 5)
DEFAULT_PORT: Final = 6379
# What is no difference at a member of a Global Datastore (pull request 42636; automatic_failover_enabled since 47647).
OF_THE_DATASTORE: Final = frozenset({"engine", "engineVersion", "parameterGroupName", "automaticFailoverEnabled"})
# Copies that members use: a group that is no longer a member keeps its copy too.
GLOBAL_PARAMETERS: Final = "global-datastore-"
# What waits for the maintenance window without apply_immediately (botocore ModifyReplicationGroup ApplyImmediately).
WAITING: Final = frozenset(
    {
        "automaticFailoverEnabled",
        "clusterMode",
        "engine",
        "engineVersion",
        "multiAzEnabled",
        "nodeType",
        "transitEncryptionEnabled",
        "transitEncryptionMode",
    }
)
# Where the ids of the shards that are there stand beside the inputs.
PRESENT: Final = "shardsPresent"
REDIS_VERSION: Final = re.compile(r"[1-5](\.\d+){2}|6\.x|[6-9]\.\d+")
VALKEY_VERSION: Final = re.compile(r"[7-9]\.\d+")


def check(inputs: Properties) -> list[Failure]:
    """Return what is wrong with the inputs together."""
    found = []
    version = inputs.get("engineVersion")
    # Either engine's form passes the schema; which engine's it must be, the API says.
    if isinstance(version, str) and not (REDIS_VERSION.fullmatch(version) or VALKEY_VERSION.fullmatch(version)):
        wanted = "<major>.<minor> for Valkey and for Redis from 6 on, <major>.<minor>.<patch> for Redis up to 5"
        found.append(Failure("engineVersion", f"{version!r} is not a version: {wanted}"))
    if inputs.get("multiAzEnabled") is True and not _on(inputs, "automaticFailoverEnabled"):
        found.append(Failure("multiAzEnabled", "needs automatic_failover_enabled to be true"))
    nodes = inputs.get("numCacheClusters")
    if inputs.get("automaticFailoverEnabled") is True and isinstance(nodes, int | str) and int(nodes) < FAILOVER_MIN_NODES:
        found.append(Failure("numCacheClusters", f"must be at least {FAILOVER_MIN_NODES} with automatic_failover_enabled"))
    return found + _token_failures(inputs)


def _on(inputs: Properties, name: str) -> bool:
    value = inputs.get(name)
    return value is True or (value is not None and has_unknown(value))


def _token_failures(inputs: Properties) -> list[Failure]:
    strategy = inputs.get("authTokenUpdateStrategy")
    given = inputs.get("authToken") is not None or inputs.get("authTokenWo") is not None
    if strategy == "DELETE" and given:
        return [Failure("authTokenUpdateStrategy", "DELETE takes the token away: auth_token must not be set with it")]
    if isinstance(strategy, str) and strategy != "DELETE" and not given:
        return [Failure("authTokenUpdateStrategy", f"{strategy} needs auth_token to be set")]
    return []


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers; "6.x" is above every 6."""
    return tuple(sys.maxsize if part == "x" else int(part) for part in version.split("."))


def is_downgrade(old: str, new: str, actual: str) -> bool:
    """Tell whether a version is lower than the one before; "6.x" is what the group really has."""
    if old in ("6.x", "7.x") and actual:
        return version_key(new)[:2] < version_key(actual)[:2]
    return version_key(new) < version_key(old)


def diff(state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
    """Return the changes with what the provider's code replaces, without what it does not count as a change."""
    member = bool(state.get("globalReplicationGroupId"))
    kept = []
    for change in found:
        if member and change.property in OF_THE_DATASTORE:
            continue
        if change.property == "parameterGroupName" and str(state.get("parameterGroupName")).startswith(GLOBAL_PARAMETERS):
            continue
        if change.property == "port" and change.kind == "delete" and int(state.get("port") or 0) == DEFAULT_PORT:
            continue
        kept.append(replace(change, replaces=change.replaces or _replaces(change.property, state, olds, news)))
    return kept


def _replaces(name: str, state: Properties, olds: Properties, news: Properties) -> bool:
    old, new = state.get(name, olds.get(name)), news.get(name)
    if name == "engine":
        return not (str(old).lower() == "redis" and str(new).lower() == "valkey")
    if name == "engineVersion" and isinstance(old, str) and isinstance(new, str):
        return is_downgrade(old, new, str(state.get("engineVersionActual") or ""))
    if name == "transitEncryptionEnabled":
        actual = str(state.get("engineVersionActual") or "")
        return bool(actual) and version_key(actual) < TLS_IN_PLACE_SINCE
    if name == "nodeGroupConfigurations":
        return _node_groups_differ(list(old or []), list(new or []))
    return False


def _node_groups_differ(old: list[Mapping[str, Any]], new: list[Mapping[str, Any]]) -> bool:
    befores = {item.get("nodeGroupId", ""): item for item in old}
    afters = {item.get("nodeGroupId", ""): item for item in new}
    if befores.keys() != afters.keys():
        return True
    for key, before in befores.items():
        after = afters[key]
        if any(before.get(name) != after.get(name) for name in ("replicaCount", "slots")):
            return True
        zones = ("primaryAvailabilityZone", "replicaAvailabilityZones")
        if any(before.get(name) and before.get(name) != after.get(name) for name in zones):
            return True
    return False


def counts(resource_id: str, state: Properties, inputs: Properties, changed: set[str]) -> tuple[list[Request], list[Request]]:
    """Return the calls for shards and replicas: those that come first, and the taking away of replicas, which comes last."""
    always = {"ReplicationGroupId": resource_id, "ApplyImmediately": True}
    first: list[Request] = []
    if {"numNodeGroups", "replicasPerNodeGroup"} & changed:
        if "numNodeGroups" in changed:
            old, new = int(state.get("numNodeGroups") or 0), int(inputs["numNodeGroups"])
            first.append(_shards(always, old, new, list(inputs.get(PRESENT) or [])))
        if "replicasPerNodeGroup" in changed:
            old, new = int(state.get("replicasPerNodeGroup") or 0), int(inputs["replicasPerNodeGroup"])
            word = "Increase" if new > old else "Decrease"
            first.append(Request("elasticache", f"{word}ReplicaCount", {**always, "NewReplicaCount": new}))
        return first, []
    if "numCacheClusters" in changed:
        old, new = int(state.get("numCacheClusters") or 0), int(inputs["numCacheClusters"])
        parameters = {**always, "NewReplicaCount": new - 1}
        if new > old:
            return [Request("elasticache", "IncreaseReplicaCount", parameters)], []
        return [], [Request("elasticache", "DecreaseReplicaCount", parameters)]
    return [], []


def _shards(always: dict[str, Any], old: int, new: int, present: list[str]) -> Request:
    parameters = {**always, "NodeGroupCount": new}
    if new < old and new < len(present):
        # The provider takes those with the highest ids away (modifyReplicationGroupShardConfigurationNumNodeGroups).
        parameters["NodeGroupsToRemove"] = sorted(present, reverse=True)[: len(present) - new]
    return Request("elasticache", "ModifyReplicationGroupShardConfiguration", parameters)


def log_changes(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is to be delivered, and for a log that is no longer wanted that it is off."""
    wanted = {item["LogType"] for item in new}
    return new + [{"LogType": item["LogType"], "Enabled": False} for item in old if item["LogType"] not in wanted]


def user_group_changes(state: Properties, inputs: Properties, changed: set[str]) -> dict[str, Any]:
    """Return which user groups come and go; with the first one a token may go in the same call."""
    old, new = set(state.get("userGroupIds") or []), set(inputs.get("userGroupIds") or [])
    made: dict[str, Any] = {}
    if new - old:
        made["UserGroupIdsToAdd"] = sorted(new - old)
        if changed & {"authToken", "authTokenUpdateStrategy"} and inputs.get("authTokenUpdateStrategy") == "DELETE":
            made["AuthTokenUpdateStrategy"] = "DELETE"
    if old - new:
        made["UserGroupIdsToRemove"] = sorted(old - new)
    return made


def from_group(found: Mapping[str, Any], state: Properties) -> dict[str, Any]:
    """Return the properties that the description of a group gives."""
    shards = found.get("NodeGroups") or []
    configuration = found.get("ConfigurationEndpoint") or {}
    first = shards[0] if shards else {}
    primary, reader = first.get("PrimaryEndpoint") or {}, first.get("ReaderEndpoint") or {}
    properties = {
        "replicationGroupId": found["ReplicationGroupId"],
        "arn": found["ARN"],
        "description": found.get("Description", ""),
        "automaticFailoverEnabled": found.get("AutomaticFailover") in ("enabled", "enabling"),
        "multiAzEnabled": found.get("MultiAZ") == "enabled",
        "clusterEnabled": bool(found.get("ClusterEnabled")),
        "clusterMode": found.get("ClusterMode"),
        "dataTieringEnabled": found.get("DataTiering") == "enabled",
        # Kept when the group is no longer a member: the provider sets it from what is there only.
        "globalReplicationGroupId": (found.get("GlobalReplicationGroupInfo") or {}).get("GlobalReplicationGroupId")
        or state.get("globalReplicationGroupId", ""),
        "ipDiscovery": found.get("IpDiscovery"),
        "networkType": found.get("NetworkType"),
        "kmsKeyId": found.get("KmsKeyId"),
        "memberClusters": list(found.get("MemberClusters") or []),
        "numCacheClusters": len(found.get("MemberClusters") or []),
        "numNodeGroups": len(shards),
        "replicasPerNodeGroup": max(0, len(first.get("NodeGroupMembers") or []) - 1),
        "logDeliveryConfigurations": _logs(found.get("LogDeliveryConfigurations") or []),
        "snapshotWindow": found.get("SnapshotWindow"),
        "snapshotRetentionLimit": found.get("SnapshotRetentionLimit", 0),
        "userGroupIds": list(found.get("UserGroupIds") or []),
        "durability": found.get("Durability"),
        "configurationEndpointAddress": configuration.get("Address", ""),
        # With a configuration endpoint the provider leaves the others empty.
        "primaryEndpointAddress": "" if configuration else primary.get("Address", ""),
        "readerEndpointAddress": "" if configuration else reader.get("Address", ""),
        "port": (configuration or primary).get("Port") or state.get("port"),
    }
    return {name: value for name, value in properties.items() if value is not None}


def _logs(configurations: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    made = []
    for item in configurations:
        details = item.get("DestinationDetails") or {}
        place = details.get("CloudWatchLogsDetails") or details.get("KinesisFirehoseDetails") or {}
        made.append(
            {
                "destination": place.get("LogGroup") or place.get("DeliveryStream") or "",
                "destinationType": item.get("DestinationType", ""),
                "logFormat": item.get("LogFormat", ""),
                "logType": item.get("LogType", ""),
            }
        )
    return made


def from_member(cluster: Mapping[str, Any], state: Properties) -> dict[str, Any]:
    """Return the properties that only a node's description gives."""
    if not cluster:
        return {}
    actual = str(cluster.get("EngineVersion") or "")
    properties = {
        "engine": cluster.get("Engine"),
        "engineVersion": shown_version(actual, str(state.get("engineVersion") or "")),
        "engineVersionActual": actual,
        "nodeType": cluster.get("CacheNodeType"),
        "maintenanceWindow": cluster.get("PreferredMaintenanceWindow"),
        "autoMinorVersionUpgrade": bool(cluster.get("AutoMinorVersionUpgrade")),
        "atRestEncryptionEnabled": bool(cluster.get("AtRestEncryptionEnabled")),
        "transitEncryptionEnabled": bool(cluster.get("TransitEncryptionEnabled")),
        # Set also when AWS says none: no mode stays behind when encryption goes off (resourceReplicationGroupRead).
        "transitEncryptionMode": cluster.get("TransitEncryptionMode", ""),
        "subnetGroupName": cluster.get("CacheSubnetGroupName"),
        "parameterGroupName": (cluster.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
        "notificationTopicArn": (cluster.get("NotificationConfiguration") or {}).get("TopicArn"),
        "securityGroupIds": [item["SecurityGroupId"] for item in cluster.get("SecurityGroups") or []],
        "securityGroupNames": [item["CacheSecurityGroupName"] for item in cluster.get("CacheSecurityGroups") or []],
    }
    return {name: value for name, value in properties.items() if value is not None}


def shown_version(actual: str, given: str) -> str:
    """Return the version as the provider keeps it: without the patch from 6 on, as "6.x" where the program says so."""
    parts = actual.split(".")
    if len(parts) < 2 or int(parts[0]) < 6:
        return actual
    return f"{parts[0]}.x" if given.endswith(".x") else ".".join(parts[:2])
