"""A stack's outputs, read by the command line that owns them."""

import json
from pathlib import Path
from typing import Any

from .emulator import emulator_command
from .errors import OpsError
from .owner import PASSPHRASE, last_words, run_owner

EMULATED_BY_DEFAULT = "local"  # the one stack whose name alone means "on this machine"
OUTPUT_SECONDS = 120  # a real backend may be far away; a hung one must not hang the command


def is_emulated(stack: str, told: bool | None) -> bool:
    """Decide which world `--stack` means: the emulated one only when told so, or for the stack that exists nowhere else."""
    return stack == EMULATED_BY_DEFAULT if told is None else told


def output_command(stack: str, program: Path, *, emulated: bool) -> list[str]:
    """Return the command line that prints the stack's outputs, secrets included, as JSON."""
    if emulated:
        return emulator_command("output", stack, program, "--json", "--show-secrets")
    return ["pulumi", "stack", "output", "--json", "--show-secrets", "--stack", stack]


def read_outputs(stack: str, *, emulated: bool, program: Path) -> dict[str, Any]:
    """Run the command that owns the outputs; its standard output is parsed and never shown."""
    command = output_command(stack, program, emulated=emulated)
    done = run_owner(command, stack, program, what="outputs", seconds=OUTPUT_SECONDS)
    if done.returncode:
        words = last_words(done)
        hint = "" if emulated or PASSPHRASE in words else " (is the stack up, and are you logged in? `pulumi whoami`)"
        raise OpsError(f"stack {stack}: its outputs cannot be read: {words}{hint}")
    try:
        outputs = json.loads(done.stdout)
    except ValueError:
        raise OpsError(f"stack {stack}: the command for its outputs printed no JSON") from None
    if not isinstance(outputs, dict):
        raise OpsError(f"stack {stack}: the command for its outputs printed no JSON object")
    return outputs
