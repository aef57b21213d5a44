"""`make setup`: two at the same time, one after the other; its log; the programs that install Python packages."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.waiting import wait_until
from tools import setup

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
    return subprocess.Popen(argv, env={"XDG_CACHE_HOME": str(folder)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


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


def test_the_log_is_its_users_own_and_no_link_leads_it_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    log = setup.log_file()
    assert (log.parent.stat().st_mode & 0o777, log.stat().st_mode & 0o777) == (0o700, 0o600)
    log.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("of somebody else")
    log.symlink_to(elsewhere)
    with pytest.raises(setup.SetupError, match=r"setup\.log cannot be written: .*; remove it"):
        setup.log_file()
    assert elsewhere.read_text() == "of somebody else"


def test_a_commands_output_is_its_own_whatever_the_log_held(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier command\n")
    assert setup.run(["echo", "mine"], log) == "mine\n"
    with pytest.raises(setup.SetupError, match="`false` ended with 1"):
        setup.run(["false"], log)


@pytest.mark.parametrize("reached", [True, False])
def test_packages_come_by_uv_or_where_it_reaches_no_index_by_pip(
    reached: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    def run(command: list[str], log: Path) -> str:  # noqa: ARG001 - as the real one
        words = [Path(str(word)).name if "/" in str(word) else str(word) for word in command]
        ran.append(" ".join(words))
        if words[0] == "uv" and not reached:
            raise setup.SetupError("no index")
        return ""

    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(setup, "run", run)
    tmp_path.joinpath("bin").mkdir()
    tmp_path.joinpath("bin/pip").touch()
    setup.python_environment(tmp_path / "log")
    pinned = tmp_path.joinpath("uv.txt").read_text().split()
    assert pinned[0].startswith("uv==")
    assert all(word == "\\" or word.startswith("--hash=sha256:") for word in pinned[1:])
    locked = [line for line in ran if "--require-hashes --requirement requirements.txt" in line]
    assert [line.split()[0] for line in locked] == (["uv"] if reached else ["uv", "python"])
    assert all("--no-deps" in line for line in ran if " install " in line)
    assert "--editable components" in ran[-1]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/log"),
            1,
            "error: [Errno 28] No space left on device: '/srv/log'",
        ),
        (KeyboardInterrupt(), setup.INTERRUPTED, "interrupted\nRun the same command again"),
    ],
)
def test_a_full_disk_and_ctrl_c_are_a_line(
    error: BaseException,
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def check() -> str:
        raise error

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(setup, "check_machine", check)
    assert setup.main() == code
    assert says in capsys.readouterr().out
