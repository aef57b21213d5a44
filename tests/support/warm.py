"""Commands of the emulator in processes that begin warm: a parent has imported everything and forks a child for each command.

A command takes 1 to 2 CPU seconds to import SDKs that are the same every time. The child is the command line's own `main` with
the caller's arguments, environment, folder and streams. A test of the process itself (its environment, its signals, its end)
starts it cold: `Emulated.run(..., cold=True)`, `Emulated.start`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
# Id and socket of the parent that the workers of a run share: loading everything takes as long as ten commands.
SHARED = "REDIS_HA_WARM_PARENT"


class WarmParent:
    """The parent process, as a test process sees it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._path = ""

    def share(self) -> None:
        """Start, for the processes that this one starts."""
        self._start()
        os.environ[SHARED] = f"{self.pid} {self._path}"

    @property
    def pid(self) -> int:
        """The parent's process id. Raises RuntimeError before the first command."""
        if SHARED in os.environ:
            return int(os.environ[SHARED].split(maxsplit=1)[0])
        if self._process is None:
            raise RuntimeError("no command was run yet")
        return self._process.pid

    def _start(self) -> None:
        with self._lock:
            if SHARED in os.environ:
                self._path = os.environ[SHARED].split(maxsplit=1)[1]
                return
            if self._process is not None and self._process.poll() is None:
                return
            # Private: a socket without a file could be used by every user of this computer.
            folder = tempfile.mkdtemp(prefix="redis-ha-warm-")
            atexit.register(shutil.rmtree, folder)
            self._path = str(Path(folder) / "commands")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(self._path)
                listener.listen(16)
                # It ends with its standard input, however this process ends. Not at Ctrl-C: fixtures destroy stacks then.
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.support.warm", str(listener.fileno())],
                    cwd=ROOT,
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            atexit.register(self._end)

    def _end(self) -> None:
        """Let the parent end in order, when this process does: it ends with its standard input."""
        if self._process is not None:
            self._process.communicate()

    def run(
        self, argv: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m pulumi_emulator ARGV`; as subprocess.run does, with captured text."""
        self._start()
        with (
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            socket.socket(socket.AF_UNIX) as line,
        ):
            line.settimeout(START_SECONDS)
            line.connect(self._path)
            request = json.dumps({"argv": list(argv), "environment": dict(environment), "folder": str(folder or Path.cwd())})
            socket.send_fds(line, [b"!"], [out.fileno(), err.fileno()])
            with line.makefile("rw", encoding="utf-8") as text:
                text.write(request + "\n")
                text.flush()
                pid = int(text.readline())
                line.settimeout(timeout)
                try:
                    code = int(text.readline())
                except BaseException as error:
                    # As subprocess.run does, also at Ctrl-C: nothing of the command goes on when this returns.
                    os.kill(pid, signal.SIGKILL)
                    line.settimeout(START_SECONDS)
                    line.recv(16)
                    if isinstance(error, TimeoutError):
                        raise subprocess.TimeoutExpired(list(argv), timeout) from None
                    raise
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(list(argv), code, out.read(), err.read())


WARM = WarmParent()


def serve(listener: socket.socket) -> NoReturn:
    """Fork a child for each connection until standard input ends."""
    children: dict[int, socket.socket] = {}
    loaded = False
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([listener, woken, sys.stdin], [], [])
        if sys.stdin in ready and not os.read(0, 1):
            for pid in children:
                os.kill(pid, signal.SIGTERM)
            os._exit(0)
        if woken in ready:
            woken.recv(4096)
            _reap(children)
        if listener in ready:
            line, _ = listener.accept()
            _, streams, _, _ = socket.recv_fds(line, 1, 2)
            request = json.loads(_line_of(line))
            if not loaded:
                load()
                loaded = True
            pid = os.fork()
            if pid == 0:
                listener.close()
                _become(request, streams)
            for stream in streams:
                os.close(stream)
            line.sendall(f"{pid}\n".encode())
            children[pid] = line


def _line_of(line: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        found += line.recv(65536)
    return found


def _reap(children: dict[int, socket.socket]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with children.pop(pid) as line, contextlib.suppress(BrokenPipeError):
                line.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the command: its streams, environment, folder and arguments; end as it ends."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        for number, stream in enumerate((null, *streams)):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        tempfile.tempdir = None
        time.tzset()
        sys.argv = ["pulumi_emulator", *request["argv"]]
        from pulumi_emulator.cli import main

        main(args=request["argv"], prog_name="python -m pulumi_emulator")
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code + "\n")
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def load() -> None:
    """Import what commands and the programs of tests import, except the programs' own modules."""
    # Python put this repository's folder there; a program finds its own modules only.
    sys.path.remove(str(ROOT))
    warnings.simplefilter("ignore")
    import pulumi_emulator.commands
    from pulumi_emulator import aws
    from pulumi_emulator.aws.access import new_key

    for module in pkgutil.iter_modules(pulumi_emulator.commands.__path__):
        importlib.import_module(f"pulumi_emulator.commands.{module.name}")
    for name in ("botocore.session", "jsonschema", "pulumi_aws", "pulumi_digitalocean", "pulumi_random", "pulumi_tls"):
        importlib.import_module(name)
    for room in ("elasticache", "failover", "network", "sentinel", "traffic"):
        package = importlib.import_module(f"redis_ha.{room}")
        for name in package.__all__:
            getattr(package, name)
    # The models of the largest services, which a process reads once. No connection is made before the first call.
    nowhere = aws.Endpoint("http://127.0.0.1:9", new_key())
    for service in ("cloudwatch", "ec2", "elasticache"):
        aws.client(nowhere, service, "eu-central-1")
    warnings.resetwarnings()
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
