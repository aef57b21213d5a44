"""Cut and restore the power of a stack's machines: an emulated one by the emulator's command line, a droplet by doctl."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from .emulator import emulator_command
from .errors import OpsError

if TYPE_CHECKING:
    from .stack import Stack

# Emulated, off: processes end; on: namespaces and mounts come back. A droplet's action takes seconds, on a busy cloud more.
POWER_SECONDS = 90


class PowerSwitch:
    """The power switch of a stack's machines. Remembers whom it switched off, so that whoever holds it can make up for it."""

    description: str

    def __init__(self) -> None:
        self.dark: list[str] = []

    def command(self, state: str, machine: str) -> list[str]:
        """Return the command line that switches a machine; `state` is on or off."""
        raise NotImplementedError

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


class EmulatedPower(PowerSwitch):
    """The switch of machines on this machine."""

    description = "power cut of the master's machine (emulated: no FIN or RST leaves it, then all its processes die)"

    def __init__(self, stack: str, program: Path) -> None:
        super().__init__()
        self.stack = stack
        self.program = program

    def command(self, state: str, machine: str) -> list[str]:
        """Return the emulator's command line."""
        return emulator_command("power", self.stack, self.program, state, machine)


class DropletPower(PowerSwitch):
    """The switch of real droplets: DigitalOcean's own command line, logged in as its user is.

    `power-off` is a hard one, "similar to cutting the power on a server" (docs.digitalocean.com, doctl compute droplet-action).
    """

    description = "power-off of the master's droplet by DigitalOcean's API (doctl compute droplet-action power-off)"

    def __init__(self, stack: Stack) -> None:
        """Prepare; raises OpsError, before anything is touched, when doctl or a droplet's id is missing."""
        super().__init__()
        if shutil.which("doctl") is None:
            raise OpsError(
                "a droplet's power is switched by doctl, which is not on PATH; install it and log in (doctl auth init). "
                "Nothing was touched"
            )
        self.droplet_ids = {slot.name: slot.droplet_id for slot in stack.of_kind("data") if slot.droplet_id}
        unknown = [slot.name for slot in stack.of_kind("data") if slot.name not in self.droplet_ids]
        if unknown:
            raise OpsError(f"stack {stack.name}: no droplet id of {', '.join(unknown)}; run `up` with this release")

    def command(self, state: str, machine: str) -> list[str]:
        """Return doctl's command line."""
        return ["doctl", "compute", "droplet-action", f"power-{state}", self.droplet_ids[machine], "--wait"]
