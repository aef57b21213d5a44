"""SQS: queues and their policies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.sns import as_text
from pulumi_emulator.handlers.aws.tagging import SQS
from pulumi_emulator.handlers.aws.translation import Call, Request, Through, api_json
from pulumi_emulator.handlers.base import Properties

# docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
ATTRIBUTES: Final = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
FLAGS: Final = frozenset({"contentBasedDeduplication", "fifoQueue", "sqsManagedSseEnabled"})
NUMBERS: Final = ("Seconds", "Size")
SUFFIX: Final = ".fifo"


class Queue(AwsHandler):
    """A queue with its attributes."""

    token = "aws:sqs/queue:Queue"  # noqa: S105 - a type token
    creation = Call("sqs", "CreateQueue", {"name": "QueueName", "namePrefix": Through("QueueName", prefixed), TAGS_ALL: "tags"})
    provider_only = EVERYWHERE

    @override
    def first_request(self, inputs: Properties) -> Request:
        values = {key: as_text(inputs[name]) for name, key in ATTRIBUTES.items() if inputs.get(name) not in (None, False, "")}
        if inputs.get("sqsManagedSseEnabled") is False:
            values["SqsManagedSseEnabled"] = "false"  # what is not given is on
        request = self.creation.request(inputs, Attributes=values)
        name = str(request.parameters["QueueName"])
        if inputs.get("fifoQueue") and not name.endswith(SUFFIX):
            request.parameters["QueueName"] = f"{name}{SUFFIX}"
        return request

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["QueueUrl"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("sqs", "GetQueueAttributes", QueueUrl=resource_id, AttributeNames=["All"])
        return {**answer["Attributes"], "url": resource_id} if answer else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        url = found["url"]
        given = {name: _shown(name, found[key]) for name, key in ATTRIBUTES.items() if found.get(key) not in (None, "")}
        return {
            **given,
            "arn": found["QueueArn"],
            "name": found["QueueArn"].rsplit(":", 1)[1],
            "url": url,
            TAGS_ALL: dict(aws.ask("sqs", "ListQueueTags", QueueUrl=url).get("Tags") or {}),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        values = {key: as_text(_given(inputs.get(name))) for name, key in ATTRIBUTES.items() if name in changed}
        requests = [Request("sqs", "SetQueueAttributes", {"QueueUrl": resource_id, "Attributes": values})] if values else []
        if TAGS_ALL in changed:
            requests += SQS.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("sqs", "DeleteQueue", {"QueueUrl": resource_id})]


def _given(value: Any) -> Any:
    return "" if value is None else value


def _shown(name: str, text: str) -> Any:
    """Return an attribute's text as the property's value."""
    if name in FLAGS:
        return text.lower() == "true"
    return int(text) if name.endswith(NUMBERS) else text


class QueuePolicy(AwsHandler):
    """Who may send to a queue and receive from it."""

    token = "aws:sqs/queuePolicy:QueuePolicy"  # noqa: S105 - a type token
    creation = Call(
        "sqs",
        "SetQueueAttributes",
        {"policy": Through("Attributes", lambda given: {"Policy": api_json(given)}), "queueUrl": "QueueUrl"},
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["QueueUrl"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("sqs", "GetQueueAttributes", QueueUrl=resource_id, AttributeNames=["Policy"])
        policy = (answer or {}).get("Attributes", {}).get("Policy")
        return {"queueUrl": resource_id, "policy": policy} if policy else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return dict(found)

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return [self.creation.request(inputs)] if "policy" in changed else []

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("sqs", "SetQueueAttributes", {"QueueUrl": resource_id, "Attributes": {"Policy": ""}})]
