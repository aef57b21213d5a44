"""The metrics of every node of the account at the end of a minute: the nodes are asked, and what they say is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pulumi_emulator.aws.cloudwatch.series import MINUTE, Key, Sample, key
from pulumi_emulator.aws.elasticache import metrics
from pulumi_emulator.aws.elasticache.account import Account, Region
from pulumi_emulator.aws.elasticache.global_members import SECONDARY
from pulumi_emulator.aws.elasticache.metrics import OF_GROUPS, Value, published
from pulumi_emulator.aws.elasticache.model import CACHE_NODE_ID, Group
from pulumi_emulator.aws.elasticache.model import Node as GroupNode
from pulumi_emulator.aws.elasticache.node_types import room
from pulumi_emulator.caches.measure import Reading
from pulumi_emulator.errors import EmulatorError

NAMESPACE: Final = "AWS/ElastiCache"


@dataclass
class Known:
    """What is known of a node: its last reading, the one that its processor's share begins at, and the last share."""

    last: Reading
    cpu_from: Reading | None
    cpu: tuple[float, float] | None = None


class Measuring:
    """Asks the nodes once a minute of the account's time. What is counted is in the minute in which it was seen."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._known: dict[str, Known] = {}

    def __call__(self, now: int) -> list[tuple[str, Key, Sample]]:
        """Return the samples of the minute that ends, at its begin: one that is gone, or does not answer, has none."""
        if not self.account.has_plane:
            return []
        with self.account.lock:
            groups = [(region, group) for region in self.account.regions.values() for group in region.groups.values()]
        known, self._known = self._known, {}
        found: list[tuple[str, Key, Sample]] = []
        for region, group in groups:
            for node, values in self._of_group(group, known):
                found += _samples(region, group, node, values, now - MINUTE)
        return found

    def _of_group(self, group: Group, known: Mapping[str, Known]) -> Iterator[tuple[GroupNode, dict[str, Value]]]:
        plane = self.account.plane
        try:
            readings, roles = plane.readings(group.group_id), plane.roles(group.group_id)
            lag = plane.lag(group.group_id) if group.global_role == SECONDARY else None
        except EmulatorError:  # its nodes are not there yet, or not any more
            return
        for node in list(group.nodes):
            reading, role = readings.get(node.node_id), roles.get(node.node_id, "")
            if reading is None:
                continue
            before = known.get(node.node_id)
            entry = self._known[node.node_id] = _measured(reading, before)
            yield (
                node,
                published(
                    metrics.Node(
                        now=reading,
                        before=before.last if before else None,
                        role=role,
                        room=room(group.node_type),
                        cpu=entry.cpu,
                        global_lag=lag if role == metrics.PRIMARY else None,
                    )
                ),
            )


def _measured(reading: Reading, before: Known | None) -> Known:
    """Return what is known of a node now. Minutes that follow too soon, because the clock was advanced, keep the last share."""
    since = before.cpu_from if before else None
    share = metrics.cpu_share(reading, since)
    if share is None:
        return Known(reading, since, before.cpu if before else None)
    return Known(reading, reading, share)


def _samples(
    region: Region, group: Group, node: GroupNode, values: Mapping[str, Value], time: int
) -> Iterator[tuple[str, Key, Sample]]:
    """Yield a node's values by the dimensions that they are published under."""
    of_node = {"CacheClusterId": node.node_id}
    of_group = {"ReplicationGroupId": group.group_id}
    role = "Primary" if values["IsMaster"].total else "Replica"
    for name, value in values.items():
        mean = value.total / value.number
        sample = Sample(time, value.number, value.total, mean, mean, value.unit)
        wanted = [of_node, {**of_node, "CacheNodeId": CACHE_NODE_ID}]
        if name in OF_GROUPS:
            wanted += [of_group, {**of_group, "NodeGroupId": node.shard}, {**of_group, "Role": role}]
        for dimensions in wanted:
            yield region.name, key(NAMESPACE, name, dimensions), sample


def tags_of(account: Account, region: str, metric: Key) -> Mapping[str, str]:
    """Return the tags of the group that a metric is of: ElastiCache gives a group's tags to its nodes."""
    own = dict(metric.dimensions)
    node_id, group_id = own.get("CacheClusterId"), own.get("ReplicationGroupId")
    with account.lock:
        place = account.regions.get(region)
        for group in place.groups.values() if place else ():
            if group.group_id == group_id or any(node.node_id == node_id for node in group.nodes):
                return dict(place.tags.get(place.arn("replicationgroup", group.group_id), {})) if place else {}
    return {}
