"""The folder of a run, and what is cleared of a run that was interrupted: its own, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_emulator.errors import EmulatorError
from tools import leftovers
from tools.leftovers import Part, begun, belongs, clear, ended, parts

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.mark.parametrize(
    ("environment", "mine"),
    [
        ({"TMPDIR": "/runs/one"}, True),
        ({"TMPDIR": "/runs/one/runs/inner"}, True),  # of a run that a test started
        ({"TMPDIR": "/runs/one-more"}, False),
        ({"TMPDIR": "/runs"}, False),
        ({"TMPDIR": ""}, False),
        ({"HOME": "/runs/one"}, False),
        ({}, False),
    ],
)
def test_a_process_is_of_the_run_that_its_temporary_files_are_of(environment: dict[str, str], mine: bool) -> None:
    assert belongs(environment, Path("/runs/one")) is mine


def test_a_run_that_lives_has_not_ended_and_of_two_runs_one_clears_it_afterwards(tmp_path: Path) -> None:
    with begun(tmp_path) as folder:
        with ended(tmp_path) as found:
            assert found == []
        with begun(tmp_path) as other:
            assert other != folder
        with ended(tmp_path) as found:
            assert found == [other]
    with ended(tmp_path) as first, ended(tmp_path) as second:
        assert sorted(first) == sorted([folder, other])
        assert second == []


def test_the_lock_ends_with_the_run_although_what_it_started_goes_on(tmp_path: Path) -> None:
    program = (
        "import os, subprocess, sys\nfrom pathlib import Path\nfrom tools.leftovers import begun\n"
        "with begun(Path(sys.argv[1])) as folder:\n"
        "    child = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL, close_fds=False)\n"
        "    print(child.pid, flush=True)\n"
        "    os._exit(1)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path)]
    child = int(subprocess.run(argv, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=False).stdout)
    try:
        with ended(tmp_path) as found:
            assert len(found) == 1
    finally:
        os.kill(child, 9)


def test_a_folder_for_runs_that_is_somebody_elses_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    made = leftovers.runs_folder()
    assert made.stat().st_mode & 0o777 == 0o700
    assert leftovers.runs_folder() == made
    made.rmdir()
    made.symlink_to(tmp_path)
    with pytest.raises(SystemExit, match="is no folder of yours"):
        leftovers.runs_folder()
    made.unlink()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    (tmp_path / "redis-ha-12345").mkdir()
    with pytest.raises(SystemExit, match="is no folder of yours"):
        leftovers.runs_folder()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A process of a run, one of a run that lives, and somebody's that reads a file of the run."""
    folder = tmp_path / "run"
    folder.mkdir()
    reader = [*SLEEPER, str(folder / "log")]
    made = {
        "own": subprocess.Popen(SLEEPER, env={**os.environ, "TMPDIR": str(folder)}),
        "of another run": subprocess.Popen(SLEEPER, env={**os.environ, "TMPDIR": str(tmp_path / "run2")}),
        "reader": subprocess.Popen(reader, cwd=folder),
    }
    yield made
    for process in made.values():
        process.kill()
        process.wait()


def test_processes_of_the_run_are_ended_and_no_others(tmp_path: Path, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    [line] = clear(tmp_path / "run")
    assert line.startswith("  processes: python")
    assert line.endswith(" x 1")
    assert not (tmp_path / "run").exists()
    alive = {name for name, process in processes.items() if process.poll() is None}
    assert alive == {"of another run", "reader"}


def test_what_ends_with_its_parent_was_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "FOLLOW_SECONDS", 60)
    folder = tmp_path / "run"
    folder.mkdir()
    with subprocess.Popen(["sleep", "0.3"], env={"PATH": os.environ["PATH"], "TMPDIR": str(folder)}):
        assert list(clear(folder)) == []


def test_parts_of_the_emulator_are_found_by_what_it_writes_first(tmp_path: Path) -> None:
    stack = tmp_path / "t/popen-gw0/test_x0/home/stacks/tested/dev"
    for marker in ("host/machines/lock", "aws/endpoint.log", "aws/caches/lookup/resolv.conf", "workspace/machines/readme"):
        (stack / marker).parent.mkdir(parents=True)
        (stack / marker).touch()
    assert sorted(part.folder for part in parts(tmp_path)) == [stack / "aws", stack / "host/machines"]


def test_files_alone_are_nothing_that_was_left(tmp_path: Path) -> None:
    (tmp_path / "run/host/machines/disks/1/upper").mkdir(parents=True)
    (tmp_path / "run/host/machines/lock").touch()
    (tmp_path / "run/aws").mkdir()
    (tmp_path / "run/aws/endpoint.log").touch()
    assert list(clear(tmp_path / "run", keep_files=True)) == []
    assert not (tmp_path / "run/host/machines").exists(), "a stack is removed although files stay"
    assert (tmp_path / "run").exists()
    assert list(clear(tmp_path / "run")) == []
    assert not (tmp_path / "run").exists()


def test_each_part_has_a_line_of_what_it_still_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [
        "process 7",
        "process 8",
        "mount /x/root",
        "control group pe-1-m1",
        "namespace pe-1-router",
        "file /x/y",
        "folder /x",
    ]
    removed = []
    part = Part(tmp_path / "stack", lambda: left, lambda: removed.append("stack"))
    monkeypatch.setattr(leftovers, "parts", lambda _: iter([part]))
    assert list(clear(tmp_path)) == ["  stack: control group x 1, mount x 1, namespace x 1, process x 2"]
    assert removed == ["stack"]


def test_what_cannot_be_removed_is_said_and_its_folder_kept_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise EmulatorError("process 7 does not end although it was killed")

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(leftovers, "parts", lambda _: iter([Part(tmp_path / "run/stack", list, refuse)]))
    [line] = clear(tmp_path / "run")
    assert line == f"  NOT CLEARED, {tmp_path / 'run'} stays: process 7 does not end although it was killed"
    assert (tmp_path / "run").exists()
