"""Real Redis and Sentinel processes: what status sees of them, and a drill with a SIGKILL in the place of the power cut."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from redis_ha_ops import drawing, status
from redis_ha_ops.asking import directly
from redis_ha_ops.drill import ledger, report, showing
from redis_ha_ops.drill.asked import Switch
from redis_ha_ops.drill.load import APPLICATION, PROBE, Clock, Load
from redis_ha_ops.drill.run import Plan, Record, break_master
from redis_ha_ops.drill.showing import Runs
from redis_ha_ops.errors import OpsError
from redis_ha_ops.forgetting import forget, obstacle
from redis_ha_ops.kinds import DRILLS
from redis_ha_ops.runbook.desk import Desk
from redis_ha_ops.runbook.records import FileRecords
from redis_ha_ops.stack import Stack, stack_of
from redis_ha_ops.status import Look, look, wait_until_healthy
from tests.support.connecting import thaw_before_the_next_attempt
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

# A node dies with the thread that started it (PR_SET_PDEATHSIG, prctl(2)), and a drill's fault runs in a thread of its own.
STARTER = ThreadPoolExecutor(max_workers=1)
ALONE = 50  # writes that a master takes without a replica
PLAN = Plan(rate=50, seconds=3, baseline_seconds=1, rejoin_seconds=40)


def stack_for(cluster: RedisProcesses) -> Stack:
    outputs = {
        "sentinel_connection": cluster.connection,
        "sentinel_credentials": cluster.credentials,
        "sentinel_desired": cluster.desired,
    }
    return stack_of("local", outputs, emulated=True)


class Kill:
    """SIGKILL; at its return the Sentinels' word decides what it is, as at a boot gate."""

    description = "SIGKILL of redis-server"
    kind = DRILLS["kill-master"]

    def __init__(self, cluster: RedisProcesses) -> None:
        self.cluster = cluster
        self.cuts: list[str] = []
        self.restores: list[str] = []

    def node(self, machine: str) -> Node:
        return next(node for node in self.cluster.data if node.name == machine)

    def cut(self, machine: str) -> None:
        self.cuts.append(machine)
        self.node(machine).kill()

    def restore(self, machine: str) -> None:
        self.restores.append(machine)
        if not self.node(machine).running:
            named = self.cluster.master()
            own = named.name == machine
            arguments = [] if own else ["--replicaof", f"{named.host} {named.port}"]
            STARTER.submit(self.node(machine).start, *arguments).result()

    def restore_command(self, machine: str) -> str:
        return f"start {machine}"


class Stall(Kill):
    """SIGSTOP: nothing answers, and no connection ends."""

    kind = DRILLS["stall-master"]

    def cut(self, machine: str) -> None:
        self.cuts.append(machine)
        self.node(machine).freeze()

    def restore(self, machine: str) -> None:
        self.restores.append(machine)
        self.node(machine).thaw()


class Blink(Stall):
    """Silent for a second, and back by itself before anybody is chosen in its place, as a killed process may be."""

    kind = DRILLS["kill-process"]

    def cut(self, machine: str) -> None:
        super().cut(machine)
        time.sleep(1)
        self.node(machine).thaw()

    def restore(self, machine: str) -> None:
        self.restores.append(machine)


class Isolate(Kill):
    """A known bad cluster: the master has lost its replicas, takes writes all the same, and then dies."""

    def cut(self, machine: str) -> None:
        master, replicas = self.node(machine), [node for node in self.cluster.data if node.name != machine]
        for node in replicas:
            self.cluster.command(node, "CONFIG", "SET", "masterauth", "wrong")
        self.cluster.command(master, "CLIENT", "KILL", "TYPE", "replica")
        wanted = self.executed(master) + ALONE
        wait_until(lambda: self.executed(master) >= wanted, f"{ALONE} writes that no replica gets")
        super().cut(machine)
        for node in replicas:
            self.cluster.command(node, "CONFIG", "SET", "masterauth", self.cluster.passwords["replication"])

    def executed(self, node: Node) -> int:
        return int(self.cluster.command(node, "INFO", "commandstats").get("cmdstat_set", {"calls": 0})["calls"])


