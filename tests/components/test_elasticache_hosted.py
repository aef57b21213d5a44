"""ElastiCacheHaGroup as programs in other languages use it: what arrives over the wire."""

from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from tests.support.hosted import constructed, nested_output, secret
from tests.support.pulumi_world import inputs

COMPONENT = "ElastiCacheHaGroup"
PLAIN: dict[str, Any] = {
    "region": "eu-central-1",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "subnetIds": ["subnet-1", "subnet-2"],
    "vpcId": "vpc-1",
}
GIVEN = "given-by-the-caller-1"


def test_floats_for_whole_numbers_at_every_depth() -> None:
    numbers = {
        "clusterMode": "enabled",
        "shards": 2,
        "replicas": 2,
        "port": 7000,
        "snapshotRetentionDays": 3,
        "logs": {"retentionDays": 14},
        "autoscaling": {"scale": "replicas", "min": 1, "max": 3, "target": 50},
    }
    monitor, state = constructed(COMPONENT, PLAIN | numbers)
    group = inputs(monitor, "hosted-group")
    assert (group["numNodeGroups"], group["replicasPerNodeGroup"], group["port"]) == (2, 2, 7000)
    connection = state["connection"][0]
    assert (connection["configuration"]["port"], connection["failover"]["replicas"]) == (7000, 2)
    assert isinstance(connection["configuration"]["port"], int)
    assert inputs(monitor, "hosted-slow-log")["retentionInDays"] == 14
    assert inputs(monitor, "hosted-autoscaling")["maxCapacity"] == 3
    assert set(state) == {
        "connection", "credentials", "arn", "groupId", "memberClusters", "primaryEndpoint", "readerEndpoint",
        "configurationEndpoint", "port", "alarmNames", "securityGroupId", "notificationTopicArn", "secretArns",
        "clientPolicy", "readPolicy", "operatorPolicy",
    }  # fmt: skip


def test_nested_arguments_of_a_dictionary() -> None:
    nested = {
        "users": {
            "application": {"passwords": [nested_output(GIVEN, is_secret=True)]},
            "stock-reports": {"access": "on +@read", "authentication": "iam"},
        },
        "logs": {"slowLog": False, "engineLogDestination": "theirs"},
        "tags": {"Team_Name": "red"},
        "parameters": {"maxmemory-policy": "noeviction"},
        "timeouts": {"create": "90m"},
        "adopt": {"subnetGroup": "legacy"},
    }
    monitor, state = constructed(COMPONENT, PLAIN | nested)
    assert state["credentials"][0]["password"] == GIVEN
    assert state["credentials"][2]
    assert inputs(monitor, "hosted-user-stock-reports")["userName"] == "hosted-stock-reports-iam"
    assert [entry["destination"] for entry in inputs(monitor, "hosted-group")["logDeliveryConfigurations"]] == ["theirs"]
    assert inputs(monitor, "hosted-group")["tags"] == {"Team_Name": "red", "redis_ha_group": "hosted"}
    assert inputs(monitor, "hosted-parameter-group")["parameters"] == [{"name": "maxmemory-policy", "value": "noeviction"}]
    assert monitor.requests["hosted-group"].customTimeouts.create == "90m"
    assert monitor.requests["hosted-subnet-group"].importId == "legacy@eu-central-1"


def test_secret_values() -> None:
    monitor, state = constructed(COMPONENT, PLAIN | {"auth": "token", "authToken": secret(GIVEN)})
    token = inputs(monitor, "hosted-group")["authToken"]
    assert rpc.is_rpc_secret(token)
    assert rpc.unwrap_rpc_secret(token) == GIVEN
    value, _, is_secret = state["credentials"]
    assert (value, is_secret) == ({"version": 1, "password": GIVEN}, True)


def test_values_that_are_not_known_yet() -> None:
    later = {
        "subnetIds": rpc.UNKNOWN,
        "vpcId": rpc.UNKNOWN,
        "kmsKeyId": rpc.UNKNOWN,
        "clientSecurityGroupIds": [nested_output(), "sg-2"],
        "notifications": {"topicArn": nested_output()},
        "record": {"zoneId": nested_output(), "primary": "cache.example.com"},
    }
    monitor, state = constructed(COMPONENT, PLAIN | later, known=False)
    assert monitor.requests["hosted-group"].object["kmsKeyId"] == rpc.UNKNOWN
    assert monitor.requests["hosted-subnet-group"].object["subnetIds"] == rpc.UNKNOWN
    assert {"hosted-from-group-0", "hosted-from-group-sg-2"} <= set(monitor.names("SecurityGroupIngressRule"))
    assert not state["connection"][1]


def test_wrong_arguments_are_named_in_the_schemas_words() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="snapshot_retention_days: 0 is out of range") as caught:
        constructed(COMPONENT, PLAIN | {"snapshotRetentionDays": 0, "logs": {"retentionDays": 42}})
    assert [error["property_path"] for error in caught.value.errors or []] == [
        "snapshotRetentionDays",
        "logs.retentionDays",
    ]


def test_what_decides_the_shape_may_not_be_unknown() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match="node_type: is an Output"):
        constructed(COMPONENT, PLAIN | {"nodeType": rpc.UNKNOWN}, known=False)
