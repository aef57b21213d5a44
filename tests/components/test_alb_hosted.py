"""AlbBlueGreen as programs in other languages use it: what arrives over the wire."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

import redis_ha.traffic
from redis_ha.traffic.alb import AlbBlueGreen, AlbBlueGreenArgs
from tests.support.hosted import constructed, nested_output
from tests.support.pulumi_world import inputs

COMPONENT = "AlbBlueGreen"
PLAIN: dict[str, Any] = {
    "region": "eu-central-1",
    "vpcId": "vpc-1",
    "subnetIds": ["subnet-1", "subnet-2"],
    "targets": {"blue": {"instanceIds": ["i-1"]}, "green": {"ipAddresses": ["10.0.0.4"]}},
}


def test_numbers_at_every_depth() -> None:
    numbers = {
        "form": "listener",
        "weights": {"blue": 90, "green": 10},
        "stickiness": {"enabled": True, "durationSeconds": 60},
        "port": 8080,
        "healthCheck": {"port": 9000, "intervalSeconds": 20},
        "deregistrationDelaySeconds": 30,
        "alarms": {"overrides": {"latency": {"threshold": 1, "periods": 2}}},
    }
    monitor, state = constructed(COMPONENT, PLAIN | numbers)
    (action,) = inputs(monitor, "hosted-both-listener")["defaultActions"]
    assert [group["weight"] for group in action["forward"]["targetGroups"]] == [90, 10]
    assert action["forward"]["stickiness"] == {"enabled": True, "duration": 60}
    group = inputs(monitor, "hosted-blue-targets")
    assert (group["healthCheck"]["port"], group["healthCheck"]["interval"], group["deregistrationDelay"]) == ("9000", 20, 30)
    assert inputs(monitor, "hosted-blue-latency")["evaluationPeriods"] == 2
    assert state["weights"][0] == {"blue": 90, "green": 10}
    assert set(state) == {
        "dnsNames", "zoneIds", "loadBalancerArns", "targetGroupArns", "listenerArn", "securityGroupId", "alarmNames", "weights",
        "recordPath", "traffic", "shiftPolicy",
    }  # fmt: skip


def test_values_that_are_not_known_yet() -> None:
    later = {
        "vpcId": rpc.UNKNOWN,
        "subnetIds": rpc.UNKNOWN,
        "certificateArn": rpc.UNKNOWN,
        "targets": {
            "blue": {"instanceIds": [nested_output(), "i-2"], "names": ["one", "two"]},
            "green": {"autoscalingGroupName": nested_output()},
        },
        "accessLogs": {"bucket": nested_output()},
        "alarms": {"topicArns": [nested_output()]},
        "clientSecurityGroupIds": [nested_output(), "sg-2", rpc.UNKNOWN, rpc.UNKNOWN],
    }
    monitor, state = constructed(COMPONENT, PLAIN | later, known=False)
    assert monitor.requests["hosted-blue"].object["subnets"] == rpc.UNKNOWN
    assert monitor.requests["hosted-blue-listener"].object["certificateArn"] == rpc.UNKNOWN
    assert {"hosted-blue-one", "hosted-blue-two", "hosted-green-group", "hosted-from-group-sg-2"} <= set(monitor.order)
    # Nobody knows whether two unknown ones are the same.
    assert {"hosted-from-group-2", "hosted-from-group-3"} <= set(monitor.order)
    assert not state["dnsNames"][1]


def test_wrong_arguments_are_named_in_the_schemas_words() -> None:
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        constructed(COMPONENT, PLAIN | {"targetPort": 0, "healthCheck": {"timeoutSeconds": 1}})
    assert [error["property_path"] for error in caught.value.errors or []] == ["targetPort", "healthCheck.timeoutSeconds"]


def test_what_decides_the_shape_may_not_be_unknown() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="form: is an Output"):
        constructed(COMPONENT, PLAIN | {"form": rpc.UNKNOWN}, known=False)


def test_the_reference_names_every_argument_and_output() -> None:
    text = (Path(redis_ha.traffic.__file__).parent / "README.md").read_text().split("## AlbBlueGreen")[1].split("\n## ")[0]
    for name in (*AlbBlueGreenArgs.__annotations__, *AlbBlueGreen.__annotations__):
        assert f"`{name}`" in text, name
