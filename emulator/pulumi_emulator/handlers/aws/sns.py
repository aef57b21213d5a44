"""SNS: topics, their policies and subscriptions."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.tagging import SNS
from pulumi_emulator.handlers.aws.translation import Call, Pairs, Request, Through, api_json
from pulumi_emulator.handlers.base import Properties

# API attribute by property: docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
TOPIC_ATTRIBUTES: Final = {
    "applicationFailureFeedbackRoleArn": "ApplicationFailureFeedbackRoleArn",
    "applicationSuccessFeedbackRoleArn": "ApplicationSuccessFeedbackRoleArn",
    "applicationSuccessFeedbackSampleRate": "ApplicationSuccessFeedbackSampleRate",
    "archivePolicy": "ArchivePolicy",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "fifoThroughputScope": "FifoThroughputScope",
    "fifoTopic": "FifoTopic",
    "firehoseFailureFeedbackRoleArn": "FirehoseFailureFeedbackRoleArn",
    "firehoseSuccessFeedbackRoleArn": "FirehoseSuccessFeedbackRoleArn",
    "firehoseSuccessFeedbackSampleRate": "FirehoseSuccessFeedbackSampleRate",
    "httpFailureFeedbackRoleArn": "HTTPFailureFeedbackRoleArn",
    "httpSuccessFeedbackRoleArn": "HTTPSuccessFeedbackRoleArn",
    "httpSuccessFeedbackSampleRate": "HTTPSuccessFeedbackSampleRate",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "lambdaFailureFeedbackRoleArn": "LambdaFailureFeedbackRoleArn",
    "lambdaSuccessFeedbackRoleArn": "LambdaSuccessFeedbackRoleArn",
    "lambdaSuccessFeedbackSampleRate": "LambdaSuccessFeedbackSampleRate",
    "maximumMessageSize": "MaximumMessageSize",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "sqsFailureFeedbackRoleArn": "SQSFailureFeedbackRoleArn",
    "sqsSuccessFeedbackRoleArn": "SQSSuccessFeedbackRoleArn",
    "sqsSuccessFeedbackSampleRate": "SQSSuccessFeedbackSampleRate",
    "tracingConfig": "TracingConfig",
}
# docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
SUBSCRIPTION_ATTRIBUTES: Final = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "replayPolicy": "ReplayPolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}
NUMBERS: Final = ("SampleRate", "signatureVersion", "maximumMessageSize")
FLAGS: Final = frozenset({"contentBasedDeduplication", "fifoTopic", "rawMessageDelivery"})


def as_text(value: Any) -> str:
    """Return an attribute's value as SNS takes it: always text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return api_json(value) if isinstance(value, str | dict) else str(value)


def shown(name: str, text: str) -> Any:
    """Return an attribute's text as the property's value."""
    if name in FLAGS:
        return text.lower() == "true"
    return int(text) if name.endswith(NUMBERS) and text else text


