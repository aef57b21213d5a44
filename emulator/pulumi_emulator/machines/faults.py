"""Faults inside a running machine: what makes them, and how they are seen from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines.processes import Process, alive, command_line, name_of, stopped

NAME_LENGTH: Final = 15  # what the kernel keeps of a process's name (proc(5), /proc/PID/comm)

# The mirror of a machine is a folder of its own, which apt reads by its method `file`. While the fault is on, this one stands
# in front of it and speaks the same protocol (apt's doc/method.dbk): messages of lines, an empty line after each.
MIRROR_METHOD: Final = "/var/lib/emulator-mirror/file"
MIRROR_SETTING: Final = "/etc/apt/apt.conf.d/99emulator-mirror"
MIRROR_TIMEOUT: Final = 30  # seconds after which apt gives up a mirror on the network (apt-transport-http(1), Timeout)
MIRROR_SCRIPT: Final = """\
#!/usr/bin/python3
import signal, subprocess, sys, time

signal.signal(signal.SIGINT, signal.SIG_DFL)
real = subprocess.Popen(["/usr/lib/apt/methods/file"], stdin=subprocess.PIPE, text=True)
seconds, silent, message = @SECONDS@, @SILENT@, []
for line in sys.stdin:
    message.append(line)
    if line.strip():
        continue
    if message[0].startswith("600"):  # apt wants a file
        time.sleep(seconds)
        if silent:
            seconds = 0  # what waited meanwhile has waited as long
            uri = next(line for line in message if line.startswith("URI:"))
            print(f"400 URI Failure\\n{uri}Message: Connection timed out\\n", flush=True)
            message = []
            continue
    real.stdin.write("".join(message))
    real.stdin.flush()
    message = []
real.stdin.close()
real.wait()
"""

FILLING: Final = "/var/lib/emulator-filling"
# Room is taken without a byte being written (posix_fallocate(3)), in ever smaller pieces until no block is left.
FILL_SCRIPT: Final = """\
import errno, os, sys
piece = 2**30
try:
    file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
    while piece >= 512:
        try:
            os.posix_fallocate(file, os.fstat(file).st_size, piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            piece //= 2
except OSError as error:
    if error.errno != errno.ENOSPC:  # it was full without us
        raise
"""

LOCK_UNIT: Final = "emulator-lock-apt.service"
# Both of dpkg's locks, as a run of apt holds them. It waits for one that is at work, and says when it has them.
LOCK_SCRIPT: Final = """\
import fcntl, os, signal, socket
files = [open(f"/var/lib/dpkg/{name}", "a") for name in ("lock-frontend", "lock")]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.pause()
"""
LOCK_MARK: Final = "emulator-lock-apt"  # an argument without meaning, by which the holder is found


def mirror_script(seconds: float | None) -> str:
    """Return the method that stands in front of the mirror; None: it never answers, so apt gives up after its time-out."""
    silent = seconds is None or seconds >= MIRROR_TIMEOUT
    return MIRROR_SCRIPT.replace("@SECONDS@", str(MIRROR_TIMEOUT if silent else seconds)).replace("@SILENT@", str(silent))


def slow_mirror(seconds: float | None) -> list[str]:
    """Return the command that puts the method in front of the mirror. It is on the disk, so it outlives a reboot."""
    text = (
        'set -e; umask 022; mkdir -p ${1%/*}; printf %s "$3" > $1; chmod 755 $1; echo "Dir::Bin::Methods::file \\"$1\\";" > $2'
    )
    return ["sh", "-c", text, "sh", MIRROR_METHOD, MIRROR_SETTING, mirror_script(seconds)]


def quick_mirror() -> list[str]:
    """Return the command that takes the method away."""
    return ["rm", "-f", MIRROR_SETTING, MIRROR_METHOD]


def refuse_shared_disk(machine: str, *, own: bool) -> None:
    """Refuse to fill a disk that is a folder of this computer's."""
    if not own:
        raise EmulatorError(
            f"MACHINE {machine!r} shares this computer's disk, which nothing may fill: set PULUMI_EMULATOR_DISK_GB=8 and "
            "have it made again (`kill`, `refresh`, `up`)"
        )


def fill_disk() -> list[str]:
    """Return the command that takes what is free on the disk."""
    return ["python3", "-c", FILL_SCRIPT, FILLING]


def free_disk() -> list[str]:
    """Return the command that gives it back."""
    return ["rm", "-f", FILLING]


def lock_apt() -> list[str]:
    """Return the command that starts who holds dpkg's locks, and waits until they are held."""
    start = 'exec systemd-run --quiet --collect --unit=$1 --service-type=notify python3 -c "$2" $3'
    text = f"systemctl is-active --quiet $1 || {start}"
    return ["sh", "-c", text, "sh", LOCK_UNIT, LOCK_SCRIPT, LOCK_MARK]


def unlock_apt() -> list[str]:
    """Return the command that ends who holds dpkg's locks."""
    return ["sh", "-c", "! systemctl is-active --quiet $1 || exec systemctl stop $1", "sh", LOCK_UNIT]


def chosen(machine: str, name: str, running: Sequence[tuple[str, Process]]) -> list[Process]:
    """Return the processes of this name; EmulatorError names those there are when it is none of them."""
    if "/" in name:
        raise EmulatorError(f"PROCESS {name!r} is a path: give the process's name, {name.rpartition('/')[2]!r}")
    found = [process for other, process in running if other == name[:NAME_LENGTH]]
    if not found:
        known = ", ".join(sorted({other for other, _ in running}))
        raise EmulatorError(f"machine {machine} has no PROCESS {name!r}: give one that runs there ({known})")
    return found


def present(init: Process, running: Sequence[Process]) -> list[str]:
    """Return the faults that are on in a running machine, in words for `status`."""
    still = [process for process in running if stopped(process) and alive(process)]
    if still and all(map(stopped, running)):
        return ["frozen"]
    root = Path(f"/proc/{init.pid}/root")
    found = {
        "disk full": root.joinpath(FILLING.lstrip("/")).exists(),
        "mirror slow": root.joinpath(MIRROR_SETTING.lstrip("/")).exists(),
        "apt locked": any(LOCK_MARK in command_line(process.pid) for process in running),
    }
    return [*(word for word, on in found.items() if on), *(f"{name} stalled" for name in sorted(set(map(name_of, still))))]
