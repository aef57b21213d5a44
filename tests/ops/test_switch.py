"""`redis-ha switch` of an ElastiCache group on the emulated AWS without nodes: refusals, and a kill at every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from redis_ha_ops import cloud
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.cloud import CloudError
from redis_ha_ops.drill import failover, failover_report
from redis_ha_ops.errors import OpsError
from redis_ha_ops.group import Group, Shard
from redis_ha_ops.managed import ManagedLook, ManagedNode
from redis_ha_ops.runbook import running
from redis_ha_ops.runbook.desk import Ended, unfinished
from redis_ha_ops.runbook.journal import Journal
from redis_ha_ops.switching.managed_group import SWITCH, fits, items, runbook, unguarded
from tests.support.aws_world import REGION, World, world
from tests.support.fake_cloud import Killed
from tests.support.paper_runs import Killing, calls, desk_of, drill_of

__all__ = ["calls", "world"]  # fixtures

GROUP = Group("g", REGION, "available", False, "enabled", "enabled", (Shard("0001", ("g-001", "g-002", "g-003"), "", "g-001"),))


@pytest.fixture(autouse=True)
def paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the endpoints answer as a whole group's do: paper has none."""
    nodes = (ManagedNode("10.0.0.1:6379", "primary"), ManagedNode("10.0.0.2:6379", "replica", lag_bytes=0))
    monkeypatch.setattr("redis_ha_ops.managed.look", lambda _: ManagedLook(nodes, []))


def state(world: World, made: str) -> tuple[str, str, str]:
    """Return the primary's number, automatic failover and Multi-AZ."""
    found = world.available(made)
    members = found["NodeGroups"][0]["NodeGroupMembers"]
    (primary,) = [member["CacheClusterId"] for member in members if member["CurrentRole"] == "primary"]
    return primary.removeprefix(f"{made}-"), found["AutomaticFailover"], found["MultiAZ"]


def test_a_switch_to_a_chosen_node(world: World, calls: cloud.Ask, tmp_path: Path) -> None:
    made = world.group(NumCacheClusters=3)
    subject = drill_of(world, calls, made)
    said: list[str] = []
    book = runbook(subject, f"{made}-003")
    ended = running.start(book, desk_of(calls, tmp_path / made, said))
    assert (ended.outcome, state(world, made)) == ("done", ("003", "enabled", "enabled"))
    changes = [line.strip() for line in said if "ModifyReplicationGroup" in line]
    assert changes == [
        "ModifyReplicationGroup: AutomaticFailoverEnabled False, MultiAZEnabled False",
        f"ModifyReplicationGroup: PrimaryClusterId {made}-003",
        "ModifyReplicationGroup: AutomaticFailoverEnabled True, MultiAZEnabled True",
    ]
    points = items(subject, ended.journal.facts)
    told = failover_report.report_of(SWITCH, book, ended.journal, "done", points, measured=None, events=[], emulated=True)
    jsonschema.validate(told, json.loads((Path(failover.__file__).parent / "failover.schema.json").read_text()))
    assert told["verdict"] == {"passed": True, "reasons": [SWITCH.passed]}
    assert "The primary was switched" in failover_report.render(told, SWITCH)


def test_a_group_without_automatic_failover_stays_so(world: World, calls: cloud.Ask, tmp_path: Path) -> None:
    made = world.group(AutomaticFailoverEnabled=False, MultiAZEnabled=False)
    ended = running.start(runbook(drill_of(world, calls, made), None), desk_of(calls, tmp_path / made))
    assert (ended.outcome, state(world, made)) == ("done", ("002", "disabled", "disabled"))


def killed(
    world: World, calls: cloud.Ask, folder: Path, made: str, number: int, *, after: bool, go: Callable[..., Ended]
) -> tuple[bool, Ended | None]:
    """Begin a switch that is killed at a call, and go on with it; whether it was killed, and how it ended."""
    killing = Killing(calls, number, after=after)
    try:
        ended = running.start(runbook(drill_of(world, killing, made), None), desk_of(killing, folder))
        if not killing.dead:
            return False, ended
    except Killed:
        pass
    desk = desk_of(calls, folder)
    if unfinished(desk.records) is None:
        return True, None
    return True, go(runbook(drill_of(world, calls, made), None), desk)


def other(number: str) -> str:
    return {"001": "002", "002": "001"}[number]


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "after it was done"])
def test_a_switch_killed_at_any_call_is_gone_on_with(world: World, calls: cloud.Ask, tmp_path: Path, after: bool) -> None:
    made, number, more = world.group(), 0, True
    while more:
        number += 1
        before, _, _ = state(world, made)
        folder = tmp_path / f"resume-{'after' if after else 'before'}-{number}"
        more, ended = killed(world, calls, folder, made, number, after=after, go=running.resume)
        if ended is not None:
            assert (ended.outcome, state(world, made)) == ("done", (other(before), "enabled", "enabled")), number
        assert state(world, made)[1:] == ("enabled", "enabled"), number
    assert number > 12


def test_a_switch_killed_at_any_changing_call_is_taken_back(world: World, calls: cloud.Ask, tmp_path: Path) -> None:
    made, number, more, undone = world.group(), 0, True, 0
    while more:
        number += 1
        before = state(world, made)
        more, ended = killed(world, calls, tmp_path / f"abort-{number}", made, number, after=True, go=running.abort)
        if more and ended is not None:
            undone += 1
            assert (ended.outcome, state(world, made)) == ("undone", before), number
    assert undone > 8


