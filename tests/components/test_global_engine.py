"""A global datastore's life through the real engine and the emulated AWS: joining, promotion outside, changes, destruction."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pulumi_emulator.aws import client as aws_client
from pulumi_emulator.aws import running_endpoint
from tests.support.emulated import Emulated, shared_home

pytestmark = pytest.mark.engine
WAIT_SECONDS = 120
# The smallest that is whole: no users, logs, topics, alarms of nodes. What those are is tested without an engine.
PROGRAM = """
import pulumi
from redis_ha.elasticache import ElastiCacheHaGroup, GlobalDatastore
from redis_ha.network import PrivateNetwork

RANGES = {"eu-central-1": "10.50.0.0/20", "eu-west-1": "10.60.0.0/20", "us-east-1": "10.70.0.0/20"}
SMALL = {"dashboard": False, "alarms": {"enabled": False}, "notifications": {"enabled": False}, "final_snapshot": False,
         "logs": {"slow_log": False, "engine_log": False}}


def group_in(region):
    zones = [f"{region}a", f"{region}b"]
    network = PrivateNetwork(f"network-{region}", {"region": region, "zones": zones, "ip_range": RANGES[region],
                                                   "protect": False})
    return {"zones": zones, "vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids} | SMALL


OPEN = {"auth": "none", "tls": "off"}
cache = ElastiCacheHaGroup("orders", {"region": "eu-central-1", "engine_version": "8.0", "protect": False}
                           | group_in("eu-central-1") | OPEN | MEMBER)
if SECONDARIES:
    store = GlobalDatastore("shop", {
        "primary_replication_group_id": cache.group_id, "primary_region": "eu-central-1",
        "primary_connection": cache.connection, "engine": "valkey", "engine_version": "8.0",
        "node_type": "cache.r7g.large", "secondaries": {region: group_in(region) for region in SECONDARIES},
        "lag": {"dimension": "group"}, "protect": False} | OPEN | CHANGES)
    pulumi.export("connection", store.connection)
    pulumi.export("id", store.global_id)
"""
ONE = ("eu-west-1",)
TWO = ("eu-west-1", "us-east-1")


def program(secondaries: tuple[str, ...] = ONE, member: dict[str, Any] | None = None, **changes: Any) -> str:
    joined = {"global_member": True} if secondaries else {}
    return f"MEMBER = {joined | (member or {})!r}\nSECONDARIES = {secondaries!r}\nCHANGES = {changes!r}\n{PROGRAM}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    """A group that was there before anybody thought of regions. The tests are one life, in the order of this file."""
    folder = tmp_path_factory.mktemp("global")
    made = Emulated.create(folder / "program", shared_home(folder / "home"), program(()))
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()


def cache(stack: Emulated, region: str = "eu-central-1") -> Any:
    endpoint = running_endpoint(stack.folder.path)
    assert endpoint is not None
    return aws_client(endpoint, "elasticache", region)


def datastore(stack: Emulated) -> dict[str, Any]:
    """Return the datastore with its members, once no change is under way."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        (found,) = cache(stack).describe_global_replication_groups(ShowMemberInfo=True)["GlobalReplicationGroups"]
        if found["Status"] in {"available", "primary-only"}:
            return dict(found)
        time.sleep(0.5)
    raise AssertionError("the global datastore is never available")


def roles(stack: Emulated) -> dict[str, str]:
    return {member["ReplicationGroupRegion"]: member["Role"] for member in datastore(stack)["Members"]}


def promote(stack: Emulated, region: str) -> None:
    """Promote as an operator does, outside of the program."""
    found = datastore(stack)
    (member,) = [one for one in found["Members"] if one["ReplicationGroupRegion"] == region]
    cache(stack).failover_global_replication_group(
        GlobalReplicationGroupId=found["GlobalReplicationGroupId"],
        PrimaryRegion=region,
        PrimaryReplicationGroupId=member["ReplicationGroupId"],
    )
    assert roles(stack)[region] == "PRIMARY"


def test_an_existing_group_joins_without_a_change_of_its_own(stack: Emulated) -> None:
    stack.edit(program())
    said = stack.run("up").stdout
    assert "created aws.elasticache.GlobalReplicationGroup shop-global" in said
    assert "updated aws" not in said
    assert "replaced" not in said
    stack.run("preview --expect-no-changes")
    assert roles(stack) == {"eu-central-1": "PRIMARY", "eu-west-1": "SECONDARY"}
    outputs = stack.outputs()
    assert outputs["id"] == datastore(stack)["GlobalReplicationGroupId"]
    assert set(outputs["connection"]["regions"]) == {"eu-central-1", "eu-west-1"}


def test_what_a_member_was_changed_to_is_left_to_the_global_object(stack: Emulated) -> None:
    stack.edit(program(member={"node_type": "cache.r7g.2xlarge", "engine_version": "8.1"}))
    stack.run("preview --expect-no-changes")
    stack.edit(program(member={"parameters": {"timeout": "5"}}))
    assert "parameters: members of a global datastore use AWS's own copies" in stack.fails("preview")


def test_a_promotion_outside_is_no_change(stack: Emulated) -> None:
    stack.edit(program())
    promote(stack, "eu-west-1")
    stack.run("preview --expect-no-changes")
    stack.run("refresh")
    stack.run("preview --expect-no-changes")


def test_while_promoted_members_are_scaled_upgraded_and_added(stack: Emulated) -> None:
    changes: dict[str, Any] = {"node_type": "cache.r7g.xlarge", "engine_version": "8.1"}
    stack.edit(program(TWO, **changes))
    said = stack.run("up").stdout
    assert "updated aws.elasticache.GlobalReplicationGroup shop-global" in said
    assert "updated aws.elasticache.ReplicationGroup" not in said
    found = datastore(stack)
    assert (found["CacheNodeType"], found["EngineVersion"].rsplit(".", 1)[0]) == ("cache.r7g.xlarge", "8.1")
    assert roles(stack) == {"eu-central-1": "SECONDARY", "eu-west-1": "PRIMARY", "us-east-1": "SECONDARY"}
    stack.run("preview --expect-no-changes")
    stack.edit(program(TWO, **changes | {"engine_version": "9.0"}))
    assert "give parameter_group_name, a group of family valkey9" in stack.fails("preview")


def test_a_secondary_goes_and_the_one_that_was_promoted_cannot(stack: Emulated) -> None:
    changes: dict[str, Any] = {"node_type": "cache.r7g.xlarge", "engine_version": "8.1"}
    stack.edit(program(ONE, **changes))
    stack.run("up")
    assert roles(stack) == {"eu-central-1": "SECONDARY", "eu-west-1": "PRIMARY"}
    said = stack.fails("destroy")
    assert "shop-eu-west-1-group" in said
    assert roles(stack) == {"eu-central-1": "SECONDARY", "eu-west-1": "PRIMARY"}


def test_after_failing_back_all_goes_in_order(stack: Emulated) -> None:
    promote(stack, "eu-central-1")
    order = [line.split()[2] for line in stack.run("destroy").stdout.splitlines() if line.strip().startswith("deleted aws.")]
    places = [order.index(name) for name in ("shop-eu-west-1-group", "shop-global", "orders-group")]
    assert places == sorted(places)
    assert stack.state_resources() == [] or all(one["type"].startswith("pulumi:") for one in stack.state_resources())
