"""Nested arguments of WeightedBlueGreen and LiveColourRecord."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi


class TrafficAlias(TypedDict):
    """A load balancer that a record is an alias of."""

    name: pulumi.Input[str]
    """DNS name of the load balancer."""
    zone_id: pulumi.Input[str]
    """Id of the zone that the load balancer's name is in (its `zone_id`), not of the record's zone."""
    evaluate_target_health: NotRequired[bool]
    """Whether the record is left out while the load balancer has a target group without a healthy target. Default true. An
    empty target group counts as such: give each colour a load balancer of its own."""


class TrafficTarget(TypedDict):
    """Where a colour's record leads to: exactly one of these."""

    alias: NotRequired[TrafficAlias]
    """A load balancer: A or AAAA alias records, which have no time to live of their own."""
    host: NotRequired[pulumi.Input[str]]
    """A host name: a CNAME record."""
    address: NotRequired[pulumi.Input[str]]
    """An IPv4 address: an A record."""


class WeightedName(TypedDict):
    """One DNS name with a record for each colour."""

    blue: TrafficTarget
    """Where blue's record leads to."""
    green: TrafficTarget
    """Where green's record leads to; something else than blue's."""
    types: NotRequired[Sequence[str]]
    """Types of alias records: `A` (default), `AAAA`, or both for load balancers with IPv6 addresses."""
    ttl_seconds: NotRequired[int]
    """Seconds that resolvers keep both colours' records. Default: the component's `ttl_seconds`. Not for alias records."""
    adopt: NotRequired[bool]
    """Whether the records exist already, with these set identifiers, and are taken over without a change. Default false."""


class ColourWeights(TypedDict):
    """Weights of both colours; a colour's share of the answers is its weight by the sum."""

    blue: int
    """Blue's weight, 0 to 255."""
    green: int
    """Green's weight, 0 to 255."""


class ColourIdentifiers(TypedDict):
    """Set identifiers of both colours' records."""

    blue: NotRequired[str]
    """Blue's set identifier, 1 to 128 characters. Default `blue`."""
    green: NotRequired[str]
    """Green's set identifier. Default `green`."""


class EndpointCheck(TypedDict):
    """Route 53's checkers connect to a public endpoint; those that pulumi-aws has are outside of every VPC."""

    host: NotRequired[pulumi.Input[str]]
    """Public host name to check, another one than the records'. Either this or `ip_address`, or both: then it is the Host
    header."""
    ip_address: NotRequired[pulumi.Input[str]]
    """Public IP address to check."""
    protocol: NotRequired[str]
    """`https` (default), `http` or `tcp`."""
    port: NotRequired[int]
    """Port to connect to. Default 443 for https, 80 for http; tcp has none."""
    path: NotRequired[str]
    """Path to ask for, with http and https. Default `/`. A status of 2xx or 3xx is healthy."""
    search_string: NotRequired[str]
    """Text that the answer's first 5120 bytes have to hold, with http and https."""
    interval_seconds: NotRequired[int]
    """Seconds between a checker's requests: 10 or 30 (default). A change replaces the check."""
    failure_threshold: NotRequired[int]
    """Checks in a row that change the status, 1 to 10. Default 3."""


class AlarmCheck(TypedDict):
    """The state of a CloudWatch alarm. Use it for private targets."""

    name: pulumi.Input[str]
    """Name of the alarm. Route 53 watches its metric itself, with the threshold that the alarm had when the check was made."""
    region: NotRequired[str]
    """Region of the alarm. Default: the component's."""
    revision: NotRequired[pulumi.Input[str]]
    """Any text that changes whenever the alarm's metric or threshold does: the check is then submitted again."""
    insufficient_data: NotRequired[str]
    """Status of the check while the alarm has too little data: `healthy`, `unhealthy` or `last_known` (default)."""


class PartCheck(TypedDict):
    """One part of a calculated check: exactly one of these."""

    endpoint: NotRequired[EndpointCheck]
    """A check of a public endpoint."""
    alarm: NotRequired[AlarmCheck]
    """A check by a CloudWatch alarm."""
    health_check_id: NotRequired[pulumi.Input[str]]
    """Id of an existing health check."""


class CalculatedCheck(TypedDict):
    """Healthy while enough of other checks are."""

    parts: Mapping[str, PartCheck]
    """The other checks by names of your own, 1 to 256."""
    healthy_parts: NotRequired[int]
    """How many of them have to be healthy. Default: all."""


class ColourHealth(TypedDict):
    """The health check of a colour: exactly one of these."""

    endpoint: NotRequired[EndpointCheck]
    """By connecting to a public endpoint."""
    alarm: NotRequired[AlarmCheck]
    """By a CloudWatch alarm, also for private targets."""
    calculated: NotRequired[CalculatedCheck]
    """By several checks together."""
    health_check_id: NotRequired[pulumi.Input[str]]
    """By an existing health check."""


class TrafficHealth(TypedDict):
    """Health checks of the colours; a colour without one counts as healthy."""

    blue: NotRequired[ColourHealth]
    """Blue's."""
    green: NotRequired[ColourHealth]
    """Green's."""


class KnownRecord(TypedDict):
    """A record that the zone holds, as a look-up found it."""

    name: str
    """Full name."""
    type: str
    """Type, e.g. `CNAME`."""
    set_identifier: NotRequired[str]
    """Set identifier; simple records have none."""


class LiveTargets(TypedDict):
    """Host names of both colours."""

    blue: pulumi.Input[str]
    """Blue's host name, e.g. the primary endpoint of a cache."""
    green: pulumi.Input[str]
    """Green's host name; another one than blue's."""
