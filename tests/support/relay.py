"""A link that a test makes slow or cuts: a TCP relay on a loopback address in front of a node, with small buffers.

What the relay has not passed on stays where it was sent from, as with a real slow link: a sender is told that its bytes arrived
at the pace at which they do.
"""

import contextlib
import socket
import threading
from collections import Counter
from typing import Literal, Self

from tests.support.loopback import next_subnet
from tests.support.redis_processes import DATA_PORT, Node

BUFFER_BYTES = 4 * 1024  # of each socket; the kernel doubles it
TICK_SECONDS = 0.01
Direction = Literal["to_client", "to_node"]


class Hold:
    """Lets each connection pass so many bytes more."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.passed: Counter[int] = Counter()  # by the thread that passes them on

    @property
    def left(self) -> int:
        return self.allowed - self.passed[threading.get_ident()]


class Relay:
    """Accepts connections at `host`, on the data port, and passes bytes on at the pace that the test sets."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.host = f"{next_subnet()}.2"
        self.accepted = 0
        self.pace: dict[Direction, int | None] = {"to_client": None, "to_node": None}  # bytes a second; None: no bound
        self.passed: dict[Direction, int] = {"to_client": 0, "to_node": 0}
        self._holds: dict[Direction, Hold | None] = {"to_client": None, "to_node": None}
        self._turn = threading.Condition()
        self._ended = False
        self._listener = socket.create_server((self.host, DATA_PORT))
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._listener.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def address(self) -> tuple[str, int]:
        return self.host, DATA_PORT

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in list(self._threads):
            thread.join()

    def hold(self, direction: Direction, allowed: int = 0) -> None:
        """Pass `allowed` more bytes of each connection on and then none."""
        with self._turn:
            self._holds[direction] = Hold(allowed)

    def stopped(self, direction: Direction) -> int:
        """How many connections have passed on all that they may."""
        with self._turn:
            hold = self._holds[direction]
            return 0 if hold is None else sum(passed == hold.allowed for passed in hold.passed.values())

    def release(self, direction: Direction) -> None:
        """Pass everything on again."""
        with self._turn:
            self._holds[direction] = None
            self._turn.notify_all()

    def cut(self) -> None:
        """Cut all connections. What was held is lost."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            node = socket.socket()
            node.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            node.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            node.connect(self.node.address)
            self._open += [client, node]
            for source, target, direction in ((client, node, "to_node"), (node, client, "to_client")):
                thread = threading.Thread(target=self._pump, args=(source, target, direction), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        with contextlib.suppress(OSError):
            while True:
                pace = self.pace[direction]
                data = source.recv(BUFFER_BYTES if pace is None else max(int(pace * TICK_SECONDS), 1))
                if not data:
                    break
                while data:
                    piece = data[: self._share(direction, len(data))]
                    self.passed[direction] += len(piece)
                    target.sendall(piece)
                    data = data[len(piece) :]
                if pace is not None:
                    threading.Event().wait(TICK_SECONDS)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _share(self, direction: Direction, wanted: int) -> int:
        """Wait until some of `wanted` bytes may pass, and give how many."""
        with self._turn:
            self._turn.wait_for(lambda: self._ended or (hold := self._holds[direction]) is None or hold.left > 0)
            hold = self._holds[direction]
            if hold is None or self._ended:
                return wanted
            share = min(wanted, hold.left)
            hold.passed[threading.get_ident()] += share
            return share
