"""A global datastore through the real engine: up, a promotion beside the program, and the way out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_emulator import aws
from tests.support.emulated import Emulated
from tests.support.waiting import wait_until

CONFIG = "config:\n  aws:region: eu-central-1\n"
PROGRAM = """
import pulumi
import pulumi_aws as aws

shared = {"description": "orders", "num_cache_clusters": 2, "automatic_failover_enabled": True, "multi_az_enabled": True}
first = aws.elasticache.ReplicationGroup(
    "first", replication_group_id="orders-euc1", engine="valkey", engine_version="8.0", node_type="cache.r7g.large",
    apply_immediately=True, **shared,
)
store = aws.elasticache.GlobalReplicationGroup(
    "store", global_replication_group_id_suffix="orders", primary_replication_group_id=first.id,
    opts=pulumi.ResourceOptions(ignore_changes=IGNORED),
)
second = aws.elasticache.ReplicationGroup(
    "second", replication_group_id="orders-euw1", region="eu-west-1", global_replication_group_id=store.id, **shared,
)
pulumi.export("id", store.id)
pulumi.export("hosts", [first.primary_endpoint_address, second.primary_endpoint_address])
"""
# Runs where the caches' names resolve, with nothing but a socket: one command in the servers' plain protocol.
ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], 6379), 5) as connection:
    connection.sendall(sys.argv[2].encode() + b"\\r\\n")
    print(connection.recv(200).decode().strip())
"""
IDENTITY = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"


def program(*ignored: str) -> str:
    return PROGRAM.replace("IGNORED", repr(list(ignored)))


@pytest.mark.engine
@pytest.mark.machines
@pytest.mark.timeout(900)
def test_a_promotion_beside_the_program(emulated: Callable[..., Emulated]) -> None:
    stack = emulated(program("primaryReplicationGroupId"), config=CONFIG)
    assert "3 create" in stack.run("preview").stdout
    stack.run("up")
    first, second = stack.outputs()["hosts"]
    assert stack.outputs()["id"] == "iudkw-orders"

    def ask(host: str, command: str) -> str:
        argv = aws.command(stack.folder.path, ["python3", "-c", ASK, host, command])
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    def roles() -> dict[str, str]:
        [store] = aws.global_groups(stack.folder.path)
        return {member["id"]: member["role"] for member in store["members"]}

    def promote(region: str, group: str) -> None:
        given: dict[str, Any] = {"GlobalReplicationGroupId": "iudkw-orders"}
        given |= {"PrimaryRegion": region, "PrimaryReplicationGroupId": group}
        stack.run("aws elasticache failover_global_replication_group", json.dumps(given))
        wait_until(lambda: roles().get(group) == "PRIMARY", "the promotion")
        wait_until(lambda: aws.global_groups(stack.folder.path)[0]["status"] == "available", "the end of the promotion")

    [shown] = stack.status()["global_datastores"]
    assert (shown["id"], shown["status"]) == ("iudkw-orders", "available")
    assert roles() == {"orders-euc1": "PRIMARY", "orders-euw1": "SECONDARY"}
    assert ask(first, "SET key one") == "+OK"
    wait_until(lambda: "one" in ask(second, "GET key"), "the write's arrival")
    assert ask(second, "SET key two").startswith("-READONLY")
    assert stack.run("exec", "--", "python3", "-c", IDENTITY).stdout.strip() == aws.ACCOUNT_ID
    told = dict(line.split("=", 1) for line in stack.run("environment").stdout.splitlines())
    assert told["AWS_REGION"] == told["AWS_DEFAULT_REGION"] == "eu-central-1"
    here = subprocess.run([sys.executable, "-c", IDENTITY], env=told, capture_output=True, text=True, check=True, timeout=60)
    assert here.stdout.strip() == aws.ACCOUNT_ID
    # Of what the caller has of AWS nothing is read.
    stack.environment["AWS_PROFILE"] = "nobody"
    assert json.loads(stack.run("aws sts get_caller_identity").stdout)["Account"] == aws.ACCOUNT_ID
    stack.run("preview", "--expect-no-changes")
    promote("eu-west-1", "orders-euw1")
    assert ask(second, "SET key two") == "+OK"
    assert ask(first, "SET key one").startswith("-READONLY")
    # Before a refresh and after it nothing changes, as long as the program ignores who leads.
    stack.run("preview", "--expect-no-changes")
    stack.run("refresh")
    stack.run("preview", "--expect-no-changes")
    stack.edit(program())
    assert "replace aws.elasticache.GlobalReplicationGroup store (primaryReplicationGroupId)" in stack.run("preview").stdout
    stack.edit(program("primaryReplicationGroupId"))
    # What was made as the secondary leads: AWS does not take it out, and nothing is destroyed.
    assert "only a secondary can be disassociated" in stack.fails("destroy")
    assert roles() == {"orders-euw1": "PRIMARY", "orders-euc1": "SECONDARY"}
    promote("eu-central-1", "orders-euc1")
    stack.run("destroy")
    assert not stack.folder.path.exists()
    assert aws.leftovers(stack.folder.path) == []
