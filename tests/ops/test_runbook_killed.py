"""A runbook's process that is killed by SIGKILL in the middle of a step, and gone on with by another one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook import history, running
from redis_ha_ops.runbook.desk import Desk, Run, unfinished
from redis_ha_ops.runbook.plan import Runbook, Step
from redis_ha_ops.runbook.records import FileRecords
from tests.support.waiting import wait_until

PROCESS = """\
import sys, time
from pathlib import Path
from redis_ha_ops.runbook import running
from tests.ops.test_runbook_killed import book_of, desk_of
folder = Path(sys.argv[1])
running.start(book_of(folder, lambda: time.sleep(600)), desk_of(folder))
"""


def desk_of(folder: Path) -> Desk:
    return Desk(FileRecords(folder / "records"), folder, lambda _: None, operator="ann@one")


def book_of(folder: Path, hang: object) -> Runbook:
    """Two steps that append to a file; the first one hangs after it."""

    def step(name: str, after: object) -> Step:
        def act(_: Run) -> None:
            with (folder / "done").open("a") as file:
                file.write(f"{name}\n")
            if callable(after):
                after()

        def done(_: Run) -> bool:
            path = folder / "done"
            return path.exists() and name in path.read_text().splitlines()

        return Step(name, name, act, "a file", "nothing", done)

    return Runbook("write", "Write", "shop", steps=[step("one", hang), step("two", None)])


def test_sigkill(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path)], cwd=root)
    try:
        wait_until(lambda: (tmp_path / "done").exists() and (tmp_path / "done").read_text() == "one\n", "the first step")
        with pytest.raises(OpsError, match="another run is alive"):
            running.resume(book_of(tmp_path, None), desk_of(tmp_path))
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    left = unfinished(desk_of(tmp_path).records)
    assert left is not None
    assert left.state("one") == "begun"
    assert running.resume(book_of(tmp_path, None), desk_of(tmp_path)).outcome == "done"
    assert (tmp_path / "done").read_text() == "one\ntwo\n"
    assert [line["outcome"] for line in history.read(tmp_path)] == ["done"]
    assert desk_of(tmp_path).records.read("lease") is None
