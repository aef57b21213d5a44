"""One machine's boot: disk, cables, control group, systemd-nspawn."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import network
from pulumi_emulator.machines.commands import attempt, run
from pulumi_emulator.machines.network import Cable, Names
from pulumi_emulator.machines.nft import METADATA_ADDRESS
from pulumi_emulator.machines.processes import Process, identify
from pulumi_emulator.machines.state import MachineRecord, VpcRecord, read_json

REBOOT_STATUS: Final = (
    133  # systemd-nspawn --keep-unit ends so when the machine asks for a reboot (systemd src/nspawn/nspawn.c)
)
GROUP_TIMEOUT: Final = 5.0  # seconds for killed processes to leave their control group
PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
# A machine may set its own network's kernel settings (/proc/sys/net), not the host's others (systemd docs/ENVIRONMENT.md).
NSPAWN_SETTINGS: Final = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
# An overlay makes a folder when it is mounted. On a full disk it could not, and the machine could only read its disk.
RESERVE: Final = "reserve"
RESERVE_BYTES: Final = 64 * 1024
LOOP_DEVICES: Final = Path("/sys/block")
LOOP_TIMEOUT: Final = 10.0  # seconds for the last boot's file system to be written and let go
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Status:
    """What a machine's supervisor last wrote: phase and processes.

    Phases: "starting", "running", "off" (powered off from inside), "crashed" (it ended otherwise), "failed" (it never began).
    """

    phase: str
    supervisor: Process | None = None
    nspawn: Process | None = None
    init: Process | None = None
    boots: int = 0
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def read_status(disk: Path) -> Status:
    """Return what the supervisor wrote; phase "none" before its first word."""
    content = read_json(disk / "status.json")
    if content is None:
        return Status("none")
    processes = {key: None if content[key] is None else Process(**content[key]) for key in ("supervisor", "nspawn", "init")}
    return Status(content["phase"], boots=content["boots"], message=content["message"], **processes)


def cables_of(names: Names, record: MachineRecord, vpc: VpcRecord) -> list[Cable]:
    """Return a machine's interfaces: eth0 public (with the anchor address), eth1 in its VPC, as DigitalOcean orders them."""
    gateway, prefix = network.vpc_gateway(vpc.ip_range), network.vpc_prefix(vpc.ip_range)
    private_routes = () if record.public_ip else (f"default via {gateway}", f"{METADATA_ADDRESS}/32")
    private = Cable(
        network.private_interface(record.index),
        "eth1",
        network.mac_address(names.prefix, record.index, "private"),
        f"{record.private_ip}/{prefix}",
        (),
        private_routes,
    )
    if record.public_ip is None:
        return [private]
    public = Cable(
        network.public_interface(record.index),
        "eth0",
        network.mac_address(names.prefix, record.index, "public"),
        f"{record.public_ip}/{network.PUBLIC_RANGE.prefixlen}",
        (f"{record.anchor_ip}/{network.ANCHOR_RANGE.prefixlen}",),
        (f"default via {network.PUBLIC_GATEWAY}", f"{METADATA_ADDRESS}/32"),
    )
    return [public, private]


def own_file_system(disk: Path) -> Path:
    """Return the file with the file system of a machine's own, where it has one: a disk that can be full."""
    return disk / "disk.ext4"


def make_file_system(disk: Path, gigabytes: int) -> None:
    """Give a new machine a disk of so many GB. The file takes only the room of what was written to it."""
    if not own_file_system(disk).exists():
        building = disk / "disk.ext4.new"
        with building.open("wb") as file:
            file.truncate(gigabytes * 1024**3)
        run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard,lazy_itable_init=1", str(building)])
        building.rename(own_file_system(disk))


def mounts_of_its_own(disk: Path) -> list[str]:
    """Return what to start a supervisor with: a file system of the machine's own is mounted for its processes alone.

    It goes with them. In this computer's namespace every other machine that starts would hold it too, and keep it for good.
    """
    return ["unshare", "--mount", "--propagation", "slave", "--"] if own_file_system(disk).exists() else []


def mount_file_system(disk: Path) -> Path:
    """Mount the file system of a machine's own; what lies in the folder `upper` (the seed) is its first content."""
    own, file = disk / "own", own_file_system(disk)
    own.mkdir(exist_ok=True)
    if own.is_mount():
        return own
    deadline = time.monotonic() + LOOP_TIMEOUT
    while loop_devices(file):  # mounted twice it would be damaged
        if time.monotonic() > deadline:
            raise EmulatorError(f"the disk {file} is still in use by {', '.join(loop_devices(file))}: see `losetup --list`")
        time.sleep(0.02)
    # Without noinit_itable the kernel would write all of the inode tables, some MB for each GB.
    run(["mount", "-t", "ext4", "-o", "loop,noinit_itable", str(file), str(own)])
    if not own.joinpath("upper").exists():
        shutil.rmtree(own / "first", ignore_errors=True)  # of a copy that was cut off
        shutil.copytree(disk / "upper", own / "first")
        own.joinpath("first").rename(own / "upper")
    return own


def take(file: Path) -> None:
    """Take the reserve of a file system; it is no error when there is no room left for it."""
    with file.open("wb") as taken, suppress(OSError):
        os.posix_fallocate(taken.fileno(), 0, RESERVE_BYTES)