def quietly(_: str, __: Record | None) -> None:
    """Tell nobody."""


def drilled(cluster: RedisProcesses, fault: Kill, tell: Callable[[str, Record | None], None] = quietly) -> Record:
    """Run a drill; once more when the machine was too busy to write undisturbed before the cut: then nothing was cut."""
    for _ in range(5):
        record = break_master(stack_for(cluster), directly, fault, PLAN, tell)
        if record.trouble is None or "nothing was cut" not in record.trouble:
            return record
    raise AssertionError(record.trouble)


def test_status_of_a_whole_cluster(whole: RedisProcesses) -> None:
    stack = stack_for(whole)
    seen = wait_until_healthy(lambda: look(stack, directly), 20, Console(quiet=True))
    assert seen.findings == []
    assert seen.exit_code == 0
    master = seen.topology.master()
    assert master is not None
    assert master.slot.name == whole.master().name
    made = drawing.as_json(seen.topology, seen.findings, stack)
    assert [node["role"] for node in made["data"]].count("replica") == 2
    # Replicas acknowledge once a second; one that is further behind than min-replicas-max-lag would be a finding.
    assert all(0 <= node["lag_seconds"] <= 10 for node in made["data"] if node["role"] == "replica")
    assert {one["quorum_text"] for one in made["sentinels"]} == {
        "OK 3 usable Sentinels. Quorum and failover authorization can be reached"
    }


@pytest.mark.parametrize(
    ("user", "rights"),
    [
        # Nodes keep the rights that they were made with; an exporter's had this one once.
        ("exporter", ("on", "+info", "+config|get")),
        ("exporter", ("on", "+info", "(+config ~*)")),
        ("grafana", ("on", "nopass", "~*", "+@all", "(+config|get)", "(+@admin)")),
        ("grafana", ("off", "+@all")),
    ],
)
def test_a_user_who_may_read_passwords_is_told_and_the_remedy_ends_it(
    whole: RedisProcesses, user: str, rights: tuple[str, ...]
) -> None:
    stack = stack_for(whole)
    wait_until_healthy(lambda: look(stack, directly), 20, Console(quiet=True))
    node = whole.master()
    whole.command(node, "ACL", "SETUSER", user, *rights)
    try:
        (found,) = look(stack, directly).findings
        assert (found.code, found.severity, found.subject) == ("rights", "degraded", node.name)
        assert f"user {user} has the right to read masterauth" in found.text
        said = re.search(r"(ACL SETUSER [^,]+), then", found.text)
        assert said is not None, found.text
        whole.command(node, *said[1].split())
        assert look(stack, directly).findings == []
    finally:
        whole.command(node, "ACL", "DELUSER", user)


def test_users_without_that_right_are_no_finding(whole: RedisProcesses) -> None:
    stack = stack_for(whole)
    wait_until_healthy(lambda: look(stack, directly), 20, Console(quiet=True))
    node = whole.master()
    for number in range(300):
        whole.command(node, "ACL", "SETUSER", f"reader-{number}", "on", "~*", "+@read", "(+@write ~own:*)")
    try:
        assert look(stack, directly).findings == []
    finally:
        whole.command(node, "ACL", "DELUSER", *(f"reader-{number}" for number in range(300)))


