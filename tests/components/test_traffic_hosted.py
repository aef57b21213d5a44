"""Blue and green records as programs in other languages use them: their schema, and what arrives over the wire."""

import json
from typing import Any

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.provider import server
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime import rpc

from redis_ha.traffic import LiveColourRecord, WeightedBlueGreen
from tests.support.pulumi_world import Monitor, run

WEIGHTED = "redis-ha:index:WeightedBlueGreen"
LIVE = "redis-ha:index:LiveColourRecord"
PLAIN: dict[str, Any] = {"region": "eu-central-1", "zoneId": "Z1", "zoneName": "example.com"}
HOSTS: dict[str, Any] = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}


def hosted() -> ComponentProvider:
    return ComponentProvider([LiveColourRecord, WeightedBlueGreen], "redis-ha")


def nested_output(value: Any = ...) -> dict[str, Any]:
    """An Output inside an argument as SDKs send it to a hosted component; without a value it is not known yet."""
    known = {} if value is ... else {"value": value}
    return {rpc._special_sig_key: rpc._special_output_value_sig, **known, "secret": False, "dependencies": []}


def constructed(token: str, inputs: dict[str, Any], *, known: bool = True) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    """What the engine does for a caller in another language: inputs come as a Struct, numbers as floats."""
    wire = struct_pb2.Struct()
    wire.update(PLAIN | inputs)

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    def program(received: Any) -> dict[str, Any]:
        return hosted().construct("hosted", token, received, pulumi.ResourceOptions()).state  # type: ignore[return-value]

    return run(program, known=known, prepare=prepare)


def inputs(monitor: Monitor, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rpc.deserialize_properties(monitor.requests[name].object, keep_unknowns=True)
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hosted().schema or "{}")
    return found


def test_every_input_and_output_is_described() -> None:
    whole = schema()
    for token in (LIVE, WEIGHTED):
        for part in ("inputProperties", "properties"):
            described = whole["resources"][token][part]
            assert [name for name, spec in described.items() if not spec.get("description")] == []
    for name, kind in whole["types"].items():
        assert kind.get("description"), name
        assert [entry for entry, spec in kind["properties"].items() if not spec.get("description")] == [], name
    assert whole["resources"][WEIGHTED]["requiredInputs"] == ["names", "region", "weights", "zoneId", "zoneName"]
    assert whole["resources"][LIVE]["requiredInputs"] == ["live", "name", "region", "targets", "zoneId", "zoneName"]


def test_whatever_decides_the_shape_is_plain() -> None:
    whole = schema()
    for token in (LIVE, WEIGHTED):
        described = whole["resources"][token]["inputProperties"]
        assert {name for name, spec in described.items() if not spec.get("plain")} == {"zoneId"}
    values = {
        name: {entry for entry, spec in kind["properties"].items() if not spec.get("plain")}
        for name, kind in whole["types"].items()
    }
    assert {name.rsplit(":", maxsplit=1)[1]: later for name, later in values.items() if later} == {
        "AlarmCheck": {"name", "revision"}, "ColourHealth": {"healthCheckId"}, "EndpointCheck": {"host", "ipAddress"},
        "LiveTargets": {"blue", "green"}, "PartCheck": {"healthCheckId"}, "TrafficAlias": {"name", "zoneId"},
        "TrafficTarget": {"host", "address"},
    }  # fmt: skip


