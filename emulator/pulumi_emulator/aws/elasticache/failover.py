"""TestFailover, and what the data plane tells of failovers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from pulumi_emulator.aws.elasticache import describe, events
from pulumi_emulator.aws.elasticache.account import Account, Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.jobs import MODIFYING, check_available, run
from pulumi_emulator.aws.elasticache.operations import operation

# docs.aws.amazon.com/goto/WebAPI/elasticache/TestFailover: up to 15 node groups in any rolling 24-hour period.
MOST_TESTS: Final = 15
TEST_PERIOD: Final = timedelta(hours=24)


@operation("TestFailover", "ReplicationGroupId NodeGroupId")
def test_failover(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Let a shard's primary die; the data plane promotes a replica and brings the dead node back."""
    group = region.group(given["ReplicationGroupId"])
    shard = given["NodeGroupId"].zfill(4)
    if shard not in group.slots:
        raise refuse("node-group-unknown", shard=given["NodeGroupId"])
    check_available(region, group)
    if not group.automatic_failover:
        raise refuse("test-failover-off", id=group.group_id)
    if len(group.of_shard(shard)) < 2:
        raise refuse("test-failover-alone", shard=shard)
    time = region.now()
    recent = [entry for entry in region.test_failovers if entry[0] > time - TEST_PERIOD]
    key = f"{group.group_id}/{shard}"
    if len({entry[1] for entry in recent} | {key}) > MOST_TESTS:
        raise refuse("test-failover-limit", most=MOST_TESTS)
    region.test_failovers = [*recent, (time, key)]
    plane = region.account.plane
    run(region, group, MODIFYING, lambda: plane.test_failover(group.group_id, shard), lambda: None)
    return {"ReplicationGroup": describe.replication_group(region, group)}


def told(account: Account, group_id: str, source_type: str, source: str, message: str, sns_event: str | None) -> None:
    """Take an event of the data plane: it is in DescribeEvents from then on, and its message goes to the group's topic."""
    with account.lock:
        found = account.group(group_id)
        if found is None:
            return
        region, group = found
        events.record(region, source_type, source, message)
        if sns_event is not None:
            events.publish(region, group, sns_event.removeprefix(events.PREFIX), source)
