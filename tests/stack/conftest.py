"""This repository's own program on the emulator, in a home of its own: a stack that somebody has up is not touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.emulated import Emulated, shared_home

ROOT = Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT_SECONDS = 240


class OwnStack(Emulated):
    """A stack of this repository: the emulator's command line, and the operators' one."""

    def ops(self, *arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `redis-ha`; `expect` is its exit status."""
        result = subprocess.run(
            [str(Path(sys.executable).with_name("redis-ha")), *arguments, "--stack", self.stack, "--program", str(ROOT)],
            env={**self._environment(), "COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
        if expect is not None:
            assert result.returncode == expect, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def up(self) -> None:
        """Bring the stack up and wait until nodes and Sentinels agree."""
        self.run("up")
        self.ops("status", "--emulated", "--wait", "180")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_home(tmp_path_factory.mktemp("own") / "home")


@pytest.fixture(scope="module")
def local(home: Path) -> Iterator[OwnStack]:
    """The local stack, up and healthy, for all tests of a module."""
    stack = OwnStack(ROOT, home, "local", "redis-ha")
    try:
        stack.up()
        yield stack
    finally:
        stack.clean_up()
