"""Programs in the emulator's own process: what they say reaches the engine, except what is for those who debug the SDK."""

from pathlib import Path

import pulumi
import pytest

from pulumi_emulator.inline import InlineProgram
from pulumi_emulator.project import Program

SAYS = """
import pulumi
pulumi.log.debug("registering")
pulumi.log.info("made")
pulumi.log.warn("mind")
"""


def test_no_call_to_the_engine_is_made_for_what_no_command_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = tmp_path / "__main__.py"
    main.write_text(SAYS)
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)  # put back afterwards
    monkeypatch.setattr(pulumi.log, "get_engine", lambda: "the engine")
    monkeypatch.setattr(pulumi.log, "_log", lambda _engine, _severity, message, *_: said.append(message))
    InlineProgram(Program(tmp_path, main, "shop", {}, "dev", {}))()
    assert said == ["made", "mind"]
