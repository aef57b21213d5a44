"""The emulated ElastiCache with real nodes: failovers, the loss of a zone, and changes under a client's eyes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator import aws
from pulumi_emulator.machines import processes
from tests.support.aws_stack import Stack, running
from tests.support.aws_world import PASSWORD, TOKEN, ZONES, until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]


def primary_of(found: dict[str, Any]) -> str:
    members = found["NodeGroups"][0]["NodeGroupMembers"]
    return str(next(member["CacheClusterId"] for member in members if member["CurrentRole"] == "primary"))


def test_failover_with_cluster_mode_disabled(stack: Stack) -> None:
    topic, queue = stack.topic_with_queue()
    group_id = stack.group(AuthToken=TOKEN, NotificationTopicArn=topic, CacheSubnetGroupName=stack.subnet_group())
    found = stack.describe(group_id)
    assert primary_of(found) == f"{group_id}-001"
    host = found["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    stack.write(host)
    found = stack.failover(group_id)
    assert primary_of(found) == f"{group_id}-002"
    assert stack.roles(group_id) == {f"{group_id}-001": "replica", f"{group_id}-002": "primary"}
    assert stack.lost(host) == []
    # The reader endpoint is the old primary, which came back empty and has everything again.
    assert stack.ask(found["NodeGroups"][0]["ReaderEndpoint"]["Address"], [["ROLE"], ["GET", "key-7"]])[1] == "7"
    seen: list[tuple[str, str]] = []

    def look() -> list[tuple[str, str]]:
        seen.extend(next(iter(json.loads(message).items())) for message in stack.messages(queue))
        return seen

    expected = [
        ("ElastiCache:FailoverComplete", group_id),
        ("ElastiCache:CacheNodeReplaceStarted", f"{group_id}-001"),
        ("ElastiCache:CacheNodeReplaceComplete", f"{group_id}-001"),
    ]
    until(look, lambda messages: messages[-3:] == expected)
    assert seen[-3:] == expected
    events = [event["Message"] for event in stack.cache.describe_events(SourceIdentifier=group_id)["Events"]]
    assert events[-2:] == [
        "Test Failover API called for node group 0001",
        f"Failover from primary node {group_id}-001 to replica node {group_id}-002 completed",
    ]


def test_failover_with_cluster_mode_enabled(stack: Stack) -> None:
    topic, queue = stack.topic_with_queue()
    group_id = stack.shards(AuthToken=TOKEN, NotificationTopicArn=topic, CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["ConfigurationEndpoint"]["Address"]
    stack.write(host, cluster=True)
    stack.failover(group_id, "0002")
    roles = stack.roles(group_id)
    assert roles == {
        f"{group_id}-0001-001": "primary",
        f"{group_id}-0001-002": "replica",
        f"{group_id}-0002-001": "replica",
        f"{group_id}-0002-002": "primary",
    }
    assert stack.lost(host, cluster=True) == []
    seen = until(lambda: stack.messages(queue), lambda found: any("FailoverComplete" in message for message in found))
    assert seen


def test_the_loss_of_a_zone_by_fault_injection(stack: Stack) -> None:
    tags = [{"Key": "drill", "Value": stack.name("zone")}]
    group_id = stack.group(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group(), Tags=tags)
    host = stack.describe(group_id)["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    stack.write(host)
    fis = stack.client("fis")
    target = {
        "resourceType": "aws:elasticache:replicationgroup",
        "resourceTags": {"drill": tags[0]["Value"]},
        "selectionMode": "ALL",
        "parameters": {"availabilityZoneIdentifier": ZONES[0]},
    }
    action = {
        "actionId": "aws:elasticache:replicationgroup-interrupt-az-power",
        "parameters": {"duration": "PT10M"},
        "targets": {"ReplicationGroups": "groups"},
    }
    template = fis.create_experiment_template(
        clientToken="t",
        description="zone",
        roleArn=f"arn:aws:iam::{aws.ACCOUNT_ID}:role/fis",
        stopConditions=[{"source": "none"}],
        targets={"groups": target},
        actions={"cut": action},
    )["experimentTemplate"]["id"]
    experiment = fis.start_experiment(clientToken="e", experimentTemplateId=template)["experiment"]["id"]
    cut = {f"{group_id}-001": "gone", f"{group_id}-002": "primary"}
    assert until(lambda: stack.roles(group_id), lambda roles: roles == cut) == cut
    assert stack.describe(group_id)["Status"] == "modifying"
    assert stack.lost(host) == []
    assert stack.ask(host, [["SET", "after", "1"]]) == [True]
    fis.stop_experiment(id=experiment)
    assert stack.available(group_id)["Status"] == "available"
    assert stack.roles(group_id) == {f"{group_id}-001": "replica", f"{group_id}-002": "primary"}
    assert stack.lost(host) == []


def test_a_zone_s_power_by_the_emulator_s_own_command(stack: Stack) -> None:
    group_id = stack.shards(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["ConfigurationEndpoint"]["Address"]
    stack.write(host, cluster=True)
    aws.zone_power(stack.folder, ZONES[0], on=False)
    try:
        roles = until(lambda: stack.roles(group_id), lambda found: list(found.values()).count("primary") == 2)
        assert sorted(roles.values()) == ["gone", "gone", "primary", "primary"]
        assert stack.lost(host, cluster=True) == []
    finally:
        aws.zone_power(stack.folder, ZONES[0], on=True)
    assert stack.available(group_id)["Status"] == "available"
    assert sorted(stack.roles(group_id).values()) == ["primary", "primary", "replica", "replica"]


def test_data_survives_scaling(stack: Stack) -> None:
    group_id = stack.shards(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["ConfigurationEndpoint"]["Address"]
    stack.write(host, cluster=True)
    stack.cache.modify_replication_group_shard_configuration(
        ReplicationGroupId=group_id, NodeGroupCount=3, ApplyImmediately=True
    )
    assert len(stack.available(group_id)["NodeGroups"]) == 3
    assert stack.lost(host, cluster=True) == []
    stack.cache.modify_replication_group_shard_configuration(
        ReplicationGroupId=group_id, NodeGroupCount=2, NodeGroupsToRemove=["0001"], ApplyImmediately=True
    )
    assert [shard["NodeGroupId"] for shard in stack.available(group_id)["NodeGroups"]] == ["0002", "0003"]
    assert stack.lost(host, cluster=True) == []


def test_data_survives_the_way_to_cluster_mode(stack: Stack) -> None:
    group_id = stack.group(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    stack.write(host)
    found = stack.modify(group_id, ClusterMode="compatible")
    assert stack.lost(host) == []
    configuration = found["ConfigurationEndpoint"]["Address"]
    assert stack.lost(configuration, cluster=True) == []
    stack.modify(group_id, ClusterMode="enabled")
    assert stack.lost(configuration, cluster=True) == []


def test_users_change_live(stack: Stack) -> None:
    users = stack.user_group()
    group_id = stack.group(UserGroupIds=[users], CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    as_app: dict[str, Any] = {"user": "app", "password": PASSWORD}
    assert stack.ask(host, [["SET", "a", "1"]], **as_app) == [True]
    app = stack.cache.describe_user_groups(UserGroupId=users)["UserGroups"][0]["UserIds"][1]
    stack.cache.modify_user(UserId=app, AccessString="on ~* +@read")
    stack.available(group_id)
    read, refused = stack.ask(host, [["GET", "a"], ["SET", "a", "2"]], **as_app)
    assert read == "1"
    assert refused.startswith("NoPermissionError")


def test_encryption_comes_in_two_steps_and_nobody_is_shut_out(stack: Stack) -> None:
    group_id = stack.group(TransitEncryptionEnabled=False, CacheSubnetGroupName=stack.subnet_group())
    plain = stack.describe(group_id)["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert stack.ask(plain, [["SET", "a", "1"]], password="", tls=False) == [True]
    found = stack.modify(group_id, TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")
    host = found["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    assert stack.ask(plain, [["GET", "a"]], password="", tls=False) == ["1"]
    assert stack.ask(host, [["GET", "a"]], password="") == ["1"]
    stack.modify(group_id, TransitEncryptionMode="required")
    assert stack.ask(host, [["GET", "a"]], password="") == ["1"]


def test_a_token_is_rotated_while_clients_have_either(stack: Stack) -> None:
    other = "another-token-of-24-char"
    group_id = stack.group(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    stack.modify(group_id, AuthToken=other, AuthTokenUpdateStrategy="ROTATE")
    assert [stack.ask(host, [["PING"]], password=token) for token in (TOKEN, other)] == [[True], [True]]
    stack.modify(group_id, AuthToken=other, AuthTokenUpdateStrategy="SET")
    assert stack.ask(host, [["PING"]], password=other) == [True]
    (refused,) = stack.ask(host, [["PING"]])
    assert refused.startswith("AuthenticationError")


def test_redis_becomes_valkey_with_its_data(stack: Stack) -> None:
    group_id = stack.group(Engine="redis", EngineVersion="7.1", AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    host = stack.describe(group_id)["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    stack.write(host)
    assert stack.modify(group_id, Engine="valkey", EngineVersion="8.1")["Engine"] == "valkey"
    assert stack.lost(host) == []


def test_the_api_answers_where_the_names_resolve_too(stack: Stack) -> None:
    stack.group()
    script = "import urllib.request, sys; print(urllib.request.urlopen(sys.argv[1] + '/_emulator/health').status)"
    done = subprocess.run(
        aws.command(stack.folder, [sys.executable, "-c", script, stack.endpoint.url]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "200"


def test_a_killed_endpoint_takes_its_nodes_along(tmp_path: Path) -> None:
    with running(tmp_path) as own:
        own.group()
        endpoint = ["pulumi_emulator.aws.endpoint", str(tmp_path / "aws")]
        assert processes.running_with(endpoint)
        processes.end(processes.running_with(endpoint))
        aws.stop_endpoint(tmp_path)
        assert aws.leftovers(tmp_path) == []
