"""One test for both halves of the client: what the synchronous or the asyncio client does, with a fault."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.connecting import Documents, connected, in_async

TWINS = ("sync", "asyncio")
Commands = Sequence[tuple[Any, ...]]


async def settled(value: Any) -> Any:
    """Give what a call of either half gives."""
    return await value if inspect.isawaitable(value) else value


def used(to: Documents, twin: str, act: Callable[[Any], Coroutine[Any, Any, Any]], **arguments: Any) -> Any:
    """Let `act` work with a client of either half; it awaits `settled(client.get(key))`."""
    if twin == "asyncio":
        return in_async(to, act, **arguments)
    with connected(to, **arguments) as client:
        return asyncio.run(act(client))


def queued(pipeline: Any, commands: Commands) -> Any:
    """Queue raw commands."""
    for command in commands:
        pipeline.execute_command(*command)
    return pipeline


def executed(
    to: Documents,
    twin: str,
    commands: Commands,
    *,
    transaction: bool = False,
    raise_on_error: bool = True,
    before: Callable[[Any], object] = lambda _: None,
    meanwhile: Callable[[], object] = lambda: None,
    **arguments: Any,
) -> Any:
    """Give the replies of a pipeline, or the exception that its `execute` raised.

    before: called with the client when its connection is there and nothing of the pipeline is sent.
    meanwhile: called in another thread than the client's while the pipeline is executed.
    """
    key = commands[0][1]

    async def use(client: Any) -> Any:
        await client.type(key)
        await asyncio.to_thread(before, client)
        pipeline = queued(client.pipeline(transaction=transaction), commands)
        task = asyncio.ensure_future(pipeline.execute(raise_on_error=raise_on_error))
        try:
            await asyncio.to_thread(meanwhile)
        finally:
            await asyncio.wait([task])
        return task.exception() or task.result()

    if twin == "asyncio":
        return in_async(to, use, **arguments)
    with connected(to, **arguments) as client, ThreadPoolExecutor(1) as thread:
        client.type(key)
        before(client)
        future = thread.submit(queued(client.pipeline(transaction=transaction), commands).execute, raise_on_error)
        meanwhile()
        return future.exception() or future.result()
