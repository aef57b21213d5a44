"""Endpoints documents of groups of real processes, and a stand-in for SSM that a test writes to; a client of either half."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from redis_ha_client import aio, connect, published
from tests.support.connecting import POLICY
from tests.support.managed_processes import ManagedGroup
from tests.support.waiting import wait_until

REGION = "eu-central-1"
PARAMETER = "/redis-ha/test/failover/group/endpoints"
CONNECTION = {"version": 1, "kind": "ssm", "parameter": PARAMETER, "region": REGION}


def endpoints_document(endpoints: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Give a document as the failover function writes it."""
    time = "2026-11-30T12:00:11.000Z"
    return {
        "version": 1,
        "group_id": "group",
        "region": REGION,
        "generation": 1,
        "raised": time,
        "written": time,
        "reason": "created",
        "event_name": "Schedule",
        "event_id": "95df01b4",
        "event_time": time,
        "state": "available",
        "endpoints": endpoints,
        "tls": False,
        "engine": "redis",
        "primary_member": None,
        "global_id": None,
        "global_role": None,
        **changes,
    }


def document_of(group: ManagedGroup, **changes: Any) -> dict[str, Any]:
    """Give the document of a group as its stack's own connection names it."""
    known = group.connection
    ends = {name: known[name] for name in ("primary", "reader", "configuration") if known.get(name)}
    return endpoints_document(ends, **{"tls": known["tls"], **changes})


@dataclass
class Parameters:
    """What stands in the parameter: a document, its text, None, or an error. Takes the place of `Parameter`."""

    value: Any = None
    asked: int = 0
    credentials: dict[str, Any] = field(default_factory=lambda: {"version": 1}, repr=False)
    connection: dict[str, Any] = field(default_factory=lambda: dict(CONNECTION))

    @classmethod
    def standing_in(cls, monkeypatch: pytest.MonkeyPatch) -> "Parameters":
        made = cls()
        monkeypatch.setattr(published, "Parameter", lambda *_, **__: made)
        return made

    def __str__(self) -> str:
        return f"SSM parameter {PARAMETER} in {REGION}"

    def __call__(self) -> str | None:
        self.asked += 1
        if isinstance(self.value, Exception):
            raise self.value
        return json.dumps(self.value) if isinstance(self.value, dict) else self.value


class Driven:
    """A client of either half, used from this thread."""

    def __init__(self, client: Any, start: Callable[[Callable[[Any], Any]], "Future[Any]"]) -> None:
        self.client = client
        self.start = start

    def do(self, use: Callable[[Any], Any]) -> Any:
        """Let `use` work with the client: it returns a value, or what is awaited for it."""
        return self.start(use).result()

    @property
    def known(self) -> published.Published:
        settings = getattr(self.client, "settings", None) or self.client.connection_pool.settings
        assert isinstance(settings.published, published.Published)
        return settings.published

    def due(self) -> None:
        """Let the next command begin to read, and not at a time."""
        self.known._wait = 0.0

    def read_again(self, use: Callable[[Any], Any] = lambda client: client.execute_command("PING")) -> None:
        """Let a command begin to read, and wait for that."""
        before = self.known._read_at
        self.due()
        self.do(use)
        wait_until(lambda: self.known._read_at != before, "a command has begun to read")
        thread = self.known._thread
        if thread is not None:
            thread.join()


@contextlib.contextmanager
def driven(to: Any, twin: str, **arguments: Any) -> Iterator[Driven]:
    """Give a client of a half: "sync" or "asyncio"."""
    given = {"policy": POLICY, **arguments}
    if twin == "sync":
        client: Any = connect(to.connection, to.credentials, **given)
        with contextlib.closing(client), ThreadPoolExecutor() as threads:
            yield Driven(client, lambda use: threads.submit(use, client))
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def made() -> Any:
        return aio.connect(to.connection, to.credentials, **given)

    async def awaited(use: Callable[[Any], Any]) -> Any:
        return await use(client)

    client = asyncio.run_coroutine_threadsafe(made(), loop).result()
    try:
        yield Driven(client, lambda use: asyncio.run_coroutine_threadsafe(awaited(use), loop))
    finally:
        asyncio.run_coroutine_threadsafe(client.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
