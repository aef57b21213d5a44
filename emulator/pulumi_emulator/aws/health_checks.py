"""Route 53's health checks: which configuration it takes, and what their status is.

A configuration is plain data, named as in the API (HealthCheckConfig). Nothing asks an endpoint here: its check is healthy.
A check of a CloudWatch alarm follows the alarm's state, a calculated one its children, and both may be inverted or disabled.
docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

Config = Mapping[str, Any]
# Region and name of an alarm: its states so far, the present one last; none when there is no such alarm.
AlarmStates = Callable[[str, str], list[str]]

API: Final = "docs.aws.amazon.com/Route53/latest/APIReference/"
ALARM_TYPE: Final = "CLOUDWATCH_METRIC"
CALCULATED: Final = "CALCULATED"
RECOVERY: Final = "RECOVERY_CONTROL"
ENDPOINTS: Final = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
MATCHING: Final = ("HTTP_STR_MATCH", "HTTPS_STR_MATCH")
# API_HealthCheckConfig.html: RequestInterval, FailureThreshold.
INTERVAL_SECONDS: Final = 30
FAILURES: Final = 3
PORTS: Final = {"HTTP": 80, "HTTP_STR_MATCH": 80, "HTTPS": 443, "HTTPS_STR_MATCH": 443}
# API_UpdateHealthCheck.html: what a change may leave out without losing it.
UPDATED: Final = (
    "AlarmIdentifier",
    "ChildHealthChecks",
    "Disabled",
    "EnableSNI",
    "FailureThreshold",
    "FullyQualifiedDomainName",
    "HealthThreshold",
    "IPAddress",
    "InsufficientDataHealthStatus",
    "Inverted",
    "Port",
    "Regions",
    "ResourcePath",
    "SearchString",
)


class RefusedError(Exception):
    """A configuration that Route 53 does not take; the error's code is InvalidInput."""


@dataclass(frozen=True)
class Refusal:
    """One rule: its text, and where it is written."""

    text: str
    source: str


REFUSALS: Final = {
    "no-endpoint": Refusal(
        "Invalid request: Expected at least one of [IPAddress, FullyQualifiedDomainName] for a health check of type {type}",
        f"{API}API_HealthCheckConfig.html (IPAddress, FullyQualifiedDomainName)",
    ),
    "no-port": Refusal(
        "Invalid request: Missing field 'Port' for a health check of type {type}", f"{API}API_HealthCheckConfig.html (Port)"
    ),
    "port": Refusal(
        "Invalid request: Port is not allowed for a health check of type {type}", f"{API}API_HealthCheckConfig.html (Port)"
    ),
    "no-search": Refusal(
        "Invalid request: Missing field 'SearchString' for a health check of type {type}",
        f"{API}API_HealthCheckConfig.html (SearchString)",
    ),
    "private": Refusal(
        "Invalid parameter: IP address {value} is in a local, private, non-routable or multicast range",
        f"{API}API_HealthCheckConfig.html (IPAddress, Constraints)",
    ),
    "no-alarm": Refusal(
        "Invalid request: Missing field 'AlarmIdentifier' for a health check of type {type}",
        f"{API}API_HealthCheckConfig.html (AlarmIdentifier)",
    ),
    "no-children": Refusal(
        "Invalid request: Missing field 'ChildHealthChecks' for a health check of type {type}",
        f"{API}API_HealthCheckConfig.html (ChildHealthChecks)",
    ),
    "child": Refusal(
        "Invalid parameter: child health check {value} does not exist", f"{API}API_HealthCheckConfig.html (ChildHealthChecks)"
    ),
    "address-added": Refusal(
        "Invalid request: IPAddress cannot be added to a health check that has none, nor taken from one",
        f"{API}API_UpdateHealthCheck.html (FullyQualifiedDomainName)",
    ),
}


