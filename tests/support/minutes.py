"""The emulated CloudWatch of a served endpoint, minute by minute as a test says, and what nodes on paper say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pulumi_emulator.aws.cloudwatch.monitor import Monitor
from pulumi_emulator.aws.cloudwatch.service import CloudWatch
from pulumi_emulator.caches.measure import Calls, Reading
from tests.support.aws_world import World

MINUTE = 60
NAMESPACE = "AWS/ElastiCache"
NO_CALLS = Calls(0, 0)


class Minutes:
    """Minutes that end when a test says so."""

    def __init__(self, world: World, monitor: Monitor) -> None:
        self.world = world
        self.monitor = monitor
        self.now = int(world.account.clock.now().timestamp()) // MINUTE * MINUTE
        self.cloudwatch = world.client("cloudwatch")

    def go(self, count: int = 1) -> None:
        """Let minutes end; what follows from them is done when this returns."""
        for _ in range(count):
            self.now += MINUTE
            self.monitor.minute(self.now)
            self.world.account.clock.advance(0)

    def put(self, name: str, value: float | None, **more: Any) -> None:
        """Publish a value of the minute that goes on, None for none, and let it end."""
        if value is not None:
            datum = {"MetricName": name, "Value": value, "Timestamp": datetime.fromtimestamp(self.now, UTC), **more}
            self.cloudwatch.put_metric_data(Namespace="test", MetricData=[datum])
        self.go()

    def state(self, alarm: str) -> tuple[str, str]:
        """Return an alarm's state, and why."""
        (found,) = self.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return found["StateValue"], found["StateReason"]

    def values(
        self, name: str, stat: str = "Average", minutes: int = 60, period: int = MINUTE, **dimensions: str
    ) -> list[float]:
        """Return a metric of ElastiCache in the minutes that have ended, the oldest first."""
        end = datetime.fromtimestamp(self.now, UTC)
        answer = self.cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=end - timedelta(minutes=minutes),
            EndTime=end,
            Period=period,
            Statistics=[stat],
        )
        return [float(point[stat]) for point in answer["Datapoints"]]


@contextmanager
def still(world: World) -> Iterator[Minutes]:
    """Let no minute end by itself in a block."""
    monitor = CloudWatch.monitor
    monitor.end()
    try:
        yield Minutes(world, monitor)
    finally:
        monitor.start()


def reading(taken: float = 0, reads: Calls = NO_CALLS, writes: Calls = NO_CALLS, **info: Any) -> Reading:
    """Return what a node says: INFO's fields, as far as they are not those of an idle one."""
    idle = {
        "run_id": "r1",
        "connected_clients": 1,
        "blocked_clients": 0,
        "used_memory": 1_000_000,
        "used_memory_rss": 2_000_000,
        "mem_not_counted_for_evict": 0,
        "mem_fragmentation_ratio": 1.5,
        "rdb_bgsave_in_progress": 0,
    }
    return Reading({name: str(value) for name, value in (idle | info).items()}, reads, writes, 0, taken)
