"""The emulator's command line, the one way in which this package knows the emulator."""

import sys
from pathlib import Path


def emulator_command(subcommand: str, stack: str, program: Path, *arguments: str) -> list[str]:
    """Return `python -m pulumi_emulator SUBCOMMAND ...` with this Python; -P: no module of the current folder."""
    return [sys.executable, "-P", "-m", "pulumi_emulator", subcommand, "--stack", stack, "--program", str(program), *arguments]
