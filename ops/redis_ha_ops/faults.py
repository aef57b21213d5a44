"""What makes a drill's fault and mends it: the base, and the faults of emulated stacks."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

from .emulator import emulator_command
from .errors import OpsError
from .kinds import BY_THE_EMULATOR, ON_THE_MACHINE, POWERED_ON, Kind, Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Emulated, off: processes end; on: namespaces and mounts come back. A droplet's action takes seconds, on a busy cloud more.
COMMAND_SECONDS = 90


class Fault:
    """A fault of a stack's machines. Remembers whom it broke, so that whoever holds it can make up for it."""

    description: str

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.broken: list[str] = []

    def commands(self, machine: str) -> tuple[Words, Words | None]:
        """Return the command lines that break and mend a machine; None: it mends itself."""
        raise NotImplementedError

    def cut(self, machine: str) -> None:
        """Break it. It counts as broken from the moment of the try: a failed command may have done half of it."""
        if machine not in self.broken:
            self.broken.append(machine)
        run(self.commands(machine)[0], self.kind.breaking.format(machine))

    def restore(self, machine: str) -> None:
        """Mend it."""
        mend = self.commands(machine)[1]
        if mend is not None:
            run(mend, self.kind.mending.format(machine))
        if machine in self.broken:
            self.broken.remove(machine)

    def restore_command(self, machine: str) -> str:
        """Return what a person types to mend it."""
        return shlex.join(self.commands(machine)[1] or [])


def run(command: Sequence[str], what: str) -> None:
    """Run a command to its end; OpsError says what it was for and why it failed."""
    try:
        # A session of its own: Ctrl-C must not stop it half way.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise OpsError(f"{what} took longer than {COMMAND_SECONDS} s") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise OpsError(f"{what} failed: {lines[-1] if lines else f'exit code {done.returncode}'}")


class EmulatedFault(Fault):
    """A fault of machines on this machine, by the emulator's command line."""

    def __init__(self, kind: Kind, stack: str, program: Path) -> None:
        super().__init__(kind)
        self.stack = stack
        self.program = program
        by_it, on_it = BY_THE_EMULATOR.get(kind.name), ON_THE_MACHINE.get(kind.name)
        self.description = by_it[2] if by_it else f"{shlex.join(on_it[0])} on the master's machine (emulated)" if on_it else ""

    def commands(self, machine: str) -> tuple[Words, Words | None]:
        """Return the emulator's command lines."""
        if self.kind.name in BY_THE_EMULATOR:
            breaks, mends, _ = BY_THE_EMULATOR[self.kind.name]
            return self._emulator(*breaks, machine), self._emulator(*mends, machine)
        broken, mended = ON_THE_MACHINE[self.kind.name]
        inside = ("exec", "--on", machine, "--")
        if self.kind.name in POWERED_ON:
            return self._emulator(*inside, *broken), self._emulator("power", "on", machine)
        return self._emulator(*inside, *broken), None if mended is None else self._emulator(*inside, *mended)

    def _emulator(self, subcommand: str, *arguments: str) -> Words:
        return emulator_command(subcommand, self.stack, self.program, *arguments)
