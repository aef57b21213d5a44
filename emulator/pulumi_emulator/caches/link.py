"""A shard that follows one of another cluster: servers in cluster mode take no REPLICAOF, so this speaks PSYNC for them.

To the leader's primary a link is a replica (valkey.io/topics/replication): it takes its data as an RDB file and then every
write, and says how far it came. The follower's primary loads that file and runs those writes as a client's; its own replicas
follow it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from pulumi_emulator.caches.admin import ADMIN_USER, Admin, ReplyError, connected, encoded
from pulumi_emulator.caches.node import OWNER, SYNC_TIMEOUT, Node
from pulumi_emulator.errors import EmulatorError

CHUNK: Final = 1 << 20
# Seconds between two looks whether it shall end, and two words how far it came (a replica says so once a second).
ACK_EVERY: Final = 0.25
STOP_TIMEOUT: Final = 5.0  # seconds that a link has to finish what it does; it needs milliseconds unless a node hangs
FILE: Final = "link.rdb"  # not the node's own dump.rdb, which it writes for its replicas at any time
# Of the stream, what is for a replica alone: the primary's questions, and what a cluster says of its slots (Valkey 8 sends it).
NOT_DATA: Final = frozenset({b"PING", b"REPLCONF", b"SELECT", b"CLUSTER"})


@dataclass(frozen=True)
class Position:
    """How far a copy came in which history of writes."""

    history: str
    offset: int


class LinkError(EmulatorError):
    """Why a link ended."""


class Link:
    """One link, in a thread of its own, until it breaks or `stop`. A broken one stays so; another goes on at its `position`."""

    def __init__(self, source: Node, target: Node, port: int, position: Position | None) -> None:
        self.source, self.target = source, target
        self._port = port  # on which replicas would ask the target
        self.process = target.process
        self.broken: str | None = None
        self._position = position
        self._copied = threading.Event()
        self._ending = threading.Event()
        self._heard = 0.0
        self._socket: socket.socket | None = None
        self._into: Admin | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"cache link {target.spec.node_id}")
        self._thread.start()

    @property
    def up(self) -> bool:
        """Whether the target has the source's data and is given what comes."""
        return self._copied.is_set() and self.broken is None

    @property
    def lag(self) -> float | None:
        """Seconds since the source's last word, None when the link is down."""
        return time.monotonic() - self._heard if self.up else None

    @property
    def offset(self) -> int:
        """How far the target came in the source's history."""
        position = self._position
        return position.offset if position is not None else -1

    def between(self, source: Node, target: Node) -> bool:
        """Tell whether it stands between these two, and the target is still the process that was filled."""
        same = source is self.source and target is self.target and target.process is self.process
        return same and self.broken is None

    def stop(self, target: Node) -> Position | None:
        """End it; return where another may go on that fills this target, or None when that one needs everything."""
        self._ending.set()
        self._thread.join(STOP_TIMEOUT)
        while self._thread.is_alive():  # a node hangs
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            if self._into is not None:
                self._into.interrupt()
            self._thread.join(ACK_EVERY)
        return self._position if target is self.target and target.process is self.process else None

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                self._into = into = stack.enter_context(self.target.admin(SYNC_TIMEOUT))
                into.all([("CLIENT", "IMPORT-SOURCE", "ON")])  # keys that are due live until the leader says so; not in Redis
                self._socket = stack.enter_context(connected(self.source.folder, SYNC_TIMEOUT))
                self._follow(_Stream(self._socket), into)
        except (OSError, EmulatorError) as error:
            self.broken = str(error) or type(error).__name__
        else:
            self.broken = "stopped"

    def _follow(self, stream: _Stream, into: Admin) -> None:
        at = self._position = self._begin(stream, into)
        stream.socket.settimeout(ACK_EVERY)
        self._heard = time.monotonic()
        stream.acknowledge(at.offset)
        self._copied.set()
        said = time.monotonic()
        within = False  # a transaction
        behind = at.offset  # what is sent to the target, and counts only as far as a transaction is complete
        while not self._ending.is_set():
            wanted = False
            batch: list[bytes] = []
            complete = at.offset
            if stream.fill():
                self._heard = time.monotonic()
                for name, argument, data in stream.commands():
                    behind += len(data)
                    wanted = wanted or (name, argument) == (b"REPLCONF", b"GETACK")
                    if name not in NOT_DATA:
                        batch.append(data)
                    within = name == b"MULTI" or (within and name != b"EXEC")
                    if not within:
                        complete = behind
                at = self._apply(into, batch, replace(at, offset=complete))
            if wanted or time.monotonic() > said + ACK_EVERY:
                stream.acknowledge(at.offset)
                into("PING")  # a target with the parameter `timeout` would hang up when nothing is written
                said = time.monotonic()

    def _begin(self, stream: _Stream, into: Admin) -> Position:
        """Agree with the source where to go on, and return it; take all its data when it does not go on from where it was."""
        version = self.source.info("server").get("valkey_version")
        stream.ask("AUTH", ADMIN_USER, self.source.password)
        stream.ask("REPLCONF", "listening-port", self._port, "ip-address", self.target.address, "capa", "psync2")
        if version is not None:  # without it Valkey takes its replica for one that cannot follow moving slots
            stream.ask("REPLCONF", "version", version)
        before = self._position
        asked = (before.history, before.offset + 1) if before is not None else ("?", -1)
        answer = stream.ask("PSYNC", *asked).split()
        if answer[0] == "CONTINUE" and before is not None:
            return Position(answer[1] if len(answer) > 1 else before.history, before.offset)
        if answer[0] != "FULLRESYNC":
            raise LinkError(f"the leader answered PSYNC with {' '.join(answer)}")
        self._position = None
        path = self.target.folder / FILE
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
                os.chown(file.fileno(), OWNER, OWNER)
                stream.save(file)
            self._load(into)
        finally:
            path.unlink(missing_ok=True)
        return Position(answer[1], int(answer[2]))

    @staticmethod
    def _load(into: Admin) -> None:
        """Let the target throw its data away and load the file, and its replicas take everything anew.

        In one go, so that no copy for a replica that has begun is finished between.
        """
        commands = (
            ("CONFIG", "SET", "dbfilename", FILE),
            ("DEBUG", "RELOAD", "NOSAVE"),
            ("CONFIG", "SET", "dbfilename", "dump.rdb"),
            ("DEBUG", "CHANGE-REPL-ID"),
            ("CLIENT", "KILL", "TYPE", "replica"),
        )
        for command, reply in zip(commands, into.all(commands), strict=True):
            if isinstance(reply, ReplyError):
                raise LinkError(f"{' '.join(command)}: {reply}")

    def _apply(self, into: Admin, batch: list[bytes], after: Position) -> Position:
        """Run commands at the target. What it has done of a batch that breaks off nobody knows: it needs everything anew."""
        self._position = None
        for reply in into.run(b"".join(batch), len(batch)):
            for answer in reply if isinstance(reply, list) else [reply]:
                if isinstance(answer, ReplyError):
                    raise LinkError(f"{self.target.spec.node_id} refused a write of its leader: {answer}")
        self._position = after
        return after


