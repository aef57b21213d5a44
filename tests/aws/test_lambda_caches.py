"""A function in a VPC that keeps a client of redis_ha_client between invocations, and cache nodes that die in between."""

from __future__ import annotations

import json

import pytest

from pulumi_emulator import aws
from tests.support.aws_stack import Stack
from tests.support.aws_world import TOKEN, ZONES
from tests.support.cache_outputs import outputs_of
from tests.support.functions import Function, function_of, packed_client
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]

# As docs/clients.md has it: the client belongs to the process, not to the invocation.
HANDLER = """
import os
import redis_ha_client

client = redis_ha_client.connect_from_env(policy="function")

def handle(event, context):
    before = client.get("invocation")
    client.set("invocation", event["value"])
    return {"process": os.getpid(), "before": before and before.decode()}
"""


def deployed(stack: Stack, group: str) -> Function:
    """Make the function in a VPC, with the group's documents in its environment."""
    outputs = outputs_of(stack, group)
    documents = {
        "REDIS_HA_CONNECTION": json.dumps(outputs["elasticache_connection"]),
        "REDIS_HA_CREDENTIALS": json.dumps(outputs["elasticache_credentials"]),
    }
    found = stack.cache.describe_cache_subnet_groups(CacheSubnetGroupName=subnets_of(stack, group))["CacheSubnetGroups"][0]
    subnets = [subnet["SubnetIdentifier"] for subnet in found["Subnets"]]
    given = {"GroupName": stack.name("function"), "Description": "the function's", "VpcId": found["VpcId"]}
    security = stack.client("ec2").create_security_group(**given)["GroupId"]
    return function_of(
        stack,
        packed_client(HANDLER),
        Environment={"Variables": documents},
        VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": [security]},
    )


def subnets_of(stack: Stack, group: str) -> str:
    """Return the name of the subnet group of a group's nodes."""
    (member, *_) = stack.describe(group)["MemberClusters"]
    found = stack.cache.describe_cache_clusters(CacheClusterId=member)["CacheClusters"][0]
    return str(found["CacheSubnetGroupName"])


@pytest.mark.parametrize("clustered", [False, True], ids=["disabled", "enabled"])
def test_the_invocation_after_a_failover_succeeds(stack: Stack, clustered: bool) -> None:
    make = stack.shards if clustered else stack.group
    group = make(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    function = deployed(stack, group)
    first, answer = function.invoke({"value": "one"})
    assert "FunctionError" not in answer, function.log()
    assert first["before"] is None
    primaries = {node for node, role in stack.roles(group).items() if role == "primary"}

    def promoted() -> bool:
        """Tell whether all shards have a primary, and none of them is lost."""
        now = {node for node, role in stack.roles(group).items() if role == "primary"}
        return len(now) == len(primaries) and not now & lost

    lost = {node for node in primaries if zone_of(stack, node) == ZONES[0]}
    assert lost
    aws.zone_power(stack.folder, ZONES[0], on=False)
    try:
        wait_until(promoted, "other primaries", every=0.5)
        # The process was frozen all the time, and its connections lead to nodes that went without a word.
        second, answer = function.invoke({"value": "two"})
    finally:
        aws.zone_power(stack.folder, ZONES[0], on=True)
    assert "FunctionError" not in answer, function.log()
    assert second["process"] == first["process"]
    stack.available(group)
    assert function.invoke({"value": "three"})[0] == {"process": first["process"], "before": "two"}


def zone_of(stack: Stack, node: str) -> str:
    """Return the zone that a node is in."""
    return str(stack.cache.describe_cache_clusters(CacheClusterId=node)["CacheClusters"][0]["PreferredAvailabilityZone"])
