"""What calls the function: rules of the default bus and subscriptions to topics, each with its permission."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place

from .permissions import account_of, queue_document
from .plan import Plan, Topic
from .rules import calls_pattern, delivery


class Callers:
    """Makes them in a place, for a function and the queue that takes what could not be delivered to it."""

    def __init__(self, place: Place, plan: Plan, function: aws.lambda_.Function, dead_letters: aws.sqs.Queue) -> None:
        self._place = place
        self._plan = plan
        self._function = function
        self._dead_letters = dead_letters

    def rules(self) -> dict[str, aws.cloudwatch.EventRule]:
        """Make the rules of the default bus: the schedule, and calls that CloudTrail saw where they are wanted."""
        wanted: dict[str, dict[str, Any]] = {
            "schedule": {"description": "The regular look at all groups", "schedule_expression": self._plan.schedule}
        }
        if self._plan.cloudtrail:
            wanted["calls"] = {"description": "Calls that change or delete groups", "event_pattern": calls_pattern()}
        return {key: self._rule(key, what) for key, what in wanted.items()}

    def _rule(self, key: str, what: dict[str, Any]) -> aws.cloudwatch.EventRule:
        rule = aws.cloudwatch.EventRule(
            f"{self._place.name}-{key}",
            name=f"{self._plan.function_name}-{key}",
            **what,
            region=self._place.region,
            tags=self._place.tags,
            opts=self._place.child(),
        )
        permission = self._permit(key, "events.amazonaws.com", rule.arn)
        aws.cloudwatch.EventTarget(
            f"{self._place.name}-{key}-target",
            rule=rule.name,
            target_id="function",
            arn=self._function.arn,
            **delivery(self._dead_letters.arn),
            region=self._place.region,
            opts=self._place.child(depends_on=[permission]),
        )
        return rule

    def subscriptions(self, rules: list[aws.cloudwatch.EventRule]) -> dict[str, aws.sns.TopicSubscription]:
        """Make the subscriptions; and before them the queue's policy, for the topics and for these rules."""
        topics = pulumi.Output.all(*(topic.arn for topic in self._plan.topics))
        sources = pulumi.Output.all(*(rule.arn for rule in rules))
        policy = aws.sqs.QueuePolicy(
            f"{self._place.name}-dead-letters-policy",
            queue_url=self._dead_letters.url,
            policy=pulumi.Output.all(self._dead_letters.arn, topics, sources).apply(
                lambda known: json.dumps(queue_document(*known))
            ),
            region=self._place.region,
            opts=self._place.child(),
        )
        return {topic.key: self._subscribe(topic, policy) for topic in self._plan.topics}

    def _subscribe(self, topic: Topic, queue_policy: aws.sqs.QueuePolicy) -> aws.sns.TopicSubscription:
        permission = self._permit(topic.key, "sns.amazonaws.com", topic.arn)
        return aws.sns.TopicSubscription(
            f"{self._place.name}-{topic.key}",
            topic=topic.arn,
            protocol="lambda",
            endpoint=self._function.arn,
            # What SNS cannot deliver, because the permission or the function is gone, it does not try again.
            redrive_policy=self._dead_letters.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn})),
            region=self._place.region,
            opts=self._place.child(depends_on=[permission, queue_policy]),
        )

    def _permit(self, key: str, principal: str, source_arn: pulumi.Input[str]) -> aws.lambda_.Permission:
        """Let one topic or rule call the function, and nobody who makes another of its name in another account."""
        source = pulumi.Output.from_input(source_arn)
        return aws.lambda_.Permission(
            f"{self._place.name}-{key}-permission",
            statement_id=key,
            action="lambda:InvokeFunction",
            function=self._function.name,
            principal=principal,
            source_arn=source,
            source_account=source.apply(account_of),
            region=self._place.region,
            opts=self._place.child(),
        )
