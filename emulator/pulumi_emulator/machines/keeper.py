"""Starting and ending one machine's processes, seen from outside."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import boot, processes
from pulumi_emulator.machines.processes import Process

SUPERVISOR: Final = "pulumi_emulator.machines.supervisor"  # run as a module of its own, so not imported here
BOOT_TIMEOUT: Final = 60.0  # seconds until a machine's init runs; 0.3 s on an idle host
ALIVE: Final = frozenset({"starting", "running"})


def start(folder: Path, machine_id: str, namespace: str, disk: Path, image: Path) -> None:
    """Start a machine's supervisor unless it keeps the machine running already, and wait until the machine's init is there."""
    if supervisors(folder, machine_id) and boot.read_status(disk).phase in ALIVE:
        return _wait(disk, supervisors(folder, machine_id))
    stop(folder, machine_id, namespace, disk)  # what an ended or killed supervisor may have left
    disk.joinpath("status.json").unlink(missing_ok=True)
    argv = [*boot.mounts_of_its_own(disk), sys.executable, "-m", SUPERVISOR, str(folder), machine_id, str(image)]
    return _wait(disk, [processes.spawn_detached(argv, disk / "supervisor.log")])


def stop(folder: Path, machine_id: str, namespace: str, disk: Path) -> None:
    """Kill a machine's processes at once: its init (and with it all that runs in it), its container, its supervisor."""
    status = boot.read_status(disk)
    processes.end([*supervisors(folder, machine_id), status.init, status.nspawn, *boot.group_processes(namespace)])


def supervisors(folder: Path, machine_id: str | None = None) -> list[Process]:
    """Return the running supervisors of a machine, or of the whole stack."""
    return processes.running_with(["-m", SUPERVISOR, str(folder), *([machine_id] if machine_id else [])])


def containers() -> list[tuple[Process, str]]:
    """Return the systemd-nspawn processes of this host and the root each has."""
    found: list[tuple[Process, str]] = []
    for process in processes.running_with(["--register=no", "--keep-unit", "--boot"]):
        roots = [entry for entry in processes.command_line(process.pid) if entry.startswith("--directory=")]
        found.extend((process, entry.removeprefix("--directory=")) for entry in roots)
    return found


def _wait(disk: Path, keepers: list[Process]) -> None:
    deadline = time.monotonic() + BOOT_TIMEOUT
    while True:
        kept = any(processes.alive(keeper) for keeper in keepers)
        status = boot.read_status(disk)  # read after the question: what it wrote last is what counts
        if status.phase in {"running", "off"}:
            return
        if not kept or status.phase in {"crashed", "failed"} or time.monotonic() > deadline:
            raise EmulatorError(f"machine {disk.name} did not boot: {status.message or status.phase}; {_last_words(disk)}")
        time.sleep(0.02)


def _last_words(disk: Path) -> str:
    for name in ("supervisor.log", "console.log"):
        path = disk / name
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        if lines:
            return f"last line of {path}: {lines[-1]}"
    return f"see {disk}"
