"""WeightedBlueGreen as a Pulumi program sees it, without an engine."""

import json
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from redis_ha.elasticache.guard import RefusedChangeError
from redis_ha.traffic import WeightedBlueGreen
from redis_ha.traffic.refusals import RefusedCreationError
from tests.support.pulumi_world import Monitor, run

OUTPUTS = (
    "record_names", "set_identifiers", "weights", "record_path", "health_check_ids", "traffic", "shift_policy",
)  # fmt: skip
HOSTS: dict[str, Any] = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}}
ALIASES: dict[str, Any] = {
    "blue": {"alias": {"name": "blue-1.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5"}},
    "green": {"alias": {"name": "green-1.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5"}},
}
GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zone_id": "Z0123456789ABC",
    "zone_name": "example.com",
    "names": {"api.example.com": HOSTS},
    "weights": {"blue": 100, "green": 0},
}
ALARMS = {"blue": {"alarm": {"name": "blue-sick"}}, "green": {"alarm": {"name": "green-sick"}}}


def made(*, known: bool = True, **changes: Any) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    def program() -> dict[str, Any]:
        args = {key: value() if callable(value) else value for key, value in (GOOD | changes).items() if value is not ...}
        component = WeightedBlueGreen("shop", args)  # type: ignore[arg-type]
        return {name: getattr(component, name) for name in OUTPUTS}

    return run(program, known=known)


def inputs(monitor: Monitor, name: str) -> dict[str, Any]:
    found: dict[str, Any] = rpc.deserialize_properties(monitor.requests[name].object, keep_unknowns=True)
    return found


def record(monitor: Monitor, colour: str, name: str = "api.example.com", kind: str = "cname") -> dict[str, Any]:
    return inputs(monitor, f"shop-{name}-{kind}-{colour}")


def test_a_pair_of_cnames() -> None:
    monitor, found = made()
    assert monitor.names("Record") == ["shop-api.example.com-cname-blue", "shop-api.example.com-cname-green"]
    assert record(monitor, "blue") == {
        "zoneId": "Z0123456789ABC", "name": "api.example.com", "type": "CNAME", "ttl": 60,
        "records": ["blue.example.net"], "setIdentifier": "blue", "weightedRoutingPolicies": [{"weight": 100}],
    }  # fmt: skip
    assert record(monitor, "green")["weightedRoutingPolicies"] == [{"weight": 0}]
    assert found["weights"][0] == {"blue": 100, "green": 0}
    assert found["record_names"][0] == ["api.example.com"]
    assert found["record_path"][0] == "/redis-ha/shop"
    assert found["health_check_ids"][0] == {}
