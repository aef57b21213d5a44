"""Which health checks Route 53 can make of what: public endpoints, alarms for the rest, several together. No resources."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Any

from redis_ha.amazon import REGION
from redis_ha.arguments import Checks, kind_of, shown
from redis_ha.inputs import holds_output

from .authority import COLOURS
from .names import HOST_NAME, normal
from .settings import AlarmCheck, CalculatedCheck, ColourHealth, EndpointCheck, PartCheck, TrafficHealth

PART_KINDS = ("endpoint", "alarm", "health_check_id")
KINDS = ("endpoint", "alarm", "calculated", "health_check_id")
PROTOCOLS = ("https", "http", "tcp")
DEFAULT_PORTS = {"https": 443, "http": 80}
# botocore, route53 2013-04-01: HealthCheckConfig.RequestInterval ("10 or 30": docs.aws.amazon.com, Route53/latest/APIReference,
# API_HealthCheckConfig), FailureThreshold, ResourcePath and SearchString, ChildHealthChecks.
INTERVALS = (10, 30)
DEFAULT_INTERVAL = 30
MIN_FAILURES, MAX_FAILURES, DEFAULT_FAILURES = 1, 10, 3
MAX_PATH = 255
MAX_SEARCH = 255
MAX_PARTS = 256
PATH = re.compile(rf"/[!-~]{{0,{MAX_PATH - 1}}}")
SEARCH = re.compile(rf"[^\x00-\x08\x0b\x0c\x0e-\x1f]{{1,{MAX_SEARCH}}}")
PART_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
# What the words mean to AWS (botocore, route53 2013-04-01, InsufficientDataHealthStatus).
INSUFFICIENT_DATA = {"healthy": "Healthy", "unhealthy": "Unhealthy", "last_known": "LastKnownStatus"}
# Names that lead into a VPC or nowhere in public: an internal load balancer's (docs.aws.amazon.com, elasticloadbalancing,
# "Internal load balancers"), a cache's, those reserved for private use (RFC 6762, RFC 8375, ICANN resolution 2024.07.29.06).
PRIVATE_NAME = re.compile(
    r"internal-.*\.elb\.amazonaws\.com(\.cn)?|.*\.cache\.amazonaws\.com(\.cn)?|.*\.(internal|local|home\.arpa)"
)
# Route 53 has private health checks since botocore 1.44; pulumi-aws 7.51.1 has no argument for them.
OUTSIDE = "pulumi-aws has only the checkers of Route 53 that are outside of every VPC"
REMEDY = "watch it by a CloudWatch alarm (alarm) instead"


def check_health(checks: Checks, names: Collection[str], *, private: bool) -> tuple[str, ...]:
    """Check `health`; return the colours that have a health check. `names` are those of the gated records."""
    health = checks.mapping("health")
    given = Checks(health)
    given.known(tuple(TrafficHealth.__annotations__))
    for colour in COLOURS:
        if health.get(colour) is not None:
            _check_one(given, colour, health[colour], tuple(ColourHealth.__annotations__), names, private=private)
    checks.problems += given.under("health")
    return tuple(colour for colour in COLOURS if health.get(colour) is not None)


def _check_one(
    given: Checks, argument: str, settings: Any, kinds: tuple[str, ...], names: Collection[str], *, private: bool
) -> None:
    if not isinstance(settings, Mapping):
        given.refuse(argument, f"{kind_of(settings)} is no health check; give one of {', '.join(kinds)}")
        return
    inner = Checks(settings)
    inner.known(kinds)
    named = [kind for kind in kinds if settings.get(kind) is not None]
    if len(named) != 1 and not inner.problems:
        listed = ", ".join(named) or "none"
        inner.refuse("", f"{listed} given; give exactly one of {', '.join(kinds)}")
    for kind in named:
        value = settings[kind]
        if kind == "health_check_id":
            continue
        if not isinstance(value, Mapping):
            inner.refuse(kind, f"{kind_of(value)} is no mapping")
            continue
        part = Checks(value)
        if kind == "endpoint":
            _endpoint(part, names, private=private)
        elif kind == "alarm":
            _alarm(part)
        else:
            _calculated(part, names, private=private)
        inner.problems += part.under(kind)
    given.problems += inner.under(argument)


def _endpoint(part: Checks, names: Collection[str], *, private: bool) -> None:
    part.known(tuple(EndpointCheck.__annotations__))
    if private:
        part.refuse("", f"{OUTSIDE} and cannot see what a private zone leads to; {REMEDY}")
        return
    host, address = part.args.get("host"), part.args.get("ip_address")
    if host is None and address is None:
        part.refuse("host", "is missing; give a public host name, or a public address as ip_address")
    if host is not None and not holds_output(host):
        wrong = wrong_host(host, names)
        if wrong is not None:
            part.refuse("host", wrong)
    if address is not None and not holds_output(address):
        wrong = wrong_address(address)
        if wrong is not None:
            part.refuse("ip_address", wrong)
    _request(part)


def _request(part: Checks) -> None:
    protocol = part.one_of("protocol", PROTOCOLS[0], PROTOCOLS)
    if part.args.get("port") is None and protocol not in DEFAULT_PORTS:
        part.refuse("port", "is missing; tcp has no port of its own")
    part.whole("port", 1, 1, 65535)
    for argument, pattern, hint in (
        ("path", PATH, "a path such as /healthy"),
        ("search_string", SEARCH, "1 to 255 characters"),
    ):
        if part.args.get(argument) is None:
            continue
        part.text(argument, None, pattern, hint)
        if protocol == "tcp":
            part.refuse(argument, "needs http or https; tcp only connects: leave it out")
    interval = part.whole("interval_seconds", DEFAULT_INTERVAL, min(INTERVALS), max(INTERVALS))
    if interval not in INTERVALS:
        part.refuse("interval_seconds", f"{interval} is none of Route 53's intervals; use 10 or 30")
    part.whole("failure_threshold", DEFAULT_FAILURES, MIN_FAILURES, MAX_FAILURES)


def wrong_host(host: object, names: Collection[str]) -> str | None:
    """Return why a host name cannot be checked; None when it can."""
    if not isinstance(host, str) or not HOST_NAME.fullmatch(host):
        return f"{shown(host)} is not a full host name such as blue.example.com"
    if normal(host) in names:
        return (
            f"{host!r} is a record that the check decides about: it would check what it decided; name the colour's own endpoint"
        )
    if PRIVATE_NAME.fullmatch(normal(host)):
        return f"{host!r} is private, and {OUTSIDE}; {REMEDY}"
    return None


def wrong_address(address: object) -> str | None:
    """Return why an address cannot be checked; None when it can."""
    try:
        found = ipaddress.ip_address(address) if isinstance(address, str) else None
    except ValueError:
        found = None
    if found is None:
        return f"{shown(address)} is no IP address"
    if not found.is_global or found.is_multicast:
        # botocore, route53 2013-04-01, HealthCheckConfig.IPAddress: no local, private, non-routable or multicast ranges.
        return f"{address!r} is no public address, and {OUTSIDE}; {REMEDY}"
    return None


def _alarm(part: Checks) -> None:
    part.known(tuple(AlarmCheck.__annotations__))
    name = part.args.get("name")
    if name is None or name == "":
        part.refuse("name", "is missing; give the alarm's name")
    if part.args.get("region") is not None:
        part.text("region", None, REGION, "a region of AWS such as eu-central-1")
    part.one_of("insufficient_data", "last_known", tuple(INSUFFICIENT_DATA))


def _calculated(part: Checks, names: Collection[str], *, private: bool) -> None:
    part.known(tuple(CalculatedCheck.__annotations__))
    parts = part.mapping("parts")
    if not 1 <= len(parts) <= MAX_PARTS:
        part.refuse("parts", f"{len(parts)} of them; give 1 to {MAX_PARTS}")
    inner = Checks(parts)
    for name, settings in parts.items():
        if not PART_NAME.fullmatch(name):
            inner.refuse(name, "is no name for a part: 1 to 31 lower-case letters, digits and hyphens")
        _check_one(inner, name, settings, tuple(PartCheck.__annotations__), names, private=private)
    part.problems += inner.under("parts")
    part.whole("healthy_parts", max(len(parts), 1), 1, max(len(parts), 1))
