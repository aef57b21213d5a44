"""GlobalDatastore as programs in other languages use it: what arrives over the wire."""

from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from tests.support.hosted import constructed, nested_output
from tests.support.pulumi_world import inputs

COMPONENT = "GlobalDatastore"
GIVEN = "given-by-the-caller-1"
SILENT = {"alarms": {"enabled": False}, "dashboard": False}
HERE: dict[str, Any] = {"zones": ["eu-central-1a", "eu-central-1b"], "subnetIds": ["a", "b"], "vpcId": "vpc-1"} | SILENT
THERE: dict[str, Any] = {"zones": ["eu-west-1a", "eu-west-1b"], "subnetIds": ["c", "d"], "vpcId": "vpc-2"} | SILENT
MADE: dict[str, Any] = {"primary": HERE | {"region": "eu-central-1"}, "secondaries": {"eu-west-1": THERE}}
CONNECTION: dict[str, Any] = {
    "version": 1, "kind": "primary", "tls": True, "engine": "valkey", "reader": None,
    "primary": {"host": "master.orders.abc123.euc1.cache.amazonaws.com", "port": 6379},
    "failover": {"automatic": True, "multi_az": True, "replicas": 1},
}  # fmt: skip
BROUGHT: dict[str, Any] = {
    "primaryReplicationGroupId": "orders", "primaryRegion": "eu-central-1", "primaryConnection": CONNECTION,
    "engine": "valkey", "engineVersion": "8.0", "nodeType": "cache.r7g.large", "secondaries": {"eu-west-1": THERE},
    "users": {"application": {"passwords": [GIVEN]}},
}  # fmt: skip


def test_a_primary_made_here() -> None:
    monitor, state = constructed(
        COMPONENT, MADE | {"shards": 2, "primary": MADE["primary"] | {"clusterMode": "enabled", "port": 7000}}
    )
    assert inputs(monitor, "hosted-global")["numNodeGroups"] == 2
    assert inputs(monitor, "hosted-eu-central-1-group")["port"] == 7000
    assert inputs(monitor, "hosted-eu-west-1-group")["port"] == 7000
    assert set(state) == {
        "globalId", "primaryRegion", "connection", "credentials", "groupIds", "arns", "endpoints", "alarmNames",
        "promotionPolicy",
    }  # fmt: skip
    assert state["connection"][0]["regions"]["eu-west-1"]["configuration"]["port"] == 7000
    assert isinstance(state["connection"][0]["regions"]["eu-west-1"]["configuration"]["port"], int)


def test_a_brought_primary_with_outputs() -> None:
    later = {
        "primaryReplicationGroupId": nested_output("orders"),
        "primaryConnection": nested_output(CONNECTION),
        "users": {"application": {"passwords": [nested_output(GIVEN, is_secret=True)]}},
        "lag": {"thresholdSeconds": 2, "missingMinutes": 3},
        "writer": {"parameter": {"name": "/redis-ha/writer", "region": "eu-west-3"}},
    }
    monitor, state = constructed(COMPONENT, BROUGHT | later)
    assert inputs(monitor, "hosted-global")["primaryReplicationGroupId"] == "orders"
    assert inputs(monitor, "hosted-eu-west-1-lag-missing")["evaluationPeriods"] == 3
    assert state["credentials"][0] == {"version": 1, "username": "application", "password": GIVEN}
    assert state["credentials"][2]
    document = state["connection"][0]
    # As its component made it: whole numbers, and the null that the wire loses.
    assert document["regions"]["eu-central-1"] == CONNECTION
    assert isinstance(document["regions"]["eu-central-1"]["primary"]["port"], int)
    assert (document["stale_seconds"], document["writer"]) == (
        2, {"parameter": {"name": "/redis-ha/writer", "region": "eu-west-3"}},
    )  # fmt: skip
    assert not state["connection"][2]


def test_values_that_are_not_known_yet() -> None:
    later = {
        "primaryReplicationGroupId": rpc.UNKNOWN,
        "primaryConnection": rpc.UNKNOWN,
        "users": {"application": {"passwords": [nested_output(is_secret=True)]}},
        "secondaries": {
            "eu-west-1": THERE | {"subnetIds": nested_output(), "vpcId": nested_output(), "kmsKeyId": nested_output()}
        },
    }
    monitor, state = constructed(COMPONENT, BROUGHT | later, known=False)
    assert monitor.requests["hosted-global"].object["primaryReplicationGroupId"] == rpc.UNKNOWN
    assert monitor.requests["hosted-eu-west-1-group"].object["kmsKeyId"] == rpc.UNKNOWN
    assert monitor.requests["hosted-eu-west-1-subnet-group"].object["subnetIds"] == rpc.UNKNOWN
    assert not state["connection"][1]
    assert state["credentials"][2]


def test_wrong_arguments_are_named_in_the_schemas_words() -> None:
    wrong = MADE | {"nodeType": "cache.t4g.small", "secondaries": {"eu-west-1": THERE | {"snapshotRetentionDays": 0}}}
    with pytest.raises(pulumi.InputPropertiesError, match="cannot be in a global datastore") as caught:
        constructed(COMPONENT, wrong)
    assert {error["property_path"] for error in caught.value.errors or []} == {
        "nodeType", "secondaries.eu-west-1.snapshotRetentionDays",
    }  # fmt: skip


def test_what_decides_the_shape_may_not_be_unknown() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="node_type: is an Output"):
        constructed(COMPONENT, MADE | {"nodeType": rpc.UNKNOWN}, known=False)
