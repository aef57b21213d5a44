"""Route 53: health checks.

What the provider sends, and when: hashicorp/terraform-provider-aws internal/service/route53/health_check.go.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import PARTITION
from pulumi_emulator.handlers.aws.tagging import ROUTE53
from pulumi_emulator.handlers.aws.translation import Call, Request
from pulumi_emulator.handlers.base import Properties

TAGGED: Final = {"ResourceType": "healthcheck"}
ALARM: Final = {"cloudwatchAlarmName": "Name", "cloudwatchAlarmRegion": "Region"}
# The member of HealthCheckConfig, and of UpdateHealthCheck, that each property is.
MEMBERS: Final = {
    "childHealthThreshold": "HealthThreshold",
    "childHealthchecks": "ChildHealthChecks",
    "disabled": "Disabled",
    "enableSni": "EnableSNI",
    "failureThreshold": "FailureThreshold",
    "fqdn": "FullyQualifiedDomainName",
    "insufficientDataHealthStatus": "InsufficientDataHealthStatus",
    "invertHealthcheck": "Inverted",
    "ipAddress": "IPAddress",
    "port": "Port",
    "regions": "Regions",
    "resourcePath": "ResourcePath",
    "searchString": "SearchString",
}
FIXED: Final = {
    "measureLatency": "MeasureLatency",
    "requestInterval": "RequestInterval",
    "routingControlArn": "RoutingControlArn",
    "type": "Type",
}
# What only checks of one type have; the provider leaves it out of all others.
ONLY: Final = {
    "childHealthThreshold": "CALCULATED",
    "childHealthchecks": "CALCULATED",
    "cloudwatchAlarmName": "CLOUDWATCH_METRIC",
    "cloudwatchAlarmRegion": "CLOUDWATCH_METRIC",
    "insufficientDataHealthStatus": "CLOUDWATCH_METRIC",
    "routingControlArn": "RECOVERY_CONTROL",
}
WITHOUT_LATENCY: Final = ("CALCULATED", "CLOUDWATCH_METRIC")
# When one of these alone changes, the alarm's identifier is sent whole.
OF_THE_ALARM: Final = frozenset({*ALARM, "triggers"})


class HealthCheck(AwsHandler):
    """A check of an endpoint, of an alarm, or of other checks."""

    token = "aws:route53/healthCheck:HealthCheck"  # noqa: S105 - a type token
    creation = Call(
        "route53",
        "CreateHealthCheck",
        {
            name: f"HealthCheckConfig.{member}"
            for name, member in {
                **MEMBERS,
                **FIXED,
                **{name: f"AlarmIdentifier.{member}" for name, member in ALARM.items()},
            }.items()
        },
    )
    provider_only: ClassVar = {
        "referenceName": "begins the request's own reference, which is another one each time",
        "tags": EVERYWHERE["tags"],
        "triggers": "makes the provider send the alarm's identifier once more",
    }

    @override
    def first_request(self, inputs: Properties) -> Request:
        kind = str(inputs.get("type"))
        given = {name: value for name, value in inputs.items() if value and ONLY.get(name, kind) == kind}
        if kind in WITHOUT_LATENCY:
            given.pop("measureLatency", None)
        # The reference only has to be another one for every creation.
        words = [str(inputs["referenceName"])] if inputs.get("referenceName") else []
        return self.creation.request(given, CallerReference="-".join([*words, f"pulumi-{uuid.uuid4().hex[:26]}"]))

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return ROUTE53.changes(resource_id, {}, inputs.get(TAGS_ALL) or {}, **TAGGED)

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["HealthCheck"]["Id"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        return aws.find("route53", "GetHealthCheck", HealthCheckId=resource_id)

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        check = found["HealthCheck"]
        config, alarm = check["HealthCheckConfig"], check["HealthCheckConfig"].get("AlarmIdentifier") or {}
        tags = aws.ask("route53", "ListTagsForResource", ResourceId=check["Id"], **TAGGED)["ResourceTagSet"].get("Tags")
        found_properties = {
            **{name: config.get(member) for name, member in {**MEMBERS, **FIXED}.items()},
            **{name: alarm.get(member) for name, member in ALARM.items()},
        }
        return {
            **{name: value for name, value in found_properties.items() if value is not None},
            "measureLatency": bool(config.get("MeasureLatency")),
            "arn": f"arn:{PARTITION}:route53:::healthcheck/{check['Id']}",
            TAGS_ALL: tags_of(tags),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        wanted = set(changed) - {TAGS_ALL}
        if wanted:
            fields = {name: MEMBERS[name] for name in wanted if name in MEMBERS}
            if wanted & OF_THE_ALARM and inputs.get("cloudwatchAlarmName"):
                fields |= {name: f"AlarmIdentifier.{member}" for name, member in ALARM.items()}
            # What the program stops giving is sent as nothing.
            values = {name: _zero(inputs.get(name), name) for name in fields}
            requests.append(Call("route53", "UpdateHealthCheck", fields).request(values, HealthCheckId=resource_id))
        if TAGS_ALL in changed:
            requests += ROUTE53.changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {}, **TAGGED)
        return requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("route53", "DeleteHealthCheck", {"HealthCheckId": resource_id})]


LISTS: Final = ("childHealthchecks", "regions")
FLAGS: Final = ("disabled", "enableSni", "invertHealthcheck")


def _zero(value: Any, name: str) -> Any:
    if value is not None:
        return value
    return [] if name in LISTS else False if name in FLAGS else None
