"""The first page: its programs run, its figures are the code's, and it stays short."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.engine import ENGINE_MINIMUM
from tests.support.documents import ROOT, blocks, links
from tests.support.emulated import Emulated, shared_home
from tests.support.managed_processes import ManagedGroup, Names
from tools import build_engine, setup

pytestmark = pytest.mark.servers

README = ROOT / "README.md"
MOST_LINES = 120


def program(imports: str) -> str:
    """Return the README's only program that imports this module."""
    (found,) = [block.text for block in blocks(README, "python") if f"import {imports}\n" in block.text]
    return found


@pytest.mark.engine
def test_the_program_previews(tmp_path: Path) -> None:
    stack = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), program("pulumi"))
    plan = json.loads(stack.run("preview --json").stdout)
    types = [step["newState"]["type"] for step in plan["steps"]]
    assert {step["op"] for step in plan["steps"]} == {"create"}
    assert types.count("digitalocean:index/droplet:Droplet") == 6
    for token in (
        "redis-ha:index:SentinelCluster",
        "redis-ha:index:ElastiCacheHaGroup",
        "aws:elasticache/replicationGroup:ReplicationGroup",
    ):
        assert types.count(token) == 1, token


def test_the_application_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch)
    with ManagedGroup(tmp_path, replicas=0) as group:
        group.publish(names)
        scope: dict[str, Any] = {"connection": json.dumps(group.connection), "credentials": json.dumps(group.credentials)}
        exec(program("redis_ha_client"), scope)  # noqa: S102 - the README's own program
        with scope["client"] as client:
            assert client.get("greeting") == b"hello"


def test_what_it_needs_is_what_the_set_up_asks_for() -> None:
    needs = README.read_text().split("\n## What it needs\n")[1].split("\n## ")[0]
    assert f"Python {'.'.join(map(str, setup.PYTHON_MINIMUM))} or newer" in needs
    assert f"{build_engine.DISK_NEEDED_GB} GB of free disk" in needs
    assert f"version {ENGINE_MINIMUM} or newer" in needs


def test_what_it_needs_stands_before_the_first_command() -> None:
    text = README.read_text()
    assert text.index("## What it needs") < text.index("```")


def test_every_component_is_named() -> None:
    hosted = (ROOT / "components" / "__main__.py").read_text().split("COMPONENTS:")[1].split("]\n")[0]
    components = set(re.findall(r"^    (\w+),$", hosted, re.MULTILINE))
    row = next(line for line in README.read_text().splitlines() if line.startswith("| [components/]"))
    assert set(re.findall(r"`(\w+)`", row)) == components


def test_it_is_short() -> None:
    assert len(README.read_text().splitlines()) <= MOST_LINES


def test_every_page_is_linked_from_it_or_from_a_page_that_it_links_to() -> None:
    reached = {path for path, _ in links(README)}
    reached |= {path for page in reached if page.suffix == ".md" and page.is_file() for path, _ in links(page)}
    pages = set((ROOT / "docs").glob("*.md"))
    assert pages
    assert {page.name for page in pages - reached} == set()
