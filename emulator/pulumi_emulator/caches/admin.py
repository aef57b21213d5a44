"""Speaking to a node as its administrator, over a socket in the node's folder: no network, no TLS, no client in the way."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from pulumi_emulator.errors import EmulatorError

ADMIN_USER: Final = "emulator-admin"  # in no program's user group: ElastiCache's names of users have no such meaning
ADMIN_SOCKET: Final = "admin.sock"
ADMIN_TIMEOUT: Final = 5.0  # seconds; a node on this machine answers in milliseconds, one that hangs never


class ReplyError(EmulatorError):
    """What a node answered with an error: its words."""


class Admin:
    """One connection. A context manager; OSError when the node does not answer, ReplyError when it refuses."""

    def __init__(self, folder: Path, password: str, timeout: float = ADMIN_TIMEOUT) -> None:
        self._socket = connected(folder, timeout)
        self._reader = self._socket.makefile("rb")
        self._given = password

    def __enter__(self) -> Self:
        try:
            self("AUTH", ADMIN_USER, self._given)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """Let another thread's call end at once, with an OSError."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._socket.close()

    def __call__(self, *command: object) -> Any:
        """Run one command; ReplyError when it is refused."""
        reply = self.all([command])[0]
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def all(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        """Run several commands in one go; a refusal stands in its place among the replies."""
        return self.run(b"".join(encoded(command) for command in commands), len(commands))

    def run(self, commands: bytes, count: int) -> list[Any]:
        """Run so many commands that are encoded already."""
        self._socket.sendall(commands)
        return [self._reply() for _ in range(count)]

    def _reply(self) -> Any:
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the node hung up")
        kind, text = line[:1], line[1:-2].decode(errors="surrogateescape")
        if kind == b"-":
            return ReplyError(text)
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        size = int(text)
        if size < 0:
            return None
        if kind == b"$":
            content = self._reader.read(size + 2)
            if len(content) != size + 2:
                raise ConnectionError("the node hung up")
            return content[:-2].decode(errors="surrogateescape")
        return [self._reply() for _ in range(size)]


def connected(folder: Path, timeout: float) -> socket.socket:
    """Return a connection to the node in a folder; OSError when it does not answer."""
    # A socket's path may have 108 bytes (unix(7)); the folder's may be longer, a descriptor's is not.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{ADMIN_SOCKET}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(descriptor)
    return connection


def fields(info: str) -> dict[str, str]:
    """Return the lines of an INFO answer as a mapping."""
    return dict(line.split(":", 1) for line in info.splitlines() if ":" in line)


def encoded(command: Sequence[object]) -> bytes:
    """Return a command as it is sent (RESP)."""
    parts = [str(part).encode(errors="surrogateescape") for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
