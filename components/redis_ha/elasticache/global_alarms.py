"""The alarms on the replication lag between the regions of a Global Datastore: as plain data, and the resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import Checks, shown
from redis_ha.cloudwatch import MAX_EVALUATED_SECONDS, math_query

from .alarm_table import BELOW, WELL_WHEN_SILENT, Definition, rings
from .global_settings import GlobalLag
from .monitored import CACHE_NODE_ID, NAMESPACE
from .topology import ONLY_SHARD, Topology

# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Metrics for Valkey and Redis OSS": seconds between the primary node of a
# secondary region and the primary node of the primary region, the highest of the shards with cluster mode.
METRIC = "GlobalDatastoreReplicationLag"
PERIOD_SECONDS = 60
MOST_PERIODS = MAX_EVALUATED_SECONDS // PERIOD_SECONDS
# AWS says "typically under one second" and promises nothing (docs.aws.amazon.com, AmazonElastiCache, "Replication across AWS
# Regions using global datastores"); five seconds at the worst of a minute, in three of five, are this project's choice.
DEFAULT_THRESHOLD_SECONDS = 5
DEFAULT_PERIODS, DEFAULT_DATAPOINTS = 5, 3
DEFAULT_MISSING_MINUTES = 5
# Not settled by the sources: aws-cdk's canned metrics of AWS/ElastiCache have CacheClusterId with and without CacheNodeId, and
# AWS says that all metrics are those of nodes; posts use the other two.
DIMENSIONS = ("node", "cluster", "group", "global")
LAG_HIGH, LAG_MISSING = "lag_high", "lag_missing"
RINGS_WHEN_SILENT = "breaching"  # botocore, cloudwatch/2010-08-01, PutMetricAlarm, TreatMissingData
# What never rings by its value: a lag is no less than nothing.
IMPOSSIBLE_SECONDS = 0


@dataclass(frozen=True)
class Lag:
    """When the lag between regions is too high, or silent for too long."""

    threshold_seconds: float
    periods: int
    datapoints: int
    missing_minutes: int
    dimension: str


def checked_lag(checks: Checks) -> Lag | None:
    """Read the settings; None when no alarm is wanted."""
    given = Checks(checks.mapping("lag"))
    given.known(tuple(GlobalLag.__annotations__))
    threshold = given.args.get("threshold_seconds", DEFAULT_THRESHOLD_SECONDS)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or threshold <= 0:
        given.refuse("threshold_seconds", f"{shown(threshold)} is no number of seconds above 0")
        threshold = DEFAULT_THRESHOLD_SECONDS
    lag = Lag(
        threshold_seconds=threshold,
        periods=given.whole("periods", DEFAULT_PERIODS, 1, MOST_PERIODS),
        datapoints=given.whole("datapoints", DEFAULT_DATAPOINTS, 1, MOST_PERIODS),
        missing_minutes=given.whole("missing_minutes", DEFAULT_MISSING_MINUTES, 1, MOST_PERIODS),
        dimension=given.one_of("dimension", DIMENSIONS[0], DIMENSIONS),
    )
    if lag.datapoints > lag.periods:
        given.refuse("datapoints", f"{lag.datapoints} is more than the {lag.periods} periods that are looked at")
    wanted = given.switch("enabled", default=True)
    checks.problems += given.under("lag")
    return lag if wanted else None


def definitions(lag: Lag, *, secondary: bool) -> tuple[Definition, ...]:
    """Return the lag alarms of a member. The primary has no lag, but the same alarm for when it has been followed."""
    high = Definition(
        LAG_HIGH, "This region is behind the primary's: local reads are stale, and a promotion would lose that much.",
        ((METRIC, "Maximum"),), lag.threshold_seconds, "seconds", "set in the program, default by this project",
        period=PERIOD_SECONDS, periods=lag.periods, datapoints=lag.datapoints, missing=WELL_WHEN_SILENT,
    )  # fmt: skip
    silent = Definition(
        LAG_MISSING, "This region reports no lag: it follows nobody, or was promoted. Look at the global datastore's members.",
        ((METRIC, "Maximum"),), IMPOSSIBLE_SECONDS, "seconds", "rings when nothing is reported",
        comparison=BELOW, period=PERIOD_SECONDS, periods=lag.missing_minutes, datapoints=lag.missing_minutes,
        missing=RINGS_WHEN_SILENT,
    )  # fmt: skip
    return (high, silent) if secondary else (high,)


def lag_alarms(topology: Topology, lag: Lag, *, secondary: bool) -> dict[str, dict[str, Any]]:
    """Return the arguments of each alarm by its key; dimensions of the form `global` are left to who knows the id."""
    found: dict[str, dict[str, Any]] = {}
    for row in definitions(lag, secondary=secondary):
        if lag.dimension in {"group", "global"}:
            dimensions = {"ReplicationGroupId": topology.group_id} if lag.dimension == "group" else {}
            name = f"{topology.group_id}-{row.name}"
            found[row.name] = rings(row, name, row.comparison, row.threshold) | _metric(row, dimensions)
            continue
        for shard, node_ids in topology.node_ids_by_shard().items():
            # Which node is its shard's primary changes with every failover: whoever reports counts.
            queries = [
                {"id": f"m{number}", "metric": _statistic(row, _node(node_id, lag.dimension)), "return_data": False}
                for number, node_id in enumerate(node_ids, start=1)
            ]
            key = row.name if shard == ONLY_SHARD and not topology.clustered else f"{row.name}-{shard}"
            name = f"{topology.group_id}-{key}"
            math = math_query("MAX(METRICS())", row.unit)
            found[key] = rings(row, name, row.comparison, row.threshold) | {"metric_queries": [*queries, math]}
    return found


def _node(node_id: str, dimension: str) -> dict[str, str]:
    return {"CacheClusterId": node_id} | ({"CacheNodeId": CACHE_NODE_ID} if dimension == "node" else {})


def _statistic(row: Definition, dimensions: Mapping[str, str]) -> dict[str, Any]:
    ((metric, statistic),) = row.metrics
    what = {"namespace": NAMESPACE, "metric_name": metric, "dimensions": dict(dimensions)}
    return what | {"stat": statistic, "period": row.period}


def _metric(row: Definition, dimensions: Mapping[str, str]) -> dict[str, Any]:
    ((metric, statistic),) = row.metrics
    what = {"namespace": NAMESPACE, "metric_name": metric, "dimensions": dict(dimensions)}
    return what | {"statistic": statistic, "period": row.period}


def make_lag_alarms(
    place: Place,
    topology: Topology,
    lag: Lag | None,
    settings: Mapping[str, Any],
    global_id: pulumi.Input[str],
    member: pulumi.Resource,
    *,
    secondary: bool,
) -> dict[str, aws.cloudwatch.MetricAlarm]:
    """Make the lag alarms of a member in its region, after it; `settings` are those of its other alarms."""
    if lag is None:
        return {}
    topics = settings.get("topic_arns")
    made: dict[str, aws.cloudwatch.MetricAlarm] = {}
    for key, arguments in lag_alarms(topology, lag, secondary=secondary).items():
        if lag.dimension == "global":
            arguments["dimensions"] = {"GlobalReplicationGroupId": global_id}
        made[key] = aws.cloudwatch.MetricAlarm(
            f"{place.name}-{key.replace('_', '-')}",
            **arguments,
            actions_enabled=settings.get("actions_enabled", True),
            alarm_actions=topics,
            ok_actions=topics,
            region=place.region,
            tags=place.tags,
            opts=place.child(depends_on=[member]),
        )
    return made
