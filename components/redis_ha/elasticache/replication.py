"""The inputs of a replication group as plain data: in the words of its cluster mode, and what of them is ignored later."""

from collections.abc import Mapping
from typing import Any

from .plan import Plan
from .versions import FIRST_REDIS_WITH_TLS_MODE, at_least

# Only a creation knows these: a later change of a snapshot's name would replace the group, and the provider ignores one of
# the zones (hashicorp/terraform-provider-aws, internal/service/elasticache/replication_group.go).
ONLY_AT_CREATION = ("snapshotName", "snapshotArns", "preferredCacheClusterAzs")
# What belongs to the global object once the group is a member: AWS refuses to change it at the member, and turns automatic
# minor upgrades off by itself (hashicorp/terraform-provider-aws issues 19929, 22528, 24919).
GLOBAL = (
    "nodeType",
    "engine",
    "engineVersion",
    "numNodeGroups",
    "automaticFailoverEnabled",
    "parameterGroupName",
    "autoMinorVersionUpgrade",
)
# What a secondary has of its own (the conflicts of global_replication_group_id in the same file leave these).
LOCAL = (
    "replication_group_id",
    "description",
    "port",
    "num_cache_clusters",
    "preferred_cache_cluster_azs",
    "automatic_failover_enabled",
    "multi_az_enabled",
    "maintenance_window",
    "snapshot_window",
    "snapshot_retention_limit",
    "apply_immediately",
)
# Legacy groups outside of a VPC have these; reading them back would replace the group (terraform-provider-aws issue 32835).
NEVER_GIVEN = ("securityGroupNames",)
# What AWS does not tell of an existing group, or what the component adds: left as found until it is brought into line.
AS_FOUND = (
    "applyImmediately",
    "authToken",
    "authTokenUpdateStrategy",
    "description",
    "finalSnapshotIdentifier",
    "tags",
)


def ignored_changes(plan: Plan, autoscaled: list[str]) -> list[str]:
    """Return the group's properties that are never changed by the program after its creation."""
    found = [*ONLY_AT_CREATION, *autoscaled]
    if plan.global_member:
        found += GLOBAL
    if plan.adopted("replication_group"):
        found += [*NEVER_GIVEN, *(AS_FOUND if plan.keep_as_found else ())]
        if plan.adopt_change:  # what may change at once would else wait for the maintenance window
            found = [name for name in found if name != "applyImmediately"]
    return list(dict.fromkeys(found))


def group_arguments(plan: Plan) -> dict[str, Any]:
    """Return the group's plain arguments. What the topology means is said once, in the words of its cluster mode."""
    topology = plan.topology
    arguments: dict[str, Any] = {
        "replication_group_id": topology.group_id,
        "description": plan.description,
        "engine": plan.engine,
        "engine_version": plan.engine_version,
        "node_type": plan.node_type,
        "port": plan.port,
        "cluster_mode": topology.cluster_mode,
        "automatic_failover_enabled": topology.automatic_failover,
        "multi_az_enabled": topology.multi_az,
        "at_rest_encryption_enabled": plan.at_rest_encryption,
        "transit_encryption_enabled": plan.tls != "off",
        "maintenance_window": plan.maintenance_window,
        "snapshot_window": plan.snapshot_window,
        "snapshot_retention_limit": plan.snapshot_retention_days,
        "apply_immediately": plan.apply_immediately,
        "auto_minor_version_upgrade": plan.auto_minor_version_upgrade,
        "network_type": plan.network_type,
        "ip_discovery": plan.ip_discovery,
        "durability": plan.durability,
        "auth_token_update_strategy": plan.auth_token_update_strategy,
    }
    if topology.clustered:
        arguments |= {"num_node_groups": topology.shards, "replicas_per_node_group": topology.replicas}
    else:
        zones = plan.preferred_zones()
        arguments |= {"num_cache_clusters": topology.nodes, "preferred_cache_cluster_azs": list(zones or ())}
    if plan.tls != "off" and at_least(plan.engine, plan.engine_version, FIRST_REDIS_WITH_TLS_MODE):
        # A mode without TLS breaks every existing user (cloudposse/terraform-aws-elasticache-redis issue 240).
        arguments["transit_encryption_mode"] = plan.tls
    return {name: value for name, value in arguments.items() if value is not None}


def secondary_arguments(plan: Plan) -> dict[str, Any]:
    """Return the plain arguments of a secondary of a global datastore: what is local to its region, and nothing inherited.

    Automatic failover is inherited too, and the provider never sends it for a member; but it takes no Multi-AZ without.
    """
    arguments = group_arguments(plan)
    local = {name: arguments[name] for name in LOCAL if name in arguments}
    if plan.topology.clustered:
        return local | {"replicas_per_node_group": plan.topology.replicas}
    return local


def replacing(plan: Plan) -> Mapping[str, str]:
    """Return what replaces the group when it changes: a replaced group gets a final snapshot of another name."""
    return {
        "group_id": plan.group_id,
        "port": str(plan.port),
        "network_type": plan.network_type or "",
        "at_rest_encryption": str(plan.at_rest_encryption),
    }
