"""One port for TLS and plain text (`transit_encryption_mode = "preferred"`): ElastiCache has it, redis-server does not.

What a client says first tells which it speaks; its bytes then go to the node's port for it. Only groups in that mode use it.
"""

from __future__ import annotations

import asyncio
import socket
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
        self._running: dict[str, tuple[socket.socket, set[asyncio.Task[None]]]] = {}
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
        for address in list(self._running):
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
        listener = socket.create_server((address, port))
        listener.setblocking(False)
        tasks: set[asyncio.Task[None]] = set()
        self._running[address] = listener, tasks
        # Not loop.sock_accept: when that is cancelled while a connection comes in, the connection is lost, open.
        self._loop.add_reader(listener, _accept, listener, tasks, address, plain_port, tls_port)

    async def _close(self, address: str) -> None:
        if address not in self._running:
            return
        listener, tasks = self._running.pop(address)
        self._loop.remove_reader(listener)
        listener.close()
        several = list(tasks)
        for task in several:
            task.cancel()
        await asyncio.gather(*several, return_exceptions=True)


def _accept(listener: socket.socket, tasks: set[asyncio.Task[None]], address: str, plain_port: int, tls_port: int) -> None:
    try:
        client, _ = listener.accept()
    except OSError:  # whoever knocked has gone again
        return
    client.setblocking(False)
    task = asyncio.get_running_loop().create_task(_relay(client, address, plain_port, tls_port))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    # Not in the task: one that is cancelled before it begins closes nothing.
    task.add_done_callback(lambda _: client.close())


async def _relay(client: socket.socket, address: str, plain_port: int, tls_port: int) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError), socket.socket() as node:
        first = await loop.sock_recv(client, CHUNK)
        if not first:
            return
        node.setblocking(False)
        node.bind((address, 0))  # the node's own address, as all its packets have: they vanish together
        await loop.sock_connect(node, (address, tls_port if first[0] == TLS_HANDSHAKE else plain_port))
        await loop.sock_sendall(node, first)
        ways = [asyncio.create_task(_copy(client, node)), asyncio.create_task(_copy(node, client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _copy(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK):
        await loop.sock_sendall(target, data)
