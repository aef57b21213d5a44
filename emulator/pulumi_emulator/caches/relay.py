"""One port for TLS and plain text (`transit_encryption_mode = "preferred"`): ElastiCache has it, redis-server does not.

What a client says first tells which it speaks; its bytes then go to the node's port for it. Only groups in that mode use it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from pulumi_emulator.caches.site import Site

TLS_HANDSHAKE: Final = 0x16  # the first byte of a TLS connection (RFC 8446, 5.1); no command begins so
CHUNK: Final = 65536
CALL_TIMEOUT: Final = 10.0  # seconds for the relay's thread to do what it is told


class Relay:
    """Listens in the site's namespace from a thread of its own until `stop`."""

    def __init__(self, site: Site) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: dict[str, asyncio.Server] = {}
        self._running: dict[str, set[asyncio.Task[Any]]] = {}
        self._thread = threading.Thread(target=self._run, args=(site,), daemon=True, name="cache relay")
        self._thread.start()

    def open(self, address: str, port: int, plain_port: int, tls_port: int) -> None:
        """Take connections for one node."""
        self._call(lambda: self._open(address, port, plain_port, tls_port))

    def close(self, address: str) -> None:
        """Stop taking connections for a node, and end those it has; it is no error when there are none."""
        self._call(lambda: self._close(address))

    def stop(self) -> None:
        """End."""
        for address in list(self._servers):
            self.close(address)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT)
        self._loop.close()

    def _run(self, site: Site) -> None:
        site.enter()
        self._loop.run_forever()

    def _call(self, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(action(), self._loop).result(CALL_TIMEOUT)

    async def _open(self, address: str, port: int, plain_port: int, tls_port: int) -> None:
        await self._close(address)
        tasks = self._running[address] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            # Only `_close` cancels, and asyncio's own streams cannot take a cancelled task.
            with suppress(OSError, asyncio.CancelledError):
                await _relay(reader, writer, address, plain_port, tls_port)

        self._servers[address] = await asyncio.start_server(serve, address, port)

    async def _close(self, address: str) -> None:
        server = self._servers.pop(address, None)
        if server is not None:
            server.close()
        tasks = self._running.pop(address, set())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, plain_port: int, tls_port: int
) -> None:
    try:
        first = await reader.read(CHUNK)
        if not first:
            return
        port = tls_port if first[0] == TLS_HANDSHAKE else plain_port
        # From the node's own address, as all its packets: they vanish together.
        back, forth = await asyncio.open_connection(address, port, local_addr=(address, 0))
        try:
            forth.write(first)
            ways = [asyncio.create_task(_copy(reader, forth)), asyncio.create_task(_copy(back, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            forth.close()
    finally:
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