def test_removed_machines_are_forgotten_one_sentinel_after_the_other(tmp_path: Path) -> None:
    """A replica and a Sentinel that the stack has no slot for; nothing is reset while they still run."""
    with RedisProcesses(tmp_path / "five", sentinel_count=5) as five:
        wait_until_healthy(lambda: look(stack_for(five), directly), 40, Console(quiet=True))
        master = five.master()
        replica, survivor = (node for node in five.data if node.name != master.name)
        removed = {replica.name, five.sentinels[4].name, five.sentinels[3].name}
        whole = stack_for(five)
        left = replace(whole, slots=tuple(slot for slot in whole.slots if slot.name not in removed), quorum=2)
        for node in five.sentinels:
            five.command(node, "SENTINEL", "SET", five.master_name, "quorum", "2")
        said: list[str] = []
        with pytest.raises(OpsError, match=r"replicates to .* No Sentinel was reset"):
            forget(left, directly, said.append)
        for node in (replica, *five.sentinels[3:]):
            node.kill()
        wait_until(lambda: obstacle(look(left, directly).findings) is None, "nothing is wrong but that they are known")
        assert {one.code for one in look(left, directly).findings} == {"dead-peer"}
        assert forget(left, directly, said.append) == 3
        assert [line.split()[0] for line in said] == [node.name for node in five.sentinels[:3]]
        assert all(line.count(":") == 3 for line in said)
        assert look(left, directly).findings == []
        assert forget(left, directly, said.append) == 0
        five.sentinels[0].kill()
        master.kill()
        wait_until(lambda: five.command(survivor, "ROLE")[0] == "master", "two of three fail over: nobody counts five any more")


def test_nothing_that_status_reads_or_shows_holds_a_secret(whole: RedisProcesses) -> None:
    stack = stack_for(whole)
    seen = look(stack, directly)
    console = Console(record=True, width=200, file=Path(os.devnull).open("w"))  # noqa: SIM115
    drawing.print_raw(seen.answers, console)
    drawing.draw(seen.topology, seen.findings, stack, console)
    shown = console.export_text() + json.dumps(drawing.as_json(seen.topology, seen.findings, stack)) + repr(seen)
    console.file.close()
    assert "redis_version" in shown  # --raw shows the answers
    assert not [user for user, password in whole.passwords.items() if password in shown]


@pytest.mark.parametrize("width", [60, 80, 120, 240])
def test_the_drawing_names_everybody_at_any_width(width: int, whole: RedisProcesses) -> None:
    stack = stack_for(whole)
    seen = look(stack, directly)
    console = Console(record=True, width=width, file=Path(os.devnull).open("w"))  # noqa: SIM115
    drawing.draw(seen.topology, seen.findings, stack, console)
    text = console.export_text()
    console.file.close()
    assert all(len(line) <= width for line in text.splitlines())
    if width >= 80:
        assert all(slot.name in text for slot in stack.slots)


def test_status_sees_a_dead_sentinel_a_dead_replica_and_a_second_master(whole: RedisProcesses) -> None:
    stack = stack_for(whole)
    master = whole.master()
    first, second = [node for node in whole.data if node is not master]
    first.kill()
    whole.sentinels[2].kill()
    # Sentinels make it a replica again only after 8 s of its claim.
    whole.command(second, "REPLICAOF", "NO", "ONE")
    seen = look(stack, directly)
    found = {(one.code, one.subject) for one in seen.findings}
    assert {("unreachable", first.name), ("unreachable", whole.sentinels[2].name), ("two-masters", "cluster")} <= found
    assert ("wrong-master", second.name) in found
    assert seen.exit_code == 1


def test_status_could_not_look(whole: RedisProcesses) -> None:
    stack = stack_for(whole)
    assert look(stack, lambda _host, _port: ("127.0.0.1", 1)).exit_code == 2


