"""The alarms on the lag between regions: what they look at, when they ring, and AWS's own schema's word on them."""

from typing import Any

import pytest

from redis_ha.arguments import Checks
from redis_ha.elasticache.global_alarms import Lag, checked_lag, lag_alarms
from redis_ha.elasticache.topology import Topology
from tests.components.test_global_datastore import MADE, made, with_primary, with_secondary
from tests.support.cloudformation import lint
from tests.support.pulumi_world import inputs

LAG = Lag(threshold_seconds=5, periods=5, datapoints=3, missing_minutes=7, dimension="node")
TWO_NODES = Topology("orders", "disabled", 1, 1)
ONE_NODE = Topology("single", "disabled", 1, 0)
SHARDS = Topology("orders-shards", "enabled", 2, 2)
NAMESPACE = "AWS/ElastiCache"
METRIC = "GlobalDatastoreReplicationLag"


def test_high_and_missing_of_a_secondary() -> None:
    found = lag_alarms(TWO_NODES, LAG, secondary=True)
    assert set(found) == {"lag_high", "lag_missing"}
    high, missing = found["lag_high"], found["lag_missing"]
    assert (high["name"], high["comparison_operator"], high["threshold"]) == ("orders-lag_high", "GreaterThanThreshold", 5)
    assert (high["evaluation_periods"], high["datapoints_to_alarm"], high["treat_missing_data"]) == (5, 3, "notBreaching")
    # It rings by silence alone: no lag is below zero.
    assert (missing["comparison_operator"], missing["threshold"]) == ("LessThanThreshold", 0)
    assert (missing["evaluation_periods"], missing["datapoints_to_alarm"]) == (7, 7)
    assert missing["treat_missing_data"] == "breaching"


def test_a_primary_is_watched_for_the_time_after_a_promotion() -> None:
    assert set(lag_alarms(TWO_NODES, LAG, secondary=False)) == {"lag_high"}


def test_whichever_node_reports_counts() -> None:
    queries = lag_alarms(TWO_NODES, LAG, secondary=True)["lag_high"]["metric_queries"]
    metrics = [query["metric"] for query in queries if "metric" in query]
    assert [metric["dimensions"] for metric in metrics] == [
        {"CacheClusterId": "orders-001", "CacheNodeId": "0001"}, {"CacheClusterId": "orders-002", "CacheNodeId": "0001"},
    ]  # fmt: skip
    assert {(metric["namespace"], metric["metric_name"], metric["stat"], metric["period"]) for metric in metrics} == {
        (NAMESPACE, METRIC, "Maximum", 60)
    }
    assert [query["id"] for query in queries if query["return_data"]] == ["e1"]
    assert queries[-1]["expression"] == "MAX(METRICS())"


def test_one_alarm_a_shard() -> None:
    """An alarm on math has ten metrics at most, a shard six nodes at most."""
    found = lag_alarms(SHARDS, LAG, secondary=True)
    assert set(found) == {"lag_high-0001", "lag_high-0002", "lag_missing-0001", "lag_missing-0002"}
    ids = [query["metric"]["dimensions"]["CacheClusterId"] for query in found["lag_high-0002"]["metric_queries"][:-1]]
    assert ids == ["orders-shards-0002-001", "orders-shards-0002-002", "orders-shards-0002-003"]


@pytest.mark.parametrize(
    ("dimension", "dimensions"), [("group", {"ReplicationGroupId": "orders-shards"}), ("global", {}), ("cluster", None)]
)
def test_the_dimension_is_a_setting(dimension: str, dimensions: dict[str, str] | None) -> None:
    lag = Lag(threshold_seconds=5, periods=5, datapoints=3, missing_minutes=5, dimension=dimension)
    found = lag_alarms(SHARDS if dimensions is not None else TWO_NODES, lag, secondary=True)["lag_high"]
    if dimensions is None:
        assert [query["metric"]["dimensions"] for query in found["metric_queries"][:-1]] == [
            {"CacheClusterId": "orders-001"}, {"CacheClusterId": "orders-002"},
        ]  # fmt: skip
        return
    assert (found["metric_name"], found["statistic"], found["period"]) == (METRIC, "Maximum", 60)
    assert found["dimensions"] == dimensions


def test_the_global_id_is_filled_in_when_it_is_known() -> None:
    monitor, _ = made(lag={"dimension": "global"})
    for name in ("orders-eu-west-1-lag-high", "orders-us-east-1-lag-missing", "orders-eu-central-1-lag-high"):
        assert inputs(monitor, name)["dimensions"] == {"GlobalReplicationGroupId": "iudkw-orders"}


def test_alarms_are_in_the_secondarys_region_and_tell_its_topics() -> None:
    topics = ["arn:aws:sns:eu-west-1:123456789012:pager"]
    own = {"alarms": {"enabled": False, "topic_arns": topics, "actions_enabled": False}}
    monitor, found = made(**with_secondary(MADE, **own))
    for kind in ("high", "missing"):
        alarm = inputs(monitor, f"orders-eu-west-1-lag-{kind}")
        assert alarm["region"] == "eu-west-1"
        assert alarm["alarmActions"] == alarm["okActions"] == topics
        assert alarm["actionsEnabled"] is False
    assert "alarmActions" not in inputs(monitor, "orders-us-east-1-lag-high")
    assert found["alarm_names"][0]["eu-west-1"] == ["orders-eu-west-1-lag_high", "orders-eu-west-1-lag_missing"]
    assert made(lag={"enabled": False})[0].names("MetricAlarm") == []


