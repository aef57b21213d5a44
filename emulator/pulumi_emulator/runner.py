"""What the commands do with a stack: bring it up, preview, refresh, destroy, with the real engine and our providers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pulumi import automation as auto
from pulumi.automation.errors import CommandError
from rich.console import Console

from pulumi_emulator import aws, recovery, state
from pulumi_emulator.command import EngineCommand, OneStack, OneStackWorkspace
from pulumi_emulator.digest import SECRET_SHOWN, Digest
from pulumi_emulator.engine import find_engine
from pulumi_emulator.environment import engine_environment, scrub_this_process
from pulumi_emulator.errors import EmulatorError, InterruptedCommandError, UnreadableError
from pulumi_emulator.files import has_room
from pulumi_emulator.handlers import Cloud
from pulumi_emulator.handlers.aws import AWS_HANDLERS
from pulumi_emulator.handlers.tokens import DROPLET, VPC
from pulumi_emulator.inline import InlineProgram
from pulumi_emulator.machines import Host
from pulumi_emulator.progress import Progress
from pulumi_emulator.project import Program, read_program, write_bare_workspace, write_workspace
from pulumi_emulator.provider import Providers
from pulumi_emulator.stacks import INCORRECT_PASSPHRASE, StackFolder, only_command

# Real cache engines run behind this type: their software is built once, with root.
REPLICATION_GROUP: Final = "aws:elasticache/replicationGroup:ReplicationGroup"
# Machines are made by these types; only they need root, images and a host.
NEEDS_HOST: Final = frozenset({DROPLET, VPC})

# Types whose service refuses a removal unless it is told otherwise before.
PROTECTED: Final = {handler.token: handler for handler in AWS_HANDLERS if handler.deletion_protection is not None}


class Session:
    """One command's work on one stack: the lock is held, providers are served, the engine is ready."""

    def __init__(self, folder: StackFolder, program: Program | None, console: Console, home: Path) -> None:
        self.folder = folder
        self.program = program
        self.console = console
        self.home = home
        self.cloud = Cloud.of_stack(folder.path, home, self.report)
        self.providers = Providers(self.cloud)
        self.inline = InlineProgram(program) if program else None
        self.command: EngineCommand | None = None
        self._stack: auto.Stack | None = None

    def report(self, text: str) -> None:
        """Show a line of progress."""
        self.console.print(f"  {text}", highlight=False, markup=False)

    @property
    def stack(self) -> auto.Stack:
        """The Automation API's stack."""
        if self._stack is None:
            raise AssertionError("the session is not open")
        return self._stack

    def open(self) -> None:
        """Make the workspace and the stack in our own backend, and put right what an earlier command left."""
        engine = find_engine(self.home)
        ended = recovery.end_leftover_engines(self.folder)
        stale = recovery.remove_backend_locks(self.folder)
        cut_off = state.restore_cut_off(self.folder)
        if ended or stale or cut_off:
            self.report("an earlier command of this stack was ended from outside; putting the stack right")
        if self.program is not None:
            write_workspace(self.program, self.folder)
        elif not (self.folder.workspace / "Pulumi.yaml").exists():
            # The command that made the folder died before it wrote the copies.
            write_bare_workspace(self.folder)
        self.command = EngineCommand(engine, engine_environment(self.folder, self.providers.debug_providers, holds_lock=True))
        workspace = OneStackWorkspace(self.folder, self.command)
        workspace.program = self.inline or _no_program
        try:
            self._stack = OneStack(self.folder.stack, workspace)
            recovery.recover(self.folder, self._stack, self.cloud, self.report)
        except CommandError as error:
            raise self.failed("opening the stack", error) from None

    def run(self, what: str, progress: Progress, operation: Callable[[], Any]) -> Any:
        """Run one engine operation; raise EmulatorError with what went wrong, in the program's or the provider's words."""
        self.stop_if_interrupted(what)
        try:
            return operation()
        except CommandError as error:
            self.stop_if_interrupted(what)
            if self.inline is not None and self.inline.error is not None:
                raise EmulatorError(self.inline.error) from None
            raise self.failed(what, error, progress.errors) from None
        finally:
            # An engine that ended by itself has noted in its state whatever was made; what it has not is of failed creates.
            if self.command is not None and not self.command.killed:
                with contextlib.suppress(EmulatorError):
                    recovery.remove_forgotten(self.folder, self.cloud)

    def failed(self, what: str, error: CommandError, told: Sequence[str] = ()) -> EmulatorError:
        """Return what is said when the engine failed; told: what it said in its events."""
        if INCORRECT_PASSPHRASE.search(str(error)):
            return self.folder.no_passphrase("is not the one it was made with")
        return EmulatorError("\n".join(told) or f"{what} failed: {_last_words(str(error))}")

    def unprotect(self) -> None:
        """Take the engine's protection off everything."""
        if self.command is not None:
            arguments = ["state", "unprotect", "--all", "--yes", "--stack", self.folder.stack]
            self.command.run(arguments, str(self.folder.workspace), {})

    def stop_if_interrupted(self, what: str) -> None:
        """Go no further after Ctrl-C, whether or not the engine was running when it came."""
        if self.command is not None and self.command.interrupts:
            raise InterruptedCommandError(f"{what} was interrupted; {NEXT_AFTER_INTERRUPT}") from None

    def check_fingerprint(self, progress: Progress) -> None:
        """Refuse to go on when a package of the program was not answered by our provider."""
        for package in sorted(progress.packages):
            provider = self.providers.by_package.get(package)
            if provider is None or not provider.attached.is_set():
                raise EmulatorError(f"package {package!r} was not answered by the emulator; nothing is touched")

    def prepare(self) -> None:
        """Start the emulated AWS, check the computer and make the images, before the first resource is touched."""
        types = self.providers.seen(lambda provider: provider.seen_types)
        if REPLICATION_GROUP in types:
            aws.ensure_software(self.home, self.report)
        if any(token.startswith("aws:") for token in types):
            self.cloud.aws_endpoint()
        if types & NEEDS_HOST:
            host = self.cloud.ready_host()
            for image in sorted(self.providers.seen(lambda provider: provider.seen_images)):
                host.ensure_image(image, self.report)

    def lost(self) -> list[str]:
        """Return the names of machines, and of the AWS account, that should be there and are gone."""
        lost = []
        if any(self.cloud.world.all(handler.token) for handler in AWS_HANDLERS) and not self.cloud.aws_running():
            lost.append("the emulated AWS with everything in it")
        droplets = self.cloud.world.all(DROPLET)
        for droplet_id, record in droplets.items():
            machine = self.cloud.host.machine(droplet_id)
            if machine is None or machine.power == "lost":
                lost.append(str(record["name"]))
        return lost


