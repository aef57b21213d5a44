"""What `make test` runs and says: tiers, what took long, what was not run, tests that fail once or twice, and interrupts."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools import leftovers, run_tests
from tools.run_tests import Result

XML = """<testsuites><testsuite>
<testcase classname="tests.client.test_failover" name="test_rides[one@two]@tests/client/test_failover.py" time="2.5"/>
<testcase classname="tests.machines.test_host_boot" name="test_boots" time="0.1">
<skipped message="booting machines needs root; run"/></testcase>
<testcase classname="tests.house.test_tree" name="test_top" time="0.25"/>
</testsuite></testsuites>"""


class Runs:
    """Stands in for pytest: its exit codes, what it was asked to run, and the files that it leaves."""

    def __init__(self, failed: int, codes: tuple[int, ...], xml: str) -> None:
        self.failed, self.left, self.content = failed, list(codes), xml
        self.asked: list[Sequence[str]] = []

    def __call__(self, folder: Path, _: str, arguments: Sequence[str]) -> int:
        self.asked.append(arguments)
        names = (f"tests/test_it.py::test_{number}@tests/test_it.py" for number in range(self.failed))
        record = folder / run_tests.FAILED
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(dict.fromkeys(names, True)))
        (folder / run_tests.RESULTS).write_text(self.content)
        return self.left.pop(0)


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, failed: int, *codes: int, xml: str = XML, tier: str = "house"
) -> tuple[int, Runs]:
    """Run one tier with pytest's exit codes as given; return the exit code and what pytest was asked."""
    runs = Runs(failed, codes, xml)
    monkeypatch.setattr(leftovers, "runs_folder", lambda: folder)
    monkeypatch.setattr(run_tests, "pytest", runs)
    return run_tests.main([tier]), runs


@pytest.fixture(autouse=True)
def workstation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(run_tests, "are_compiled", lambda: True)


def test_what_passes_runs_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, runs = run(monkeypatch, tmp_path, 0, 0, 0)
    assert (code, len(runs.asked)) == (0, 1)


def test_a_fresh_clone_is_compiled_before_all_workers_do_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run_tests, "are_compiled", lambda: False)
    code, runs = run(monkeypatch, tmp_path, 0, 0, 0)
    assert (code, len(runs.asked)) == (0, 2)
    assert "--collect-only" in runs.asked[0]
    assert "-n" not in runs.asked[0]


def test_what_fails_twice_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, runs = run(monkeypatch, tmp_path, 1, 1, 1)
    assert (code, len(runs.asked)) == (1, 2)
    # Alone: by its own name, and without workers.
    assert runs.asked[1][-1] == "tests/test_it.py::test_0"
    assert "-n" not in runs.asked[1]


def test_what_passes_alone_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, runs = run(monkeypatch, tmp_path, 1, 1, 0)
    assert (code, len(runs.asked)) == (0, 2)
    assert "NOT RELIABLE" in capsys.readouterr().out


def test_many_at_once_are_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, runs = run(monkeypatch, tmp_path, run_tests.MOST + 1, 1, 0)
    assert (code, len(runs.asked)) == (1, 1)


def test_a_run_that_broke_off_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, runs = run(monkeypatch, tmp_path, 1, 2, 0)
    assert (code, len(runs.asked)) == (2, 1)


def test_an_unknown_tier_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, runs = run(monkeypatch, tmp_path, 0, 0, tier="clients")
    assert (code, runs.asked) == (4, [])
    assert "'clients' is no tier; there are: fast, aws, caches, client," in capsys.readouterr().out


def test_a_tier_is_a_folder_or_what_needs_nothing() -> None:
    assert run_tests.selection(None) == []
    assert run_tests.selection("client") == ["tests/client"]
    assert run_tests.selection("fast") == ["-m", "not (engine or machines or servers)"]
    folders = {path.parent.name for path in (run_tests.TESTS).glob("*/test_*.py")}
    assert set(run_tests.tiers()) == {"fast", *folders}