def loop_devices(place: Path) -> list[str]:
    """Return the loop devices of a file, or of the files below a folder, also of files that were removed."""
    found = []
    for entry in LOOP_DEVICES.glob("loop*/loop/backing_file"):
        with suppress(OSError):  # it went meanwhile
            if Path(entry.read_text(encoding="utf-8").rstrip("\n").removesuffix(" (deleted)")).is_relative_to(place):
                found.append(f"/dev/{entry.parents[1].name}")
    return found


def mount_disk(image: Path, disk: Path) -> Path:
    """Mount a machine's disk: its own layer over the shared image; nothing is done when it is mounted already."""
    own = mount_file_system(disk) if own_file_system(disk).exists() else disk
    root, upper, work = disk / "root", own / "upper", own / "work"
    for folder in (root, upper, work):
        folder.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    if not root.is_mount():
        (own / RESERVE).unlink(missing_ok=True)
        done = attempt(
            ["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={image},upperdir={upper},workdir={work}", str(root)]
        )
        if done.returncode != 0:
            raise EmulatorError(
                f"the disk {root} cannot be mounted ({done.stderr.strip()}): its file system must carry overlays (ext4, xfs; "
                "not a container's own root): set PULUMI_EMULATOR_HOME to a folder on such a one"
            )
        if own != disk:
            take(own / RESERVE)
    return root


def unmount_disk(disk: Path) -> None:
    """Unmount a machine's disk; it is no error when it is not mounted."""
    root = disk / "root"
    if root.is_mount() and attempt(["umount", str(root)]).returncode != 0:
        # A process that ends right now may still hold a file: the kernel finishes the unmount when it lets go.
        run(["umount", "--lazy", str(root)])


def mounts_below(folder: Path) -> list[str]:
    """Return the mount points below a folder, deepest first."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    # A mount point's blanks are written \\040 (proc(5)).
    points = [line.split()[4].replace("\\040", " ") for line in lines]
    return sorted((point for point in points if Path(point).is_relative_to(folder)), reverse=True)


def nspawn_command(root: Path, namespace: str) -> list[str]:
    """Return the command that boots a machine.

    Without a system bus it can neither register nor make a unit of its own; its network is the namespace we made. It is the
    first process of a pid namespace, so that nothing of the machine outlives it (a killed nspawn alone leaves its container
    running), and `unshare` dies with the supervisor.
    """
    return [
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        "systemd-nspawn",
        "--quiet",
        f"--directory={root}",
        f"--machine={namespace}",
        "--register=no",
        "--keep-unit",
        f"--network-namespace-path={network.NAMESPACES / namespace}",
        # A droplet may set a packet filter of its own; nspawn takes this away from a machine whose network it did not make
        # (systemd-nspawn(1), --capability).
        "--capability=CAP_NET_ADMIN",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=read-only",
        "--boot",
    ]


def before_exec(namespace: str) -> Callable[[], None]:
    """Return what the child does before it becomes nspawn: die with the supervisor, and enter a control group of its own.

    Two machines in one control group would take each other's units for their own.
    """
    groups = control_groups(namespace)
    for group in groups:
        group.mkdir(exist_ok=True)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        for group in groups:
            group.joinpath("cgroup.procs").write_text("0")

    return prepare


def control_groups(namespace: str) -> list[Path]:
    """Return where a machine's control group lies in the hierarchies that systemd uses (the unified one, or name=systemd)."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        mount_point = Path(before.split()[4])
        if mount_point.is_relative_to(CONTROL_GROUPS) and (
            kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(","))
        ):
            found.append(mount_point / namespace)
    return found


def group_processes(namespace: str) -> list[Process]:
    """Return every process in a machine's control groups, whoever its parent is."""
    found: set[Process] = set()
    for group in control_groups(namespace):
        for folder in _folders(group):
            with suppress(OSError):  # the group went meanwhile
                listing = folder.joinpath("cgroup.procs").read_text()
                found |= {process for pid in listing.split() if (process := identify(int(pid)))}
    return sorted(found, key=lambda process: process.pid)


def remove_control_groups(namespace: str) -> None:
    """Remove a machine's control groups, deepest first; waits for processes that are just ending."""
    deadline = time.monotonic() + GROUP_TIMEOUT
    for group in control_groups(namespace):
        while group.is_dir():
            for folder in _folders(group):
                with suppress(OSError):  # somebody is still in it
                    folder.rmdir()
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)


def _folders(group: Path) -> list[Path]:
    """Return a control group and all below it, deepest first.

    Others take groups away meanwhile (a dying container's own, the kernel's release agent): os.walk passes over what is gone
    where Path.rglob of Python 3.11 raises.
    """
    return [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]


def groups_of(prefix: str) -> list[str]:
    """Return the names of a stack's control groups."""
    return sorted({entry.name for place in control_groups(prefix) for entry in place.parent.glob(f"{prefix}-*")})


def children(parent: int) -> list[tuple[str, Process, bool]]:
    """Return a process's children: name, process, and whether each is the first of a pid namespace."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = entry.joinpath("status").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        process = identify(int(entry.name)) if fields.get("PPid") == str(parent) else None
        if process is not None:
            found.append((fields["Name"], process, fields["NSpid"].endswith("\t1")))
    return found


def find_container(unshare: int) -> tuple[Process, Process] | None:
    """Return a machine's nspawn and its init, once systemd runs in it."""
    for name, nspawn, _ in children(unshare):
        if name == "systemd-nspawn":
            for inner, init, first in children(nspawn.pid):
                if inner == "systemd" and first:
                    return nspawn, init
    return None
