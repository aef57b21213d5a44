"""ModifyReplicationGroup: everything about a group but its numbers of shards and replicas."""

from __future__ import annotations

import copy
from typing import Any, Final

from pulumi_emulator.aws.elasticache import describe, engines, events, parameters, subnets, user_groups
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.checks import check_group, check_logs, check_token, check_topic
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.jobs import MODIFYING, become, check_available, run
from pulumi_emulator.aws.elasticache.model import Group
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.elasticache.users import password_hash

# What waits for the maintenance window without ApplyImmediately (botocore ModifyReplicationGroup, PendingModifiedValues).
WAITING: Final = frozenset(
    {
        "AutomaticFailoverEnabled",
        "MultiAZEnabled",
        "EngineVersion",
        "Engine",
        "CacheNodeType",
        "TransitEncryptionEnabled",
        "TransitEncryptionMode",
        "ClusterMode",
    }
)
# What belongs to the global object once a group is a member of one (hashicorp/terraform-provider-aws#19929, #22528, #47644).
# Of the last four no answer of AWS was found; members have them alike (Redis-Global-Datastores-Getting-Started.html). Multi-AZ
# is a member's own: AWS's sample of modify-replication-group --no-multi-az-enabled answers with a member.
GLOBAL: Final = frozenset(
    {
        "CacheNodeType",
        "EngineVersion",
        "Engine",
        "AutomaticFailoverEnabled",
        "AutoMinorVersionUpgrade",
        "CacheParameterGroupName",
        "ClusterMode",
        "TransitEncryptionEnabled",
        "TransitEncryptionMode",
        "PrimaryClusterId",
    }
)
MODE_ORDER: Final = {("disabled", "compatible"), ("compatible", "enabled"), ("compatible", "disabled")}
# What goes with ClusterMode in one request (docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html).
WITH_MODE: Final = frozenset({"ReplicationGroupId", "ApplyImmediately", "ClusterMode", "CacheParameterGroupName"})
WITH_PRIMARY: Final = frozenset({"ReplicationGroupId", "ApplyImmediately", "PrimaryClusterId"})
WITH_DURABILITY: Final = frozenset({"ReplicationGroupId", "ApplyImmediately", "Durability"})
SCALING: Final = frozenset({"CacheNodeType", "EngineVersion", "Engine"})
STRATEGIES: Final = ("SET", "ROTATE", "DELETE")


