"""What counts as silence: no byte of the peer arrives, and none that it was sent is acknowledged. Shared by both halves.

A long answer and a big value take longer on a slow link than anybody waits for a node that is gone. While bytes move, the node
is there. Linux tells of each connection what moved and when. Elsewhere nothing is known of it: every wait has its own length.
"""

import socket
import struct
from typing import NamedTuple, Protocol

from .budget import SHORTEST_WAIT_SECONDS
from .policy import KEEPALIVE_IDLE_SECONDS

# struct tcp_info of linux/include/uapi/linux/tcp.h, Linux 4.1: at byte 52 tcpi_last_data_recv and tcpi_last_ack_recv, in
# milliseconds before now; at byte 120 tcpi_bytes_acked and tcpi_bytes_received since the connection was made.
_TCP_INFO = struct.Struct("=52xII60xQQ")
_OPTION: int | None = getattr(socket, "TCP_INFO", None)
# The last acknowledgement may be one of TCP's keepalive, which comes from a frozen process's machine as well and is about no
# byte. None comes sooner than that after a byte has moved, so a look at least that often tells the two apart.
LOOK_SECONDS = KEEPALIVE_IDLE_SECONDS - 1.0
# A node that is silent for so long may have been replaced by now: a power cut costs a little more (docs/drills.md). Whoever can
# find that out asks then, and again after the shorter time, in place of waiting for the whole silence.
ASK_SECONDS = 1.0
ASK_AGAIN_SECONDS = 0.2


class Socket(Protocol):
    """What is asked of a socket here; asyncio hands out one that can do little more."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Return an option as bytes."""
        ...


class Traffic(NamedTuple):
    """What has moved on a connection: bytes since it was made, and how many milliseconds ago the last of them did."""

    received_ago: int
    acknowledged_ago: int
    acknowledged: int
    received: int


def glance(sock: Socket | None) -> bytes | None:
    """Return what the system tells of `sock`, unread: every answer is waited for with a glance, and few need it."""
    if sock is None or _OPTION is None:
        return None
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, _OPTION, _TCP_INFO.size)
    except (OSError, TypeError):  # no TCP, a loop whose sockets have no options
        return None


def traffic_in(seen: bytes | None) -> Traffic | None:
    """Read a glance; None where the system does not tell, as an older kernel."""
    return None if seen is None or len(seen) < _TCP_INFO.size else Traffic._make(_TCP_INFO.unpack(seen))


def traffic_of(sock: Socket | None) -> Traffic | None:
    """Return what has moved on `sock`; None where the system does not tell."""
    return traffic_in(glance(sock))


def first_wait(seconds: float, seen: bytes | None, *, asks: bool = False) -> float:
    """Return how long to wait before the first look, as Stillness does for the others.

    asks: whether it can be found out that the node has been replaced.
    """
    wait = seconds if seen is None or seconds < LOOK_SECONDS else LOOK_SECONDS
    return min(wait, ASK_SECONDS) if asks else wait


class Stillness:
    """A wait that ends when nothing has moved on a connection for `seconds`. Times are of time.monotonic."""

    def __init__(self, seconds: float, traffic: Traffic | None, now: float, *, asks: bool = False) -> None:
        self._seconds = seconds
        self._asks = asks
        self._before = traffic
        self._until = now + seconds

    def wait(self, now: float) -> float:
        """Return how long to wait before the next look."""
        left = max(self._until - now, SHORTEST_WAIT_SECONDS)
        if self._asks:
            return min(left, ASK_AGAIN_SECONDS)
        return left if self._before is None else min(left, LOOK_SECONDS)

    def is_to_ask(self, now: float) -> bool:
        """Tell whether it has lasted long enough to ask whether the node has been replaced."""
        return self._asks and now >= self._until - self._seconds + ASK_SECONDS

    def is_over(self, traffic: Traffic | None, now: float) -> bool:
        """Take note of what has moved since the last look, and tell whether it is over."""
        if self._before is not None and traffic is not None:
            moved = []
            if traffic.received > self._before.received:
                moved.append(traffic.received_ago)
            if traffic.acknowledged > self._before.acknowledged:
                moved.append(traffic.acknowledged_ago)
            if moved:
                self._until = now - min(moved) / 1000 + self._seconds
            self._before = traffic
        return now >= self._until
