"""The moment of a switch with real processes: what the old master acknowledges is on the new one, however the switch ends."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import redis

from redis_ha_ops.asking import Line, RefusedError, directly
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook import running
from redis_ha_ops.runbook.desk import Run, unfinished
from redis_ha_ops.runbook.journal import Journal
from redis_ha_ops.stack import Slot
from redis_ha_ops.switching import handover
from redis_ha_ops.switching.candidates import slot_of
from redis_ha_ops.switching.handover import HOLD_SECONDS, Handover, Heard, heard, is_moment, majority
from redis_ha_ops.switching.sentinel_group import Subject, runbook
from tests.ops.test_switch_sentinel import desk_of, subject_of
from tests.support.redis_processes import Node, RedisProcesses, admin_client
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

WRITERS = 4
# Another process that switches, and that is killed (SIGKILL) right after one of the things that it does.
PROCESS = """\
import json, os, signal, sys
from pathlib import Path
from redis_ha_ops.asking import Line, RefusedError, directly
from redis_ha_ops.runbook import running
from redis_ha_ops.stack import stack_of
from redis_ha_ops.switching import sentinel_group
from redis_ha_ops.switching.handover import Handover
from tests.ops.test_switch_sentinel import desk_of
folder, outputs, name = Path(sys.argv[1]), json.loads(sys.stdin.read()), sys.argv[2]
where = Handover if hasattr(Handover, name) else sentinel_group
act = getattr(where, name)
def killed(*given):
    act(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(where, name, killed)
subject = sentinel_group.Subject(stack_of("local", outputs, emulated=True), directly, 20.0, 5.0, False)
running.start(sentinel_group.runbook(subject), desk_of(folder))
"""


class Hammer:
    """Clients of one node that write as fast as they can, each key once, until the node refuses them or hangs up."""

    def __init__(self, cluster: RedisProcesses, node: Node) -> None:
        self.cluster = cluster
        self.node = node
        self.acknowledged: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]

    def _write(self, thread: int) -> None:
        with admin_client(self.node, self.cluster.passwords["admin"]) as client, contextlib.suppress(redis.RedisError):
            number = 0
            while not self._over.is_set():
                key = f"hammer:{thread}:{number}"
                client.set(key, number)
                self.acknowledged.append(key)
                number += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: len(self.acknowledged) > 100, "writes are acknowledged")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def missing(self, node: Node) -> list[str]:
        """Return what was acknowledged and is not on a node; the keys are deleted there."""
        with admin_client(node, self.cluster.passwords["admin"]) as client:
            there = client.mget(self.acknowledged)
            client.delete(*self.acknowledged)
        return [key for key, value in zip(self.acknowledged, there, strict=True) if value is None]


def goes_on(hammer: Hammer) -> None:
    before = len(hammer.acknowledged)
    wait_until(lambda: len(hammer.acknowledged) > before + 100, "writes go on")


@pytest.fixture
def subject(whole: RedisProcesses) -> Subject:
    return subject_of(whole)


@pytest.fixture
def moment(whole: RedisProcesses, subject: Subject) -> Iterator[Handover]:
    """Connections of a switch to the first replica, which every Sentinel knows to be the preferred one."""
    old = whole.master()
    new = next(node for node in whole.data if node is not old)
    with handover.between(subject.stack, directly, slot(subject, old), slot(subject, new)) as found:
        whole.command(new, "CONFIG", "SET", "replica-priority", "1")
        wait_until(lambda: found.moment() is not None, "a Sentinel has heard of it")
        yield found
    whole.command(new, "CONFIG", "SET", "replica-priority", "100")


def slot(subject: Subject, node: Node) -> Slot:
    return slot_of(subject.stack, node.name)


def node_of(cluster: RedisProcesses, of: Slot) -> Node:
    return next(node for node in cluster.data if node.name == of.name)


def test_what_the_old_master_acknowledged_is_on_the_new_one(whole: RedisProcesses, tmp_path: Path) -> None:
    for at in range(4):
        before = whole.master()
        subject = subject_of(whole)
        with Hammer(whole, before) as hammer:
            ended = running.start(runbook(subject), desk_of(tmp_path / str(at)))
        assert ended.outcome == "done", ended.why
        after = whole.master()
        assert after is not before
        assert hammer.missing(after) == []
        assert whole.command(after, "CONFIG", "GET", "replica-priority") == {"replica-priority": "100"}


def test_the_node_that_was_asked_for_leads(whole: RedisProcesses, tmp_path: Path) -> None:
    """The last one by name: nobody would choose it without being asked."""
    before = whole.master()
    wanted = max(node.name for node in whole.data if node is not before)
    subject = subject_of(whole)
    subject.wanted = wanted
    ended = running.start(runbook(subject), desk_of(tmp_path))
    assert ended.outcome == "done", ended.why
    assert whole.master().name == wanted


def killed_after(cluster: RedisProcesses, folder: Path, name: str) -> None:
    """Begin a switch in another process, which is killed right after a function of that name."""
    outputs = {
        "sentinel_connection": cluster.connection,
        "sentinel_credentials": cluster.credentials,
        "sentinel_desired": cluster.desired,
    }
    command = [sys.executable, "-c", PROCESS, str(folder), name]
    process = subprocess.run(command, cwd=Path(__file__).parents[2], input=json.dumps(outputs), text=True, check=False)
    assert process.returncode == -signal.SIGKILL
    assert unfinished(desk_of(folder).records) is not None


@pytest.mark.parametrize(
    ("after", "then"),
    [
        *((after, "resume") for after in ("_set_priority", "_hold", "_tell", "_promoted", "demote", "_confirm")),
        *((after, "abort") for after in ("_hold", "_tell", "_promoted")),
    ],
)
def test_a_tool_that_is_killed(whole: RedisProcesses, tmp_path: Path, after: str, then: str) -> None:
    """Gone on with or taken back, nothing that was acknowledged is lost, and a master takes writes."""
    before = whole.master()
    with Hammer(whole, before) as hammer:
        killed_after(whole, tmp_path, after)
        subject = subject_of(whole)
        go = running.resume if then == "resume" else running.abort
        ended = go(runbook(subject), desk_of(tmp_path))
        assert ended.outcome == {"resume": "done", "abort": "undone"}[then], ended.why
        if whole.master() is before:
            goes_on(hammer)
    assert then == "abort" or whole.master() is not before
    assert hammer.missing(whole.master()) == []
    for node in whole.data:
        assert whole.command(node, "CONFIG", "GET", "replica-priority") == {"replica-priority": "100"}
    assert [whole.command(node, "ROLE")[0] for node in whole.data].count("master") == 1


def test_a_switch_that_is_gone_on_with_makes_the_old_master_a_replica_at_once(whole: RedisProcesses, tmp_path: Path) -> None:
    """The new one is named already, and the old one still says master: a Sentinel would need some 10 s more."""
    before = whole.master()
    for node in whole.sentinels:
        whole.command(node, "SENTINEL", "DEBUG", "INFO-PERIOD", "10000")
    killed_after(whole, tmp_path, "_promoted")
    wait_until(lambda: whole.named_master() != before.address, "the Sentinels name the new one")
    desk = desk_of(tmp_path)
    left = unfinished(desk.records)
    assert left is not None
    runbook(subject_of(whole)).step("switch").act(Run(left, desk))
    assert whole.command(before, "ROLE")[0] == "slave"


@pytest.mark.parametrize("go", [running.resume, running.abort], ids=["resume", "abort"])
def test_without_a_majority_nobody_is_made_anything(whole: RedisProcesses, tmp_path: Path, go: Any) -> None:
    """A run was killed, and when it is gone on with two of three Sentinels are away."""
    subject, before = subject_of(whole), whole.master()
    desk = desk_of(tmp_path)
    made = Journal("run-1", "switch", "local", {}, "ann@one", "2026-01-01T00:00:00Z")
    at = "2026-01-01T00:00:00Z"
    made.steps = {
        name: {"state": state, "at": at} for name, state in (("mark", "done"), ("prefer", "done"), ("switch", "begun"))
    }
    new = next(node for node in whole.data if node is not before)
    made.facts = {"master": before.name, "to": new.name, "priority": 100}
    desk.records.write("run", made.text())
    for node in whole.sentinels[:2]:
        node.kill()
    ended = go(runbook(subject), desk)
    assert (ended.outcome, "no majority of the Sentinels" in str(ended.why)) == ("failed", True)
    assert [whole.command(node, "ROLE")[0] for node in whole.data].count("master") == 1
    assert whole.command(before, "ROLE")[0] == "master"


def test_a_replica_that_lacks_writes_does_not_lead(whole: RedisProcesses, moment: Handover) -> None:
    old, new = (node_of(whole, line.slot) for line in (moment.old, moment.new))
    sentinel = moment.moment() or moment.sentinels[0]
    whole.command(old, "CONFIG", "SET", "min-replicas-to-write", "0")
    whole.command(new, "CONFIG", "SET", "masterauth", "wrong")
    whole.command(new, "CLIENT", "KILL", "TYPE", "master")
    try:
        with Hammer(whole, old) as hammer:
            with pytest.raises(OpsError, match=f"{new.name} lacks writes of {old.name}, which is the master as before"):
                moment.make(sentinel, 10.0)
            assert not moment.asked
            goes_on(hammer)
    finally:
        whole.command(new, "CONFIG", "SET", "masterauth", whole.passwords["replication"])


def test_a_sentinel_that_refuses(whole: RedisProcesses, moment: Handover) -> None:
    old = node_of(whole, moment.old.slot)
    for node in whole.data:
        whole.command(node, "CONFIG", "SET", "replica-priority", "0")
    sentinel = moment.sentinels[0]

    def known() -> bool:
        told = sentinel.ask("SENTINEL", "REPLICAS", whole.master_name)
        return all(found is None or found.priority == 0 for found in (heard(told, line.slot) for line in moment.data.values()))

    try:
        wait_until(known, "the Sentinel knows that nobody may lead")
        with Hammer(whole, old) as hammer:
            with pytest.raises(OpsError, match="NOGOODSLAVE"):
                moment.make(sentinel, 10.0)
            goes_on(hammer)
    finally:
        for node in whole.data:
            whole.command(node, "CONFIG", "SET", "replica-priority", "100")
    assert whole.master() is old


def test_the_sentinel_that_promotes_is_lost(tmp_path: Path) -> None:
    """It ends between the promotion and the word to the others, who go on naming the old master: that one leads again."""
    with RedisProcesses(tmp_path / "own") as whole:
        before = whole.master()
        for node in whole.sentinels:
            # As on a stack: a master that says replica counts as down after down-after and two of these.
            whole.command(node, "SENTINEL", "DEBUG", "INFO-PERIOD", "10000")
            whole.command(node, "SENTINEL", "SIMULATE-FAILURE", "crash-after-promotion")
        subject = subject_of(whole)
        with Hammer(whole, before) as hammer:
            ended = running.start(runbook(subject), desk_of(tmp_path))
        assert ended.outcome == "failed"
        assert f"{before.name} is the master as before" in str(ended.why)
        assert whole.command(before, "ROLE")[0] == "master"
        assert hammer.missing(before) == []
        assert [node.running for node in whole.sentinels].count(False) == 1


def test_every_hold_ends_by_itself(whole: RedisProcesses, moment: Handover, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that is gone cannot let go: the time is part of the command."""
    said: list[tuple[str, ...]] = []
    say = Line._say

    def noted(line: Line, *commands: tuple[str, ...]) -> list[object]:
        said.extend(commands)
        return say(line, *commands)

    monkeypatch.setattr(Line, "_say", noted)
    moment.make(moment.moment() or moment.sentinels[0], 10.0)
    held = [command for command in said if command[:2] == ("CLIENT", "PAUSE")]
    assert held
    assert all(0 < int(command[2]) <= HOLD_SECONDS * 1000 and command[3] == "WRITE" for command in held)
    wait_until(lambda: whole.master().name == moment.new.slot.name, "the Sentinels name the new one")


def test_a_line_that_was_hung_up_on(whole: RedisProcesses, subject: Subject) -> None:
    """A Sentinel that places a node hangs up on its clients: what may be executed twice is asked again."""
    node = whole.master()
    with contextlib.closing(Line(slot(subject, node), subject.stack, directly)) as line:
        assert line.ask("PING") == "PONG"
        whole.command(node, "CLIENT", "KILL", "TYPE", "normal")
        assert line.ask("ROLE")[0] == "master"
        whole.command(node, "CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(OpsError, match=f"{node.name}: PING"):
            line.ask_once("PING")
        with pytest.raises(RefusedError, match=f"{node.name}: NONSENSE"):
            line.ask("NONSENSE")


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [(None, False), (Heard(100, 0.1), False), (Heard(1, 0.1), True), (Heard(1, 0.5), True), (Heard(1, 0.6), False)],
)
def test_the_moment(seen: Heard | None, wanted: bool) -> None:
    assert is_moment(seen) is wanted


def test_a_majority_counts_those_that_are_silent() -> None:
    assert majority(["a", "a", "b"]) == "a"
    assert majority(["a", None, "b"]) is None
    assert majority(["a", None, None]) is None
    assert majority([]) is None
