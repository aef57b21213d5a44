"""Stacks that earlier versions of this package made: today's program replaces and deletes nothing of them."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest

from pulumi_emulator.files import write_private
from tests.stack.conftest import ROOT, OwnStack
from tests.support.emulated import shared_home
from tests.support.program import lay_out
from tools.record_states import PASSPHRASE, PROJECT, RECORDED

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

STATES = sorted(RECORDED.glob("*/*.json.gz"))
HARMLESS = {"update", "create", "same"}


def stack_of(state: Path) -> str:
    return state.name.removesuffix(".json.gz")


def prepared(tmp_path: Path, state: Path, stack_files: Path | None = None) -> OwnStack:
    """Lay out today's program with the recorded stack file or another one, and the recorded state."""
    program = tmp_path / "program"
    lay_out(program)
    name = stack_of(state)
    shutil.copy((stack_files or state.parent) / f"Pulumi.{name}.yaml", program)
    stack = OwnStack(program, shared_home(tmp_path / "home"), name, PROJECT)
    stack.folder.create()
    write_private(stack.folder.path / "passphrase", PASSPHRASE)
    stack.folder.state_file.parent.mkdir(parents=True)
    stack.folder.state_file.write_bytes(gzip.decompress(state.read_bytes()))
    return stack


def planned(stack: OwnStack) -> set[str]:
    """Return the kinds of steps that a preview plans."""
    output = stack.run("preview").stdout
    summary = re.search(r"^(?:would be: (.+)|no changes \(\d+ resources\))$", output, re.MULTILINE)
    assert summary, output
    return set(re.findall(r"\d+ ([a-z-]+)", summary[1] or ""))


def test_something_is_recorded() -> None:
    assert {stack_of(state) for state in STATES} >= {"local", "staging", "prod"}


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state.parent.name}-{stack_of(state)}")
def test_nothing_of_a_recorded_stack_is_replaced_or_deleted(tmp_path: Path, state: Path) -> None:
    assert planned(prepared(tmp_path, state)) - HARMLESS - {"unchanged"} == set()


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state.parent.name}-{stack_of(state)}")
def test_nothing_of_a_recorded_stack_is_replaced_or_deleted_by_what_its_stack_file_asks_for_today(
    tmp_path: Path, state: Path
) -> None:
    assert planned(prepared(tmp_path, state, ROOT)) - HARMLESS - {"unchanged"} == set()


def test_a_replacement_would_be_seen(tmp_path: Path) -> None:
    """The same with a state whose cache has another port: only a replacement leads to today's."""
    stack = prepared(tmp_path, RECORDED / STATES[0].parent.name / "staging.json.gz")
    state = json.loads(stack.folder.state_file.read_text())
    for resource in state["checkpoint"]["latest"]["resources"]:
        if resource["type"] == "aws:elasticache/replicationGroup:ReplicationGroup":
            resource["inputs"]["port"] = resource["outputs"]["port"] = 7000
            resource["protect"] = False
    stack.folder.state_file.write_text(json.dumps(state))
    assert planned(stack) - HARMLESS - {"unchanged"}
