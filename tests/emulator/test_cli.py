"""What the command line says of errors that are nobody's fault in the program: one line, never a traceback."""

from __future__ import annotations

import errno
import fcntl
import os
import runpy
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from pulumi_emulator import files, runner
from pulumi_emulator.cli import Commands, main
from pulumi_emulator.errors import InterruptedCommandError, UnreadableError
from pulumi_emulator.stacks import StackFolder, only_command


def ended_by(error: BaseException) -> Result:
    """Run a command that ends with an error."""

    @click.command(name="up")
    def up() -> None:
        raise error

    class One(Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            del ctx, cmd_name
            return up

    return CliRunner().invoke(One(name="emulator"), ["up"])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/srv/state.json"),
            "error: /srv/state.json: No space left on device; make room there, or set PULUMI_EMULATOR_HOME to a folder",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/srv/home"),
            "/srv/home: Permission denied; run the command as its",
        ),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "error: Read-only file system; make room there"),
        (IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), "Pulumi.yaml"), "error: Pulumi.yaml: Is a directory\n"),
        (TimeoutError("nobody answers"), "error: nobody answers\n"),
        (RecursionError("maximum recursion depth exceeded"), "error: a stack file or a value is nested too deep"),
        (KeyboardInterrupt(), "error: interrupted\n"),
    ],
)
def test_it_is_one_line_with_the_file_and_what_to_do(error: BaseException, says: str) -> None:
    ended = ended_by(error)
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.exit_code == 1


@pytest.mark.parametrize(
    ("full", "says"),
    [
        ("home", "in {home}; make room there, or set PULUMI_EMULATOR_HOME to a folder on another disk"),
        ("tmp", "in {tmp}; make room there, or set TMPDIR to a folder on another disk"),
        (
            "home tmp",
            "in {home} and {tmp}; make room there, or set PULUMI_EMULATOR_HOME and TMPDIR to a folder on another disk",
        ),
        ("", "; {home} and {tmp} have room: make some where the output goes"),
    ],
)
def test_a_full_disk_is_named_though_errors_of_writing_name_no_file(
    full: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"home": tmp_path / "home", "tmp": tmp_path / "tmp"}
    monkeypatch.setenv("PULUMI_EMULATOR_HOME", str(places["home"]))
    monkeypatch.setenv("TMPDIR", str(places["tmp"]))
    for place in places.values():
        place.mkdir()
    monkeypatch.setattr(files, "has_room", lambda folder, _: folder.name not in full.split())
    ended = ended_by(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    between = " " if full else ""
    assert ended.stderr == f"error: No space left on device{between}{says.format(**places)}\n"


@pytest.mark.machines
def test_where_a_disk_is_full_is_found_out_by_writing(tmp_path: Path) -> None:
    """On a disk of its own, in a namespace of its own."""
    looks = "import sys; from pathlib import Path; from pulumi_emulator.files import without_room as look; "
    looks += "print(*[path.name for path in look(map(Path, sys.argv[1:]))])"
    script = 'mount -t tmpfs -o size=2m none "$1/full" && head -c 1900000 /dev/zero >"$1/full/file" && exec "${@:2}"'
    asked = [str(tmp_path / "full"), str(tmp_path / "full/not/yet"), str(tmp_path)]
    (tmp_path / "full").mkdir()
    argv = ["unshare", "--mount", "bash", "-c", script, "bash", str(tmp_path), sys.executable, "-c", looks, *asked]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["full", "yet"]


def test_who_no_longer_reads_is_no_error() -> None:
    ended = ended_by(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
    assert ended.stderr == ""


def test_what_is_no_error_of_the_system_is_told_whole() -> None:
    assert isinstance(ended_by(ZeroDivisionError()).exception, ZeroDivisionError)


def test_an_interrupt_while_modules_are_loaded_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loading(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "pulumi_emulator.cli", Loading("pulumi_emulator.cli"))
    with pytest.raises(SystemExit, match="error: interrupted"):
        runpy.run_module("pulumi_emulator", run_name="__main__")


def test_a_stack_is_held_also_where_the_disk_has_no_room_for_the_holders_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with only_command(StackFolder(tmp_path, "tested", "dev"), "destroy"):
        asked = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        held = str(tmp_path / "stacks/tested/.dev.lock")
        other = subprocess.run([sys.executable, "-c", asked, held], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in other.stderr


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda file: file.symlink_to(file), "cannot be read (Too many levels of symbolic links)"),
        (lambda file: file.symlink_to("a" * 300), "cannot be read (File name too long)"),
        (lambda file: file.symlink_to("gone"), "is gone"),
        (Path.mkdir, "is no text file"),
        (os.mkfifo, "is no text file"),
        (lambda file: file.symlink_to("/dev/null"), "is no text file"),
    ],
)
def test_a_passphrase_that_cannot_be_read_is_what_destroy_heals(
    make: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    folder = StackFolder(tmp_path, "tested", "dev")
    folder.create()
    folder.state_file.parent.mkdir(parents=True)
    folder.state_file.touch()
    make(folder.passphrase_file)
    with pytest.raises(UnreadableError) as caught:
        folder.passphrase()
    assert str(caught.value).startswith(f"{folder.passphrase_file}, the passphrase of stack 'dev', {says}; put it back as it")


def test_too_many_open_files_say_nothing_of_the_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StackFolder(tmp_path, "tested", "dev")
    folder.create()
    folder.passphrase()

    def too_many(*_: object) -> str:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Path, "read_text", too_many)
    with pytest.raises(OSError, match="Too many open files"):
        folder.passphrase()