NEXT_AFTER_INTERRUPT: Final = "the next `up` goes on from there, `destroy` removes everything"


def _no_program() -> None:
    raise AssertionError("this command runs no program")


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(("code:", "stdout:"))]
    return lines[-1].removeprefix("stderr: ").removeprefix("error: ") if lines else "no reason given"


@contextlib.contextmanager
def session(
    folder: StackFolder, program: Program | None, command: str, console: Console, home: Path | None = None
) -> Iterator[Session]:
    """Open a session: lock, providers, engine; interrupts are passed to the engine once."""
    scrub_this_process()
    with only_command(folder, command):
        folder.create()
        work = Session(folder, program, console, home or folder.home)
        with work.providers, _interruptible(work):
            work.open()
            yield work


@contextlib.contextmanager
def _interruptible(work: Session) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to the engine, which finishes the steps under way; a second one ends it at once."""

    def stop(number: int, frame: object) -> None:
        del frame
        if work.command is None:
            raise InterruptedCommandError(f"interrupted by {signal.Signals(number).name}; nothing was changed")
        work.command.interrupt()
        again = "; once more ends it at once" if work.command.interrupts == 1 else ""
        os.write(sys.stderr.fileno(), f"\nstopping after the steps that are under way{again}\n".encode())

    old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        work.stop_if_interrupted("the command")
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def up(home: Path, stack: str, program_folder: Path, console: Console) -> dict[str, Any]:
    """Bring a stack up; return its outputs that are not secret."""
    started = time.monotonic()
    program = read_program(program_folder, stack)
    folder = StackFolder(home, program.project, stack)
    with session(folder, program, "up", console) as work:
        lost = work.lost()
        if lost:
            gone = f"[yellow]gone:[/yellow] {', '.join(lost)} (killed, or this computer was restarted)"
            console.print(f"{gone}; refreshing, so that they are made again")
            _refresh(work)
        console.print(f"checking {program.project} for stack [bold]{stack}[/bold]")
        check = Progress(console, planned=True, quiet=True)
        work.run("up", check, lambda: work.stack.preview(on_event=check.on_event))
        work.check_fingerprint(check)
        work.prepare()
        progress = Progress(console)
        work.run("up", progress, lambda: work.stack.up(on_event=progress.on_event, show_secrets=False, suppress_outputs=True))
        work.check_fingerprint(progress)
        console.print(f"[bold]{_summary(progress)}[/bold] in {time.monotonic() - started:.1f} s", highlight=False)
        return {name: value for name, value in progress.outputs.items() if value != SECRET_SHOWN}


def preview(
    home: Path,
    stack: str,
    program_folder: Path,
    console: Console,
    *,
    diff: bool,
    expect_no_changes: bool,
    digest: Digest | None = None,
) -> None:
    """Show what `up` would do. A stack that does not exist yet is previewed in a folder of its own.

    digest: collects the plan as data; then nothing of it is shown.
    """
    program = read_program(program_folder, stack)
    folder = StackFolder(home, program.project, stack)
    there = folder.exists()
    if not there:
        folder = _previewed(folder)

    def look() -> None:
        with session(folder, program, "preview", console, home) as work:
            _preview(work, diff=diff, expect_no_changes=expect_no_changes, digest=digest)

    try:
        look()
    except UnreadableError:
        if there:
            raise
        shutil.rmtree(folder.path)  # nothing is lost with a stack without resources
        look()


def _previewed(folder: StackFolder) -> StackFolder:
    """Return where a stack is previewed that does not exist yet: a stack without resources, kept from preview to preview.

    Making one anew takes the engine a third of a CPU second. `destroy` removes it.
    """
    return StackFolder(folder.home / "previews", folder.project, folder.stack)


def remove_preview(home: Path, project: str | None, stack: str) -> bool:
    """Remove what previews have kept of a stack that did not exist; tell whether there was something."""
    previewed = _previewed(StackFolder(home, project, stack)) if project else None
    if previewed is None or not previewed.exists():
        return False
    with only_command(previewed, "destroy"):
        shutil.rmtree(previewed.path)
    return True


def _preview(work: Session, *, diff: bool, expect_no_changes: bool, digest: Digest | None) -> None:
    console = work.console
    quiet = diff or digest is not None
    progress = Progress(console, planned=True, quiet=quiet, counting=not quiet)

    def on_event(event: auto.EngineEvent) -> None:
        progress.on_event(event)
        if digest is not None:
            digest.on_event(event)

    on_output = (lambda line: console.print(line, highlight=False, markup=False)) if diff else None
    work.run(
        "preview",
        progress,
        lambda: work.stack.preview(on_event=on_event, diff=diff, color="never", on_output=on_output),
    )
    work.check_fingerprint(progress)
    if digest is None:
        console.print(f"[bold]{_summary(progress, planned=True)}[/bold]", highlight=False)
    changed = {name: count for name, count in progress.changes.items() if name != "same"}
    if expect_no_changes and changed:
        raise EmulatorError(f"changes were proposed although none were expected: {_counts(changed)}")


def refresh(home: Path, stack: str, program_folder: Path, console: Console) -> None:
    """Compare the state with the emulated cloud and take over what is different."""
    program = read_program(program_folder, stack)
    folder = StackFolder(home, program.project, stack)
    if not folder.exists():
        raise EmulatorError(f"there is no emulated stack {stack!r}; bring it up with `up --stack {stack}`")
    with session(folder, program, "refresh", console) as work:
        console.print(f"[bold]{_summary(_refresh(work))}[/bold]", highlight=False)


def _refresh(work: Session) -> Progress:
    progress = Progress(work.console)
    work.run("refresh", progress, lambda: work.stack.refresh(on_event=progress.on_event, show_secrets=False))
    recovery.clear_lost(work.folder, work.cloud)
    return progress


def destroy(folder: StackFolder, console: Console, *, force: bool) -> None:
    """Destroy a stack with everything that it has on this computer.

    force: also what Pulumi or AWS protects. EmulatorError without it, before anything is deleted: a real destroy stops there.
    """
    if not folder.exists():
        console.print(f"there is no emulated stack {folder.stack!r} of {folder.project}: nothing to destroy", highlight=False)
        return
    try:
        _destroy_by_engine(folder, console, force=force)
    except UnreadableError as error:
        _remove_as_it_is(folder, console, str(error).split(";")[0], force=force)
    except InterruptedCommandError:
        raise
    except (EmulatorError, OSError):
        if _has_room(folder):
            raise
        _remove_as_it_is(folder, console, "the stack's disk has no room for the engine's state", force=force)


def _remove_as_it_is(folder: StackFolder, console: Console, why: str, *, force: bool) -> None:
    """Remove a stack without the engine. Nothing but its own folder knew of it."""
    with only_command(folder, "destroy"):
        with contextlib.suppress(UnreadableError):
            _refuse_protected(folder, force=force)
        console.print(f"{why}: everything of the stack is removed as it is, without the engine", highlight=False, markup=False)
        recovery.end_leftover_engines(folder)
        _remove(folder)
    console.print(f"[bold]stack {folder.stack} is gone[/bold]", highlight=False)


def _has_room(folder: StackFolder) -> bool:
    """Tell whether the engine could write what it does at an end: the last state's copy, the new one, both as history."""
    state_size = folder.state_file.stat().st_size if folder.state_file.exists() else 0
    return has_room(folder.path, 4 * state_size + 1024**2)