@pytest.mark.parametrize("tier", [None, "fast"])
def test_the_linters_run_beside_all_and_beside_the_fast_tier(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tier: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(leftovers, "runs_folder", lambda: tmp_path)
    monkeypatch.setattr(run_tests, "pytest", Runs(0, (0,), XML))
    monkeypatch.setattr(run_tests, "lint", lambda _: (1, "a line is too long"))
    assert run_tests.main([] if tier is None else [tier]) == 1
    assert "a line is too long" in capsys.readouterr().out


def test_where_the_time_went(tmp_path: Path) -> None:
    (tmp_path / "results.xml").write_text(XML)
    found = run_tests.results(tmp_path / "results.xml")
    assert found[0] == Result("client/test_failover.py", "test_rides[one@two]", 2.5)
    lines = list(run_tests.summary(found, 3.2, 4))
    assert lines[0].startswith("3 tests in 3 s, 4 side by side")
    assert [line.split()[0] for line in lines[1:4]] == ["client", "house", "machines"]
    assert lines[5].split() == ["2.5", "s", "client/test_failover.py::test_rides[one@two]"]


@pytest.mark.parametrize(("ci", "expected"), [(False, 0), (True, 1)])
def test_a_tier_that_could_not_run_is_named_and_fails_on_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], ci: bool, expected: int
) -> None:
    if ci:
        monkeypatch.setenv("CI", "true")
    code, _ = run(monkeypatch, tmp_path, 0, 0)
    assert code == expected
    assert "NOT RUN, machines need root: machines (1 tests)" in capsys.readouterr().out


def test_the_reason_of_a_skip_is_the_one_that_is_looked_for() -> None:
    assert run_tests.NEEDS_ROOT in (run_tests.TESTS / "conftest.py").read_text()


def test_every_name_of_a_group_is_taken_off() -> None:
    record = {"tests/a/test_b.py::test_c[x@y]@tests/a/test_b.py": True, "tests/a/test_d.py::test_e": True}
    assert run_tests.failed_tests(record) == ["tests/a/test_b.py::test_c[x@y]", "tests/a/test_d.py::test_e"]


def test_tests_that_share_a_fixture_are_given_out_together(tmp_path: Path) -> None:
    """What xdist is told too late splits a file between workers: each then boots the file's machines for itself."""
    xml = tmp_path / "results.xml"
    chosen = ["tests/house/test_tree.py", "-k", "top_level", "-n1", "--dist", "loadgroup"]
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *chosen, f"--junitxml={xml}"]
    done = subprocess.run(argv, cwd=run_tests.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert 'name="test_top_level_holds_what_was_asked_for@tests/house/test_tree.py"' in xml.read_text()


def test_the_files_of_a_run_that_passed_are_removed_and_those_of_failed_tests_kept_for_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path, 0, 0)
    assert list(tmp_path.iterdir()) == []
    run(monkeypatch, tmp_path, 1, 1, 1)
    [kept] = tmp_path.iterdir()
    assert f"the files of the tests are in {kept}; the next run removes them" in capsys.readouterr().out
    run(monkeypatch, tmp_path, 0, 0)
    assert f"removed what an earlier run left in {kept}\n" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_two_runs_of_one_clone_share_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = run_tests.ROOT / ".pytest_cache"
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    chosen = ["tests/house/test_leftovers.py", "-k", "files_alone", "-q", f"--junitxml={folder / run_tests.RESULTS}"]
    assert run_tests.pytest(folder, "t", chosen) == 0
    [result] = run_tests.results(folder / run_tests.RESULTS)
    assert result.name == "test_files_alone_are_nothing_that_was_left"
    assert list((folder / "t").glob("test_files_alone*")) != []
    assert (folder / "cache" / "v" / "cache" / "nodeids").exists()
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


def test_an_interrupted_run_is_no_failed_one_and_names_what_it_cleared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(leftovers, "runs_folder", lambda: tmp_path)
    monkeypatch.setattr(run_tests, "pytest", interrupted)
    monkeypatch.setattr(leftovers, "end", lambda _: ["sleep", "sleep"])
    assert run_tests.main(["house"]) == run_tests.INTERRUPTED
    assert "cleared what the tests left:\n  processes: sleep x 2\n" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_that_passed_leaves_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(leftovers, "end", lambda _: ["sleep"])
    run(monkeypatch, tmp_path, 0, 0)
    assert "LEFT by the tests, to be mended; cleared:\n  processes: sleep x 1\n" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / f"redis-ha-{os.getuid()}").touch()
    argv = [sys.executable, "-m", "tools", "tools/run_tests.py", "house"]
    done = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert done.stderr.startswith("error: ")
