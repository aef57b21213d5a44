"""The alarms of an AlbBlueGreen: which there are, what each watches, and what their settings may say."""

from pathlib import Path
from typing import Any

import pytest

from redis_ha.arns import TOPIC
from redis_ha.traffic.alb import AlbBlueGreen
from redis_ha.traffic.alb_alarms import NAMES, TABLE, alarm_arguments, check_alb_alarms, wanted
from tests.support.cloudformation import lint
from tests.support.pulumi_world import Monitor, inputs, run

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "targets": {"blue": {"instance_ids": ["i-1", "i-2"]}, "green": {"instance_ids": ["i-3"]}},
}
LISTENER: dict[str, Any] = {"form": "listener", "weights": {"blue": 90, "green": 10}}
OF_COLOUR = [name for name in NAMES if name != "elb_5xx"]
Made = tuple[Monitor, dict[str, list[str]]]


def made(**changes: Any) -> Made:
    monitor, found = run(lambda: {"names": AlbBlueGreen("shop", {**GOOD, **changes}).alarm_names})  # type: ignore[typeddict-item]
    return monitor, found["names"][0]


@pytest.fixture(scope="module")
def default() -> Made:
    """Made of what has to be given, once for all tests: they only look."""
    return made()


def test_each_colour_has_its_alarms(default: Made) -> None:
    monitor, names = default
    wanted_names = {colour: sorted(f"shop-{colour}-{name}" for name in NAMES) for colour in ("blue", "green")}
    assert names == wanted_names
    assert len(monitor.names("MetricAlarm")) == 12


def test_a_shared_balancers_own_errors_belong_to_neither_colour() -> None:
    _, names = made(**LISTENER)
    assert names == {
        **{colour: sorted(f"shop-{colour}-{name}" for name in OF_COLOUR) for colour in ("blue", "green")},
        "both": ["shop-both-elb_5xx"],
    }


def test_a_colour_is_watched_by_its_own_target_group(default: Made) -> None:
    monitor, _ = made(**LISTENER)
    hosts = {colour: inputs(monitor, f"shop-{colour}-unhealthy-hosts")["dimensions"] for colour in ("blue", "green")}
    assert {colour: found["LoadBalancer"] for colour, found in hosts.items()} == dict.fromkeys(
        ("blue", "green"), "app/shop/50dc6c495c0c9188"
    )
    for colour, found in hosts.items():
        assert found["TargetGroup"].startswith(f"targetgroup/shop-{colour}-")
    both = inputs(monitor, "shop-both-elb-5xx")
    assert both["dimensions"] == {"LoadBalancer": "app/shop/50dc6c495c0c9188"}
    monitor, _ = default
    assert inputs(monitor, "shop-green-elb-5xx")["dimensions"] == {"LoadBalancer": "app/shop-green/50dc6c495c0c9188"}


# From the pages that the rows name, written here once more.
@pytest.mark.parametrize(
    ("name", "metric", "statistic", "rings", "periods", "missing"),
    [
        ("target-5xx", "HTTPCode_Target_5XX_Count", "Sum", ("GreaterThanThreshold", 25, 300), 1, "notBreaching"),
        ("elb-5xx", "HTTPCode_ELB_5XX_Count", "Sum", ("GreaterThanThreshold", 25, 300), 1, "notBreaching"),
        ("latency", "TargetResponseTime", "Average", ("GreaterThanThreshold", 0.5, 300), 1, "notBreaching"),
        ("unhealthy-hosts", "UnHealthyHostCount", "Maximum", ("GreaterThanThreshold", 0, 60), 3, "notBreaching"),
        ("no-healthy-hosts", "HealthyHostCount", "Maximum", ("LessThanThreshold", 1, 60), 1, "missing"),
    ],
)
def test_what_an_alarm_watches(
    default: Made, name: str, metric: str, statistic: str, rings: tuple[str, float, int], periods: int, missing: str
) -> None:
    alarm = inputs(default[0], f"shop-blue-{name}")
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("AWS/ApplicationELB", metric, statistic)
    assert (alarm["comparisonOperator"], alarm["threshold"], alarm["period"]) == rings
    assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"], alarm["treatMissingData"]) == (periods, periods, missing)
    assert "Threshold: " in alarm["alarmDescription"]


def test_a_share_of_errors_shows_a_colour_with_little_traffic(default: Made) -> None:
    alarm = inputs(default[0], "shop-blue-target-5xx-percent")
    metrics = [query["metric"]["metricName"] for query in alarm["metricQueries"][:-1]]
    assert metrics == ["HTTPCode_Target_5XX_Count", "RequestCount"]
    math = alarm["metricQueries"][-1]
    # No error in a minute is no data point: FILL makes it a zero, or the share would be missing.
    assert (math["expression"], math["returnData"]) == ("IF(m2 >= 20, 100 * FILL(m1, 0) / m2, 0)", True)
    assert (alarm["threshold"], alarm["datapointsToAlarm"], alarm["evaluationPeriods"]) == (5, 3, 5)


