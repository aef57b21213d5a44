"""Makes everything that `make up` and `make test` need: Debian packages, the Python environment, the Pulumi engine.

Runs under the machine's own python3 with nothing but the standard library; a step that has its result already is passed over.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PACKAGES = ("components", "client", "ops", "emulator")
PYTHON_MINIMUM = (3, 11)  # requires-python of the four packages
# What the environment was made from; written when it is whole. The Makefile looks for it.
STAMP = VENV / "redis-ha-requirements"
ONLY_ENVIRONMENT = "environment"  # for what needs neither machines nor the engine
# The SDKs have modules for hundreds of services. Python compiles those that are used when they are imported first.
PIP: tuple[str | Path, ...] = (
    *(VENV / "bin" / "python", "-m", "pip"),
    *("--disable-pip-version-check", "install", "--no-deps", "--no-compile"),
)
DOT_SECONDS = 5
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
INTERRUPTED = 130  # as a shell has it for SIGINT

ENVIRONMENT = "python3-venv"  # the one package without which there is no .venv
# Debian package -> what is looked for on this machine before it is installed.
DEBIAN: dict[str, str] = {
    ENVIRONMENT: "python:ensurepip",
    "systemd-container": "systemd-nspawn",
    "mmdebstrap": "mmdebstrap",
    "nftables": "nft",
    "iproute2": "ip",
    "openssh-client": "ssh",
    # For the tests: the server itself, which Debian ships in this package as redis-check-rdb (it acts by the name it is called
    # by; Debian's redis-server package is a link to it and a service that nobody wants on a workstation).
    "redis-tools": "redis-check-rdb",
    "git": "git",
}


class SetupError(Exception):
    """A step that cannot be done; the message ends with what to do."""


def cache_folder() -> Path:
    """Return the user's folder of caches."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def log_file() -> Path:
    """Return the log of the user's set-ups, in a folder of his own: in a shared one somebody could lay a link in its place."""
    cache = cache_folder() / "redis-ha"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = cache / "setup.log"
    try:
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise SetupError(f"{log} cannot be written: {error.strerror}; remove it, or set another XDG_CACHE_HOME") from None
    return log


def run(command: Sequence[str | Path], log: Path, **options: object) -> str:
    """Run a command with its output in the log, and return it; on failure show the log's end."""
    with log.open("a") as out:
        out.write(f"$ {' '.join(str(word) for word in command)}\n")
        out.flush()
        begin = out.tell()
        code = subprocess.run(
            [str(word) for word in command], stdout=out, stderr=subprocess.STDOUT, check=False, **options
        ).returncode  # type: ignore[call-overload]
    if code != 0:
        tail = "\n    ".join(log.read_text(errors="replace").splitlines()[-12:])
        raise SetupError(f"`{Path(str(command[0])).name}` ended with {code}:\n    {tail}\n  whole output: {log}")
    with log.open(errors="replace") as written:
        written.seek(begin)
        return written.read()


def step(title: str, work: Callable[[], str]) -> None:
    """Do one step and print how long it took and what came of it; a dot each five seconds says that it goes on."""
    start = time.monotonic()
    sys.stdout.write(f"  {title} ... ")
    sys.stdout.flush()
    done = threading.Event()

    def dots() -> None:
        while not done.wait(DOT_SECONDS):
            sys.stdout.write(".")
            sys.stdout.flush()

    thread = threading.Thread(target=dots)
    thread.start()
    try:
        result = work()
    finally:
        done.set()
        thread.join()
    sys.stdout.write(f"{result} ({time.monotonic() - start:.1f} s)\n")
    sys.stdout.flush()


def found(what: str) -> bool:
    """Tell whether a command (also in sbin) or a Python module of this interpreter is there."""
    if what.startswith("python:"):
        return (
            subprocess.run(
                [sys.executable, "-c", f"import {what.removeprefix('python:')}"], capture_output=True, check=False
            ).returncode
            == 0
        )
    return shutil.which(what, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def check_machine() -> str:
    """Refuse a machine on which nothing that follows can work."""
    if sys.version_info < PYTHON_MINIMUM:
        raise SetupError(f"python3 is {sys.version.split()[0]}; install Python {'.'.join(map(str, PYTHON_MINIMUM))} or newer")
    if sys.platform != "linux":
        raise SetupError(
            f"the platform is {sys.platform}; the machines need Linux: use a Linux VM or a privileged Debian container"
        )
    return f"Python {sys.version.split()[0]}"


def debian_packages(log: Path) -> str:
    """Install the Debian packages that are missing; where that cannot be done, say what does without them and what does not."""
    missing = [package for package, what in DEBIAN.items() if not found(what)]
    if not missing:
        return "all there"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        told = without(missing, debian=shutil.which("apt-get") is not None)
        if ENVIRONMENT in missing:
            raise SetupError(told)
        return told
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], log, env=environment)
    run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], log, env=environment)
    return f"installed {', '.join(missing)}"


