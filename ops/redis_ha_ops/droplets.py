"""Faults of real droplets: the power by DigitalOcean's command line, a process by ssh to its machine."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from .errors import OpsError
from .faults import Fault, run
from .kinds import DOCTL, ON_THE_MACHINE, POWERED_ON, SERVICE, SSH, Kind, Words
from .tunnel import OPTIONS

if TYPE_CHECKING:
    from .stack import Slot, Stack


def refuse(kind: Kind) -> None:
    """Refuse what nothing here can do to a droplet and take back for certain."""
    if kind.needs is None:
        raise OpsError(
            f"{kind.name} is for emulated stacks: DigitalOcean has no command that does this to a droplet. Use kill-master: "
            "the others hear as little of it. Nothing was touched"
        )


def droplet_fault(kind: Kind, stack: Stack) -> Fault:
    """Return a fault of real droplets, of a kind that was not refused; OpsError when it could not be made."""
    if kind.needs != DOCTL and kind.name not in ON_THE_MACHINE:
        return Fault(kind)  # nothing on a machine: the nodes are asked for it
    if kind.name in POWERED_ON:
        return DropletShutdown(kind, stack)
    return DropletPower(kind, stack) if kind.needs == DOCTL else DropletProcess(kind, stack)


class DropletPower(Fault):
    """The switch of real droplets: DigitalOcean's own command line, logged in as its user is.

    `power-off` is a hard one, "similar to cutting the power on a server" (docs.digitalocean.com, doctl compute droplet-action).
    """

    description = "power-off of the master's droplet by DigitalOcean's API (doctl compute droplet-action power-off)"

    def __init__(self, kind: Kind, stack: Stack) -> None:
        """Prepare; raises OpsError, before anything is touched, when doctl or a droplet's id is missing."""
        super().__init__(kind)
        if shutil.which("doctl") is None:
            raise OpsError(
                "a droplet's power is switched by doctl, which is not on PATH; install it and log in (doctl auth init). "
                "Nothing was touched"
            )
        self.droplet_ids = {slot.name: slot.droplet_id for slot in stack.of_kind("data") if slot.droplet_id}
        unknown = [slot.name for slot in stack.of_kind("data") if slot.name not in self.droplet_ids]
        if unknown:
            raise OpsError(f"stack {stack.name}: no droplet id of {', '.join(unknown)}; run `up` with this release")

    def commands(self, machine: str) -> tuple[Words, Words | None]:
        """Return doctl's command lines."""
        action = ["doctl", "compute", "droplet-action"]
        off, on = ([*action, f"power-{state}", self.droplet_ids[machine], "--wait"] for state in ("off", "on"))
        return off, on


class DropletProcess(Fault):
    """redis-server of a droplet, by ssh as root, which `admin_sources` lets in."""

    def __init__(self, kind: Kind, stack: Stack) -> None:
        """Log in to every data node: whoever is master then can be broken, and mended. OpsError when one cannot."""
        super().__init__(kind)
        self.slots = {slot.name: slot for slot in stack.of_kind("data")}
        self.description = f"{shlex.join(ON_THE_MACHINE[kind.name][0])} on the master's droplet, by ssh"
        if shutil.which("ssh") is None:
            raise OpsError(
                f"{kind.name} logs in to droplets by ssh, which is not on PATH (Debian: openssh-client). Nothing was touched"
            )
        for slot in self.slots.values():
            try:
                run(_ssh(slot, ["systemctl", "is-active", "--quiet", SERVICE]), f"logging in to {slot.name}")
            except OpsError as error:
                raise OpsError(f"{error}; {kind.name} needs {SSH}. Nothing was touched") from None

    def commands(self, machine: str) -> tuple[Words, Words | None]:
        """Return ssh's command lines."""
        broken, mended = ON_THE_MACHINE[self.kind.name]
        slot = self.slots[machine]
        return _ssh(slot, broken), None if mended is None else _ssh(slot, mended)


class DropletShutdown(DropletProcess):
    """A droplet that is shut down by ssh, and switched on by doctl."""

    def __init__(self, kind: Kind, stack: Stack) -> None:
        """See DropletProcess and DropletPower: what either lacks is refused."""
        self.power = DropletPower(kind, stack)
        super().__init__(kind, stack)

    def commands(self, machine: str) -> tuple[Words, Words | None]:
        """Return ssh's command line, and doctl's."""
        return super().commands(machine)[0], self.power.commands(machine)[1]


def _ssh(slot: Slot, words: Words) -> Words:
    options = [part for option in OPTIONS for part in ("-o", option)]
    # A shell on the other side reads what is asked for.
    return ["ssh", "-T", *options, "--", f"root@{slot.public_ip or slot.private_ip}", shlex.join(words)]
