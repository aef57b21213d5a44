"""`make setup` of two clones at the same time: one after the other."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.support.waiting import wait_until

# A set-up whose first step says that it is at work, and ends with its input.
PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import setup
def work():
    Path(sys.argv[2]).touch()
    return f"done{sys.stdin.read()}"
setup.check_machine = work
setup.debian_packages = setup.python_environment = setup.engine = lambda _: "there"
sys.exit(setup.main())
"""


def started(folder: Path, name: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-u", "-c", PROCESS, str(ROOT / "tools"), str(folder / name)]
    return subprocess.Popen(argv, env={"TMPDIR": str(folder)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_second_set_up_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    with started(tmp_path, "first") as first:
        wait_until((tmp_path / "first").exists, "the first is at work")
        with started(tmp_path, "second") as second:
            assert second.stdout
            told = [second.stdout.readline() for _ in range(2)]
            early = (tmp_path / "second").exists()
            first.communicate()
            second.communicate()
    assert told == ["Setting up redis-ha\n", "  another set-up is at work on this machine: waiting for it\n"]
    assert not early
    assert (tmp_path / "second").exists()
    assert (first.returncode, second.returncode) == (0, 0)
