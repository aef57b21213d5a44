"""The HealthMonitor in a thread."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import os
import threading
import time
from typing import Any, Self

from redis_ha_client.documents import ClusterConnection
from redis_ha_client.errors import NotTheMasterError
from redis_ha_client.health import Change, Failure, wait_seconds
from redis_ha_client.probing import (
    KEY,
    check_master,
    check_replies,
    failure_of,
    primaries_of,
    role_not_allowed,
    set_command,
    shard_keys,
)
from redis_ha_client.sync.making import client_of
from redis_ha_client.watching import LOGGER, Monitor, log_failed_callback
from redis_ha_client.wiring import Settings

STOP_SLACK_SECONDS = 5.0  # beside a probe's budget: for callbacks, and a look-up that Python cannot interrupt


class Prober:
    """A client of its own that asks whether the deployment takes writes."""

    def __init__(self, settings: Settings, key_prefix: str) -> None:
        self.settings = settings
        self.key_prefix = key_prefix
        self._client: Any = None
        self._asks_role = True

    def probe(self) -> Failure | None:
        """Write once; return None, or why the deployment did not take it."""
        try:
            if self._client is None:
                self._client = client_of(self.settings)
            if isinstance(self.settings.connection, ClusterConnection):
                self._write_to_shards()
            else:
                self._write_to_master()
        except NotTheMasterError as error:
            self.close()  # the next dial looks for the master
            return failure_of(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, no write was answered; a monitor that ended would tell nobody
            return failure_of(error)
        return None

    def _write_to_shards(self) -> None:
        slots = self._client.whole_layout()
        pipeline = self._client.pipeline()
        for key in shard_keys(primaries_of(slots), self.key_prefix):
            pipeline.execute_command(*set_command(key))
        check_replies(pipeline.execute(raise_on_error=False))

    def _write_to_master(self) -> None:
        write = set_command(self.key_prefix + KEY)
        if self._asks_role:
            pipeline = self._client.pipeline(transaction=True)
            pipeline.execute_command("ROLE")
            pipeline.execute_command(*write)
            try:
                replies = pipeline.execute()
            except Exception as error:
                if not role_not_allowed(error):
                    raise
            else:
                check_master(replies)
                return
        self._client.execute_command(*write)
        self._asks_role = False

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


class HealthMonitor(Monitor):
    """Probes in a thread of its own, with connections of its own, whether a client's deployment takes writes.

    client: one that `connect` or `aio.connect` made, not for reading (`reader=True`). The monitor takes its settings, and no
        connection of it.
    preset: `recommended` (default), `tutorial-30s`, `tutorial-5s`, `tutorial-2s` (PRESETS), or a HealthPreset.
    key_prefix: what the probe's key begins with, default nothing. The key is `redis-ha:health`, a string that expires after
        60 s; in cluster mode `redis-ha:health:{N}`, one for each shard. The client's user must be allowed to SET it. Without
        cluster mode ROLE is asked in the same transaction, unless the user may not.
    on_change: callables, called in the monitor's thread with one argument (Change) after each change of state. While one runs
        nothing is probed. What one raises is logged and ends nothing.
    exit_when_down_seconds: end the process after it has been DOWN for between once and twice this time, for a supervisor to
        start it again: by SIGTERM if the application has a handler for it, and 10 s later, or at once without one, with exit
        code 75. Default None: never.

    `with HealthMonitor(client) as monitor:` starts and stops it. A fork of the process has no thread of the monitor: there
    the status is unknown until `start()`. Raises DocumentError for an unusable argument.
    """

    _thread: threading.Thread | None = None
    _stopping = threading.Event()

    def start(self) -> Self:
        """Start the thread, which probes at once; does nothing when it runs already."""
        if self._thread is not None and self._thread.is_alive():  # in a fork it is not
            return self
        self._begin()
        self._stopping = stopping = threading.Event()
        prober = Prober(self.settings, self.key_prefix)
        self._thread = threading.Thread(target=self._run, args=(prober, stopping), name="redis-ha-health", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread; does nothing when it does not run. Waits for a probe under way, which its budget ends."""
        thread, self._thread = self._thread, None
        if self._process != os.getpid():
            return
        self._process = None
        self._stopping.set()
        if thread is None or thread is threading.current_thread():
            return
        thread.join(self.preset.total_seconds + STOP_SLACK_SECONDS)
        if thread.is_alive():
            LOGGER.warning("the monitor's thread still waits (for a callback, or for a name): it ends after that")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, prober: Prober, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set():
                began = time.monotonic()
                failure = prober.probe()
                if stopping.is_set():
                    break
                change = self._take(failure)
                if change is not None:
                    self._tell(change)
                self._leave_if_due()
                stopping.wait(wait_seconds(began, time.monotonic(), self.preset.interval_seconds))
        finally:
            prober.close()

    def _tell(self, change: Change) -> None:
        for callback in self._on_change:
            try:
                callback(change)
            except Exception as error:  # noqa: BLE001 - it is logged
                log_failed_callback(callback, error)
