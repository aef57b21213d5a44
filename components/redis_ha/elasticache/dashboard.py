"""The CloudWatch dashboard of a replication group: named graphs of what the alarms watch, and the alarms' limits in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place

from .alarm_table import Definition, Query, definitions, select
from .monitored import NAMESPACE, Watched, node_dimensions

# docs.aws.amazon.com, AmazonCloudWatch/latest/APIReference, CloudWatch-Dashboard-Body-Structure: a grid of 24 columns.
GRID_COLUMNS = 24
WIDTH, HEIGHT = 8, 6
# docs.aws.amazon.com, AmazonCloudWatch, "CloudWatch service quotas", dashboards: metrics of one widget, and of all of them;
# neither can be raised. (500 widgets are allowed, this one has 18.)
MAX_METRICS_OF_WIDGET = 500
MAX_METRICS = 2_500
# CloudWatch-Dashboard-Body-Structure, properties of an alarm widget.
MAX_ALARMS_OF_WIDGET = 100


@dataclass(frozen=True)
class Graph:
    """A widget: its title, metrics with their statistic, one line per node, and the alarms whose limits it shows."""

    title: str
    metrics: tuple[tuple[str, str], ...]
    query: Query
    alarms: tuple[str, ...] = ()
    with_replicas: bool = False


def _graphs(watched: Watched) -> tuple[Graph, ...]:
    rows = {row.name: row for row in definitions(watched)}
    ((cpu, _),) = rows["cpu"].metrics
    every = (
        Graph("Roles (1: primary)", (("IsMaster", "Maximum"),), Query("nodes", "MAX", "IsMaster")),
        Graph("Engine CPU", ((cpu, "Average"),), Query("shards", "MAX", "EngineCPUUtilization"), ("cpu",)),
        Graph(
            "Memory for data",
            (("DatabaseMemoryUsagePercentage", "Average"),),
            Query("shards", "MAX", "DatabaseMemoryUsageCountedForEvictPercentage"),
            ("memory", "memory_critical"),
        ),
        Graph("Connections", (("CurrConnections", "Average"),), Query("nodes", "AVG", "CurrConnections")),
        Graph("New connections", (("NewConnections", "Sum"),), Query("nodes", "SUM", "NewConnections")),
        Graph("Commands", (("ProcessedCommands", "Sum"),), Query("nodes", "SUM", "ProcessedCommands")),
        Graph(
            "Read latency",
            (("SuccessfulReadRequestLatency", "Average"), ("SuccessfulReadRequestLatency", "p99")),
            Query("nodes", "AVG", "SuccessfulReadRequestLatency"),
            ("read_latency",),
        ),
        Graph(
            "Write latency",
            (("SuccessfulWriteRequestLatency", "Average"), ("SuccessfulWriteRequestLatency", "p99")),
            Query("nodes", "AVG", "SuccessfulWriteRequestLatency"),
            ("write_latency",),
        ),
        Graph("Hit rate", (("CacheHitRate", "Average"),), Query("nodes", "AVG", "CacheHitRate"), ("hit_rate",)),
        Graph("Evictions", (("Evictions", "Sum"),), Query("nodes", "SUM", "Evictions")),
        Graph(
            "Replication lag",
            (("ReplicationLag", "Maximum"),),
            Query("nodes", "MAX", "ReplicationLag"),
            ("replication_lag",),
            with_replicas=True,
        ),
        Graph("Authentication failures", (("AuthenticationFailures", "Sum"),), Query("nodes", "SUM", "AuthenticationFailures")),
        Graph("Freeable memory", (("FreeableMemory", "Minimum"),), Query("nodes", "MIN", "FreeableMemory")),
        Graph("Swap", (("SwapUsage", "Maximum"),), Query("nodes", "MAX", "SwapUsage")),
        Graph("Network in", (("NetworkBytesIn", "Sum"),), Query("nodes", "SUM", "NetworkBytesIn")),
        Graph("Network out", (("NetworkBytesOut", "Sum"),), Query("nodes", "SUM", "NetworkBytesOut")),
    )
    return tuple(graph for graph in every if "replication_lag" in rows or not graph.with_replicas)


def dashboard_body(
    watched: Watched, region: str, rows: Sequence[Definition] = (), alarm_arns: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the dashboard as CloudWatch takes it: a heading, the alarms' states, and the graphs three in a row.

    `rows` are the alarms whose limits are drawn. Where nodes come and go, or are too many for a dashboard, a graph is a query.
    """
    graphs = _graphs(watched)
    lines = [len(graph.metrics) * len(watched.topology.node_ids()) for graph in graphs]
    by_query = watched.autoscaled is not None or sum(lines) > MAX_METRICS or max(lines) > MAX_METRICS_OF_WIDGET
    widgets: list[dict[str, Any]] = [_heading(watched)]
    top = widgets[0]["height"]
    if alarm_arns:
        shown = {"title": "Alarms", "alarms": list(alarm_arns), "sortBy": "stateUpdatedTimestamp"}
        widgets.append({"type": "alarm", "x": 0, "y": top, "width": GRID_COLUMNS, "height": HEIGHT, "properties": shown})
        top += HEIGHT
    limits = {row.name: row.limit(by_query=watched.autoscaled is not None) for row in rows}
    for number, graph in enumerate(graphs):
        widget = {
            "type": "metric",
            "x": number * WIDTH % GRID_COLUMNS,
            "y": top + number * WIDTH // GRID_COLUMNS * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": graph.title,
                "region": region,
                "view": "timeSeries",
                "stacked": False,
                "period": 60,
                "metrics": _by_query(graph, watched) if by_query else _by_node(graph, watched),
            },
        }
        drawn = [{"label": name, "value": limits[name]} for name in graph.alarms if name in limits]
        if drawn:
            widget["properties"]["annotations"] = {"horizontal": drawn}
        widgets.append(widget)
    return {"widgets": widgets}


