"""One stack's data centre on this machine: what the provider and the command line do with it."""

from __future__ import annotations

import ipaddress
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import boot, images, metadata, network, nft, preflight, processes, seed, supervisor
from pulumi_emulator.machines.commands import attempt, run
from pulumi_emulator.machines.model import Firewall, Interface, Machine, MachineSpec, Power, Vpc
from pulumi_emulator.machines.state import (
    MachineRecord,
    State,
    StateStore,
    VpcRecord,
    with_machine,
    without_machine,
    write_atomically,
)

MACHINE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
BOOT_TIMEOUT: Final = 60.0  # seconds until a machine's init runs; 0.3 s on an idle host
SHUTDOWN_TIMEOUT: Final = 90.0  # seconds: systemd's own limit for a unit's stop (DefaultTimeoutStopSec)
POWER_OFF_SIGNAL: Final = signal.SIGRTMIN + 4  # asks systemd for a power-off (systemd(1), "Signals")
FREEZE_ROUNDS: Final = 20  # a process may be born while its siblings are stopped; more rounds than that never were needed
CLIENT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    """One stack's networks and machines. All state lies under `stack_dir`; every method can be repeated after a crash anywhere."""

    def __init__(self, stack_dir: Path, home: Path) -> None:
        self.stack_dir = stack_dir
        self.home = home
        self.store = StateStore(stack_dir.resolve() / "machines")
        self.names = network.names_of(self.store.folder)

    def preflight(self) -> None:
        """Raise EmulatorError when this host cannot run machines: root, Linux, commands, disk space."""
        preflight.check(self.home)

    def ensure_image(self, slug: str, report: Callable[[str], None]) -> None:
        """Build the image once into `home`; EmulatorError for an unknown slug."""
        images.ensure_image(self.home.resolve(), slug, report)

    # Networks

    def create_vpc(self, vpc_id: str, name: str, ip_range: str) -> None:
        """Make a private network; EmulatorError when its range is no network or overlaps another."""
        wanted = _parse_range(ip_range)
        with self.store.lock():
            state = self.store.load()
            if vpc_id not in state.vpcs:
                _refuse_overlap(name, wanted, state)
                record = VpcRecord(vpc_id, name, str(wanted), state.next_vpc, 2)
                state = replace(state, vpcs=state.vpcs | {vpc_id: record}, next_vpc=state.next_vpc + 1)
                self.store.save(state)
            self._ensure_fabric(state)

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
            if network.exists(self.names.router):
                network.remove_client(self.names, record.index, network.vpc_gateway(record.ip_range))
            state = replace(state, vpcs={key: value for key, value in state.vpcs.items() if key != vpc_id})
            self.store.save(state)
            self._ensure_fabric(state)

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
            if network.exists(self.names.router):
                self._apply_filter(state)

    # Machines

    def create_machine(self, spec: MachineSpec) -> Machine:
        """Make the machine and start its boot; returns when its init runs. Repeated for the same id it completes what is missing."""
        if not MACHINE_ID.fullmatch(spec.machine_id):
            raise EmulatorError(f"machine id {spec.machine_id!r} is not made of letters, digits, '.', '_' and '-'")
        image = images.ensure_image(self.home.resolve(), spec.image, lambda _: None)
        with self.store.lock():
            state = self.store.load()
            record = state.machines.get(spec.machine_id)
            if record is None:
                state, record = _allocate(state, spec)
                write_atomically(self.store.user_data(spec.machine_id), spec.user_data)
                self.store.save(state)
            self._ensure_fabric(state)
        disk = self.store.disk(spec.machine_id)
        if not disk.joinpath("seeded").exists():
            seed.write_seed(disk / "upper", record.spec)
            disk.joinpath("seeded").touch()
        if record.power == "on":
            self._start(record, image)
        return self._existing(spec.machine_id)

    def update_machine(
        self, machine_id: str, *, name: str | None = None, size: str | None = None, tags: Sequence[str] | None = None
    ) -> Machine:
        """Change what the cloud changes in place; the firewalls follow the tags. The name inside the machine stays, as on a cloud."""
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
            self._ensure_fabric(state)
        return self._existing(machine_id)

    def delete_machine(self, machine_id: str) -> None:
        """Remove the machine and its disk; unknown ids are no error."""
        state = self.store.load()
        record = state.machines.get(machine_id)
        if record is None:
            return
        self._cut_power(machine_id)
        self._remove_remains(record)
        with self.store.lock():
            state = without_machine(self.store.load(), machine_id)
            if network.exists(self.names.router):
                network.release(self.names, _addresses(record))
                self._apply_filter(state)
            self.store.save(state)

    def lose(self, machine_id: str) -> None:
        """The cloud loses the machine: it is gone with its disk."""
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
            self._ensure_fabric(state)
        self._start(record, images.image_path(self.home.resolve(), record.spec.image))

    def link(self, machine_id: str, interface: Interface | None, up: bool) -> None:  # noqa: FBT001
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
            self._ensure_fabric(state)

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

    # Inside

    def run_in(self, where: str, argv: Sequence[str]) -> int:
        """Run a command in a client namespace, the public namespace or a machine; return its exit status."""
        return subprocess.run(self.command_in(where, argv), check=False).returncode  # noqa: S603

    def command_in(self, where: str, argv: Sequence[str]) -> list[str]:
        """Return the command line that `run_in` would execute: `where` is client, client:VPC, public, or a machine's name or id."""
        state = self.store.load()
        if where == "public":
            return self._inside_namespace(where, self.names.public, argv)
        if where == "client" or where.startswith("client:"):
            vpc = _vpc_of_client(state, where)
            return self._inside_namespace(where, self.names.client(vpc.index), argv)
        init = self._running(self._find(where, state).spec.machine_id)
        clean = ["env", "-i", CLIENT_PATH, "HOME=/root", "USER=root", "LANG=C.UTF-8", "TERM=xterm-256color"]
        return ["nsenter", "--target", str(init.pid), "--all", "--", *clean, *argv]

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
        """Remove everything of this stack: processes, namespaces, mounts, files."""
        with self.store.lock():
            folder = str(self.store.folder)
            # By command line as well as by record: a killed command may have started what nobody wrote down.
            services = [*self._services("supervisor"), *self._services("metadata")]
            inits = [boot.read_status(entry).init for entry in self.store.folder.glob("disks/*")]
            containers = [entry for entry in _containers() if _below(entry[1], folder)]
            processes.end([*inits, *services, *(process for process, _ in containers)])
            for mounted in _mounts(folder):
                run(["umount", "--lazy", mounted])
            for namespace in network.namespaces(self.names.prefix):
                for group in (namespace,):
                    boot.remove_control_groups(group)
                network.remove_namespace(namespace)
            for group in _groups(self.names.prefix):
                boot.remove_control_groups(group)
            self.store.remove()

    def leftovers(self) -> list[str]:
        """Name what of this stack is still on this machine: processes, mounts, namespaces, control groups, files."""
        folder = str(self.store.folder)
        services = [*self._services("supervisor"), *self._services("metadata")]
        containers = [process for process, root in _containers() if _below(root, folder)]
        return [
            *(f"process {entry.pid}" for entry in [*services, *containers]),
            *(f"mount {entry}" for entry in _mounts(folder)),
            *(f"namespace {entry}" for entry in network.namespaces(self.names.prefix)),
            *(f"control group {entry}" for entry in _groups(self.names.prefix)),
            *(f"file {entry}" for entry in sorted(self.store.folder.rglob("*"))[:10] if self.store.folder.exists()),
        ]

    # How

    def _ensure_fabric(self, state: State) -> None:
        """Make what is missing of router, public and client namespaces, filter and metadata service. Under the lock."""
        network.ensure_router(self.names)
        addresses = [address for record in state.machines.values() for address in _addresses(record)]
        network.reserve(self.names, addresses)
        self._apply_filter(state)
        network.ensure_public(self.names)
        for vpc in state.vpcs.values():
            network.ensure_client(self.names, vpc.index, vpc.ip_range)
        self._ensure_metadata()

    def _apply_filter(self, state: State) -> None:
        clients = [network.client_port(vpc.index, vpc.ip_range) for vpc in state.vpcs.values()]
        guests = [_guest(record, state.vpcs[record.spec.vpc_id]) for record in state.machines.values()]
        network.apply_filter(self.names, nft.render(guests, [network.public_port(), *clients], state.firewalls))

    def _ensure_metadata(self) -> None:
        if not self._services("metadata"):
            argv = [sys.executable, "-m", metadata.__name__, str(self.store.folder)]
            processes.spawn_detached(network.inside(self.names.router, argv), self.store.folder / "metadata.log")

    def _services(self, kind: str) -> list[processes.Process]:
        module = {"supervisor": supervisor.__name__, "metadata": metadata.__name__}[kind]
        return processes.running_with(["-m", module, str(self.store.folder)])

    def _start(self, record: MachineRecord, image: Path) -> None:
        """Start the machine's supervisor unless it runs, and wait until the machine's init is there."""
        machine_id = record.spec.machine_id
        disk = self.store.disk(machine_id)
        if not image.is_dir():
            raise EmulatorError(
                f"image {record.spec.image} of machine {record.spec.name} is gone from {image.parent}: run `up` again"
            )
        if not self._kept(machine_id):
            disk.joinpath("status.json").unlink(missing_ok=True)
            argv = [sys.executable, "-m", supervisor.__name__, str(self.store.folder), machine_id, str(image)]
            processes.spawn_detached(argv, disk / "supervisor.log")
        deadline = time.monotonic() + BOOT_TIMEOUT
        while True:
            status = boot.read_status(disk)
            if status.phase in {"running", "off"}:
                return
            if status.phase in {"crashed", "failed"} or time.monotonic() > deadline:
                said = self._console_end(disk)
                raise EmulatorError(f"machine {record.spec.name} did not boot: {status.message or status.phase}; {said}")
            time.sleep(0.02)

    def _console_end(self, disk: Path) -> str:
        for name in ("console.log", "supervisor.log"):
            path = disk / name
            lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
            if lines:
                return f"last line of {path}: {lines[-1]}"
        return f"see {disk}"

    def _kept(self, machine_id: str) -> bool:
        return bool(processes.running_with(["-m", supervisor.__name__, str(self.store.folder), machine_id]))

    def _cut_power(self, machine_id: str) -> None:
        """First silence, then death."""
        with self.store.lock():
            state = self.store.load()
            record = state.machines.get(machine_id)
            if record is None:
                return
            state = with_machine(state, replace(record, power="off"))
            self.store.save(state)
            self._ensure_fabric(state)
        keepers = processes.running_with(["-m", supervisor.__name__, str(self.store.folder), machine_id])
        status = boot.read_status(self.store.disk(machine_id))
        containers = [process for process, root in _containers() if root == str(self.store.disk(machine_id) / "root")]
        processes.end([status.init, *keepers, *containers])
        self._disconnect(record)

    def _disconnect(self, record: MachineRecord) -> None:
        namespace = self.names.machine(record.index)
        vpc = self.store.load().vpcs[record.spec.vpc_id]
        network.disconnect(self.names, namespace, boot.cables_of(self.names, record, vpc))
        boot.remove_control_groups(namespace)

    def _remove_remains(self, record: MachineRecord) -> None:
        disk = self.store.disk(record.spec.machine_id)
        boot.unmount_disk(disk)
        shutil.rmtree(disk, ignore_errors=True)

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


