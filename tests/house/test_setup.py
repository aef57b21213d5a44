"""`make setup` of two clones at the same time: one after the other."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.support.waiting import wait_until

# A set-up whose steps are: say that it is at work, and wait for leave to end.
PROCESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import setup
def work(*_):
    Path(sys.argv[2]).touch()
    while not Path(sys.argv[3]).exists():
        time.sleep(0.02)
    return "done"
setup.check_machine = work
setup.debian_packages = setup.python_environment = setup.engine = lambda _: "there"
sys.exit(setup.main())
"""


def started(folder: Path, name: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-u", "-c", PROCESS, str(ROOT / "tools"), str(folder / f"{name}-works"), str(folder / "may-end")]
    return subprocess.Popen(argv, env={"TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True)


def test_a_second_set_up_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    with started(tmp_path, "first") as first:
        wait_until((tmp_path / "first-works").exists, "the first is at work")
        with started(tmp_path, "second") as second:
            assert second.stdout
            told = [second.stdout.readline() for _ in range(2)]
            early = (tmp_path / "second-works").exists()
            (tmp_path / "may-end").touch()
            second.communicate()
        first.communicate()
    assert told == ["Setting up redis-ha\n", "  another set-up is at work on this machine: waiting for it\n"]
    assert not early
    assert (tmp_path / "second-works").exists()
    assert (first.returncode, second.returncode) == (0, 0)
