"""The schema of the hosted components, from which the SDKs of other languages are made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosted import schema, token
from tools import component_schema

# Component -> the inputs that have to be given, and those that may be known only when other resources are made.
INPUTS: dict[str, tuple[set[str], set[str]]] = {
    "AlbBlueGreen": (
        {"region", "vpcId", "subnetIds", "targets"},
        {"certificateArn", "securityGroupIds", "subnetIds", "vpcId"},
    ),
    "ElastiCacheHaGroup": (
        {"region", "zones"},
        {
            "authToken", "kmsKeyId", "parameterGroupName", "restoreSnapshotArns", "restoreSnapshotName", "securityGroupIds",
            "subnetGroupName", "subnetIds", "userGroupId", "vpcId",
        },
    ),
    "FailoverAutomation": ({"groups", "region"}, set()),
    "GlobalDatastore": (
        {"secondaries"},
        {"authToken", "parameterGroupName", "primaryConnection", "primaryReplicationGroupId"},
    ),
    "LiveColourRecord": ({"live", "name", "region", "targets", "zoneId", "zoneName"}, {"zoneId"}),
    "PrivateNetwork": ({"ipRange", "region", "zones"}, set()),
    "SentinelCluster": (
        {"region"},
        {
            "vpcId", "sshKeyIds", "projectId", "applicationPassword", "discoveryPassword", "replicationPassword",
            "sentinelPassword", "sentinelPeerPassword", "exporterPassword", "adminPassword",
        },
    ),
    "ServerlessCache": (
        {"region", "subnetIds", "securityGroupIds"},
        {"subnetIds", "securityGroupIds", "kmsKeyId", "userGroupId", "restoreSnapshotArns"},
    ),
    "WeightedBlueGreen": ({"names", "region", "weights", "zoneId", "zoneName"}, {"zoneId"}),
}  # fmt: skip
# Lists whose length has to be known, but not what is in them.
LISTS = {
    "AlbBlueGreen": {"clientSecurityGroupIds", "clientPrefixListIds", "targetSecurityGroupIds"},
    "ElastiCacheHaGroup": {"clientSecurityGroupIds", "clientPrefixListIds"},
}
# The same of nested arguments, by their type.
NESTED = {
    "AlarmCheck": {"name", "revision"},
    "AlbAccessLogs": {"bucket"},
    "AlbTargets": {"autoscalingGroupName"},
    "ColourHealth": {"healthCheckId"},
    "ElastiCacheHaGroupArgs": INPUTS["ElastiCacheHaGroup"][1],
    "ElastiCacheLogs": {"engineLogDestination", "kmsKeyId", "slowLogDestination"},
    "EndpointCheck": {"host", "ipAddress"},
    "ExperimentSettings": {"roleArn"},
    "FailoverGroup": {"topicArn", "topicKmsKey"},
    "FailoverPagerDuty": {"routingKey"},
    "FailoverServer": {"secretArn"},
    "FailoverSlack": {"webhookUrl"},
    "FailoverVault": {"secretArn"},
    "FailoverWebhook": {"token", "webhookUrl"},
    "GlobalSecondary": {"kmsKeyId", "securityGroupIds", "subnetGroupName", "subnetIds", "userGroupId", "vpcId"},
    "LiveTargets": {"blue", "green"},
    "NotificationSettings": {"topicArn"},
    "PartCheck": {"healthCheckId"},
    "RecordSettings": {"zoneId"},
    "SubscriptionSettings": {"endpoint"},
    "TrafficAlias": {"name", "zoneId"},
    "TrafficTarget": {"host", "address"},
}
NESTED_LISTS = {
    "AlarmSettings": {"topicArns"},
    "AlbAlarms": {"topicArns"},
    "AlbTargets": {"instanceIds", "ipAddresses"},
    "ElastiCacheHaGroupArgs": LISTS["ElastiCacheHaGroup"],
    "ElastiCacheUser": {"passwords"},
    "ExperimentSettings": {"stopAlarmArns"},
    "FailoverAlarms": {"topicArns"},
    "FailoverFunction": {"securityGroupIds", "subnetIds"},
    "GlobalSecondary": LISTS["ElastiCacheHaGroup"],
}


def resources() -> dict[str, Any]:
    return {name.rsplit(":", maxsplit=1)[1]: found for name, found in schema()["resources"].items()}


def types() -> dict[str, Any]:
    return {name.rsplit(":", maxsplit=1)[1]: found["properties"] for name, found in schema()["types"].items()}


def known_later(properties: Mapping[str, Any]) -> set[str]:
    return {name for name, spec in properties.items() if not spec.get("plain")}


def lists_known_later(properties: Mapping[str, Any]) -> set[str]:
    return {name for name, spec in properties.items() if spec.get("plain") and not spec.get("items", spec).get("plain")}


def undescribed(properties: Mapping[str, Any]) -> list[str]:
    return [name for name, spec in properties.items() if not spec.get("description")]


def test_the_committed_schema_is_what_the_components_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.argv", ["component_schema.py", "--check"])
    assert component_schema.main() == 0
    other = json.loads(component_schema.SCHEMA.read_text())
    del other["resources"][token("ServerlessCache")]
    (tmp_path / "schema.json").write_text(json.dumps(other))
    monkeypatch.setattr(component_schema, "SCHEMA", tmp_path / "schema.json")
    assert component_schema.main() == 1


def test_every_input_output_and_nested_argument_is_described() -> None:
    assert {
        (name, part): missing
        for name, found in resources().items()
        for part in ("inputProperties", "properties")
        if (missing := undescribed(found[part]))
    } == {}
    assert [name for name, found in schema()["types"].items() if not found.get("description")] == []
    assert {name: missing for name, properties in types().items() if (missing := undescribed(properties))} == {}


def test_what_has_to_be_given() -> None:
    assert {name: set(found["requiredInputs"]) for name, found in resources().items()} == {
        name: required for name, (required, _) in INPUTS.items()
    }


def test_whatever_decides_the_shape_is_plain() -> None:
    """SDKs must not invite Outputs where none can be taken."""
    inputs = {name: found["inputProperties"] for name, found in resources().items()}
    assert {name: known_later(found) for name, found in inputs.items()} == {name: later for name, (_, later) in INPUTS.items()}
    assert {name: later for name, found in inputs.items() if (later := lists_known_later(found))} == LISTS


def test_whatever_decides_the_shape_is_plain_in_nested_arguments() -> None:
    assert {name: later for name, found in types().items() if (later := known_later(found))} == NESTED
    assert {name: later for name, found in types().items() if (later := lists_known_later(found))} == NESTED_LISTS


def test_a_secondary_is_not_offered_what_it_inherits() -> None:
    inherited = {"engine", "engineVersion", "nodeType", "shards", "tls", "parameters", "parameterGroupName"}
    assert not inherited & set(types()["GlobalSecondary"])
