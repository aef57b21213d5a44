"""A replication group as AWS's API tells of it, and its events: plain data, read only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from redis.crc import key_slot

from .cloud import Ask, CloudError
from .errors import OpsError

AVAILABLE = "available"
# botocore elasticache, TestFailover: up to 15 node groups in any rolling 24-hour period.
MOST_TESTS, TEST_HOURS = 15, 24
# botocore elasticache, TestFailover: the events of a failover in the order in which they occur.
STAGES = ("called", "promoted", "told", "recovering", "recovered")
WORDS = {
    "called": "Test Failover API called for node group {shard}",
    "promoted": "Failover from primary node {old} to replica node {new} completed (its node)",
    "told": "Failover from primary node {old} to replica node {new} completed (the group)",
    "recovering": "Recovering cache nodes",
    "recovered": "Finished recovery for cache nodes",
}
CALLED = re.compile(r"Test Failover API called for node group (?P<shard>\d+)", re.IGNORECASE)
COMPLETED = re.compile(r"Failover from primary node (?P<old>\S+) to replica node (?P<new>\S+) completed", re.IGNORECASE)
MOST_TAGS = 1_000_000  # a shard with one slot of 16384 is met long before


@dataclass(frozen=True)
class Event:
    """One event of DescribeEvents."""

    at: datetime
    kind: str  # SourceType: replication-group, cache-cluster
    source: str
    text: str


@dataclass(frozen=True)
class Shard:
    """A node group. slots: as AWS writes them ("0-8191,9000"), empty with cluster mode disabled. primary: where AWS tells."""

    number: str
    members: tuple[str, ...]
    slots: str
    primary: str | None


@dataclass(frozen=True)
class Group:
    """A replication group."""

    id: str
    region: str
    status: str
    clustered: bool
    automatic_failover: str
    multi_az: str
    shards: tuple[Shard, ...]
    global_role: str | None = None

    def shard(self, number: str) -> Shard:
        """Return a shard; OpsError names those that there are."""
        found = next((shard for shard in self.shards if shard.number == number), None)
        if found is None:
            known = ", ".join(shard.number for shard in self.shards) or "none yet"
            raise OpsError(f"--shard {number}: group {self.id} has {known}. Nothing was touched")
        return found


def group_of_stack(stack: str, outputs: Mapping[str, Any], asked: str | None) -> tuple[str, str]:
    """Return the id and region of a stack's group, from its ARN; OpsError when `asked` is another one."""
    arn = str(outputs.get("elasticache_arn") or "")
    # arn:aws:elasticache:REGION:ACCOUNT:replicationgroup:ID
    parts = arn.split(":")
    if len(parts) != 7 or parts[5] != "replicationgroup":
        raise OpsError(f"stack {stack}: no output elasticache_arn; a stack with an ElastiCacheHaGroup exports it")
    if asked not in (None, parts[6]):
        raise OpsError(f"--group {asked}: stack {stack} has the group {parts[6]}. Nothing was touched")
    return parts[6], parts[3]


def read_group(ask: Ask, group_id: str, region: str) -> Group:
    """Ask AWS for a group."""
    try:
        found = ask("elasticache", "describe_replication_groups", {"ReplicationGroupId": group_id}, region)
    except CloudError as error:
        if error.code == "ReplicationGroupNotFoundFault":
            raise OpsError(f"group {group_id}: AWS knows none in {region}") from None
        raise
    row = found["ReplicationGroups"][0]
    shards = [
        Shard(
            str(shard["NodeGroupId"]),
            tuple(str(member["CacheClusterId"]) for member in shard.get("NodeGroupMembers") or []),
            str(shard.get("Slots") or ""),
            next(
                (
                    str(member["CacheClusterId"])
                    for member in shard.get("NodeGroupMembers") or []
                    if member.get("CurrentRole") == "primary"
                ),
                None,
            ),
        )
        for shard in row.get("NodeGroups") or []
    ]
    return Group(
        id=group_id,
        region=region,
        status=str(row["Status"]),
        clustered=bool(row.get("ClusterEnabled")),
        automatic_failover=str(row.get("AutomaticFailover") or "disabled"),
        multi_az=str(row.get("MultiAZ") or "disabled"),
        shards=tuple(shards),
        global_role=(row.get("GlobalReplicationGroupInfo") or {}).get("GlobalReplicationGroupMemberRole"),
    )


def read_events(ask: Ask, region: str, since: datetime) -> list[Event]:
    """Return what happened in a region since a time, oldest first. AWS keeps 14 days."""
    found: list[Event] = []
    for kind in ("replication-group", "cache-cluster"):
        more: dict[str, Any] = {}
        while True:
            given = {"SourceType": kind, "StartTime": since, **more}
            answer = ask("elasticache", "describe_events", given, region)
            for row in answer.get("Events") or []:
                at = row["Date"] if row["Date"].tzinfo else row["Date"].replace(tzinfo=UTC)
                found.append(Event(at, kind, str(row.get("SourceIdentifier")), str(row.get("Message"))))
            if not answer.get("Marker"):
                break
            more = {"Marker": answer["Marker"]}
    return sorted(found, key=lambda event: event.at)


def tested(events: Sequence[Event], now: datetime) -> set[str]:
    """Return the node groups, as GROUP/SHARD, for which TestFailover was called within AWS's 24 hours."""
    since = now - timedelta(hours=TEST_HOURS)
    calls = ((event, CALLED.search(event.text)) for event in events if event.at > since)
    return {f"{event.source}/{found['shard'].zfill(4)}" for event, found in calls if found}


def stages(events: Sequence[Event], group: Group, shard: Shard, since: datetime) -> dict[str, Event]:
    """Return the first event of each stage of a shard's failover since a time, by STAGES."""
    found: dict[str, Event] = {}
    for event in events:
        stage = _stage(event, group, shard) if event.at > since else None
        # The replaced node recovers after the promotion; another one's recovery before it is another story.
        if stage and stage not in found and (stage in STAGES[:3] or "promoted" in found or "told" in found):
            found[stage] = event
    return found


def _stage(event: Event, group: Group, shard: Shard) -> str | None:
    if event.kind == "replication-group" and event.source == group.id:
        called = CALLED.search(event.text)
        if called:
            return "called" if called["shard"].zfill(4) == shard.number else None
    done = COMPLETED.search(event.text)
    if done:
        if done["old"] not in shard.members and done["new"] not in shard.members:
            return None
        return "promoted" if event.kind == "cache-cluster" else "told"
    if event.kind == "cache-cluster" and event.source in shard.members:
        if event.text.startswith("Recovering cache nodes"):
            return "recovering"
        if event.text.startswith("Finished recovery for cache nodes"):
            return "recovered"
    return None


def in_order(found: Mapping[str, Event]) -> bool:
    """Tell whether the stages that were seen came in AWS's order."""
    times = [found[stage].at for stage in STAGES if stage in found]
    return all(before <= after for before, after in pairwise(times))


def tag_of(slots: str) -> str:
    """Return a hash tag whose keys are of a shard: "{12}", empty where there are no slots."""
    if not slots:
        return ""
    ranges = [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in slots.split(","))]
    for number in range(MOST_TAGS):
        tag = f"{{{number}}}"
        if any(first <= key_slot(tag.encode()) <= last for first, last in ranges):
            return tag
    raise OpsError(f"no key was found for the slots {slots}")
