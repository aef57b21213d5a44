"""A program folder whose stack is an emulated AWS of the tests; a stand-in answers what `redis-ha` asks the emulator for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi_emulator import aws
from pulumi_emulator.aws.access import environment_of
from tests.support.aws_stack import Stack

STAND_IN = """\
import json, os, pathlib, subprocess, sys
told = json.loads((pathlib.Path(__file__).parent / "told.json").read_text())
subcommand, arguments = sys.argv[1], sys.argv[2:]
if subcommand == "output":
    print(json.dumps(told["outputs"]))
if subcommand == "environment":
    print("\\n".join(f"{name}={value}" for name, value in told["environment"].items()))
if subcommand == "exec":
    inside = arguments[arguments.index("--") + 1 :]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    sys.exit(subprocess.run([*told["command"], *inside], env={**kept, **told["environment"]}).returncode)
"""


def program(folder: Path, stack: Stack, outputs: Mapping[str, Any]) -> Path:
    """Make a program folder for a stack of these outputs."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: x\n")
    (folder / "pulumi_emulator.py").write_text(STAND_IN)
    environment = environment_of(stack.endpoint)
    told = {"outputs": dict(outputs), "environment": environment, "command": aws.command(stack.folder, [])}
    (folder / "told.json").write_text(json.dumps(told))
    (folder / "told.json").chmod(0o600)
    return folder


def argv(*arguments: str) -> list[str]:
    """Return the command line of redis-ha."""
    return [sys.executable, "-m", "redis_ha_ops", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the stand-in is found."""
    return {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}


def redis_ha(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, on the emulated stack `shop`."""
    command = argv(*arguments, "--stack", "shop", "--emulated")
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        stdin=subprocess.DEVNULL,
    )
