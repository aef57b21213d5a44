"""EventBridge: where the events of a rule go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, Aws, AwsHandler, present
from pulumi_emulator.handlers.aws.event_bus import DEFAULT, on_bus
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.translation import Alike, Call, Each, Pairs, Request, Target, Through, Within, from_api
from pulumi_emulator.handlers.base import Properties

UNIQUE: Final = "terraform-"
ECS: dict[str, Target] = {
    "capacityProviderStrategies": Alike("CapacityProviderStrategy"),
    "enableEcsManagedTags": "EnableECSManagedTags",
    "enableExecuteCommand": "EnableExecuteCommand",
    "group": "Group",
    "launchType": "LaunchType",
    "networkConfiguration": Within(
        "NetworkConfiguration.awsvpcConfiguration",
        {
            "assignPublicIp": Through("AssignPublicIp", lambda on: "ENABLED" if on else "DISABLED"),
            "securityGroups": "SecurityGroups",
            "subnets": "Subnets",
        },
    ),
    "orderedPlacementStrategies": Alike("PlacementStrategy"),
    "placementConstraints": Alike("PlacementConstraints"),
    "platformVersion": "PlatformVersion",
    "propagateTags": "PropagateTags",
    "tags": Pairs("Tags"),
    "taskCount": "TaskCount",
    "taskDefinitionArn": "TaskDefinitionArn",
}
TARGET: dict[str, Target] = {
    "appsyncTarget": Alike("AppSyncParameters"),
    "arn": "Arn",
    "batchTarget": Within(
        "BatchParameters",
        {
            "arraySize": "ArrayProperties.Size",
            "jobAttempts": "RetryStrategy.Attempts",
            "jobDefinition": "JobDefinition",
            "jobName": "JobName",
        },
    ),
    "deadLetterConfig": Alike("DeadLetterConfig"),
    "ecsTarget": Within("EcsParameters", ECS),
    "httpTarget": Alike("HttpParameters"),
    "input": "Input",
    "inputPath": "InputPath",
    "inputTransformer": Within("InputTransformer", {"inputPaths": "InputPathsMap", "inputTemplate": "InputTemplate"}),
    "kinesisTarget": Alike("KinesisParameters"),
    "redshiftTarget": Alike("RedshiftDataParameters", {"secretsManagerArn": "SecretManagerArn"}),
    "retryPolicy": Alike("RetryPolicy"),
    "roleArn": "RoleArn",
    "runCommandTargets": Each("RunCommandParameters.RunCommandTargets", {"key": "Key", "values": "Values"}),
    "sagemakerPipelineTarget": Within(
        "SageMakerPipelineParameters",
        {"pipelineParameterLists": Each("PipelineParameterList", {"name": "Name", "value": "Value"})},
    ),
    "sqsTarget": Alike("SqsParameters"),
    "targetId": "Id",
}
# Objects that are read as they are sent.
SAME: Final = {
    "deadLetterConfig": "DeadLetterConfig",
    "retryPolicy": "RetryPolicy",
    "sqsTarget": "SqsParameters",
}


class EventTarget(AwsHandler):
    """One target of a rule. Putting it again changes it."""

    token = "aws:cloudwatch/eventTarget:EventTarget"  # noqa: S105 - a type token
    creation = Call(
        "events",
        "PutTargets",
        {"eventBusName": "EventBusName", "rule": "Rule", "target": Each("Targets", TARGET)},
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"], "forceDestroy": "goes with the deletion"}
    needed_for_removal = ("rule", "eventBusName", "targetId", "forceDestroy")

    @override
    def first_request(self, inputs: Properties) -> Request:
        given = {**inputs, "targetId": inputs.get("targetId") or prefixed(UNIQUE)}
        return self.creation.request({**given, "target": [given]})

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        # hashicorp/terraform-provider-aws internal/service/events/target.go (targetCreateResourceID)
        bus, rule = sent.parameters.get("EventBusName"), str(sent.parameters["Rule"])
        target_id = str(sent.parameters["Targets"][0]["Id"])
        return f"{bus}-{rule}-{target_id}" if on_bus(bus) else f"{rule}-{target_id}"

    @staticmethod
    def _place(resource_id: str, state: Properties) -> tuple[str, str, str]:
        """Return bus, rule and target; an import has them in its id, with slashes."""
        bus = str(state.get("eventBusName") or DEFAULT)
        rule = str(state.get("rule") or "")
        if not rule:
            *others, rule, target = resource_id.split("/")
            return "/".join(others) or DEFAULT, rule, target
        prefix = f"{bus}-{rule}-" if on_bus(bus) else f"{rule}-"
        return bus, rule, str(state.get("targetId") or resource_id.removeprefix(prefix))

    @override
    def seen(self, aws: Aws, resource_id: str, state: Properties) -> dict[str, Any] | None:
        bus, rule, target_id = self._place(resource_id, state)
        answer = aws.find("events", "ListTargetsByRule", Rule=rule, **on_bus(bus))
        found = next((target for target in (answer or {}).get("Targets", []) if target["Id"] == target_id), None)
        return None if found is None else {**found, "bus": bus, "rule": rule}

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        transformer = found.get("InputTransformer")
        transformed = transformer and present(
            inputPaths=transformer.get("InputPathsMap") or None, inputTemplate=transformer["InputTemplate"]
        )
        http = found.get("HttpParameters")
        return {
            **present(**{name: from_api(found.get(key)) or None for name, key in SAME.items()}),
            **present(
                httpTarget=http and {key[0].lower() + key[1:]: value for key, value in http.items()},
                input=found.get("Input"),
                inputPath=found.get("InputPath"),
                inputTransformer=transformed,
                roleArn=found.get("RoleArn"),
            ),
            "arn": found["Arn"],
            "eventBusName": found["bus"],
            "rule": found["rule"],
            "targetId": found["Id"],
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        if not set(changed) - {"forceDestroy"}:
            return []
        bus, rule, target_id = self._place(resource_id, {**state, **inputs})
        given = {**inputs, "targetId": target_id, "rule": rule, "eventBusName": bus}
        return [self.creation.request({**given, "target": [given]})]

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        bus, rule, target_id = self._place(resource_id, state)
        force = {"Force": True} if state.get("forceDestroy") else {}
        return [Request("events", "RemoveTargets", {"Rule": rule, "Ids": [target_id], **on_bus(bus), **force})]
