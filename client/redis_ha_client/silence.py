"""What counts as silence: no byte of the peer arrives, and none that it was sent is acknowledged. Shared by both halves.

A long answer and a big value take longer on a slow link than anybody waits for a node that is gone. While bytes move, the node
is there. Linux tells of each connection what moved and when. Elsewhere nothing is known of it: every wait has its own length.
"""

import socket
import struct
from typing import NamedTuple, Protocol

# struct tcp_info of linux/include/uapi/linux/tcp.h, Linux 4.1: at byte 52 tcpi_last_data_recv and tcpi_last_ack_recv, in
# milliseconds before now; at byte 120 tcpi_bytes_acked and tcpi_bytes_received since the connection was made.
_TCP_INFO = struct.Struct("=52xII60xQQ")
_OPTION: int | None = getattr(socket, "TCP_INFO", None)


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


def traffic_of(sock: Socket | None) -> Traffic | None:
    """Return what has moved on `sock`; None where the system does not tell."""
    if sock is None or _OPTION is None:
        return None
    try:
        return Traffic._make(_TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, _OPTION, _TCP_INFO.size)))
    except (OSError, TypeError, struct.error):  # no TCP, an older kernel, a loop whose sockets have no options
        return None


def patience(before: Traffic | None, now: Traffic | None, seconds: float) -> float:
    """Return how much longer to wait when `seconds` passed in vain; 0 when nothing moved since `before`.

    The silence that may last for `seconds` begins with the last byte that moved. TCP's keepalive is acknowledged by a machine
    whose process is frozen as well; it carries no byte.
    """
    if before is None or now is None:
        return 0.0
    silent = seconds
    if now.received > before.received:
        silent = min(silent, now.received_ago / 1000)
    if now.acknowledged > before.acknowledged:
        silent = min(silent, now.acknowledged_ago / 1000)
    return seconds - silent
