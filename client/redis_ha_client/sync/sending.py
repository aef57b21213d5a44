"""Sending whole commands on a blocking socket: the time-out is on silence, not on the size of a value."""

import socket
import time
from collections.abc import Iterable

from redis_ha_client.silence import Stillness, traffic_of


def send_all(sock: socket.socket, pieces: Iterable[bytes | memoryview], seconds: float) -> None:
    """Send everything; TimeoutError when the peer has taken nothing for `seconds`.

    Python's own sendall gives all of the data one time-out. The kernel takes more only when a third of its buffer is free
    (net/core/stream.c), which on a slow link may take longer than a silence may last: what the peer acknowledged counts too.
    """
    sock.settimeout(seconds)
    still: Stillness | None = None
    for piece in pieces:
        left = memoryview(piece).cast("B")
        while left:
            try:
                left = left[sock.send(left) :]
            except TimeoutError:
                if still is None or still.is_over(traffic_of(sock), time.monotonic()):
                    raise
            else:
                if not left:
                    continue
                still = Stillness(seconds, traffic_of(sock), time.monotonic())  # the kernel took a part: all is not at once
            sock.settimeout(still.wait(time.monotonic()))
