"""Application Auto Scaling of replication groups, which moto does not know."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_world import World

SHARDS = "elasticache:replication-group:NodeGroups"
REPLICAS = "elasticache:replication-group:Replicas"


def register(world: World, group_id: str, dimension: str, least: int, most: int) -> None:
    world.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="elasticache",
        ResourceId=f"replication-group/{group_id}",
        ScalableDimension=dimension,
        MinCapacity=least,
        MaxCapacity=most,
    )


def policy(world: World, group_id: str, dimension: str, metric: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.client("application-autoscaling").put_scaling_policy(
        PolicyName=world.name("policy"),
        ServiceNamespace="elasticache",
        ResourceId=f"replication-group/{group_id}",
        ScalableDimension=dimension,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
        },
    )
    return answer


def test_a_policy_brings_replicas_into_the_limits(world: World) -> None:
    group_id = world.shards(CacheNodeType="cache.r7g.large")
    register(world, group_id, REPLICAS, 2, 4)
    assert len(world.describe(group_id)["MemberClusters"]) == 4
    policy(world, group_id, REPLICAS, "ElastiCacheReplicaEngineCPUUtilization")
    assert len(world.available(group_id)["MemberClusters"]) == 6
    scaling = world.client("application-autoscaling")
    asked = {"ServiceNamespace": "elasticache", "ResourceIds": [f"replication-group/{group_id}"]}
    (target,) = scaling.describe_scalable_targets(**asked)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)


def test_a_target_has_tags(world: World) -> None:
    group_id = world.shards(CacheNodeType="cache.r7g.large")
    scaling = world.client("application-autoscaling")
    made = scaling.register_scalable_target(
        ServiceNamespace="elasticache",
        ResourceId=f"replication-group/{group_id}",
        ScalableDimension=SHARDS,
        MinCapacity=1,
        MaxCapacity=4,
        Tags={"team": "store"},
    )
    arn = made["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"more": "yes"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "store", "more": "yes"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"more": "yes"}
    scaling.deregister_scalable_target(
        ServiceNamespace="elasticache", ResourceId=f"replication-group/{group_id}", ScalableDimension=SHARDS
    )
    with pytest.raises(ClientError) as missing:
        scaling.list_tags_for_resource(ResourceARN=arn)
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_policy_brings_shards_into_the_limits(world: World) -> None:
    group_id = world.shards(CacheNodeType="cache.r7g.large", NumNodeGroups=3)
    register(world, group_id, SHARDS, 1, 2)
    policy(world, group_id, SHARDS, "ElastiCachePrimaryEngineCPUUtilization")
    assert len(world.available(group_id)["NodeGroups"]) == 2


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ({"CacheNodeType": "cache.t4g.small"}, "cache.t4g.small"),
        ({"CacheNodeType": "cache.r7g.4xlarge"}, "cache.r7g.4xlarge"),
        ({"NumNodeGroups": None, "ReplicasPerNodeGroup": None, "NumCacheClusters": 2}, "cluster mode disabled"),
        ({"Engine": "redis", "EngineVersion": "5.0.6", "TransitEncryptionEnabled": False}, "engine version"),
    ],
)
def test_a_group_that_cannot_be_scaled_is_refused(world: World, made: dict[str, Any], text: str) -> None:
    group_id = world.shards(**{"CacheNodeType": "cache.r7g.large", **made})
    with pytest.raises(ClientError, match=text):
        register(world, group_id, REPLICAS, 1, 2)


def test_wrong_targets_and_policies_are_refused(world: World) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        register(world, "none", REPLICAS, 1, 2)
    group_id = world.shards(CacheNodeType="cache.r7g.large")
    with pytest.raises(ClientError, match="Maximum capacity"):
        register(world, group_id, REPLICAS, 3, 2)
    with pytest.raises(ClientError, match="No scalable target"):
        policy(world, group_id, REPLICAS, "ElastiCacheReplicaEngineCPUUtilization")
    register(world, group_id, REPLICAS, 1, 2)
    with pytest.raises(ClientError, match="does not scale"):
        policy(world, group_id, REPLICAS, "ElastiCachePrimaryEngineCPUUtilization")
