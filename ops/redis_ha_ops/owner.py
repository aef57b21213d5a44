"""Running the command line that owns a stack: the Pulumi CLI for a real one, the emulator's for one on this machine."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import OpsError

PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - the variable's name


def run_owner(
    command: Sequence[str], stack: str, program: Path, *, what: str, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command in the program's folder to its end; its output is captured and never shown.

    `what` names what it is asked for ("outputs"). OpsError when there is no program, no `pulumi`, or no end within `seconds`.
    """
    if not (program / "Pulumi.yaml").is_file():
        raise OpsError(f"--program {program}: no Pulumi.yaml there; give the folder of the Pulumi program")
    try:
        return subprocess.run(
            command, cwd=program, capture_output=True, text=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise OpsError(
            f"stack {stack}: a real stack's {what} come from the Pulumi CLI, and `pulumi` is not on PATH; "
            "install it, or say --emulated for the stack on this machine"
        ) from None
    except subprocess.TimeoutExpired:
        raise OpsError(f"stack {stack}: the command for its {what} gave no answer within {seconds:g} s") from None


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return why a command failed: the last line that it said, without the mark of an error.

    Of a wrong passphrase the engine names the variable in some commands only (pulumi/pulumi pkg/secrets/passphrase).
    """
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    words = lines[-1].removeprefix("error: ") if lines else f"exit code {done.returncode}"
    if words.endswith("incorrect passphrase"):
        words += f"; set {PASSPHRASE}, or a file's name in {PASSPHRASE}_FILE, to the one that the stack was made with"
    return words