def without(missing: Sequence[str], *, debian: bool) -> str:
    """Return what is said of packages that this user cannot install; debian: this is one, and only root is missing."""
    what = "nothing goes" if ENVIRONMENT in missing else "previews and `make lint` go, machines and most tests do not,"
    way = (
        f"as root: apt-get install --no-install-recommends {' '.join(missing)}"
        if debian
        else f"this is not Debian (no apt-get), install what holds: {', '.join(DEBIAN[one] for one in missing)}"
    )
    return f"{what} without {', '.join(missing)}; {way}"


def fingerprint(*paths: Path) -> str:
    """Give a short hash of files' contents."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def uv(log: Path) -> list[str | Path]:
    """Install uv, which needs a fraction of pip's time, and return its command that installs into .venv."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    pinned = VENV / "uv.txt"
    pinned.write_text("\n".join(lines[first : last + 1]) + "\n")
    run([*PIP, "--require-hashes", "--requirement", pinned], log)
    return [VENV / "bin" / "uv", "pip", "install", "--python", VENV / "bin" / "python", "--system-certs", "--no-deps"]


def wanted() -> str:
    """Return by what an environment is recognised that is up to date."""
    return fingerprint(ROOT / "requirements.txt", *(ROOT / package / "pyproject.toml" for package in PACKAGES))


def is_up_to_date() -> bool:
    """Tell whether the Python environment is whole and as the requirements have it now."""
    return STAMP.exists() and STAMP.read_text() == wanted()


def python_environment(log: Path) -> str:
    """Make .venv from requirements.txt (every package by its hash) with our own packages beside, without dependencies."""
    if is_up_to_date():
        return "up to date"
    if not (VENV / "bin" / "pip").exists():
        run([sys.executable, "-m", "venv", "--clear", VENV], log)
    editable = [word for package in PACKAGES for word in ("--editable", str(ROOT / package))]
    locked = ["--require-hashes", "--requirement", str(ROOT / "requirements.txt")]
    try:
        install = uv(log)
        run([*install, *locked], log)
        run([*install, "--no-build-isolation", *editable], log)
    except SetupError:
        # A proxy or an index that only pip was told of (pip.conf).
        run([*PIP, *locked], log)
        run([*PIP, "--no-build-isolation", *editable], log)
    for name in ("redis-server", "redis-sentinel"):
        link = VENV / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(shutil.which("redis-check-rdb") or "/usr/bin/redis-check-rdb")
    STAMP.write_text(wanted())
    return "made"


@contextlib.contextmanager
def alone(log: Path) -> Iterator[None]:
    """Wait until no other set-up is at work: those of all clones share this log, the engine's cache and Debian's packages."""
    with log.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stdout.write("  another set-up is at work on this machine: waiting for it\n")
            sys.stdout.flush()
            fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        yield


def main(arguments: Sequence[str]) -> int:
    """Run all steps, or all but the engine; 0 when everything is there."""
    only_environment = list(arguments) == [ONLY_ENVIRONMENT]
    try:
        if only_environment and is_up_to_date():
            return 0
        sys.stdout.write("Setting up redis-ha\n")
        log = log_file()
        with alone(log):
            step("machine", check_machine)
            step("Debian packages", lambda: debian_packages(log))
            step("Python environment (.venv)", lambda: python_environment(log))
            if not only_environment:
                step("Pulumi engine (a first build takes some minutes)", lambda: engine(log))
    except (SetupError, OSError) as error:
        told = of_the_system(error) if isinstance(error, OSError) else error
        sys.stdout.write(f"failed\nerror: {told}\nThen run the same command again: what was done is kept.\n")
        return 1
    except KeyboardInterrupt:
        sys.stdout.write("interrupted\nRun the same command again to go on: what was done is kept.\n")
        return INTERRUPTED
    return 0


def of_the_system(error: OSError) -> str:
    """Return what is said of an error of the operating system: where, what is wrong, what to do."""
    if error.errno not in NO_ROOM:
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}"
    if error.filename:
        return f"{error.filename}: {error.strerror}; make room there"
    sys.path.append(str(ROOT / "emulator"))  # nothing needs to be installed for this module of it
    from pulumi_emulator.files import without_room  # noqa: PLC0415

    places = {ROOT: "", cache_folder(): "XDG_CACHE_HOME", Path(os.environ.get("TMPDIR") or "/tmp"): "TMPDIR"}  # noqa: S108
    full = without_room(places) or list(places)
    other = " and ".join(places[place] for place in full if places[place])
    remedy = f", or set {other} to a folder on another disk" if other else ""
    return f"{error.strerror} in {' and '.join(map(str, full))}; make room there{remedy}"


def engine(log: Path) -> str:
    """Find or build the engine; the work is done by tools/build_engine.py inside the environment that was just made."""
    return run([VENV / "bin" / "python", "-m", "tools", "tools/build_engine.py"], log, cwd=ROOT).splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
