"""Pages that tell of the code say what the code says; changelog, version and license are whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from redis_ha.elasticache import checks as elasticache
from redis_ha.sentinel import topology
from tests.house.test_arrows import ROOMS
from tests.support.documents import ROOT

PACKAGES = ("components", "client", "ops", "emulator")
CHANGELOG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
FRAGMENTS = [path for path in (ROOT / CHANGELOG["directory"]).glob("*") if path.name != "README.md"]


def rows(page: str, title: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    section = (ROOT / page).read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`([\w.]+)`", cell))


def test_the_architecture_names_the_arrows_of_the_house() -> None:
    table = {
        room.strip("`"): (quoted(own), quoted(pulumi))
        for room, own, pulumi in rows("docs/architecture.md", "Who may know whom")
    }
    assert table == ROOMS


def test_the_examples_of_the_architecture_are_the_local_stacks() -> None:
    shown = [cells[3] for cells in rows("docs/architecture.md", "The way through, with the local stack")]
    local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]["redis-ha:sentinel"]
    plan = topology.make_plan("local", local)
    assert shown[0] == f"`data_size: {local['data_size']}`"
    assert shown[3] == f"`Plan(quorum={plan.quorum}, maxmemory_mb={plan.maxmemory_mb}, ...)`"
    assert shown[4] == f"`maxmemory {topology.redis_directives(plan)['maxmemory']}`"
    staging = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]["redis-ha:elasticache"]
    group, _ = elasticache.make_plan("staging", {**staging, "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]})
    said = rows("docs/architecture.md", "The same way with ElastiCache")[1][2]
    assert repr(group.topology).startswith(said.strip("`").removesuffix(", ...)"))


def test_the_tiers_are_the_folders_of_the_tests_and_need_what_their_markers_say() -> None:
    found = {}
    for folder in (ROOT / "tests").iterdir():
        text = "".join(path.read_text() for path in folder.glob("test_*.py") if path != Path(__file__).resolve())
        if text:
            found[folder.name] = ("mark.engine" in text, "mark.machines" in text)
    table = {name.strip("`"): ("the engine" in needs, "root" in needs) for name, _, needs in rows("docs/testing.md", "Tiers")}
    assert table == found


def test_the_changelogs_fragments_build() -> None:
    command = [str(Path(sys.executable).with_name("towncrier")), "build", "--draft"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    types = [one["directory"] for one in CHANGELOG["type"]]
    # towncrier passes over what it does not know: a fragment with a mistyped name would be lost.
    name = re.compile(rf"(\d+|\+[\w-]+)\.({'|'.join(types)})(\.\d+)?\.md")
    assert [path.name for path in FRAGMENTS if not name.fullmatch(path.name)] == []
    assert [path.name for path in FRAGMENTS if path.read_text().split()[0] not in done.stdout] == []


def test_there_is_one_version_and_one_license() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.split()[:5] == ["Apache", "License", "Version", "2.0,", "January"]
    assert "END OF TERMS AND CONDITIONS" in text
    for package in PACKAGES:
        project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
        assert project["version"] == CHANGELOG["version"]
        assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
        assert (ROOT / package / "LICENSE").read_text() == text