@operation(
    "ModifyReplicationGroup",
    "ReplicationGroupId ReplicationGroupDescription SnapshottingClusterId AutomaticFailoverEnabled "
    "MultiAZEnabled SecurityGroupIds PreferredMaintenanceWindow NotificationTopicArn CacheParameterGroupName "
    "NotificationTopicStatus ApplyImmediately Engine EngineVersion AutoMinorVersionUpgrade SnapshotRetentionLimit "
    "SnapshotWindow CacheNodeType AuthToken AuthTokenUpdateStrategy UserGroupIdsToAdd UserGroupIdsToRemove RemoveUserGroups "
    "LogDeliveryConfigurations IpDiscovery TransitEncryptionEnabled TransitEncryptionMode ClusterMode Durability "
    "PrimaryClusterId",
)
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Change a group: checked as a whole first, so that a refused change changes nothing."""
    group = region.group(given["ReplicationGroupId"])
    check_available(region, group)
    if group.global_id is not None and GLOBAL & given.keys():
        raise refuse("global-member", id=group.group_id, global_id=group.global_id)
    if "PrimaryClusterId" in given:
        return _hand_over(region, group, given)
    _check_mode_request(group, given)
    if "LogDeliveryConfigurations" in given and not given.get("ApplyImmediately"):
        raise refuse("logs-immediately")
    waiting = {} if given.get("ApplyImmediately") else {name: given[name] for name in WAITING & given.keys()}
    wanted = {**(group.pending if given.get("ApplyImmediately") else {}), **given}
    new = copy.deepcopy(group)
    apply(region, new, wanted)
    check_group(region, new)
    if waiting:
        # Checked with the rest, but only noted.
        new = copy.deepcopy(group)
        apply(region, new, {name: value for name, value in given.items() if name not in WAITING})
        new.pending = {**group.pending, **waiting}
    elif given.get("ApplyImmediately"):
        new.pending = {}
    message = f"Replication group {group.group_id} modified"
    become(region, group, new, lambda: events.record(region, "replication-group", group.group_id, message))
    return {"ReplicationGroup": describe.replication_group(region, group)}


def _hand_over(region: Region, group: Group, given: dict[str, Any]) -> dict[str, Any]:
    """Make another node the primary, at once; the old one follows it."""
    wanted = given["PrimaryClusterId"].lower()
    if group.cluster_mode != "disabled":
        raise refuse("primary-sharded")
    if group.automatic_failover:
        raise refuse("primary-automatic", id=group.group_id)
    if wanted not in {node.node_id for node in group.nodes}:
        raise refuse("primary-unknown", id=wanted)
    if given.keys() - WITH_PRIMARY:
        raise refuse("primary-alone", others=", ".join(sorted(given.keys() - WITH_PRIMARY)))
    plane = region.account.plane
    message = f"Replication group {group.group_id} modified"

    def done() -> None:
        events.record(region, "replication-group", group.group_id, message)

    run(region, group, MODIFYING, lambda: plane.hand_over(group.group_id, wanted), done)
    return {"ReplicationGroup": describe.replication_group(region, group)}


def apply(region: Region, group: Group, given: dict[str, Any]) -> None:
    """Change a copy of a group as a request says; what one value alone can be wrong with is refused here."""
    apply_engine(group, given)
    _apply_snapshotting(group, given)
    simple = {
        "ReplicationGroupDescription": "description",
        "AutomaticFailoverEnabled": "automatic_failover",
        "MultiAZEnabled": "multi_az",
        "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
        "SnapshotRetentionLimit": "retention",
        "SnapshotWindow": "snapshot_window",
        "IpDiscovery": "ip_discovery",
        "Durability": "durability",
    }
    for member, attribute in simple.items():
        if member in given:
            setattr(group, attribute, given[member])
    group.encrypt_durable()
    if "PreferredMaintenanceWindow" in given:
        group.maintenance_window = given["PreferredMaintenanceWindow"].lower()
    if "CacheNodeType" in given:
        group.node_type = engines.check_node_type(given["CacheNodeType"])
    if "SecurityGroupIds" in given:
        subnets.check_security_groups(region, given["SecurityGroupIds"])
        group.security_groups = list(given["SecurityGroupIds"])
    if "NotificationTopicArn" in given:
        group.topic_arn = check_topic(region, given["NotificationTopicArn"]) if given["NotificationTopicArn"] else None
    if "NotificationTopicStatus" in given:
        group.topic_active = given["NotificationTopicStatus"] == "active"
    if "LogDeliveryConfigurations" in given:
        group.logs = check_logs(region, given["LogDeliveryConfigurations"], group.logs)
    _apply_mode(group, given)
    _apply_parameter_group(region, group, given)
    _apply_tls(group, given)
    _apply_user_groups(region, group, given)
    _apply_token(region, group, given)


def apply_engine(group: Group, given: dict[str, Any]) -> None:
    """Change the engine and its version; refused when it is a step back."""
    engine = given.get("Engine", group.engine).lower()
    if (group.engine, engine) == (engines.VALKEY, engines.REDIS):
        raise refuse("engine-back")
    if "EngineVersion" not in given and engine == group.engine:
        return
    engine, version = engines.check_engine(engine, given.get("EngineVersion"))
    if engine == group.engine and engines.numbers(version) < engines.numbers(group.version):
        raise refuse("downgrade", old=group.version, new=version)
    group.engine, group.version = engine, version


def _apply_parameter_group(region: Region, group: Group, given: dict[str, Any]) -> None:
    if "CacheParameterGroupName" in given:
        old, new = (parameters.find(region, name) for name in (group.parameter_group, given["CacheParameterGroupName"]))
        if parameters.databases(old) != parameters.databases(new):
            raise refuse(
                "parameter-databases", name=new["name"], found=parameters.databases(new), needed=parameters.databases(old)
            )
        group.parameter_group = new["name"]
    elif group.parameter_group.startswith(parameters.DEFAULT):
        # A default group follows the engine and the cluster mode (modify-cluster-mode.html, VersionManagement).
        family = engines.family(group.engine, group.version)
        group.parameter_group = parameters.default_name(family, clustered=group.clustered)


def _apply_snapshotting(group: Group, given: dict[str, Any]) -> None:
    node_id = given.get("SnapshottingClusterId")
    if node_id is None:
        turns_on = group.retention == 0 and given.get("SnapshotRetentionLimit", 0) > 0
        if turns_on and group.cluster_mode != "enabled":
            raise refuse("snapshots-on")
        return
    if group.cluster_mode == "enabled":
        raise refuse("snapshotting")
    if node_id not in {node.node_id for node in group.nodes}:
        raise refuse("snapshotting-unknown", id=node_id)
    group.snapshotting_cluster = node_id


def _check_mode_request(group: Group, given: dict[str, Any]) -> None:
    if given.get("Durability", group.durability) != group.durability and given.keys() - WITH_DURABILITY:
        raise refuse("durability-alone", others=", ".join(sorted(given.keys() - WITH_DURABILITY)))
    if "ClusterMode" in given and given["ClusterMode"] != group.cluster_mode:
        if given.keys() - WITH_MODE:
            raise refuse("mode-alone", others=", ".join(sorted(given.keys() - WITH_MODE)))
    elif group.cluster_mode == "compatible" and SCALING & given.keys():
        raise refuse("mode-compatible", others=", ".join(sorted(SCALING & given.keys())))


def _apply_mode(group: Group, given: dict[str, Any]) -> None:
    mode = given.get("ClusterMode", group.cluster_mode)
    if mode == group.cluster_mode:
        return
    if (group.cluster_mode, mode) not in MODE_ORDER:
        raise refuse("mode-order", old=group.cluster_mode, new=mode)
    group.cluster_mode = mode


def _apply_tls(group: Group, given: dict[str, Any]) -> None:
    enabled = given.get("TransitEncryptionEnabled", group.tls)
    mode = given.get("TransitEncryptionMode", group.tls_mode if enabled else None)
    if (enabled, mode) == (group.tls, group.tls_mode):
        return
    if engines.numbers(group.version) < engines.TLS_CHANGE_FROM:
        raise refuse("tls-version", version=group.version)
    # Off, preferred, required: a step at a time, in either direction.
    steps = [(False, None), (True, "preferred"), (True, "required")]
    if (enabled, mode) not in steps or abs(steps.index((enabled, mode)) - steps.index((group.tls, group.tls_mode))) > 1:
        raise refuse("tls-two-steps")
    group.tls, group.tls_mode = enabled, mode


def _apply_user_groups(region: Region, group: Group, given: dict[str, Any]) -> None:
    if given.get("RemoveUserGroups"):
        group.user_groups = []
    for entry in given.get("UserGroupIdsToRemove", []):
        if entry.lower() not in group.user_groups:
            raise refuse("user-group-unknown", id=entry)
        group.user_groups.remove(entry.lower())
    for entry in given.get("UserGroupIdsToAdd", []):
        group_id = user_groups.check_for_cache(region, entry, group.engine)
        if group_id not in group.user_groups:
            group.user_groups.append(group_id)


def _apply_token(region: Region, group: Group, given: dict[str, Any]) -> None:
    strategy, token = given.get("AuthTokenUpdateStrategy"), given.get("AuthToken")
    if strategy is None and token is None:
        return
    # botocore AuthTokenUpdateStrategy: ROTATE is the default.
    strategy = strategy or "ROTATE"
    if strategy not in STRATEGIES:
        raise refuse("token-strategy", strategy=strategy, why="SET, ROTATE or DELETE")
    if (strategy == "DELETE") != (token is None):
        raise refuse("token-strategy", strategy=strategy, why="SET and ROTATE need a token, DELETE takes none")
    if strategy == "DELETE":
        if not group.user_groups:
            raise refuse("token-delete")
        group.token_hashes = ()
    else:
        new = password_hash(check_token(str(token)))
        # ROTATE keeps the newest earlier token valid beside the new one, SET leaves the new one alone (auth.html).
        group.token_hashes = (new,) if strategy == "SET" else (*[old for old in group.token_hashes if old != new][:1], new)
    group.token_changed = region.now()
