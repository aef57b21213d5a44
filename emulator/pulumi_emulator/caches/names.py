"""Host names as ElastiCache makes them, and which nodes each stands for.

The patterns: docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html, and the endpoints in DescribeReplicationGroups'
examples of docs.aws.amazon.com/AmazonElastiCache/latest/APIReference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pulumi_emulator.caches.spec import GroupSpec

DOMAIN: Final = "cache.amazonaws.com"
# A region's compass direction in host names: us-east-1 is use1, ap-northeast-1 is apne1.
DIRECTIONS: Final = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
}
# Of a configuration endpoint's nodes; more would not fit into one UDP answer of 512 bytes.
MOST_ANSWERS: Final = 8

Kind = Literal["primary", "reader", "node", "configuration"]


@dataclass(frozen=True)
class HostName:
    """One name of a group: what it leads to, and for a node's own name which one."""

    name: str
    kind: Kind
    node_id: str = ""


def short_region(region: str) -> str:
    """Return a region as host names have it: "use1" for us-east-1."""
    area, *middle, number = region.split("-")
    return area + "".join(DIRECTIONS.get(part, part[:1]) for part in middle) + number


def primary_name(spec: GroupSpec, *, tls: bool) -> str:
    """Return the name that leads to the primary (cluster mode off)."""
    if tls:
        return f"master.{spec.group_id}.{_suffix(spec)}"
    return f"{spec.group_id}.{spec.hash}.ng.0001.{_region(spec)}"


def reader_name(spec: GroupSpec, *, tls: bool) -> str:
    """Return the name that leads to the replicas in turn (cluster mode off)."""
    if tls:
        return f"replica.{spec.group_id}.{_suffix(spec)}"
    return f"{spec.group_id}-ro.{spec.hash}.ng.0001.{_region(spec)}"


def configuration_name(spec: GroupSpec, *, tls: bool) -> str:
    """Return the name that leads to any node (cluster mode on)."""
    if tls:
        return f"clustercfg.{spec.group_id}.{_suffix(spec)}"
    return f"{spec.group_id}.{spec.hash}.clustercfg.{_region(spec)}"


def node_name(spec: GroupSpec, node_id: str, *, tls: bool) -> str:
    """Return a node's own name."""
    if tls:
        return f"{node_id}.{spec.group_id}.{_suffix(spec)}"
    return f"{node_id}.{spec.hash}.0001.{_region(spec)}"


def host_names(spec: GroupSpec) -> list[HostName]:
    """Return every name of a group; a group that serves TLS and plain text has the names of both."""
    found: list[HostName] = []
    for tls in [form for form, served in ((True, spec.tls), (False, spec.plain_port is not None)) if served]:
        if spec.cluster:
            found.append(HostName(configuration_name(spec, tls=tls), "configuration"))
        # Also for one shard with cluster mode on: in mode "compatible" clients use both kinds of endpoint.
        if len(spec.shards) == 1:
            found.append(HostName(primary_name(spec, tls=tls), "primary"))
            found.append(HostName(reader_name(spec, tls=tls), "reader"))
        found.extend(HostName(node_name(spec, node.node_id, tls=tls), "node", node.node_id) for node in spec.nodes)
    return found


def certificate_names(spec: GroupSpec) -> list[str]:
    """Return what a group's certificate is made out to: its names of both forms, so that TLS can be switched on later."""
    region = _region(spec)
    return [
        f"*.{spec.group_id}.{_suffix(spec)}",
        f"{spec.group_id}.{spec.hash}.ng.0001.{region}",
        f"{spec.group_id}-ro.{spec.hash}.ng.0001.{region}",
        f"{spec.group_id}.{spec.hash}.clustercfg.{region}",
        f"*.{spec.hash}.0001.{region}",
    ]


def answers(name: HostName, addresses: Mapping[str, str], roles: Mapping[str, str], turn: int) -> list[str]:
    """Return the addresses that a name stands for at its `turn`-th question.

    A reader's answer is one replica, each in its turn (docs.aws.amazon.com, Replication.Endpoints.html; a resolver may sort
    several, RFC 6724, and always take the same); with no replica it is the primary (repost.aws, "Expected reader endpoint
    behaviour on sole replica being promoted to primary"). A node's own name stays when the node is gone.
    """
    if name.kind == "node":
        return [addresses[name.node_id]]
    primaries = [addresses[node] for node, role in roles.items() if role == "primary"]
    replicas = [addresses[node] for node, role in roles.items() if role == "replica"]
    if name.kind == "primary":
        return primaries[:1]
    if name.kind == "reader":
        return _turned(replicas or primaries, turn)[:1]
    return _turned(primaries + replicas, turn)[:MOST_ANSWERS]


def _turned(values: list[str], turn: int) -> list[str]:
    first = turn % len(values) if values else 0
    return values[first:] + values[:first]


def _region(spec: GroupSpec) -> str:
    return f"{short_region(spec.region)}.{DOMAIN}"


def _suffix(spec: GroupSpec) -> str:
    return f"{spec.hash}.{_region(spec)}"
