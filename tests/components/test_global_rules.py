"""What a GlobalDatastore refuses, in which words; the generated sets hold that each mistake is found at all."""

from typing import Any

import pytest

from redis_ha.arguments import InvalidArgumentsError
from redis_ha.elasticache import global_rules
from redis_ha.elasticache.global_checks import make_global_plan
from tests.support.global_sets import brought, changed, network, of_primary, of_secondary

BASE: dict[str, Any] = {
    "primary": network("eu-central-1") | {"region": "eu-central-1"},
    "secondaries": {"eu-west-1": network("eu-west-1")},
}


def refused(args: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidArgumentsError) as caught:
        make_global_plan("orders", args)
    return dict(caught.value.problems)


def test_the_base_is_accepted() -> None:
    plan = make_global_plan("orders", BASE)
    assert plan.regions == ("eu-central-1", "eu-west-1")
    assert plan.primary is not None
    assert (plan.primary.group_id, plan.secondaries["eu-west-1"].group_id) == ("orders-eu-central-1", "orders-eu-west-1")
    assert make_global_plan("orders", brought(BASE)).primary is None


@pytest.mark.parametrize(
    ("args", "argument", "says"),
    [
        (of_secondary(BASE, engine_version="8.0"), "secondaries.eu-west-1.engine_version", "is inherited from the primary"),
        (of_secondary(BASE, tls="required"), "secondaries.eu-west-1.tls", "AWS refuses or ignores it on a secondary"),
        (of_secondary(BASE, parameters={}), "secondaries.eu-west-1.parameters", "no such argument"),
        (of_secondary(BASE, restore_snapshot_name="x"), "secondaries.eu-west-1.restore_snapshot_name", "no such argument"),
        (of_secondary(BASE, zonse=[]), "secondaries.eu-west-1.zonse", "did you mean zones?"),
        (of_secondary(BASE, replicas=0), "secondaries.eu-west-1.replicas", "needs at least 1"),
        (of_secondary(BASE, group_id="orders-eu-central-1"), "secondaries.eu-west-1.group_id",
         "'orders-eu-central-1' is the group's id in eu-central-1 too; ids differ from region to region, or destroying hangs"),
        (of_secondary(brought(BASE), group_id="there"), "secondaries.eu-west-1.group_id", "in eu-central-1 too"),
        (of_primary(BASE, node_type="cache.r7g.large"), "primary.node_type", "give node_type of the datastore instead"),
        (of_primary(BASE, global_member=False), "primary.global_member", "in this datastore it is True"),
        (of_primary(BASE, user_group_id="theirs", auth=None), "primary.user_group_id", "give user_group_id in every"),
        (BASE | {"auth": "none"}, "auth", "give primary.auth"),
        (BASE | {"primary_region": "eu-central-1"}, "primary_region", "leave one of them out"),
        (BASE | {"node_type": "cache.t4g.medium"}, "node_type", "use size large or above of c7gn"),
        (BASE | {"engine": "redis", "engine_version": "5.0.5"}, "engine_version", "ElastiCache has no redis 5.0.5"),
        (changed(BASE, secondaries={}), "secondaries", "0 secondaries; a global datastore has one or 2"),
        (changed(BASE, secondaries={"eu-central-1": network("eu-central-1")}), "secondaries", "is the primary's region"),
        (changed(BASE, secondaries={"us-gov-west-1": network("us-gov-west-1")}), "secondaries", "different partitions"),
        (changed(BASE, primary=None), "primary_connection", "or primary to make one here"),
        (brought(BASE, engine_version=None), "engine_version", "say what the primary has now"),
        (brought(BASE, auth="token"), "auth_token", "give the primary's, members have one token"),
        (BASE | {"writer": {"record": "a.b", "parameter": {"name": "/a", "region": "eu-west-3"}}}, "writer.record", "both are"),
        (BASE | {"primary": "orders"}, "primary", "is no mapping"),
        (BASE | {"secondaries": {"eu-west-1": "dublin"}}, "secondaries.eu-west-1", "is no mapping"),
    ],
)  # fmt: skip
def test_refused_with_the_remedy(args: dict[str, Any], argument: str, says: str) -> None:
    found = refused(args)
    assert says in found[argument], found


def test_a_mistake_in_what_is_inherited_is_told_once() -> None:
    args = BASE | {"node_type": "cache.r7g.huge", "engine_version": "99.1"}
    args["secondaries"] = {"eu-west-1": network("eu-west-1"), "us-east-1": network("us-east-1")}
    with pytest.raises(InvalidArgumentsError) as caught:
        make_global_plan("orders", args)
    assert sorted(argument for argument, _ in caught.value.problems) == ["engine_version", "node_type"]


def test_a_password_is_in_no_message() -> None:
    wrong = brought(BASE, auth="rbac", users={"application": {"passwords": ["too-short"]}}, node_type="cache.r7g.huge")
    with pytest.raises(InvalidArgumentsError) as caught:
        make_global_plan("orders", wrong)
    assert "too-short" not in str(caught.value)
    assert {argument for argument, _ in caught.value.problems} == {"users.application.passwords", "node_type"}


def test_without_automatic_failover_one_node_is_enough() -> None:
    args = of_secondary(of_primary(BASE, replicas=0), replicas=0) | {"automatic_failover": False}
    plan = make_global_plan("orders", args)
    assert plan.automatic_failover is False
    assert plan.primary is not None
    assert not plan.primary.topology.automatic_failover
    assert not plan.secondaries["eu-west-1"].topology.multi_az


def test_a_name_that_is_too_long_for_an_id_says_which() -> None:
    with pytest.raises(InvalidArgumentsError) as caught:
        make_global_plan("o" * 35, BASE)
    assert {argument for argument, _ in caught.value.problems} == {"primary.group_id", "secondaries.eu-west-1.group_id"}


@pytest.mark.parametrize(
    ("region", "part"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-east-1", "aws"), ("eu-west-1", "aws")]
)
def test_partitions(region: str, part: str) -> None:
    assert global_rules.partition(region) == part


def test_the_two_regions_of_china() -> None:
    assert global_rules.wrong_regions("cn-north-1", ["cn-northwest-1"]) is None
