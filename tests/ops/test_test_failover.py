"""`redis-ha drill test-failover` on the emulated AWS without nodes: checks, refusals, events, a kill at every call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from redis_ha_ops import automation, cloud, group
from redis_ha_ops.automation import Automation, automation_of
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.cloud import CloudError
from redis_ha_ops.drill import failover, failover_report
from redis_ha_ops.drill.checklist import checklist
from redis_ha_ops.drill.failover_checks import MOST_LAG_BYTES, fits, in_sync, limit
from redis_ha_ops.drill.failover_evidence import evidence
from redis_ha_ops.errors import OpsError
from redis_ha_ops.findings import Finding
from redis_ha_ops.group import MOST_TESTS, STAGES, Event, Group, Shard, group_of_stack, in_order, stages, tag_of
from redis_ha_ops.managed import ManagedLook, ManagedNode
from redis_ha_ops.runbook import history, places, running
from redis_ha_ops.runbook.desk import Ended, Run, unfinished
from redis_ha_ops.runbook.plan import Runbook, Step
from redis_ha_ops.runbook.records import SsmRecords
from tests.support.aws_world import REGION, World, world
from tests.support.fake_cloud import FakeCloud, Killed, switches
from tests.support.paper_runs import Killing, calls, desk_of, drill_of, unreached, whole_story

__all__ = ["calls", "whole_story", "world"]  # fixtures

pytestmark = pytest.mark.usefixtures("whole_story")

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SHARDS = (
    Shard("0001", ("g-0001-001", "g-0001-002"), "0-8191", None),
    Shard("0002", ("g-0002-001", "g-0002-002"), "8192-16383", None),
)
GROUP = Group("g", REGION, "available", clustered=True, automatic_failover="enabled", multi_az="enabled", shards=SHARDS)


def calls_for(world: World, group_id: str) -> int:
    events = world.cache.describe_events(SourceType="replication-group", SourceIdentifier=group_id, Duration=1440)["Events"]
    return sum("Test Failover API called" in event["Message"] for event in events)


@pytest.mark.parametrize("clustered", [False, True], ids=["disabled", "enabled"])
def test_a_run_from_the_checks_to_the_report(
    world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clustered: bool
) -> None:
    unreached(monkeypatch)
    made = world.shards() if clustered else world.group()
    drill = drill_of(world, calls, made, shard="0002" if clustered else "0001")
    said: list[str] = []
    book = failover.runbook(drill)
    ended = running.start(book, desk_of(calls, tmp_path / made, said))
    assert ended.outcome == "done"
    assert calls_for(world, made) == 1
    told = [line for line in said if " AWS: " in line]
    assert len(told) == len(STAGES)
    seen, events = evidence(drill, ended.journal.facts)
    report = failover_report.report_of(
        failover_report.TEST, book, ended.journal, "done", checklist(seen), measured=seen.measured, events=events, emulated=True
    )
    jsonschema.validate(report, json.loads((Path(failover.__file__).parent / "failover.schema.json").read_text()))
    state = {item["what"]: item["state"] for item in report["checklist"]}
    assert state["AWS's events, in AWS's order"] == "seen"
    assert state["the group is available again"] == "seen"
    assert {value for what, value in state.items() if "events" not in what and "available" not in what} == {
        "could not be looked at"
    }
    assert not report["verdict"]["passed"]
    page = failover_report.render(report, failover_report.TEST)
    assert "could not be looked at" in page
    assert "<svg" not in page


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "after it was done"])
def test_a_run_killed_at_any_call_calls_test_failover_once(
    world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    unreached(monkeypatch)
    made, number, killed = world.group(), 0, True
    while killed:
        number += 1
        before = calls_for(world, made)
        folder = tmp_path / f"kill-{'after' if after else 'before'}-{number}"
        killing = Killing(calls, number, after=after)
        ended: Ended | None = None
        try:
            ended = running.start(failover.runbook(drill_of(world, killing, made)), desk_of(killing, folder))
            killed = killing.dead
        except Killed:
            desk = desk_of(calls, folder)
            begun = unfinished(desk.records) is not None
            over = bool(list(folder.glob("history.jsonl"))) and not begun
            go = running.resume if begun else running.start
            ended = None if over else go(failover.runbook(drill_of(world, calls, made)), desk)
        assert ended is None or ended.outcome == "done", (number, ended)
        assert calls_for(world, made) == before + 1, number
    assert number > 10


def test_what_aws_refuses_leaves_nothing_behind(
    world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreached(monkeypatch)
    made = world.group()

    def refusing(service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        if operation == "test_failover":
            raise CloudError("blocked during a large event", "TestFailoverNotAvailableFault")
        return calls(service, operation, given, region)

    desk = desk_of(refusing, tmp_path / made)
    ended = running.start(failover.runbook(drill_of(world, refusing, made)), desk)
    assert (ended.outcome, ended.why) == ("failed", "blocked during a large event")
    assert unfinished(desk.records) is None
    assert calls_for(world, made) == 0


def test_the_document_is_followed(world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unreached(monkeypatch)
    monkeypatch.setattr(failover, "DOCUMENT_SECONDS", 0.5)
    made = world.group()
    name = f"/app/{made}/endpoints"
    watched = Automation(REGION, name)
    ssm = world.client("ssm")

    def write(number: int) -> None:
        ssm.put_parameter(Name=name, Type="String", Value=json.dumps({"generation": number}), Overwrite=True)

    write(3)
    drill = drill_of(world, calls, made, automation=watched)
    book = failover.runbook(drill)
    follow = next(step for step in book.steps if step.name == "follow")

    def following(run: Run) -> None:
        follow.act(run)
        write(4)

    steps = [replace(step, act=following) if step is follow else step for step in book.steps]
    ended = running.start(replace(book, steps=steps), desk_of(calls, tmp_path / made))
    assert (ended.outcome, evidence(drill, ended.journal.facts)[0].generations) == ("done", (3, 4))
    # A document that stays as it was is told, and ends nothing.
    ended = running.start(failover.runbook(drill), desk_of(calls, tmp_path / made))
    assert (ended.outcome, evidence(drill, ended.journal.facts)[0].generations) == ("done", (4, 4))


@pytest.mark.parametrize("rings", [True, False])
def test_an_alarm_is_waited_for_and_is_the_drill_s_own(
    world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rings: bool
) -> None:
    unreached(monkeypatch)
    monkeypatch.setattr(failover, "ALARM_SECONDS", 0.5)
    made, watch = world.group(), world.client("cloudwatch")
    early, own, calm, other = (f"{made}-{name}" for name in ("early", "failover", "calm", "other"))
    for name in (early, own, calm, other):
        given = {"Period": 60, "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
        watch.put_metric_alarm(AlarmName=name, Namespace="n", MetricName="m", Statistic="Sum", **given)
    watch.set_alarm_state(AlarmName=early, StateValue="ALARM", StateReason="before the drill")
    drill = drill_of(world, calls, made, alarms=[early, own, calm])
    book = failover.runbook(drill)
    back = next(step for step in book.steps if step.name == "back")

    def ringing(run: Run) -> None:
        back.act(run)
        for name in (other, *([own] if rings else [])):
            watch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
        watch.set_alarm_state(AlarmName=calm, StateValue="OK", StateReason="a test")

    steps = [replace(step, act=ringing) if step is back else step for step in book.steps]
    ended = running.start(replace(book, steps=steps), desk_of(calls, tmp_path / made))
    assert (ended.outcome, evidence(drill, ended.journal.facts)[0].alarms) == ("done", [own] if rings else [])


def test_alarms_that_cannot_be_looked_at(
    world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreached(monkeypatch)
    monkeypatch.setattr(failover, "ALARM_SECONDS", 0.5)

    def refusing(service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        if service == "cloudwatch":
            raise CloudError("no permission", "AccessDenied")
        return calls(service, operation, given, region)

    made = world.group()
    drill = drill_of(world, refusing, made, alarms=["one"])
    ended = running.start(failover.runbook(drill), desk_of(refusing, tmp_path / made))
    seen, _ = evidence(drill, ended.journal.facts)
    assert (ended.outcome, seen.alarms, seen.why["alarms"]) == ("done", None, "no permission")
    assert evidence(drill, {})[0].why["alarms"] == "the run did not come so far"


def test_the_function_s_lines_are_those_of_the_group_s_failover(world: World, calls: cloud.Ask) -> None:
    logs, name = world.client("logs"), f"/aws/lambda/{world.name('function')}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    at = int(datetime.now(UTC).timestamp() * 1000)
    lines = [
        "START RequestId: x",
        '{"event": {"name": "Schedule"}, "GroupId": "g"}',
        '{"event": {"name": "ElastiCache:FailoverComplete"}, "GroupId": "h", "document": {"group_id": "g"}}',
        '{"event": {"name": "Schedule"}, "GroupId": "g", "document": {"event_name": "ElastiCache:FailoverComplete"}}',
        '["ElastiCache:FailoverComplete", "g"]',
        "ElastiCache:FailoverComplete of g",
        *(f'{{"event": {{"name": "ElastiCache:FailoverComplete"}}, "GroupId": "g", "number": {number}}}' for number in (1, 2)),
    ]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": at, "message": one} for one in lines])
    made = Automation(REGION, "/p", name)

    def paged(service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        """Answer with an empty page first and a line a page then, as AWS may."""
        if given.get("nextToken") is None:
            return {"events": [], "nextToken": "0"}
        found = calls(service, operation, _without(given), region)["events"]
        at = int(given["nextToken"])
        return {"events": found[at : at + 1], **({"nextToken": str(at + 1)} if at + 1 < len(found) else {})}

    for ask in (calls, paged):
        assert automation.logged(ask, made, "g", NOW) == lines[6:]
        assert automation.logged(ask, made, "g", datetime.now(UTC) + timedelta(hours=1)) == []


def _without(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "nextToken"}


def test_a_sixteenth_node_group_in_a_day_is_refused_and_nothing_is_touched(
    world: World, calls: cloud.Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreached(monkeypatch)
    made = world.group()

    def full(service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        if operation != "describe_events" or given["SourceType"] != "replication-group":
            return calls(service, operation, given, region)
        text, at = "Test Failover API called for node group 0001", datetime.now(UTC) - timedelta(hours=23)
        return {"Events": [{"Date": at, "SourceIdentifier": f"other-{one}", "Message": text} for one in range(MOST_TESTS)]}

    said: list[str] = []
    desk = desk_of(full, tmp_path / made, said)
    with pytest.raises(OpsError, match="15 of 15 node groups were tested within 24 h"):
        running.start(failover.runbook(drill_of(world, full, made)), desk)
    assert calls_for(world, made) == 0
    assert unfinished(desk.records) is None


# --- plain decisions ---


@pytest.mark.parametrize(
    ("changes", "word", "says"),
    [
        ({}, "fits", "available"),
        ({"status": "modifying"}, "against", "is modifying"),
        ({"automatic_failover": "disabled"}, "against", "automatic failover is disabled"),
        ({"multi_az": "disabled"}, "against", "Multi-AZ is disabled"),
        ({"global_role": "SECONDARY"}, "against", "follows another region"),
        ({"global_role": "PRIMARY"}, "fits", "available"),
        ({"shards": (replace(SHARDS[0], members=("g-0001-001",)),)}, "against", "no replica"),
    ],
)
def test_a_group_that_fits(changes: dict[str, Any], word: str, says: str) -> None:
    answer = fits(replace(GROUP, **changes), "0001")
    assert answer.word == word
    assert says in answer.text


def test_a_shard_that_is_not_there() -> None:
    with pytest.raises(OpsError, match="--shard 0009: group g has 0001, 0002"):
        fits(GROUP, "0009")


def test_aws_s_limit_counts_node_groups_of_a_day() -> None:
    def called(hours: float, source: str, shard: str) -> Event:
        text = f"Test Failover API called for node group {shard}"
        return Event(NOW - timedelta(hours=hours), "replication-group", source, text)

    events = [called(25, "old", "0001"), *(called(1, "g", f"{number:04d}") for number in range(1, 15)), called(2, "g", "0001")]
    found = group.tested(events, NOW)
    assert (len(found), "old/0001" in found) == (14, False)
    assert limit(found, "h/0001").word == "fits"
    full = found | {"h/0001"}
    assert limit(full, "h/0002").word == "against"
    assert limit(full, "g/0003").word == "fits"  # tested already: it counts once
    assert "15 of 15" in limit(full, "h/0002").text


def node(role: str, **changes: Any) -> ManagedNode:
    return ManagedNode("10.0.0.1:6379", role, **changes)


@pytest.mark.parametrize(
    ("nodes", "findings", "word"),
    [
        ([node("primary"), node("replica", lag_bytes=10)], [], "fits"),
        ([node("primary"), node("replica")], [], "fits"),
        ([node("primary"), node("replica", lag_bytes=MOST_LAG_BYTES + 1)], [], "against"),
        ([node("primary")], [Finding("degraded", "replicas-missing", "reader", "0 of 1 replicas answer")], "against"),
        ([], [Finding("broken", "unreachable", "primary", "no such name")], "unknown"),
        ([node("primary"), node("replica", lag_bytes=0)], [Finding("note", "not-told", "primary", "x")], "fits"),
    ],
)
def test_replicas_in_sync(nodes: list[ManagedNode], findings: list[Finding], word: str) -> None:
    assert in_sync(ManagedLook(tuple(nodes), findings)).word == word


DONE = "Failover from primary node g-0001-001 to replica node g-0001-002 completed"
STORY = [
    ("replication-group", "g", "Test Failover API called for node group 0001"),
    ("cache-cluster", "g-0001-001", DONE),
    ("replication-group", "g", DONE),
    ("cache-cluster", "g-0001-001", "Recovering cache nodes 0001"),
    ("cache-cluster", "g-0001-001", "Finished recovery for cache nodes 0001"),
]


def story(rows: list[tuple[str, str, str]]) -> list[Event]:
    return [Event(NOW + timedelta(seconds=at), *row) for at, row in enumerate(rows, 1)]


def test_the_stages_of_a_failover() -> None:
    found = stages(story(STORY), GROUP, SHARDS[0], NOW)
    assert tuple(found) == STAGES
    assert in_order(found)
    assert not in_order(stages(story([STORY[1], STORY[0], *STORY[2:]]), GROUP, SHARDS[0], NOW))
    assert not stages(story(STORY), GROUP, SHARDS[1], NOW)
    assert not stages(story(STORY), replace(GROUP, id="h"), Shard("0001", ("h-1",), "", None), NOW)
    assert not stages(story(STORY), GROUP, SHARDS[0], NOW + timedelta(seconds=9))
    # An earlier recovery is another story.
    assert "recovered" not in stages(story([STORY[4], *STORY[:3]]), GROUP, SHARDS[0], NOW)


@pytest.mark.parametrize("slots", ["0-8191", "8192-16383", "5", "0-3,16000-16383"])
def test_a_tag_puts_keys_into_the_shard(slots: str) -> None:
    from redis.crc import key_slot

    ranges = [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in slots.split(","))]
    slot = key_slot(f"redis-ha:drill:x:{tag_of(slots)}:probe:7".encode())
    assert any(first <= slot <= last for first, last in ranges)
    assert tag_of("") == ""


@pytest.mark.parametrize("arn", [None, "", "arn:aws:elasticache:eu-central-1:1:cluster:x", "nonsense"])
def test_a_stack_without_a_group(arn: str | None) -> None:
    with pytest.raises(OpsError, match="no output elasticache_arn"):
        group_of_stack("shop", {"elasticache_arn": arn}, None)


def test_another_group_is_refused_by_name() -> None:
    outputs = {"elasticache_arn": f"arn:aws:elasticache:{REGION}:123456789012:replicationgroup:orders"}
    assert group_of_stack("shop", outputs, None) == group_of_stack("shop", outputs, "orders") == ("orders", REGION)
    with pytest.raises(OpsError, match="--group other: stack shop has the group orders"):
        group_of_stack("shop", outputs, "other")


def test_a_group_that_aws_does_not_know(calls: cloud.Ask) -> None:
    with pytest.raises(OpsError, match="group nobody: AWS knows none in eu-central-1"):
        group.read_group(calls, "nobody", REGION)


def test_the_automation_s_output() -> None:
    told = {
        "failover_connections": {"orders": {"kind": "ssm", "region": "eu-west-1", "parameter": "/p/orders/endpoints"}},
        "failover_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:shop-failover",
    }
    made = automation_of("shop", told, "orders")
    assert made == Automation("eu-west-1", "/p/orders/endpoints", "/aws/lambda/shop-failover")
    assert automation_of("shop", {**told, "failover_function_arn": None}, "orders") == Automation(made.region, made.document)
    assert automation_of("shop", told, "other") is None
    assert automation_of("shop", {}, "orders") is None
    for other in ("x", {"orders": "/p/orders/endpoints"}):
        with pytest.raises(OpsError, match="is of another form"):
            automation_of("shop", {"failover_connections": other}, "orders")


def test_only_a_runbook_changes_anything(calls: cloud.Ask) -> None:
    with pytest.raises(ValueError, match="is no reading call"):
        cloud.only_reading(calls)("elasticache", "test_failover", {}, REGION)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stack", "staging"], ["no terminal", "--yes", "Nothing was touched"]),
        (["--stack", "prod", "--yes"], ["protected by its name", "leave --yes out"]),
        (["--stack", "staging", "--yes", "--resume", "--abort"], ["--resume and --abort"]),
        (["--stack", "staging", "--yes", "--output", "a", "--html", "a"], ["--output and --html are both"]),
    ],
)
def test_refused_before_anything_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["drill", "test-failover", *arguments], obj=Call(), input="")
    assert isinstance(done.exception, OpsError)
    assert all(word in str(done.exception) for word in words)


def test_the_history_in_words_and_for_machines(tmp_path: Path) -> None:
    cloud_ = FakeCloud()
    running.start(switches(cloud_, "a"), cloud_.desk(history.folder_of(tmp_path, "shop")))
    arguments = ["history", "--stack", "shop", "--program", str(tmp_path)]
    shown = CliRunner().invoke(cli, arguments, obj=Call(), catch_exceptions=False)
    assert all(word in shown.output for word in ("turn", "names ['a']", "ann@one", "done"))
    told = CliRunner().invoke(cli, [*arguments, "--json"], obj=Call(), catch_exceptions=False)
    assert json.loads(told.output)["steps"] == {"a": "done"}
    arguments[2] = "other"
    assert "nothing was run from" in CliRunner().invoke(cli, arguments, obj=Call(), catch_exceptions=False).output


def test_status_tells_of_a_run(world: World, calls: cloud.Ask, tmp_path: Path) -> None:
    del world
    records = SsmRecords(calls, places.record_path("shop", "elasticache"), REGION)
    desk = replace(desk_of(calls, tmp_path / "x"), records=records)
    told: list[str | None] = []

    def look(_: Run) -> None:
        told.append(places.under_way(calls, "shop", "elasticache", REGION, datetime.now(UTC)))

    running.start(Runbook("shift", "Shift", "shop", steps=[Step("look", "Look", look)]), desk)
    assert str(told[0]).startswith("shift by ann@one, until ")
    assert places.under_way(calls, "shop", "elasticache", REGION, datetime.now(UTC)) is None

    def refused(*_: Any) -> Mapping[str, Any]:
        raise CloudError("no permission", "AccessDeniedException")

    assert (
        places.under_way(refused, "shop", "elasticache", REGION, datetime.now(UTC))
        == "not known: /redis-ha/shop/elasticache/lease: no permission"
    )
