"""Wrong input by the stack file: one clear error a mistake, naming stack, key, value and remedy, before anything is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.conftest import ROOT, OwnStack
from tests.support.emulated import shared_home

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

# What is changed in the local stack's block -> the argument that is named, and what else the one line has to say.
MISTAKES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "even Sentinels": ({"sentinels": 4}, "sentinels", ["4", "3"]),
    "quorum above the count": ({"quorum": 5}, "quorum", ["5", "3"]),
    "nobody to confirm writes": ({"replicas": 0}, "min_replicas_to_write", ["1", "0"]),
    "region": ({"region": "Amsterdam 3"}, "region", ["Amsterdam 3"]),
    "size": ({"data_size": "huge"}, "data_size", ["huge"]),
    "no network": ({"client_sources": ["10.20.0.0/99"]}, "client_sources", ["10.20.0.0/99"]),
    "the whole world": ({"admin_sources": ["0.0.0.0/0"]}, "admin_sources", ["0.0.0.0/0"]),
    "public VPC": ({"vpc_ip_range": "8.8.0.0/16"}, "vpc_ip_range", ["8.8.0.0/16"]),
    "VPC too large": ({"vpc_ip_range": "10.0.0.0/8"}, "vpc_ip_range", ["10.0.0.0/8", "/16"]),
    "two VPCs": ({"vpc_id": "5a4981aa-9653-4bd1-bef5-d6bff52042e4"}, "vpc_ip_range", ["vpc_id"]),
    "image": ({"image": "windows-3-11"}, "image", ["windows-3-11", "debian-13-x64"]),
    "taken directive": ({"extra_directives": {"replicaof": "10.0.0.1 6379"}}, "extra_directives", ["replicaof"]),
    "too much user-data": (
        {"extra_directives": {f"latency-x{n}": "y" * 900 for n in range(80)}},
        "extra_directives",
        ["65536"],
    ),
    "unknown key": ({"sentinel_count": 3}, "sentinel_count", ["unknown key", "sentinels"]),
    "mistyped value": ({"replicas": "two"}, "replicas", ["two"]),
    "plain password": ({"admin_password": "correct-horse-battery"}, "admin_password", ["pulumi config set --secret"]),
}


@pytest.fixture
def program(tmp_path: Path) -> OwnStack:
    folder = tmp_path / "program"
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "settings.py", "settings.schema.json"):
        (folder / name).write_text((ROOT / name).read_text())
    return OwnStack(folder, shared_home(tmp_path / "home"), "local", "redis-ha")


def configure(program: OwnStack, changes: dict[str, Any]) -> None:
    document = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    document["config"]["redis-ha:sentinel"] |= changes
    (program.program / "Pulumi.local.yaml").write_text(yaml.safe_dump(document))


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
def test_a_mistake_is_named_before_anything_is_touched(program: OwnStack, mistake: str) -> None:
    changes, argument, told = MISTAKES[mistake]
    configure(program, changes)
    message = program.fails("up")
    lines = [one for one in message.splitlines() if f"redis-ha:sentinel.{argument}" in one]
    assert len(lines) == 1, message
    (line,) = lines
    assert line.startswith("stack 'local': ")
    assert [word for word in told if word not in line] == []
    assert "correct-horse" not in message
    assert program.world() == {}
    assert [item["type"] for item in program.state_resources() if "digitalocean" in item["type"]] == []