def _parse_range(ip_range: str) -> ipaddress.IPv4Network:
    try:
        wanted = ipaddress.IPv4Network(ip_range)
    except ValueError as error:
        raise EmulatorError(f"VPC range {ip_range!r} is not an IPv4 network: {error}") from error
    if (
        not 16 <= wanted.prefixlen <= 24 or not wanted.is_private
    ):  # docs.digitalocean.com/products/networking/vpc/details/limits
        raise EmulatorError(f"VPC range {ip_range!r} must be a private (RFC 1918) network between /16 and /24")
    return wanted


def _refuse_overlap(name: str, wanted: ipaddress.IPv4Network, state: State) -> None:
    for other in state.vpcs.values():
        if wanted.overlaps(ipaddress.IPv4Network(other.ip_range)):
            raise EmulatorError(f"VPC {name} ({wanted}) overlaps VPC {other.name} ({other.ip_range}): choose another range")
    if wanted.overlaps(network.ANCHOR_RANGE):
        raise EmulatorError(
            f"VPC {name} ({wanted}) overlaps {network.ANCHOR_RANGE}, the droplets' anchor addresses: choose another range"
        )


def _allocate(state: State, spec: MachineSpec) -> tuple[State, MachineRecord]:
    """Give a new machine its number and addresses, none of which was used before in this stack's life."""
    vpc = state.vpcs.get(spec.vpc_id)
    if vpc is None:
        raise EmulatorError(f"machine {spec.name} asks for VPC {spec.vpc_id!r}, which this stack does not have")
    reach = ipaddress.IPv4Network(vpc.ip_range)
    private = reach.network_address + vpc.next_host
    if str(private) >= network.vpc_client(vpc.ip_range) and private >= ipaddress.IPv4Address(network.vpc_client(vpc.ip_range)):
        raise EmulatorError(
            f"VPC {vpc.name} ({vpc.ip_range}) has no address left: addresses are never used twice; destroy the stack"
        )
    public = anchor = None
    if spec.public:
        if state.next_public > network.PUBLIC_LAST_MACHINE:
            raise EmulatorError(f"no public address is left in {network.PUBLIC_RANGE}: destroy the stack")
        public = str(network.PUBLIC_RANGE.network_address + state.next_public)
        anchor = str(network.ANCHOR_RANGE.network_address + state.next_machine + 4)
    record = MachineRecord(
        spec, state.next_machine, str(private), public, anchor, datetime.now(UTC).isoformat(timespec="seconds")
    )
    state = replace(
        with_machine(state, record),
        vpcs=state.vpcs | {vpc.vpc_id: replace(vpc, next_host=vpc.next_host + 1)},
        next_machine=state.next_machine + 1,
        next_public=state.next_public + (1 if spec.public else 0),
    )
    return state, record


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