def completed(config: Config, known: Collection[str]) -> dict[str, Any]:
    """Return a configuration with Route 53's defaults; RefusedError when it is not one. `known` are the account's checks."""
    given = {name: value for name, value in config.items() if value is not None and value != []}
    kind = str(given["Type"])
    _check(given, kind, known)
    made: dict[str, Any] = {"Inverted": False, "Disabled": False, **given}
    if kind in ENDPOINTS:
        made = {
            "RequestInterval": INTERVAL_SECONDS,
            "FailureThreshold": FAILURES,
            "MeasureLatency": False,
            "EnableSNI": kind.startswith("HTTPS"),
            **made,
        }
        if kind in PORTS:
            made.setdefault("Port", PORTS[kind])
    if kind == CALCULATED:
        made.setdefault("HealthThreshold", 0)
    return made


def updated(config: Config, changes: Config, known: Collection[str]) -> dict[str, Any]:
    """Return a configuration after an update: what is given is changed, what ResetElements names goes to its default."""
    given = {name: changes[name] for name in UPDATED if changes.get(name) is not None}
    if "IPAddress" in given and "IPAddress" not in config:
        raise _refused("address-added")
    kept = {name: value for name, value in config.items() if name not in (changes.get("ResetElements") or [])}
    return completed({**kept, **given}, known)


def healthy(check_id: str, configs: Mapping[str, Config], alarms: AlarmStates) -> bool:
    """Tell a health check's status."""
    config = configs[check_id]
    # A disabled check counts as healthy, and may be inverted like any other.
    status = bool(config.get("Disabled")) or _found(config, configs, alarms)
    return status != bool(config.get("Inverted"))


def _found(config: Config, configs: Mapping[str, Config], alarms: AlarmStates) -> bool:
    kind = config["Type"]
    if kind == CALCULATED:
        children = [child for child in config.get("ChildHealthChecks") or [] if child in configs]
        return sum(healthy(child, configs, alarms) for child in children) >= int(config.get("HealthThreshold") or 0)
    if kind == ALARM_TYPE:
        return _alarm(config, alarms)
    return True


def _alarm(config: Config, alarms: AlarmStates) -> bool:
    """Tell what an alarm's state says; without enough data what the check wants then."""
    alarm = config["AlarmIdentifier"]
    states = alarms(alarm["Region"], alarm["Name"])
    if states and states[-1] in ("OK", "ALARM"):
        return states[-1] == "OK"
    unknown = config.get("InsufficientDataHealthStatus") or "LastKnownStatus"
    if unknown == "LastKnownStatus":
        # A check that never had data is healthy.
        return next((state == "OK" for state in reversed(states) if state in ("OK", "ALARM")), True)
    return bool(unknown == "Healthy")


def _refused(rule: str, **words: Any) -> RefusedError:
    return RefusedError(REFUSALS[rule].text.format(**words))


def _check(given: Config, kind: str, known: Collection[str]) -> None:
    if kind in ENDPOINTS:
        _check_endpoint(given, kind)
    elif kind in (CALCULATED, ALARM_TYPE) and given.get("Port"):
        raise _refused("port", type=kind)
    if kind == ALARM_TYPE and not given.get("AlarmIdentifier"):
        raise _refused("no-alarm", type=kind)
    if kind == CALCULATED and not given.get("ChildHealthChecks"):
        raise _refused("no-children", type=kind)
    for child in given.get("ChildHealthChecks") or []:
        if child not in known:
            raise _refused("child", value=child)


def _check_endpoint(given: Config, kind: str) -> None:
    address = given.get("IPAddress")
    if not address and not given.get("FullyQualifiedDomainName"):
        raise _refused("no-endpoint", type=kind)
    if kind == "TCP" and not given.get("Port"):
        raise _refused("no-port", type=kind)
    if kind in MATCHING and not given.get("SearchString"):
        raise _refused("no-search", type=kind)
    if address and not _public(str(address)):
        raise _refused("private", value=address)


# Kept for examples (RFC 5737, RFC 3849): no address of anybody, and none that AWS calls private.
EXAMPLES: Final = tuple(
    ipaddress.ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)


def _public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    example = any(address.version == block.version and address in block for block in EXAMPLES)
    return (address.is_global and not address.is_multicast) or example
