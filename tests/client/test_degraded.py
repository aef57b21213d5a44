"""examples/degraded_service while a shard has no primary, and through a failover that the servers decide themselves."""

import http.client
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from redis_ha_client import NotExecutedError, OutcomeUnknownError
from tests.support import named_program
from tests.support.managed_processes import ManagedGroup
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

PROGRAM = Path(__file__).parents[2] / "examples/degraded_service/service.py"
Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("degraded"), cluster=True, shards=3) as made:
        yield made


class Running:
    """The program, asked by HTTP."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        self.port = int(process.stdout.readline().split()[-1])

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, Any], dict[str, str]]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())

    def answers(self, method: str, path: str, body: str | None = None) -> Answer:
        return self.ask(method, path, body)[:2]


@contextmanager
def served(group: ManagedGroup, directory: Path) -> Iterator[Running]:
    names = {group.node_name(node): node.host for node in group.nodes}
    # The configuration endpoint leads to any node that answers: one of another shard than the tests break.
    away = group.primary_of("notes:1")
    names[group.configuration_name] = next(node.host for node in group.primaries() if node is not away)
    for name, value in (("names", names), ("connection", group.connection), ("credentials", group.credentials)):
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(json.dumps(value))
    environment = {
        **os.environ,
        "REDIS_HA_CONNECTION": str(directory / "connection"),
        "REDIS_HA_CREDENTIALS": str(directory / "credentials"),
    }
    command = [sys.executable, named_program.__file__, str(directory / "names"), str(PROGRAM), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield Running(process)
        finally:
            process.kill()
            process.communicate()


@contextmanager
def away(group: ManagedGroup) -> Iterator[None]:
    """Kill the primary of the notes' shard, and let the servers elect nobody while the block runs."""
    old = group.primary_of("notes:1")
    replica = group.replica_of(old)
    group.command(replica, "CONFIG", "SET", "cluster-replica-no-failover", "yes")
    group.wait_copied(old)
    old.kill()
    try:
        yield
    finally:
        group.command(replica, "CONFIG", "SET", "cluster-replica-no-failover", "no")


@pytest.fixture
def whole(group: ManagedGroup) -> Iterator[None]:
    """Mend and empty the group afterwards."""
    yield
    group.heal()
    for node in group.primaries():
        group.command(node, "FLUSHALL")


def same_shard(group: ManagedGroup) -> str:
    """Give a counter that is lost together with the notes."""
    lost = group.primary_of("notes:1")
    return next(str(number) for number in range(1000) if group.primary_of(f"sales:{number}") is lost)


@pytest.mark.usefixtures("whole")
def test_stale_reads_buffered_writes_and_refused_requests_through_a_failover(group: ManagedGroup, tmp_path: Path) -> None:
    sale = f"/sales/{same_shard(group)}"
    with served(group, tmp_path) as service:
        wait_until(lambda: service.answers("PUT", "/notes/1", "one") == (200, {"written": True}), "a write is executed")
        wait_until(lambda: service.answers("GET", "/notes/1") == (200, {"value": "one", "stale": False}), "it is read")
        wait_until(lambda: service.answers("POST", sale)[0] == 200, "a sale is counted")
        wait_until(lambda: service.ask("GET", "/health")[0] == 200, "it is well")
        assert service.answers("GET", "/notes/none")[0] == 404
        counted = group.command(group.primary_of("notes:1"), "GET", f"sales:{sale.rpartition('/')[2]}")
        with away(group):
            wait_until(lambda: service.answers("GET", "/notes/1") == (200, {"value": "one", "stale": True}), "a stale read")
            assert service.answers("PUT", "/notes/1", "two") == (202, {"written": False, "waiting": 1})
            assert service.answers("PUT", "/notes/1", "three") == (202, {"written": False, "waiting": 2})
            status, told, headers = service.ask("POST", sale)
            assert (status, headers["Retry-After"]) == (503, str(told["retry_after"]))
            wait_until(lambda: service.ask("GET", "/health")[0] == 503, "it says that it is not well")
        wait_until(lambda: service.answers("GET", "/notes/1") == (200, {"value": "three", "stale": False}), "all is written")
        wait_until(lambda: service.answers("PUT", "/notes/1", "four") == (200, {"written": True}), "nothing waits any more")
        wait_until(
            lambda: service.answers("POST", sale) == (200, {"count": int(counted) + 1}), "a refused sale was not counted"
        )


