"""The folder of one test run, and what runs that were interrupted have left in theirs and on this computer.

Everything temporary of a run lies in one folder, and TMPDIR of every process of the run names it. The run holds a lock on it
for as long as it lives: a folder that nobody holds is of a run that ended. What it left is found from its folder alone, so a
run that lives and the stacks of users are never touched.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from pulumi_emulator import aws
from pulumi_emulator.caches import removal
from pulumi_emulator.caches.site import Site
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import Host, network
from pulumi_emulator.machines.boot import mounts_below
from pulumi_emulator.machines.commands import run

# The emulator takes most variables from what it starts and leaves this one (pulumi_emulator.environment).
MARKER = "TMPDIR"
LOCK = "lock"
FILE = "file"  # what the product's own leftovers are called that need no removing but their folder's
FOLLOW_SECONDS = 2  # for what ends by itself when its parent does
END_SECONDS = 10  # a killed process is gone at once unless the kernel is busy with its memory


class Part(NamedTuple):
    """What the emulator made of one folder: a stack's machines, a stack's emulated AWS, or a host of cache nodes."""

    folder: Path
    leftovers: Callable[[], list[str]]
    remove: Callable[[], None]


def runs_folder() -> Path:
    """Return the folder that this user's runs lie in. Short: a Unix socket's path may have 108 bytes (unix(7))."""
    path = Path(tempfile.gettempdir()) / f"redis-ha-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SystemExit(f"error: {path} is no folder of yours; remove it, or name another folder in TMPDIR")
    return path


@contextmanager
def begun(runs: Path) -> Iterator[Path]:
    """Make the folder of a run and hold it."""
    with _held(runs, fcntl.LOCK_EX):  # between the folder and its lock nobody looks
        folder = Path(tempfile.mkdtemp(dir=runs, prefix=""))
        lock = _lock(folder)
    try:
        yield folder
    finally:
        os.close(lock)


@contextmanager
def ended(runs: Path) -> Iterator[list[Path]]:
    """Return the folders of runs that ended, and hold them: of two runs that begin together one clears them."""
    locks = {}
    with _held(runs, fcntl.LOCK_EX):
        for folder in sorted(path for path in runs.iterdir() if path.is_dir()):
            with suppress(BlockingIOError):
                locks[folder] = _lock(folder)
    try:
        yield list(locks)
    finally:
        for lock in locks.values():
            os.close(lock)


def clear(folder: Path, *, keep_files: bool = False) -> Iterator[str]:
    """Remove a run's folder and what else it left; yield a line for its processes and one for each part that was not empty.

    A line also says what could not be removed: its folder then stays, and the next run tries again.
    """
    try:
        ended_processes = end(folder)
        if ended_processes:
            yield f"  processes: {counted(ended_processes)}"
        for part in list(parts(folder)):
            left = [entry for entry in part.leftovers() if kind(entry) != FILE]
            part.remove()
            if left:
                yield f"  {part.folder.relative_to(folder)}: {counted(map(kind, left))}"
        for mounted in mounts_below(folder):
            run(["umount", "--lazy", mounted])
            yield f"  mount {mounted}"
        if not keep_files:
            shutil.rmtree(folder)
    except (EmulatorError, OSError) as error:
        yield f"  NOT CLEARED, {folder} stays: {error}"


def belongs(environment: Mapping[str, str], folder: Path) -> bool:
    """Tell whether a process with this environment is of the run with this folder.

    An editor or a shell that somebody has opened there is not: neither its arguments nor its folder count.
    """
    return Path(environment.get(MARKER, "/")).is_relative_to(folder)


def kind(entry: str) -> str:
    """Return what a leftover of the product is: "control group pe-1-m1" is a control group."""
    return FILE if entry.startswith(("file ", "folder ")) else entry.rpartition(" ")[0]


def counted(names: Iterable[str]) -> str:
    """Return how often each name comes: "python x 2, redis-server x 3"."""
    return ", ".join(f"{name} x {count}" for name, count in sorted(Counter(names).items()))


def parts(folder: Path) -> Iterator[Part]:
    """Find what the emulator made below a folder, by what it writes before anything else."""
    for place, folders, files in os.walk(folder):
        path = Path(place)
        folders[:] = [name for name in folders if not (path / name).is_mount()]
        if path.name == "machines" and "lock" in files:
            host = Host(path.parent, path.parent)
            yield Part(path, host.leftovers, host.destroy_all)
            folders.clear()
        elif path.name == "aws" and "endpoint.log" in files:
            yield Part(path, partial(aws.leftovers, path.parent), partial(aws.stop_endpoint, path.parent))
            folders.clear()
        elif network.exists(Site(path).namespace):
            yield Part(path, partial(removal.leftovers, path), partial(removal.remove, path))


def end(folder: Path) -> list[str]:
    """Kill the processes of a run, also those that they start meanwhile; return the names of their programs."""
    names = []
    psutil.wait_procs(_processes(folder), timeout=FOLLOW_SECONDS)
    while found := _processes(folder):
        for process in found:
            with suppress(psutil.NoSuchProcess):
                names.append(process.name())
                process.kill()
        _, alive = psutil.wait_procs(found, timeout=END_SECONDS)
        if alive:
            pids = ", ".join(str(process.pid) for process in alive)
            raise EmulatorError(f"killed and still there: {pids} (see /proc/PID/stack)")
    return names


def _processes(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if belongs(process.environ(), folder):
                found.append(process)
    return found


@contextmanager
def _held(folder: Path, how: int) -> Iterator[None]:
    """Lock a folder itself."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int:
    """Take the lock of a run; BlockingIOError when it lives. It ends with this process: nothing that it starts inherits it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor
