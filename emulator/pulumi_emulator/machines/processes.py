"""Processes that outlive the command which started them: found again by pid and start time, ended only when both match."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError

END_TIMEOUT: Final = 10.0  # seconds; a killed process is gone at once unless the kernel is busy with its memory


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one with the same pid by its start time (field 22 of /proc/PID/stat, proc(5))."""

    pid: int
    started: int


def identify(pid: int) -> Process | None:
    """Return the process that has this pid now; None when there is none, or only its remains wait to be collected."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else Process(pid, int(fields[19]))


def alive(process: Process | None) -> bool:
    """Tell whether just this process still runs."""
    return process is not None and identify(process.pid) == process


def send(process: Process | None, number: int) -> None:
    """Send a signal to just this process, if it is still there."""
    if process is not None and alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def end(processes: Iterable[Process | None]) -> None:
    """Kill these processes and wait until they are gone; EmulatorError when one will not go."""
    present = [process for process in processes if process is not None]
    for process in present:
        send(process, signal.SIGKILL)
    deadline = time.monotonic() + END_TIMEOUT
    for process in present:
        while alive(process):
            if time.monotonic() > deadline:
                raise EmulatorError(f"process {process.pid} does not end although it was killed: see /proc/{process.pid}/stack")
            _collect(process.pid)
            time.sleep(0.01)
        _collect(process.pid)


def spawn_detached(argv: Sequence[str], log: Path) -> Process:
    """Start a process that goes on when this one ends, in a session of its own, writing to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.open("ab") as output:
        started = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/", env=_environment()
        )
    process = identify(started.pid)
    # It goes on by itself: nobody here waits for it, and its end is not this process's concern.
    started.returncode = 0
    if process is None:
        raise EmulatorError(f"{argv[0]} ended at once: see {log}")
    return process


def stopped(process: Process) -> bool:
    """Tell whether a process is stopped by a signal, or gone."""
    try:
        state = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in {"T", "t", "Z", "X"}


def command_line(pid: int) -> list[str]:
    """Return a process's arguments; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def name_of(process: Process) -> str:
    """Return a process's name as the kernel has it; none when it is gone."""
    try:
        return Path(f"/proc/{process.pid}/comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def running_with(marks: Sequence[str]) -> list[Process]:
    """Return the processes whose command line has all these arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and set(marks) <= set(command_line(int(entry.name))):
            process = identify(int(entry.name))
            if process is not None and process.pid != os.getpid():
                found.append(process)
    return found


def in_pid_namespace_of(init: Process) -> list[Process]:
    """Return every process of a machine, by the pid namespace of its first one."""
    try:
        wanted = Path(f"/proc/{init.pid}/ns/pid").readlink()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                same = entry.joinpath("ns/pid").readlink() == wanted
            except OSError:
                continue
            process = identify(int(entry.name)) if same else None
            if process is not None:
                found.append(process)
    return found


def _collect(pid: int) -> None:
    """Take away the remains of a process that is our own child."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _environment() -> dict[str, str]:
    """Return what a service needs of the environment; none of the caller's secrets."""
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LANG": "C.UTF-8"}
