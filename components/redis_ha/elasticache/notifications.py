"""The SNS topic to which ElastiCache itself reports what happens to a group, as ElastiCache needs that topic to be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place, adoption
from redis_ha.arguments import Checks, InvalidArgumentsError
from redis_ha.arns import TOPIC, check_arn
from redis_ha.inputs import as_input_errors

from .plan import Plan
from .topology import Topology

# botocore, sns/2010-03-31, Subscribe; those that a group's operators use. A queue or a function also has to let the topic in.
PROTOCOLS = ("email", "email-json", "https", "sqs", "lambda", "sms")
# An ARN is arn:partition:service:region:account:resource (docs.aws.amazon.com, IAM, "Amazon Resource Names").
_ACCOUNT_OF_ARN, _NAME_OF_ARN = 4, 5


class SubscriptionSettings(TypedDict):
    """A subscriber of ElastiCache's events."""

    protocol: str
    """`email`, `email-json`, `https`, `sqs`, `lambda` or `sms`."""
    endpoint: pulumi.Input[str]
    """Address, URL, queue or function ARN, or number. Who gets mail has to confirm it."""


class NotificationSettings(TypedDict):
    """The topic of ElastiCache's own events (FailoverComplete, CacheNodeReplaceStarted, ..). Not the alarms' topic.

    ElastiCache cannot publish to an encrypted topic, nor to one of another account or region, nor to one whose policy names
    aws:SourceAccount: it then treats the topic as inactive and publishes nothing.
    """

    enabled: NotRequired[bool]
    """Whether a topic is made. Default true."""
    topic_arn: NotRequired[pulumi.Input[str]]
    """An existing topic to use instead of a new one. Not encrypted, same account and region, and with a policy that names
    aws:SourceOwner."""
    subscriptions: NotRequired[Mapping[str, SubscriptionSettings]]
    """Subscribers of the new topic, by a name of your choice. A brought topic keeps the subscribers that it has."""


AS_FOUND = ("display_name", "tags")


@dataclass(frozen=True)
class Notifications:
    """What was made: nothing but the ARN when the topic was brought."""

    arn: pulumi.Output[str] | None
    topic: aws.sns.Topic | None = None
    policy: aws.sns.TopicPolicy | None = None
    subscriptions: Mapping[str, aws.sns.TopicSubscription] | None = None

    @property
    def before_group(self) -> list[pulumi.Resource]:
        """Return what has to be there before the group: without the policy ElastiCache finds the topic inactive."""
        return [] if self.policy is None else [self.policy]


def topic_policy(topic_arn: str) -> dict[str, Any]:
    """Return the access policy of the topic, for the topic's own account.

    Word for word what AWS documents (docs.aws.amazon.com, AmazonElastiCache/latest/dg, ECEvents.SNS, "SNS topic access policy
    requirement"): everybody who acts for this account, and no other, may publish. Linters call the key outdated and the
    principal wide; with aws:SourceAccount, or with ElastiCache's service principal, nothing is published.
    """
    account = topic_arn.split(":")[_ACCOUNT_OF_ARN]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AllowElastiCachePublish",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": "sns:Publish",
                "Resource": topic_arn,
                "Condition": {"StringEquals": {"aws:SourceOwner": account}},
            }
        ],
    }


def check_notifications(settings: NotificationSettings | None) -> list[tuple[str, str]]:
    """Return what is wrong with the settings: (argument, reason). Outputs are allowed as ARN and as endpoint."""
    checks = Checks(settings)
    given = checks.args
    checks.known(tuple(NotificationSettings.__annotations__))
    enabled = checks.switch("enabled", default=True)
    subscriptions = checks.mapping("subscriptions")
    brought = given.get("topic_arn")
    check_arn(checks, "topic_arn", TOPIC)
    if brought is not None and not enabled:
        checks.refuse("topic_arn", "a topic is given, but enabled is false; leave one of them out")
    if subscriptions and (brought is not None or not enabled):
        checks.refuse(
            "subscriptions", "only a topic that is made here gets subscribers here; subscribe where the topic is made"
        )
    for name, entry in subscriptions.items():
        inner = Checks(entry)
        inner.known(tuple(SubscriptionSettings.__annotations__))
        if inner.args.get("protocol") is None:
            inner.refuse("protocol", f"is missing; give one of {', '.join(PROTOCOLS)}")
        inner.one_of("protocol", PROTOCOLS[0], PROTOCOLS)
        if not inner.args.get("endpoint"):
            inner.refuse("endpoint", "is missing; give the address, URL or ARN")
        checks.problems += inner.under(f"subscriptions.{name}")
    return checks.under("notifications")


def followed(
    what: str, plan: Plan, topic: pulumi.Input[str] | None, *, enabled: bool = True, same_nodes: bool = True
) -> dict[str, Any]:
    """Return the arguments by which a FailoverAutomation follows a group: region and groups.

    enabled: whether ElastiCache's events are published. same_nodes: whether the nodes stay the same ones, so that they can be
    named. Raises pulumi.InputPropertiesError where the group has no topic of ElastiCache's events.
    """
    if not enabled or topic is None:
        with as_input_errors():
            remedy = "the failover automation follows these events: leave it out"
            raise InvalidArgumentsError(what, [("notifications.enabled", f"false, but {remedy}")])
    one: dict[str, Any] = {"topic_arn": topic}
    if same_nodes:
        one["node_ids"] = list(plan.topology.node_ids())
    return {"region": plan.region, "groups": {plan.group_id: one}}


def make_notifications(
    place: Place,
    topology: Topology,
    settings: NotificationSettings | None,
    adopted: str | None = None,
    *,
    protect: bool = True,
) -> Notifications:
    """Make the topic, its policy and its subscriptions, before the group; or take the brought topic.

    `adopted` is the ARN of an existing topic that this program takes over: it keeps its name, its policy, and what else it has.
    """
    given: Mapping[str, Any] = settings or {}
    if not given.get("enabled", True):
        return Notifications(None)
    if given.get("topic_arn") is not None:
        return Notifications(pulumi.Output.from_input(given["topic_arn"]))
    topic = aws.sns.Topic(
        f"{place.name}-events",
        name=adopted.split(":")[_NAME_OF_ARN] if adopted else f"{topology.group_id}-elasticache-events",
        display_name=f"ElastiCache events of {topology.group_id}",
        region=place.region,
        tags=place.tags,
        opts=place.child(
            **adoption(adopted, place.region, protect=protect),
            **place.judged("notification_topic", AS_FOUND),
            ignore_changes=list(AS_FOUND) if adopted else None,
        ),
    )
    policy = None
    if adopted is None:
        policy = aws.sns.TopicPolicy(
            f"{place.name}-events-policy",
            arn=topic.arn,
            policy=topic.arn.apply(lambda arn: json.dumps(topic_policy(arn))),
            region=place.region,
            opts=place.child(),
        )
    subscriptions = {
        name: aws.sns.TopicSubscription(
            f"{place.name}-events-{name}",
            topic=topic.arn,
            protocol=entry["protocol"],
            endpoint=entry["endpoint"],
            region=place.region,
            opts=place.child(),
        )
        for name, entry in (given.get("subscriptions") or {}).items()
    }
    return Notifications(topic.arn, topic, policy, subscriptions)
