"""Global Datastores with real nodes: what is written in one Region is read in another, whatever is done to the members."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_emulator import aws
from tests.support.aws_global import LARGE, WEST, WEST_ZONES, Datastore
from tests.support.aws_stack import Stack
from tests.support.aws_world import TOKEN, ZONES, until

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]


def datastore(stack: Stack, **given: Any) -> tuple[Datastore, str]:
    """Return a Global Datastore, and its primary's id."""
    given = {"CacheNodeType": LARGE, "AuthToken": TOKEN, "CacheSubnetGroupName": stack.subnet_group(), **given}
    primary = stack.shards(**given) if "NumNodeGroups" in given else stack.group(**given)
    return Datastore(stack, primary, stack.name("store")), primary


def second(made: Datastore, stack: Stack, **given: Any) -> str:
    return made.add(WEST, AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group(WEST_ZONES, WEST), **given)


def host_of(made: Datastore, group_id: str) -> str:
    found = made.group(group_id)
    endpoint = found.get("ConfigurationEndpoint") or found["NodeGroups"][0]["PrimaryEndpoint"]
    return str(endpoint["Address"])


def lag(stack: Stack, made: Datastore, group_id: str) -> float | None:
    (found,) = [entry for entry in aws.global_groups(stack.folder) if entry["id"] == made.id]
    seen: float | None = next(member["lag"] for member in found["members"] if member["id"] == group_id)
    return seen


def published_lag(stack: Stack, made: Datastore, group_id: str) -> float | None:
    """Return what CloudWatch has of the lag of a member's first node; None when nothing was published."""
    time, _ = aws.account_time(stack.folder)
    answer = stack.client("cloudwatch", made.regions[group_id]).get_metric_statistics(
        Namespace="AWS/ElastiCache",
        MetricName="GlobalDatastoreReplicationLag",
        Dimensions=[{"Name": "CacheClusterId", "Value": f"{group_id}-001"}],
        StartTime=time.timestamp() - 600,
        EndTime=time,
        Period=600,
        Statistics=["Maximum"],
    )
    return next((float(point["Maximum"]) for point in answer["Datapoints"]), None)


def test_cluster_mode_off(stack: Stack) -> None:
    made, first = datastore(stack, Engine="redis", EngineVersion="7.1")
    other = second(made, stack)
    hosts = {name: host_of(made, name) for name in (first, other)}
    stack.write(hosts[first])
    assert until(lambda: stack.lost(hosts[other]), lambda lost: lost == []) == []
    assert lag(stack, made, other) is not None
    assert lag(stack, made, first) is None
    aws.advance(stack.folder, 60)
    assert [published_lag(stack, made, name) is None for name in (first, other)] == [True, False]
    refused = stack.ask(hosts[other], [["SET", "here", 1]])[0]
    assert "ReadOnlyError" in refused
    # To Valkey, on every member, with all data and the link.
    assert made.modify(Engine="valkey", EngineVersion="8.0")["Engine"] == "valkey"
    assert {made.group(name)["Engine"] for name in hosts} == {"valkey"}
    assert stack.lost(hosts[first]) == []
    assert until(lambda: stack.lost(hosts[other]), lambda lost: lost == []) == []
    # A promotion: what was acknowledged is there, the roles are the other way round.
    made.promote(other)
    assert stack.ask(hosts[other], [["SET", "after", "it"]])[0] is True
    assert "ReadOnlyError" in stack.ask(hosts[first], [["SET", "here", 1]])[0]
    assert until(lambda: stack.ask(hosts[first], [["GET", "after"]])[0], lambda seen: seen == "it") == "it"
    # A failover inside the Region that leads: the others follow its new primary node.
    client = made.client(other)
    client.test_failover(ReplicationGroupId=other, NodeGroupId="0001")
    made.available(other)
    assert until(lambda: stack.ask(hosts[other], [["SET", "then", "too"]])[0], lambda seen: seen is True) is True
    assert until(lambda: stack.ask(hosts[first], [["GET", "then"]])[0], lambda seen: seen == "too") == "too"
    # Who leaves keeps the data, and goes on alone.
    made.remove(first)
    assert stack.ask(hosts[first], [["GET", "then"], ["SET", "alone", 1]]) == ["too", True]
    assert stack.ask(hosts[other], [["GET", "alone"]]) == [None]


def test_the_loss_of_a_region(stack: Stack) -> None:
    made, first = datastore(stack)
    other = second(made, stack)
    hosts = {name: host_of(made, name) for name in (first, other)}
    stack.write(hosts[first])
    assert until(lambda: stack.lost(hosts[other]), lambda lost: lost == []) == []
    for zone in ZONES:
        aws.zone_power(stack.folder, zone, on=False)
    try:
        gone = until(lambda: set(stack.roles(first).values()), lambda roles: roles == {"gone"})
        assert gone == {"gone"}
        # Nobody is promoted by itself.
        assert made.roles()[first] == "PRIMARY"
        assert "ReadOnlyError" in stack.ask(hosts[other], [["SET", "here", 1]])[0]
        made.promote(other)
        assert made.roles() == {other: "PRIMARY", first: "SECONDARY"}
        assert stack.ask(hosts[other], [["SET", "after", "it"]])[0] is True
        assert stack.lost(hosts[other]) == []
    finally:
        for zone in ZONES:
            aws.zone_power(stack.folder, zone, on=True)
    # It comes back as a secondary, with everything.
    assert made.available(first)["Status"] == "available"
    assert until(lambda: lag(stack, made, first), lambda seen: seen is not None) is not None
    assert until(lambda: stack.ask(hosts[first], [["GET", "after"]])[0], lambda value: value == "it") == "it"
    assert stack.lost(hosts[first]) == []


def test_cluster_mode_on(stack: Stack) -> None:
    made, first = datastore(stack, NumNodeGroups=2)
    other = second(made, stack, NumCacheClusters=None, ReplicasPerNodeGroup=1)
    hosts = {name: host_of(made, name) for name in (first, other)}
    stack.write(hosts[first], cluster=True)
    assert until(lambda: stack.lost(hosts[other], cluster=True), lambda lost: lost == []) == []
    # Not READONLY as on AWS: a server in cluster mode that owns its slots cannot say it.
    assert "NoPermissionError" in stack.ask(hosts[other], [["SET", "here", 1]], cluster=True)[0]
    given = {"NodeGroupCount": 3, "ApplyImmediately": True}
    stack.cache.increase_node_groups_in_global_replication_group(**made.asked, **given)
    assert made.settled()["Status"] == "available"
    assert len(made.describe()["GlobalNodeGroups"]) == 3
    for name, host in hosts.items():
        assert len(made.group(name)["NodeGroups"]) == 3
        assert until(lambda host=host: stack.lost(host, cluster=True), lambda lost: lost == []) == []  # type: ignore[misc]
    made.promote(other)
    assert stack.ask(hosts[other], [["SET", "after", "it"]], cluster=True)[0] is True
    assert "NoPermissionError" in stack.ask(hosts[first], [["SET", "here", 1]], cluster=True)[0]
    seen = until(lambda: stack.ask(hosts[first], [["GET", "after"]], cluster=True)[0], lambda value: value == "it")
    assert seen == "it"
