"""Names of your own for a group's endpoints: Route 53 CNAME records."""

import re
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import Checks

from .topology import Topology

# ElastiCache's own names follow a failover (with a short life of their own), so a record changes only when the group is
# replaced: a minute is what cloudposse/terraform-aws-elasticache-redis uses too.
DEFAULT_TTL_SECONDS = 60
# docs.aws.amazon.com, Route53/latest/APIReference, API_ResourceRecordSet, TTL.
MAX_TTL_SECONDS = 2_147_483_647
# docs.aws.amazon.com, Route53/latest/DeveloperGuide, DomainNameFormat; of that letters, digits, dashes and underscores.
HOST_NAME = re.compile(
    r"(?=.{1,255}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+\.?", re.IGNORECASE
)
ENDPOINTS = ("primary", "reader", "configuration")


class RecordSettings(TypedDict):
    """CNAME records for the group's endpoints.

    TLS: ElastiCache's certificate is for its own names only, so a client that connects by a record has to check it against
    ElastiCache's name, or TLS fails. `connection` never uses records. In cluster mode clients go on to the nodes' own names in
    any case.
    """

    zone_id: pulumi.Input[str]
    """Hosted zone of the records, a private one of the group's VPC as a rule."""
    primary: NotRequired[str]
    """Full name for the primary endpoint, without cluster mode, e.g. `cache.internal.example.com`."""
    reader: NotRequired[str]
    """Full name for the reader endpoint, without cluster mode."""
    configuration: NotRequired[str]
    """Full name for the configuration endpoint of cluster mode."""
    ttl: NotRequired[int]
    """Seconds that resolvers keep a record. Default 60."""


def check_records(settings: RecordSettings | None, topology: Topology) -> list[tuple[str, str]]:
    """Return what is wrong with the settings: (argument, reason). Only `zone_id` may be an Output."""
    if settings is None:
        return []
    checks = Checks(settings)
    given = checks.args
    checks.known(tuple(RecordSettings.__annotations__))
    if not given.get("zone_id"):
        checks.refuse("zone_id", "is missing; give the id of the hosted zone")
    names = {endpoint: given[endpoint] for endpoint in ENDPOINTS if given.get(endpoint) is not None}
    for endpoint in names:
        checks.text(endpoint, None, HOST_NAME, "a full host name such as cache.internal.example.com")
        if (endpoint == "configuration") != topology.clustered:
            right = "configuration" if topology.clustered else "primary and reader"
            checks.refuse(
                endpoint, f"a group with cluster_mode {topology.cluster_mode!r} has no {endpoint} endpoint; use {right}"
            )
    if topology.replicas == 0 and "reader" in names:
        checks.refuse("reader", "without a replica there is nobody else to read from; leave it out")
    if not names:
        checks.refuse(
            "configuration" if topology.clustered else "primary", "is missing; give the name that the record shall have"
        )
    texts = [name.rstrip(".").lower() for name in names.values() if isinstance(name, str)]
    if len(set(texts)) < len(texts):
        checks.refuse("reader", f"{given.get('reader')!r} is the primary's name too; one name cannot lead to both")
    checks.whole("ttl", DEFAULT_TTL_SECONDS, 0, MAX_TTL_SECONDS)
    return checks.under("record")


def make_records(
    place: Place, settings: RecordSettings, group: aws.elasticache.ReplicationGroup
) -> dict[str, aws.route53.Record]:
    """Make a record for each endpoint that has a name in the settings."""
    given: Mapping[str, Any] = settings
    addresses = {
        "primary": group.primary_endpoint_address,
        "reader": group.reader_endpoint_address,
        "configuration": group.configuration_endpoint_address,
    }
    return {
        endpoint: aws.route53.Record(
            f"{place.name}-{endpoint}-record",
            zone_id=given["zone_id"],
            name=given[endpoint],
            type="CNAME",
            ttl=int(given.get("ttl", DEFAULT_TTL_SECONDS)),
            records=[address],
            opts=place.child(),
        )
        for endpoint, address in addresses.items()
        if given.get(endpoint) is not None
    }
