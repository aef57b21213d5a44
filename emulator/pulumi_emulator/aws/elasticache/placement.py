"""How many nodes a new group has, which slots each shard serves, and which zone each node is in."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any, Final

from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.model import SLOTS, even_slots

MOST_REPLICAS: Final = 5  # botocore CreateReplicationGroup ReplicasPerNodeGroup
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/quota-limits.html: 90 nodes a cluster by default, 500 with a raised quota.
MOST_NODES: Final = 90
SHARD_ID: Final = re.compile(r"\d{1,4}")


@dataclass(frozen=True)
class Shard:
    """A shard of a new group: its slots and the zones of its nodes, the primary's first."""

    shard: str
    slots: str
    zones: tuple[str, ...]


def plan(given: dict[str, Any], zones: list[str], *, clustered: bool) -> list[Shard]:
    """Return the shards that CreateReplicationGroup's input asks for. `zones` are the subnet group's."""
    configuration = given.get("NodeGroupConfiguration", [])
    if "NumCacheClusters" in given and ("ReplicasPerNodeGroup" in given or given.get("NumNodeGroups", 1) > 1):
        raise refuse("one-count")
    if configuration and "PreferredCacheClusterAZs" in given:
        raise refuse("zones-or-configuration")
    count = given.get("NumNodeGroups", len(configuration) or 1)
    replicas = _replicas(given)
    check_shards(count, replicas)
    if count > 1 and not clustered:
        raise refuse("shards-need-cluster-mode", count=count)
    for zone in _named_zones(given):
        if zone not in zones:
            raise refuse("zone-unknown", zone=zone, zones=", ".join(zones))
    if configuration:
        return _configured(configuration, replicas, count, zones)
    wanted = given.get("PreferredCacheClusterAZs")
    if wanted and len(wanted) != count * (1 + replicas):
        raise refuse("zone-count", given=len(wanted), count=count * (1 + replicas))
    turn = itertools.cycle(wanted or zones)
    slots = even_slots(count)
    return [
        Shard(
            shard, slots[shard], tuple(itertools.islice(turn, 1 + replicas)) if wanted else around(zones, index, 1 + replicas)
        )
        for index, shard in enumerate(slots)
    ]


def around(zones: list[str], start: int, count: int) -> tuple[str, ...]:
    """Return the zones of a shard's nodes: another one each, beginning elsewhere for each shard."""
    return tuple(zones[(start + offset) % len(zones)] for offset in range(count))


def check_shards(count: int, replicas: int) -> None:
    """Refuse numbers that no group has."""
    if not 0 <= replicas <= MOST_REPLICAS:
        raise refuse("replica-count", most=MOST_REPLICAS, count=replicas)
    if not 1 <= count * (1 + replicas) <= MOST_NODES or count < 1:
        raise refuse("shard-count", most=MOST_NODES // (1 + replicas), count=count)


def _replicas(given: dict[str, Any]) -> int:
    if "NumCacheClusters" in given:
        clusters = int(given["NumCacheClusters"])
        if not 1 <= clusters <= 1 + MOST_REPLICAS:
            raise refuse("cluster-count", most=1 + MOST_REPLICAS, count=clusters)
        return clusters - 1
    if "ReplicasPerNodeGroup" in given:
        return int(given["ReplicasPerNodeGroup"])
    configuration = given.get("NodeGroupConfiguration", [])
    return max((int(entry.get("ReplicaCount", 0)) for entry in configuration), default=0)


def _named_zones(given: dict[str, Any]) -> list[str]:
    named = list(given.get("PreferredCacheClusterAZs", []))
    for entry in given.get("NodeGroupConfiguration", []):
        named += [entry["PrimaryAvailabilityZone"]] if "PrimaryAvailabilityZone" in entry else []
        named += entry.get("ReplicaAvailabilityZones", [])
    return named


def _configured(configuration: list[dict[str, Any]], replicas: int, count: int, zones: list[str]) -> list[Shard]:
    if len(configuration) != count:
        raise refuse("shard-count", most=len(configuration), count=count)
    even = even_slots(count)
    shards = []
    for index, entry in enumerate(configuration):
        shard = entry.get("NodeGroupId", f"{index + 1:04d}")
        if SHARD_ID.fullmatch(shard) is None:
            raise refuse("shard-id", id=shard)
        own = int(entry.get("ReplicaCount", replicas))
        check_shards(count, own)
        named = [entry.get("PrimaryAvailabilityZone"), *entry.get("ReplicaAvailabilityZones", [])]
        spread = around(zones, index, 1 + own)
        chosen = tuple((named[i] if i < len(named) else None) or spread[i] for i in range(1 + own))
        shards.append(Shard(shard.zfill(4), entry.get("Slots", even[f"{index + 1:04d}"]), chosen))
    _check_slots([shard.slots for shard in shards])
    return sorted(shards, key=lambda shard: shard.shard)


def _check_slots(texts: list[str]) -> None:
    covered: list[int] = []
    for text in texts:
        for part in text.split(","):
            bounds = re.fullmatch(r"(\d+)-(\d+)", part)
            if bounds is None:
                raise refuse("slots")
            covered += range(int(bounds[1]), int(bounds[2]) + 1)
    if sorted(covered) != list(range(SLOTS)):
        raise refuse("slots")
