"""Application Auto Scaling: what may be scaled between which bounds, and by which policy."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler
from pulumi_emulator.handlers.aws.tagging import AUTOSCALING
from pulumi_emulator.handlers.aws.translation import Alike, Call, Request, Target, from_api
from pulumi_emulator.handlers.base import Properties

SERVICE = "application-autoscaling"
WHAT: dict[str, Target] = {
    "resourceId": "ResourceId",
    "scalableDimension": "ScalableDimension",
    "serviceNamespace": "ServiceNamespace",
}


class ScalableTarget(AwsHandler):
    """What may be scaled. Registering it again changes it."""

    token = "aws:appautoscaling/target:Target"  # noqa: S105 - a type token
    creation = Call(
        SERVICE,
        "RegisterScalableTarget",
        {
            **WHAT,
            "maxCapacity": "MaxCapacity",
            "minCapacity": "MinCapacity",
            "roleArn": "RoleARN",
            "suspendedState": Alike("SuspendedState"),
            TAGS_ALL: "Tags",
        },
    )
    provider_only = EVERYWHERE
    needed_for_removal = tuple(WHAT)

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["ResourceId"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        # The id alone does not say of which service it is; the first word of it does for those that have one.
        for namespace in (resource_id.split("/", 1)[0], "elasticache", "ecs", "dynamodb"):
            known = {"replication-group": "elasticache", "service": "ecs", "table": "dynamodb"}.get(namespace, namespace)
            answer = aws.find(SERVICE, "DescribeScalableTargets", ServiceNamespace=known, ResourceIds=[resource_id])
            if answer and answer["ScalableTargets"]:
                return dict(answer["ScalableTargets"][0])
        return None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn = found.get("ScalableTargetARN") or state.get("arn") or ""
        tags = aws.ask(SERVICE, "ListTagsForResource", ResourceARN=arn).get("Tags") if arn else None
        return {
            "arn": arn,
            "resourceId": found["ResourceId"],
            "scalableDimension": found["ScalableDimension"],
            "serviceNamespace": found["ServiceNamespace"],
            "minCapacity": found["MinCapacity"],
            "maxCapacity": found["MaxCapacity"],
            "roleArn": found.get("RoleARN", ""),
            **({"suspendedState": from_api(found["SuspendedState"])} if found.get("SuspendedState") else {}),
            TAGS_ALL: dict(tags or {}),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) - {TAGS_ALL}:
            requests.append(self.creation.request({name: value for name, value in inputs.items() if name != TAGS_ALL}))
        if TAGS_ALL in changed:
            requests += AUTOSCALING.changes(str(state["arn"]), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Call(SERVICE, "DeregisterScalableTarget", WHAT).request(state)]


class ScalingPolicy(AwsHandler):
    """When and how far to scale. Putting it again changes it."""

    token = "aws:appautoscaling/policy:Policy"  # noqa: S105 - a type token
    creation = Call(
        SERVICE,
        "PutScalingPolicy",
        {
            **WHAT,
            "name": "PolicyName",
            "policyType": "PolicyType",
            "predictiveScalingPolicyConfiguration": Alike("PredictiveScalingPolicyConfiguration"),
            "stepScalingPolicyConfiguration": Alike("StepScalingPolicyConfiguration"),
            "targetTrackingScalingPolicyConfiguration": Alike("TargetTrackingScalingPolicyConfiguration"),
        },
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}
    needed_for_removal = (*WHAT, "name")

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(sent.parameters["PolicyName"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        for namespace in ("elasticache", "ecs", "dynamodb"):
            answer = aws.find(SERVICE, "DescribeScalingPolicies", ServiceNamespace=namespace, PolicyNames=[resource_id])
            # moto 5.2.5 does not look at PolicyNames.
            for policy in answer["ScalingPolicies"] if answer else ():
                if policy["PolicyName"] == resource_id:
                    return dict(policy)
        return None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        kinds = (
            "predictiveScalingPolicyConfiguration",
            "stepScalingPolicyConfiguration",
            "targetTrackingScalingPolicyConfiguration",
        )
        configurations = {kind: from_api(found.get(kind[0].upper() + kind[1:])) for kind in kinds}
        return {
            "arn": found["PolicyARN"],
            "alarmArns": [alarm["AlarmARN"] for alarm in found.get("Alarms") or []],
            "name": found["PolicyName"],
            "policyType": found["PolicyType"],
            "resourceId": found["ResourceId"],
            "scalableDimension": found["ScalableDimension"],
            "serviceNamespace": found["ServiceNamespace"],
            **{kind: value for kind, value in configurations.items() if value},
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return [self.creation.request(inputs)] if changed else []

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Call(SERVICE, "DeleteScalingPolicy", {**WHAT, "name": "PolicyName"}).request(state)]
