"""The HealthMonitor in an event loop."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
import inspect
import os
import time
from typing import Any, Self

from redis_ha_client.aio.making import client_of
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
from redis_ha_client.watching import Monitor, log_failed_callback
from redis_ha_client.wiring import Settings


class Prober:
    """A client of its own that asks whether the deployment takes writes."""

    def __init__(self, settings: Settings, key_prefix: str) -> None:
        self.settings = settings
        self.key_prefix = key_prefix
        self._client: Any = client_of(settings)
        self._asks_role = True

    async def probe(self) -> Failure | None:
        """Write once; return None, or why the deployment did not take it."""
        try:
            if isinstance(self.settings.connection, ClusterConnection):
                await self._write_to_shards()
            else:
                await self._write_to_master()
        except NotTheMasterError as error:
            await self.close()  # the next dial looks for the master
            return failure_of(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, no write was answered; a monitor that ended would tell nobody
            return failure_of(error)
        return None

    async def _write_to_shards(self) -> None:
        slots = await self._client.whole_layout()
        pipeline = self._client.pipeline()
        for key in shard_keys(primaries_of(slots), self.key_prefix):
            pipeline.execute_command(*set_command(key))
        check_replies(await pipeline.execute(raise_on_error=False))

    async def _write_to_master(self) -> None:
        write = set_command(self.key_prefix + KEY)
        if self._asks_role:
            pipeline = self._client.pipeline(transaction=True)
            pipeline.execute_command("ROLE")
            pipeline.execute_command(*write)
            try:
                replies = await pipeline.execute()
            except Exception as error:
                if not role_not_allowed(error):
                    raise
            else:
                check_master(replies)
                return
        await self._client.execute_command(*write)
        self._asks_role = False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class HealthMonitor(Monitor):
    """The asyncio twin of `redis_ha_client.HealthMonitor`: a task that probes with an asyncio client of its own.

    Arguments and errors are the same. `start()` needs a running event loop, and `await stop()` ends the task there;
    `async with` does both. A callback may be a coroutine function: it is awaited before the next probe. While something
    blocks the loop nothing is probed; the monitor with a thread sees the outage then too, and takes an asyncio client as well.
    """

    _task: "asyncio.Task[None] | None" = None

    def start(self) -> Self:
        """Start the task, which probes at once; does nothing when it runs already."""
        if self._process == os.getpid() and self._task is not None and not self._task.done():
            return self
        self._begin()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="redis-ha-health")
        return self

    async def stop(self) -> None:
        """End the task; does nothing when it does not run. A probe under way is broken off."""
        task, self._task = self._task, None
        if self._process != os.getpid():
            return
        self._process = None
        if task is None or task is asyncio.current_task():
            return
        task.cancel()
        await asyncio.wait([task])

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _run(self) -> None:
        prober = Prober(self.settings, self.key_prefix)
        own = asyncio.current_task()
        try:
            while self._task is own:
                began = time.monotonic()
                change = self._take(await prober.probe())
                if change is not None:
                    await self._tell(change)
                self._leave_if_due()
                await asyncio.sleep(wait_seconds(began, time.monotonic(), self.preset.interval_seconds))
        finally:
            await prober.close()

    async def _tell(self, change: Change) -> None:
        for callback in self._on_change:
            try:
                answer = callback(change)
                if inspect.isawaitable(answer):
                    await answer
            except Exception as error:  # noqa: BLE001 - it is logged
                log_failed_callback(callback, error)
