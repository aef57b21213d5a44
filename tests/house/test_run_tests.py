"""What `make test` says of tests that fail: twice is a failure, once is named, and many at once are not tried again."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import run_tests


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failed: int, *codes: int) -> tuple[int, int]:
    """Run with pytest's exit codes as given; return the exit code and how often pytest ran."""
    left = list(codes)
    record = tmp_path / "lastfailed"

    def pretend(*_: object, **__: object) -> SimpleNamespace:
        record.write_text(json.dumps({f"tests/test_it.py::test_{number}": True for number in range(failed)}))
        return SimpleNamespace(returncode=left.pop(0))

    monkeypatch.setattr(run_tests, "FAILED", record)
    monkeypatch.setattr(subprocess, "run", pretend)
    return run_tests.main([]), len(codes) - len(left)


def test_what_passes_runs_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, 0, 0, 0) == (0, 1)


def test_what_fails_twice_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, 1, 1, 1) == (1, 2)


def test_what_passes_alone_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, 1, 1, 0) == (0, 2)
    assert "NOT RELIABLE" in capsys.readouterr().out


def test_many_at_once_are_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, run_tests.MOST + 1, 1, 0) == (1, 1)


def test_a_run_that_broke_off_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, 1, 2, 0) == (2, 1)
