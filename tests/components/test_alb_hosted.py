"""AlbBlueGreen as programs in other languages use it: its schema, and what arrives over the wire."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.provider import server
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime import rpc

import redis_ha.traffic
from redis_ha.traffic.alb import AlbBlueGreen, AlbBlueGreenArgs
from tests.support.pulumi_world import Monitor, run

TOKEN = "redis-ha:index:AlbBlueGreen"
PLAIN: dict[str, Any] = {
    "region": "eu-central-1",
    "vpcId": "vpc-1",
    "subnetIds": ["subnet-1", "subnet-2"],
    "targets": {"blue": {"instanceIds": ["i-1"]}, "green": {"ipAddresses": ["10.0.0.4"]}},
}


def nested_output(value: Any = ...) -> dict[str, Any]:
    """An Output inside an argument as SDKs send it to a hosted component; without a value it is not known yet."""
    known = {} if value is ... else {"value": value}
    return {rpc._special_sig_key: rpc._special_output_value_sig, **known, "secret": False, "dependencies": []}


def constructed(arguments: dict[str, Any], *, known: bool = True) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    """What the engine does for a caller in another language: inputs come as a Struct, numbers as floats."""
    wire = struct_pb2.Struct()
    wire.update(arguments)

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    def program(received: Any) -> dict[str, Any]:
        provider = ComponentProvider([AlbBlueGreen], "redis-ha")
        return provider.construct("web", TOKEN, received, pulumi.ResourceOptions()).state  # type: ignore[return-value]

    return run(program, known=known, prepare=prepare)


def inputs(monitor: Monitor, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rpc.deserialize_properties(monitor.requests[name].object, keep_unknowns=True)
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ComponentProvider([AlbBlueGreen], "redis-ha").schema or "{}")
    return found


def test_every_input_and_output_is_described() -> None:
    whole = schema()
    for part in ("inputProperties", "properties"):
        described = whole["resources"][TOKEN][part]
        assert [name for name, spec in described.items() if not spec.get("description")] == []
    for name, kind in whole["types"].items():
        assert kind.get("description"), name
        assert [entry for entry, spec in kind["properties"].items() if not spec.get("description")] == [], name
    assert set(whole["resources"][TOKEN]["requiredInputs"]) == {"region", "vpcId", "subnetIds", "targets"}


def test_whatever_decides_the_shape_is_plain() -> None:
    described = schema()["resources"][TOKEN]["inputProperties"]
    later = {name for name, spec in described.items() if not spec.get("plain")}
    assert later == {"certificateArn", "securityGroupIds", "subnetIds", "vpcId"}
    # Lists of ids are plain, their length has to be known; what is in them is not.
    for name in ("clientSecurityGroupIds", "clientPrefixListIds", "targetSecurityGroupIds"):
        assert not described[name]["items"].get("plain")


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
    monitor, state = constructed(PLAIN | numbers)
    (action,) = inputs(monitor, "web-both-listener")["defaultActions"]
    assert [group["weight"] for group in action["forward"]["targetGroups"]] == [90, 10]
    assert action["forward"]["stickiness"] == {"enabled": True, "duration": 60}
    group = inputs(monitor, "web-blue-targets")
    assert (group["healthCheck"]["port"], group["healthCheck"]["interval"], group["deregistrationDelay"]) == ("9000", 20, 30)
    assert inputs(monitor, "web-blue-latency")["evaluationPeriods"] == 2
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
            "blue": {"instanceIds": [nested_output(), "i-2"]},
            "green": {"autoscalingGroupName": nested_output()},
        },
        "accessLogs": {"bucket": nested_output()},
        "alarms": {"topicArns": [nested_output()]},
        "clientSecurityGroupIds": [nested_output(), "sg-2"],
    }
    monitor, state = constructed(PLAIN | later, known=False)
    assert monitor.requests["web-blue"].object["subnets"] == rpc.UNKNOWN
    assert monitor.requests["web-blue-listener"].object["certificateArn"] == rpc.UNKNOWN
    assert {"web-blue-0", "web-blue-1", "web-green-group", "web-from-group-1"} <= set(monitor.order)
    assert not state["dnsNames"][1]


def test_wrong_arguments_are_named_in_the_schemas_words() -> None:
    with pytest.raises(server.ComponentInitError) as caught:
        constructed(PLAIN | {"targetPort": 0, "healthCheck": {"timeoutSeconds": 1}})
    assert isinstance(caught.value.inner, pulumi.InputPropertiesError)
    assert [error["property_path"] for error in caught.value.inner.errors or []] == ["targetPort", "healthCheck.timeoutSeconds"]


def test_what_decides_the_shape_may_not_be_unknown() -> None:
    with pytest.raises(server.ComponentInitError, match="form: is an Output"):
        constructed(PLAIN | {"form": rpc.UNKNOWN}, known=False)


def test_the_reference_names_every_argument_and_output() -> None:
    text = (Path(redis_ha.traffic.__file__).parent / "README.md").read_text().split("## AlbBlueGreen")[1].split("\n## ")[0]
    for name in (*AlbBlueGreenArgs.__annotations__, *AlbBlueGreen.__annotations__):
        assert f"`{name}`" in text, name
