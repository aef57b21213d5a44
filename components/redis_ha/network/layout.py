"""Which subnet lies in which zone, as plain data. No Pulumi."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis_ha.arguments import Checks, InvalidArgumentsError, network

# docs.aws.amazon.com, VPC user guide, "VPC CIDR blocks": an IPv4 block is a /16 to a /28. A zone has an eighth of ours, and
# a subnet is at least a /28 too, of which AWS keeps five addresses; /22 leaves a zone 123.
WIDEST_PREFIX = 16
NARROWEST_PREFIX = 22
PRIVATE_RANGES = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
# A zone has its eighth by its letter, so that zones that come and go never move another zone's subnet.
LETTERS = "abcdefgh"
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
# ElastiCache places a group in two zones at least (docs.aws.amazon.com, AmazonElastiCache, "Minimizing downtime: Multi-AZ").
FEWEST_ZONES = 2


@dataclass(frozen=True)
class Layout:
    """A VPC's range and the range of each zone's subnet."""

    region: str
    ip_range: str
    subnets: Mapping[str, str]


def make_layout(what: str, args: Mapping[str, Any], known: Sequence[str]) -> Layout:
    """Check the arguments and lay out the subnets. Raises InvalidArgumentsError with all that is wrong with them."""
    checks = Checks(args)
    checks.known(known)
    region = checks.text("region", None, REGION, "a region such as eu-central-1")
    zones = checks.texts(
        "zones", re.compile(rf"{re.escape(region)}[{LETTERS}]"), f"a zone of the region, {region}a to {region}h"
    )
    if not checks.refused("zones") and len(zones) < FEWEST_ZONES:
        checks.refuse("zones", f"{list(zones)} names {len(zones)}; name at least {FEWEST_ZONES} different zones")
    text = checks.text("ip_range", None, re.compile(r"[0-9./]+"), "a private IPv4 range such as 10.50.0.0/20")
    ip_range = network(text) if text else None
    if text and not checks.refused("ip_range"):
        _check_range(checks, text, ip_range)
    checks.switch("protect", default=True)
    if checks.problems or not isinstance(ip_range, ipaddress.IPv4Network):
        raise InvalidArgumentsError(what, checks.problems)
    parts = list(ip_range.subnets(prefixlen_diff=3))
    return Layout(region, str(ip_range), {zone: str(parts[LETTERS.index(zone[-1])]) for zone in zones})


def _check_range(checks: Checks, text: str, found: object) -> None:
    if not isinstance(found, ipaddress.IPv4Network) or not any(found.subnet_of(private) for private in PRIVATE_RANGES):
        checks.refuse("ip_range", f"{text!r} is no private IPv4 range in CIDR form (RFC 1918); use one such as 10.50.0.0/20")
    elif not WIDEST_PREFIX <= found.prefixlen <= NARROWEST_PREFIX:
        checks.refuse("ip_range", f"{text!r} is a /{found.prefixlen}; use a /{WIDEST_PREFIX} to a /{NARROWEST_PREFIX}")