def test_everything_of_weighted_records_arrives() -> None:
    given = {
        "names": {"My_Api.example.com": {**HOSTS, "ttlSeconds": 5}},
        "weights": {"blue": 90, "green": 10},
        "health": {
            "blue": {"endpoint": {"ipAddress": "52.95.110.1", "intervalSeconds": 10, "failureThreshold": 2}},
            "green": {"calculated": {"parts": {"one-part": {"alarm": {"name": "a", "insufficientData": "healthy"}}}}},
        },
        "standbyReceivesOnFailure": False,
        "setIdentifiers": {"blue": "b"},
        "knownRecords": [{"name": "other.example.com", "type": "CNAME", "setIdentifier": "x"}],
        "weightAuthority": "runtime",
        "runtimeWeights": {"blue": 0, "green": 255},
        "tags": {"Team_Name": "red"},
    }
    monitor, state = constructed(WEIGHTED, given)
    blue = inputs(monitor, "hosted-my_api.example.com-cname-blue")
    assert (blue["ttl"], blue["setIdentifier"], blue["weightedRoutingPolicies"]) == (5, "b", [{"weight": 0}])
    check = inputs(monitor, "hosted-blue-check")
    assert (check["requestInterval"], check["failureThreshold"], check["port"]) == (10, 2, 443)
    assert check["tags"] == {"Name": "hosted-blue-check", "Team_Name": "red"}
    assert inputs(monitor, "hosted-green-one-part-check")["insufficientDataHealthStatus"] == "Healthy"
    assert state["weights"][0] == {"blue": 0, "green": 255}
    assert all(isinstance(weight, int) for weight in state["weights"][0].values())
    assert set(state) == {
        "recordNames", "setIdentifiers", "weights", "recordPath", "healthCheckIds", "traffic", "shiftPolicy",
    }  # fmt: skip


def test_a_foreign_record_is_seen_over_the_wire() -> None:
    held = {"knownRecords": [{"name": "api.example.com", "type": "CNAME", "setIdentifier": "red"}]}
    with pytest.raises(server.ComponentInitError, match="set identifier 'red' that is not one of these"):
        constructed(WEIGHTED, {"names": {"api.example.com": HOSTS}, "weights": {"blue": 1, "green": 1}} | held)


def test_everything_of_a_writers_name_arrives() -> None:
    given = {"name": "writer.example.com", "targets": {"blue": "a.example.net", "green": nested_output("b.example.net")}}
    monitor, state = constructed(LIVE, given | {"live": "green", "ttlSeconds": 3})
    record = inputs(monitor, "hosted-writer.example.com-cname")
    assert (record["records"], record["ttl"]) == (["b.example.net"], 3)
    assert state["tlsHostNames"][0] == {"blue": "a.example.net", "green": "b.example.net"}
    assert set(state) == {"recordName", "live", "tlsHostNames", "recordPath", "traffic", "shiftPolicy"}


def test_values_that_are_not_known_yet() -> None:
    later = {"zoneId": rpc.UNKNOWN, "names": {"api.example.com": {colour: {"host": nested_output()} for colour in HOSTS}}}
    monitor, state = constructed(WEIGHTED, later | {"weights": {"blue": 1, "green": 0}}, known=False)
    assert len(monitor.names("Record")) == 2
    assert not state["traffic"][1]
    later = {"zoneId": rpc.UNKNOWN, "targets": {colour: nested_output() for colour in HOSTS}}
    monitor, state = constructed(LIVE, later | {"name": "writer.example.com", "live": "blue"}, known=False)
    assert len(monitor.names("Record")) == 1
    assert not state["live"][1]


def test_wrong_arguments_are_named_in_the_schemas_words() -> None:
    with pytest.raises(server.ComponentInitError) as caught:
        constructed(WEIGHTED, {"names": {"api.example.com": HOSTS}, "weights": {"blue": 256, "green": 0}, "ttlSeconds": -1})
    assert isinstance(caught.value.inner, pulumi.InputPropertiesError)
    assert [error["property_path"] for error in caught.value.inner.errors or []] == ["ttlSeconds", "weights.blue"]


def test_what_decides_the_shape_may_not_be_unknown() -> None:
    with pytest.raises(server.ComponentInitError, match="live: is an Output"):
        constructed(
            LIVE, {"name": "w.example.com", "targets": {"blue": "a.b", "green": "c.d"}, "live": rpc.UNKNOWN}, known=False
        )
