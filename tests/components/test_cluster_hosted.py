"""SentinelCluster as programs in other languages use it: what arrives over the wire."""

import pulumi
import pytest
from pulumi.runtime import rpc

from tests.support.hosted import constructed, secret

COMPONENT = "SentinelCluster"
PLAIN = {"region": "ams3", "vpcIpRange": "10.20.0.0/24"}


def test_constructed_for_another_language_with_floats() -> None:
    numbers = {"replicas": 1, "sentinels": 5, "quorum": 3, "downAfterMs": 2000, "generations": {"data-1": 2}}
    monitor, state = constructed(COMPONENT, PLAIN | numbers)
    assert len(monitor.names("Droplet")) == 7
    connection = state["connection"][0]
    assert connection["failover"]["down_after_ms"] == 2000
    assert isinstance(connection["failover"]["down_after_ms"], int)
    assert state["desired"][0]["quorum"] == 3
    assert set(state) == {"connection", "credentials", "desired", "addresses", "masterName"}


def test_constructed_with_secret_values() -> None:
    monitor, state = constructed(
        COMPONENT, PLAIN | {"applicationPassword": secret("given-by-the-caller-1"), "sshKeyIds": ["11:22"]}
    )
    assert len(monitor.names("RandomPassword")) == 6
    value, _, is_secret = state["credentials"]
    assert (value["password"], is_secret) == ("given-by-the-caller-1", True)


def test_constructed_with_values_that_are_not_known_yet() -> None:
    inputs = {"region": "ams3", "vpcId": rpc.UNKNOWN, "adminPassword": rpc.UNKNOWN, "sshKeyIds": [rpc.UNKNOWN]}
    monitor, state = constructed(COMPONENT, inputs, known=False)
    assert len(monitor.names("Droplet")) == 6
    assert monitor.names("Vpc") == []
    assert not state["desired"][1]
    assert monitor.requests["hosted-data-0"].object["vpcUuid"] == rpc.UNKNOWN


def test_construction_with_wrong_arguments_names_them() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="sentinels: 4 is even"):
        constructed(COMPONENT, PLAIN | {"sentinels": 4})
