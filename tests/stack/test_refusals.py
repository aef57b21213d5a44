"""Wrong input by the stack file: one clear error a mistake, naming stack, key, value and remedy, before anything is touched."""

from __future__ import annotations

import json
import runpy
import sys
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import config

from tests.stack.conftest import ROOT, OwnStack
from tests.support.emulated import shared_home
from tests.support.program import lay_out
from tests.support.pulumi_world import run

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
        {"extra_directives": dict.fromkeys(("proc-title-template", "syslog-ident"), "y" * 40000)},
        "extra_directives",
        ["65536", "extra_directives takes 80047 of them"],
    ),
    "too many channels": (
        {"application_channels": [f"{number:040}" for number in range(600)]},
        "application_channels",
        ["65536", "application_channels takes 25200 of them"],
    ),
    "unknown key": ({"sentinel_count": 3}, "sentinel_count", ["unknown key", "sentinels"]),
    "mistyped value": ({"replicas": "two"}, "replicas", ["two"]),
    "plain password": ({"admin_password": "correct-horse-battery"}, "admin_password", ["pulumi config set --secret"]),
}


# One that settings.py finds, one that the component finds: these go the whole way, by `up`.
BY_THE_ENGINE = ("unknown key", "even Sentinels")


def stack_file(mistake: str) -> dict[str, Any]:
    """Return the local stack's configuration with one mistake."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    document["redis-ha:sentinel"] |= MISTAKES[mistake][0]
    return document


def check(message: str, stack: str, mistake: str) -> None:
    """One line names the argument, and says what else it has to."""
    _, argument, told = MISTAKES[mistake]
    lines = [one for one in message.splitlines() if f"redis-ha:sentinel.{argument}" in one]
    assert len(lines) == 1, message
    (line,) = lines
    assert line.startswith(f"stack {stack!r}: ")
    assert [word for word in told if word not in line] == []
    assert "correct-horse" not in message


@pytest.mark.parametrize("mistake", sorted(MISTAKES))
def test_the_program_names_a_mistake(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unchanged program in a preview, with the configuration as the engine hands it over."""

    def program() -> str:
        raw = {key: value if isinstance(value, str) else json.dumps(value) for key, value in stack_file(mistake).items()}
        config.set_all_config(raw, [])
        try:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        except pulumi.RunError as error:
            return str(error)
        return "accepted"

    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, "settings", raising=False)
    # The SDK keeps a program's configuration in a context variable.
    _, message = copy_context().run(run, program, known=False)
    check(message, "test", mistake)


@pytest.mark.engine
@pytest.mark.timeout(120)
@pytest.mark.parametrize("mistake", BY_THE_ENGINE)
def test_up_touches_nothing_after_a_mistake(mistake: str, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    lay_out(folder)
    (folder / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": stack_file(mistake)}))
    stack = OwnStack(folder, shared_home(tmp_path / "home"), "local", "redis-ha")
    check(stack.fails("up"), "local", mistake)
    assert stack.world() == {}
    assert [item["type"] for item in stack.state_resources() if "digitalocean" in item["type"]] == []
