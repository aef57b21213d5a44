"""Finding the Pulumi engine: the `pulumi` of this computer when it is new enough, else the one that `make setup` built."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_emulator.errors import EmulatorError

# The version that `tools/go.mod` builds and that everything here was tested with; replacement_trigger needs a recent engine.
ENGINE_MINIMUM: Final = "3.253.0"
VERSION_TIMEOUT_SECONDS: Final = 20


@dataclass(frozen=True)
class Engine:
    """An engine that was found: its folder, and the version that it reports ("3.253.0")."""

    root: Path
    version: str

    @property
    def executable(self) -> Path:
        """The command line; the Automation API wants it in `bin` of the engine's folder."""
        return self.root / "bin" / "pulumi"


def version_of(executable: Path) -> tuple[int, int, int] | None:
    """Return the version that a `pulumi` reports, None when it reports none."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    try:
        result = subprocess.run(
            [str(executable), "version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", result.stdout)
    return None if result.returncode or match is None else (int(match[1]), int(match[2]), int(match[3]))


def _minimum() -> tuple[int, int, int]:
    major, minor, patch = ENGINE_MINIMUM.split(".")
    return int(major), int(minor), int(patch)


def _text(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def _seen(executable: Path) -> str:
    """Return by what a changed file is recognised."""
    found = executable.stat()
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def find_engine(home: Path) -> Engine:
    """Return the engine that commands use.

    `pulumi` on PATH is taken when it is at least ENGINE_MINIMUM and of the same major version (a too old one is passed
    over with a note on stderr), else `home`/engine/v<ENGINE_MINIMUM>. EmulatorError when there is neither, or when the
    one in the cache is of another version than its folder says.
    """
    on_path = shutil.which("pulumi")
    passed_over = ""
    if on_path:
        # The parent of bin/ is what the Automation API wants; a link (a package manager's) is followed to it.
        executable = Path(on_path).resolve()
        version = version_of(executable)
        usable = version is not None and version >= _minimum() and version[0] == _minimum()[0]
        if version is not None and usable and executable.name == "pulumi" and executable.parent.name == "bin":
            return Engine(executable.parent.parent, _text(version))
        seen = f"v{_text(version)}" if version else "of unknown version"
        why = f"at least v{ENGINE_MINIMUM} is needed" if not usable else "it does not lie in a folder named bin"
        passed_over = f"{on_path} ({seen}) is passed over: {why}"
        print(f"note: {passed_over}", file=sys.stderr)
    folder = home / "engine" / f"v{ENGINE_MINIMUM}"
    executable = folder / "bin" / "pulumi"
    if not executable.exists():
        raise EmulatorError(
            f"no Pulumi engine: {executable} does not exist{'; ' + passed_over if passed_over else ''}; run `make setup`"
        )
    seen = _seen(executable)
    checked = folder / "checked"
    if checked.exists() and checked.read_text("utf-8") == seen:
        return Engine(folder, ENGINE_MINIMUM)
    version = version_of(executable)
    if version is None:
        raise EmulatorError(f"{executable} does not run; remove {folder} and run `make setup`")
    if version != _minimum():
        raise EmulatorError(
            f"{executable} is v{_text(version)}, not v{ENGINE_MINIMUM} as its folder says; remove {folder} and run `make setup`"
        )
    # Asking it again takes 0.15 CPU seconds of each command; a file that was changed is asked again.
    with contextlib.suppress(OSError):
        checked.write_text(seen, "utf-8")
    return Engine(folder, _text(version))
