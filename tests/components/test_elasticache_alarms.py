"""The alarms of a replication group: which there are, what each watches, and what their settings may say."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from redis_ha.amazon import Place
from redis_ha.arns import TOPIC
from redis_ha.elasticache.alarm_table import NAMES, alarms, definitions, overridden
from redis_ha.elasticache.alarms import check_alarms, make_alarms
from redis_ha.elasticache.monitored import CACHE_NODE_ID, GROUP_TAG, Watched, vcpus
from redis_ha.elasticache.topology import Topology
from tests.support.cloudformation import lint
from tests.support.pulumi_world import Monitor, inputs, run

PLAIN = Watched(Topology("prod", "disabled", 1, 1), "cache.r7g.xlarge")
CLUSTER = Watched(Topology("prod", "enabled", 2, 1), "cache.r7g.xlarge")
SCALED = replace(CLUSTER, autoscaled="shards", least_shards=2)
DURABLE = replace(CLUSTER, durability="async")
OF_DURABLE = {"durability_lag", "durability_refusals", "durability_throttled"}
ALWAYS = [name for name in NAMES if name not in OF_DURABLE]
# docs.aws.amazon.com, AmazonCloudWatch, "Supported metrics for resource tags for telemetry", AWS/ElastiCache: what nodes
# publish under (CacheClusterId, CacheNodeId), and what groups publish per shard. Read 2026-11-21.
METRICS_OF_NODE = {
    "CPUUtilization", "EngineCPUUtilization", "DatabaseMemoryUsagePercentage", "Evictions", "ReplicationLag", "CurrConnections",
    "CacheHits", "CacheMisses", "CacheHitRate", "SuccessfulReadRequestLatency", "SuccessfulWriteRequestLatency",
    "AuthenticationFailures", "MasterLinkHealthStatus", "IsMaster", "SwapUsage", "FreeableMemory", "NewConnections",
    "ProcessedCommands", "NetworkBytesIn", "NetworkBytesOut",
    # docs.aws.amazon.com, AmazonElastiCache/latest/dg, Durability.Monitoring.
    "DurabilityLag", "DurabilityBufferExceededErrorCount", "TrafficManagementActive",
}  # fmt: skip
METRICS_OF_SHARD = {"EngineCPUUtilization", "DatabaseMemoryUsageCountedForEvictPercentage"}


def all_alarms(watched: Watched) -> dict[str, dict[str, Any]]:
    return alarms(watched, definitions(watched))


def as_cloudformation(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same alarm as CloudFormation has it, so that AWS's own schema can judge it."""

    def pascal(value: Any, *, top: bool = True) -> Any:
        if isinstance(value, list):
            return [pascal(entry, top=False) for entry in value]
        if not isinstance(value, dict):
            return value
        named = {"name": "AlarmName" if top else "Name", "metric_queries": "Metrics"}
        found = {}
        for key, entry in value.items():
            pretty = named.get(key) or "".join(word.capitalize() for word in key.split("_"))
            if key == "dimensions":
                found[pretty] = [{"Name": name, "Value": text} for name, text in entry.items()]
            elif key == "metric":
                stat = {k: v for k, v in entry.items() if k in {"stat", "period", "unit"}}
                what = {k: v for k, v in entry.items() if k not in stat}
                found["MetricStat"] = {"Metric": pascal(what, top=False)} | pascal(stat, top=False)
            else:
                found[pretty] = pascal(entry, top=False)
        return found

    return {"Type": "AWS::CloudWatch::Alarm", "Properties": pascal(arguments)}


