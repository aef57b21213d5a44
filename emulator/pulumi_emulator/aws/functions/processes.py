"""The processes of a stack's functions as commands find them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pulumi_emulator.machines import processes

BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
FOLDER: Final = "functions"  # below the endpoint's own


def function_processes(folder: Path) -> list[processes.Process]:
    """Return the processes of functions whose endpoint has this folder."""
    return processes.running_with([str(BOOTSTRAP), str(folder / FOLDER)])