def test_settings() -> None:
    checks = Checks(
        {"lag": {"threshold_seconds": 0.5, "periods": 10.0, "datapoints": 8, "missing_minutes": 2, "dimension": "group"}}
    )
    assert checked_lag(checks) == Lag(0.5, 10, 8, 2, "group")
    assert checks.problems == []
    assert checked_lag(Checks({})) == Lag(5, 5, 3, 5, "node")
    assert checked_lag(Checks({"lag": {"enabled": False}})) is None


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"threshold_seconds": -1}, "lag.threshold_seconds"),
        ({"threshold_seconds": True}, "lag.threshold_seconds"),
        ({"periods": 1441}, "lag.periods"),
        ({"missing_minutes": 0}, "lag.missing_minutes"),
        ({"datapoints": 4, "periods": 3}, "lag.datapoints"),
        ({"dimension": "shard"}, "lag.dimension"),
        ({"treshold": 3}, "lag.treshold"),
    ],
)
def test_wrong_settings(given: dict[str, Any], argument: str) -> None:
    checks = Checks({"lag": given})
    checked_lag(checks)
    assert [name for name, _ in checks.problems] == [argument]


def as_cloudformation(arguments: dict[str, Any]) -> dict[str, Any]:
    def words(value: Any) -> Any:
        if isinstance(value, list):
            return [words(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        return {"".join(part.capitalize() for part in key.split("_")): words(entry) for key, entry in value.items()}

    found: dict[str, Any] = words({**arguments, "metric_queries": None, "dimensions": None})
    found = {key: value for key, value in found.items() if value is not None}
    found["AlarmName"] = found.pop("Name")
    if "metric_queries" in arguments:
        found["Metrics"] = [words({key: entry for key, entry in query.items() if key != "metric"}) for query in
                            arguments["metric_queries"]]  # fmt: skip
        for made_of, query in zip(found["Metrics"], arguments["metric_queries"], strict=True):
            if "metric" in query:
                metric = query["metric"]
                made_of["MetricStat"] = {
                    "Metric": {
                        "Namespace": metric["namespace"],
                        "MetricName": metric["metric_name"],
                        "Dimensions": [{"Name": name, "Value": value} for name, value in metric["dimensions"].items()],
                    },
                    "Period": metric["period"],
                    "Stat": metric["stat"],
                }
    else:
        found["Dimensions"] = [{"Name": name, "Value": value} for name, value in arguments["dimensions"].items()]
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": found}


def test_awss_own_schemas_find_nothing() -> None:
    resources = {}
    for number, (topology, dimension) in enumerate([(TWO_NODES, "node"), (SHARDS, "cluster"), (ONE_NODE, "group")]):
        lag = Lag(threshold_seconds=5, periods=5, datapoints=3, missing_minutes=5, dimension=dimension)
        for key, arguments in lag_alarms(topology, lag, secondary=True).items():
            name = f"Alarm{number}" + "".join(part for part in key.title() if part.isalnum())
            resources[name] = as_cloudformation(arguments)
    assert len(resources) == 8
    assert lint(resources) == []


def test_awss_own_schema_of_a_global_datastore() -> None:
    """What the provider makes of the global object's and a secondary's inputs, in CloudFormation's words."""
    monitor, _ = made(**with_primary(cluster_mode="enabled"), shards=2)
    group = inputs(monitor, "orders-global")
    properties = {
        "GlobalReplicationGroupIdSuffix": group["globalReplicationGroupIdSuffix"],
        "GlobalReplicationGroupDescription": group["globalReplicationGroupDescription"],
        "AutomaticFailoverEnabled": group["automaticFailoverEnabled"],
        "CacheNodeType": group["cacheNodeType"],
        "Engine": group["engine"],
        "EngineVersion": group["engineVersion"],
        "GlobalNodeGroupCount": int(group["numNodeGroups"]),
        "CacheParameterGroupName": group["parameterGroupName"],
        "Members": [
            {"ReplicationGroupId": "orders-eu-central-1", "ReplicationGroupRegion": "eu-central-1", "Role": "PRIMARY"},
            {"ReplicationGroupId": "orders-eu-west-1", "ReplicationGroupRegion": "eu-west-1", "Role": "SECONDARY"},
        ],
    }
    secondary = inputs(monitor, "orders-eu-west-1-group")
    member = {
        "ReplicationGroupId": secondary["replicationGroupId"],
        "ReplicationGroupDescription": secondary["description"],
        "GlobalReplicationGroupId": secondary["globalReplicationGroupId"],
        "ReplicasPerNodeGroup": int(secondary["replicasPerNodeGroup"]),
        "MultiAZEnabled": secondary["multiAzEnabled"],
        "Port": int(secondary["port"]),
        "PreferredMaintenanceWindow": secondary["maintenanceWindow"],
        "SnapshotWindow": secondary["snapshotWindow"],
        "SnapshotRetentionLimit": int(secondary["snapshotRetentionLimit"]),
        "UserGroupIds": secondary["userGroupIds"],
        "CacheSubnetGroupName": secondary["subnetGroupName"],
    }
    found = lint(
        {
            "Global": {"Type": "AWS::ElastiCache::GlobalReplicationGroup", "Properties": properties},
            "Secondary": {
                "Type": "AWS::ElastiCache::ReplicationGroup", "Properties": member,
                "DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot",
            },
        }
    )  # fmt: skip
    assert found == []
