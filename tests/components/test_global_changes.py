"""What an update of a living global datastore may not do, judged from old and new inputs alone."""

from typing import Any

import pulumi
import pytest

from redis_ha.elasticache.global_changes import global_refusals, member_parameter_refusals, member_refusals

OLD: dict[str, Any] = {
    "engine": "valkey",
    "engineVersion": "8.0",
    "cacheNodeType": "cache.r7g.large",
    "automaticFailoverEnabled": True,
    "parameterGroupName": "orders-valkey8",
}
REDIS = {"engine": "redis", "engineVersion": "7.1", "parameterGroupName": "orders-redis7"}

pytestmark = pytest.mark.usefixtures("loop_for_outputs")


def judged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    before = {key: value for key, value in (OLD | old).items() if value is not None}
    after = {key: value for key, value in (before | new).items() if value is not None}
    return dict(global_refusals(before, after))


@pytest.mark.parametrize(
    ("old", "new", "argument", "says"),
    [
        ({}, {"engineVersion": "7.2"}, "engine_version", "8.0 -> 7.2 is a downgrade"),
        ({}, REDIS, "engine", "valkey cannot become redis"),
        (REDIS, {"engine": "valkey"}, "engine_version", "redis 7.1 becomes valkey only together with a version"),
        ({}, {"engineVersion": "9.0"}, "parameter_group_name", "a group of family valkey9 in the primary's region"),
        ({"parameterGroupName": None}, {"engineVersion": "9.0"}, "parameter_group_name", "needs a parameter group"),
        ({}, {"parameterGroupName": "other"}, "parameter_group_name", "only together with a major version"),
        ({}, {"parameterGroupName": "other", "engineVersion": "8.1"}, "parameter_group_name", "leave it as it is"),
        ({"parameterGroupName": None}, {"parameterGroupName": "other"}, "parameter_group_name", "only together with"),
        (REDIS, {"engine": "valkey", "engineVersion": "7.2", "parameterGroupName": "orders-valkey7"}, "engine_version",
         "redis 7.1 -> valkey 7.2: the provider takes no parameter group; go to the next major version at once"),
        ({}, {"automaticFailoverEnabled": False}, "automatic_failover", "no update has the right order"),
        ({"automaticFailoverEnabled": False}, {"automaticFailoverEnabled": True}, "automatic_failover", "modify-global"),
    ],
)  # fmt: skip
def test_refused(old: dict[str, Any], new: dict[str, Any], argument: str, says: str) -> None:
    found = judged(old, new)
    assert says in found[argument]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({}, {"engineVersion": "8.1"}),
        ({}, {"engineVersion": "9.0", "parameterGroupName": "orders-valkey9"}),
        ({}, {"cacheNodeType": "cache.r7g.xlarge", "numNodeGroups": 3.0}),
        (REDIS, {"engine": "valkey", "engineVersion": "8.0", "parameterGroupName": "orders-valkey8"}),
        (REDIS | {"engineVersion": "6.2"}, {"engineVersion": "7.1", "parameterGroupName": "orders-redis7-1"}),
        ({}, {"parameterGroupName": None}),
    ],
)
def test_allowed(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert judged(old, new) == {}


def test_what_is_not_known_yet_is_not_judged() -> None:
    later = pulumi.Output.from_input("later")
    assert judged({}, {"engineVersion": later}) == {}
    assert judged({}, {"engineVersion": "9.0", "parameterGroupName": later}) == {}
    assert judged({}, {"automaticFailoverEnabled": later}) == {}


MEMBER: dict[str, Any] = {
    "engine": "valkey", "engineVersion": "8.0", "clusterMode": "disabled", "numCacheClusters": 2.0, "multiAzEnabled": True,
    "transitEncryptionEnabled": True, "transitEncryptionMode": "required",
}  # fmt: skip


@pytest.mark.parametrize(
    ("new", "argument", "says"),
    [
        ({"transitEncryptionMode": "preferred"}, "tls", "required -> preferred: AWS changes it in no member"),
        ({"clusterMode": "compatible"}, "cluster_mode", "before global_member is set"),
        ({"clusterMode": "enabled"}, "cluster_mode", "in one step is impossible"),
        ({"numCacheClusters": 1.0}, "replicas", "1 -> 0 in one step"),
    ],
)
def test_what_a_member_has_from_the_primary_stays(new: dict[str, Any], argument: str, says: str) -> None:
    assert says in dict(member_refusals(MEMBER, MEMBER | new))[argument]


def test_what_is_a_members_own_changes() -> None:
    assert member_refusals(MEMBER, MEMBER | {"numCacheClusters": 3.0, "snapshotRetentionLimit": 3.0}) == []


GROUP: dict[str, Any] = {"family": "valkey8", "parameters": [{"name": "maxmemory-policy", "value": "allkeys-lru"}]}
OTHER = {"parameters": [{"name": "maxmemory-policy", "value": "noeviction"}]}


def test_the_parameters_of_a_member_are_awss_own_copies() -> None:
    found = dict(member_parameter_refusals(GROUP, GROUP | OTHER))
    assert "AWS's own copies" in found["parameters"]
    assert member_parameter_refusals(GROUP, GROUP | {"tags": {"a": "b"}}) == []
    # What cannot be changed in any group says so first.
    found = dict(member_parameter_refusals(GROUP, GROUP | {"parameters": [{"name": "databases", "value": "32"}]}))
    assert "'databases' can only be set when the cache is made" in found["parameters"]