class _Stream:
    """What a primary sends to its replica."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = bytearray()

    def ask(self, *command: object) -> str:
        """Say something and return the answer; LinkError when it is an error."""
        self.socket.sendall(encoded(command))
        line = self._line()
        if not line.startswith("+"):
            raise LinkError(f"the leader answered {command[0]} with {line[1:]}")
        return line[1:]

    def acknowledge(self, offset: int) -> None:
        """Say how far the copy came; there is no answer."""
        self.socket.sendall(encoded(("REPLCONF", "ACK", offset)))

    def save(self, file: BinaryIO) -> None:
        """Take the primary's data: a length and so many bytes."""
        left = int(self._line().removeprefix("$"))
        while left:
            if not self._buffer:
                self._receive()
            part = self._buffer[:left]
            del self._buffer[:left]
            file.write(part)
            left -= len(part)

    def fill(self) -> bool:
        """Take what comes; False when nothing came for a while."""
        try:
            self._receive()
        except TimeoutError:
            return False
        return True

    def commands(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Return the complete commands that came: name and first argument in upper case, and the bytes."""
        start = 0
        while (found := command_at(self._buffer, start)) is not None:
            words, end = found
            yield words[0].upper(), words[1].upper() if len(words) > 1 else b"", bytes(self._buffer[start:end])
            start = end
        del self._buffer[:start]

    def _receive(self) -> None:
        data = self.socket.recv(CHUNK)
        if not data:
            raise LinkError("the leader hung up")
        self._buffer += data

    def _line(self) -> str:
        """Return a line; empty ones say only that the primary is at work (replication.c, sendBulkToReplica)."""
        while True:
            end = self._buffer.find(b"\n")
            if end < 0:
                self._receive()
                continue
            line = bytes(self._buffer[:end]).strip()
            del self._buffer[: end + 1]
            if line:
                return line.decode(errors="replace")


def command_at(data: bytearray, start: int) -> tuple[list[bytes], int] | None:
    """Return the first two words of the command (RESP) that begins there and where it ends; None while it is incomplete."""
    line = data.find(b"\r\n", start)
    if line < 0:
        return None
    if data[start : start + 1] != b"*":
        raise LinkError("the leader sent what is no command")
    count, at, words = int(data[start + 1 : line]), line + 2, []
    for number in range(count):
        line = data.find(b"\r\n", at)
        if line < 0:
            return None
        size = int(data[at + 1 : line])
        end = line + 2 + size
        if end + 2 > len(data):
            return None
        if number < 2:
            words.append(bytes(data[line + 2 : end]))
        at = end + 2
    return words, at
