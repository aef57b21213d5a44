"""The host names that AWS gives caches. Source: docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html and examples in
the API reference of DescribeReplicationGroups.
"""

from __future__ import annotations

import re
from typing import Final

DOMAIN: Final = "cache.amazonaws.com"
_DIRECTIONS: Final = {
    "central": "c",
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
}


def region_short(region: str) -> str:
    """Return a Region's short form in host names: us-east-1 -> use1."""
    parts = re.split("-", region)
    return "".join(_DIRECTIONS.get(part, part) for part in parts)


def primary(group_id: str, hash_: str, region: str, *, tls: bool) -> str:
    """Return the name of the primary endpoint (cluster mode disabled)."""
    if tls:
        return f"master.{group_id}.{hash_}.{region_short(region)}.{DOMAIN}"
    return f"{group_id}.{hash_}.ng.0001.{region_short(region)}.{DOMAIN}"


def reader(group_id: str, hash_: str, region: str, *, tls: bool) -> str:
    """Return the name of the reader endpoint (cluster mode disabled)."""
    if tls:
        return f"replica.{group_id}.{hash_}.{region_short(region)}.{DOMAIN}"
    return f"{group_id}-ro.{hash_}.ng.0001.{region_short(region)}.{DOMAIN}"


def configuration(group_id: str, hash_: str, region: str, *, tls: bool) -> str:
    """Return the name of the configuration endpoint (cluster mode enabled)."""
    if tls:
        return f"clustercfg.{group_id}.{hash_}.{region_short(region)}.{DOMAIN}"
    return f"{group_id}.{hash_}.clustercfg.{region_short(region)}.{DOMAIN}"


def node(node_id: str, group_id: str, hash_: str, region: str, *, tls: bool) -> str:
    """Return the name of one node."""
    if tls:
        return f"{node_id}.{group_id}.{hash_}.{region_short(region)}.{DOMAIN}"
    return f"{node_id}.{hash_}.0001.{region_short(region)}.{DOMAIN}"


def serverless(name: str, hash_: str, region: str) -> str:
    """Return the name of a serverless cache, which always speaks TLS."""
    return f"{name}-{hash_}.serverless.{region_short(region)}.{DOMAIN}"
