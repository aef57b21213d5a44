"""What ElastiCache tells: events, and messages to a group's topic when the topic is such that it can."""

from __future__ import annotations

import json

import pytest

from tests.support.aws_world import World, until

ACCOUNT = "123456789012"


def topic(world: World, **attributes: str) -> str:
    name = world.name("topic")
    return str(world.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"])


def policy(condition: dict[str, object] | None, action: str = "SNS:Publish") -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]})


def status_of(world: World, topic_arn: str) -> str:
    group_id = world.group(NotificationTopicArn=topic_arn)
    (cluster,) = world.cache.describe_cache_clusters(CacheClusterId=f"{group_id}-001")["CacheClusters"]
    assert cluster["NotificationConfiguration"]["TopicArn"] == topic_arn
    return str(cluster["NotificationConfiguration"]["TopicStatus"])


OWNER: dict[str, object] = {"StringEquals": {"aws:SourceOwner": ACCOUNT}}


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"Policy": policy(OWNER)}, "active"),
        ({"Policy": policy({"StringEquals": {"AWS:SourceOwner": [ACCOUNT]}}, action="SNS:*")}, "active"),
        ({"Policy": policy(OWNER), "KmsMasterKeyId": "alias/aws/sns"}, "inactive"),
        ({"Policy": policy({"StringEquals": {"aws:SourceAccount": ACCOUNT}})}, "inactive"),
        ({"Policy": policy({"StringEquals": {"aws:SourceOwner": "210987654321"}})}, "inactive"),
        ({"Policy": policy(OWNER, action="SNS:Subscribe")}, "inactive"),
        ({"Policy": policy(None)}, "inactive"),
    ],
)
def test_a_topic_must_let_elasticache_publish(world: World, attributes: dict[str, str], status: str) -> None:
    assert status_of(world, topic(world, **attributes)) == status


def test_a_new_topic_lets_only_its_account_and_not_elasticache(world: World) -> None:
    # docs.aws.amazon.com ElastiCacheSNS.html: new topics have aws:SourceAccount, which ElastiCache does not use.
    assert status_of(world, topic(world)) == "inactive"


def test_the_life_of_a_group_is_told(world: World) -> None:
    arn = topic(world, Policy=policy(OWNER))
    queue = world.queue_of(arn)
    group_id = world.group(NotificationTopicArn=arn)
    world.cache.test_failover(ReplicationGroupId=group_id, NodeGroupId="0001")
    world.available(group_id)
    seen: list[str] = []

    def look() -> list[str]:
        seen.extend(world.messages(queue))
        return seen

    expected = [
        {"ElastiCache:CacheClusterProvisioningComplete": f"{group_id}-001"},
        {"ElastiCache:CacheClusterProvisioningComplete": f"{group_id}-002"},
        {"ElastiCache:CreateReplicationGroupComplete": group_id},
        {"ElastiCache:FailoverComplete": group_id},
    ]
    assert [json.loads(message) for message in until(look, lambda found: len(found) >= 4)] == expected
    events = world.cache.describe_events(SourceIdentifier=group_id, SourceType="replication-group")["Events"]
    assert [event["Message"] for event in events] == [
        f"Replication group {group_id} created",
        f"Failover from primary node {group_id}-001 to replica node {group_id}-002 completed",
    ]


def test_nothing_reaches_an_inactive_topic(world: World) -> None:
    arn = topic(world, Policy=policy(None))
    good = topic(world, Policy=policy(OWNER))
    queue, second = world.queue_of(arn), world.queue_of(good)
    group_id = world.group(NotificationTopicArn=arn)
    world.modify(group_id, NotificationTopicArn=good)
    world.cache.test_failover(ReplicationGroupId=group_id, NodeGroupId="0001")
    world.available(group_id)
    assert until(lambda: world.messages(second), bool) == [json.dumps({"ElastiCache:FailoverComplete": group_id})]
    # The second topic's message came after all that could have gone to the first.
    assert world.messages(queue) == []
    world.modify(group_id, NotificationTopicStatus="inactive")
    (cluster,) = world.cache.describe_cache_clusters(CacheClusterId=f"{group_id}-001")["CacheClusters"]
    assert cluster["NotificationConfiguration"]["TopicStatus"] == "inactive"


def test_events_are_chosen_by_source_and_time(world: World) -> None:
    group_id = world.group()
    node = world.cache.describe_events(SourceIdentifier=f"{group_id}-002", SourceType="cache-cluster")["Events"]
    assert [event["Message"] for event in node] == ["Cache cluster created"]
    end = node[0]["Date"].replace(year=2020)
    assert world.cache.describe_events(EndTime=end, Duration=60)["Events"] == []
