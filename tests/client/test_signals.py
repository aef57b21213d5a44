"""A signal handler that writes while its thread, or its event loop, waits in another command of the same client."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_client import aio, connect
from tests.support.connecting import POLICY
from tests.support.every_kind import WRITING_KINDS, EveryKind
from tests.support.global_processes import WorldNames
from tests.support.losses import lose, mended
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("kind", WRITING_KINDS)]

PATIENT = replace(POLICY, total_seconds=SLOWEST_SECONDS)
QUEUE, VALUE = "{own}queue", b"from the handler"


@pytest.fixture(autouse=True)
def mending(every: EveryKind, every_name: WorldNames, kind: str) -> Iterator[None]:
    with mended(every, every_name, kind):
        yield


def interrupt(every: EveryKind, name: str) -> None:
    wait_until(lambda: every.listed(name, blocked=True), "the command waits on its node")
    os.kill(os.getpid(), signal.SIGUSR1)


def test_a_command_rides_over_a_lost_node(every: EveryKind, every_name: WorldNames, kind: str) -> None:
    """redis/redis-py#565. The handler runs while BLPOP waits; the node dies first, then the handler writes."""
    name, done = f"signal-{kind}".replace(" ", "-"), list[Any]()
    to, _ = every.documents(kind)
    client: Any = connect(to.connection, to.credentials, policy=PATIENT, client_name=name)

    def handle(*_: object) -> None:
        lose(every, every_name, kind, "killed")
        done.append(client.set("{own}handled", 1))
        client.rpush(QUEUE, VALUE)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with ThreadPoolExecutor(1) as threads:
            interrupting = threads.submit(interrupt, every, name)
            assert client.blpop([QUEUE], timeout=SLOWEST_SECONDS) == (QUEUE.encode(), VALUE)
            interrupting.result()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert done == [True]
    client.close()


def test_a_task_rides_over_a_lost_node(every: EveryKind, every_name: WorldNames, kind: str) -> None:
    name = f"signal-task-{kind}".replace(" ", "-")
    to, _ = every.documents(kind)

    async def use() -> None:
        client: Any = aio.connect(to.connection, to.credentials, policy=PATIENT, client_name=name)
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[Any]] = []

        async def write() -> Any:
            await client.set("{own}handled", 1)
            return await client.rpush(QUEUE, VALUE)

        def handle() -> None:
            lose(every, every_name, kind, "killed")
            tasks.append(loop.create_task(write()))

        loop.add_signal_handler(signal.SIGUSR1, handle)
        popped = asyncio.create_task(client.blpop([QUEUE], timeout=SLOWEST_SECONDS))
        await asyncio.to_thread(interrupt, every, name)
        assert await popped == (QUEUE.encode(), VALUE)
        assert await tasks[0] == 1
        loop.remove_signal_handler(signal.SIGUSR1)
        await client.aclose()

    asyncio.run(use())
