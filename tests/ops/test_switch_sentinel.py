"""`redis-ha switch` of a Sentinel topology with real processes: another master, and no acknowledged write is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from redis_ha_ops.asking import directly
from redis_ha_ops.drill.failover_checks import MOST_LAG_BYTES
from redis_ha_ops.errors import OpsError
from redis_ha_ops.findings import judge
from redis_ha_ops.runbook import lease, places, running
from redis_ha_ops.runbook.desk import Desk, Run
from redis_ha_ops.runbook.journal import Journal
from redis_ha_ops.runbook.records import FileRecords
from redis_ha_ops.stack import Stack, stack_of
from redis_ha_ops.status import Look
from redis_ha_ops.switching.candidates import fits, slot_of
from redis_ha_ops.switching.sentinel_group import Subject, items, runbook
from redis_ha_ops.topology import Topology
from tests.support.cache_program import STAND_IN, redis_ha
from tests.support.redis_processes import RedisProcesses

pytestmark = pytest.mark.servers


def subject_of(cluster: RedisProcesses, *, measure: bool = False) -> Subject:
    outputs = {
        "sentinel_connection": cluster.connection,
        "sentinel_credentials": cluster.credentials,
        "sentinel_desired": cluster.desired,
    }
    return Subject(stack_of("local", outputs, emulated=True), directly, 20.0, 5.0, measure)


def desk_of(folder: Path) -> Desk:
    return Desk(FileRecords(folder / "records"), folder, lambda _: None)


def test_a_switch_under_writes(whole: RedisProcesses, tmp_path: Path) -> None:
    subject = subject_of(whole, measure=True)
    before = whole.master().name
    ended = running.start(runbook(subject), desk_of(tmp_path))
    assert ended.outcome == "done", ended.why
    assert whole.master().name not in {None, before}
    states = {item.what: item.state for item in items(subject, ended.journal.facts)}
    detail = [f"{item.what}: {item.state}: {item.detail}" for item in items(subject, ended.journal.facts)]
    for what in ("another node is master", "the topology is healthy", "writes recovered", "no acknowledged write lost"):
        assert states[what] == "seen", detail


def test_the_command(whole: RedisProcesses, tmp_path: Path) -> None:
    """As on a stack that is emulated: the second process is this one's own, the nodes are on loopback."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: x\n")
    (folder / "pulumi_emulator.py").write_text(STAND_IN)
    outputs = {
        "sentinel_connection": whole.connection,
        "sentinel_credentials": whole.credentials,
        "sentinel_desired": whole.desired,
    }
    (folder / "told.json").write_text(json.dumps({"outputs": outputs, "environment": {}, "command": []}))
    before = whole.master().name
    done = redis_ha(folder, "switch", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED: another node is master" in done.stdout
    assert whole.master().name != before
    assert "switch" in redis_ha(folder, "history").stdout
    assert json.loads(redis_ha(folder, "status", "--json").stdout)["runbook"] is None
    # One that was killed: in its lease first, and when that has been given back by its own record.
    desk = places.local_desk("shop", folder, lambda _: None)
    made = Journal("run-1", "switch", "shop", {}, "ann@one", "2026-01-01T00:00:00Z")
    assert desk.records.create("run", made.text())
    told = "switch by ann@one has not ended: --resume goes on with it, --abort takes it back"
    assert json.loads(redis_ha(folder, "status", "--json").stdout)["runbook"] == told
    assert f"runbook: {told}" in redis_ha(folder, "status").stdout
    lease.take(desk.records, "bob@two", "switch", "run-1", "desk", lambda: datetime.now(UTC))
    assert json.loads(redis_ha(folder, "status", "--json").stdout)["runbook"].startswith("switch by bob@two, until ")


def test_a_node_that_the_stack_does_not_have(stack: Stack) -> None:
    assert [slot_of(stack, wanted).name for wanted in ("local-data-1", "1")] == ["local-data-1"] * 2
    with pytest.raises(OpsError, match=r"--to local-sentinel-0: the data nodes are local-data-0, .*Nothing was touched"):
        slot_of(stack, "local-sentinel-0")


@pytest.mark.parametrize(
    ("wanted", "changes", "says"),
    [
        ("local-data-1", {}, "local-data-1 is to lead"),
        (None, {"data_2": {"offset": 10**9}}, "local-data-2 is to lead"),  # it has most
        ("local-data-0", {}, "local-data-0 is the master already"),
        ("local-data-1", {"data_1": {"settings": {"replica-priority": "0"}}}, "local-data-1 may not lead"),
        ("local-data-1", {"data_1": {"settings": {"replica-priority": "1000000"}}}, "local-data-1 may not lead"),
        ("local-data-1", {"data_2": {"settings": {"replica-priority": "1"}}}, "local-data-2 has replica-priority 1 too"),
    ],
)
def test_who_may_lead(healthy: Topology, broken: Any, wanted: str | None, changes: dict[str, Any], says: str) -> None:
    changes = {
        name: {key: {**healthy.data[0].settings, **value} if key == "settings" else value for key, value in fields.items()}
        for name, fields in changes.items()
    }
    answer = fits(Look([], broken(**changes), []), wanted)
    assert says in answer.text
    assert answer.word == ("fits" if says.endswith("is to lead") else "against")


def test_a_switch_that_was_killed_after_it_happened_is_not_made_twice(whole: RedisProcesses, tmp_path: Path) -> None:
    subject = subject_of(whole)
    before = whole.master().name
    book = runbook(subject)

    class Gone(BaseException):
        pass

    def killed(run: Run) -> None:
        book.step("switch").act(run)
        raise Gone

    steps = [replace(step, act=killed) if step.name == "switch" else step for step in book.steps]
    with pytest.raises(Gone):
        running.start(replace(book, steps=steps), desk_of(tmp_path))
    after = whole.master().name
    assert after != before
    assert running.resume(book, desk_of(tmp_path)).outcome == "done"
    assert whole.master().name == after


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "in sync"),
        ({"data_1": {"link": "sync"}}, "data-1"),
        ({"sentinel_0": {"flags": ("master", "failover_in_progress")}}, "failover_in_progress"),
        ({"sentinel_0": {"quorum_ok": False, "quorum_text": "NOQUORUM"}}, "NOQUORUM"),
        ({"data_0": {"attached": ()}}, ""),
    ],
)
def test_a_topology_that_fits(stack: Stack, broken: Any, changes: dict[str, Any], says: str) -> None:
    seen: Topology = broken(**changes)
    answer = fits(Look([], seen, judge(seen, stack)))
    assert answer.word == ("against" if changes else "fits")
    assert says in answer.text


def test_a_replica_that_is_far_behind(healthy: Topology) -> None:
    master = healthy.master()
    assert master is not None
    ahead = replace(master, offset=master.offset + MOST_LAG_BYTES + 1)
    data = tuple(ahead if node is master else node for node in healthy.data)
    answer = fits(Look([], replace(healthy, data=data), []))
    assert (answer.word, "bytes behind" in answer.text) == ("against", True)
