"""Which event loop an asyncio client works in, and how it leaves one that has ended.

Sockets, locks and waiting tasks belong to the loop that made them. A client that outlives its loop (several asyncio.run, a loop
for each test) dials anew in the next one. Two loops that run at the same time would disturb each other: the second is refused.
"""

import asyncio
import contextlib
from typing import Any, Self

from redis_ha_client.errors import OtherLoopError


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread; None where the garbage collector closes what a loop has left."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def refuse_beside(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to work beside `loop`, to which the client belongs, if it runs (in another thread)."""
    if loop.is_running():
        raise OtherLoopError(
            "this client is at work in another event loop, which runs: make one client for each event loop "
            "(redis_ha_client.aio.connect), or hand the coroutine to that loop (asyncio.run_coroutine_threadsafe)"
        )


class Home:
    """The event loop that a client works in."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def moved(self) -> bool:
        """Tell whether the loop is another one than the last time, so that locks have to be made anew."""
        loop, before = asyncio.get_running_loop(), self._loop
        if loop is before:
            return False
        if before is not None:
            refuse_beside(before)
        self._loop = loop
        return before is not None

    def ended(self) -> bool:
        """Tell whether nothing can be waited for here: another loop runs, or none. Refuse beside the client's own at work."""
        if self._loop is None or self._loop is running_loop():
            return False
        refuse_beside(self._loop)
        return True


class LeftByLoops:
    """What redis-py's clients need so that an `async with` may be left behind by its loop, and collected during another one."""

    _home: Home
    _inside: asyncio.AbstractEventLoop | None = None
    _left = 0  # who went in during an earlier loop, and was not collected yet
    _usage_counter: int

    def _move(self) -> None:
        """Leave an event loop that has ended."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        """Go in."""
        loop = asyncio.get_running_loop()
        if loop is not self._inside:
            if self._inside is not None:
                refuse_beside(self._inside)
            self._left += self._usage_counter
            self._usage_counter = 0
            self._inside = loop
        client: Self = await super().__aenter__()  # type: ignore[misc]  # redis-py's
        return client

    async def __aexit__(self, kind: type[BaseException] | None, *more: object) -> None:
        """Go out; the last one closes. Nothing can be waited for where the garbage collector ends what a loop has left.

        An async generator that is closed also ends by GeneratorExit, and waits, in its own loop.
        """
        if kind is not GeneratorExit or (running_loop() is self._inside and not self._left):
            await super().__aexit__(kind, *more)  # type: ignore[misc]  # redis-py's
        elif self._left:
            self._left -= 1
        else:
            self._usage_counter -= 1
            with contextlib.suppress(OtherLoopError):  # it is at work there
                if not self._usage_counter and self._home.ended():
                    self._move()


def cut(writer: asyncio.StreamWriter) -> None:
    """Close a stream without its loop."""
    transport: Any = writer.transport
    try:
        transport.abort()
    except RuntimeError:  # a closed loop takes no calls: make the one that it would have made
        below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", transport)
        lost = getattr(below, "_call_connection_lost", None)  # CPython asyncio/selector_events.py; another loop's may have none
        with contextlib.suppress(RuntimeError):  # of a task that waits in the closed loop
            if lost is not None:
                lost(None)
