"""The topic of ElastiCache's own events: as ElastiCache needs it, or brought."""

import json
from typing import Any

import pulumi
import pytest

from redis_ha.amazon import Place
from redis_ha.elasticache.notifications import check_notifications, make_notifications, topic_policy
from redis_ha.elasticache.topology import Topology
from tests.support.cloudformation import lint
from tests.support.pulumi_world import Monitor, inputs, run

ARN = "arn:aws:sns:eu-central-1:123456789012:prod-elasticache-events"
TOPOLOGY = Topology("prod", "disabled", 1, 1)


def made(settings: Any = None, adopted: str | None = None, *, known: bool = True) -> tuple[Monitor, Any]:
    def program() -> dict[str, Any]:
        place = Place("cache", "eu-central-1", {"team": "red"}, pulumi.ResourceOptions)
        made = make_notifications(place, TOPOLOGY, settings, adopted)
        return {"arn": made.arn, "before": len(made.before_group)}

    return run(program, known=known)


def test_the_policy_is_the_one_that_elasticache_needs() -> None:
    """With aws:SourceAccount, which new topics have, nothing is published (ElastiCache guide, ECEvents.SNS)."""
    (statement,) = topic_policy(ARN)["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceOwner": "123456789012"}}
    assert (statement["Principal"], statement["Action"], statement["Resource"]) == ({"AWS": "*"}, "sns:Publish", ARN)


def test_amazon_takes_the_policy() -> None:
    properties = {"Topics": [ARN], "PolicyDocument": topic_policy(ARN)}
    assert lint({"Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": properties}}) == []


def test_a_topic_of_its_own_that_is_not_encrypted() -> None:
    monitor, found = made({"subscriptions": {"on-call": {"protocol": "email", "endpoint": "on-call@example.com"}}})
    topic = inputs(monitor, "cache-events")
    assert "kmsMasterKeyId" not in topic  # ElastiCache takes an encrypted topic for inactive and drops its messages
    assert (topic["name"], topic["region"], topic["tags"]) == ("prod-elasticache-events", "eu-central-1", {"team": "red"})
    policy = inputs(monitor, "cache-events-policy")
    assert json.loads(policy["policy"])["Statement"][0]["Condition"]["StringEquals"] == {"aws:SourceOwner": "123456789012"}
    subscription = inputs(monitor, "cache-events-on-call")
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "on-call@example.com")
    assert found["before"] == 1  # the policy has to be there before ElastiCache looks


def test_a_brought_topic_is_taken_as_it_is() -> None:
    monitor, found = made({"topic_arn": ARN})
    assert (monitor.order, found["arn"][0], found["before"]) == ([], ARN, 0)


def test_an_adopted_topic_keeps_what_it_has() -> None:
    monitor, _ = made(adopted="arn:aws:sns:eu-central-1:123456789012:events-of-old")
    assert inputs(monitor, "cache-events")["name"] == "events-of-old"
    request = monitor.requests["cache-events"]
    assert (request.importId, set(request.ignoreChanges)) == (
        "arn:aws:sns:eu-central-1:123456789012:events-of-old@eu-central-1",
        {"displayName", "tags"},
    )
    assert monitor.names("TopicPolicy") == []


def test_without() -> None:
    monitor, found = made({"enabled": False})
    assert (monitor.order, found["arn"]) == ([], None)


def test_in_a_preview_nothing_is_known_and_nothing_fails() -> None:
    monitor, found = made(known=False)
    assert monitor.names("TopicPolicy") == ["cache-events-policy"]
    assert not found["arn"][1]


@pytest.mark.parametrize(
    ("settings", "where", "says"),
    [
        ({"topic_arn": "events"}, "notifications.topic_arn", "no ARN of an SNS topic"),
        ({"topic_arn": "arn:aws:sqs:eu-central-1:123456789012:queue"}, "notifications.topic_arn", "no ARN of an SNS topic"),
        ({"topic_arn": ARN, "enabled": False}, "notifications.topic_arn", "enabled is false"),
        (
            {"topic_arn": ARN, "subscriptions": {"a": {"protocol": "email", "endpoint": "a@b.c"}}},
            "notifications.subscriptions",
            "where the topic is made",
        ),
        (
            {"subscriptions": {"a": {"protocol": "mail", "endpoint": "a@b.c"}}},
            "notifications.subscriptions.a.protocol",
            "'mail' is not known",
        ),
        ({"subscriptions": {"a": {"endpoint": "a@b.c"}}}, "notifications.subscriptions.a.protocol", "is missing"),
        ({"subscriptions": {"a": {"protocol": "email"}}}, "notifications.subscriptions.a.endpoint", "is missing"),
        ({"topic": ARN}, "notifications.topic", "did you mean topic_arn?"),
    ],
)
def test_wrong_settings_are_refused(settings: Any, where: str, says: str) -> None:
    problems = check_notifications(settings)
    assert [argument for argument, _ in problems] == [where]
    assert says in problems[0][1]


def test_right_settings() -> None:
    assert check_notifications(None) == []
    assert check_notifications({"topic_arn": ARN}) == []


def test_an_arn_that_is_not_known_yet_is_no_mistake() -> None:
    def program() -> dict[str, Any]:
        return {"problems": check_notifications({"topic_arn": pulumi.Output.from_input(ARN)})}

    assert run(program)[1] == {"problems": []}
