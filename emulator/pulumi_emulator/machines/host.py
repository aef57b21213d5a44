"""One stack's data centre on this machine: what the provider and the command line do with it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import write_private
from pulumi_emulator.machines import allocation, boot, faults, images, keeper, network, preflight, processes, seed, takedown
from pulumi_emulator.machines.commands import attempt, run
from pulumi_emulator.machines.fabric import Fabric
from pulumi_emulator.machines.model import Firewall, Interface, Machine, MachineSpec, Power, Vpc
from pulumi_emulator.machines.state import (
    MachineRecord,
    State,
    StateStore,
    VpcRecord,
    with_machine,
    without_machine,
)

MACHINE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
SHUTDOWN_TIMEOUT: Final = 90.0  # seconds: systemd's own limit for a unit's stop (DefaultTimeoutStopSec)
POWER_OFF_SIGNAL: Final = signal.SIGRTMIN + 4  # asks systemd for a power-off (systemd(1), "Signals")
FREEZE_ROUNDS: Final = 20  # a process may be born while its siblings are stopped; more rounds than that never were needed
CLIENT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    """One stack's networks and machines. State lies under `stack_dir`; every method can be repeated after a crash anywhere."""

    def __init__(self, stack_dir: Path, home: Path, disk_gb: int | None = None) -> None:
        """`disk_gb`: the size of new machines' disks; None: they share this computer's, and cannot be filled."""
        self.disk_gb = disk_gb
        self.stack_dir = stack_dir.resolve()
        self.home = home.resolve()
        self.store = StateStore(self.stack_dir / "machines")
        self.fabric = Fabric(self.store.folder)

    def preflight(self) -> None:
        """Raise EmulatorError when this host cannot run machines: root, Linux, commands, disk space."""
        preflight.check(self.home)

    def ensure_image(self, slug: str, report: Callable[[str], None]) -> None:
        """Build the image once into `home`; EmulatorError for an unknown slug."""
        images.ensure_image(self.home, slug, report)

    # Networks

    def create_vpc(self, vpc_id: str, name: str, ip_range: str) -> None:
        """Make a private network; EmulatorError when its range is no network or overlaps another."""
        wanted = allocation.parse_range(ip_range)
        with self.store.lock():
            state = self.store.load()
            if vpc_id not in state.vpcs:
                allocation.refuse_overlap(name, wanted, state)
                record = VpcRecord(vpc_id, name, str(wanted), state.next_vpc, 2)
                state = replace(state, vpcs=state.vpcs | {vpc_id: record}, next_vpc=state.next_vpc + 1)
                self.store.save(state)
            self.fabric.ensure(state)

    def delete_vpc(self, vpc_id: str) -> None:
        """Remove a private network; unknown ids are no error, machines in it are."""
        with self.store.lock():
            state = self.store.load()
            record = state.vpcs.get(vpc_id)
            if record is None:
                return
            inhabitants = [entry.spec.name for entry in state.machines.values() if entry.spec.vpc_id == vpc_id]
            if inhabitants:
                raise EmulatorError(
                    f"VPC {record.name} cannot be deleted: {', '.join(inhabitants)} are in it; delete them first"
                )
            self.fabric.remove_vpc(record)
            state = replace(state, vpcs={key: value for key, value in state.vpcs.items() if key != vpc_id})
            self.store.save(state)
            self.fabric.ensure(state)

    def vpcs(self) -> dict[str, Vpc]:
        """Return the private networks by id."""
        return {
            key: Vpc(
                key,
                record.name,
                record.ip_range,
                network.vpc_gateway(record.ip_range),
                network.vpc_client(record.ip_range),
            )
            for key, record in self.store.load().vpcs.items()
        }

    def set_firewalls(self, firewalls: Sequence[Firewall]) -> None:
        """Replace the stack's complete set of firewalls; it applies to machines that come later too."""
        with self.store.lock():
            state = replace(self.store.load(), firewalls=tuple(firewalls))
            self.store.save(state)
            self.fabric.apply_filter(state)

    # Machines

    def create_machine(self, spec: MachineSpec) -> Machine:
        """Make the machine and start its boot; returns when its init runs.

        Repeated for the same id it completes what a killed command left undone.
        """
        if not MACHINE_ID.fullmatch(spec.machine_id):
            raise EmulatorError(f"machine id {spec.machine_id!r} is not made of letters, digits, '.', '_' and '-'")
        image = images.ensure_image(self.home, spec.image, lambda _: None)
        with self.store.lock():
            state = self.store.load()
            record = state.machines.get(spec.machine_id)
            if record is None:
                state, record = allocation.allocate(state, spec, image.name)
                write_private(self.store.user_data(spec.machine_id), spec.user_data)
                self.store.save(state)
            self.fabric.ensure(state)
        disk = self.store.disk(spec.machine_id)
        if not disk.joinpath("seeded").exists():
            seed.write_seed(disk / "upper", record.spec)
            if self.disk_gb is not None:
                boot.make_file_system(disk, self.disk_gb)
            disk.joinpath("seeded").touch()
        if record.power == "on":
            self._start(record)
        return self._existing(spec.machine_id)

    def update_machine(
        self, machine_id: str, *, name: str | None = None, size: str | None = None, tags: Sequence[str] | None = None
    ) -> Machine:
        """Change what the cloud changes in place; firewalls follow the tags. The host name inside stays, as on a cloud."""
        with self.store.lock():
            state = self.store.load()
            record = _record(state, machine_id)
            spec = record.spec
            spec = replace(
                spec,
                name=spec.name if name is None else name,
                size=spec.size if size is None else size,
                tags=spec.tags if tags is None else tuple(tags),
            )
            state = with_machine(state, replace(record, spec=spec))
            self.store.save(state)
            self.fabric.ensure(state)
        return self._existing(machine_id)

    def delete_machine(self, machine_id: str) -> None:
        """Remove the machine and its disk; unknown ids are no error."""
        state = self.store.load()
        record = state.machines.get(machine_id)
        if record is None:
            return
        self._cut_power(machine_id)
        disk = self.store.disk(machine_id)
        boot.unmount_disk(disk)
        shutil.rmtree(disk, ignore_errors=True)
        with self.store.lock():
            state = without_machine(self.store.load(), machine_id)
            self.fabric.forget(record)
            self.fabric.apply_filter(state)
            self.store.save(state)

    def lose(self, machine_id: str) -> None:
        """Take the machine away with its disk, as a cloud that loses it."""
        _record(self.store.load(), machine_id)
        self.delete_machine(machine_id)

    def machine(self, machine_id: str) -> Machine | None:
        """Return the machine, or None when there is none (never made, deleted, lost with its disk)."""
        record = self.store.load().machines.get(machine_id)
        return None if record is None else self._view(record)

    def machines(self) -> list[Machine]:
        """Return all machines in order of creation."""
        return [self._view(record) for record in sorted(self.store.load().machines.values(), key=lambda record: record.index)]

    # Faults

    def power_off(self, machine_id: str, *, hard: bool = True) -> None:
        """Cut the power (hard: silence, then death) or let the machine shut down; the disk stays."""
        _record(self.store.load(), machine_id)
        if not hard:
            self._shut_down(machine_id)
        self._cut_power(machine_id)

    def power_on(self, machine_id: str) -> None:
        """Boot the machine from its disk; nothing happens when it runs."""
        with self.store.lock():
            state = self.store.load()
            record = replace(_record(state, machine_id), power="on")
            state = with_machine(state, record)
            self.store.save(state)
            self.fabric.ensure(state)
        self._start(record)

    def link(self, machine_id: str, interface: Interface | None, up: bool) -> None:
        """Cut or mend one interface's cable, both when None: packets vanish, nobody is told."""
        with self.store.lock():
            state = self.store.load()
            record = _record(state, machine_id)
            concerned: set[Interface] = {"public", "private"} if interface is None else {interface}
            if interface == "public" and record.public_ip is None:
                raise EmulatorError(f"machine {record.spec.name} has no public interface")
            down = set(record.links_down) - concerned if up else set(record.links_down) | concerned
            state = with_machine(state, replace(record, links_down=tuple(sorted(down))))
            self.store.save(state)
            self.fabric.ensure(state)

    def freeze(self, machine_id: str) -> None:
        """Stop every process in the machine (SIGSTOP); its kernel still answers, as for a machine that hangs."""
        init = self._running(machine_id)
        for _ in range(FREEZE_ROUNDS):
            going = [entry for entry in processes.in_pid_namespace_of(init) if not processes.stopped(entry)]
            if not going:
                return
            for entry in going:
                processes.send(entry, signal.SIGSTOP)
        raise EmulatorError(f"machine {machine_id} does not freeze: it starts processes faster than they can be stopped")

    def thaw(self, machine_id: str) -> None:
        """Let the machine's processes run again."""
        for entry in processes.in_pid_namespace_of(self._running(machine_id)):
            processes.send(entry, signal.SIGCONT)

    def pause(self, machine_id: str) -> None:
        """Stop the machine as its hypervisor does: nothing in it runs, and not even its kernel answers."""
        self.link(machine_id, None, up=False)
        self.freeze(machine_id)

    def resume(self, machine_id: str) -> None:
        """Let a paused machine run and answer again; a cable that was cut before is mended too."""
        self.link(machine_id, None, up=True)
        self.thaw(machine_id)

    def stall(self, machine_id: str, name: str) -> None:
        """Stop every process of this name in the machine (SIGSTOP); the rest of the machine goes on."""
        for process in self._named(machine_id, name):
            processes.send(process, signal.SIGSTOP)

    def unstall(self, machine_id: str, name: str) -> None:
        """Let the processes of this name run again."""
        for process in self._named(machine_id, name):
            processes.send(process, signal.SIGCONT)

    def slow_mirror(self, machine_id: str, seconds: float | None = None) -> None:
        """Let each file of the machine's package mirror take so long; None: it never answers."""
        self._do_in(machine_id, faults.slow_mirror(seconds))

    def quick_mirror(self, machine_id: str) -> None:
        """Let the machine's package mirror answer at once again."""
        self._do_in(machine_id, faults.quick_mirror())

    def lock_apt(self, machine_id: str) -> None:
        """Hold dpkg's locks in the machine; returns when they are held. A reboot lets them go, as any lock."""
        self._do_in(machine_id, faults.lock_apt())

    def unlock_apt(self, machine_id: str) -> None:
        """Let dpkg's locks in the machine go."""
        self._do_in(machine_id, faults.unlock_apt())

    def fill_disk(self, machine_id: str) -> None:
        """Fill the machine's disk until no byte is free. It has to be of a size of its own: no fault fills this computer's."""
        self._running(machine_id)
        faults.refuse_shared_disk(
            _record(self.store.load(), machine_id).spec.name,
            own=boot.own_file_system(self.store.disk(machine_id)).exists(),
        )
        self._do_in(machine_id, faults.fill_disk())

    def free_disk(self, machine_id: str) -> None:
        """Give back what `fill_disk` took."""
        self._do_in(machine_id, faults.free_disk())

    def faults(self, machine_id: str) -> list[str]:
        """Return the faults that are on inside a machine, in words; none of a machine that does not run."""
        status = boot.read_status(self.store.disk(machine_id))
        if status.init is None or not processes.alive(status.init):
            return []
        return faults.present(status.init, processes.in_pid_namespace_of(status.init))

    # Inside

    def run_in(self, where: str, argv: Sequence[str]) -> int:
        """Run a command in a client namespace, the public namespace or a machine; return its exit status."""
        return subprocess.run(self.command_in(where, argv), check=False).returncode

    def command_in(self, where: str, argv: Sequence[str]) -> list[str]:
        """Return the command line that `run_in` would execute.

        `where` is client (the stack's only VPC), client:VPC, public, or a machine's name or id.
        """
        state = self.store.load()
        if where == "public":
            return self._inside_namespace(where, self.fabric.names.public, argv)
        if where == "client" or where.startswith("client:"):
            vpc = _vpc_of_client(state, where)
            return self._inside_namespace(where, self.fabric.names.client(vpc.index), argv)
        init = self._running(self._find(where, state).spec.machine_id)
        clean = ["env", "-i", CLIENT_PATH, "HOME=/root", "USER=root", "LANG=C.UTF-8", "TERM=xterm-256color"]
        # Its root too: where nspawn cannot pivot (this computer is a chroot itself) it changes root instead.
        return ["nsenter", "--target", str(init.pid), "--all", "--root", "--wd", "--", *clean, *argv]

    def logs(self, where: str, unit: str | None = None, lines: int = 100) -> str:
        """Return the end of a running machine's journal (of one unit, if named); of the console when it is off."""
        record = self._find(where, self.store.load())
        status = boot.read_status(self.store.disk(record.spec.machine_id))
        if processes.alive(status.init):
            argv = ["journalctl", "--no-pager", "--quiet", "--lines", str(lines), *(["--unit", unit] if unit else [])]
            return run(self.command_in(record.spec.machine_id, argv))
        if unit is not None:
            raise EmulatorError(
                f"machine {record.spec.name} is not running: its units' logs are on its disk; ask without --unit"
            )
        console = self.store.disk(record.spec.machine_id) / "console.log"
        text = console.read_text(errors="replace") if console.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) + "\n"

    # The end

    def destroy_all(self) -> None:
        """Remove everything of this stack: processes, namespaces, mounts, control groups, files."""
        with self.store.lock():
            takedown.destroy(self.store, self.fabric)

    def leftovers(self) -> list[str]:
        """Name what of this stack is still on this machine: processes, mounts, namespaces, files and the like."""
        return takedown.leftovers(self.store, self.fabric)

    # How

    def _start(self, record: MachineRecord) -> None:
        spec = record.spec
        image = images.folder_of(self.home) / record.image
        if not image.is_dir():
            raise EmulatorError(f"image {spec.image} of machine {spec.name} is gone from {image.parent}: run `up` again")
        namespace = self.fabric.names.machine(record.index)
        keeper.start(self.store.folder, spec.machine_id, namespace, self.store.disk(spec.machine_id), image)

    def _cut_power(self, machine_id: str) -> None:
        """First silence, then death."""
        with self.store.lock():
            state = self.store.load()
            record = state.machines.get(machine_id)
            if record is None:
                return
            state = with_machine(state, replace(record, power="off"))
            self.store.save(state)
            self.fabric.ensure(state)
        namespace = self.fabric.names.machine(record.index)
        keeper.stop(self.store.folder, machine_id, namespace, self.store.disk(machine_id))
        cables = boot.cables_of(self.fabric.names, record, state.vpcs[record.spec.vpc_id])
        network.disconnect(self.fabric.names, namespace, cables)
        boot.remove_control_groups(namespace)

    def _shut_down(self, machine_id: str) -> None:
        status = boot.read_status(self.store.disk(machine_id))
        processes.send(status.init, POWER_OFF_SIGNAL)
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT
        while processes.alive(status.init) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _existing(self, machine_id: str) -> Machine:
        return self._view(_record(self.store.load(), machine_id))

    def _view(self, record: MachineRecord) -> Machine:
        status = boot.read_status(self.store.disk(record.spec.machine_id))
        return Machine(
            record.spec,
            record.private_ip,
            record.public_ip,
            record.anchor_ip,
            _power(record, status),
            record.created_at,
            record.links_down,
            status.init.pid if status.init is not None and processes.alive(status.init) else None,
        )

    def _running(self, machine_id: str) -> processes.Process:
        record = _record(self.store.load(), machine_id)
        status = boot.read_status(self.store.disk(machine_id))
        if status.init is None or not processes.alive(status.init):
            raise EmulatorError(f"machine {record.spec.name} is {_power(record, status)}: switch it on with `power on`")
        return status.init

    def _named(self, machine_id: str, name: str) -> list[processes.Process]:
        running = [(processes.name_of(entry), entry) for entry in processes.in_pid_namespace_of(self._running(machine_id))]
        return faults.chosen(_record(self.store.load(), machine_id).spec.name, name, running)

    def _do_in(self, machine_id: str, argv: Sequence[str]) -> None:
        done = attempt(self.command_in(machine_id, argv))
        if done.returncode != 0:
            name = _record(self.store.load(), machine_id).spec.name
            raise EmulatorError(f"machine {name}: {done.stderr.strip() or f'status {done.returncode}'}")

    def _find(self, where: str, state: State) -> MachineRecord:
        """Return a machine by id or name; of two with one name (a replacement under way) the newer."""
        found = [record for record in state.machines.values() if where in (record.spec.machine_id, record.spec.name)]
        if not found:
            known = sorted({record.spec.name for record in state.machines.values()})
            raise EmulatorError(
                f"no machine {where!r} in this stack: there are {', '.join(known) or 'none'}, and client, public"
            )
        return max(found, key=lambda record: record.index)

    def _inside_namespace(self, where: str, namespace: str, argv: Sequence[str]) -> list[str]:
        if not network.exists(namespace):
            raise EmulatorError(f"the {where} network is not there: bring the stack up first")
        return network.inside(namespace, argv)


def _record(state: State, machine_id: str) -> MachineRecord:
    record = state.machines.get(machine_id)
    if record is None:
        raise EmulatorError(f"no machine with id {machine_id!r} in this stack")
    return record


def _addresses(record: MachineRecord) -> list[str]:
    return [address for address in (record.private_ip, record.public_ip) if address is not None]


def _power(record: MachineRecord, status: boot.Status) -> Power:
    if record.power == "off" or status.phase == "off":
        return "off"
    return "on" if processes.alive(status.supervisor) and status.phase in {"starting", "running"} else "lost"


def _vpc_of_client(state: State, where: str) -> VpcRecord:
    name = where.partition(":")[2]
    found = [vpc for vpc in state.vpcs.values() if not name or name in (vpc.name, vpc.vpc_id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(vpc.name for vpc in state.vpcs.values())) or "none"
    raise EmulatorError(f"client {where!r} does not name one VPC of this stack (there are: {names}): write client:NAME")
