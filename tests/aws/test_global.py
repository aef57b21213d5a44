"""Global Datastores as the emulated API answers them: made, joined, promoted, changed, left and deleted."""

from __future__ import annotations

import functools
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws import control
from pulumi_emulator.aws.elasticache.faults import REFUSALS
from tests.support.aws_global import GLOBAL_CASES, LARGE, NORTH, WEST, WEST_ZONES, Datastore, datastore, sharded
from tests.support.aws_world import WAIT_SECONDS, World, until


def primary_of(made: Datastore) -> str:
    return next(name for name, role in made.roles().items() if role == "PRIMARY")


def parameters(world: World, group_id: str) -> dict[str, str]:
    return dict(world.plane.specs[group_id].parameters)


def test_a_group_becomes_the_primary(world: World) -> None:
    made = datastore(world)
    (group_id,) = made.roles()
    found = made.describe()
    assert made.id == f"iudkw-{found['GlobalReplicationGroupId'].removeprefix('iudkw-')}"  # eu-central-1's prefix
    assert (found["Status"], found["GlobalReplicationGroupDescription"]) == ("primary-only", " ")
    assert (found["CacheNodeType"], found["Engine"], found["EngineVersion"]) == (LARGE, "valkey", "8.0.1")
    assert (found["ClusterEnabled"], found["TransitEncryptionEnabled"]) == (False, True)
    assert "GlobalNodeGroups" not in found  # with cluster mode disabled there are none
    assert found["Members"][0]["Status"] == "associated"
    group = made.group(group_id)
    assert group["GlobalReplicationGroupInfo"] == {
        "GlobalReplicationGroupId": made.id,
        "GlobalReplicationGroupMemberRole": "PRIMARY",
    }
    assert group["AutoMinorVersionUpgrade"] is False
    assert made.group(group_id)["Status"] == "available"
    assert world.plane.leaders == {}


def test_a_datastore_is_known_in_every_region_and_members_only_when_asked_for(world: World) -> None:
    made = datastore(world)
    (found,) = world.client("elasticache", WEST).describe_global_replication_groups(**made.asked)["GlobalReplicationGroups"]
    assert found["Status"] == "primary-only"
    assert "Members" not in found
    everything = world.cache.describe_global_replication_groups()["GlobalReplicationGroups"]
    assert made.id in [entry["GlobalReplicationGroupId"] for entry in everything]


def test_a_secondary_inherits_and_follows(world: World) -> None:
    made = datastore(world, MultiAZEnabled=False)
    primary = primary_of(made)
    net = world.subnet_group(WEST_ZONES, WEST)
    second = made.add(WEST, CacheSubnetGroupName=net, NumCacheClusters=3)
    assert made.roles() == {primary: "PRIMARY", second: "SECONDARY"}
    assert made.describe()["Status"] == "available"
    assert world.plane.leaders[second] == primary
    found, theirs = made.group(second), made.group(primary)
    alike = ("CacheNodeType", "Engine", "AutomaticFailover", "MultiAZ", "TransitEncryptionMode", "AtRestEncryptionEnabled")
    assert {name: found[name] for name in alike} == {name: theirs[name] for name in alike}
    assert [node["EngineVersion"] for node in made.nodes(second)] == ["8.0.1"] * 3
    assert {node["PreferredAvailabilityZone"] for node in made.nodes(second)} == set(WEST_ZONES)
    assert found["NodeGroups"][0]["PrimaryEndpoint"]["Address"].endswith(".euw1.cache.amazonaws.com")


def test_a_secondary_has_the_primary_s_shards(world: World) -> None:
    made = sharded(world)
    primary = primary_of(made)
    world.cache.increase_node_groups_in_global_replication_group(**made.asked, NodeGroupCount=3, ApplyImmediately=True)
    made.settled()
    keep = [f"{made.id}-0001", f"{made.id}-0003"]
    world.cache.decrease_node_groups_in_global_replication_group(
        **made.asked, NodeGroupCount=2, GlobalNodeGroupsToRetain=keep, ApplyImmediately=True
    )
    made.settled()
    second = made.add(NumCacheClusters=None, ReplicasPerNodeGroup=2)
    slots = [{shard["NodeGroupId"]: shard["Slots"] for shard in made.group(name)["NodeGroups"]} for name in (primary, second)]
    assert slots[0] == slots[1]
    assert list(slots[0]) == ["0001", "0003"]
    assert [entry["GlobalNodeGroupId"] for entry in made.describe()["GlobalNodeGroups"]] == keep
    assert len(made.nodes(second)) == 6