def test_settings_reach_the_alarms() -> None:
    topics = ["arn:aws:sns:eu-central-1:123456789012:alarms"]
    settings = {"topic_arns": topics, "off": ["latency"], "overrides": {"target_5xx": {"threshold": 3.0, "periods": 2.0}}}
    monitor, names = made(alarms=settings)
    assert "shop-blue-latency" not in names["blue"]
    errors = inputs(monitor, "shop-blue-target-5xx")
    assert (errors["threshold"], errors["evaluationPeriods"], errors["datapointsToAlarm"]) == (3, 2, 1)
    assert "set in the program" in errors["alarmDescription"]
    assert (errors["alarmActions"], errors["okActions"], errors["actionsEnabled"]) == (topics, topics, True)
    assert inputs(made(alarms={"actions_enabled": False})[0], "shop-blue-latency")["actionsEnabled"] is False
    monitor, names = made(alarms={"enabled": False})
    assert (names, monitor.names("MetricAlarm")) == ({}, [])


@pytest.mark.parametrize(
    ("settings", "where", "says"),
    [
        ({"off": ["latncy"]}, "alarms.off", "did you mean latency?"),
        ({"off": ["cpu"]}, "alarms.off", "there are target_5xx"),
        ({"overrides": {"cpu": {}}}, "alarms.overrides", "'cpu' is no alarm"),
        ({"overrides": {"latency": 2}}, "alarms.overrides.latency", "give threshold"),
        ({"overrides": {"latency": {"treshold": 2}}}, "alarms.overrides.latency.treshold", "did you mean threshold?"),
        ({"overrides": {"latency": {"threshold": "high"}}}, "alarms.overrides.latency.threshold", "is no number"),
        ({"overrides": {"latency": {"threshold": True}}}, "alarms.overrides.latency.threshold", "is no number"),
        ({"overrides": {"latency": {"datapoints": 2}}}, "alarms.overrides.latency.datapoints", "more than the 1 periods"),
        ({"overrides": {"latency": {"periods": 289}}}, "alarms.overrides.latency.periods", "use 288 at most"),
        ({"overrides": {"unhealthy_hosts": {"periods": 1441}}}, "alarms.overrides.unhealthy_hosts.periods", "use 1 to 1440"),
        ({"topic_arns": [TOPIC.example] * 6}, "alarms.topic_arns", "tells 5 at most"),
        ({"enable": False}, "alarms.enable", "did you mean enabled?"),
        ({"enabled": "no"}, "alarms.enabled", "neither true nor false"),
        ({"actions_enabled": 1}, "alarms.actions_enabled", "neither true nor false"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, where: str, says: str) -> None:
    problems = check_alb_alarms(settings)
    assert [argument for argument, _ in problems] == [where]
    assert says in problems[0][1]


def test_the_documentation_names_the_alarms_as_they_are() -> None:
    lines = (Path(__file__).resolve().parents[2] / "docs/alb-blue-green.md").read_text().splitlines()
    for row in TABLE:
        (line,) = [line for line in lines if line.startswith(f"| `{row.name}` |")]
        if row.name not in {"unhealthy_hosts", "no_healthy_hosts"}:  # "any", "no target"
            assert f"more than {row.threshold:g} " in line
        assert ("cloudposse" in line) == (row.source.startswith("cloudposse"))


def test_amazon_takes_every_alarm() -> None:
    dimensions: Any = {"LoadBalancer": "app/shop/1", "TargetGroup": "targetgroup/shop-blue/2"}
    resources = {
        row.name.replace("_", ""): {"Type": "AWS::CloudWatch::Alarm", "Properties": as_cloudformation(row, dimensions)}
        for row in wanted(None)
    }
    assert len(resources) == len(TABLE)
    assert lint(resources) == []


def as_cloudformation(row: Any, dimensions: Any) -> dict[str, Any]:
    def spelled(value: Any) -> Any:
        if isinstance(value, list):
            return [spelled(entry) for entry in value]
        if isinstance(value, dict):
            found: dict[str, Any] = {}
            for key, entry in value.items():
                if key == "dimensions":
                    found["Dimensions"] = [{"Name": name, "Value": text} for name, text in entry.items()]
                elif key == "metric":  # the provider's block joins what AWS keeps apart
                    metric = {name: entry[name] for name in ("namespace", "metric_name", "dimensions")}
                    found["MetricStat"] = {"Metric": spelled(metric), "Period": entry["period"], "Stat": entry["stat"]}
                elif key == "metric_queries":
                    found["Metrics"] = spelled(entry)
                elif key == "name":
                    found["AlarmName"] = entry
                else:
                    found["".join(word.capitalize() for word in key.split("_"))] = spelled(entry)
            return found
        return value

    whole: dict[str, Any] = spelled(alarm_arguments(row, f"shop-{row.name}", dimensions))
    return whole
