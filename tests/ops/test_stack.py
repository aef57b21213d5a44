"""A stack's outputs: which world they are read from, what is refused, and that no secret is ever shown."""

import copy
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.engine import find_engine
from pulumi_emulator.stacks import emulator_home
from redis_ha_ops.errors import OpsError
from redis_ha_ops.outputs import is_emulated, output_command, read_outputs
from redis_ha_ops.preview_report import run_preview
from redis_ha_ops.stack import stack_of
from tests.support.ops_data import SECRET, outputs_of


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("local", None, True),
        ("staging", None, False),
        ("prod", None, False),
        ("staging", True, True),
        ("local", False, False),
    ],
)
def test_which_world_a_name_means(name: str, told: bool | None, expected: bool) -> None:
    assert is_emulated(name, told) is expected


def test_the_official_command_line_is_asked_for_a_real_stack(tmp_path: Path) -> None:
    assert output_command("prod", tmp_path, emulated=False) == [
        *("pulumi", "stack", "output", "--json", "--show-secrets", "--stack", "prod")
    ]
    assert "pulumi_emulator" in output_command("prod", tmp_path, emulated=True)


def test_no_secret_in_a_repr() -> None:
    assert SECRET not in repr(stack_of("local", outputs_of(), emulated=True))


def broken(path: str, value: Any) -> dict[str, Any]:
    outputs = copy.deepcopy(outputs_of())
    *way, last = path.split(".")
    place: Any = outputs
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return outputs


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({}, ["sentinel_connection, sentinel_credentials, sentinel_desired", "missing"]),
        (broken("sentinel_desired", None), ["sentinel_desired", "missing"]),
        (broken("sentinel_desired", "[secret]"), ["sentinel_desired"]),
        (broken("sentinel_desired.version", 2), ["version 1"]),
        (broken("sentinel_desired.admin", None), ["lacks 'admin'"]),
        (broken("sentinel_desired.admin", SECRET), ["wrong type"]),
        (broken("sentinel_desired.slots.0.kind", "proxy"), ["wrong type"]),
        (broken("sentinel_desired.slots.0.port", None), ["lacks 'port'"]),
        (broken("sentinel_connection.kind", "tree"), ["tree", "knows sentinel"]),
        (broken("sentinel_connection.kind", "cluster"), ["connection lacks configuration"]),
        (broken("sentinel_connection.tls", True), ["tls"]),
        (broken("sentinel_credentials.password", 1), ["credentials.password"]),
    ],
)
def test_unusable_outputs_are_refused_by_key(outputs: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(OpsError) as raised:
        stack_of("local", outputs, emulated=True)
    assert "stack local" in str(raised.value)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: x\n")
    return tmp_path


def fake_pulumi(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "pulumi"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_outputs_are_read_in_the_programs_folder(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pulumi(program, """printf '{"folder": "%s", "arguments": "%s"}' "$PWD" "$*" """, monkeypatch)
    assert read_outputs("prod", emulated=False, program=program) == {
        "folder": str(program),
        "arguments": "stack output --json --show-secrets --stack prod",
    }


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'error: no stack named prod' >&2; exit 255", ["no stack named prod"]),
        (f"echo {SECRET}", ["no JSON"]),
        (f"echo '[\"{SECRET}\"]'", ["no JSON object"]),
        (f"echo {SECRET}; exit 3", ["exit code 3"]),
    ],
)
def test_a_failing_command_is_told_in_one_line_without_its_output(
    script: str, words: list[str], program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pulumi(program, script, monkeypatch)
    with pytest.raises(OpsError) as raised:
        read_outputs("prod", emulated=False, program=program)
    told = str(raised.value)
    assert all(word in told for word in words)
    assert SECRET not in told
    assert "\n" not in told


def test_no_pulumi_and_no_program(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpsError, match=r"not on PATH.*--emulated"):
        read_outputs("prod", emulated=False, program=program)
    with pytest.raises(OpsError, match=r"no Pulumi\.yaml"):
        read_outputs("prod", emulated=False, program=tmp_path / "none")


@pytest.mark.engine
@pytest.mark.parametrize("passphrase", ["wrong", None])
def test_a_wrong_passphrase_of_a_real_stack_is_told_with_its_variable(
    passphrase: str | None, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real engine with a backend of files, and a stack that has a secret of its configuration and one of its outputs."""
    (program / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    (program / "backend").mkdir()
    monkeypatch.setenv("PATH", f"{find_engine(emulator_home()).root / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"BACKEND_URL": f"file://{program}/backend", "HOME": str(program / "home")}.items():
        monkeypatch.setenv(f"PULUMI_{name}", value)
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "true")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "right")

    def pulumi(command: str) -> str:
        argv = ["pulumi", "--non-interactive", *command.split(), "--stack", "prod"]
        return subprocess.run(argv, cwd=program, check=True, capture_output=True, text=True).stdout

    pulumi("stack init")
    pulumi("config set --secret k v")
    state = json.loads(pulumi("stack export"))
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": f'"{SECRET}"'}
    named = {"urn": "urn:pulumi:prod::x::pulumi:pulumi:Stack::x-prod", "type": "pulumi:pulumi:Stack", "custom": False}
    state["deployment"]["resources"] = [{**named, "outputs": {"a": secret}}]
    (program / "state.json").write_text(json.dumps(state))
    pulumi("stack import --file state.json")
    assert read_outputs("prod", emulated=False, program=program) == {"a": SECRET}
    if passphrase:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", passphrase)
    else:
        monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    with pytest.raises(OpsError, match=r"outputs.*passphrase.* PULUMI_CONFIG_PASSPHRASE") as raised:
        read_outputs("prod", emulated=False, program=program)
    assert "logged in" not in str(raised.value)
    assert SECRET not in str(raised.value)
    with pytest.raises(OpsError, match=r"preview failed: .*passphrase.* PULUMI_CONFIG_PASSPHRASE"):
        run_preview("prod", program, emulated=False)
