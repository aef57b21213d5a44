"""EventBridge: buses, and the rules on them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, present, tags_of
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.tagging import EVENTS
from pulumi_emulator.handlers.aws.translation import Alike, Call, Pairs, Request, Target, Through, from_api
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Failure
from pulumi_emulator.values import reveal

DEFAULT: Final = "default"


def tags(aws: Aws, arn: str) -> dict[str, str]:
    """Return the tags of something of EventBridge."""
    return tags_of(aws.ask("events", "ListTagsForResource", ResourceARN=arn).get("Tags"))


class EventBus(AwsHandler):
    """A bus of the account's own."""

    token = "aws:cloudwatch/eventBus:EventBus"  # noqa: S105 - a type token
    table: ClassVar[dict[str, Target]] = {
        "deadLetterConfig": Alike("DeadLetterConfig"),
        "description": "Description",
        "kmsKeyIdentifier": "KmsKeyIdentifier",
        "logConfig": Alike("LogConfig"),
        "name": "Name",
    }
    creation = Call("events", "CreateEventBus", {**table, "eventSourceName": "EventSourceName", TAGS_ALL: Pairs("Tags")})
    provider_only = EVERYWHERE

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["Name"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("events", "DescribeEventBus", Name=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {
            **present(
                deadLetterConfig=from_api(found.get("DeadLetterConfig")) or None,
                description=found.get("Description") or None,
                kmsKeyIdentifier=found.get("KmsKeyIdentifier") or None,
                logConfig=from_api(found.get("LogConfig")) or None,
            ),
            "arn": found["Arn"],
            "name": found["Name"],
            TAGS_ALL: tags(aws, found["Arn"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if self.table.keys() & set(changed):
            requests.append(Call("events", "UpdateEventBus", self.table).request({**inputs, "name": resource_id}))
        if TAGS_ALL in changed:
            requests += EVENTS.changes(str(state.get("arn")), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("events", "DeleteEventBus", {"Name": resource_id})]


def on_bus(bus: Any) -> dict[str, Any]:
    """Return the parameter that names a bus; the default one needs none."""
    return {} if bus in (None, "", DEFAULT) else {"EventBusName": bus}


class EventRule(AwsHandler):
    """A rule: a pattern of events, or a schedule. Putting it again changes it."""

    token = "aws:cloudwatch/eventRule:EventRule"  # noqa: S105 - a type token
    creation = Call(
        "events",
        "PutRule",
        {
            "description": "Description",
            "eventBusName": "EventBusName",
            "eventPattern": "EventPattern",
            "isEnabled": Through("State", lambda on: "ENABLED" if on else "DISABLED"),
            "name": "Name",
            "namePrefix": Through("Name", prefixed),
            "roleArn": "RoleArn",
            "scheduleExpression": "ScheduleExpression",
            "state": "State",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    provider_only: ClassVar = {**EVERYWHERE, "forceDestroy": "goes with the deletion"}

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        if any(reveal(inputs.get(name)) is not None for name in ("eventPattern", "scheduleExpression")):
            return []
        # hashicorp/terraform-provider-aws internal/service/events/rule.go (AtLeastOneOf)
        return [Failure("eventPattern", "one of eventPattern, scheduleExpression must be set")]

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        # hashicorp/terraform-provider-aws internal/service/events/rule.go (ruleCreateResourceID)
        bus, name = sent.parameters.get("EventBusName"), str(sent.parameters["Name"])
        return f"{bus}/{name}" if on_bus(bus) else name

    @staticmethod
    def _place(resource_id: str) -> dict[str, Any]:
        bus, _, name = resource_id.rpartition("/")
        return {"Name": name, **on_bus(bus)}

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("events", "DescribeRule", **self._place(resource_id))

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        enabled = found["State"] != "DISABLED"
        return {
            **present(
                description=found.get("Description") or None,
                eventPattern=found.get("EventPattern"),
                isEnabled=enabled if state.get("isEnabled") is not None else None,
                roleArn=found.get("RoleArn"),
                scheduleExpression=found.get("ScheduleExpression"),
            ),
            "arn": found["Arn"],
            "eventBusName": state.get("eventBusName") or found["EventBusName"],
            "name": found["Name"],
            "state": found["State"],
            TAGS_ALL: tags(aws, found["Arn"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) - {TAGS_ALL, "forceDestroy"}:
            values = {name: value for name, value in inputs.items() if name not in (TAGS_ALL, "name", "namePrefix")}
            place = self._place(resource_id)
            requests.append(self.creation.request({**values, "name": place["Name"]}))
        if TAGS_ALL in changed:
            requests += EVENTS.changes(str(state.get("arn")), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        force = {"Force": True} if state.get("forceDestroy") else {}
        return [Request("events", "DeleteRule", {**self._place(resource_id), **force})]