def _destroy_by_engine(folder: StackFolder, console: Console, *, force: bool) -> None:
    started = time.monotonic()
    with session(folder, None, "destroy", console) as work:
        progress = Progress(console)
        by_pulumi, by_aws = _refuse_protected(folder, force=force)
        if by_pulumi:
            work.run("destroy", progress, work.unprotect)
        for resource in by_aws:
            PROTECTED[resource["type"]].unprotect(work.cloud, resource["id"], resource.get("outputs") or {})
        work.run("destroy", progress, lambda: work.stack.destroy(on_event=progress.on_event, show_secrets=False))
        _remove(folder)
        console.print(f"[bold]{_summary(progress)}[/bold] in {time.monotonic() - started:.1f} s", highlight=False)


def _refuse_protected(folder: StackFolder, *, force: bool) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return what the engine refuses to delete, and what the service does; EmulatorError when there is some, without force."""
    resources = list(state.resources(folder))
    by_aws = [
        one for one in resources if one["type"] in PROTECTED and PROTECTED[one["type"]].is_protected(one.get("outputs") or {})
    ]
    by_pulumi = [one for one in resources if one.get("protect")]
    if (by_pulumi or by_aws) and not force:
        raise EmulatorError(_refusal(folder.stack, by_pulumi, by_aws))
    return by_pulumi, by_aws


def _refusal(stack: str, by_pulumi: list[Mapping[str, Any]], by_aws: list[Mapping[str, Any]]) -> str:
    whose = {"Pulumi": by_pulumi, "AWS (deletion protection)": by_aws}
    listed = "; ".join(
        f"by {who}: {', '.join(one['urn'].rsplit('::', 1)[1] for one in resources)}"
        for who, resources in whose.items()
        if resources
    )
    way = "lift the protection in the program and run `up`, as on a real cloud, or say --force, which only the emulator has"
    return f"stack {stack!r} is protected, and nothing is deleted: {listed}; {way}"


def _remove(folder: StackFolder) -> None:
    """Take away the emulated AWS, the machines' host and the stack's folder; EmulatorError when something of it stays."""
    if (folder.path / "aws").exists():
        aws.stop_endpoint(folder.path)
        left = aws.leftovers(folder.path)
        if left:
            raise EmulatorError(f"something of stack {folder.stack!r} is still here: {', '.join(left)}; run `destroy` again")
    host_folder = folder.path / "host"
    if host_folder.exists():
        host = Host(host_folder, folder.home)
        if os.geteuid() != 0:
            raise EmulatorError(f"stack {folder.stack!r} has machines: only root can remove them; run the command with sudo")
        host.destroy_all()
        left = host.leftovers()
        if left:
            raise EmulatorError(f"something of stack {folder.stack!r} is still here: {', '.join(left)}; run `destroy` again")
    with contextlib.suppress(EmulatorError, OSError):  # one that began before the stack was there is still under way
        remove_preview(folder.home, folder.project, folder.stack)
    shutil.rmtree(folder.path)


def _counts(changes: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(changes.items()))


def _summary(progress: Progress, *, planned: bool = False) -> str:
    changed = {name: count for name, count in progress.changes.items() if name != "same"}
    same = progress.changes.get("same", 0)
    if not changed:
        return f"no changes ({same} resources)"
    return ("would be: " if planned else "") + _counts(changed) + (f", {same} unchanged" if same else "")
