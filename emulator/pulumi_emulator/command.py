"""Running the engine's command line: an environment of its own, a session of its own, interrupted once."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import IO

from pulumi.automation import (
    CommandResult,
    LocalWorkspace,
    OutputMap,
    PulumiCommand,
    Stack,
    StackNotFoundError,
    UpdateSummary,
)
from pulumi.automation._stack import StackInitMode
from pulumi.automation.errors import create_command_error
from semver import VersionInfo
from typing_extensions import override

from pulumi_emulator.engine import Engine
from pulumi_emulator.stacks import StackFolder


class EngineCommand(PulumiCommand):
    """The Automation API's way to the engine, with the environment that we give and nothing of the caller's."""

    def __init__(self, engine: Engine, environment: Mapping[str, str]) -> None:
        # The base class's own start asks the engine for its version once more, in a process of 0.15 CPU seconds.
        self.command = str(engine.executable)
        self.version = VersionInfo.parse(engine.version)
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None
        self.interrupts = 0
        # Whether a command was ended by a signal: its state may then lack what it has just made.
        self.killed = False

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> CommandResult:
        """Run `pulumi ARGS`; raise the Automation API's error for a non-zero exit."""
        # Everything the engine needs is in the environment given at construction; the API only adds what we set ourselves.
        environment = {**additional_env, **self._environment}
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            # Not in the terminal's foreground group: Ctrl-C reaches this process, which passes it on once.
            start_new_session=True,
        )
        self._process = process
        output: list[str] = []
        errors: list[str] = []
        readers = [
            threading.Thread(target=_read, args=(process.stdout, on_output, output), daemon=True),
            threading.Thread(target=_read, args=(process.stderr, on_error, errors), daemon=True),
        ]
        for reader in readers:
            reader.start()
        code = process.wait()
        for reader in readers:
            reader.join()
        self._process = None
        self.killed = self.killed or code < 0
        result = CommandResult(stdout="\n".join(output), stderr="\n".join(errors), code=code)
        if code:
            raise create_command_error(result)
        return result

    def interrupt(self) -> None:
        """Ask the running engine to stop (first time: after the steps that are under way), kill it the second time."""
        self.interrupts += 1
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.kill(process.pid, signal.SIGINT if self.interrupts == 1 else signal.SIGKILL)


class OneStackWorkspace(LocalWorkspace):
    """The Automation API's workspace of one stack: every command names it, so that none has to be selected before."""

    def __init__(self, folder: StackFolder, command: EngineCommand) -> None:
        super().__init__(work_dir=str(folder.workspace), pulumi_command=command)
        self._folder = folder

    @override
    def select_stack(self, stack_name: str) -> None:
        """Look whether the stack is there, as the engine does at each command; StackNotFoundError when it is not."""
        if not self._folder.state_file.exists():
            raise StackNotFoundError(CommandResult(stdout="", stderr=f"no stack {stack_name!r}", code=1))


class OneStack(Stack):
    """The Automation API's stack. After each operation the API asks the engine for more, which nobody here reads.

    Outputs come with the engine's events (progress.py); asking for them and for the history takes 0.5 CPU seconds.
    """

    def __init__(self, name: str, workspace: OneStackWorkspace) -> None:
        super().__init__(name, workspace, StackInitMode.CREATE_OR_SELECT)

    @override
    def outputs(self) -> OutputMap:
        """Return none."""
        return {}

    @override
    def info(self, show_secrets: bool = True) -> UpdateSummary:
        """Return an entry of the history that says nothing."""
        del show_secrets
        return UpdateSummary("", datetime.now(UTC), "", {}, {}, "")


def _read(stream: IO[str] | None, callback: Callable[[str], object] | None, lines: list[str]) -> None:
    if stream is None:
        return
    for line in stream:
        text = line.rstrip()
        lines.append(text)
        if callback is not None:
            callback(text)
    stream.close()
