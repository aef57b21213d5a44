"""What has to be so before a failover of a shard is asked for: plain answers to plain data."""

from __future__ import annotations

from datetime import timedelta

from redis_ha_ops import group, managed
from redis_ha_ops.findings import Finding
from redis_ha_ops.group import MOST_TESTS, TEST_HOURS, Group
from redis_ha_ops.managed import ManagedLook
from redis_ha_ops.runbook.plan import Answer, Check

from .subject import Drill

# A replica that lacks more than this would be promoted without it; what is under way in a busy group is far below.
MOST_LAG_BYTES = 1024**2


def checks(drill: Drill) -> list[Check]:
    """Return what has to be so."""
    return [
        Check("group", lambda: fits(drill.read(), drill.shard)),
        Check("AWS's limit", lambda: limit(_tested(drill), f"{drill.group_id}/{drill.shard}")),
        Check("replicas in sync", lambda: in_sync(managed.look(drill.managed)), may_be_unknown=not drill.measure),
    ]


def fits(seen: Group, number: str) -> Answer:
    """Tell whether a group can be tested."""
    shard = seen.shard(number)
    if seen.status != group.AVAILABLE:
        return Answer("against", f"{seen.id} is {seen.status}: one change at a time, wait until it is available")
    if (seen.global_role or "").lower() == "secondary":
        return Answer("against", f"{seen.id} follows another region, which takes the writes: test the failover there")
    if seen.automatic_failover != "enabled":
        return Answer("against", f"automatic failover is {seen.automatic_failover}: nothing would be promoted")
    if seen.multi_az != "enabled":
        return Answer("against", f"Multi-AZ is {seen.multi_az}: replica and primary may be in one zone")
    if len(shard.members) < 2:
        return Answer("against", f"shard {number} has no replica")
    return Answer("fits", f"available, {len(shard.members)} nodes in shard {number}, Multi-AZ and automatic failover are on")


def limit(tested: set[str], wanted: str) -> Answer:
    """Tell whether AWS's limit allows one more: it counts node groups, and one that was tested already counts once."""
    of = f"{len(tested)} of {MOST_TESTS} node groups were tested within {TEST_HOURS} h, by the events of this region"
    if len(tested | {wanted}) > MOST_TESTS:
        return Answer("against", f"{of}: AWS would refuse this one")
    return Answer("fits", f"{of}; AWS may block the call during large events")


def in_sync(seen: ManagedLook) -> Answer:
    """Tell whether the endpoints show replicas that have what the primary has."""
    wrong = [one for one in seen.findings if one.severity in {"broken", "degraded"}]
    if wrong:
        return Answer("unknown" if all(_unreached(one) for one in wrong) else "against", f"{wrong[0].subject} {wrong[0].text}")
    behind = [node for node in seen.nodes if node.role == "replica" and (node.lag_bytes or 0) > MOST_LAG_BYTES]
    if behind:
        return Answer("against", f"{behind[0].address} is {behind[0].lag_bytes} bytes behind")
    replicas = [node for node in seen.nodes if node.role == "replica"]
    if any(node.lag_bytes is None for node in replicas):
        return Answer("fits", f"{len(replicas)} replicas answer; how far they are behind is not told")
    return Answer(
        "fits", f"{len(replicas)} replicas, at most {max((node.lag_bytes or 0 for node in replicas), default=0)} bytes behind"
    )


def _unreached(finding: Finding) -> bool:
    return finding.code == "unreachable"


def _tested(drill: Drill) -> set[str]:
    now = drill.now()
    return group.tested(group.read_events(drill.ask, drill.region, now - timedelta(hours=TEST_HOURS)), now)
