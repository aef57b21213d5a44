"""What `redis-ha` says of errors that are nobody's fault in it: one line, and the exit code of "could not look"."""

import errno
import os
import runpy
import signal
import subprocess
import sys
import types

import click
import pytest

from redis_ha_ops import cli
from redis_ha_ops.errors import USER_ERROR
from tests.conftest import ROOT


def ended_by(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run a subcommand that ends with an error; return the exit code."""

    @click.command(name="status")
    def status() -> None:
        raise error

    monkeypatch.setattr(cli.Subcommands, "get_command", lambda *_: status)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["status"])
    return ended.value.code


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/report.json"),
            "redis-ha: /srv/report.json: No space left on device; make room there\n",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "a"),
            "redis-ha: a: Permission denied; run the command as its owner\n",
        ),
        (TimeoutError("nobody answers"), "redis-ha: nobody answers\n"),
        (RecursionError("maximum recursion depth exceeded"), "redis-ha: a file or an answer is nested too deep\n"),
        (KeyboardInterrupt(), "redis-ha: interrupted\n"),
    ],
)
def test_it_is_one_line_and_not_the_code_of_a_degraded_stack(
    error: BaseException, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_by(error, monkeypatch) == USER_ERROR
    assert capsys.readouterr().err == says


def test_who_no_longer_reads_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ended_by(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)), monkeypatch)
    assert capsys.readouterr().err == ""


def test_a_plan_that_is_nested_too_deep_is_one_line() -> None:
    argv = [sys.executable, "-m", "redis_ha_ops", "preview-report", "-"]
    done = subprocess.run(argv, input="[" * 100_000, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, len(done.stderr.splitlines())) == (USER_ERROR, 1), done.stderr


def test_an_interrupt_while_modules_are_loaded_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loading(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "redis_ha_ops.cli", Loading("redis_ha_ops.cli"))
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("redis_ha_ops", run_name="__main__")
    assert (ended.value.code, capsys.readouterr().err) == (USER_ERROR, "redis-ha: interrupted\n")


def test_the_installed_command_begins_there() -> None:
    assert 'redis-ha = "redis_ha_ops.__main__:start"' in (ROOT / "ops/pyproject.toml").read_text()
