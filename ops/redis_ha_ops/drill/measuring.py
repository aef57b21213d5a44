"""Writes and a health monitor around something that a runbook does: what an application saw of it, as plain data."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

import redis_ha_client
from redis_ha_client import HealthMonitor
from redis_ha_client.health import preset_of
from redis_ha_ops.errors import OpsError

from . import ledger
from .load import APPLICATION, PROBE, Clock, Load, Target, clean_up, read_back
from .run import BASELINE_SECONDS, CALM_SECONDS, SETTLE_SECONDS, TICK_SECONDS

PRESET = "recommended"  # of the health monitor that watches beside the writers
LOGGER = "redis_ha_client"
# The first writes pay for many TLS handshakes at once: on a busy computer some of them fail.
WARM_SECONDS = 60.0
MOST_LINES = 200  # log lines that a report keeps


@dataclass
class Measured:
    """What was seen. cut: when what is measured was asked for; all times in seconds since the run began.

    health: each change of the monitor's state. lines: what redis_ha_client logged. losses by writer, None: not read back.
    """

    rate: float
    began_wall: float
    operations: dict[str, list[ledger.Operation]] = field(default_factory=dict)
    losses: dict[str, ledger.Loss | None] = field(default_factory=dict)
    cut: float | None = None
    recovered: bool = False
    health: list[tuple[float, str]] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)
    trouble: str | None = None
    notice_seconds: float = 0.0

    def outage(self, name: str = PROBE) -> ledger.Outage | None:
        """Return the outage as a writer saw it; None when nothing was cut."""
        if self.cut is None:
            return None
        return ledger.outage(self.operations.get(name, []), self.cut, self.rate)

    def silent_seconds(self) -> float | None:
        """Return the longest time without an acknowledged write of any writer; None when nothing was cut or acknowledged."""
        if self.cut is None:
            return None
        every = [one for operations in self.operations.values() for one in operations]
        return ledger.outage(every, self.cut, self.rate).longest_gap_seconds


class Measuring:
    """Two writers and a monitor, from `start` to `stop`. tag: a hash tag, so that all that is written is of one shard."""

    def __init__(self, target: Target, prefix: str, rate: float, tag: str = "") -> None:
        self.target = target
        self.clock = Clock()
        try:
            self.load = Load(target, self.clock, f"{prefix}:{tag}" if tag else prefix, rate)
        except (RedisError, OSError) as error:
            raise OpsError(
                f"the writers cannot connect: {error}. Run it where the endpoint's name leads to the cache"
            ) from None
        self.seen = Measured(rate, self.clock.began_wall, notice_seconds=preset_of(PRESET)[1].notice_seconds)
        self._monitor = HealthMonitor(
            self.load.application_client, preset=PRESET, key_prefix=f"{prefix}:", on_change=[self._changed]
        )
        self._handler = _Lines(self.seen, self.clock)

    def start(self, check: Callable[[], None]) -> None:
        """Write until nothing has failed for BASELINE_SECONDS; OpsError if that fails. check: called often, may raise."""
        logging.getLogger(LOGGER).addHandler(self._handler)
        try:
            self.load.start()
        except (RedisError, OSError) as error:
            raise OpsError(
                f"the writers cannot connect: {error}. Run it where the endpoint's name leads to the cache"
            ) from None
        self._monitor.start()
        began = self.clock.now()
        while True:
            check()
            time.sleep(TICK_SECONDS)
            self._count()
            failed = [one for each in self.seen.operations.values() for one in each if one.error]
            calm_since = max((one.finished for one in failed), default=began)
            if self.clock.now() - calm_since >= BASELINE_SECONDS:
                return
            if self.clock.now() - began >= WARM_SECONDS:
                kinds = ", ".join(ledger.errors(failed))
                raise OpsError(f"writes fail without a failover ({kinds}): nothing was called")

    def cut(self) -> None:
        """Say that what is measured begins now."""
        self.seen.cut = self.clock.now()

    def since_cut(self) -> float:
        """Return the seconds since `cut`."""
        return 0.0 if self.seen.cut is None else self.clock.now() - self.seen.cut

    def calm(self, *, disturbed: bool = True) -> bool:
        """Tell whether writes are acknowledged (again), the application's too, and the monitor says so.

        disturbed: only after some were not; a planned switch may disturb none.
        """
        self._count()
        now, cut = self.clock.now(), self.seen.cut or 0.0
        operations = self.seen.operations[PROBE]
        if disturbed or any(one.disturbed for one in operations if one.finished >= cut):
            whole = ledger.recovered(operations, cut, now, CALM_SECONDS)
        else:
            whole = any(one.finished >= now - CALM_SECONDS for one in operations)
        whole = whole and any(one.finished >= now - CALM_SECONDS for one in self.seen.operations[APPLICATION])
        self.seen.recovered = self.seen.recovered or whole
        return whole and self.seen.health[-1:] != [] and self.seen.health[-1][1] == "up"

    def stop(self) -> Measured:
        """End the writers, read back what they wrote, delete it, and return what was seen."""
        self.load.stop(patiently=True)
        self._count()
        self._monitor.stop()
        logging.getLogger(LOGGER).removeHandler(self._handler)
        time.sleep(SETTLE_SECONDS)
        self._read_back()
        self.load.close()
        return self.seen

    def give_up(self) -> None:
        """End the writers without counting; the keys end by their time to live."""
        logging.getLogger(LOGGER).removeHandler(self._handler)
        self._monitor.stop()
        self.load.stop(patiently=False)
        self.load.close()

    def _read_back(self) -> None:
        with contextlib.closing(redis_ha_client.connect(self.target.connection, self.target.credentials)) as reader:
            for writer in self.load.writers():
                operations = self.seen.operations[writer.name]
                self.seen.losses[writer.name] = None
                try:
                    self.seen.losses[writer.name] = ledger.loss(operations, read_back(reader, writer, operations))
                except (RedisError, OSError) as error:
                    self.seen.trouble = f"reading back: {error}"
                clean_up(reader, writer, operations)

    def _count(self) -> None:
        for writer in self.load.writers():
            self.seen.operations[writer.name] = writer.operations()

    def _changed(self, change: Mapping[str, Any]) -> None:
        self.seen.health.append((self.clock.now(), str(change["state"])))


class _Lines(logging.Handler):
    """Keeps what redis_ha_client logs."""

    def __init__(self, seen: Measured, clock: Clock) -> None:
        super().__init__(logging.INFO)
        self.seen = seen
        self.clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        if len(self.seen.lines) < MOST_LINES:
            self.seen.lines.append((self.clock.now(), f"{record.levelname} {record.name}: {record.getMessage()}"))