def _heading(watched: Watched) -> dict[str, Any]:
    topology = watched.topology
    shape = (
        f"{topology.shards} shards, {topology.replicas} replicas each"
        if topology.clustered
        else f"{topology.replicas} replicas"
    )
    scaled = f", {watched.autoscaled} scaled automatically" if watched.autoscaled else ""
    text = f"# {topology.group_id}\n{watched.node_type}, {shape}{scaled}"
    return {"type": "text", "x": 0, "y": 0, "width": GRID_COLUMNS, "height": 2, "properties": {"markdown": text}}


def _by_node(graph: Graph, watched: Watched) -> list[list[Any]]:
    lines: list[list[Any]] = []
    for metric, statistic in graph.metrics:
        for node_id in watched.topology.node_ids():
            dimensions = [part for pair in node_dimensions(node_id).items() for part in pair]
            label = node_id if len(graph.metrics) == 1 else f"{node_id} {statistic}"
            lines.append([NAMESPACE, metric, *dimensions, {"stat": statistic, "label": label}])
    return lines


def _by_query(graph: Graph, watched: Watched) -> list[list[Any]]:
    return [[{"id": "q1", "expression": select(graph.query, watched.topology.group_id), "label": ""}]]


def make_dashboard(
    place: Place, watched: Watched, rows: Sequence[Definition], alarms: Mapping[str, aws.cloudwatch.MetricAlarm]
) -> aws.cloudwatch.Dashboard:
    """Make the dashboard, named as the group, with the state of at most 100 of its alarms on top."""
    arns = [alarm.arn for alarm in list(alarms.values())[:MAX_ALARMS_OF_WIDGET]]
    body = pulumi.Output.all(*arns).apply(lambda known: json.dumps(dashboard_body(watched, place.region, rows, known)))
    return aws.cloudwatch.Dashboard(
        f"{place.name}-dashboard",
        dashboard_name=f"elasticache-{watched.topology.group_id}",
        dashboard_body=body,
        region=place.region,
        opts=place.child(),
    )
