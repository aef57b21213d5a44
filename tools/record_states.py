"""Records the state of every stack of this repository as the engine keeps it, for the tests that preview it later.

python tools/record_states.py VERSION      (root; brings each stack up on this machine, in a home of its own, and down again)

A recorded state is what a user's stack looks like after an `up` with that version of the package: from then on no preview of it
may replace or delete anything (tests/stack/test_recorded_states.py). All that is in it was emulated: its secrets open nothing.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pulumi_emulator.files import write_private
from pulumi_emulator.stacks import StackFolder, emulator_home

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "tests" / "recorded"
PROJECT = "redis-ha"
STACKS = ("local", "staging", "prod")
# Of states that were never anywhere but on the machine that recorded them.
PASSPHRASE = "recorded"  # noqa: S105


def record(stack: str, home: Path, into: Path) -> None:
    """Bring one stack up, keep its state and its stack file, and take it down."""
    folder = StackFolder(home, PROJECT, stack)
    folder.create()
    write_private(folder.path / "passphrase", PASSPHRASE)
    environment = {**os.environ, "PULUMI_EMULATOR_HOME": str(home)}
    emulator = [sys.executable, "-m", "pulumi_emulator"]
    try:
        subprocess.run([*emulator, "up", "--stack", stack, "--program", str(ROOT)], env=environment, check=True)
        # Most of a state is the ciphertext of user-data; nobody reads it, so it is kept small.
        (into / f"{stack}.json.gz").write_bytes(gzip.compress(folder.state_file.read_bytes(), mtime=0))
        shutil.copy(ROOT / f"Pulumi.{stack}.yaml", into / f"Pulumi.{stack}.yaml")
    finally:
        subprocess.run([*emulator, "destroy", "--stack", stack, "--program", str(ROOT)], env=environment, check=True)


def main() -> None:
    """Record all stacks under tests/recorded/VERSION."""
    into = RECORDED / sys.argv[1]
    into.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        home.mkdir()
        for shared in ("engine", "images"):
            (home / shared).symlink_to(emulator_home() / shared)
        for stack in STACKS:
            record(stack, home, into)


if __name__ == "__main__":
    main()
