"""`redis-ha switch` with real cache nodes: the primary is another one, nothing is lost, and the outage is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.aws_stack import Stack, stack
from tests.support.aws_world import TOKEN
from tests.support.cache_outputs import outputs_of
from tests.support.cache_program import program, redis_ha

__all__ = ["stack"]  # a fixture

pytestmark = [pytest.mark.machines, pytest.mark.timeout(900)]


def test_a_switch_under_writes(stack: Stack, tmp_path: Path) -> None:
    group = stack.group(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    outputs = outputs_of(stack, group)
    folder = program(tmp_path / "program", stack, outputs)
    host = outputs["elasticache_connection"]["primary"]["host"]
    stack.write(host)
    done = redis_ha(folder, "switch", "--yes", "--measure", "--rate", "20", "--seconds", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.roles(group) == {f"{group}-001": "replica", f"{group}-002": "primary"}
    (path,) = (folder / "reports").glob("*.json")
    states = {item["what"]: item["state"] for item in json.loads(path.read_text())["checklist"]}
    for what in ("the chosen node is primary", "failover is on as before", "writes recovered", "no acknowledged write lost"):
        assert states[what] == "seen", done.stdout
    assert stack.lost(host) == []


def test_a_group_with_cluster_mode_enabled_is_refused(stack: Stack, tmp_path: Path) -> None:
    group = stack.shards(AuthToken=TOKEN, CacheSubnetGroupName=stack.subnet_group())
    folder = program(tmp_path / "program", stack, outputs_of(stack, group))
    done = redis_ha(folder, "switch", "--yes")
    assert done.returncode == 2
    assert "AWS lets nobody choose a primary there" in done.stderr
