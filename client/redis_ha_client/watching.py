"""What both HealthMonitors do with a probe's result: keep it, tell of a change of state, end the process if asked to."""

import logging
import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .clocks import moment
from .effective import Client, settings_of
from .errors import DocumentError
from .health import (
    RECOMMENDED,
    Change,
    Failure,
    Health,
    HealthPreset,
    HealthStatus,
    judge,
    leave_at,
    preset_of,
    status_of,
)
from .probing import probe_settings

LOGGER = logging.getLogger("redis_ha_client.health")
# sysexits.h: EX_TEMPFAIL. No supervisor takes it for a wanted end, as systemd does SIGTERM (systemd.service(5), Restart=).
EXIT_CODE = 75
EXIT_GRACE_SECONDS = 10.0
FLUSH_SECONDS = 1.0

OnChange = Callable[[Change], object]


class Monitor:
    """What a HealthMonitor is in either half. Read by any thread, changed by the monitor's own alone."""

    def __init__(
        self,
        client: Client,
        preset: str | HealthPreset = RECOMMENDED,
        *,
        key_prefix: str = "",
        on_change: Iterable[OnChange] = (),
        exit_when_down_seconds: float | None = None,
    ) -> None:
        self.preset_name, self.preset = preset_of(preset)
        self.settings = probe_settings(settings_of(client, "HealthMonitor knows"), self.preset, key_prefix)
        self.key_prefix = key_prefix
        self._on_change = _callables(on_change)
        self._exit_seconds = _seconds(exit_when_down_seconds)
        self._health = Health()
        self._exit_at: float | None = None
        self._process: int | None = None  # in which it runs; None: it was not started, or was stopped

    def status(self) -> HealthStatus:
        """Return what is known now, as plain data; may be called by any thread, and never waits."""
        return status_of(self._health, moment(), self.preset_name, self.preset, self._problem())

    def _problem(self) -> str | None:
        if self._process == os.getpid():
            return None
        if self._process is None:
            return "the monitor is not running: start() it"
        return f"the monitor runs in process {self._process}, of which this is a fork: start() it here"

    def _begin(self) -> None:
        """Forget what an earlier run, or the process of which this is a fork, has seen."""
        self._health = Health()
        self._exit_at = None
        self._process = os.getpid()

    def _take(self, failure: Failure | None) -> Change | None:
        """Keep a probe's result; return what to tell the callbacks, None when the state is as it was."""
        before, now = self._health, moment()
        after = self._health = judge(before, failure, now, self.preset.threshold)
        draw = random.random()  # noqa: S311 - jitter
        self._exit_at = leave_at(before, after, self._exit_at, self._exit_seconds, draw)
        if after.state == before.state:
            return None
        said = f"{failure.error}, outcome {failure.outcome}" if failure else "a write was answered"
        LOGGER.log(logging.WARNING if failure else logging.INFO, "%s, was %s: %s", after.state.upper(), before.state, said)
        return Change(**status_of(after, now, self.preset_name, self.preset), previous=before.state)

    def _leave_if_due(self) -> None:
        if self._exit_at is not None and time.monotonic() >= self._exit_at:
            self._exit_at = None
            LOGGER.critical("the deployment has taken no writes for too long: this process ends, to be started again")
            leave()


def log_failed_callback(callback: OnChange, error: Exception) -> None:
    """Log a callback's exception, which ends neither the monitor nor the other callbacks."""
    name = getattr(callback, "__qualname__", type(callback).__name__)
    LOGGER.error("on_change callback %s failed", name, exc_info=error)


def leave() -> None:
    """End this process for its supervisor to start it again.

    An application with a handler for SIGTERM gets that, and EXIT_GRACE_SECONDS for an end in order.
    """
    if signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, signal.SIG_IGN):
        _end()
    timer = threading.Timer(EXIT_GRACE_SECONDS, _end)
    timer.daemon = True
    timer.start()
    os.kill(os.getpid(), signal.SIGTERM)


def _end() -> None:
    flushing = threading.Thread(target=logging.shutdown, daemon=True)  # a handler may be what hangs
    flushing.start()
    flushing.join(FLUSH_SECONDS)
    os._exit(EXIT_CODE)


def _callables(given: Iterable[OnChange]) -> tuple[OnChange, ...]:
    listed: Any = given
    if callable(listed):
        raise DocumentError("on_change is one callable: give a list of them")
    callbacks = tuple(listed)
    for one in callbacks:
        if not callable(one):
            raise DocumentError(f"on_change holds a {type(one).__name__}: each must be callable with one argument, the change")
    return callbacks


def _seconds(value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise DocumentError(f"exit_when_down_seconds is {value!r}: must be a number of seconds above 0, or None for never")
    return value
