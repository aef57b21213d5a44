"""The nested settings of monitoring and siblings as they come from programs in other languages."""

from typing import Any

import pulumi
import pytest

from tests.components.test_elasticache_hosted import COMPONENT, PLAIN
from tests.support.hosted import constructed, nested_output
from tests.support.pulumi_world import inputs

TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"


def test_alarms() -> None:
    settings = {
        "off": ["swap"],
        "overrides": {"memory_critical": {"threshold": 95.5, "periods": 4, "datapoints": 2}},
        "topicArns": [nested_output(TOPIC)],
        "actionsEnabled": False,
    }
    monitor, _ = constructed(COMPONENT, PLAIN | {"alarms": settings})
    alarm = inputs(monitor, "hosted-memory-critical-001")
    assert (alarm["threshold"], alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (95.5, 4, 2)
    assert (alarm["alarmActions"], alarm["actionsEnabled"]) == ([TOPIC], False)
    assert "hosted-swap-001" not in monitor.order


def test_topics_that_are_not_known_yet() -> None:
    monitor, _ = constructed(COMPONENT, PLAIN | {"alarms": {"topicArns": [nested_output()]}}, known=False)
    assert "hosted-cpu-001" in monitor.order


def test_experiments() -> None:
    settings = {
        "stopAlarmArns": [nested_output("arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop")],
        "durationMinutes": 5,
    }
    monitor, _ = constructed(COMPONENT, PLAIN | {"experiment": settings})
    template = inputs(monitor, "hosted-experiment-eu-central-1b")
    assert template["actions"][0]["parameters"] == [{"key": "duration", "value": "PT5M"}]
    assert template["stopConditions"][0]["source"] == "aws:cloudwatch:alarm"


def test_subscriptions() -> None:
    subscriptions = {"on-call": {"protocol": "https", "endpoint": nested_output("https://example.com/hook", is_secret=True)}}
    monitor, _ = constructed(COMPONENT, PLAIN | {"notifications": {"subscriptions": subscriptions}})
    assert inputs(monitor, "hosted-events-on-call")["protocol"] == "https"


def test_shards_are_scaled_and_watched_by_queries() -> None:
    scaling = {"scale": "shards", "min": 2, "max": 4, "scaleIn": True, "cooldownSeconds": 60}
    monitor, _ = constructed(COMPONENT, PLAIN | {"clusterMode": "enabled", "shards": 2, "autoscaling": scaling})
    policy = inputs(monitor, "hosted-autoscaling-policy")["targetTrackingScalingPolicyConfiguration"]
    assert (policy["disableScaleIn"], policy["scaleInCooldown"]) == (False, 60)
    assert monitor.requests["hosted-group"].ignoreChanges
    assert "numNodeGroups" in monitor.requests["hosted-group"].ignoreChanges
    failover = inputs(monitor, "hosted-failover")
    assert (failover["threshold"], failover["metricQueries"][0]["expression"].startswith("SELECT SUM(IsMaster)")) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"alarms": {"off": ["memroy"]}}, "did you mean memory"),
        ({"alarms": {"overrides": {"cpu": {"datapoints": 9}}}}, "more than the 5 periods"),
        ({"autoscaling": {"scale": "replicas", "min": 1, "max": 2}}, "only groups in cluster mode"),
        ({"experiment": {"stopAlarmArns": [], "zones": ["eu-central-1c"]}}, "no zone of this group"),
        ({"record": {"zoneId": "Z1", "configuration": "cache.example.com"}}, "has no configuration endpoint"),
        ({"notifications": {"subscriptions": {"a": {"protocol": "fax", "endpoint": "1"}}}}, "'fax' is not known"),
    ],
)
def test_wrong_settings_are_refused_as_in_python(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(pulumi.InputPropertiesError, match=says):
        constructed(COMPONENT, PLAIN | arguments)