def test_waiting_is_bounded(whole: RedisProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, now = stack_for(whole), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(status, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    looks = []

    def again() -> Look:
        looks.append(look(stack, lambda _host, _port: ("127.0.0.1", 1)))
        return looks[-1]

    assert wait_until_healthy(again, 1.5, Console(quiet=True)).exit_code == 2
    assert (len(looks), now[0]) == (3, 1.5)  # at once, after a second, and when the time is up


def test_a_drill_measures_a_failover_and_loses_nothing(whole: RedisProcesses) -> None:
    whole.command(whole.master(), "FLUSHALL")
    fault = Kill(whole)
    record = drilled(whole, fault)
    made = report.report_of(record)
    assert made["verdict"]["passed"], made["verdict"]
    assert fault.cuts == fault.restores == [record.victim]
    probe = made["writers"][PROBE]
    # down-after is one second: no failover can be shorter than that, and the Sentinels say when they saw what.
    assert probe["outage"]["outage_seconds"] > 1
    assert probe["counts"]["failed"] + probe["counts"]["unknown"] > 0
    assert probe["loss"]["lost"] == probe["loss"]["impossible"] == 0
    detection = made["detection"]
    assert detection["sdown"] > 0.9
    assert None not in detection.values()
    # What two Sentinels say is read by two threads: only the words of one are in order.
    leader = next(event.source for event in record.events if event.what == report.DETECTION["promoted"])
    told = [event.what for event in record.events if event.source == leader and event.what in report.DETECTION.values()]
    assert list(dict.fromkeys(told)) == list(report.DETECTION.values())
    # Nobody takes writes before a Sentinel is elected to promote somebody.
    assert probe["outage"]["ended"] > detection["cut"] + detection["elected"]
    # An application with the default policy sees no error at all.
    assert made["writers"][APPLICATION]["errors"] == {}
    assert made["writers"][APPLICATION]["counts"]["acknowledged"] > 10
    # Nothing of it stays in the database.
    assert whole.command(whole.master(), "DBSIZE") == 0


def test_a_stopped_master_has_a_successor_and_is_its_replica_afterwards(whole: RedisProcesses) -> None:
    fault, said = Stall(whole), []
    record = drilled(whole, fault, lambda what, _: said.append(what))
    made = report.report_of(record)
    assert made["verdict"]["passed"], made["verdict"]
    assert made["drill"] == "stall-master"
    assert fault.restores == [record.victim]
    assert {f"stopping redis-server on {record.victim}", f"letting redis-server on {record.victim} run"} <= set(said)
    assert whole.master().name != record.victim
    after = made["topology"]["after"]
    assert after["healthy"]
    assert [node["role"] for node in after["data"] if node["name"] == record.victim] == ["replica"]


def test_a_master_that_is_back_at_once_may_lead_again(whole: RedisProcesses) -> None:
    with whole.nobody_down():
        record = drilled(whole, Blink(whole))
    made = report.report_of(record)
    assert made["verdict"]["passed"], made["verdict"]
    assert made["detection"]["switched"] is None
    assert made["topology"]["after"]["master"] == record.victim
    assert made["fault"]["rejoined"] is not None


class Late(Kill):
    """What disturbs writes first is not the fault: that comes seconds later, when all is calm again."""

    def cut(self, machine: str) -> None:
        node = self.node(machine)
        node.freeze()
        time.sleep(0.6)
        node.thaw()
        time.sleep(PLAN.seconds + 2)
        super().cut(machine)


def test_a_slow_fault_is_waited_for(whole: RedisProcesses) -> None:
    made = report.report_of(drilled(whole, Late(whole)))
    assert made["verdict"]["passed"], made["verdict"]
    assert made["detection"]["switched"] is not None


def test_several_drills_wait_for_each_other_and_end_in_a_summary(whole: RedisProcesses, tmp_path: Path) -> None:
    """A switch, which has to find a successor, and a kill, after which the stack is whole again."""
    stack = stack_for(whole)
    switch = Switch(stack, directly, Desk(FileRecords(tmp_path / "records"), tmp_path, lambda _: None))
    console = Console(record=True, width=120, file=Path(os.devnull).open("w"))  # noqa: SIM115
    path = tmp_path / "drills.json"
    before = whole.master().name
    passed = Runs(stack, PLAN, console).several([switch, Kill(whole)], path, path.with_suffix(".html"))
    said = console.export_text()
    console.file.close()
    assert passed, said
    made = json.loads(path.read_text())
    assert [(line["drill"], line["failovers"], line["lost"]) for line in made["drills"]] == [
        ("switch", 1, 0),
        ("kill-master", 1, 0),
    ]
    runs = [json.loads(Path(row["report"]).read_text()) for row in made["runs"]]
    assert runs[0]["fault"]["machine"] == before != runs[1]["fault"]["machine"]
    assert all(Path(row["report"]).with_suffix(".html").exists() for row in made["runs"])
    # What is expected is told before anything is broken.
    assert said.index("expected: a failover") < said.index(f"switching from {before}")
    order = [event["what"] for event in runs[1]["timeline"] if event["source"] == "drill"]
    assert order.index("expected") < order.index("cut-begins")


def test_a_series_ends_when_the_stack_does_not_become_whole(
    whole: RedisProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "WHOLE_SECONDS", 1.0)
    whole.sentinels[0].kill()
    fault, path = Kill(whole), tmp_path / "drills.json"
    passed = Runs(stack_for(whole), PLAN, Console(quiet=True)).several([fault, fault], path, path.with_suffix(".html"))
    made = json.loads(path.read_text())
    assert (passed, made["passed"], made["runs"], fault.cuts) == (False, False, [], [])
    assert "not healthy" in made["trouble"]


def dummy(began: float | None) -> dict[str, object]:
    verdict = {"passed": True, "reasons": ["made"]}
    fault, run = {"cut_began": began}, {"interrupted": False}
    return {"drill": "switch", "verdict": verdict, "checklist": [], "writers": {}, "fault": fault, "run": run}


def test_a_series_waits_until_the_stack_is_whole(
    whole: RedisProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.sentinels[0].kill()

    def back() -> None:
        time.sleep(1)
        whole.sentinels[0].start()

    def healthy(runs: Runs, *_: object) -> dict[str, object]:
        assert look(runs.stack, directly).healthy
        return dummy(1.0)

    monkeypatch.setattr(Runs, "one", healthy)
    returned, path = STARTER.submit(back), tmp_path / "drills.json"
    assert Runs(stack_for(whole), PLAN, Console(quiet=True)).several([Kill(whole)], path, path.with_suffix(".html"))
    returned.result()


def test_a_run_that_broke_nothing_is_made_again(whole: RedisProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def busy(_: Runs, __: object, path: Path, ___: Path) -> dict[str, object]:
        tried.append(path)
        return dummy(None if len(tried) < 3 else 1.0)

    monkeypatch.setattr(Runs, "one", busy)
    fault, path = Kill(whole), tmp_path / "drills.json"
    assert Runs(stack_for(whole), PLAN, Console(quiet=True)).several([fault], path, path.with_suffix(".html"))
    assert len(tried) == 3


def test_a_drill_sees_a_loss(tmp_path: Path) -> None:
    with RedisProcesses(tmp_path, min_replicas_to_write=0) as bad:
        record = drilled(bad, Isolate(bad))
        made = report.report_of(record)
        probe = made["writers"][PROBE]
        assert not made["verdict"]["passed"]
        assert "acknowledged writes are lost" in " ".join(made["verdict"]["reasons"])
        # All that it acknowledged without a replica, of both writers; of the last ones the answer may not have arrived.
        lost = probe["loss"]["lost"] + made["writers"][APPLICATION]["loss"]["lost"]
        assert ALONE / 2 <= lost < probe["counts"]["acknowledged"]
        assert probe["loss"]["lost_began"] >= record.cut_began
        assert "min-replicas-to-write is 0" in " ".join(made["limits"])


def test_an_interrupted_drill_gives_the_power_back_and_can_be_repeated(whole: RedisProcesses) -> None:
    fault = Kill(whole)
    heard = []

    def interrupt(what: str, _: Record | None) -> None:
        if what == "waiting for a master":
            heard.append(what)
            os.kill(os.getpid(), signal.SIGINT)

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    record = drilled(whole, fault, interrupt)
    assert len(heard) == 1
    assert record.interrupted
    assert fault.restores == [record.victim]
    assert fault.node(record.victim).running
    made = report.report_of(record)
    assert not made["verdict"]["passed"]
    assert made["writers"][PROBE]["loss"] is None
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    whole.heal()


def test_an_interruption_during_the_cut_waits_for_it_and_mends_it(whole: RedisProcesses) -> None:
    class SlowKill(Kill):
        def cut(self, machine: str) -> None:
            time.sleep(0.5)
            super().cut(machine)

    fault = SlowKill(whole)
    interrupted: list[str] = []

    def interrupt(what: str, _: Record | None) -> None:
        if what.startswith("cutting") and not interrupted:
            interrupted.append(what)
            os.kill(os.getpid(), signal.SIGTERM)

    record = drilled(whole, fault, interrupt)
    assert (fault.cuts, fault.restores) == ([record.victim], [record.victim])
    assert fault.node(record.victim).running
    whole.heal()


def test_a_power_that_does_not_come_back_is_told_with_the_command(whole: RedisProcesses) -> None:
    class Stuck(Kill):
        def cut(self, machine: str) -> None:
            self.cuts.append(machine)
            raise OpsError("power off failed: no such machine")

        def restore(self, machine: str) -> None:  # noqa: ARG002
            raise OpsError("power on failed as well")

    record = drilled(whole, Stuck(whole))
    verdict = report.report_of(record)["verdict"]
    assert verdict["remedy"] == f"start {record.victim}"
    assert "power on failed as well" in verdict["reasons"][0]


def test_a_sick_stack_is_not_touched(whole: RedisProcesses) -> None:
    fault = Kill(whole)
    whole.sentinels[0].kill()
    with pytest.raises(OpsError, match=r"not healthy.*Nothing was touched"):
        break_master(stack_for(whole), directly, fault, PLAN, quietly)
    assert fault.cuts == []


def test_nothing_is_cut_when_writes_fail_without_a_fault(whole: RedisProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Kill(whole)
    begin: Callable[[Load], None] = Load.start

    def begin_and_forbid(load: Load) -> None:
        begin(load)
        whole.command(whole.master(), "ACL", "SETUSER", "application", "-set")

    monkeypatch.setattr(Load, "start", begin_and_forbid)
    master = whole.master()
    try:
        record = break_master(stack_for(whole), directly, fault, PLAN, quietly)
    finally:
        whole.command(master, "ACL", "SETUSER", "application", "+set")
    assert fault.cuts == []
    assert record.trouble is not None
    assert "nothing was cut" in record.trouble
    assert not report.report_of(record)["verdict"]["passed"]


def test_a_slow_connect_is_no_failed_write(whole: RedisProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Sentinels are silent for longer than a probe's write may take."""
    thaw_before_the_next_attempt(monkeypatch, *whole.sentinels)
    for node in whole.sentinels:
        node.freeze()
    load = Load(stack_for(whole), Clock(), "redis-ha:test", 50)
    load.start()
    try:
        wait_until(lambda: len(load.probe.operations()) > 3, "writes")
    finally:
        load.stop(patiently=False)
        load.close()


def test_the_probe_keeps_its_schedule_whatever_the_server_does(whole: RedisProcesses) -> None:
    clock = Clock()
    load = Load(stack_for(whole), clock, "redis-ha:test", 50)
    load.start()
    try:
        wait_until(lambda: len(load.probe.operations()) > 10, "writes")
        whole.master().freeze()
        wait_until(lambda: lost(load) > 10, "writes without an answer")
    finally:
        load.stop(patiently=False)
        load.close()
        next(node for node in whole.data if node.running).thaw()
        for node in whole.data:
            node.thaw()
    operations = load.probe.operations()
    dues = [one.due for one in operations]
    assert [one.number for one in operations] == list(range(len(operations)))
    gaps = [after - before for before, after in pairwise(dues)]
    assert max(gaps) < 0.021  # 50 a second, without a hole, though nothing was answered for a while


def lost(load: Load) -> int:
    counted = ledger.count(load.probe.operations())
    return counted["unknown"] + counted["failed"]
