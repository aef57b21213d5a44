"""Elastic Load Balancing: target groups, and what is put into them.

What the provider sends, and when: hashicorp/terraform-provider-aws internal/service/elbv2/target_group.go and
target_group_attachment.go, internal/service/autoscaling/attachment.go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, present, region_of
from pulumi_emulator.handlers.aws.load_balancing import (
    SERVICE,
    TAGS,
    attribute,
    attributes_found,
    described,
    suffix,
    tag_changes,
    tags_found,
    value_of,
)
from pulumi_emulator.handlers.aws.names import prefixed
from pulumi_emulator.handlers.aws.translation import Call, Request, Through
from pulumi_emulator.handlers.base import Cloud, Made, Properties
from pulumi_emulator.rules import Failure

TARGETS: Final = {
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "lambdaMultiValueHeadersEnabled": "lambda.multi_value_headers.enabled",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingAnomalyMitigation": "load_balancing.algorithm.anomaly_mitigation",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "slowStart": "slow_start.duration_seconds",
}
# Attributes within blocks: property, member of the block (deeper ones by a dot), key.
TARGET_BLOCKS: Final = {
    "stickiness": {"enabled": "stickiness.enabled", "type": "stickiness.type"},
    "targetFailovers": {
        "onDeregistration": "target_failover.on_deregistration",
        "onUnhealthy": "target_failover.on_unhealthy",
    },
    "targetGroupHealth": {
        "dnsFailover.minimumHealthyTargetsCount": "target_group_health.dns_failover.minimum_healthy_targets.count",
        "dnsFailover.minimumHealthyTargetsPercentage": "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "unhealthyStateRouting.minimumHealthyTargetsCount": (
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"
        ),
        "unhealthyStateRouting.minimumHealthyTargetsPercentage": (
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
        ),
    },
    "targetHealthStates": {
        "enableUnhealthyConnectionTermination": "target_health_state.unhealthy.connection_termination.enabled",
        "unhealthyDrainingInterval": "target_health_state.unhealthy.draining_interval_seconds",
    },
}
COOKIES: Final = {
    "lb_cookie": {"cookieDuration": "stickiness.lb_cookie.duration_seconds"},
    "app_cookie": {
        "cookieDuration": "stickiness.app_cookie.duration_seconds",
        "cookieName": "stickiness.app_cookie.cookie_name",
    },
}
CHECK: Final = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}
# target_group.go: what a health_check block has when it says nothing else.
CHECK_DEFAULTS: Final = {
    "enabled": True,
    "healthyThreshold": 3,
    "interval": 30,
    "port": "traffic-port",
    "protocol": "HTTP",
    "unhealthyThreshold": 3,
}
CHECK_NUMBERS: Final = ("healthyThreshold", "interval", "timeout", "unhealthyThreshold")
# Target groups of other types need these three (target_group.go, customizeDiffTargetGroupTargetTypeNotLambda).
NEEDED: Final = ("port", "protocol", "vpcId")


class TargetGroup(AwsHandler):
    """What a balancer sends requests to."""

    token = "aws:lb/targetGroup:TargetGroup"  # noqa: S105 - a type token
    creation = Call(
        SERVICE,
        "CreateTargetGroup",
        {
            "healthCheck": Through("", lambda check: _health_check(check)),  # noqa: PLW0108 - defined below
            "ipAddressType": "IpAddressType",
            "name": "Name",
            "port": "Port",
            "protocol": "Protocol",
            "protocolVersion": "ProtocolVersion",
            "targetControlPort": "TargetControlPort",
            "targetType": "TargetType",
            "vpcId": "VpcId",
            **TAGS,
        },
    )
    provider_only: ClassVar = dict(EVERYWHERE)

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        kind = str(inputs.get("targetType") or "instance")
        missing = [name for name in NEEDED if inputs.get(name) is None] if kind != "lambda" else []
        failures = [Failure(name, f"must be set when targetType is {kind!r}") for name in missing]
        check = inputs.get("healthCheck")
        if isinstance(check, Mapping) and str(check.get("protocol")).upper() == "TCP":
            wrong = [name for name in ("matcher", "path") if check.get(name)]
            failures += [Failure(f"healthCheck.{name}", "cannot be set when its protocol is TCP") for name in wrong]
        return failures

    @override
    def first_request(self, inputs: Properties) -> Request:
        name = inputs.get("name") or prefixed(str(inputs.get("namePrefix") or "tf-"))[:32]
        given = {**inputs, "name": name}
        if str(inputs.get("protocol")).upper() not in ("HTTP", "HTTPS"):
            given.pop("protocolVersion", None)
        return _with_matcher(self.creation.request(given), inputs)

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        given = {name: value for name, value in inputs.items() if value not in (None, False, 0, "")}
        found = self._attributes(given, {*TARGETS, *TARGET_BLOCKS})
        return [_modified(resource_id, found)] if found else []

    @staticmethod
    def _attributes(inputs: Properties, names: Collection[str]) -> list[dict[str, str]]:
        found = [
            attribute(key, inputs[name]) for name, key in TARGETS.items() if name in names and inputs.get(name) is not None
        ]
        for name, own in TARGET_BLOCKS.items():
            if name not in names:
                continue
            block, members = _first(inputs.get(name)), own
            if name == "stickiness":
                members = {**own, **COOKIES.get(str((block or {}).get("type")), {})}
                if block is None and name in inputs:
                    found.append(attribute("stickiness.enabled", value=False))
            if block is not None:
                block = {"enabled": True, **block} if name == "stickiness" else block
                values = {key: _deep(block, member) for member, key in members.items()}
                found += [attribute(key, value) for key, value in values.items() if value is not None]
        return found

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return described(aws, "DescribeTargetGroups", "TargetGroups", TargetGroupArns=[resource_id])

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        arn = found["TargetGroupArn"]
        attributes = attributes_found(aws, "DescribeTargetGroupAttributes", TargetGroupArn=arn)
        kinds = self.properties()
        matcher = found.get("Matcher") or {}
        check = {name: found[member] for name, member in CHECK.items() if found.get(member) is not None}
        code = matcher.get("HttpCode") or matcher.get("GrpcCode")
        return {
            **present(
                ipAddressType=found.get("IpAddressType"),
                port=found.get("Port"),
                protocol=found.get("Protocol"),
                protocolVersion=found.get("ProtocolVersion"),
                targetControlPort=found.get("TargetControlPort"),
                vpcId=found.get("VpcId"),
            ),
            **{name: value_of(attributes[key], kinds[name]) for name, key in TARGETS.items() if attributes.get(key)},
            **{name: block for name in TARGET_BLOCKS if (block := _block_found(name, attributes)) is not None},
            "arn": arn,
            "arnSuffix": suffix(arn),
            "healthCheck": {**check, "matcher": code} if code else check,
            "loadBalancerArns": list(found.get("LoadBalancerArns") or []),
            "name": found["TargetGroupName"],
            "targetType": found["TargetType"],
            TAGS_ALL: tags_found(aws, arn),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if "healthCheck" in changed and inputs.get("healthCheck"):
            table = {"healthCheck": self.creation.properties["healthCheck"]}
            request = Call(SERVICE, "ModifyTargetGroup", table).request(inputs, TargetGroupArn=resource_id)
            requests.append(_with_matcher(request, inputs))
        found = self._attributes({**dict.fromkeys(changed), **inputs}, changed)
        if found:
            requests.append(_modified(resource_id, found))
        if TAGS_ALL in changed:
            requests += tag_changes(resource_id, state, inputs)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request(SERVICE, "DeleteTargetGroup", {"TargetGroupArn": resource_id})]


def _modified(resource_id: str, attributes: list[dict[str, str]]) -> Request:
    return Request(SERVICE, "ModifyTargetGroupAttributes", {"TargetGroupArn": resource_id, "Attributes": attributes})


def _health_check(check: Properties) -> dict[str, Any]:
    """Return a health check's parameters; TCP ones have no path."""
    whole = {**CHECK_DEFAULTS, **{name: value for name, value in check.items() if value not in (None, "")}}
    made = {member: whole[name] for name, member in CHECK.items() if name in whole}
    made |= {CHECK[name]: int(whole[name]) for name in CHECK_NUMBERS if name in whole}
    made["HealthCheckPort"] = str(made["HealthCheckPort"])
    made["HealthCheckProtocol"] = str(made["HealthCheckProtocol"]).upper()
    return made


