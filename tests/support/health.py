"""A HealthMonitor, of either half of the client, for a block; and what it says meanwhile."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from redis_ha_client import HealthMonitor, HealthPreset, aio, health_wsgi
from tests.support.waiting import wait_until

# Probes follow each other closely; a probe's budget is what a busy machine needs for an answer.
QUICK = HealthPreset(interval_seconds=0.05, threshold=2, total_seconds=0.5, connect_seconds=0.3, read_seconds=0.3)


@contextlib.contextmanager
def monitored(client: Any, twin: str, **arguments: Any) -> Iterator[Any]:
    """Give a running monitor: `twin` is "sync", a thread, or "asyncio", a task in a loop in another thread."""
    arguments = {"preset": QUICK, **arguments}
    if twin == "sync":
        with HealthMonitor(client, **arguments) as monitor:
            yield monitor
        return
    other = aio.HealthMonitor(client, **arguments)
    over = threading.Event()

    async def run() -> None:
        async with other:
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        yield other
    finally:
        over.set()
        thread.join()


def wait_for(monitor: Any, state: str) -> None:
    """Wait until the monitor says so."""
    wait_until(lambda: monitor.status()["state"] == state, lambda: f"the monitor says {state}: {monitor.status()}")


def asked(monitor: Any, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    """Ask the monitor's WSGI application, which wsgiref judges meanwhile: status line, headers, body."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    got: list[Any] = []
    body = validator(health_wsgi(monitor))(environ, lambda *told: got.append(told) or (lambda _: None))  # type: ignore[func-returns-value]
    content = b"".join(body)
    body.close()  # type: ignore[attr-defined]
    return got[0][0], dict(got[0][1]), content
