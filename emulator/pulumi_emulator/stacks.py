"""Where everything of an emulated stack lies, who works on it, and what a name may be."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError, NoStackError, UnreadableError
from pulumi_emulator.files import write_private

# pulumi/pulumi sdk/go/common/tokens: what a stack or project name may consist of, and how long it may be.
NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# What the engine says then (pulumi/pulumi pkg/secrets/passphrase, ErrIncorrectPassphrase), and where it says it.
INCORRECT_PASSPHRASE: Final = re.compile("(secrets manager|decrypt): incorrect passphrase")

# Errors of reading that say nothing of the file.
OF_THE_COMPUTER: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def emulator_home() -> Path:
    """Return the emulator's folder: $PULUMI_EMULATOR_HOME, else pulumi-emulator in the user's cache folder."""
    given = os.environ.get("PULUMI_EMULATOR_HOME")
    if given:
        return Path(given).absolute()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache").absolute() / "pulumi-emulator"


def disk_gigabytes() -> int | None:
    """Return the size of new machines' disks: $PULUMI_EMULATOR_DISK_GB; None when they share this computer's."""
    given = os.environ.get("PULUMI_EMULATOR_DISK_GB")
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise EmulatorError(f"PULUMI_EMULATOR_DISK_GB={given}: give a whole number of GB from 1 on, as 8, or unset it")
    return int(given)


def check_name(what: str, name: str) -> str:
    """Return a stack's or project's name; EmulatorError when it is none (names become folders)."""
    if NAME_PATTERN.fullmatch(name) is None or name in (".", ".."):
        raise EmulatorError(f"{what} name {name!r}: letters, digits, hyphens, underscores and periods only, at most 100")
    return name


@dataclass(frozen=True)
class StackFolder:
    """The folder of one stack under the emulator's home."""

    home: Path
    project: str
    stack: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.home / "stacks" / check_name("project", self.project) / check_name("stack", self.stack)

    @property
    def backend(self) -> Path:
        """The engine's file backend (state, history, its own locks)."""
        return self.path / "backend"

    @property
    def pulumi_home(self) -> Path:
        """PULUMI_HOME of every engine process of this stack."""
        return self.path / "pulumi-home"

    @property
    def workspace(self) -> Path:
        """Copies of the project's and the stack's file; the program's own are never written."""
        return self.path / "workspace"

    @property
    def state_file(self) -> Path:
        """The state as the engine's file backend keeps it."""
        return self.backend / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    def exists(self) -> bool:
        """Tell whether a stack was ever brought up (or tried) here."""
        return self.path.is_dir()

    def create(self) -> None:
        """Make the folder, readable by its owner only."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.backend, self.pulumi_home, self.workspace):
            folder.mkdir(mode=0o700, exist_ok=True)
        # The engine logs each command there at debug level, for a third of its CPU seconds in a preview, and has no switch for
        # it; where the folder cannot be made it goes on without (v3.253.0, pkg/logging, cmd/pulumi/pulumi.go).
        (self.pulumi_home / "logs").touch()

    @property
    def passphrase_file(self) -> Path:
        """The file with the passphrase that encrypts this stack's secrets."""
        return self.path / "passphrase"

    def passphrase(self) -> str:
        """Return the passphrase; made once, at random. UnreadableError when a stack that has a state has lost it."""
        path = self.passphrase_file
        if not self.state_file.exists() and not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        try:
            if path.exists() and not path.is_file():
                raise self.no_passphrase("is no text file")  # reading a pipe would not end
            passphrase = path.read_text("utf-8").strip()
        except FileNotFoundError:
            raise self.no_passphrase("is gone") from None
        except UnicodeDecodeError:
            raise self.no_passphrase("is no text file") from None
        except OSError as error:
            if error.errno in OF_THE_COMPUTER:
                raise
            raise self.no_passphrase(f"cannot be read ({error.strerror})") from None
        if not passphrase:
            raise self.no_passphrase("is empty")
        return passphrase

    def no_passphrase(self, why: str) -> UnreadableError:
        """Return what is said of a passphrase that the stack's secrets cannot be read with."""
        return UnreadableError(
            f"{self.passphrase_file}, the passphrase of stack {self.stack!r}, {why}; put it back as it was, "
            f"or run `destroy --stack {self.stack}`, which needs none, and bring the stack up again"
        )


def find_stack(home: Path, stack: str, project: str | None) -> StackFolder:
    """Return the folder of a stack by name: of the given project, else of the only project that has one of that name.

    NoStackError when there is none.
    """
    check_name("stack", stack)
    if project is not None and StackFolder(home, project, stack).exists():
        return StackFolder(home, project, stack)
    found = sorted(path.parent.name for path in home.glob(f"stacks/*/{stack}") if path.is_dir())
    if project is None and len(found) == 1:
        return StackFolder(home, found[0], stack)
    if project is None and len(found) > 1:
        raise EmulatorError(
            f"stack {stack!r} exists in several projects ({', '.join(found)}): give --program with the program's folder"
        )
    where = f" of project {project!r}" if project else ""
    raise NoStackError(f"there is no emulated stack {stack!r}{where}; bring it up with `up --stack {stack}`")


def all_stacks(home: Path) -> list[StackFolder]:
    """Return every stack under this home."""
    return [StackFolder(home, path.parent.name, path.name) for path in sorted(home.glob("stacks/*/*")) if path.is_dir()]


@contextlib.contextmanager
def only_command(folder: StackFolder, command: str) -> Iterator[None]:
    """Hold the stack while a command changes it; EmulatorError names the process that holds it already.

    A POSIX record lock on a file beside the stack's folder: it ends with the process however that ends, and processes that it
    leaves behind do not inherit it. A command that removes the folder takes the file along.
    """
    path = folder.path.parent / f".{folder.stack}.lock"
    descriptor = _locked(path, folder.stack)
    try:
        with contextlib.suppress(OSError):  # the note for others; the lock holds without it, on a full disk too
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"`{command}` (process {os.getpid()})".encode(), 0)
        yield
    finally:
        if not folder.exists():
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # other stacks of the project
                path.parent.rmdir()
        os.close(descriptor)


def _locked(path: Path, stack: str) -> int:
    """Return a descriptor of the lock's file that holds the lock. Who held it before may have removed the file meanwhile."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:  # the folder went between
            continue
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise EmulatorError(f"stack {stack!r} is in use by {holder}; wait for it or end it") from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return descriptor
        os.close(descriptor)