def test_a_parameter_group_given_to_a_secondary_is_ignored(world: World) -> None:
    made = datastore(world)
    second = made.add(CacheParameterGroupName="no-such-group")
    name = made.nodes(second)[0]["CacheParameterGroup"]["CacheParameterGroupName"]
    assert name.startswith("global-datastore-")


def test_a_secondary_alone_is_too_few_for_automatic_failover(world: World) -> None:
    made = datastore(world)
    with pytest.raises(ClientError, match="needs at least 2 cache clusters"):
        made.add(NumCacheClusters=1)
    assert len(made.roles()) == 1
    # Nothing of the refused one is left.
    groups = world.client("elasticache", WEST).describe_cache_parameter_groups()["CacheParameterGroups"]
    assert not [group for group in groups if made.id.partition("-")[2] in group["CacheParameterGroupName"]]


def test_one_change_after_another(world: World) -> None:
    made = datastore(world)
    world.plane.hold.clear()
    try:
        given = made.secondary()
        world.client("elasticache", WEST).create_replication_group(**given)
        assert made.describe()["Status"] == "modifying"
        assert {member["Status"] for member in made.describe()["Members"]} == {"associated", "associating"}
        with pytest.raises(ClientError) as refused:
            world.client("elasticache", NORTH).create_replication_group(**made.secondary())
        assert refused.value.response["Error"]["Code"] == "InvalidGlobalReplicationGroupState"
    finally:
        world.plane.hold.set()
    assert made.settled()["Status"] == "available"


def test_parameters_are_copies_in_common(world: World) -> None:
    own = world.name("own")
    world.cache.create_cache_parameter_group(
        CacheParameterGroupName=own, CacheParameterGroupFamily="valkey8", Description="mine"
    )
    policy = [{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}]
    world.cache.modify_cache_parameter_group(CacheParameterGroupName=own, ParameterNameValues=policy)
    made = datastore(world, CacheParameterGroupName=own)
    primary, second = primary_of(made), made.add()
    names = {group: made.nodes(group)[0]["CacheParameterGroup"]["CacheParameterGroupName"] for group in (primary, second)}
    (shown,) = world.cache.describe_cache_parameter_groups(CacheParameterGroupName=names[primary])["CacheParameterGroups"]
    assert shown["IsGlobal"]
    timeout = [{"ParameterName": "timeout", "ParameterValue": "30"}]
    made.client(second).modify_cache_parameter_group(CacheParameterGroupName=names[second], ParameterNameValues=timeout)
    wanted = {"maxmemory-policy": "allkeys-lru", "timeout": "30"}
    for group in (primary, second):
        assert until(functools.partial(parameters, world, group), lambda seen: seen == wanted) == wanted
    made.client(primary).reset_cache_parameter_group(CacheParameterGroupName=names[primary], ParameterNameValues=timeout)
    del wanted["timeout"]
    for group in (primary, second):
        assert until(functools.partial(parameters, world, group), lambda seen: seen == wanted) == wanted
    # The program's own is as it was, and nobody's.
    world.cache.delete_cache_parameter_group(CacheParameterGroupName=own)


def test_promotion_swaps_the_roles(world: World) -> None:
    made = datastore(world)
    primary, second, third = primary_of(made), made.add(WEST), made.add(NORTH)
    made.promote(second)
    assert made.roles() == {second: "PRIMARY", primary: "SECONDARY", third: "SECONDARY"}
    assert world.plane.leaders == {primary: second, third: second} | {
        name: leader for name, leader in world.plane.leaders.items() if name not in {primary, third}
    }
    assert made.group(primary)["GlobalReplicationGroupInfo"]["GlobalReplicationGroupMemberRole"] == "SECONDARY"
    # And back.
    made.promote(primary)
    assert made.roles()[primary] == "PRIMARY"


def test_promotion_while_a_region_is_dark_and_while_it_is_changed(world: World) -> None:
    made = datastore(world)
    primary, second = primary_of(made), made.add()
    world.plane.hold.clear()
    try:
        world.cache.modify_global_replication_group(**made.asked, ApplyImmediately=True, CacheNodeType="cache.r7g.xlarge")
        given = {"PrimaryRegion": WEST, "PrimaryReplicationGroupId": second}
        answer = world.cache.failover_global_replication_group(**made.asked, **given)["GlobalReplicationGroup"]
        assert answer["Status"] == "modifying"
    finally:
        world.plane.hold.set()
    made.settled()
    assert made.roles()[second] == "PRIMARY"
    zones = {node["PreferredAvailabilityZone"] for node in made.nodes(second)}
    for zone in zones:
        world.plane.zone_down(zone)
    try:
        made.promote(primary)
        assert made.roles() == {primary: "PRIMARY", second: "SECONDARY"}
    finally:
        for zone in zones:
            world.plane.zone_up(zone)