class Topic(AwsHandler):
    """A topic with its attributes."""

    token = "aws:sns/topic:Topic"  # noqa: S105 - a type token
    creation = Call("sns", "CreateTopic", {"name": "Name", "namePrefix": Through("Name", prefixed), TAGS_ALL: Pairs("Tags")})
    provider_only = EVERYWHERE

    @override
    def first_request(self, inputs: Properties) -> Request:
        # The provider gives all attributes when it makes the topic, but for flags that are off.
        values = {
            key: as_text(inputs[name]) for name, key in TOPIC_ATTRIBUTES.items() if inputs.get(name) not in (None, False, "")
        }
        request = self.creation.request(inputs, **({"Attributes": values} if values else {}))
        name = request.parameters["Name"]
        if inputs.get("fifoTopic") and not name.endswith(".fifo"):
            request.parameters["Name"] = f"{name}.fifo"
        return request

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["TopicArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("sns", "GetTopicAttributes", TopicArn=resource_id)
        return answer["Attributes"] if answer else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn = found["TopicArn"]
        given = {name: shown(name, found[key]) for name, key in TOPIC_ATTRIBUTES.items() if found.get(key) not in (None, "")}
        # The policy that AWS makes up is an output; the delivery policy in effect is not what was asked for.
        if not state.get("deliveryPolicy"):
            given.pop("deliveryPolicy", None)
        return {
            **given,
            "arn": arn,
            "name": arn.rsplit(":", 1)[1],
            "owner": found.get("Owner", ""),
            "beginningArchiveTime": found.get("BeginningArchiveTime", ""),
            TAGS_ALL: tags_of(aws.ask("sns", "ListTagsForResource", ResourceArn=arn).get("Tags")),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = [
            Request(
                "sns",
                "SetTopicAttributes",
                {"TopicArn": resource_id, "AttributeName": key, "AttributeValue": as_text(inputs.get(name) or "")},
            )
            for name, key in TOPIC_ATTRIBUTES.items()
            if name in changed and name != "fifoTopic"
        ]
        if TAGS_ALL in changed:
            requests += SNS.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("sns", "DeleteTopic", {"TopicArn": resource_id})]


class TopicPolicy(AwsHandler):
    """Who may publish to a topic."""

    token = "aws:sns/topicPolicy:TopicPolicy"  # noqa: S105 - a type token
    creation = Call(
        "sns",
        "SetTopicAttributes",
        {"arn": "TopicArn", "policy": Through("AttributeValue", api_json)},
        {"AttributeName": "Policy"},
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["TopicArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("sns", "GetTopicAttributes", TopicArn=resource_id)
        return answer["Attributes"] if answer and answer["Attributes"].get("Policy") else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {"arn": found["TopicArn"], "policy": found["Policy"], "owner": found.get("Owner", "")}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return [self.creation.request(inputs)] if "policy" in changed else []

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        # A topic always has a policy: taking one away gives back the one that it has at first, the owner's.
        owner = resource_id.split(":")[4]
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:Publish", "SNS:Subscribe", "SNS:DeleteTopic"],
            "Resource": resource_id,
            "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
        }
        policy = json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})
        parameters = {"TopicArn": resource_id, "AttributeName": "Policy", "AttributeValue": policy}
        return [Request("sns", "SetTopicAttributes", parameters)]


class TopicSubscription(AwsHandler):
    """Who gets a topic's messages."""

    token = "aws:sns/topicSubscription:TopicSubscription"  # noqa: S105 - a type token
    creation = Call(
        "sns",
        "Subscribe",
        {"endpoint": "Endpoint", "protocol": "Protocol", "topic": "TopicArn"},
        {"ReturnSubscriptionArn": True},
    )
    provider_only: ClassVar = {
        "region": EVERYWHERE["region"],
        "confirmationTimeoutInMinutes": "how long the provider waits for a confirmation",
        "endpointAutoConfirms": "whether the provider waits for a confirmation at all",
    }

    @override
    def first_request(self, inputs: Properties) -> Request:
        values = {
            key: as_text(inputs[name])
            for name, key in SUBSCRIPTION_ATTRIBUTES.items()
            if inputs.get(name) not in (None, False, "")
        }
        return self.creation.request(inputs, **({"Attributes": values} if values else {}))

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["SubscriptionArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("sns", "GetSubscriptionAttributes", SubscriptionArn=resource_id)
        return answer["Attributes"] if answer else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        given = {
            name: shown(name, found[key]) for name, key in SUBSCRIPTION_ATTRIBUTES.items() if found.get(key) not in (None, "")
        }
        if not state.get("deliveryPolicy"):
            given.pop("deliveryPolicy", None)
        return {
            **given,
            "arn": found["SubscriptionArn"],
            "topic": found["TopicArn"],
            "protocol": found.get("Protocol") or state.get("protocol"),
            "endpoint": found.get("Endpoint") or state.get("endpoint"),
            "ownerId": found.get("Owner") or resource_owner(found["TopicArn"]),
            "pendingConfirmation": str(found.get("PendingConfirmation")).lower() == "true",
            "confirmationWasAuthenticated": str(found.get("ConfirmationWasAuthenticated")).lower() == "true",
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        wanted = [(name, key) for name, key in SUBSCRIPTION_ATTRIBUTES.items() if name in changed]
        return [
            Request(
                "sns",
                "SetSubscriptionAttributes",
                {"SubscriptionArn": resource_id, "AttributeName": key, "AttributeValue": as_text(inputs.get(name, ""))},
            )
            for name, key in wanted
        ]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("sns", "Unsubscribe", {"SubscriptionArn": resource_id})]


def resource_owner(arn: str) -> str:
    """Return the account of an ARN."""
    return arn.split(":")[4]
