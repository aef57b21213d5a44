"""An emulated stack for a test: a program folder, the command line in a process of its own, a look at what is left."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi_emulator import inspection
from pulumi_emulator.outputs import read_outputs
from pulumi_emulator.stacks import StackFolder, emulator_home
from tests.support.warm import WARM

COMMAND_TIMEOUT_SECONDS = 240
REAL_HOME = emulator_home()
COLD = (sys.executable, "-m", "pulumi_emulator")


def shared_home(path: Path) -> Path:
    """Make an emulator home whose engine and images are those of this machine, so that nothing is built twice."""
    path.mkdir(parents=True)
    for shared in ("engine", "images"):
        (REAL_HOME / shared).mkdir(parents=True, exist_ok=True)
        (path / shared).symlink_to(REAL_HOME / shared)
    return path


@dataclass
class Emulated:
    """One stack of one program."""

    program: Path
    home: Path
    stack: str
    project: str
    environment: dict[str, str] = field(default_factory=dict)
    _read: tuple[int, dict[str, Any]] | None = field(default=None, init=False)

    @classmethod
    def create(
        cls,
        folder: Path,
        home: Path,
        program: str,
        stack: str = "dev",
        *,
        config: str | None = None,
        files: Mapping[str, str] | None = None,
        project: str = "tested",
    ) -> Emulated:
        """Write a program folder."""
        folder.mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
        (folder / f"Pulumi.{stack}.yaml").write_text(config or "config: {}\n")
        made = cls(folder, home, stack, project)
        made.edit(program)
        for name, text in (files or {}).items():
            (folder / name).write_text(text)
        return made

    def edit(self, program: str) -> None:
        """Write the program anew."""
        (self.program / "__main__.py").write_text(program)

    @property
    def folder(self) -> StackFolder:
        """Where the emulator keeps this stack."""
        return StackFolder(self.home, self.project, self.stack)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PULUMI_EMULATOR_HOME": str(self.home), "NO_COLOR": "1", **self.environment}

    def _argv(self, command: str, *arguments: str) -> list[str]:
        name, *rest = command.split()
        return [*COLD, name, "--stack", self.stack, "--program", str(self.program), *rest, *arguments]

    def run(
        self, command: str, *arguments: str, expect: int | None = 0, cold: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `expect` is its exit status, None for any.

        cold: in a process that is started for it, as a user starts one; else in a fork of a warm one (tests.support.warm).
        """
        argv = self._argv(command, *arguments)
        if cold:
            result = subprocess.run(
                argv, env=self._environment(), capture_output=True, text=True, timeout=COMMAND_TIMEOUT_SECONDS, check=False
            )
        else:
            result = WARM.run(argv[len(COLD) :], self._environment(), timeout=COMMAND_TIMEOUT_SECONDS)
        assert "Traceback" not in result.stderr, result.stderr
        if expect is not None:
            assert result.returncode == expect, f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            self._argv(command, *arguments),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def fails(self, command: str, *arguments: str, expect: int = 1) -> str:
        """Run a command that must fail; return what it says after `error: `, one line a problem."""
        result = self.run(command, *arguments, expect=expect)
        lines = result.stderr.splitlines()
        assert lines, result.stdout
        assert all(line.startswith(("error: ", "note: ")) for line in lines), result.stderr
        return "\n".join(line.removeprefix("error: ") for line in lines if line.startswith("error: "))

    def outputs(self) -> dict[str, Any]:
        """Return all outputs, secret ones too; read by the engine once for each state."""
        written = self.folder.state_file.stat().st_mtime_ns if self.folder.state_file.exists() else 0
        if self._read is None or self._read[0] != written:
            self._read = (written, read_outputs(self.folder, show_secrets=True))
        return copy.deepcopy(self._read[1])

    def status(self) -> dict[str, Any]:
        """Return the stack's status."""
        return inspection.describe_stack(self.folder)

    def world(self) -> dict[str, dict[str, Any]]:
        """Return what exists in the emulated cloud, by type and id."""
        path = self.folder.path / "world.json"
        return {} if not path.exists() else dict(json.loads(path.read_text())["records"])

    def state_resources(self) -> list[dict[str, Any]]:
        """Return the resources of the engine's state file."""
        if not self.folder.state_file.exists():
            return []
        latest = json.loads(self.folder.state_file.read_text())["checkpoint"].get("latest") or {}
        return [dict(item) for item in latest.get("resources") or []]

    def clean_up(self) -> None:
        """Destroy the stack, whatever state it is in; fail with what destroy says when something of it stays."""
        if self.folder.exists():
            self.run("destroy", "--force")
