"""Application Auto Scaling of a replication group: shards or replicas follow the load, within limits."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import Checks, shown

from .topology import Topology
from .versions import at_least

# botocore, application-autoscaling/2016-02-06, ScalableDimension.
SCALABLE_DIMENSIONS = {
    "shards": "elasticache:replication-group:NodeGroups",
    "replicas": "elasticache:replication-group:Replicas",
}
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, AutoScaling-Scaling-Policies-Target (shards) and
# AutoScaling-Scaling-Policies-Replicas-Replicas; the first is the default. Without data tiering `capacity` is memory as well.
METRICS = {
    "shards": {
        "cpu": "ElastiCachePrimaryEngineCPUUtilization",
        "memory": "ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage",
        "capacity": "ElastiCacheDatabaseCapacityUsageCountedForEvictPercentage",
    },
    "replicas": {"cpu": "ElastiCacheReplicaEngineCPUUtilization"},
}
# The same pages: 35 to 70 percent.
MIN_TARGET, MAX_TARGET = 35, 70
DEFAULT_TARGET = 60
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, AutoScaling: what it is limited to; the eighth generation is in the page's
# newer translations only.
FAMILIES = ("c7gn", "c8gn", "m5", "m6g", "m7g", "m8g", "r5", "r6g", "r7g", "r8g")
SIZES = ("large", "xlarge", "2xlarge")
FIRST_REDIS = (6, 0)
# botocore, elasticache/2015-02-02, ReplicasPerNodeGroup: at most 5; at least one, so that a shard never loses its failover.
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Quotas": 500 nodes a group, hence shards.
LIMITS = {"replicas": (1, 5), "shards": (1, 500)}
# This project's choice: ten minutes, in which a resharding or a new replica can settle before the next is begun.
DEFAULT_COOLDOWN_SECONDS = 600
MAX_COOLDOWN_SECONDS = 86_400
# What the provider would fight about with the scaling (terraform-provider-aws issue 20917).
_DECLARED = {"shards": "num_node_groups", "replicas": "replicas_per_node_group"}


class AutoscalingSettings(TypedDict):
    """What is scaled, and in which bounds. One count, by one metric: AWS advises against two policies on one group."""

    scale: str
    """`replicas` (for reads) or `shards` (for writes and memory)."""
    min: int
    """The fewest, 1 or more."""
    max: int
    """The most: up to 5 replicas, or 500 shards (the account's quota is lower until raised)."""
    metric: NotRequired[str]
    """`cpu` (default), or for shards also `memory` or `capacity`."""
    target: NotRequired[float]
    """Percent at which to keep the metric, 35 to 70. Default 60."""
    scale_in: NotRequired[bool]
    """Whether capacity is removed again when the load falls. Default false, as AWS advises for the start."""
    cooldown_seconds: NotRequired[int]
    """Seconds between two changes. Default 600."""


def check_autoscaling(
    settings: AutoscalingSettings | None,
    topology: Topology,
    *,
    node_type: str,
    engine: str,
    engine_version: str,
    global_member: bool,
) -> list[tuple[str, str]]:
    """Return what is wrong with the settings, or with scaling this group at all: (argument, reason)."""
    if settings is None:
        return []
    checks = Checks(settings)
    checks.known(tuple(AutoscalingSettings.__annotations__))
    scale = checks.args.get("scale")
    if isinstance(scale, str) and scale in SCALABLE_DIMENSIONS:
        _check_bounds(checks, scale, topology)
        checks.one_of("metric", "cpu", tuple(METRICS[scale]))
    else:
        what = "is missing" if scale is None else f"{shown(scale)} is not known"
        checks.refuse("scale", f"{what}; use one of {', '.join(SCALABLE_DIMENSIONS)}")
    _check_group(checks, topology, node_type, global_member=global_member)
    if not at_least(engine, engine_version, FIRST_REDIS):
        checks.refuse("scale", f"{engine} {engine_version} cannot be scaled automatically; use 6.0 or newer, or valkey")
    checks.switch("scale_in", default=False)
    checks.whole("cooldown_seconds", DEFAULT_COOLDOWN_SECONDS, 0, MAX_COOLDOWN_SECONDS)
    target: object = checks.args.get("target", DEFAULT_TARGET)
    if isinstance(target, bool) or not isinstance(target, int | float) or not MIN_TARGET <= target <= MAX_TARGET:
        checks.refuse("target", f"{shown(target)} is out of range; use {MIN_TARGET} to {MAX_TARGET} percent")
    return checks.under("autoscaling")


def _check_group(checks: Checks, topology: Topology, node_type: str, *, global_member: bool) -> None:
    if not topology.clustered:
        checks.refuse(
            "scale", f"cluster_mode is {topology.cluster_mode!r}, but only groups in cluster mode can be scaled; enable it"
        )
    if global_member:
        checks.refuse("scale", "a member of a global datastore cannot be scaled automatically; leave autoscaling out")
    family, _, size = node_type.removeprefix("cache.").partition(".")
    if family not in FAMILIES or size not in SIZES:
        known = f"sizes {', '.join(SIZES)} of {', '.join(FAMILIES)}"
        checks.refuse("scale", f"{node_type!r} nodes cannot be scaled automatically; use {known}")


def _check_bounds(checks: Checks, scale: str, topology: Topology) -> None:
    low, high = LIMITS[scale]
    for argument in ("min", "max"):
        if checks.args.get(argument) is None:
            checks.refuse(argument, f"is missing; give {low} to {high}")
    least, most = checks.whole("min", low, low, high), checks.whole("max", high, low, high)
    if least > most:
        checks.refuse("min", f"{least} is more than max, {most}; swap them")
        return
    declared = topology.shards if scale == "shards" else topology.replicas
    if not least <= declared <= most:
        remedy = f"declare {scale} from {least} to {most}: making the policy moves the group into the range at once"
        checks.refuse("min", f"{scale} is {declared}, outside of {least} to {most}; {remedy}")


def ignored_for_autoscaling(settings: AutoscalingSettings | None) -> list[str]:
    """Return the property of the group that autoscaling owns, which the program then has to ignore."""
    return [] if settings is None else [_DECLARED[settings["scale"]]]


def make_autoscaling(
    place: Place, settings: AutoscalingSettings, group: aws.elasticache.ReplicationGroup
) -> tuple[aws.appautoscaling.Target, aws.appautoscaling.Policy]:
    """Make the target and its policy. The CloudWatch alarms that AWS makes for the policy are its own: do not touch them."""
    given: Mapping[str, Any] = settings
    scale = given["scale"]
    target = aws.appautoscaling.Target(
        f"{place.name}-autoscaling",
        service_namespace="elasticache",
        resource_id=pulumi.Output.concat("replication-group/", group.replication_group_id),
        scalable_dimension=SCALABLE_DIMENSIONS[scale],
        min_capacity=int(given["min"]),
        max_capacity=int(given["max"]),
        region=place.region,
        tags=place.tags,
        opts=place.child(),
    )
    metric = given.get("metric") or "cpu"
    cooldown = int(given.get("cooldown_seconds") or DEFAULT_COOLDOWN_SECONDS)
    policy = aws.appautoscaling.Policy(
        f"{place.name}-autoscaling-policy",
        name=pulumi.Output.concat(group.replication_group_id, f"-{scale}-{metric}"),
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        resource_id=target.resource_id,
        scalable_dimension=target.scalable_dimension,
        target_tracking_scaling_policy_configuration={
            "predefined_metric_specification": {"predefined_metric_type": METRICS[scale][metric]},
            "target_value": float(given.get("target") or DEFAULT_TARGET),
            "disable_scale_in": not given.get("scale_in", False),
            "scale_in_cooldown": cooldown,
            "scale_out_cooldown": cooldown,
        },
        region=place.region,
        opts=place.child(),
    )
    return target, policy