def metrics_of(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    if "metric_name" in arguments:
        return [arguments]
    return [query["metric"] for query in arguments["metric_queries"] if "metric" in query]


@pytest.mark.parametrize(
    ("watched", "ids"),
    [
        (PLAIN, {"prod-001", "prod-002"}),
        (CLUSTER, {"prod-0001-001", "prod-0001-002", "prod-0002-001", "prod-0002-002"}),
        (replace(PLAIN, topology=Topology("prod", "compatible", 1, 2)), {"prod-001", "prod-002", "prod-003"}),
        (replace(PLAIN, topology=replace(PLAIN.topology, known_node_ids=("prod-002", "prod-004"))), {"prod-002", "prod-004"}),
    ],
)
def test_each_alarm_once_a_node_with_the_ids_that_nodes_have(watched: Watched, ids: set[str]) -> None:
    """An alarm on an id that no node has never gets data (cloudposse/terraform-aws-elasticache-redis issue 56)."""
    found = all_alarms(watched)
    assert len(found) == len(ALWAYS) * len(ids)
    for arguments in found.values():
        for metric in metrics_of(arguments):
            assert metric["metric_name"] in METRICS_OF_NODE
            assert set(metric["dimensions"]) == {"CacheClusterId", "CacheNodeId"}
            assert metric["dimensions"]["CacheNodeId"] == CACHE_NODE_ID
    assert {arguments["name"].removesuffix("-cpu") for key, arguments in found.items() if key.startswith("cpu-")} == ids
    assert len({arguments["name"] for arguments in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("node_type", "metric", "threshold"),
    [
        ("cache.t4g.micro", "CPUUtilization", 45),
        ("cache.r7g.large", "CPUUtilization", 45),
        ("cache.r7g.xlarge", "EngineCPUUtilization", 90),
        ("cache.m6g.16xlarge", "EngineCPUUtilization", 90),
        ("cache.new9x.metal", "EngineCPUUtilization", 90),
    ],
)
def test_cpu_by_node_size(node_type: str, metric: str, threshold: float) -> None:
    arguments = all_alarms(replace(PLAIN, node_type=node_type))["cpu-001"]
    assert (arguments["metric_name"], arguments["threshold"]) == (metric, threshold)
    assert (arguments["evaluation_periods"], arguments["datapoints_to_alarm"], arguments["period"]) == (5, 5, 60)


@pytest.mark.parametrize(
    ("node_type", "count"), [("cache.t3.small", 2), ("cache.m5.xlarge", 4), ("cache.r7g.12xlarge", 48), ("nonsense", None)]
)
def test_vcpus(node_type: str, count: int | None) -> None:
    assert vcpus(node_type) == count


def test_thresholds_and_missing_data() -> None:
    found = all_alarms(PLAIN)
    shown = {
        name: (
            found[f"{name}-001"]["threshold"],
            found[f"{name}-001"]["comparison_operator"].removesuffix("Threshold"),
            f"{found[f'{name}-001']['datapoints_to_alarm']} of {found[f'{name}-001']['evaluation_periods']}",
            found[f"{name}-001"]["treat_missing_data"],
        )
        for name in ALWAYS
    }
    assert shown == {
        "cpu": (90, "GreaterThan", "5 of 5", "missing"),
        "memory": (80, "GreaterThan", "5 of 5", "missing"),
        "memory_critical": (90, "GreaterThan", "5 of 5", "missing"),
        "evictions": (100, "GreaterThan", "2 of 3", "notBreaching"),
        "replication_lag": (1, "GreaterThan", "3 of 5", "notBreaching"),
        "connections_high": (52_000, "GreaterThan", "10 of 10", "missing"),
        "connections_drop": (50, "GreaterThan", "1 of 1", "notBreaching"),
        "hit_rate": (80, "LessThan", "4 of 6", "notBreaching"),
        "read_latency": (5_000, "GreaterThan", "3 of 5", "notBreaching"),
        "write_latency": (5_000, "GreaterThan", "3 of 5", "notBreaching"),
        "authentication_failures": (0, "GreaterThan", "1 of 1", "notBreaching"),
        "replica_link": (1, "LessThan", "3 of 3", "notBreaching"),
        "failover": (0, "GreaterThan", "1 of 1", "notBreaching"),
        "swap": (0, "GreaterThan", "5 of 5", "missing"),
    }


@pytest.mark.parametrize(
    ("durability", "wanted"),
    [(None, set()), ("disabled", set()), ("sync", {"durability_throttled"}), ("async", OF_DURABLE)],
)
def test_a_durable_group_has_more(durability: str | None, wanted: set[str]) -> None:
    """What waits to be kept is always nothing where a write is acknowledged only then (AmazonElastiCache, Monitoring)."""
    found = {row.name for row in definitions(replace(CLUSTER, durability=durability))}
    assert found == {*ALWAYS, *wanted}
    assert not OF_DURABLE & {row.name for row in definitions(replace(SCALED, durability=durability))}


def test_every_threshold_names_its_source() -> None:
    for watched in (PLAIN, CLUSTER, SCALED, DURABLE):
        for row in definitions(watched):
            assert len(row.source) > 10, row.name
            assert all(row.source in arguments["alarm_description"] for key, arguments in alarms(watched, [row]).items()), (
                row.name
            )
    assert all(len(arguments["alarm_description"]) <= 1024 for arguments in all_alarms(CLUSTER).values())  # botocore


def test_without_replicas_nothing_waits_for_one() -> None:
    alone = replace(PLAIN, topology=Topology("prod", "disabled", 1, 0))
    assert {"replication_lag", "replica_link", "failover"} & {row.name for row in definitions(alone)} == set()
    growing = replace(alone, topology=Topology("prod", "enabled", 2, 0), autoscaled="replicas")
    assert "replication_lag" in {row.name for row in definitions(growing)}


def math_of(name: str) -> str:
    queries = all_alarms(PLAIN)[f"{name}-001"]["metric_queries"]
    assert [query["return_data"] for query in queries] == [False] * (len(queries) - 1) + [True]
    return str(queries[-1]["expression"])


def result(expression: str, series: dict[str, list[float]]) -> float:
    """What CloudWatch's math makes of the last of some values: IF, DIFF and ABS (AmazonCloudWatch, using-metric-math)."""

    def difference(values: list[float]) -> float:
        return values[-1] - values[-2]

    python = re.sub(r"DIFF\((m\d)\)", r"difference(series['\1'])", expression)
    python = re.sub(r"\bm\d\b(?!')", lambda found: f"series['{found[0]}'][-1]", python)
    python = re.sub(r"^IF\((.*?), (.*), (\w+)\)$", r"(\2) if \1 else \3", python).replace("ABS(", "abs(")
    return float(eval(python, {"__builtins__": {"abs": abs}}, {"series": series, "difference": difference}))  # noqa: S307


@pytest.mark.parametrize(
    ("name", "series", "wanted"),
    [
        ("connections_drop", {"m1": [100, 40]}, 60),
        ("connections_drop", {"m1": [100, 160]}, -60),
        ("connections_drop", {"m1": [6, 0]}, 0),  # only ElastiCache's own monitors
        ("hit_rate", {"m1": [0, 300], "m2": [0, 900]}, 25),
        ("hit_rate", {"m1": [0, 0], "m2": [0, 5]}, 100),  # nobody asks
        ("replica_link", {"m1": [0, 0], "m2": [0, 0]}, 0),
        ("replica_link", {"m1": [1, 1], "m2": [0, 0]}, 1),
        ("replica_link", {"m1": [0, 0], "m2": [1, 1]}, 1),  # a primary follows nobody
        ("failover", {"m1": [1, 0]}, 1),
        ("failover", {"m1": [0, 1]}, 1),
        ("failover", {"m1": [1, 1]}, 0),
        ("swap", {"m1": [0, 10], "m2": [0, 4]}, 6),
    ],
)
def test_metric_math(name: str, series: dict[str, list[float]], wanted: float) -> None:
    assert result(math_of(name), series) == wanted


def test_where_autoscaling_moves_nodes_one_query_watches_them_all() -> None:
    found = all_alarms(SCALED)
    assert set(found) == set(ALWAYS) - {"replica_link"}
    for name, arguments in found.items():
        assert "metric_name" not in arguments, name
        (query,) = [query for query in arguments["metric_queries"] if query["expression"].startswith("SELECT")]
        selected = re.fullmatch(
            r'SELECT (AVG|MAX|MIN|SUM)\((\w+)\) FROM SCHEMA\("AWS/ElastiCache", (.*)\) WHERE (\S+) = \'prod\''
            r"(?: GROUP BY (\w+) ORDER BY \1\(\) (ASC|DESC))?",
            query["expression"],
        )
        assert selected is not None, query["expression"]
        _, metric, schema, where, each, order = selected.groups()
        if schema == "NodeGroupId, ReplicationGroupId":
            assert (metric in METRICS_OF_SHARD, where, each) == (True, "ReplicationGroupId", "NodeGroupId"), name
        else:
            assert (schema, where) == ("CacheClusterId, CacheNodeId", f"tag.{GROUP_TAG}"), name
            assert arguments["alarm_description"].endswith("have to be on in this account."), name
            assert metric in METRICS_OF_NODE, name
            assert each in {None, "CacheClusterId"}
        if each is not None:
            assert order == ("ASC" if arguments["comparison_operator"].startswith("Less") else "DESC"), name
    assert (found["failover"]["threshold"], found["failover"]["comparison_operator"]) == (2, "LessThanThreshold")
    assert all_alarms(replace(SCALED, least_shards=None))["failover"]["threshold"] == 2
    assert (found["swap"]["threshold"], found["swap"]["comparison_operator"]) == (100_000_000, "LessThanThreshold")
    assert found["cpu"]["threshold"] == 90
    small = all_alarms(replace(SCALED, node_type="cache.r7g.large"))["cpu"]
    assert small["threshold"] == 90  # the engine's core: the host's CPU is not published per shard


@pytest.mark.parametrize("watched", [PLAIN, CLUSTER, SCALED, DURABLE])
def test_amazon_takes_them(watched: Watched) -> None:
    template = {f"A{number}": as_cloudformation(one) for number, one in enumerate(all_alarms(watched).values())}
    assert lint(template) == []


def test_the_judge_would_find_a_wrong_one() -> None:
    (arguments, *_) = all_alarms(PLAIN).values()
    assert lint({"A": as_cloudformation(arguments | {"comparison_operator": "Above"})}) != []


@pytest.mark.parametrize(
    ("settings", "where", "says"),
    [
        ({"off": ["memroy"]}, "alarms.off", "did you mean memory?"),
        ({"off": "cpu"}, "alarms.off", "is no list"),
        ({"overrides": {"swop": {}}}, "alarms.overrides", "did you mean swap?"),
        ({"overrides": {"cpu": {"treshold": 3}}}, "alarms.overrides.cpu.treshold", "did you mean threshold?"),
        ({"overrides": {"cpu": {"threshold": "high"}}}, "alarms.overrides.cpu.threshold", "'high' is no number"),
        ({"overrides": {"cpu": {"threshold": True}}}, "alarms.overrides.cpu.threshold", "is no number"),
        ({"overrides": {"cpu": 80}}, "alarms.overrides.cpu", "give threshold"),
        ({"overrides": {"cpu": {"datapoints": 6}}}, "alarms.overrides.cpu.datapoints", "more than the 5 periods"),
        ({"overrides": {"evictions": {"periods": 289}}}, "alarms.overrides.evictions.periods", "288 at most"),
        ({"overrides": {"cpu": {"periods": 0}}}, "alarms.overrides.cpu.periods", "out of range"),
        ({"topic_arns": [TOPIC.example] * 6}, "alarms.topic_arns", "tells 5 at most"),
        ({"enable": False}, "alarms.enable", "did you mean enabled?"),
        ({"enabled": "no"}, "alarms.enabled", "neither true nor false"),
        ({"actions_enabled": 1}, "alarms.actions_enabled", "neither true nor false"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], where: str, says: str) -> None:
    problems = check_alarms(settings, PLAIN)  # type: ignore[arg-type]
    assert [argument for argument, _ in problems] == [where]
    assert says in problems[0][1]


def test_a_query_looks_back_three_hours_at_most() -> None:
    settings: Any = {"overrides": {"cpu": {"periods": 181}}}
    assert check_alarms(settings, PLAIN) == []
    ((argument, reason),) = check_alarms(settings, SCALED)
    assert (argument, "180 at most" in reason) == ("alarms.overrides.cpu.periods", True)


def test_more_alarms_than_an_account_has_are_refused() -> None:
    huge = replace(CLUSTER, topology=Topology("prod", "enabled", 90, 5))
    ((argument, reason),) = check_alarms(None, huge)
    assert argument == "alarms.off"
    assert "7560 alarms" in reason
    assert check_alarms({"off": list(NAMES[5:])}, huge) == []
    assert check_alarms({"enabled": False}, huge) == []


def test_an_override_counts_in_both_forms() -> None:
    (row,) = [row for row in definitions(SCALED) if row.name == "swap"]
    changed = overridden(row, {"threshold": 5})
    assert (changed.threshold, alarms(SCALED, [changed])["swap"]["threshold"]) == (5, 5)
    assert changed.source == "set in the program"
    assert overridden(row, {"periods": 3}).source == row.source


def made(watched: Watched, settings: Any = None) -> tuple[Monitor, Any]:
    def program() -> dict[str, Any]:
        place = Place("cache", "eu-central-1", {"team": "red"}, pulumi.ResourceOptions)
        group = aws.elasticache.SubnetGroup("stands-for-the-group", subnet_ids=["subnet-1"])
        return {key: alarm.name for key, alarm in make_alarms(place, watched, settings, group).items()}

    return run(program)


def test_the_resources() -> None:
    topics = ["arn:aws:sns:eu-central-1:123456789012:alarms"]
    monitor, found = made(
        CLUSTER, {"topic_arns": topics, "off": ["swap"], "overrides": {"cpu": {"threshold": 70.0, "periods": 9}}}
    )
    assert len(monitor.names("MetricAlarm")) == len(found) == 13 * 4
    assert found["memory_critical-0002-001"][0] == "prod-0002-001-memory_critical"
    cpu = inputs(monitor, "cache-cpu-0001-002")
    assert (cpu["threshold"], cpu["evaluationPeriods"], cpu["datapointsToAlarm"]) == (70, 9, 5)
    assert (cpu["alarmActions"], cpu["okActions"], cpu["actionsEnabled"]) == (topics, topics, True)
    assert (cpu["region"], cpu["tags"]) == ("eu-central-1", {"team": "red"})
    assert cpu["dimensions"] == {"CacheClusterId": "prod-0001-002", "CacheNodeId": "0001"}
    assert "unit" not in cpu  # a unit that a metric is not published in would starve the alarm
    assert any("stands-for-the-group" in urn for urn in monitor.requests["cache-cpu-0001-002"].dependencies)
    drop = inputs(monitor, "cache-connections-drop-0001-001")
    assert [query["id"] for query in drop["metricQueries"]] == ["m1", "e1"]


def test_none_when_switched_off() -> None:
    monitor, found = made(CLUSTER, {"enabled": False})
    assert (found, monitor.names("MetricAlarm")) == ({}, [])


def test_the_documentation_shows_the_alarms_as_they_are() -> None:
    text = (Path(__file__).resolve().parents[2] / "components/redis_ha/elasticache/MONITORING.md").read_text()
    for row in definitions(DURABLE):
        sign = "<" if row.comparison.startswith("Less") else ">"
        rings = f"{sign} {row.threshold:g} {row.unit}, {row.datapoints} of {row.periods} x {row.period} s"
        metrics = ", ".join(metric for metric, _ in row.metrics)
        assert f"| `{row.name}` | {metrics} | {rings} | {row.source} |" in text, row.name
