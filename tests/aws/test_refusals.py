"""Every refusal of the emulated ElastiCache: the fault has AWS's name, and the rule is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws.elasticache import failover
from pulumi_emulator.aws.elasticache.faults import REFUSALS
from tests.support.aws_global import GLOBAL_CASES
from tests.support.aws_world import PASSWORD, TOKEN, World

Case = Callable[[World], Any]
MODEL = botocore.session.get_session().get_service_model("elasticache")


def create(**changes: Any) -> Case:
    """Return the making of a group that differs from an accepted one."""
    return lambda world: world.cache.create_replication_group(**world.arguments(**changes))


def sharded(**changes: Any) -> Case:
    return lambda world: world.cache.create_replication_group(**world.sharded(**changes))


def with_net(**changes: Any) -> Case:
    return lambda world: create(CacheSubnetGroupName=world.subnet_group(), **changes)(world)


def modify(given: dict[str, Any], /, apply: bool = True, **changes: Any) -> Case:
    """Return the change of a group that was made with `given`."""

    def case(world: World) -> None:
        group_id = world.shards(**given) if "NumNodeGroups" in given else world.group(**given)
        world.cache.modify_replication_group(ReplicationGroupId=group_id, ApplyImmediately=apply, **changes)

    return case


def modify_in_steps(*steps: dict[str, Any]) -> Case:
    """Return changes of a group one after the other; the last is refused."""

    def case(world: World) -> None:
        group_id = world.group()
        for step in steps[:-1]:
            world.modify(group_id, **step)
        world.cache.modify_replication_group(ReplicationGroupId=group_id, ApplyImmediately=True, **steps[-1])

    return case


def call(operation: str, **given: Any) -> Case:
    return lambda world: getattr(world.cache, operation)(**given)


def of_group(operation: str, made: dict[str, Any] | None = None, **given: Any) -> Case:
    """Return an operation on a new group."""

    def case(world: World) -> None:
        made_with = made or {}
        group_id = world.shards(**made_with) if "NumNodeGroups" in made_with else world.group(**made_with)
        getattr(world.cache, operation)(ReplicationGroupId=group_id, **given)

    return case


def twice(operation: str, **given: Any) -> Case:
    def case(world: World) -> None:
        getattr(world.cache, operation)(**given)
        getattr(world.cache, operation)(**given)

    return case


def group_again(world: World) -> None:
    world.cache.create_replication_group(**world.arguments(ReplicationGroupId=world.group()))


def group_elsewhere(world: World) -> None:
    given = world.arguments(ReplicationGroupId=world.group())
    world.client("elasticache", "us-east-1").create_replication_group(**given)


def subnet_group_again(world: World) -> None:
    name = world.subnet_group()
    (found,) = world.cache.describe_cache_subnet_groups(CacheSubnetGroupName=name)["CacheSubnetGroups"]
    subnets = [subnet["SubnetIdentifier"] for subnet in found["Subnets"]]
    world.cache.create_cache_subnet_group(CacheSubnetGroupName=name, CacheSubnetGroupDescription="d", SubnetIds=subnets)


def subnet_group_in_use(world: World) -> None:
    name = world.subnet_group()
    world.group(CacheSubnetGroupName=name)
    world.cache.delete_cache_subnet_group(CacheSubnetGroupName=name)


def subnet_in_use(world: World) -> None:
    name = world.subnet_group()
    world.group(CacheSubnetGroupName=name)
    (found,) = world.cache.describe_cache_subnet_groups(CacheSubnetGroupName=name)["CacheSubnetGroups"]
    world.cache.modify_cache_subnet_group(CacheSubnetGroupName=name, SubnetIds=[found["Subnets"][0]["SubnetIdentifier"]])


def subnets_of_two_vpcs(world: World) -> None:
    found = [
        world.cache.describe_cache_subnet_groups(CacheSubnetGroupName=world.subnet_group())["CacheSubnetGroups"][0]
        for _ in range(2)
    ]
    subnets = [group["Subnets"][0]["SubnetIdentifier"] for group in found]
    world.cache.create_cache_subnet_group(CacheSubnetGroupName="two", CacheSubnetGroupDescription="d", SubnetIds=subnets)


def parameters(world: World, family: str = "valkey8") -> str:
    name = world.name("p")
    world.cache.create_cache_parameter_group(CacheParameterGroupName=name, CacheParameterGroupFamily=family, Description="d")
    return name


def set_parameter(name: str, value: str, *, used: bool = False) -> Case:
    def case(world: World) -> None:
        group = parameters(world)
        if used:
            world.group(CacheParameterGroupName=group)
        values = [{"ParameterName": name, "ParameterValue": value}]
        world.cache.modify_cache_parameter_group(CacheParameterGroupName=group, ParameterNameValues=values)

    return case


def other_databases(world: World) -> None:
    name = parameters(world)
    values = [{"ParameterName": "databases", "ParameterValue": "32"}]
    world.cache.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=values)
    modify({}, CacheParameterGroupName=name)(world)


def parameter_group_in_use(world: World) -> None:
    name = parameters(world)
    world.group(CacheParameterGroupName=name)
    world.cache.delete_cache_parameter_group(CacheParameterGroupName=name)


def new_user(**changes: Any) -> Case:
    return lambda world: world.user(changes.pop("UserName", "someone"), **changes)


def user_again(world: World) -> None:
    given = {"UserName": "u", "Engine": "valkey", "AccessString": "on", "Passwords": [PASSWORD]}
    world.cache.create_user(UserId=world.user("u"), **given)


def iam_user_of_another_name(world: World) -> None:
    mode = {"Type": "iam"}
    world.user("another", Passwords=None, AuthenticationMode=mode)


def user_group_of(names: list[str], *, engine: str = "valkey", user_engine: str = "valkey") -> Case:
    def case(world: World) -> None:
        users = [world.user(name, Engine=user_engine) for name in names]
        world.cache.create_user_group(UserGroupId=world.name("ug"), Engine=engine, UserIds=users)

    return case


def default_user_of_a_group(world: World) -> None:
    users = world.cache.describe_user_groups(UserGroupId=world.user_group())["UserGroups"][0]["UserIds"]
    world.cache.delete_user(UserId=users[0])


def user_group_in_use(world: World) -> None:
    users = world.user_group()
    world.group(UserGroupIds=[users])
    world.cache.delete_user_group(UserGroupId=users)


def user_group_of_another_engine(world: World) -> None:
    users = world.user_group()
    world.cache.create_replication_group(**world.arguments(Engine="redis", EngineVersion="7.1", UserGroupIds=[users]))


def token_with_users(world: World) -> None:
    world.cache.create_replication_group(**world.arguments(AuthToken=TOKEN, UserGroupIds=[world.user_group()]))


def users_without_tls(world: World) -> None:
    world.cache.create_replication_group(**world.arguments(TransitEncryptionEnabled=False, UserGroupIds=[world.user_group()]))


def busy(world: World) -> None:
    group_id = world.group()
    world.plane.hold.clear()
    try:
        world.cache.modify_replication_group(ReplicationGroupId=group_id, EngineVersion="8.1", ApplyImmediately=True)
        world.cache.test_failover(ReplicationGroupId=group_id, NodeGroupId="0001")
    finally:
        world.plane.hold.set()
        world.available(group_id)


def sixteen_test_failovers(world: World) -> None:
    made = [world.shards(NumNodeGroups=8) for _ in range(2)]
    try:
        for group_id in made:
            for shard in range(1, 9):
                world.cache.test_failover(ReplicationGroupId=group_id, NodeGroupId=f"{shard:04d}")
                world.available(group_id)
    finally:
        world.account.region("eu-central-1").test_failovers.clear()


def snapshot_that_is_not_done(world: World) -> None:
    name = world.name("snap")
    world.cache.create_snapshot(SnapshotName=name, ReplicationGroupId=world.group())
    world.account.region("eu-central-1").snapshots[name]["SnapshotStatus"] = "creating"
    world.cache.create_replication_group(**world.arguments(SnapshotName=name))


def serverless(**changes: Any) -> Case:
    def case(world: World) -> None:
        world.cache.create_serverless_cache(**{"ServerlessCacheName": world.name("s"), "Engine": "valkey", **changes})

    return case


def modify_serverless(**changes: Any) -> Case:
    def case(world: World) -> None:
        name = world.name("s")
        world.cache.create_serverless_cache(ServerlessCacheName=name, Engine="redis")
        world.cache.modify_serverless_cache(ServerlessCacheName=name, **changes)

    return case


def serverless_snapshot_again(world: World) -> None:
    name = world.name("s")
    world.cache.create_serverless_cache(ServerlessCacheName=name, Engine="valkey")
    for _ in range(2):
        world.cache.create_serverless_cache_snapshot(ServerlessCacheName=name, ServerlessCacheSnapshotName=name)


def primary_with_more(world: World) -> None:
    made = world.group(**NO_FAILOVER)
    world.cache.modify_replication_group(ReplicationGroupId=made, PrimaryClusterId=f"{made}-002", SnapshotWindow="05:00-06:00")


def too_many_tags(world: World) -> None:
    name = parameters(world)
    arn = f"arn:aws:elasticache:eu-central-1:123456789012:parametergroup:{name}"
    tags = [{"Key": f"k{index}", "Value": "v"} for index in range(51)]
    world.cache.add_tags_to_resource(ResourceName=arn, Tags=tags)


def unknown_tag(world: World) -> None:
    arn = f"arn:aws:elasticache:eu-central-1:123456789012:parametergroup:{parameters(world)}"
    world.cache.remove_tags_from_resource(ResourceName=arn, TagKeys=["none"])


def logs(**changes: Any) -> list[dict[str, Any]]:
    details = {"CloudWatchLogsDetails": {"LogGroup": "none"}}
    return [{"LogType": "slow-log", "DestinationType": "cloudwatch-logs", "DestinationDetails": details, **changes}]


ZONES = ["eu-central-1a", "eu-central-1b"]
NO_FAILOVER: dict[str, Any] = {"AutomaticFailoverEnabled": False, "MultiAZEnabled": False}
SHARDS: dict[str, Any] = {"NumNodeGroups": 2}
DURABLE: dict[str, Any] = SHARDS | {"EngineVersion": "9.0", "CacheNodeType": "cache.r7g.large", "Durability": "sync"}
HALF = [{"Slots": "0-8191"}, {"Slots": "8192-16000"}]
NOW: dict[str, Any] = {"ApplyImmediately": True}

CASES: dict[str, Case] = {
    "group-exists": group_again,
    "group-unknown": call("describe_replication_groups", ReplicationGroupId="none"),
    "group-id": create(ReplicationGroupId="two--hyphens"),
    "node-group-unknown": of_group("test_failover", NodeGroupId="0009"),
    "cluster-unknown": call("describe_cache_clusters", CacheClusterId="none"),
    "multi-az-needs-failover": create(AutomaticFailoverEnabled=False),
    "multi-az-needs-replica": sharded(ReplicasPerNodeGroup=0),
    "failover-needs-replica": create(NumCacheClusters=1, MultiAZEnabled=False),
    "cluster-mode-needs-failover": sharded(**NO_FAILOVER),
    "one-count": create(ReplicasPerNodeGroup=1),
    "zones-or-configuration": sharded(PreferredCacheClusterAZs=ZONES, NodeGroupConfiguration=HALF),
    "zone-count": with_net(PreferredCacheClusterAZs=ZONES[:1]),
    "zone-unknown": with_net(PreferredCacheClusterAZs=["eu-central-1a", "eu-central-1c"]),
    "replica-count": sharded(ReplicasPerNodeGroup=6),
    "cluster-count": create(NumCacheClusters=7),
    "shard-count": sharded(NumNodeGroups=46),
    "shards-need-cluster-mode": sharded(CacheParameterGroupName="default.valkey8"),
    "slots": sharded(NodeGroupConfiguration=HALF),
    "shard-id": sharded(NodeGroupConfiguration=[{"NodeGroupId": "shard"}, {"ReplicaCount": 1}]),
    "node-type": create(CacheNodeType="cache.r7g.tiny"),
    "node-type-missing": create(CacheNodeType=None),
    "engine": create(Engine="memcached"),
    "engine-version": create(EngineVersion="8.9"),
    "downgrade": modify({"EngineVersion": "8.1"}, EngineVersion="8.0"),
    "engine-back": modify({}, Engine="redis", EngineVersion="7.1"),
    "token-needs-tls": create(AuthToken=TOKEN, TransitEncryptionEnabled=False),
    "users-need-tls": users_without_tls,
    "access-needs-required": create(AuthToken=TOKEN, TransitEncryptionEnabled=True, TransitEncryptionMode="preferred"),
    "token-or-users": token_with_users,
    "token-form": create(AuthToken="with a space in it"),
    "token-strategy": modify({}, AuthTokenUpdateStrategy="SET"),
    "token-delete": modify({"AuthToken": TOKEN}, AuthTokenUpdateStrategy="DELETE"),
    "mode-needs-tls": create(TransitEncryptionEnabled=False, TransitEncryptionMode="preferred"),
    "tls-two-steps": modify(
        {"TransitEncryptionEnabled": False}, TransitEncryptionEnabled=True, TransitEncryptionMode="required"
    ),
    "tls-version": modify(
        {"Engine": "redis", "EngineVersion": "6.2", "TransitEncryptionEnabled": False},
        TransitEncryptionEnabled=True,
        TransitEncryptionMode="preferred",
    ),
    "kms-key": create(AtRestEncryptionEnabled=True, KmsKeyId="none"),
    "kms-needs-encryption": create(KmsKeyId="none"),
    "security-group": create(SecurityGroupIds=["sg-none"]),
    "mode-order": modify({}, ClusterMode="enabled"),
    "mode-alone": modify({}, ClusterMode="compatible", SnapshotRetentionLimit=2),
    "mode-compatible": modify_in_steps({"ClusterMode": "compatible"}, {"EngineVersion": "8.1"}),
    "mode-version": modify({"Engine": "redis", "EngineVersion": "6.2"}, ClusterMode="compatible"),
    "mode-needs-replica": modify({"NumCacheClusters": 1, **NO_FAILOVER}, ClusterMode="compatible"),
    "retention": create(SnapshotRetentionLimit=36),
    "window": create(SnapshotWindow="05:00-05:30"),
    "windows-overlap": create(SnapshotWindow="23:30-00:30", PreferredMaintenanceWindow="mon:00:00-mon:01:00"),
    "snapshot-unknown": call("describe_snapshots", SnapshotName="none"),
    "snapshot-arn": create(SnapshotArns=["arn:aws:s3:::none/dump.rdb"]),
    "data-tiering": create(CacheNodeType="cache.r6gd.xlarge"),
    "durability": create(EngineVersion="9.0", Durability="sync"),
    "durability-needs": sharded(EngineVersion="9.0", Durability="sync", TransitEncryptionEnabled=False),
    "durability-alone": modify(DURABLE, Durability="async", SnapshotRetentionLimit=2),
    "snapshot-exists": of_group("create_snapshot", SnapshotName="same"),
    "snapshot-state": snapshot_that_is_not_done,
    "snapshot-source": call("create_snapshot", SnapshotName="of-nothing"),
    "primary-sharded": modify(SHARDS, PrimaryClusterId="x"),
    "primary-automatic": modify({}, PrimaryClusterId="x"),
    "primary-unknown": modify(NO_FAILOVER, PrimaryClusterId="x"),
    "primary-alone": primary_with_more,
    "snapshotting": modify(SHARDS, SnapshottingClusterId="x"),
    "snapshotting-unknown": modify({"SnapshotRetentionLimit": 1}, SnapshottingClusterId="x"),
    "snapshots-on": modify({}, SnapshotRetentionLimit=1),
    "logs": create(LogDeliveryConfigurations=logs() + logs()),
    "logs-immediately": modify({}, apply=False, LogDeliveryConfigurations=logs()),
    "log-group": create(LogDeliveryConfigurations=logs()),
    "topic": create(NotificationTopicArn="arn:aws:sns:us-east-1:123456789012:elsewhere"),
    "group-busy": busy,
    "retain": of_group("delete_replication_group", RetainPrimaryCluster=True),
    "nothing": of_group("modify_replication_group_shard_configuration", SHARDS, NodeGroupCount=2, **NOW),
    "replica-count-missing": of_group("increase_replica_count", **NOW),
    "replica-to-remove": of_group("decrease_replica_count", ReplicasToRemove=["another"], **NOW),
    "last-replica": of_group("decrease_replica_count", NewReplicaCount=0, **NOW),
    "increase": of_group("increase_replica_count", NewReplicaCount=1, **NOW),
    "decrease": of_group("decrease_replica_count", NewReplicaCount=1, **NOW),
    "not-sharded": of_group("modify_replication_group_shard_configuration", NodeGroupCount=2, **NOW),
    "immediately-only": of_group("increase_replica_count", NewReplicaCount=2, ApplyImmediately=False),
    "shards-to-remove": of_group("modify_replication_group_shard_configuration", SHARDS, NodeGroupCount=1, **NOW),
    "test-failover-limit": sixteen_test_failovers,
    "test-failover-off": of_group("test_failover", {"MultiAZEnabled": False, **NO_FAILOVER}, NodeGroupId="0001"),
    "test-failover-alone": of_group(
        "test_failover", {**SHARDS, "ReplicasPerNodeGroup": 0, "MultiAZEnabled": False}, NodeGroupId="0001"
    ),
    "subnet-group-unknown": create(CacheSubnetGroupName="none"),
    "subnet-group-exists": subnet_group_again,
    "subnet-group-in-use": subnet_group_in_use,
    "subnet": call("create_cache_subnet_group", CacheSubnetGroupName="a", CacheSubnetGroupDescription="d", SubnetIds=["none"]),
    "subnet-vpc": subnets_of_two_vpcs,
    "subnet-in-use": subnet_in_use,
    "subnet-group-name": call(
        "create_cache_subnet_group", CacheSubnetGroupName="a b", CacheSubnetGroupDescription="d", SubnetIds=["none"]
    ),
    "parameter-group-unknown": create(CacheParameterGroupName="none"),
    "parameter-group-exists": twice(
        "create_cache_parameter_group", CacheParameterGroupName="same", CacheParameterGroupFamily="valkey8", Description="d"
    ),
    "parameter-group-in-use": parameter_group_in_use,
    "parameter-group-default": call("delete_cache_parameter_group", CacheParameterGroupName="default.valkey8"),
    "parameter-family": create(CacheParameterGroupName="default.valkey7"),
    "family": call(
        "create_cache_parameter_group", CacheParameterGroupName="a", CacheParameterGroupFamily="valkey6", Description="d"
    ),
    "parameter-unknown": set_parameter("no-such-parameter", "1"),
    "parameter-fixed": set_parameter("appendonly", "yes"),
    "parameter-value": set_parameter("maxmemory-policy", "forget-all"),
    "parameter-cluster-enabled": set_parameter("cluster-enabled", "yes", used=True),
    "parameter-mode": create(CacheParameterGroupName="default.valkey8", ClusterMode="enabled"),
    "parameter-databases": other_databases,
    "user-unknown": call("describe_users", UserId="none"),
    "user-exists": user_again,
    "user-id": call("create_user", UserId="a.b", UserName="x", Engine="valkey", AccessString="on", Passwords=[PASSWORD]),
    "user-group-id": call("create_user_group", UserGroupId="a.b", Engine="valkey", UserIds=["default"]),
    "default-in-group": default_user_of_a_group,
    "parameter-group-name": call(
        "create_cache_parameter_group", CacheParameterGroupName="a.b", CacheParameterGroupFamily="valkey8", Description="d"
    ),
    "serverless-name": serverless(ServerlessCacheName="two--hyphens"),
    "user-default-id": call(
        "create_user", UserId="default", UserName="default", Engine="redis", AccessString="on", NoPasswordRequired=True
    ),
    "user-access": new_user(AccessString="on reset"),
    "user-password": new_user(Passwords=["short"]),
    "user-valkey-password": new_user(Passwords=None, NoPasswordRequired=True),
    "user-iam-name": iam_user_of_another_name,
    "user-default-change": call("delete_user", UserId="default"),
    "user-group-unknown": create(UserGroupIds=["none"]),
    "user-group-exists": lambda world: world.user_group(UserGroupId=world.user_group()),
    "default-required": user_group_of(["app"]),
    "user-name-twice": user_group_of(["default", "default"]),
    "user-engine": user_group_of(["default"], engine="redis"),
    "user-not-in-group": lambda world: world.cache.modify_user_group(UserGroupId=world.user_group(), UserIdsToRemove=["none"]),
    "user-group-in-use": user_group_in_use,
    "user-group-engine": user_group_of_another_engine,
    "serverless-unknown": call("describe_serverless_caches", ServerlessCacheName="none"),
    "serverless-exists": twice("create_serverless_cache", ServerlessCacheName="same", Engine="valkey"),
    "serverless-fields": modify_serverless(Description="two", SnapshotRetentionLimit=1),
    "serverless-unchanged": modify_serverless(Engine="valkey"),
    "serverless-limits": serverless(CacheUsageLimits={"ECPUPerSecond": {"Maximum": 10}}),
    "serverless-snapshot-exists": serverless_snapshot_again,
    "serverless-snapshot-unknown": call("delete_serverless_cache_snapshot", ServerlessCacheSnapshotName="none"),
    "daily": serverless(DailySnapshotTime="25:00"),
    "arn": call("list_tags_for_resource", ResourceName="arn:aws:elasticache:eu-central-1:123456789012:user:none"),
    "tag": unknown_tag,
    "marker": call("describe_users", Marker="never-given"),
    "tag-count": too_many_tags,
    "id-elsewhere": group_elsewhere,
    **GLOBAL_CASES,
}


def error_code(rule: str) -> str:
    """Return the code by which AWS answers a rule's fault."""
    shape = MODEL.shape_for(REFUSALS[rule].fault)
    return str(shape.metadata["error"]["code"])


