"""Cut and restore the power of an emulated machine, by the emulator's command line."""

import shlex
import subprocess
from pathlib import Path

from .emulator import emulator_command
from .errors import OpsError

POWER_SECONDS = 90  # off: processes end; on: namespaces and mounts come back; a loaded machine takes its time


class EmulatedPower:
    """The power switch of a stack's machines. Remembers whom it switched off, so that whoever holds it can make up for it."""

    description = "power cut of the master's machine (emulated: no FIN or RST leaves it, then all its processes die)"

    def __init__(self, stack: str, program: Path) -> None:
        self.stack = stack
        self.program = program
        self.dark: list[str] = []

    def command(self, state: str, machine: str) -> list[str]:
        """Return the command line that switches a machine."""
        return emulator_command("power", self.stack, self.program, state, machine)

    def cut(self, machine: str) -> None:
        """Switch it off. It counts as dark from the moment of the try: a failed command may have done half of it."""
        if machine not in self.dark:
            self.dark.append(machine)
        self._run("off", machine)

    def restore(self, machine: str) -> None:
        """Switch it on again."""
        self._run("on", machine)
        if machine in self.dark:
            self.dark.remove(machine)

    def restore_command(self, machine: str) -> str:
        """Return what a person types to switch it on again."""
        return shlex.join(self.command("on", machine))

    def _run(self, state: str, machine: str) -> None:
        try:
            # A session of its own: Ctrl-C must not stop it half way.
            done = subprocess.run(
                self.command(state, machine),
                capture_output=True,
                text=True,
                check=False,
                timeout=POWER_SECONDS,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise OpsError(f"power {state} of {machine} took longer than {POWER_SECONDS} s") from None
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise OpsError(f"power {state} of {machine} failed: {lines[-1] if lines else f'exit code {done.returncode}'}")
