"""Blue and green records as programs in other languages use them: what arrives over the wire."""

from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from tests.support.hosted import constructed, nested_output
from tests.support.pulumi_world import inputs

WEIGHTED = "WeightedBlueGreen"
LIVE = "LiveColourRecord"
PLAIN: dict[str, Any] = {"region": "eu-central-1", "zoneId": "Z1", "zoneName": "example.com"}
HOSTS: dict[str, Any] = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}


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
    monitor, state = constructed(WEIGHTED, PLAIN | given)
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
    with pytest.raises(pulumi.InputPropertiesError, match="set identifier 'red' that is not one of these"):
        constructed(WEIGHTED, PLAIN | {"names": {"api.example.com": HOSTS}, "weights": {"blue": 1, "green": 1}} | held)


def test_everything_of_a_writers_name_arrives() -> None:
    given = {"name": "writer.example.com", "targets": {"blue": "a.example.net", "green": nested_output("b.example.net")}}
    monitor, state = constructed(LIVE, PLAIN | given | {"live": "green", "ttlSeconds": 3})
    record = inputs(monitor, "hosted-writer.example.com-cname")
    assert (record["records"], record["ttl"]) == (["b.example.net"], 3)
    assert state["tlsHostNames"][0] == {"blue": "a.example.net", "green": "b.example.net"}
    assert set(state) == {"recordName", "live", "tlsHostNames", "recordPath", "traffic", "shiftPolicy"}


def test_values_that_are_not_known_yet() -> None:
    later = {"zoneId": rpc.UNKNOWN, "names": {"api.example.com": {colour: {"host": nested_output()} for colour in HOSTS}}}
    monitor, state = constructed(WEIGHTED, PLAIN | later | {"weights": {"blue": 1, "green": 0}}, known=False)
    assert len(monitor.names("Record")) == 2
    assert not state["traffic"][1]
    later = {"zoneId": rpc.UNKNOWN, "targets": {colour: nested_output() for colour in HOSTS}}
    monitor, state = constructed(LIVE, PLAIN | later | {"name": "writer.example.com", "live": "blue"}, known=False)
    assert len(monitor.names("Record")) == 1
    assert not state["live"][1]


def test_wrong_arguments_are_named_in_the_schemas_words() -> None:
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        constructed(
            WEIGHTED, PLAIN | {"names": {"api.example.com": HOSTS}, "weights": {"blue": 256, "green": 0}, "ttlSeconds": -1}
        )
    assert [error["property_path"] for error in caught.value.errors or []] == ["ttlSeconds", "weights.blue"]


def test_what_decides_the_shape_may_not_be_unknown() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="live: is an Output"):
        constructed(
            LIVE,
            PLAIN | {"name": "w.example.com", "targets": {"blue": "a.b", "green": "c.d"}, "live": rpc.UNKNOWN},
            known=False,
        )
