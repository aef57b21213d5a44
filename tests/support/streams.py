"""Writers that go on while a test breaks something: threads on a synchronous client and tasks on an asyncio one."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.support.waiting import wait_until

PACE_SECONDS = 0.01  # six writers must not eat the machine
EACH = 3  # threads, and as many tasks


class Stream:
    """A writer that adds numbers to a set until it is told to stop; a command that fails ends it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.acknowledged: list[int] = []
        self.stopped = threading.Event()

    def lost(self, client: Any) -> list[int]:
        """Return which of the acknowledged numbers are not in the set."""
        kept = client.smismember(self.key, self.acknowledged)
        return [number for number, there in zip(self.acknowledged, kept, strict=True) if not there]

    def write(self, client: Any) -> None:
        while not self.stopped.is_set():
            client.sadd(self.key, len(self.acknowledged))
            self.acknowledged.append(len(self.acknowledged))
            time.sleep(PACE_SECONDS)

    async def awrite(self, client: Any) -> None:
        while not self.stopped.is_set():
            await client.sadd(self.key, len(self.acknowledged))
            self.acknowledged.append(len(self.acknowledged))
            await asyncio.sleep(PACE_SECONDS)


def counts(streams: Sequence[Stream]) -> list[int]:
    """Return how many numbers each stream has got acknowledged."""
    return [len(stream.acknowledged) for stream in streams]


@contextlib.contextmanager
def streams_of(client: Any, make_async: Callable[[], Any]) -> Iterator[list[Stream]]:
    """Write with 3 threads and 3 tasks until the block ends; then every writer must have lived on without one error."""
    streams = [Stream(f"stream-{i}") for i in range(2 * EACH)]

    async def tasks() -> None:
        async_client = make_async()
        async with async_client:
            # return_exceptions: the client is closed when all tasks ended, not when the first one failed.
            ended = await asyncio.gather(*(stream.awrite(async_client) for stream in streams[EACH:]), return_exceptions=True)
            pool: Any = getattr(async_client, "connection_pool", None)
            assert pool is None or len(pool._in_use_connections) == 0
        for error in ended:
            if error is not None:
                raise error

    with ThreadPoolExecutor() as threads:
        running: list[Future[None]] = [threads.submit(asyncio.run, tasks())]
        running += [threads.submit(stream.write, client) for stream in streams[:EACH]]
        writers = [*running[1:], *[running[0]] * EACH]
        try:
            wait_until(lambda: all(len(stream.acknowledged) > 10 for stream in streams), "all writers write")
            yield streams
            before = counts(streams)
            wait_until(
                lambda: all(
                    len(stream.acknowledged) > count + 10 or one.done()
                    for stream, count, one in zip(streams, before, writers, strict=True)
                ),
                "all writers write again or have failed",
            )
        finally:
            for stream in streams:
                stream.stopped.set()
        for one in running:
            one.result()
