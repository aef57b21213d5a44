"""Health checks of Route 53, made as the settings say."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.arguments import camel_case

from .health_rules import (
    DEFAULT_FAILURES,
    DEFAULT_INTERVAL,
    DEFAULT_PORTS,
    INSUFFICIENT_DATA,
    PROTOCOLS,
    wrong_address,
    wrong_host,
)

# Never resolves (RFC 6761, 6.4); nobody is asked anyway.
NOBODY = "standby.invalid"


@dataclass(frozen=True)
class Maker:
    """Makes the checks of one component. `names` are those of the records that the checks decide about."""

    name: str
    region: str
    tags: Mapping[str, str]
    child: Callable[..., pulumi.ResourceOptions]
    names: Collection[str]
    made: dict[str, aws.route53.HealthCheck]

    def check(self, suffix: str, settings: Mapping[str, Any], where: str) -> pulumi.Input[str]:
        """Make what the settings of a colour or a part (`where` among the arguments) say; return the id."""
        if settings.get("endpoint") is not None:
            return self._make(suffix, endpoint_arguments(settings["endpoint"], self.names, f"{where}.endpoint"))
        if settings.get("alarm") is not None:
            return self._make(suffix, alarm_arguments(settings["alarm"], self.region))
        if settings.get("calculated") is not None:
            parts = settings["calculated"]["parts"]
            ids = [self.check(f"{suffix}-{name}", part, f"{where}.calculated.parts.{name}") for name, part in parts.items()]
            needed = int(settings["calculated"].get("healthy_parts") or len(ids))
            return self._make(suffix, {"type": "CALCULATED", "child_healthchecks": ids, "child_health_threshold": needed})
        brought: pulumi.Input[str] = settings["health_check_id"]
        return brought

    def standby(self) -> pulumi.Input[str]:
        """Make a check that is never healthy.

        A disabled check counts as healthy; inverted it counts as unhealthy: AWS's own way to take something out (botocore,
        route53 2013-04-01, HealthCheckConfig.Disabled).
        """
        never = {"type": "TCP", "fqdn": NOBODY, "port": 80, "disabled": True, "invert_healthcheck": True}
        return self._make("standby", never)

    def _make(self, suffix: str, arguments: Mapping[str, Any]) -> pulumi.Output[str]:
        name = f"{self.name}-{suffix}-check"
        check = aws.route53.HealthCheck(name, **arguments, tags={"Name": name, **self.tags}, opts=self.child())
        self.made[suffix] = check
        return check.id


def checked(value: Any, argument: str, judge: Callable[[str], str | None]) -> Any:
    """Return a value, judged as soon as it is known; plain ones have been."""
    if not isinstance(value, pulumi.Output):
        return value

    def check(found: str) -> str:
        wrong = judge(found)
        if wrong is not None:
            raise pulumi.InputPropertyError(camel_case(argument), f"{argument}: {wrong}")
        return found

    return value.apply(check)


def endpoint_arguments(settings: Mapping[str, Any], names: Collection[str], where: str) -> dict[str, Any]:
    """Return the arguments of a check that connects."""
    protocol = str(settings.get("protocol") or PROTOCOLS[0])
    searched = settings.get("search_string")
    optional = {
        "fqdn": checked(settings.get("host"), f"{where}.host", lambda host: wrong_host(host, names)),
        "ip_address": checked(settings.get("ip_address"), f"{where}.ip_address", wrong_address),
        "resource_path": None if protocol == "tcp" else settings.get("path") or "/",
        "search_string": searched,
        # Without it a checker's TLS handshake names nobody, and a server with several certificates shows the wrong one.
        "enable_sni": True if protocol == "https" else None,
    }
    return {
        "type": protocol.upper() + ("" if searched is None else "_STR_MATCH"),
        "port": int(settings.get("port") or DEFAULT_PORTS[protocol]),
        "request_interval": int(settings.get("interval_seconds") or DEFAULT_INTERVAL),
        "failure_threshold": int(settings.get("failure_threshold") or DEFAULT_FAILURES),
        **{argument: value for argument, value in optional.items() if value is not None},
    }


def alarm_arguments(settings: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return the arguments of a check that follows an alarm."""
    # Changed triggers make the provider send the alarm anew (pulumi-aws, HealthCheck `triggers`), which AWS asks for after a
    # change of it (docs.aws.amazon.com, Route53/latest/DeveloperGuide, health-checks-creating-deleting).
    revision = settings.get("revision")
    return {
        "type": "CLOUDWATCH_METRIC",
        "cloudwatch_alarm_name": settings["name"],
        "cloudwatch_alarm_region": settings.get("region") or region,
        "insufficient_data_health_status": INSUFFICIENT_DATA[settings.get("insufficient_data") or "last_known"],
        **({} if revision is None else {"triggers": {"alarm": revision}}),
    }
