"""The command `clock`, and the account's time as another process sees it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from pulumi_emulator import aws, inspection
from pulumi_emulator.cli import main
from pulumi_emulator.commands.clock import seconds, told
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.stacks import StackFolder, emulator_home


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("90s", 90), ("25m", 1500), ("2h", 7200), ("7d", 604_800), ("0", 0)]
)
def test_durations(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "-5", "1.5h", "25 m", "1w", "8d", "25M"])
def test_what_is_no_duration_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(EmulatorError, match=re.escape(f"duration {text!r}: ")):
        seconds(text)


def test_the_time_in_words() -> None:
    time = datetime(2026, 11, 30, 19, 5, tzinfo=UTC)
    assert told(time, 0.2) == "2026-11-30 19:05:00 UTC, as on this computer"
    assert told(time, 1500) == "2026-11-30 19:05:00 UTC, 25 min 0 s ahead of this computer"


def test_the_command_moves_the_time_of_the_stack_s_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text("name: late\nruntime: python\n")
    (program / "Pulumi.dev.yaml").write_text("config: {}\n")
    monkeypatch.setenv("PULUMI_EMULATOR_HOME", str(tmp_path / "home"))
    folder = StackFolder(emulator_home(), "late", "dev")
    folder.path.mkdir(parents=True)
    runner = CliRunner()

    def clock(*words: str) -> tuple[int, str]:
        ended = runner.invoke(main, ["clock", "--stack", "dev", "--program", str(program), *words])
        return ended.exit_code, ended.stdout + ended.stderr

    assert clock() == (1, "error: no emulated AWS runs: bring the stack up first\n")
    aws.ensure_endpoint(folder.path, emulator_home(), lambda _: None)
    try:
        assert clock()[1].endswith("as on this computer\n")
        assert clock("advance") == (1, "error: clock advance needs a duration: 90 or 90s, 25m, 2h, 1d\n")
        assert clock("show", "25m")[1].endswith("to move the time on: clock advance 25m\n")
        # The time goes on while it is moved: what that takes is not ahead.
        assert re.search(r", 2[45] min \d+ s ahead of this computer\n$", clock("advance", "25m")[1])
        time, ahead = aws.account_time(folder.path)
        assert 1400 < ahead <= 1500
        assert timedelta(seconds=1400) < time - datetime.now(UTC) <= timedelta(seconds=1500)
        console = Console(record=True, width=120)
        inspection.show(inspection.describe_stack(folder), console)
        assert re.search(r"the emulated AWS is 2[45] min \d+ s ahead of this computer", console.export_text())
    finally:
        aws.stop_endpoint(folder.path)
