"""The Redis protocol (RESP2), as much as the agents need: one connection, one command at a time, one time limit.

Not Debian's python3-redis: its replies change shape between the releases of Debian 12 and 13 (and with RESP3), and these few
lines behave the same on both. Source of the protocol: redis.io, "Redis serialization protocol specification".
"""

import socket
import time
from collections.abc import Iterable

Reply = str | int | None | list["Reply"]
Address = tuple[str, int]


class ReplyError(Exception):
    """Redis answered with an error, e.g. `NOAUTH ...` or `ERR No such master with that name`."""


class Connection:
    """A connection that is authenticated and named; every call ends within `timeout` seconds or raises OSError."""

    def __init__(
        self,
        address: Address,
        *,
        username: str,
        password: str,
        timeout: float,
        source: str | None = None,
        name: str | None = None,
    ) -> None:
        """Connect from the address `source` (a node has several; Sentinels and firewalls know the private one)."""
        self.address = address
        self._timeout = timeout
        self._buffer = b""
        self._socket = socket.create_connection(address, timeout, source_address=None if source is None else (source, 0))
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.call("AUTH", username, password)
            if name is not None:
                self.call("CLIENT", "SETNAME", name)
        except BaseException:
            self.close()
            raise

    def call(self, *words: str | int) -> Reply:
        """Send one command and return its reply. Raises ReplyError for an error reply, OSError for a broken connection."""
        deadline = time.monotonic() + self._timeout
        self._send(words, deadline)
        return self._receive(deadline)

    def transaction(self, commands: Iterable[tuple[str | int, ...]]) -> None:
        """Run the commands in one MULTI/EXEC; raises ReplyError when one of them was refused."""
        self.call("MULTI")
        for command in commands:
            self.call(*command)
        replies = self.call("EXEC")
        refused = (
            [reply for reply in replies if isinstance(reply, str) and reply.startswith("-")]
            if isinstance(replies, list)
            else ["dropped"]
        )
        if refused:
            raise ReplyError(f"the transaction failed: {refused[0]}")

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self._socket.close()

    def _send(self, words: Iterable[str | int], deadline: float) -> None:
        encoded = [str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
        self._limit(deadline)
        self._socket.sendall(b"".join(parts))

    def _receive(self, deadline: float) -> Reply:
        line = self._line(deadline)
        kind, rest = line[:1], line[1:].decode(errors="replace")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise ReplyError(rest)
        if kind == b"$":
            return None if int(rest) < 0 else self._bulk(int(rest), deadline)
        if kind == b"*":
            return None if int(rest) < 0 else [self._element(deadline) for _ in range(int(rest))]
        raise ConnectionError(f"{self.address[0]}:{self.address[1]} does not speak the Redis protocol")

    def _element(self, deadline: float) -> Reply:
        """One reply inside a list; an error there is data (EXEC returns them so), and the rest of the list has to be read."""
        try:
            return self._receive(deadline)
        except ReplyError as error:
            return f"-{error}"

    def _line(self, deadline: float) -> bytes:
        while b"\r\n" not in self._buffer:
            self._fill(deadline)
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _bulk(self, size: int, deadline: float) -> str:
        while len(self._buffer) < size + 2:
            self._fill(deadline)
        text, self._buffer = self._buffer[:size], self._buffer[size + 2 :]
        return text.decode(errors="replace")

    def _fill(self, deadline: float) -> None:
        self._limit(deadline)
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError(f"{self.address[0]}:{self.address[1]} closed the connection")
        self._buffer += received

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self.address[0]}:{self.address[1]} did not answer in time")
        self._socket.settimeout(left)


def text(reply: Reply) -> str:
    """Return a reply that has to be text."""
    if not isinstance(reply, str):
        raise ReplyError(f"expected text, got {type(reply).__name__}")
    return reply


def pairs(reply: Reply) -> dict[str, str]:
    """Turn the flat list of names and values that Sentinel answers with into a dictionary."""
    if not isinstance(reply, list):
        raise ReplyError(f"expected a list, got {type(reply).__name__}")
    words = [str(word) for word in reply]
    return dict(zip(words[::2], words[1::2], strict=False))


def info_fields(reply: Reply) -> dict[str, str]:
    """Turn INFO's text into a dictionary."""
    lines = (line.partition(":") for line in text(reply).splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def client_list(reply: Reply) -> list[dict[str, str]]:
    """Turn CLIENT LIST's text into one dictionary a client."""
    return [dict(field.split("=", 1) for field in line.split(" ") if "=" in field) for line in text(reply).splitlines() if line]
