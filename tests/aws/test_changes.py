"""Changes of replication groups: settings, numbers of replicas and shards, users, parameters."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws.control import groups
from pulumi_emulator.aws.elasticache.model import SLOTS, even_slots
from pulumi_emulator.aws.elasticache.scaling import rebalanced
from pulumi_emulator.aws.elasticache.users import password_hash
from pulumi_emulator.caches.spec import slots_of
from pulumi_emulator.errors import EmulatorError
from tests.support.aws_world import PASSWORD, TOKEN, World, until

OTHER_TOKEN = "another-token-of-24-char"


def test_settings_change_at_once(world: World) -> None:
    group_id = world.group(EngineVersion="8.0")
    found = world.modify(
        group_id,
        EngineVersion="8.1",
        CacheNodeType="cache.r7g.large",
        ReplicationGroupDescription="other",
        SnapshotWindow="07:00-08:00",
    )
    assert (found["CacheNodeType"], found["Description"], found["SnapshotWindow"]) == (
        "cache.r7g.large",
        "other",
        "07:00-08:00",
    )
    cluster = world.cache.describe_cache_clusters(CacheClusterId=f"{group_id}-001")["CacheClusters"][0]
    assert cluster["EngineVersion"] == "8.1.0"
    assert world.plane.specs[group_id].engine_version == "8.1.0"


def test_without_apply_immediately_a_change_waits(world: World) -> None:
    group_id = world.group(EngineVersion="8.0", MultiAZEnabled=False)
    world.cache.modify_replication_group(
        ReplicationGroupId=group_id, EngineVersion="8.1", AutomaticFailoverEnabled=False, ReplicationGroupDescription="at once"
    )
    found = world.available(group_id)
    assert found["Description"] == "at once"
    assert (found["AutomaticFailover"], found["PendingModifiedValues"]) == ("enabled", {"AutomaticFailoverStatus": "disabled"})
    cluster = world.cache.describe_cache_clusters(CacheClusterId=f"{group_id}-001")["CacheClusters"][0]
    assert (cluster["EngineVersion"], cluster["PendingModifiedValues"]["EngineVersion"]) == ("8.0.1", "8.1")
    # What waits comes with the next immediate change (botocore ApplyImmediately: "and any pending modifications").
    found = world.modify(group_id, SnapshotWindow="07:00-08:00")
    assert (found["AutomaticFailover"], found["PendingModifiedValues"]) == ("disabled", {})


def test_a_group_that_is_being_changed_takes_no_other_change(world: World) -> None:
    group_id = world.group()
    world.plane.hold.clear()
    try:
        world.cache.modify_replication_group(ReplicationGroupId=group_id, EngineVersion="8.1", ApplyImmediately=True)
        assert world.describe(group_id)["Status"] == "modifying"
        with pytest.raises(ClientError) as refused:
            world.cache.modify_replication_group(ReplicationGroupId=group_id, EngineVersion="8.2", ApplyImmediately=True)
        assert refused.value.response["Error"]["Code"] == "InvalidReplicationGroupState"
    finally:
        world.plane.hold.set()
    assert world.available(group_id)["Status"] == "available"


def test_snapshots_are_turned_on_with_the_node_to_take_them_of(world: World) -> None:
    group_id = world.group()
    found = world.modify(group_id, SnapshotRetentionLimit=2, SnapshottingClusterId=f"{group_id}-002")
    assert (found["SnapshotRetentionLimit"], found["SnapshottingClusterId"]) == (2, f"{group_id}-002")
    # With cluster mode enabled there is none to name.
    assert world.modify(world.shards(), SnapshotRetentionLimit=2)["SnapshotRetentionLimit"] == 2


def test_the_service_s_own_snapshot_window_keeps_clear_of_the_maintenance(world: World) -> None:
    group_id = world.group(PreferredMaintenanceWindow="mon:02:30-mon:03:30")
    assert world.describe(group_id)["SnapshotWindow"] == "06:00-07:00"


def test_a_change_that_the_nodes_cannot_follow_is_taken_back_and_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    group_id = world.group(EngineVersion="8.0")
    before = world.describe(group_id)

    def fail(_: object) -> None:
        raise EmulatorError("a node does not start")

    with monkeypatch.context() as patched:
        patched.setattr(world.plane, "change", fail)
        world.cache.modify_replication_group(ReplicationGroupId=group_id, EngineVersion="8.1", ApplyImmediately=True)
        assert world.available(group_id) == before
        world.cache.increase_replica_count(ReplicationGroupId=group_id, NewReplicaCount=2, ApplyImmediately=True)
        assert world.available(group_id) == before
    events = world.cache.describe_events(SourceIdentifier=group_id)["Events"]
    assert events[-1]["Message"] == "modifying failed in the emulator: a node does not start"
    (found,) = [group for group in groups(world.account)["groups"] if group["id"] == group_id]
    assert found["failure"] == events[-1]["Message"]
    world.modify(group_id, EngineVersion="8.1")
    (found,) = [group for group in groups(world.account)["groups"] if group["id"] == group_id]
    assert found["failure"] is None


def test_redis_becomes_valkey(world: World) -> None:
    group_id = world.group(Engine="redis", EngineVersion="7.1")
    found = world.modify(group_id, Engine="valkey", EngineVersion="7.2")
    assert found["Engine"] == "valkey"
    cluster = world.cache.describe_cache_clusters(CacheClusterId=f"{group_id}-001")["CacheClusters"][0]
    # A default parameter group follows the engine.
    assert cluster["CacheParameterGroup"]["CacheParameterGroupName"] == "default.valkey7"


def test_encryption_comes_in_two_steps(world: World) -> None:
    group_id = world.group(TransitEncryptionEnabled=False)
    found = world.modify(group_id, TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")
    assert (found["TransitEncryptionEnabled"], found["TransitEncryptionMode"]) == (True, "preferred")
    spec = world.plane.specs[group_id]
    assert (spec.tls, spec.plain) == (True, True)
    assert world.modify(group_id, TransitEncryptionMode="required")["TransitEncryptionMode"] == "required"
    assert not world.plane.specs[group_id].plain


def test_cluster_mode_comes_in_two_steps(world: World) -> None:
    group_id = world.group()
    found = world.modify(group_id, ClusterMode="compatible")
    assert found["ClusterMode"] == "compatible"
    # Both protocols: both kinds of endpoint, and the nodes keep the names that they were born with.
    assert "ConfigurationEndpoint" in found
    assert "PrimaryEndpoint" in found["NodeGroups"][0]
    found = world.modify(group_id, ClusterMode="enabled")
    assert "PrimaryEndpoint" not in found["NodeGroups"][0]
    assert found["MemberClusters"] == [f"{group_id}-001", f"{group_id}-002"]
    assert world.plane.specs[group_id].cluster


def test_a_token_is_rotated_and_then_set(world: World) -> None:
    group_id = world.group(AuthToken=TOKEN)
    first, second = password_hash(TOKEN), password_hash(OTHER_TOKEN)
    assert world.describe(group_id)["AuthTokenEnabled"]
    world.modify(group_id, AuthToken=OTHER_TOKEN, AuthTokenUpdateStrategy="ROTATE")
    (line,) = world.plane.specs[group_id].access.acl
    assert f"#{first}" in line
    assert f"#{second}" in line
    world.modify(group_id, AuthToken=OTHER_TOKEN, AuthTokenUpdateStrategy="SET")
    (line,) = world.plane.specs[group_id].access.acl
    assert f"#{first}" not in line
    assert f"#{second}" in line


def test_a_token_gives_way_to_users(world: World) -> None:
    group_id, users = world.group(AuthToken=TOKEN), world.user_group()
    found = world.modify(group_id, AuthTokenUpdateStrategy="DELETE", UserGroupIdsToAdd=[users])
    assert (found["AuthTokenEnabled"], found["UserGroupIds"]) == (False, [users])
    assert world.cache.describe_user_groups(UserGroupId=users)["UserGroups"][0]["ReplicationGroups"] == [group_id]


def test_no_secret_is_kept_as_it_was_given(world: World) -> None:
    group_id = world.group(AuthToken=TOKEN)
    users = world.user_group()
    found = [*world.account.region("eu-central-1").users.values(), world.plane.specs[group_id], world.account.group(group_id)]
    assert TOKEN not in repr(found)
    assert PASSWORD not in repr(found)
    assert password_hash(TOKEN) not in repr(found[-2:])
    assert users


def test_changed_users_reach_the_nodes(world: World) -> None:
    users = world.user_group()
    group_id = world.group(UserGroupIds=[users])
    app = world.cache.describe_user_groups(UserGroupId=users)["UserGroups"][0]["UserIds"][1]
    lines = world.plane.specs[group_id].access.acl
    assert any(line.startswith("user default reset off -@all") for line in lines)
    assert any(line == f"user app reset on ~* +@all #{password_hash(PASSWORD)}" for line in lines)
    changed = world.cache.modify_user(UserId=app, AccessString="on nocommands +@read allchannels ~orders:*")
    assert changed["AccessString"] == "on ~orders:* &* -@all +@read"
    assert until(lambda: "~orders:*" in "".join(world.plane.specs[group_id].access.acl), bool)
    world.available(group_id)
    extra = world.user("extra")
    world.cache.modify_user_group(UserGroupId=users, UserIdsToAdd=[extra])
    assert until(lambda: len(world.plane.specs[group_id].access.acl), lambda count: count == 3) == 3
    world.available(group_id)
    world.cache.delete_user(UserId=extra)
    assert until(lambda: len(world.plane.specs[group_id].access.acl), lambda count: count == 2) == 2


def test_changed_parameters_reach_the_nodes(world: World) -> None:
    name = world.name("params")
    world.cache.create_cache_parameter_group(CacheParameterGroupName=name, CacheParameterGroupFamily="valkey8", Description="p")
    group_id = world.group(CacheParameterGroupName=name)
    values = [{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}]
    world.cache.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=values)
    seen = until(lambda: dict(world.plane.specs[group_id].parameters), bool)
    assert seen == {"maxmemory-policy": "allkeys-lru"}
    world.available(group_id)
    world.cache.reset_cache_parameter_group(CacheParameterGroupName=name, ResetAllParameters=True)
    assert until(lambda: dict(world.plane.specs[group_id].parameters), lambda found: not found) == {}


def test_replicas_come_and_go_and_no_id_is_given_twice(world: World) -> None:
    group_id = world.group(NumCacheClusters=2)
    world.cache.increase_replica_count(ReplicationGroupId=group_id, NewReplicaCount=2, ApplyImmediately=True)
    assert world.available(group_id)["MemberClusters"] == [f"{group_id}-00{number}" for number in (1, 2, 3)]
    world.cache.decrease_replica_count(ReplicationGroupId=group_id, ReplicasToRemove=[f"{group_id}-002"], ApplyImmediately=True)
    assert world.available(group_id)["MemberClusters"] == [f"{group_id}-001", f"{group_id}-003"]
    world.cache.increase_replica_count(ReplicationGroupId=group_id, NewReplicaCount=2, ApplyImmediately=True)
    assert world.available(group_id)["MemberClusters"] == [f"{group_id}-00{number}" for number in (1, 3, 4)]


def test_a_decrease_never_takes_the_primary(world: World) -> None:
    group_id = world.group(NumCacheClusters=3)
    world.cache.test_failover(ReplicationGroupId=group_id, NodeGroupId="0001")
    world.available(group_id)
    primary = world.plane.primaries[group_id]["0001"]
    world.cache.decrease_replica_count(ReplicationGroupId=group_id, NewReplicaCount=1, ApplyImmediately=True)
    left = world.available(group_id)["MemberClusters"]
    assert len(left) == 2
    assert primary in left


def test_shards_come_and_go_with_their_slots(world: World) -> None:
    group_id = world.shards()
    grow = {"ReplicationGroupId": group_id, "NodeGroupCount": 3, "ApplyImmediately": True}
    world.cache.modify_replication_group_shard_configuration(**grow)
    found = world.available(group_id)
    assert [shard["NodeGroupId"] for shard in found["NodeGroups"]] == ["0001", "0002", "0003"]
    check_cover([shard["Slots"] for shard in found["NodeGroups"]])
    shrink = {**grow, "NodeGroupCount": 2, "NodeGroupsToRemove": ["0002"]}
    world.cache.modify_replication_group_shard_configuration(**shrink)
    found = world.available(group_id)
    assert [shard["NodeGroupId"] for shard in found["NodeGroups"]] == ["0001", "0003"]
    check_cover([shard["Slots"] for shard in found["NodeGroups"]])
    assert set(world.plane.specs[group_id].slots) == {"0001", "0003"}


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(range(1, 6), 2)))
def test_a_rebalance_moves_no_more_slots_than_it_must(before: int, after: int) -> None:
    old = even_slots(before)
    new = rebalanced({f"{index + 1:04d}": "" for index in range(after)}, old)
    check_cover(list(new.values()))
    sizes = [len(slots_of(text)) for text in new.values()]
    assert max(sizes) - min(sizes) <= 1
    stayed = sum(len(slots_of(new[shard]) & slots_of(old[shard])) for shard in set(new) & set(old))
    assert stayed >= min(before, after) * (SLOTS // max(before, after))


def check_cover(texts: list[str]) -> None:
    covered: list[Any] = [slot for text in texts for slot in slots_of(text)]
    assert sorted(covered) == list(range(SLOTS))


def test_a_subnet_group_changes_its_subnets(world: World) -> None:
    name = world.subnet_group()
    (found,) = world.cache.describe_cache_subnet_groups(CacheSubnetGroupName=name)["CacheSubnetGroups"]
    first = found["Subnets"][0]["SubnetIdentifier"]
    changed = world.cache.modify_cache_subnet_group(CacheSubnetGroupName=name, SubnetIds=[first])["CacheSubnetGroup"]
    assert [subnet["SubnetIdentifier"] for subnet in changed["Subnets"]] == [first]
    world.cache.delete_cache_subnet_group(CacheSubnetGroupName=name)
    with pytest.raises(ClientError, match="does not exist"):
        world.cache.describe_cache_subnet_groups(CacheSubnetGroupName=name)


def test_a_serverless_cache_is_made_changed_and_deleted(world: World) -> None:
    name = world.name("serverless")
    limits = {"DataStorage": {"Maximum": 10, "Unit": "GB"}, "ECPUPerSecond": {"Maximum": 5000}}
    users = world.user_group()
    world.cache.create_serverless_cache(ServerlessCacheName=name, Engine="valkey", CacheUsageLimits=limits, UserGroupId=users)
    (found,) = world.cache.describe_serverless_caches(ServerlessCacheName=name)["ServerlessCaches"]
    assert (found["Status"], found["CacheUsageLimits"], found["UserGroupId"]) == ("available", limits, users)
    assert found["Endpoint"]["Address"] == f"{name}-{world.account.hash}.serverless.euc1.cache.amazonaws.com"
    # One field in a request.
    no_limits = {"DataStorage": {"Maximum": 0, "Minimum": 0, "Unit": "GB"}, "ECPUPerSecond": {"Maximum": 0, "Minimum": 0}}
    for change in ({"Description": "new"}, {"RemoveUserGroup": True}, {"CacheUsageLimits": no_limits}):
        world.cache.modify_serverless_cache(ServerlessCacheName=name, **change)
    (found,) = world.cache.describe_serverless_caches(ServerlessCacheName=name)["ServerlessCaches"]
    assert found["Description"] == "new"
    assert not {"UserGroupId", "CacheUsageLimits"} & found.keys()
    world.cache.delete_serverless_cache(ServerlessCacheName=name, FinalSnapshotName=name)
    snapshots = world.cache.describe_serverless_cache_snapshots(ServerlessCacheName=name)["ServerlessCacheSnapshots"]
    assert [entry["ServerlessCacheSnapshotName"] for entry in snapshots] == [name]
