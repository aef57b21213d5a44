"""What a test of the failover is about: a shard of a stack's group, how it is asked, and what writes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis_ha_ops import group
from redis_ha_ops.automation import Automation
from redis_ha_ops.cloud import Ask
from redis_ha_ops.group import Group
from redis_ha_ops.managed import Managed

from .measuring import Measured, Measuring


@dataclass
class Drill:
    """What the drill is about, and what it holds in memory: writers do not survive the tool."""

    ask: Ask  # may change
    name: str  # the stack's
    managed: Managed
    group_id: str
    shard: str
    region: str
    now: Callable[[], datetime]
    rate: float
    seconds: float
    measure: bool = True
    automation: Automation | None = None
    alarms: list[str] = field(default_factory=list)
    measuring: Measuring | None = None
    measured: Measured | None = None

    def read(self) -> Group:
        """Ask AWS for the group."""
        return group.read_group(self.ask, self.group_id, self.region)

    @property
    def connection(self) -> Mapping[str, Any]:
        """As drill.load.Target has it."""
        found: Mapping[str, Any] = self.managed.documents["connection"]
        return found

    @property
    def credentials(self) -> Mapping[str, Any]:
        """As drill.load.Target has it."""
        found: Mapping[str, Any] = self.managed.documents["credentials"]
        return found

    def let_go(self) -> None:
        """End the writers of a run that ended in the middle."""
        if self.measuring is not None:
            self.measuring.give_up()
            self.measuring = None