def _with_matcher(request: Request, inputs: Properties) -> Request:
    """Say which answers are healthy, by the words of the group's protocol."""
    code = (inputs.get("healthCheck") or {}).get("matcher")
    if code:
        grpc = str(inputs.get("protocolVersion")).upper() == "GRPC"
        request.parameters["Matcher"] = {"GrpcCode" if grpc else "HttpCode": str(code)}
    return request


def _first(block: Any) -> Properties | None:
    if isinstance(block, list):
        return block[0] if block else None
    return block or None


def _deep(block: Properties, path: str) -> Any:
    value: Any = block
    for word in path.split("."):
        value = (value or {}).get(word)
    return value


def _block_found(name: str, attributes: Mapping[str, str]) -> Any:
    """Return a block as the attributes have it, in the form that the property has; None when they say nothing of it."""
    members = dict(TARGET_BLOCKS[name])
    if name == "stickiness":
        members |= COOKIES.get(attributes.get("stickiness.type", ""), {})
    block: dict[str, Any] = {}
    for path, key in members.items():
        if key not in attributes:
            continue
        *outer, last = path.split(".")
        place = block
        for word in outer:
            place = place.setdefault(word, {})
        place[last] = value_of(attributes[key], TYPES.get(path))
    if not block:
        return None
    return [block] if name in LISTED else block


