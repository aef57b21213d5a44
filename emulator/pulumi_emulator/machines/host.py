"""One stack's data centre on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pulumi_emulator.machines.model import Firewall, Interface, Machine, MachineSpec, Vpc


class Host:
    """One stack's networks and machines. All state lies under `stack_dir`; every method can be repeated after a crash anywhere."""

    def __init__(self, stack_dir: Path, home: Path) -> None:
        self.stack_dir = stack_dir
        self.home = home

    def preflight(self) -> None:
        """Raise EmulatorError when this host cannot run machines: root, Linux, commands, disk space."""
        raise NotImplementedError

    def ensure_image(self, slug: str, report: Callable[[str], None]) -> None:
        """Build the image once into `home`; EmulatorError for an unknown slug."""
        raise NotImplementedError

    def create_vpc(self, vpc_id: str, name: str, ip_range: str) -> None:
        """Make a private network; EmulatorError when its range overlaps another."""
        raise NotImplementedError

    def delete_vpc(self, vpc_id: str) -> None:
        """Remove a private network; EmulatorError while machines are in it."""
        raise NotImplementedError

    def vpcs(self) -> dict[str, Vpc]:
        """Return the private networks by id."""
        raise NotImplementedError

    def create_machine(self, spec: MachineSpec) -> Machine:
        """Make the machine and start its boot."""
        raise NotImplementedError

    def update_machine(
        self, machine_id: str, *, name: str | None = None, size: str | None = None, tags: Sequence[str] | None = None
    ) -> Machine:
        """Change what the cloud changes in place."""
        raise NotImplementedError

    def delete_machine(self, machine_id: str) -> None:
        """Remove the machine and its disk; unknown ids are no error."""
        raise NotImplementedError

    def machine(self, machine_id: str) -> Machine | None:
        """Return the machine, or None when there is none (never made, deleted, lost with its disk)."""
        raise NotImplementedError

    def machines(self) -> list[Machine]:
        """Return all machines in order of creation."""
        raise NotImplementedError

    def set_firewalls(self, firewalls: Sequence[Firewall]) -> None:
        """Replace the stack's complete set of firewalls."""
        raise NotImplementedError

    def power_off(self, machine_id: str, *, hard: bool = True) -> None:
        """Cut the power (hard) or let the machine shut down; the disk stays."""
        raise NotImplementedError

    def power_on(self, machine_id: str) -> None:
        """Boot the machine from its disk."""
        raise NotImplementedError

    def lose(self, machine_id: str) -> None:
        """The cloud loses the machine: it is gone with its disk."""
        raise NotImplementedError

    def link(self, machine_id: str, interface: Interface | None, up: bool) -> None:  # noqa: FBT001
        """Cut or mend one interface's cable, both when None."""
        raise NotImplementedError

    def freeze(self, machine_id: str) -> None:
        """Stop every process in the machine."""
        raise NotImplementedError

    def thaw(self, machine_id: str) -> None:
        """Let the processes run again."""
        raise NotImplementedError

    def run_in(self, where: str, argv: Sequence[str]) -> int:
        """Run a command in a client namespace, the public namespace or a machine; return its exit status."""
        raise NotImplementedError

    def command_in(self, where: str, argv: Sequence[str]) -> list[str]:
        """Return the command line that `run_in` would execute."""
        raise NotImplementedError

    def logs(self, where: str, unit: str | None = None, lines: int = 100) -> str:
        """Return the end of a machine's console, or of one unit's journal."""
        raise NotImplementedError

    def destroy_all(self) -> None:
        """Remove everything of this stack: processes, namespaces, mounts, files."""
        raise NotImplementedError

    def leftovers(self) -> list[str]:
        """Name what of this stack is still on this machine."""
        raise NotImplementedError