def test_an_interrupted_destroy_removes_nothing_more_though_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise InterruptedCommandError("destroy was interrupted")

    monkeypatch.setattr(runner, "_destroy_by_engine", interrupted)
    monkeypatch.setattr(runner, "_has_room", lambda _: False)
    folder = StackFolder(tmp_path, "tested", "dev")
    folder.create()
    with pytest.raises(InterruptedCommandError):
        runner.destroy(folder, Console(), force=True)
    assert folder.exists()


def test_a_lock_goes_with_its_folder_and_holds_although_it_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StackFolder(tmp_path, "tested", "dev")
    file = tmp_path / "stacks/tested/.dev.lock"
    lock = fcntl.lockf
    destroyed: list[Path] = []

    def while_another_destroys(descriptor: int, how: int) -> None:
        if not destroyed:  # between the opening of the file and the lock
            destroyed.append(file)
            file.unlink()
            file.parent.rmdir()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "lockf", while_another_destroys)
    with only_command(folder, "up"):
        assert "`up`" in file.read_text()
        folder.create()
    assert file.exists()
    with only_command(folder, "destroy"):
        shutil.rmtree(folder.path)
    assert not file.parent.exists()


def destroying(home: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("PULUMI_EMULATOR_HOME", str(home))
    return CliRunner().invoke(main, ["destroy", "--stack", "dev", "--program", str(program)])


def test_destroy_removes_what_previews_kept_and_nothing_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: tested\nruntime: python\n")
    kept = StackFolder(tmp_path / "previews", "tested", "dev")
    for stack in ("dev", "other"):
        previewed = StackFolder(tmp_path / "previews", "tested", stack)
        with only_command(previewed, "preview"):
            previewed.create()
    with only_command(kept, "preview"):
        argv = [sys.executable, "-m", "pulumi_emulator", "destroy", "--stack", "dev", "--program", str(tmp_path)]
        environment = {**os.environ, "PULUMI_EMULATOR_HOME": str(tmp_path)}
        busy = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (busy.returncode, busy.stderr[:44]) == (1, "error: stack 'dev' is in use by `preview` (p")
    said = destroying(tmp_path, tmp_path, monkeypatch).stdout
    assert said == "there is no emulated stack 'dev': nothing to destroy; what its previews kept is removed\n"
    assert sorted(path.name for path in kept.path.parent.iterdir()) == [".other.lock", "other"]
    assert destroying(tmp_path, tmp_path, monkeypatch).stdout == "there is no emulated stack 'dev': nothing to destroy\n"


def test_destroy_says_what_keeps_it_from_finding_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for project in ("one", "two"):
        StackFolder(tmp_path, project, "dev").create()
    (tmp_path / "program").mkdir()
    ended = destroying(tmp_path, tmp_path / "program", monkeypatch)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "stack 'dev' exists in several projects (one, two)" in ended.stderr
    (tmp_path / "program/Pulumi.yaml").write_text("name: [\n")
    assert "is not YAML" in destroying(tmp_path, tmp_path / "program", monkeypatch).stderr
