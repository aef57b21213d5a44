"""Sending whole commands on a blocking socket: the time-out is on silence, not on the size of a value."""

import socket
from collections.abc import Iterable

from redis_ha_client.silence import patience, traffic_of


def send_all(sock: socket.socket, pieces: Iterable[bytes | memoryview], seconds: float) -> None:
    """Send everything; TimeoutError when the peer has taken nothing for `seconds`.

    Python's own sendall gives all of the data one time-out. The kernel takes more only when a third of its buffer is free
    (net/core/stream.c), which on a slow link may take longer than a silence may last: what the peer acknowledged counts too.
    """
    before = None
    for piece in pieces:
        left = memoryview(piece).cast("B")
        sock.settimeout(seconds)
        while left:
            try:
                sent = sock.send(left)
            except TimeoutError:
                now = traffic_of(sock)
                more = patience(before, now, seconds)
                if not more:
                    raise
                before = now
                sock.settimeout(more)
                continue
            left = left[sent:]
            if left:
                before = before or traffic_of(sock)
                sock.settimeout(seconds)
