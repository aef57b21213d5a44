"""Runbooks on an emulated AWS whose cache nodes are on paper: nobody answers there, and a call can be the caller's last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.aws.access import environment_of
from redis_ha_ops import cloud
from redis_ha_ops.drill.subject import Drill
from redis_ha_ops.findings import Finding
from redis_ha_ops.managed import ManagedLook, managed_of
from redis_ha_ops.runbook.desk import Desk
from redis_ha_ops.runbook.records import SsmRecords
from tests.support.aws_world import REGION, PaperPlane, World
from tests.support.cache_outputs import outputs_of
from tests.support.fake_cloud import Killed


@pytest.fixture(scope="module")
def calls(world: World) -> Iterator[cloud.Ask]:
    """Ask and change as on a real account."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in environment_of(world.endpoint).items():
            environment.setenv(name, value)
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield cloud.calls_of("shop", Path(), emulated=False)


class Killing:
    """Calls of which the caller does not survive number `at`. `after`: it was done, and only those that change are counted."""

    def __init__(self, calls: cloud.Ask, at: int | None = None, *, after: bool = False) -> None:
        self.calls, self.at, self.after = calls, at, after
        self.count, self.dead = 0, False

    def __call__(self, service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        if self.dead:
            raise Killed
        counted = self.count
        self.count += not (self.after and operation.startswith(cloud.READING))
        self.dead = self.count == self.at != counted
        if self.dead and not self.after:
            raise Killed
        answer = self.calls(service, operation, given, region)
        if self.dead:
            raise Killed
        return answer


def drill_of(world: World, calls: cloud.Ask, group_id: str, **changes: Any) -> Drill:
    outputs = outputs_of(world, group_id)
    made = managed_of("shop", outputs, emulated=True)
    given: dict[str, Any] = {
        "group_id": group_id,
        "shard": "0001",
        "region": REGION,
        "rate": 50.0,
        "seconds": 5.0,
        "measure": False,
    }
    return Drill(ask=calls, name="shop", managed=made, now=lambda: datetime.now(UTC), **(given | changes))


def desk_of(calls: cloud.Ask, folder: Path, said: list[str] | None = None) -> Desk:
    records = SsmRecords(calls, f"/redis-ha/{folder.name}/elasticache", REGION)
    tell: Callable[[str], None] = (said if said is not None else []).append
    return Desk(records, folder, tell, operator="ann@one", sleep=lambda _: time.sleep(0.01), renew_seconds=3600.0)


@pytest.fixture
def whole_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a failover on paper leave all of AWS's events, in AWS's order."""
    promote = PaperPlane.test_failover

    def test_failover(plane: PaperPlane, group_id: str, shard: str) -> None:
        old = plane.primaries[group_id][shard]
        plane.emit(group_id, "replication-group", group_id, f"Test Failover API called for node group {shard}", None)
        new = next(node.node_id for node in plane.specs[group_id].nodes if node.shard == shard and node.node_id != old)
        plane.emit(group_id, "cache-cluster", old, f"Failover from primary node {old} to replica node {new} completed", None)
        promote(plane, group_id, shard)
        plane.emit(group_id, "cache-cluster", old, "Recovering cache nodes 0001", None)
        plane.emit(group_id, "cache-cluster", old, "Finished recovery for cache nodes 0001", None)

    monkeypatch.setattr(PaperPlane, "test_failover", test_failover)


def unreached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper nodes answer nobody: not waited for."""
    found = [Finding("broken", "unreachable", "primary", "no such name")]
    monkeypatch.setattr("redis_ha_ops.managed.look", lambda _: ManagedLook((), found))
