"""Walking control groups that somebody else takes away meanwhile."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from pulumi_emulator.machines import boot

ROUNDS = 400


def test_a_group_that_vanishes_while_it_is_walked_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Found by a destroy that failed because the kernel's release agent was quicker (Path.rglob of Python 3.11 raises then).
    group = tmp_path / "pe-test-m1"
    monkeypatch.setattr(boot, "control_groups", lambda _: [group])
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            for branch in "abcdefgh":
                (group / branch / "payload" / "system.slice" / "one.service").mkdir(parents=True, exist_ok=True)
            for branch in "abcdefgh":
                shutil.rmtree(group / branch, ignore_errors=True)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(ROUNDS):
            assert boot.group_processes("pe-test-m1") == []
            for folder in boot._folders(group):
                assert folder.is_relative_to(group)
    finally:
        done.set()
        other.join()


def test_an_empty_group_is_removed_with_all_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "pe-test-m2"
    (group / "payload" / "init.scope").mkdir(parents=True)
    (group / "supervisor").mkdir()
    monkeypatch.setattr(boot, "control_groups", lambda _: [group])
    boot.remove_control_groups("pe-test-m2")
    assert not group.exists()