def test_a_promotion_that_fails_leaves_the_roles(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = datastore(world)
    primary, second = primary_of(made), made.add()

    def fail(*_: object) -> None:
        raise RuntimeError("no way")

    with monkeypatch.context() as patch:
        patch.setattr(world.plane, "promote", fail)
        made.promote(second)
    assert made.roles() == {primary: "PRIMARY", second: "SECONDARY"}
    (shown,) = [entry for entry in control.global_groups(world.account)["globals"] if entry["id"] == made.id]
    assert "no way" in shown["failure"]
    made.promote(second)
    (shown,) = [entry for entry in control.global_groups(world.account)["globals"] if entry["id"] == made.id]
    assert shown["failure"] is None


def test_what_the_emulator_shows(world: World) -> None:
    made = datastore(world)
    primary, second = primary_of(made), made.add()
    found = json.loads(json.dumps(control.global_groups(world.account)))["globals"]
    (shown,) = [entry for entry in found if entry["id"] == made.id]
    assert shown == {
        "id": made.id,
        "status": "available",
        "failure": None,
        "members": [
            {"id": primary, "region": "eu-central-1", "role": "PRIMARY", "status": "associated", "lag": None},
            {"id": second, "region": WEST, "role": "SECONDARY", "status": "associated", "lag": 0.5},
        ],
    }


def test_a_secondary_leaves_and_comes_back_as_a_new_group(world: World) -> None:
    made = datastore(world)
    second = made.add()
    copy = made.nodes(second)[0]["CacheParameterGroup"]["CacheParameterGroupName"]
    client = made.client(second)
    with pytest.raises(ClientError, match="is part of a global cluster"):
        client.delete_replication_group(ReplicationGroupId=second)
    assert made.remove(second)["Status"] == "primary-only"
    assert second not in world.plane.leaders
    assert "GlobalReplicationGroupInfo" not in made.group(second)
    client.modify_replication_group(ReplicationGroupId=second, ApplyImmediately=True, CacheNodeType="cache.r7g.xlarge")
    made.available(second)
    # What exists can only become a primary: joining makes a group, so the old one has to be deleted.
    with pytest.raises(ClientError) as refused:
        client.create_replication_group(**made.secondary(ReplicationGroupId=second))
    assert refused.value.response["Error"]["Code"] == "ReplicationGroupAlreadyExists"
    client.delete_replication_group(ReplicationGroupId=second)
    gone = until(lambda: second in world.account.region(WEST).groups, lambda there: not there)
    assert gone is False
    client.delete_cache_parameter_group(CacheParameterGroupName=copy)
    again = made.add(WEST, ReplicationGroupId=second)
    assert (again, made.roles()[second]) == (second, "SECONDARY")


def test_a_secondary_that_cannot_be_made_is_no_member(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = datastore(world)

    def fail(*_: object) -> None:
        raise RuntimeError("no link")

    monkeypatch.setattr(world.plane, "follow", fail)
    second = made.add()
    assert made.group(second)["Status"] == "create-failed"
    assert second not in made.roles()
    made.client(second).delete_replication_group(ReplicationGroupId=second)


def test_the_primary_outlives_the_datastore(world: World) -> None:
    made = datastore(world)
    primary = primary_of(made)
    with pytest.raises(ClientError, match="is part of a global cluster"):
        world.cache.delete_replication_group(ReplicationGroupId=primary)
    world.cache.delete_global_replication_group(**made.asked, RetainPrimaryReplicationGroup=True)
    assert until(lambda: made.id in world.account.globals, lambda there: not there) is False
    group = world.available(primary)
    assert group["Status"] == "available"
    assert "GlobalReplicationGroupInfo" not in group
    assert Datastore(world, primary, world.name("store")).describe()["Status"] == "primary-only"


def test_node_type_and_failover_and_description_of_all_members(world: World) -> None:
    made = datastore(world)
    members = [primary_of(made), made.add()]
    made.modify(CacheNodeType="cache.r7g.xlarge")
    assert {made.group(name)["CacheNodeType"] for name in members} == {"cache.r7g.xlarge"}
    for name in members:
        client = made.client(name)
        client.modify_replication_group(ReplicationGroupId=name, ApplyImmediately=True, MultiAZEnabled=False)
        made.available(name)
    made.modify(AutomaticFailoverEnabled=False)
    assert {made.group(name)["AutomaticFailover"] for name in members} == {"disabled"}
    assert {member["AutomaticFailover"] for member in made.describe()["Members"]} == {"disabled"}
    assert made.modify(GlobalReplicationGroupDescription="ours")["GlobalReplicationGroupDescription"] == "ours"


def test_versions_go_up_on_the_secondaries_first(world: World) -> None:
    made = datastore(world, EngineVersion="7.2")
    primary, second = primary_of(made), made.add()
    before = made.nodes(primary)[0]["CacheParameterGroup"]["CacheParameterGroupName"]
    world.plane.made.clear()
    assert made.modify(EngineVersion="8.0", CacheParameterGroupName="default.valkey8")["EngineVersion"] == "8.0.1"
    assert [group_id for group_id, _ in world.plane.made] == [second, primary]
    name = made.nodes(primary)[0]["CacheParameterGroup"]["CacheParameterGroupName"]
    assert name.startswith("global-datastore-")
    (shown,) = world.cache.describe_cache_parameter_groups(CacheParameterGroupName=name)["CacheParameterGroups"]
    assert shown["CacheParameterGroupFamily"] == "valkey8"
    with pytest.raises(ClientError, match="not found"):
        world.cache.describe_cache_parameter_groups(CacheParameterGroupName=before)
    assert made.modify(EngineVersion="8.1")["EngineVersion"] == "8.1.0"


def test_redis_becomes_valkey_with_its_parameters(world: World) -> None:
    made = datastore(world, Engine="redis", EngineVersion="7.1")
    members = [primary_of(made), made.add()]
    name = made.nodes(members[0])[0]["CacheParameterGroup"]["CacheParameterGroupName"]
    policy = [{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}]
    world.cache.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=policy)
    made.settled()
    until(lambda: [world.plane.specs[group].parameters for group in members], all)
    for group in members:
        made.available(group)
    assert made.modify(Engine="valkey", EngineVersion="8.0")["Engine"] == "valkey"
    for group in members:
        assert (world.plane.specs[group].engine, dict(world.plane.specs[group].parameters)) == (
            "valkey",
            {"maxmemory-policy": "allkeys-lru"},
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"EngineVersion": "7.2"}, "downgrade"),
        ({"CacheParameterGroupName": "default.valkey8"}, "only taken with a new major version"),
        ({"EngineVersion": "8.1", "CacheParameterGroupName": "default.valkey8"}, "only taken with a new major version"),
        ({"CacheNodeType": "cache.t4g.medium"}, "not supported for the node type"),
        ({"AutomaticFailoverEnabled": False}, "Cannot enable Multi-AZ without automatic failover"),
        ({"EngineVersion": "9.0", "CacheParameterGroupName": "default.valkey8"}, "of family valkey9"),
    ],
)
def test_a_refused_change_changes_nothing(world: World, given: dict[str, Any], words: str) -> None:
    made = datastore(world)
    made.add()
    before, groups = made.describe(), world.client("elasticache", WEST).describe_cache_parameter_groups()
    with pytest.raises(ClientError, match=words):
        made.modify(**given)
    assert made.describe() == before
    assert (
        world.client("elasticache", WEST).describe_cache_parameter_groups()["CacheParameterGroups"]
        == (groups["CacheParameterGroups"])
    )


