"""The resources by which people and their tools are told: a rule on the bus for each receiver, and what it delivers to."""

import json
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place

from .messages import told_pattern, transformer
from .permissions import mail_document, teller_document, teller_trust_document
from .plan import Plan, Receiver
from .rules import delivery

# An API destination wants credentials (botocore, events 2015-10-07, CreateConnectionRequest.AuthParameters). Where the endpoint
# knows its sender by something else, this header goes along, and nobody has to look at it.
UNUSED_HEADER, UNUSED_VALUE = "X-Sent-By", "redis-ha"
ROUTING_KEY = "routing_key"  # PagerDuty's, in the body
# docs.slack.dev, "Rate limits": a message a second and channel. EventBridge keeps what is faster and sends it later.
CALLS_PER_SECOND = {"slack": 1, "pagerduty": 5, "webhook": 5}


@dataclass
class Told:
    """What was made: rules and targets by receiver, the mail's topic, what calls the endpoints."""

    rules: dict[str, aws.cloudwatch.EventRule] = field(default_factory=dict)
    targets: dict[str, aws.cloudwatch.EventTarget] = field(default_factory=dict)
    connections: dict[str, aws.cloudwatch.EventConnection] = field(default_factory=dict)
    destinations: dict[str, aws.cloudwatch.EventApiDestination] = field(default_factory=dict)
    role: aws.iam.Role | None = None
    topic: aws.sns.Topic | None = None
    subscriptions: dict[str, aws.sns.TopicSubscription] = field(default_factory=dict)


class Teller:
    """Makes them in a place, for a bus and a queue that takes what could not be delivered."""

    def __init__(self, place: Place, plan: Plan, bus: aws.cloudwatch.EventBus, dead_letters: aws.sqs.Queue) -> None:
        self._place = place
        self._plan = plan
        self._bus = bus
        self._dead_letters = dead_letters
        self.made = Told()

    def make(self) -> Told:
        """Make everything for all receivers."""
        made = self.made
        for receiver in self._plan.receivers:
            made.rules[receiver.key] = self._rule(receiver)
            if receiver.endpoint is not None:
                made.destinations[receiver.key] = self._destination(receiver)
        calls: dict[str, Any] = {}
        if made.destinations:
            made.role, policy = self._role()
            calls = {"role_arn": made.role.arn, "opts": self._place.child(depends_on=[policy])}
        for receiver in self._plan.receivers:
            destination = made.destinations.get(receiver.key)
            if destination is None:
                made.topic, published = self._mail(made.rules[receiver.key])
                mails = {"opts": self._place.child(depends_on=[published])}
                made.targets[receiver.key] = self._target(receiver, made.topic.arn, mails)
            else:
                made.targets[receiver.key] = self._target(receiver, destination.arn, calls)
        return made

    def _rule(self, receiver: Receiver) -> aws.cloudwatch.EventRule:
        return aws.cloudwatch.EventRule(
            f"{self._place.name}-told-{receiver.key}",
            name=f"{self._plan.function_name}-{receiver.key}",
            description=f"Tells of events of severity {', '.join(self._plan.severities)}",
            event_bus_name=self._bus.name,
            event_pattern=told_pattern(self._plan.event_source, self._plan.severities),
            region=self._place.region,
            tags=self._place.tags,
            opts=self._place.child(),
        )

    def _target(self, receiver: Receiver, arn: pulumi.Input[str], options: dict[str, Any]) -> aws.cloudwatch.EventTarget:
        told: dict[str, Any] = {"input_transformer": transformer(receiver.kind)}
        return aws.cloudwatch.EventTarget(
            f"{self._place.name}-told-{receiver.key}-target",
            rule=self.made.rules[receiver.key].name,
            event_bus_name=self._bus.name,
            target_id=receiver.key,
            arn=arn,
            region=self._place.region,
            **delivery(self._dead_letters.arn),
            **told,
            **options,
        )

    def _destination(self, receiver: Receiver) -> aws.cloudwatch.EventApiDestination:
        """Make the endpoint's destination, and the connection that keeps its secret in AWS Secrets Manager."""
        name = f"{self._plan.function_name}-{receiver.key}"
        credentials: dict[str, Any] = {"api_key": {"key": UNUSED_HEADER, "value": UNUSED_VALUE}}
        if receiver.kind == "webhook":
            credentials = {"api_key": {"key": receiver.header, "value": pulumi.Output.secret(receiver.secret)}}
        if receiver.kind == "pagerduty":
            key = {"key": ROUTING_KEY, "value": pulumi.Output.secret(receiver.secret), "is_value_secret": True}
            credentials["invocation_http_parameters"] = {"bodies": [key]}
        authorization: dict[str, Any] = {"auth_parameters": credentials}
        connection = aws.cloudwatch.EventConnection(
            f"{self._place.name}-told-{receiver.key}-connection",
            name=name,
            description=f"How {self._plan.function_name} tells {receiver.key}",
            authorization_type="API_KEY",
            **authorization,
            region=self._place.region,
            opts=self._place.child(),
        )
        self.made.connections[receiver.key] = connection
        return aws.cloudwatch.EventApiDestination(
            f"{self._place.name}-told-{receiver.key}-endpoint",
            name=name,
            description=f"Where {self._plan.function_name} tells {receiver.key}",
            connection_arn=connection.arn,
            http_method="POST",
            # AWS itself shows it to everybody who may describe API destinations.
            invocation_endpoint=receiver.endpoint if receiver.public else pulumi.Output.secret(receiver.endpoint),
            invocation_rate_limit_per_second=CALLS_PER_SECOND[receiver.kind],
            region=self._place.region,
            opts=self._place.child(),
        )

    def _role(self) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Make the role as which the rules call the destinations."""
        rules = f"{self._plan.function_name}-"
        role = aws.iam.Role(
            f"{self._place.name}-told-role",
            name=f"{self._plan.function_name}-{self._place.region}-told",
            description=f"EventBridge tells of events of {self._plan.function_name}",
            assume_role_policy=self._bus.arn.apply(lambda arn: json.dumps(teller_trust_document(arn, rules))),
            tags=self._place.tags,
            opts=self._place.child(),
        )
        arns = pulumi.Output.all(*(one.arn for one in self.made.destinations.values()))
        policy = aws.iam.RolePolicy(
            f"{self._place.name}-told-role-policy",
            name="tell",
            role=role.name,
            policy=arns.apply(lambda known: json.dumps(teller_document(known))),
            opts=self._place.child(),
        )
        return role, policy

    def _mail(self, rule: aws.cloudwatch.EventRule) -> tuple[aws.sns.Topic, aws.sns.TopicPolicy]:
        """Make the topic whose subscribers get mail."""
        topic = aws.sns.Topic(
            f"{self._place.name}-told-email-topic",
            name=f"{self._plan.function_name}-email",
            display_name=f"Redis of {self._plan.name}",
            region=self._place.region,
            tags=self._place.tags,
            opts=self._place.child(),
        )
        policy = aws.sns.TopicPolicy(
            f"{self._place.name}-told-email-topic-policy",
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, rule.arn).apply(lambda arns: json.dumps(mail_document(*arns))),
            region=self._place.region,
            opts=self._place.child(),
        )
        for address in self._plan.emails:
            self.made.subscriptions[address] = aws.sns.TopicSubscription(
                f"{self._place.name}-told-{address}",
                topic=topic.arn,
                protocol="email",
                endpoint=address,
                region=self._place.region,
                opts=self._place.child(),
            )
        return topic, policy
