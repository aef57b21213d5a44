"""What a link between two clusters makes of what a primary sends: a primary and a target of the test's own, in threads."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.caches.admin import ADMIN_SOCKET, encoded
from pulumi_emulator.caches.link import FILE, Link, LinkError, Position, command_at
from pulumi_emulator.caches.node import Node
from pulumi_emulator.caches.spec import NodeSpec
from tests.support.waiting import wait_until

SET = encoded(("SET", "k", "1"))
MULTI, EXEC, PING = (encoded((name,)) for name in ("MULTI", "EXEC", "PING"))
ASKED = encoded(("REPLCONF", "GETACK", "*"))
SELECT = encoded(("SELECT", "0"))


class FakeServer:
    """Answers commands at a node's socket: OK to all, or what a test says; and sends what a test sends."""

    def __init__(self, folder: Path, answers: dict[bytes, bytes]) -> None:
        folder.mkdir()
        self.commands: list[bytes] = []
        self._answers = answers
        self._open: list[socket.socket] = []
        self._replica: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ADMIN_SOCKET))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.node = Node(NodeSpec(folder.name, "0001", "a"), "198.18.1.1", folder, "secret-of-this-test")

    def send(self, data: bytes) -> None:
        """Say something to the replica."""
        assert self._replica
        self._replica.sendall(data)

    def hang_up(self) -> None:
        assert self._replica
        self._replica.shutdown(socket.SHUT_RDWR)

    def ran(self, command: bytes) -> int:
        return self.commands.count(command)

    def stop(self) -> None:
        for connection in [*self._open, self._listener]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for connection in [*self._open, self._listener]:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = bytearray()
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while (found := command_at(buffer, 0)) is not None:
                words, end = found
                command = bytes(buffer[:end])
                del buffer[:end]
                self.commands.append(command)
                if words[0] == b"PSYNC":
                    self._replica = connection
                answer = self._answers.get(words[0].upper(), b"+OK\r\n")
                if words[:2] != [b"REPLCONF", b"ACK"]:
                    try:
                        connection.sendall(answer)
                    except OSError:
                        return


Make = Callable[[str, dict[bytes, bytes]], FakeServer]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Make]:
    servers: list[FakeServer] = []

    def make(name: str, answers: dict[bytes, bytes]) -> FakeServer:
        servers.append(FakeServer(tmp_path / name, answers))
        return servers[-1]

    yield make
    for each in servers:
        each.stop()


def linked(server: Make, position: Position | None = None, target: dict[bytes, bytes] | None = None, **source: bytes) -> Any:
    answers = {"PSYNC": b"+CONTINUE new\r\n", "INFO": b"$0\r\n\r\n"} | source
    one = server("source", {name.encode(): answer for name, answer in answers.items()})
    other = server("target", target or {})
    link = Link(one.node, other.node, 6379, position or Position("old", 100))
    return one, other, link


def acknowledged(offset: int) -> bytes:
    return encoded(("REPLCONF", "ACK", offset))


def test_a_link_goes_on_behind_the_last_complete_transaction(server: Make) -> None:
    source, target, link = linked(server)
    wait_until(lambda: link.up, "it stands")
    assert source.ran(encoded(("PSYNC", "old", 101))) == 1
    source.send(PING + SELECT + SET + ASKED)
    complete = 100 + len(PING + SELECT + SET + ASKED)
    wait_until(lambda: source.ran(acknowledged(complete)) > 0, "it says how far it came")
    source.send(MULTI + SET + SET[:7])
    wait_until(lambda: target.ran(SET) == 2, "the target has the transaction's first command")
    source.hang_up()
    wait_until(lambda: link.broken is not None, "it sees that")
    assert link.broken == "the leader hung up"
    assert link.lag is None
    assert link.stop(target.node) == Position("new", complete)
    assert [target.ran(command) for command in (SELECT, ASKED, MULTI)] == [0, 0, 1]


def test_a_transaction_counts_once_it_is_complete(server: Make) -> None:
    source, target, link = linked(server)
    wait_until(lambda: link.up, "it stands")
    source.send(MULTI + SET)
    wait_until(lambda: target.ran(SET) == 1, "its first part")
    source.send(EXEC)
    wait_until(lambda: source.ran(acknowledged(100 + len(MULTI + SET + EXEC))) > 0, "it is acknowledged")
    assert link.stop(target.node) == Position("new", 100 + len(MULTI + SET + EXEC))
    assert link.broken == "stopped"


def test_a_target_hears_of_a_link_also_when_nothing_is_written(server: Make) -> None:
    _, target, link = linked(server)
    wait_until(lambda: target.ran(PING) > 1, "it says something: with the parameter `timeout` the target would hang up")
    assert link.up
    link.stop(target.node)


@pytest.mark.parametrize("answer", [b"-MOVED 1 there\r\n", b"*2\r\n+OK\r\n-WRONGTYPE of the key\r\n"])
def test_after_a_write_that_the_target_refuses_it_needs_everything(server: Make, answer: bytes) -> None:
    source, target, link = linked(server, target={b"SET": answer})
    wait_until(lambda: link.up, "it stands")
    source.send(SET)
    wait_until(lambda: link.broken is not None, "it is refused")
    assert link.broken.startswith("target refused a write of its leader: ")
    assert link.stop(target.node) is None


def test_another_target_needs_everything(server: Make) -> None:
    _, target, link = linked(server)
    wait_until(lambda: link.up, "it stands")
    other = Node(target.node.spec, target.node.address, target.node.folder, "another")
    assert not link.between(link.source, other)
    assert link.between(link.source, target.node)
    assert link.stop(other) is None


def test_what_a_leader_refuses_is_said_without_its_password(server: Make) -> None:
    _, target, link = linked(server, PSYNC=b"-NOMASTERLINK Can't SYNC while not connected with my master\r\n")
    wait_until(lambda: link.broken is not None, "it is refused")
    assert link.broken == "the leader answered PSYNC with NOMASTERLINK Can't SYNC while not connected with my master"
    assert link.stop(target.node) == Position("old", 100)


def test_a_copy_that_breaks_off_leaves_no_file_and_no_place_to_go_on(server: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.chown", lambda *_: None)
    source, target, link = linked(server, PSYNC=b"+FULLRESYNC new 7\r\n\n\n$10\r\nREDIS")
    wait_until((target.node.folder / FILE).exists, "it takes the data")
    source.hang_up()
    wait_until(lambda: link.broken is not None, "it breaks")
    assert link.stop(target.node) is None
    assert [path.name for path in target.node.folder.iterdir()] == [ADMIN_SOCKET]


def test_commands_are_cut_out_of_a_stream_however_it_is_broken_into_parts() -> None:
    first = b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$6\r\na\r\n*1\n\r\n"
    for end in range(len(first)):
        assert command_at(bytearray(first[:end]), 0) is None, end
    assert command_at(bytearray(first + PING), 0) == ([b"set", b"k"], len(first))
    assert command_at(bytearray(first + PING), len(first)) == ([b"PING"], len(first + PING))
    with pytest.raises(LinkError, match="no command"):
        command_at(bytearray(b"+OK\r\n"), 0)
