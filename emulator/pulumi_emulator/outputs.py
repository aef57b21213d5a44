"""A stack's outputs, which the engine decrypts from the state."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from pulumi_emulator.engine import find_engine
from pulumi_emulator.environment import engine_environment
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.stacks import INCORRECT_PASSPHRASE, StackFolder


def read_outputs(folder: StackFolder, *, show_secrets: bool) -> dict[str, Any]:
    """Read a stack's outputs; secret ones are "[secret]" unless they are asked for. EmulatorError when there is no state."""
    if not folder.state_file.exists():
        raise EmulatorError(f"stack {folder.stack!r} has no state yet; bring it up with `up --stack {folder.stack}`")
    secrets = ["--show-secrets"] if show_secrets else []
    result = subprocess.run(
        [
            find_engine(folder.home).executable,
            "--non-interactive",
            "stack",
            "output",
            "--json",
            "--stack",
            folder.stack,
            *secrets,
        ],
        cwd=folder.workspace,
        env=engine_environment(folder, "", holds_lock=False),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        if INCORRECT_PASSPHRASE.search(result.stderr):
            raise folder.no_passphrase("is not the one it was made with")
        last = (result.stderr.strip().splitlines() or [f"the engine ended with {result.returncode}"])[-1]
        raise EmulatorError(f"the outputs of stack {folder.stack!r} cannot be read: {last}")
    return dict(json.loads(result.stdout))