def test_a_change_that_fails_is_undone_where_it_was_not_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = datastore(world)
    primary, second = primary_of(made), made.add()
    real = world.plane.change

    def change(spec: Any) -> None:
        if spec.group_id == primary:
            raise RuntimeError("no room")
        real(spec)

    monkeypatch.setattr(world.plane, "change", change)
    made.modify(EngineVersion="8.1")
    assert made.nodes(second)[0]["EngineVersion"] == "8.1.0"
    assert made.nodes(primary)[0]["EngineVersion"] == "8.0.1"
    assert made.group(primary)["Status"] == "available"
    failures = {group["id"]: group["failure"] for group in control.groups(world.account)["groups"]}
    assert "no room" in failures[primary]
    assert "no room" in failures[second]
    monkeypatch.undo()
    made.modify(EngineVersion="8.2")
    failures = {group["id"]: group["failure"] for group in control.groups(world.account)["groups"]}
    assert (failures[primary], failures[second]) == (None, None)


def test_a_change_that_fails_gives_nobody_the_lead_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = datastore(world)
    primary, second = primary_of(made), made.add()
    begun = threading.Event()

    def change(_: Any) -> None:
        begun.wait(WAIT_SECONDS)
        raise RuntimeError("no room")

    monkeypatch.setattr(world.plane, "change", change)
    made.client(second).increase_replica_count(ReplicationGroupId=second, NewReplicaCount=2, ApplyImmediately=True)
    made.promote(second)
    assert made.roles() == {second: "PRIMARY", primary: "SECONDARY"}
    begun.set()
    events = until(
        lambda: made.client(second).describe_events(SourceIdentifier=second)["Events"],
        lambda seen: any("no room" in event["Message"] for event in seen),
    )
    assert any("no room" in event["Message"] for event in events)
    made.available(second)
    assert made.roles() == {second: "PRIMARY", primary: "SECONDARY"}
    assert len(made.nodes(second)) == 2


