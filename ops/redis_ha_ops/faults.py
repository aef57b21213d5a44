"""What drills do to the master: each kind in words, the faults, and those of emulated stacks."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .emulator import emulator_command
from .errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Emulated, off: processes end; on: namespaces and mounts come back. A droplet's action takes seconds, on a busy cloud more.
COMMAND_SECONDS = 90
SSH = "root's ssh to its data nodes (a key in ssh-agent, a network in admin_sources)"
SERVICE = "redis-ha-data.service"  # of redis-server, on every data node


@dataclass(frozen=True)
class Kind:
    """One kind of drill. `{}` in its words stands for the machine."""

    name: str
    summary: str
    title: str
    breaking: str
    broken: str
    mending: str
    mended: str | None  # None: the machine mends it itself
    left: str  # before the command for what could not be mended
    needs: str | None  # what a real stack needs for it; None: there is no way to do it there


DRILLS = {
    kind.name: kind
    for kind in (
        Kind(
            "kill-master",
            "Cut the power of the current master under load, wait for its successor, and give the power back.",
            "The master's power was cut",
            "cutting the power of {}",
            "power of {} cut",
            "giving {} its power back",
            "power on again",
            "{} is still dark; switch it on with",
            "doctl logged in to its account",
        ),
        Kind(
            "kill-process",
            "Kill redis-server of the current master under load (SIGKILL). systemd starts it anew.",
            "The master's redis-server was killed",
            "killing redis-server on {}",
            "redis-server on {} killed",
            "leaving redis-server on {} to systemd",
            None,
            "",
            SSH,
        ),
        Kind(
            "stall-master",
            "Stop redis-server of the current master under load (SIGSTOP), wait for its successor, and let it run again.",
            "The master's redis-server was stopped",
            "stopping redis-server on {}",
            "redis-server on {} stopped",
            "letting redis-server on {} run",
            "redis-server runs again",
            "redis-server on {} still stands; let it run with",
            SSH,
        ),
        Kind(
            "cut-master",
            "Cut the network of the current master under load, wait for its successor, and give it back.",
            "The master's network was cut",
            "cutting the network of {}",
            "network of {} cut",
            "giving {} its network back",
            "network on again",
            "{} is still cut off; give it its network back with",
            None,
        ),
    )
}

Words = list[str]
# What breaks and what mends, on the machine itself; None: nothing has to.
ON_THE_MACHINE: dict[str, tuple[Words, Words | None]] = {
    "kill-process": (["systemctl", "kill", "--signal=KILL", SERVICE], None),
    "stall-master": (["systemctl", "kill", "--signal=STOP", SERVICE], ["systemctl", "kill", "--signal=CONT", SERVICE]),
}


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
        words = {
            "kill-master": "power cut of the master's machine (emulated: no FIN or RST leaves it, then all its processes die)",
            "cut-master": "network cut of the master's machine (emulated: packets vanish, nobody is told)",
        }
        on_it = ON_THE_MACHINE.get(kind.name)
        self.description = f"{shlex.join(on_it[0])} on the master's machine (emulated)" if on_it else words[kind.name]

    def commands(self, machine: str) -> tuple[Words, Words | None]:
        """Return the emulator's command lines."""
        if self.kind.name == "kill-master":
            return self._emulator("power", "off", machine), self._emulator("power", "on", machine)
        if self.kind.name == "cut-master":
            return self._emulator("link", "down", machine), self._emulator("link", "up", machine)
        broken, mended = ON_THE_MACHINE[self.kind.name]
        inside = ("exec", "--on", machine, "--")
        return self._emulator(*inside, *broken), None if mended is None else self._emulator(*inside, *mended)

    def _emulator(self, subcommand: str, *arguments: str) -> Words:
        return emulator_command(subcommand, self.stack, self.program, *arguments)
