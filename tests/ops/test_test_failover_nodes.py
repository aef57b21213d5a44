"""`redis-ha drill test-failover` with real cache nodes: the outage is measured, and a killed run is gone on with."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from redis_ha_ops.drill import failover
from redis_ha_ops.runbook import history
from tests.support.aws_stack import Stack, stack
from tests.support.aws_world import TOKEN
from tests.support.cache_outputs import outputs_of
from tests.support.cache_program import argv, environment, program, redis_ha
from tests.support.waiting import wait_until

__all__ = ["stack"]  # a fixture

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]
DRILL = ("drill", "test-failover", "--yes", "--seconds", "5", "--rate", "20")


def report_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "reports").glob("*.json")
    made: dict[str, Any] = json.loads(path.read_text())
    jsonschema.validate(made, json.loads((Path(failover.__file__).parent / "failover.schema.json").read_text()))
    assert path.with_suffix(".html").read_text().count("<tr>") > len(made["checklist"])
    return made


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose current folder this is."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if link.readlink() == folder:
                found.append(int(link.parent.name))
    return found


def states(made: dict[str, Any]) -> dict[str, str]:
    return {item["what"]: item["state"] for item in made["checklist"]}


@pytest.mark.parametrize("clustered", [False, True], ids=["disabled", "enabled"])
def test_the_outage_of_a_shard_is_measured(stack: Stack, tmp_path: Path, clustered: bool) -> None:
    make = stack.shards if clustered else stack.group
    group = make(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    folder = program(tmp_path / "program", stack, outputs_of(stack, group))
    shard = "0002" if clustered else "0001"
    before = stack.roles(group)
    done = redis_ha(folder, *DRILL, "--shard", shard)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    made = report_of(folder)
    # On a busy computer the writers may see a long outage of which the health check, with more patience, sees none.
    missed = [item["what"] for item in made["checklist"] if item["needed"] and item["state"] != "seen"]
    assert set(missed) <= {"health check fired, and cleared"}, done.stdout + done.stderr
    assert done.returncode == (1 if missed else 0)
    told = states(made)
    for what in (
        "AWS's events, in AWS's order",
        "outage measured",
        "errors caught",
        "writes recovered",
        "no acknowledged write lost",
    ):
        assert told[what] == "seen", done.stdout
    assert told["generation of the endpoint document raised"] == "could not be looked at"
    assert stack.roles(group) != before
    assert made["writers"]["probe"]["outage"]["outage_seconds"] > 0
    assert sum(made["writers"]["probe"]["errors"].values()) > 0
    assert [line["outcome"] for line in history.read(folder / ".redis-ha" / "shop")] == ["done"]
    assert not stack.client("ssm").describe_parameters()["Parameters"]
    shown = redis_ha(folder, "history")
    assert "drill test-failover" in shown.stdout


def test_a_drill_killed_in_the_failover_is_gone_on_with(stack: Stack, tmp_path: Path) -> None:
    group = stack.group(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    folder = program(tmp_path / "program", stack, outputs_of(stack, group))
    command = argv(*DRILL, "--stack", "shop", "--emulated")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "TestFailover was called" in (tmp_path / "log").read_text(), (tmp_path / "log").read_text)
    finally:
        for number in processes_in(folder):  # the second one, in the cache's network, has a session of its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.wait()
    told = redis_ha(folder, "status")
    assert "runbook: drill test-failover by" in told.stdout, told.stdout + told.stderr
    refused = redis_ha(folder, *DRILL)
    assert refused.returncode == 2
    assert "has not ended" in refused.stderr
    done = redis_ha(folder, *DRILL, "--resume")
    made = report_of(folder)
    told_states = states(made)
    assert done.returncode == 1, done.stdout + done.stderr  # what nobody measured is no pass
    assert told_states["outage measured"] == "could not be looked at"
    assert told_states["AWS's events, in AWS's order"] == "seen"
    assert told_states["the group is available again"] == "seen"
    events = stack.cache.describe_events(SourceType="replication-group", SourceIdentifier=group)["Events"]
    assert sum("Test Failover API called" in event["Message"] for event in events) == 1
