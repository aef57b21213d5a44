"""What keeps one machine running: boots it, boots it again when it reboots, writes down when it goes off.

`python -m pulumi_emulator.machines.supervisor FOLDER MACHINE_ID`, detached; one a machine. nspawn dies with it, so that
its end is a power failure and never a machine without a keeper.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import write_private
from pulumi_emulator.machines import boot, network
from pulumi_emulator.machines.boot import Status
from pulumi_emulator.machines.processes import Process, identify
from pulumi_emulator.machines.state import StateStore

START_TIMEOUT: Final = 30.0  # seconds from nspawn's start to its systemd: 0.1 s alone, more when six start on two cores


def main(arguments: list[str]) -> int:
    """Run until the machine is off."""
    folder, machine_id, image = Path(arguments[0]), arguments[1], Path(arguments[2])
    store = StateStore(folder)
    disk = store.disk(machine_id)
    with disk.joinpath("supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0  # another one keeps this machine
        own = identify(os.getpid())
        boots = boot.read_status(disk).boots
        while True:
            boots += 1
            write_status(disk, Status("starting", own, boots=boots))
            try:
                status = run_once(store, machine_id, image, own, boots)
            except EmulatorError as error:
                write_status(disk, Status("failed", own, boots=boots, message=str(error)))
                return 1
            if status != boot.REBOOT_STATUS:
                phase = "off" if status == 0 else "crashed"
                write_status(disk, Status(phase, boots=boots, message=f"systemd-nspawn ended with {status}"))
                return 0


def run_once(store: StateStore, machine_id: str, image: Path, own: Process | None, boots: int) -> int:
    """Boot the machine and wait until it ends; return nspawn's exit status."""
    state = store.load()
    record = state.machines[machine_id]
    names = network.names_of(store.folder)
    namespace = names.machine(record.index)
    cables = boot.cables_of(names, record, state.vpcs[record.spec.vpc_id])
    disk = store.disk(machine_id)
    root = boot.mount_disk(image, disk)
    network.connect(names, namespace, cables)
    try:
        with disk.joinpath("console.log").open("ab") as console:
            container = subprocess.Popen(
                boot.nspawn_command(root, namespace),
                env=os.environ | boot.NSPAWN_SETTINGS,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=boot.before_exec(namespace),  # noqa: PLW1509 - this process has one thread
            )
        found = wait_for_init(container)
        if found is not None:
            nspawn, init = found
            write_status(disk, Status("running", own, nspawn, init, boots))
        return container.wait()
    finally:
        # Without its cables nothing of the ended boot can answer any more: silence, as from a machine without power.
        network.disconnect(names, namespace, cables)
        boot.remove_control_groups(namespace)


def wait_for_init(container: subprocess.Popen[bytes]) -> tuple[Process, Process] | None:
    """Return the machine's nspawn and its init; None when they ended before."""
    deadline = time.monotonic() + START_TIMEOUT
    while container.poll() is None:
        found = boot.find_container(container.pid)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            container.kill()
        time.sleep(0.02)
    return None


def write_status(disk: Path, status: Status) -> None:
    """Say how the machine is."""
    write_private(disk / "status.json", json.dumps(status.as_json()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