# The members of blocks that are no text, and the blocks that the SDK has as lists.
TYPES: Final = {
    "cookieDuration": "integer",
    "enableUnhealthyConnectionTermination": "boolean",
    "enabled": "boolean",
    "unhealthyDrainingInterval": "integer",
    "unhealthyStateRouting.minimumHealthyTargetsCount": "integer",
}
LISTED: Final = ("targetFailovers", "targetHealthStates")


class TargetGroupAttachment(AwsHandler):
    """One target of a group; its id is GROUP_ARN,TARGET[,PORT][,ZONE]."""

    token = "aws:lb/targetGroupAttachment:TargetGroupAttachment"  # noqa: S105 - a type token
    creation = Call(
        SERVICE,
        "RegisterTargets",
        {
            "availabilityZone": "Targets[].AvailabilityZone",
            "port": "Targets[].Port",
            "quicServerId": "Targets[].QuicServerId",
            "targetGroupArn": "TargetGroupArn",
            "targetId": "Targets[].Id",
        },
    )
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        # A zone without a port leaves the port's place empty.
        words = [inputs["targetGroupArn"], inputs["targetId"], inputs.get("port") or "", inputs.get("availabilityZone") or ""]
        return ",".join(str(word) for word in words).rstrip(",")

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        meant = _attached(resource_id)
        table = {name: self.creation.properties[name] for name in meant}
        asked = Call(SERVICE, "DescribeTargetHealth", table).request(meant).parameters
        found = described(aws, "DescribeTargetHealth", "TargetHealthDescriptions", **asked)
        return {**found, "meant": meant} if found and found["TargetHealth"].get("Reason") not in GONE else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return dict(found["meant"])

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return []  # every change replaces

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Call(SERVICE, "DeregisterTargets", self.creation.properties).request(state or _attached(resource_id))]


def _attached(resource_id: str) -> dict[str, Any]:
    """Return what an attachment's id says."""
    arn, target, port, zone = (*resource_id.split(","), "", "", "")[:4]
    meant = {"targetGroupArn": arn, "targetId": target, "port": port, "availabilityZone": zone}
    return {name: int(value) if name == "port" else value for name, value in meant.items() if value}


GONE: Final = ("Target.DeregistrationInProgress", "Target.NotRegistered")


class AutoScalingAttachment(AwsHandler):
    """A target group, or a classic balancer, that a group of EC2's Auto Scaling puts its instances into."""

    token = "aws:autoscaling/attachment:Attachment"  # noqa: S105 - a type token
    creation = Call("autoscaling", "AttachLoadBalancerTargetGroups", {"autoscalingGroupName": "AutoScalingGroupName"})
    provider_only: ClassVar = {"region": EVERYWHERE["region"]}
    imports_as_read = False
    needed_for_removal = ("autoscalingGroupName", "elb", "lbTargetGroupArn")

    @staticmethod
    def _call(verb: str, inputs: Properties) -> Request:
        group = {"AutoScalingGroupName": str(inputs["autoscalingGroupName"])}
        if inputs.get("elb"):
            return Request("autoscaling", f"{verb}LoadBalancers", {**group, "LoadBalancerNames": [str(inputs["elb"])]})
        targets = {"TargetGroupARNs": [str(inputs.get("lbTargetGroupArn"))]}
        return Request("autoscaling", f"{verb}LoadBalancerTargetGroups", {**group, **targets})

    @override
    def first_request(self, inputs: Properties) -> Request:
        return self._call("Attach", inputs)

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        # moto does not say that a group is missing; AWS does.
        name = str(inputs["autoscalingGroupName"])
        if not self._groups(Aws(cloud, region_of(inputs)), name):
            raise EmulatorError(
                f"autoscaling: ValidationError: AutoScalingGroup name not found - AutoScalingGroup {name} not found"
            )
        return super().create(cloud, inputs)

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Properties) -> None:
        region = region_of(state)
        if state and cloud.aws_running() and self.seen(Aws(cloud, region), resource_id, state) is None:
            self._forget(cloud, resource_id, region)
            return
        super().delete(cloud, resource_id, state)

    @staticmethod
    def _groups(aws: Aws, name: str) -> list[dict[str, Any]]:
        found = aws.ask("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])
        return list(found["AutoScalingGroups"])

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return prefixed(f"{inputs['autoscalingGroupName']}-")

    @override
    def seen(self, aws: Aws, resource_id: str, state: Properties) -> dict[str, Any] | None:
        answer = self._groups(aws, str(state["autoscalingGroupName"]))
        wanted = state.get("elb") or state.get("lbTargetGroupArn")
        attached = [{*group.get("LoadBalancerNames", []), *group.get("TargetGroupARNs", [])} for group in answer]
        return answer[0] if any(wanted in names for names in attached) else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        return []  # every change replaces

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [self._call("Detach", state)]