def test_taking_back_changes_only_what_was_changed(world: World, calls: cloud.Ask, tmp_path: Path) -> None:
    made, changed = world.group(), []

    def dying(service: str, operation: str, given: Any, region: str) -> Any:
        if "PrimaryClusterId" in given:
            raise Killed
        return calls(service, operation, given, region)

    def noting(service: str, operation: str, given: Any, region: str) -> Any:
        changed.extend(given.keys() & {"PrimaryClusterId", "MultiAZEnabled"})
        return calls(service, operation, given, region)

    with pytest.raises(Killed):
        running.start(runbook(drill_of(world, dying, made), None), desk_of(dying, tmp_path / made))
    assert running.abort(runbook(drill_of(world, noting, made), None), desk_of(noting, tmp_path / made)).outcome == "undone"
    assert (changed, state(world, made)) == (["MultiAZEnabled"], ("001", "enabled", "enabled"))


def test_what_aws_refuses_is_told_and_what_was_switched_off_is_switched_on(
    world: World, calls: cloud.Ask, tmp_path: Path
) -> None:
    made = world.group()

    def refusing(service: str, operation: str, given: Any, region: str) -> Any:
        if "PrimaryClusterId" in given:
            raise CloudError("not today", "InvalidReplicationGroupState")
        return calls(service, operation, given, region)

    desk = desk_of(refusing, tmp_path / made)
    ended = running.start(runbook(drill_of(world, refusing, made), None), desk)
    assert (ended.outcome, ended.why, unguarded(ended.journal)) == ("failed", "not today", True)
    assert state(world, made) == ("001", "disabled", "disabled")
    with pytest.raises(OpsError, match="has not ended"):
        running.start(runbook(drill_of(world, calls, made), None), desk)
    assert running.abort(runbook(drill_of(world, calls, made), None), desk_of(calls, tmp_path / made)).outcome == "undone"
    assert state(world, made) == ("001", "enabled", "enabled")


@pytest.mark.parametrize(
    ("changes", "wanted", "word", "says"),
    [
        ({}, None, "fits", "primary g-001, replicas g-002, g-003"),
        ({}, "g-003", "fits", "available"),
        ({}, "g-001", "against", "--to g-001: it is the primary already"),
        ({}, "h-001", "against", "--to h-001: the replicas of g are g-002, g-003"),
        ({"clustered": True}, None, "against", "AWS lets nobody choose a primary there"),
        ({"global_role": "PRIMARY"}, None, "against", "member of a Global Datastore"),
        ({"status": "modifying"}, None, "against", "is modifying"),
        ({"shards": (Shard("0001", ("g-001",), "", "g-001"),)}, None, "against", "has no replica"),
        ({"shards": (Shard("0001", ("g-001", "g-002"), "", None),)}, None, "unknown", "does not say which node"),
    ],
)
def test_a_group_that_fits(changes: dict[str, Any], wanted: str | None, word: str, says: str) -> None:
    answer = fits(replace(GROUP, **changes), wanted)
    assert answer.word == word
    assert says in answer.text


@pytest.mark.parametrize(
    ("steps", "automatic", "left"),
    [
        ({}, "enabled", False),
        ({"unguard": "begun"}, "enabled", True),
        ({"unguard": "done", "guard": "begun"}, "enabled", True),
        ({"unguard": "done", "guard": "done"}, "enabled", False),
        ({"unguard": "undone"}, "enabled", False),
        ({"unguard": "done"}, "disabled", False),
    ],
)
def test_a_group_that_is_left_without_failover(steps: dict[str, str], automatic: str, left: bool) -> None:
    journal = Journal("x", "switch", "shop", {}, "ann", "now", {name: {"state": word} for name, word in steps.items()})
    journal.facts["automatic"] = automatic
    assert unguarded(journal) is left


def test_a_switch_that_did_not_come_about_is_no_pass(world: World, calls: cloud.Ask) -> None:
    made = world.group()
    points = items(drill_of(world, calls, made), {"wanted": f"{made}-002", "automatic": "disabled", "multi_az": "enabled"})
    assert [point.state for point in points] == ["not seen", "not seen", "seen"]
    gone = drill_of(world, calls, made)
    gone.group_id = "none"
    assert [point.state for point in items(gone, {})][:2] == ["could not be looked at"] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stack", "staging"], ["no terminal", "--yes"]),
        (["--stack", "prod-eu", "--yes"], ["protected by its name"]),
        (["--stack", "staging", "--yes", "--resume", "--abort"], ["--resume and --abort"]),
    ],
)
def test_refused_before_anything_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["switch", *arguments], obj=Call(), input="")
    assert isinstance(done.exception, OpsError)
    assert all(word in str(done.exception) for word in words)


ARN = f"arn:aws:elasticache:{REGION}:123456789012:replicationgroup:orders"
DOCUMENT: dict[str, Any] = {"elasticache_connection": {}, "elasticache_arn": ARN}


@pytest.mark.parametrize(
    ("outputs", "arguments", "says"),
    [
        ({"sentinel_connection": {}}, ["--block", "elasticache"], "--block elasticache: stack staging has sentinel"),
        ({"sentinel_connection": {}, **DOCUMENT}, [], "has sentinel and elasticache: say --block sentinel"),
        ({"global_connection": {}}, [], "stack staging has neither"),
    ],
)
def test_which_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any], arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Call, "outputs", lambda *_, **__: outputs)
    done = CliRunner().invoke(cli, ["switch", "--stack", "staging", "--yes", *arguments], obj=Call())
    assert isinstance(done.exception, OpsError)
    assert says in str(done.exception)