@pytest.mark.usefixtures("whole")
def test_what_waits_is_sent_at_a_sigterm_and_lost_with_the_process(group: ManagedGroup, tmp_path: Path) -> None:
    def written() -> Any:
        return group.command(group.primary_of("notes:1"), "HGET", "notes:1", "value")

    with served(group, tmp_path) as service:
        wait_until(lambda: service.answers("PUT", "/notes/1", "one")[0] == 200, "a write is executed")
        with away(group):
            wait_until(lambda: service.answers("PUT", "/notes/1", "two")[0] == 202, "a write waits")
            service.process.send_signal(signal.SIGTERM)
        assert service.process.wait() == 0
        wait_until(lambda: written() == "two", "it was sent before the end")
    group.heal()
    with served(group, tmp_path) as service:
        with away(group):
            wait_until(lambda: service.answers("PUT", "/notes/1", "three")[0] == 202, "a write waits")
            service.process.kill()
            service.process.wait()
        wait_until(lambda: written() == "two", "a new primary is there, without the write")


# --- in this process ---


@pytest.fixture(scope="module")
def program() -> Any:
    spec = importlib.util.spec_from_file_location("degraded_service", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["degraded_service"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("whole")
def test_an_older_write_that_comes_late_changes_nothing(group: ManagedGroup, program: Any) -> None:
    node = group.primary_of("notes:1")
    old, new = program.Note.made_now("notes:1", "old"), program.Note.made_now("notes:1", "new")
    for note, changed in ((new, 1), (old, 0), (new, 0)):
        assert group.command(node, "EVAL", program.WRITE, "1", note.key, note.value, note.version) == changed
    assert group.command(node, "HGET", "notes:1", "value") == "new"


def service_with(program: Any, **parts: Any) -> Any:
    made = program.Service.__new__(program.Service)
    vars(made).update(parts)
    return made


def test_a_full_buffer_and_a_large_value_are_refused(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_WAITING", 1)

    class Gone:
        def eval(self, *_: Any) -> Any:
            raise NotExecutedError("away")

    def away(_: Any) -> None:
        raise NotExecutedError("away")

    waiting = program.Waiting(away)
    service = service_with(program, client=Gone(), waiting=waiting)
    assert service.write("k", "1") == ("202 Accepted", {"written": False, "waiting": 1})
    status, told = service.write("k", "2")
    assert status.startswith("503")
    assert 2 <= told["retry_after"] <= 6
    assert service.write("k", "x" * (program.MOST_BYTES + 1))[0].startswith("413")
    waiting.end()


def test_what_was_sent_and_not_answered_is_sent_again_and_nothing_overtakes_it(program: Any) -> None:
    sent: list[str] = []
    errors = [OutcomeUnknownError("?"), NotExecutedError("no"), None, None]

    def send(note: Any) -> None:
        sent.append(note.value)
        error = errors.pop(0)
        if error is not None:
            raise error

    waiting = program.Waiting(send)
    for value in ("1", "2"):
        assert waiting.take(program.Note.made_now("k", value))
    wait_until(lambda: not len(waiting), "all are sent")
    waiting.end()
    assert sent == ["1", "1", "1", "2"]


@pytest.mark.parametrize(("error", "status"), [(NotExecutedError("no"), "503"), (OutcomeUnknownError("?"), "500")])
def test_a_count_is_refused_only_where_nothing_was_executed(program: Any, error: Exception, status: str) -> None:
    class Gone:
        def incr(self, _: str) -> int:
            raise error

    assert service_with(program, counters=Gone()).count("k")[0].startswith(status)