def _guest(record: MachineRecord, vpc: VpcRecord) -> nft.Guest:
    off = record.power == "off"
    private_cut = off or "private" in record.links_down
    ports = [nft.Port(network.private_interface(record.index), f"vpc{vpc.index}", (record.private_ip,), private_cut)]
    if record.public_ip is not None:
        public_cut = off or "public" in record.links_down
        ports.append(nft.Port(network.public_interface(record.index), "public", (record.public_ip,), public_cut))
    return nft.Guest(record.spec.machine_id, f"m{record.index}", record.spec.tags, tuple(ports))


def _vpc_of_client(state: State, where: str) -> VpcRecord:
    name = where.partition(":")[2]
    found = [vpc for vpc in state.vpcs.values() if not name or name in (vpc.name, vpc.vpc_id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(vpc.name for vpc in state.vpcs.values())) or "none"
    raise EmulatorError(f"client {where!r} does not name one VPC of this stack (there are: {names}): write client:NAME")


def _containers() -> list[tuple[processes.Process, str]]:
    """Return the systemd-nspawn processes of this host and the root each has."""
    found = []
    for process in processes.running_with(["--register=no", "--keep-unit", "--boot"]):
        arguments = processes.command_line(process.pid)
        roots = [argument.removeprefix("--directory=") for argument in arguments if argument.startswith("--directory=")]
        found.extend((process, root) for root in roots)
    return found


def _below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _mounts(folder: str) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return sorted((path for path in (line.split()[4] for line in lines) if _below(path, folder)), reverse=True)


def _groups(prefix: str) -> list[str]:
    return sorted({entry.name for place in boot.control_groups("x") for entry in place.parent.glob(f"{prefix}-*")})