def test_shards_of_all_members(world: World) -> None:
    made = sharded(world)
    primary, second = primary_of(made), made.add(NumCacheClusters=None, ReplicasPerNodeGroup=1)
    zones = [{"NodeGroupId": "0003", "PreferredAvailabilityZones": ["eu-west-1b", "eu-west-1a"]}]
    world.cache.increase_node_groups_in_global_replication_group(
        **made.asked,
        NodeGroupCount=3,
        ApplyImmediately=True,
        RegionalConfigurations=[
            {"ReplicationGroupId": second, "ReplicationGroupRegion": WEST, "ReshardingConfiguration": zones}
        ],
    )
    made.settled()
    assert len(made.describe()["GlobalNodeGroups"]) == 3
    for name in (primary, second):
        assert [shard["NodeGroupId"] for shard in made.group(name)["NodeGroups"]] == ["0001", "0002", "0003"]
    assert dict(world.plane.specs[primary].slots) == dict(world.plane.specs[second].slots)
    third = [node for node in world.plane.specs[second].nodes if node.shard == "0003"]
    assert [node.zone for node in third] == ["eu-west-1b", "eu-west-1a"]
    world.cache.decrease_node_groups_in_global_replication_group(
        **made.asked, NodeGroupCount=1, GlobalNodeGroupsToRetain=[f"{made.id}-0002"], ApplyImmediately=True
    )
    made.settled()
    assert dict(world.plane.specs[second].slots) == {"0002": "0-16383"}
    world.cache.rebalance_slots_in_global_replication_group(**made.asked, ApplyImmediately=True)
    assert made.settled()["Status"] == "available"
    assert dict(world.plane.specs[primary].slots) == {"0002": "0-16383"}


def test_replicas_are_a_member_s_own(world: World) -> None:
    made = datastore(world)
    second = made.add()
    made.client(second).increase_replica_count(ReplicationGroupId=second, NewReplicaCount=3, ApplyImmediately=True)
    made.available(second)
    assert len(made.nodes(second)) == 4


@pytest.mark.parametrize(
    "given",
    [
        {"EngineVersion": "8.1"},
        {"AutomaticFailoverEnabled": False},
        {"AutoMinorVersionUpgrade": True},
        {"CacheParameterGroupName": "default.valkey8"},
        {"TransitEncryptionMode": "preferred"},
        {"ClusterMode": "compatible"},
    ],
)
def test_what_belongs_to_the_datastore_is_refused_at_a_member(world: World, given: dict[str, Any]) -> None:
    made = datastore(world)
    words = f"Cluster \\[{primary_of(made)}\\] is part of a global cluster \\[{made.id}\\]. Request rejected."
    with pytest.raises(ClientError, match=words) as refused:
        world.cache.modify_replication_group(ReplicationGroupId=primary_of(made), ApplyImmediately=True, **given)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_shards_of_a_member_are_refused(world: World) -> None:
    made = sharded(world)
    with pytest.raises(ClientError, match="is part of a global cluster"):
        world.cache.modify_replication_group_shard_configuration(
            ReplicationGroupId=primary_of(made), NodeGroupCount=3, ApplyImmediately=True
        )


def test_a_datastore_has_tags(world: World) -> None:
    tags = [{"Key": "team", "Value": "store"}]
    given = {
        "GlobalReplicationGroupIdSuffix": world.name("store"),
        "PrimaryReplicationGroupId": world.group(CacheNodeType=LARGE),
    }
    arn = world.cache.create_global_replication_group(**given, Tags=tags)["GlobalReplicationGroup"]["ARN"]
    assert world.cache.list_tags_for_resource(ResourceName=arn)["TagList"] == tags


def test_every_rule_of_global_datastores_has_a_case() -> None:
    assert set(GLOBAL_CASES) == {name for name in REFUSALS if name.startswith("global-")}
