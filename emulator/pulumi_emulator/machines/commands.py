"""Running the host's own tools (ip, nft, mount ...)."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from pulumi_emulator.errors import EmulatorError


def run(argv: Sequence[str], *, stdin: str | None = None) -> str:
    """Run a command and return what it printed; EmulatorError with its own words when it fails."""
    done = attempt(argv, stdin=stdin)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise EmulatorError(f"`{' '.join(argv)}` failed: {' / '.join(said[-3:]) or f'status {done.returncode}'}")
    return done.stdout


def attempt(argv: Sequence[str], *, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail."""
    try:
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EmulatorError(f"the command {argv[0]} is missing: install its Debian package") from error
