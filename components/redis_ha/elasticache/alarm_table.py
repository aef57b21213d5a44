"""The alarms of a replication group as plain data: what each watches, from when on it rings, and who says so. No resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis_ha.cloudwatch import math_query, measured

from .monitored import GROUP_TAG, NAMESPACE, Watched, node_dimensions, vcpus

# Sources, named in each row:
# CW   docs.aws.amazon.com, AmazonCloudWatch, "Best practice alarm recommendations for AWS services", Amazon ElastiCache
# DG   docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Which Metrics Should I Monitor?"
# PACK github.com/aws/agent-toolkit-for-aws, amazon-elasticache skill, "Alarm Packs", node-based
_CW, _DG, _PACK = "CloudWatch recommended alarms", "ElastiCache guide, metrics to monitor", "AWS agent toolkit, alarm packs"

# DG: 90 % of the CPU that one thread can use; hosts of up to two vCPUs are watched as a whole, larger ones by their engine.
CPU_PERCENT = 90
MAX_VCPUS_WATCHED_AS_HOST = 2
# maxclients of ElastiCache's nodes (CW: each node takes up to 65,000 connections); the alarm rings at four fifths of it.
MAX_CLIENTS = 65_000
CONNECTIONS_HIGH = MAX_CLIENTS * 4 // 5
# Below this many connections half of them is noise: ElastiCache's own monitors keep four to six (aws-samples,
# sample-elasticache-operations-review, metrics catalog: CurrConnections).
FEWEST_CONNECTIONS = 20
# Fewer look-ups in five minutes say nothing about a hit rate.
FEWEST_LOOKUPS = 1_000
# DG: FreeableMemory below 100 MB is memory pressure.
LEAST_FREEABLE_BYTES = 100_000_000

# PutMetricAlarm's words (botocore, cloudwatch/2010-08-01).
ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
# What always reports has to be missed: an alarm on an id that no longer exists shows INSUFFICIENT_DATA, not a false OK
# (cloudposse/terraform-aws-elasticache-redis issue 56). What reports only sometimes (a count of failures, the lag of a replica)
# is well when it is silent.
MISSED, WELL_WHEN_SILENT = "missing", "notBreaching"
# A query has to return series in an order, and may group them; each is a contributor with a state of its own
# (docs.aws.amazon.com, AmazonCloudWatch, Create_Metrics_Insights_Alarm).
TAGS_NEEDED = " Watches the nodes by their tag: CloudWatch's resource tags for telemetry have to be on in this account."
_SHARDS = "NodeGroupId, ReplicationGroupId"
_NODES = "CacheClusterId, CacheNodeId"


@dataclass(frozen=True)
class Query:
    """The form of an alarm where autoscaling moves nodes: one Metrics Insights query for all of them.

    `over` is what the series are: each of the `shards` (ElastiCache publishes some metrics per shard), each of the `nodes`, or
    the `total` of all nodes. Queries over nodes find them by their tag, so the account has to have CloudWatch's "resource tags
    for telemetry" switched on.
    """

    over: str
    function: str
    metric: str
    expression: str | None = None
    comparison: str | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Definition:
    """One alarm: metrics m1, m2.. of a node (with their statistic), math on them if any, and when it rings."""

    name: str
    says: str
    metrics: tuple[tuple[str, str], ...]
    threshold: float
    unit: str
    source: str
    comparison: str = ABOVE
    expression: str | None = None
    period: int = 60
    periods: int = 5
    datapoints: int = 5
    missing: str = MISSED
    query: Query | None = None
    with_replicas: bool = False
    with_durability: tuple[str, ...] = ()

    def limit(self, *, by_query: bool) -> float:
        """Return where the alarm rings, of one node or of a query."""
        own = None if self.query is None else self.query.threshold
        return self.threshold if own is None or not by_query else own


# Everything but `cpu`, whose metric depends on the node type. A percentage is 0..100, a latency microseconds.
_TABLE = (
    Definition(
        "memory", "Memory for data is getting full. Scale up or out, or let more keys expire.",
        (("DatabaseMemoryUsagePercentage", "Average"),), 80, "percent", f"{_CW} (5 of 5); {_PACK} (80)",
        query=Query("shards", "MAX", "DatabaseMemoryUsageCountedForEvictPercentage"),
    ),
    Definition(
        "memory_critical", "Memory for data is nearly full: evictions or refused writes follow. Scale now.",
        (("DatabaseMemoryUsagePercentage", "Average"),), 90, "percent", f"{_CW} (5 of 5); {_PACK} (90)",
        query=Query("shards", "MAX", "DatabaseMemoryUsageCountedForEvictPercentage"),
    ),
    Definition(
        "evictions", "Keys are thrown out to make room. Expected with a volatile-* policy: raise it or switch it off there.",
        (("Evictions", "Sum"),), 100, "count per 5 minutes", _PACK,
        period=300, periods=3, datapoints=2, missing=WELL_WHEN_SILENT, query=Query("nodes", "SUM", "Evictions"),
    ),
    Definition(
        "replication_lag", "A replica is behind: reads there are stale, and a failover to it would lose that much.",
        (("ReplicationLag", "Maximum"),), 1, "seconds", _PACK,
        datapoints=3, missing=WELL_WHEN_SILENT, query=Query("nodes", "MAX", "ReplicationLag"), with_replicas=True,
    ),
    Definition(
        "connections_high", "Connections near the node's limit. Look for clients that do not pool or do not close.",
        (("CurrConnections", "Average"),), CONNECTIONS_HIGH, "count",
        f"{_CW} (10 of 10; 65,000 are the limit, four fifths of it is this project's choice)",
        periods=10, datapoints=10, query=Query("nodes", "AVG", "CurrConnections"),
    ),
    Definition(
        "connections_drop", "Clients vanished within a minute: a failover, a network fault, or a deployment.",
        (("CurrConnections", "Average"),), 50, "percent lost since the period before",
        "this project: half of the clients at once",
        expression=f"IF(m1 - DIFF(m1) >= {FEWEST_CONNECTIONS}, -100 * DIFF(m1) / (m1 - DIFF(m1)), 0)",
        periods=1, datapoints=1, missing=WELL_WHEN_SILENT,
        query=Query("total", "SUM", "CurrConnections",
                    expression=f"IF(m1 - DIFF(m1) >= {FEWEST_CONNECTIONS}, -100 * DIFF(m1) / (m1 - DIFF(m1)), 0)"),
    ),
    Definition(
        "hit_rate", "Most look-ups should find something. Look at key design, times to live and evictions.",
        (("CacheHits", "Sum"), ("CacheMisses", "Sum")), 80, "percent", _PACK,
        comparison=BELOW, expression=f"IF(m1 + m2 >= {FEWEST_LOOKUPS}, 100 * m1 / (m1 + m2), 100)",
        period=300, periods=6, datapoints=4, missing=WELL_WHEN_SILENT, query=Query("total", "AVG", "CacheHitRate"),
    ),
    Definition(
        "read_latency", "The engine takes long to answer reads. Look for slow commands and a busy CPU.",
        (("SuccessfulReadRequestLatency", "Average"),), 5_000, "microseconds", _PACK,
        datapoints=3, missing=WELL_WHEN_SILENT, query=Query("nodes", "AVG", "SuccessfulReadRequestLatency"),
    ),
    Definition(
        "write_latency", "The engine takes long to answer writes. Look for slow commands and a busy CPU.",
        (("SuccessfulWriteRequestLatency", "Average"),), 5_000, "microseconds", _PACK,
        datapoints=3, missing=WELL_WHEN_SILENT, query=Query("nodes", "AVG", "SuccessfulWriteRequestLatency"),
    ),
    Definition(
        "authentication_failures", "Somebody tried a wrong password: a client after a rotation, or a stranger.",
        (("AuthenticationFailures", "Sum"),), 0, "count", "ElastiCache guide, Metrics for Valkey and Redis OSS (alarm on any)",
        periods=1, datapoints=1, missing=WELL_WHEN_SILENT, query=Query("nodes", "SUM", "AuthenticationFailures"),
    ),
    Definition(
        "replica_link", "A replica has lost its primary: it cannot take over with what was written since.",
        (("MasterLinkHealthStatus", "Minimum"), ("IsMaster", "Maximum")), 1, "0 or 1",
        "ElastiCache guide, Metrics for Valkey and Redis OSS (0: not in sync); three minutes are this project's choice",
        # A primary follows nobody, and AWS does not say what it reports: only replicas count.
        comparison=BELOW, expression="IF(m2 < 1, m1, 1)", periods=3, datapoints=3, missing=WELL_WHEN_SILENT, with_replicas=True,
    ),
    Definition(
        "failover", "A node became primary, or stopped being it. ElastiCache publishes no event when a failover begins.",
        (("IsMaster", "Maximum"),), 0, "change of role",
        "ElastiCache guide, Metrics for Valkey and Redis OSS (IsMaster: 1 on the shard's primary)",
        expression="ABS(DIFF(m1))", periods=1, datapoints=1, missing=WELL_WHEN_SILENT, with_replicas=True,
        query=Query("total", "SUM", "IsMaster", comparison=BELOW),  # fewer primaries than shards: a shard has none
    ),
    Definition(
        "durability_lag", "Acknowledged writes wait to be kept: a failover would lose them. At 10 s writes are refused.",
        (("DurabilityLag", "Maximum"),), 5_000, "milliseconds",
        "ElastiCache guide, Durability, Monitoring (refused from 10,000; half of it is this project's choice)",
        periods=3, datapoints=2, missing=WELL_WHEN_SILENT, with_durability=("async",),
    ),
    Definition(
        "durability_refusals", "Writes are refused because too many wait to be kept. Lower their rate, or add shards.",
        (("DurabilityBufferExceededErrorCount", "Sum"),), 0, "count",
        "ElastiCache guide, Durability, Monitoring (alarm on any)",
        periods=1, datapoints=1, missing=WELL_WHEN_SILENT, with_durability=("async",),
    ),
    Definition(
        "durability_throttled", "More is written than the log of durable writes takes (100 MiB/s a primary). Add shards.",
        (("TrafficManagementActive", "Maximum"),), 0, "0 or 1", "ElastiCache guide, Durability, Monitoring (1: throttled)",
        missing=WELL_WHEN_SILENT, with_durability=("sync", "async"),
    ),
    Definition(
        "swap", "The node swaps more than it has free: memory pressure. Raise reserved-memory-percent or scale up.",
        (("SwapUsage", "Maximum"), ("FreeableMemory", "Minimum")), 0, "bytes of swap beyond freeable memory", _DG,
        expression="m1 - m2",
        query=Query("nodes", "MIN", "FreeableMemory", comparison=BELOW, threshold=LEAST_FREEABLE_BYTES),
    ),
)  # fmt: skip
NAMES = ("cpu", *(row.name for row in _TABLE))


def definitions(watched: Watched) -> tuple[Definition, ...]:
    """Return the alarms that a group of this shape can have, each once."""
    replicated = watched.topology.replicas > 0 or watched.autoscaled == "replicas"
    rows = [
        row
        for row in (_cpu(watched), *_TABLE)
        if (replicated or not row.with_replicas) and (not row.with_durability or watched.durability in row.with_durability)
    ]
    if watched.autoscaled is None:
        return tuple(rows)
    return tuple(_fewest_primaries(row, watched) for row in rows if row.query is not None)


def _fewest_primaries(row: Definition, watched: Watched) -> Definition:
    """Set how many primaries have to be there: only the group knows."""
    if row.name != "failover" or row.query is None:
        return row
    return replace(row, query=replace(row.query, threshold=watched.fewest_shards))


def _cpu(watched: Watched) -> Definition:
    """Return the alarm on the engine's CPU: of the whole host where it has two vCPUs at most, else of the engine's core."""
    count = vcpus(watched.node_type)
    query = Query("shards", "MAX", "EngineCPUUtilization", threshold=CPU_PERCENT)
    says = "The engine's thread is busy. Reads: add replicas. Writes: add shards, or a larger node type without cluster mode."
    if count is not None and count <= MAX_VCPUS_WATCHED_AS_HOST:
        source = f"{_DG} ({CPU_PERCENT} % divided by {count} vCPUs); {_CW} (5 of 5)"
        return Definition("cpu", says, (("CPUUtilization", "Average"),), CPU_PERCENT / count, "percent", source, query=query)
    return Definition(
        "cpu", says, (("EngineCPUUtilization", "Average"),), CPU_PERCENT, "percent", f"{_CW} (90, 5 of 5)", query=query
    )


def overridden(row: Definition, change: Mapping[str, Any]) -> Definition:
    """Return an alarm with another threshold, periods or datapoints, in both of its forms."""
    if "threshold" in change:
        query = None if row.query is None else replace(row.query, threshold=float(change["threshold"]))
        row = replace(row, threshold=float(change["threshold"]), query=query, source="set in the program")
    periods, datapoints = change.get("periods", row.periods), change.get("datapoints", row.datapoints)
    return replace(row, periods=int(periods), datapoints=int(datapoints))  # other languages send 3.0 for 3


def alarms(watched: Watched, rows: Sequence[Definition]) -> dict[str, dict[str, Any]]:
    """Return the arguments of each aws.cloudwatch.MetricAlarm, by its key: `cpu-0001-002` of a node, `cpu` of a query."""
    topology = watched.topology
    if watched.autoscaled is not None:
        return {row.name: _of_group(row, topology.group_id) for row in rows}
    return {
        f"{row.name}-{node_id.removeprefix(f'{topology.group_id}-')}": _of_node(row, node_id)
        for row in rows
        for node_id in topology.node_ids()
    }


def _of_node(row: Definition, node_id: str) -> dict[str, Any]:
    what = measured(NAMESPACE, row.metrics, node_dimensions(node_id), row.period, row.expression, row.unit)
    return rings(row, f"{node_id}-{row.name}", row.comparison, row.threshold) | what


def _of_group(row: Definition, group_id: str) -> dict[str, Any]:
    query = row.query
    if query is None:
        raise ValueError(f"the alarm {row.name} has no form for a group whose nodes come and go")
    selected: dict[str, Any] = {
        "id": "m1",
        "expression": select(query, group_id),
        "label": query.metric,
        "period": row.period,
        "return_data": query.expression is None,
    }
    queries = [selected] if query.expression is None else [selected, math_query(query.expression, row.unit)]
    found = rings(row, f"{group_id}-{row.name}", query.comparison or row.comparison, row.limit(by_query=True))
    if query.over != "shards":
        found["alarm_description"] += TAGS_NEEDED
    return found | {"metric_queries": queries}


def select(query: Query, group_id: str) -> str:
    """Write a Metrics Insights query; those with several series need GROUP BY and ORDER BY (Create_Metrics_Insights_Alarm)."""
    schema = _SHARDS if query.over == "shards" else _NODES
    where = f"ReplicationGroupId = '{group_id}'" if query.over == "shards" else f"tag.{GROUP_TAG} = '{group_id}'"
    # The group's id is letters, digits and dashes (checked), and this is no database: S608 has nothing to find here.
    select = f'SELECT {query.function}({query.metric}) FROM SCHEMA("{NAMESPACE}", {schema}) WHERE {where}'  # noqa: S608  see above
    if query.over == "total":
        return select
    worst_first = "ASC" if query.comparison == BELOW else "DESC"
    each = "NodeGroupId" if query.over == "shards" else "CacheClusterId"
    return f"{select} GROUP BY {each} ORDER BY {query.function}() {worst_first}"


def rings(row: Definition, alarm_name: str, comparison: str, threshold: float) -> dict[str, Any]:
    """Return what every alarm has: its name, what it says, and when it rings."""
    return {
        "name": alarm_name,
        "alarm_description": f"{row.says} Threshold: {row.source}.",
        "comparison_operator": comparison,
        "threshold": threshold,
        "evaluation_periods": row.periods,
        "datapoints_to_alarm": row.datapoints,
        "treat_missing_data": row.missing,
    }