def test_every_rule_has_a_case_and_a_source() -> None:
    assert set(CASES) == set(REFUSALS)
    assert all(refusal.source for refusal in REFUSALS.values())


@pytest.mark.parametrize("rule", sorted(CASES))
def test_refusal(world: World, rule: str) -> None:
    if rule == "snapshot-exists":
        world.cache.create_snapshot(SnapshotName="same", ReplicationGroupId=world.group())
    with pytest.raises(ClientError) as refused:
        CASES[rule](world)
    error = refused.value.response["Error"]
    # The text tells two rules of one fault apart: its fixed beginning.
    fixed = REFUSALS[rule].text.partition("{")[0]
    assert error["Code"] == error_code(rule)
    assert error["Message"].startswith(fixed)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (call("create_user", UserId="a" * 41, UserName="x", Engine="valkey", AccessString="on"), "UserId"),
        (call("create_user_group", UserGroupId="a" * 41, Engine="valkey", UserIds=["none"]), "UserGroupId"),
        (serverless(ServerlessCacheName="a" * 41), "ServerlessCacheName"),
        (create(ReplicationGroupId="a" * 41), "ReplicationGroupId"),
    ],
)
def test_ids_have_at_most_40_characters(world: World, case: Case, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        case(world)
    assert f"{message} 'aaaa" in refused.value.response["Error"]["Message"]


def test_a_refused_change_changes_nothing(world: World) -> None:
    group_id = world.group()
    before = world.describe(group_id)
    with pytest.raises(ClientError):
        world.cache.modify_replication_group(
            ReplicationGroupId=group_id, ApplyImmediately=True, ReplicationGroupDescription="new", SnapshotWindow="none"
        )
    assert world.describe(group_id) == before


def test_no_secret_is_in_a_refusal(world: World) -> None:
    for case in (CASES["token-form"], new_user(Passwords=["secret"]), new_user(AccessString="on >secret")):
        with pytest.raises(ClientError) as refused:
            case(world)
        assert "secret" not in str(refused.value)
        assert "with a space" not in str(refused.value)


def test_the_limit_of_test_failovers_is_aws_s() -> None:
    assert failover.MOST_TESTS == 15
