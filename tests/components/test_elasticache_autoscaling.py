"""Automatic scaling: what cannot be scaled is refused, and what is scaled is not declared any more."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from redis_ha.amazon import Place
from redis_ha.elasticache.autoscaling import check_autoscaling, ignored_for_autoscaling, make_autoscaling
from redis_ha.elasticache.topology import Topology
from tests.support.cloudformation import lint
from tests.support.pulumi_world import Monitor, inputs, run

CLUSTER = Topology("prod", "enabled", 2, 1)
GOOD: dict[str, Any] = {"scale": "shards", "min": 2, "max": 6}


def problems(settings: Any, topology: Topology = CLUSTER, **changes: Any) -> list[tuple[str, str]]:
    group: dict[str, Any] = {
        "node_type": "cache.r7g.large",
        "engine": "valkey",
        "engine_version": "8.0",
        "global_member": False,
    } | changes
    return check_autoscaling(settings, topology, **group)


@pytest.mark.parametrize(
    "settings",
    [
        None,
        GOOD,
        {"scale": "replicas", "min": 1, "max": 5},
        GOOD | {"metric": "memory", "target": 70, "scale_in": True, "cooldown_seconds": 0},
        GOOD | {"metric": "capacity", "target": 35.5},
        {"scale": "shards", "min": 1.0, "max": 500.0},  # as callers in other languages send numbers
    ],
)
def test_right_settings(settings: Any) -> None:
    assert problems(settings) == []


@pytest.mark.parametrize(
    ("settings", "where", "says"),
    [
        ({"scale": "shards", "min": 3, "max": 6}, "autoscaling.min", "shards is 2, outside of 3 to 6"),
        ({"scale": "shards", "min": 1, "max": 1}, "autoscaling.min", "shards is 2, outside of 1 to 1"),
        ({"scale": "replicas", "min": 2, "max": 5}, "autoscaling.min", "replicas is 1, outside of 2 to 5"),
        ({"scale": "replicas", "min": 0, "max": 5}, "autoscaling.min", "out of range; use 1 to 5"),
        ({"scale": "replicas", "min": 1, "max": 6}, "autoscaling.max", "out of range; use 1 to 5"),
        ({"scale": "shards", "min": 2, "max": 501}, "autoscaling.max", "out of range; use 1 to 500"),
        (GOOD | {"min": 4, "max": 2}, "autoscaling.min", "swap them"),
        ({"scale": "shards", "max": 6}, "autoscaling.min", "is missing"),
        ({"scale": "shards", "min": 2}, "autoscaling.max", "is missing"),
        ({"min": 1, "max": 2}, "autoscaling.scale", "is missing"),
        (GOOD | {"scale": "both"}, "autoscaling.scale", "'both' is not known"),
        ({"scale": "replicas", "min": 1, "max": 2, "metric": "memory"}, "autoscaling.metric", "'memory' is not known"),
        (GOOD | {"target": 34}, "autoscaling.target", "35 to 70"),
        (GOOD | {"target": 71}, "autoscaling.target", "35 to 70"),
        (GOOD | {"target": "60"}, "autoscaling.target", "35 to 70"),
        (GOOD | {"cooldown_seconds": -1}, "autoscaling.cooldown_seconds", "out of range"),
        (GOOD | {"scale_in": "yes"}, "autoscaling.scale_in", "neither true nor false"),
        (GOOD | {"minimum": 1}, "autoscaling.minimum", "no such argument"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, where: str, says: str) -> None:
    assert [(argument, says in reason) for argument, reason in problems(settings)] == [(where, True)]


@pytest.mark.parametrize("mode", ["disabled", "compatible"])
def test_only_cluster_mode_can_be_scaled(mode: str) -> None:
    found = problems({"scale": "replicas", "min": 1, "max": 2}, Topology("prod", mode, 1, 1))
    assert [argument for argument, _ in found] == ["autoscaling.scale"]
    assert f"cluster_mode is '{mode}'" in found[0][1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"node_type": "cache.t4g.medium"}, "'cache.t4g.medium' nodes cannot"),
        ({"node_type": "cache.r7g.4xlarge"}, "'cache.r7g.4xlarge' nodes cannot"),
        ({"node_type": "cache.m4.large"}, "'cache.m4.large' nodes cannot"),
        ({"engine": "redis", "engine_version": "5.0.6"}, "redis 5.0.6 cannot"),
        ({"global_member": True}, "global datastore"),
    ],
)
def test_groups_that_cannot_be_scaled(changes: dict[str, Any], says: str) -> None:
    found = problems(GOOD, **changes)
    assert [(argument, says in reason) for argument, reason in found] == [("autoscaling.scale", True)]


@pytest.mark.parametrize("version", ["6.0", "6.2", "7.1"])
def test_redis_can_be_scaled_from_six_on(version: str) -> None:
    assert problems(GOOD, engine="redis", engine_version=version) == []


def test_what_is_scaled_is_ignored_and_nothing_else() -> None:
    assert ignored_for_autoscaling(None) == []
    assert ignored_for_autoscaling(GOOD) == ["num_node_groups"]  # type: ignore[arg-type]
    assert ignored_for_autoscaling({"scale": "replicas", "min": 1, "max": 2}) == ["replicas_per_node_group"]


def made(settings: Any) -> Monitor:
    def program() -> None:
        place = Place("cache", "eu-central-1", {"team": "red"}, pulumi.ResourceOptions)
        group = aws.elasticache.ReplicationGroup("group", replication_group_id="prod", description="of the test")
        make_autoscaling(place, settings, group)

    return run(program)[0]


def test_target_and_policy() -> None:
    monitor = made(GOOD)
    target, policy = inputs(monitor, "cache-autoscaling"), inputs(monitor, "cache-autoscaling-policy")
    assert target == {
        "serviceNamespace": "elasticache",
        "resourceId": "replication-group/prod",
        "scalableDimension": "elasticache:replication-group:NodeGroups",
        "minCapacity": 2,
        "maxCapacity": 6,
        "region": "eu-central-1",
        "tags": {"team": "red"},
    }
    assert (policy["policyType"], policy["resourceId"], policy["name"]) == (
        "TargetTrackingScaling",
        "replication-group/prod",
        "prod-shards-cpu",
    )
    tracking = policy["targetTrackingScalingPolicyConfiguration"]
    assert tracking == {
        "predefinedMetricSpecification": {"predefinedMetricType": "ElastiCachePrimaryEngineCPUUtilization"},
        "targetValue": 60,
        "disableScaleIn": True,
        "scaleInCooldown": 600,
        "scaleOutCooldown": 600,
    }
    assert any("::group" in urn for urn in monitor.requests["cache-autoscaling"].dependencies)


def test_replicas_follow_the_replicas_cpu() -> None:
    monitor = made({"scale": "replicas", "min": 1, "max": 5, "target": 50, "scale_in": True, "cooldown_seconds": 300})
    target, policy = inputs(monitor, "cache-autoscaling"), inputs(monitor, "cache-autoscaling-policy")
    assert target["scalableDimension"] == "elasticache:replication-group:Replicas"
    tracking = policy["targetTrackingScalingPolicyConfiguration"]
    assert tracking["predefinedMetricSpecification"] == {"predefinedMetricType": "ElastiCacheReplicaEngineCPUUtilization"}
    assert (tracking["targetValue"], tracking["disableScaleIn"], tracking["scaleOutCooldown"]) == (50, False, 300)


def test_amazon_takes_them() -> None:
    monitor = made(GOOD)
    target, policy = inputs(monitor, "cache-autoscaling"), inputs(monitor, "cache-autoscaling-policy")

    def pascal(value: Any) -> Any:
        return {key[0].upper() + key[1:]: pascal(entry) for key, entry in value.items()} if isinstance(value, dict) else value

    template = {
        "Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": pascal(target)},
        "Policy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": pascal(policy)},
    }
    for resource in template.values():
        del resource["Properties"]["Region"]
        resource["Properties"].pop("Tags", None)  # CloudFormation has none there
    properties = template["Policy"]["Properties"]
    properties["PolicyName"] = properties.pop("Name")
    assert lint(template) == []
