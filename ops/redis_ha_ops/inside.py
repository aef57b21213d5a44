"""The way into an emulated stack's network: this command runs itself again in there, and stays outside as a guard.

Emulated nodes have private addresses that only their VPC reaches, as in a cloud. The second process has only that network.
What belongs outside (the stack's outputs, a drill's fault) it asks of the first one through a Unix socket, in a folder that
this user alone can open; no secret is in an argument or an environment variable. Whatever becomes of the second process, the
first mends every machine that was broken.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from .emulator import emulator_command
from .errors import OpsError
from .faults import Fault

ANSWER_SECONDS = 120  # a fault's own limit and a reserve
KNOWN_CODES = (0, 1, 2)  # what redis-ha itself ends with
ENDED_FROM_OUTSIDE = 1
# What of the user's environment the second process needs, however scrubbed the one is in which the emulator starts it.
HANDED_ON = ("TERM", "COLORTERM", "COLUMNS", "NO_COLOR", "LANG", "LC_ALL", "HOME", "SSH_AUTH_SOCK", "PATH")
_CREDENTIALS = struct.Struct("3i")  # unix(7), struct ucred: pid, uid, gid


class Outside:
    """The second process's line to the first one."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise OpsError("--inside is used by redis-ha itself; leave it out") from None
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._lock = threading.Lock()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer; an error of the other side is raised here."""
        with self._lock:
            try:
                self._socket.sendall(json.dumps(request).encode() + b"\n")
                line = self._lines.readline()
            except OSError:
                line = ""
        if not line:
            raise OpsError("the redis-ha process outside the stack's network has gone")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise OpsError(answer["error"])
        return answer

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


class FaultOutside:
    """A fault that the first process makes and mends."""

    def __init__(self, outside: Outside, fault: Fault) -> None:
        self.outside = outside
        self.fault = fault
        self.kind = fault.kind
        self.description = fault.description

    def cut(self, machine: str) -> None:
        """Break it."""
        self.outside.ask(want="cut", kind=self.kind.name, machine=machine)

    def restore(self, machine: str) -> None:
        """Mend it."""
        self.outside.ask(want="restore", kind=self.kind.name, machine=machine)

    def restore_command(self, machine: str) -> str:
        """Return what a person types to mend it."""
        return self.fault.restore_command(machine)


def run_inside(
    arguments: Sequence[str],
    *,
    stack: str,
    program: Path,
    on: str,
    outputs: Mapping[str, Any],
    faults: Sequence[Fault] = (),
    machines: Sequence[str] = (),
) -> int:
    """Run `redis-ha ARGUMENTS` in the namespace `on` (client, public), serve it, and return its exit code.

    faults, machines: what it may do, and where. Afterwards none of them is broken, or the remedy has been said.
    """
    with tempfile.TemporaryDirectory(prefix="redis-ha-") as folder:  # made with mode 0700
        path = str(Path(folder) / "line")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            server = _Server(listener, faults, outputs, machines)
            server.start()
            command = emulator_command("exec", stack, program, "--on", on, "--", *again(path, arguments))
            # A session of its own: Ctrl-C reaches this process, which hands it on once and then waits.
            process = subprocess.Popen(command, start_new_session=True)
            with _handed_on(server, process):
                code = process.wait()
                server.finish()
            if code and server.peer is None:
                raise OpsError(f"stack {stack}: its network cannot be entered; `python -m pulumi_emulator status` tells more")
            for fault in faults:
                mend_all(fault)
    if code not in KNOWN_CODES:
        click.echo(f"redis-ha: the process inside the stack's network was ended from outside (exit code {code})", err=True)
        return ENDED_FROM_OUTSIDE
    return code


def again(path: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line of the second process."""
    return [sys.executable, "-P", "-m", "redis_ha_ops", "--inside", path, *arguments]


def mend_all(fault: Fault) -> None:
    """Mend whoever is still broken; if that fails, say the exact command."""
    for machine in list(fault.broken):
        try:
            fault.restore(machine)
            if fault.kind.mended:
                click.echo(f"redis-ha: {machine}: {fault.kind.mended}", err=True)
        except OpsError as error:
            left = fault.kind.left.format(machine)
            click.echo(f"redis-ha: {error}\n  {left}\n  {fault.restore_command(machine)}", err=True)


class _Server(threading.Thread):
    """Answers the second process, one request after the other."""

    def __init__(
        self, listener: socket.socket, faults: Sequence[Fault], outputs: Mapping[str, Any], machines: Sequence[str]
    ) -> None:
        super().__init__(daemon=True)
        self.listener = listener
        self.faults = {fault.kind.name: fault for fault in faults}
        self.outputs = outputs
        self.machines = machines
        self.peer: int | None = None

    def run(self) -> None:
        """Take the one connection and answer until it ends."""
        with contextlib.suppress(OSError):
            line, _ = self.listener.accept()
            with line, line.makefile("r", encoding="utf-8") as requests:
                self.peer = _CREDENTIALS.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[0]
                for request in requests:
                    line.sendall(json.dumps(self.answer(json.loads(request))).encode() + b"\n")

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a request asks for."""
        want, machine = request.get("want"), request.get("machine")
        if want == "outputs":
            environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
            return {"outputs": dict(self.outputs), "directory": str(Path.cwd()), "environment": environment}
        fault = self.faults.get(str(request.get("kind")))
        if fault is None or want not in ("cut", "restore") or machine not in self.machines:
            return {"error": f"refused: {want} {machine}"}
        try:
            (fault.cut if want == "cut" else fault.restore)(str(machine))
        except OpsError as error:
            return {"error": str(error)}
        return {}

    def finish(self) -> None:
        """Wait until the second process has let go of the line, however its parent ended."""
        if self.peer is None:
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
        self.join()


@contextlib.contextmanager
def _handed_on(server: _Server, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """While the block runs, hand SIGINT and SIGTERM on to the second process."""

    def hand_on(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.peer or process.pid, number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
