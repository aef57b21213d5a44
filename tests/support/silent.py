"""An address at which nobody answers: as a frozen node's, which takes connects, or as that of a machine that is gone."""

import contextlib
import socket
from typing import Literal, Self

from tests.support.loopback import next_subnet

Silence = Literal["frozen", "gone"]


class Silent:
    """A loopback address with listeners at these ports that never answer."""

    def __init__(self, silence: Silence, *ports: int) -> None:
        self.host = f"{next_subnet()}.2"
        # Linux lets no more connects in than a listener's queue holds, and drops the others: the queue of 0 holds one.
        self._listeners = [socket.create_server((self.host, port), backlog=0 if silence == "gone" else 64) for port in ports]
        self._open = [socket.create_connection((self.host, port)) for port in ports if silence == "gone"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self._listeners, *self._open):
            one.close()

    def dials(self) -> int:
        """How many connects a frozen node's machine has taken since the last call."""
        count = 0
        for listener in self._listeners:
            listener.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._open.append(listener.accept()[0])
                    count += 1
        return count

    def hang_up(self) -> None:
        """Close what `dials` has counted."""
        while self._open:
            self._open.pop().close()
