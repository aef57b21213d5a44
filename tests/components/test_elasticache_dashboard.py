"""The dashboard: named graphs on CloudWatch's grid, in both modes, within CloudWatch's limits."""

import json
from dataclasses import replace
from itertools import combinations
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.amazon import Place
from redis_ha.elasticache.alarm_table import definitions
from redis_ha.elasticache.alarms import wanted_alarms
from redis_ha.elasticache.dashboard import GRID_COLUMNS, MAX_METRICS, MAX_METRICS_OF_WIDGET, dashboard_body, make_dashboard
from redis_ha.elasticache.monitored import Watched
from redis_ha.elasticache.topology import Topology
from tests.components.test_elasticache_alarms import METRICS_OF_NODE, METRICS_OF_SHARD
from tests.support.cloudformation import lint
from tests.support.pulumi_world import run

PLAIN = Watched(Topology("prod", "disabled", 1, 1), "cache.r7g.xlarge")
CLUSTER = Watched(Topology("prod", "enabled", 2, 1), "cache.r7g.xlarge")
SCALED = replace(CLUSTER, autoscaled="shards", least_shards=2)
HUGE = replace(CLUSTER, topology=Topology("prod", "enabled", 90, 5))
EVERY = [PLAIN, CLUSTER, SCALED, HUGE, replace(PLAIN, topology=Topology("prod", "disabled", 1, 0))]
ARNS = ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:prod-001-cpu"]


def body(watched: Watched) -> dict[str, Any]:
    return dashboard_body(watched, "eu-central-1", definitions(watched), ARNS)


def graphs(watched: Watched) -> dict[str, dict[str, Any]]:
    return {widget["properties"]["title"]: widget for widget in body(watched)["widgets"] if widget["type"] == "metric"}


@pytest.mark.parametrize("watched", EVERY)
def test_widgets_are_named_and_do_not_overlap(watched: Watched) -> None:
    widgets = body(watched)["widgets"]
    titles = [widget["properties"]["title"] for widget in widgets if widget["type"] != "text"]
    assert len(titles) == len(set(titles)) >= 15
    cells = []
    for widget in widgets:
        assert 0 <= widget["x"] < widget["x"] + widget["width"] <= GRID_COLUMNS
        cells.append({
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        })  # fmt: skip
    assert all(not (one & other) for one, other in combinations(cells, 2))


@pytest.mark.parametrize("watched", EVERY)
def test_within_the_limits(watched: Watched) -> None:
    counts = [len(widget["properties"]["metrics"]) for widget in graphs(watched).values()]
    assert max(counts) <= MAX_METRICS_OF_WIDGET
    assert sum(counts) <= MAX_METRICS


@pytest.mark.parametrize(("watched", "nodes"), [(PLAIN, 2), (CLUSTER, 4)])
def test_a_line_for_each_node(watched: Watched, nodes: int) -> None:
    for title, widget in graphs(watched).items():
        lines = widget["properties"]["metrics"]
        assert len(lines) == nodes * (2 if "latency" in title else 1), title
        for namespace, metric, *dimensions, look in lines:
            assert (namespace, metric in METRICS_OF_NODE) == ("AWS/ElastiCache", True), title
            assert dimensions[0::2] == ["CacheClusterId", "CacheNodeId"]
            assert dimensions[1] in watched.topology.node_ids()
            assert look["label"].startswith(dimensions[1])


@pytest.mark.parametrize("watched", [SCALED, HUGE])
def test_queries_where_nodes_come_and_go_or_are_too_many(watched: Watched) -> None:
    for title, widget in graphs(watched).items():
        ((line,),) = widget["properties"]["metrics"]
        assert line["expression"].startswith("SELECT "), title
        metric = line["expression"].split("(")[1].split(")")[0]
        assert metric in METRICS_OF_NODE | METRICS_OF_SHARD, title
        assert "'prod'" in line["expression"]


def test_limits_of_the_alarms_are_drawn() -> None:
    drawn = graphs(PLAIN)["Memory for data"]["properties"]["annotations"]["horizontal"]
    assert drawn == [{"label": "memory", "value": 80}, {"label": "memory_critical", "value": 90}]
    rows = wanted_alarms({"off": ["memory"], "overrides": {"memory_critical": {"threshold": 95}}}, PLAIN)
    found = dashboard_body(PLAIN, "eu-central-1", rows)
    (memory,) = [widget for widget in found["widgets"] if widget["properties"].get("title") == "Memory for data"]
    assert memory["properties"]["annotations"]["horizontal"] == [{"label": "memory_critical", "value": 95}]
    assert [widget for widget in found["widgets"] if widget["type"] == "alarm"] == []


def test_the_cpu_that_the_alarm_watches() -> None:
    small = graphs(replace(PLAIN, node_type="cache.r7g.large"))["Engine CPU"]["properties"]
    assert small["metrics"][0][1] == "CPUUtilization"
    assert small["annotations"]["horizontal"] == [{"label": "cpu", "value": 45}]
    assert graphs(PLAIN)["Engine CPU"]["properties"]["metrics"][0][1] == "EngineCPUUtilization"


def test_no_lag_without_replicas() -> None:
    assert "Replication lag" not in graphs(replace(PLAIN, topology=Topology("prod", "disabled", 1, 0)))


@pytest.mark.parametrize("watched", EVERY)
def test_amazon_takes_it(watched: Watched) -> None:
    properties = {"DashboardName": "elasticache-prod", "DashboardBody": json.dumps(body(watched))}
    assert lint({"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}) == []


def test_the_resource() -> None:
    def program() -> None:
        place = Place("cache", "eu-central-1", {}, pulumi.ResourceOptions)
        make_dashboard(place, PLAIN, wanted_alarms(None, PLAIN), {})

    monitor, _ = run(program)
    found = rpc.deserialize_properties(monitor.requests["cache-dashboard"].object)
    assert (found["dashboardName"], found["region"]) == ("elasticache-prod", "eu-central-1")
    assert json.loads(found["dashboardBody"])["widgets"][0]["properties"]["markdown"].startswith("# prod\n")
