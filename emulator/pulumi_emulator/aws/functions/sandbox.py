"""A function's process: started once, asked again for every invocation, stopped in between as Lambda freezes what is idle.

It is one process group of its own, ended by its id. Requests and answers go through two pipes, what it prints through a third.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CHUNK: Final = 65536
ENDING: Final = 5.0  # seconds


@dataclass(frozen=True)
class Reply:
    """What came of a request: the answer, None when the process ended or the time was up, and all that was printed."""

    answer: dict[str, Any] | None
    output: bytes
    timed_out: bool = False
    exit_status: int | None = None


class Sandbox:
    """One process."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        requests_read, self._requests = os.pipe()
        self._answers, answers_write = os.pipe()
        self._output, output_write = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*argv, str(requests_read), str(answers_write)],
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                pass_fds=(requests_read, answers_write),
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        finally:
            for descriptor in (requests_read, answers_write, output_write):
                os.close(descriptor)
        for descriptor in (self._requests, self._answers, self._output):
            os.set_blocking(descriptor, False)
        self._rest = b""
        self._closed = False

    @property
    def pid(self) -> int:
        """Its id, which is also that of its process group."""
        return self._process.pid

    def ask(self, request: dict[str, Any], seconds: float) -> Reply:
        """Let it run until it has answered, ended, or used up its time; then it is stopped, or gone."""
        self._signal(signal.SIGCONT)
        waiting = json.dumps(request).encode() + b"\n"
        output = bytearray()
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        poll.register(self._requests, select.POLLOUT)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return self._over(output, timed_out=True)
            for descriptor, happened in poll.poll(left * 1000):
                if descriptor == self._requests:
                    waiting = self._write(waiting)
                    if not waiting:
                        poll.unregister(descriptor)
                elif descriptor == self._output:
                    output += _read(descriptor)
                    if happened & select.POLLHUP:
                        poll.unregister(descriptor)
                else:
                    self._rest += _read(descriptor)
                    line, ended, rest = self._rest.partition(b"\n")
                    if ended:
                        self._rest = rest
                        self._freeze()
                        output += _read(self._output)
                        return Reply(json.loads(line), bytes(output))
                    if happened & select.POLLHUP:
                        return self._over(output, timed_out=False)

    def end(self) -> int:
        """Kill it with whatever it started; return its exit status."""
        self._signal(signal.SIGKILL)
        status = self._process.wait()
        if not self._closed:
            self._closed = True
            for descriptor in (self._requests, self._answers, self._output):
                os.close(descriptor)
        return status

    def _over(self, output: bytearray, *, timed_out: bool) -> Reply:
        if not timed_out:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it has closed its pipe, and is about to end
                self._process.wait(ENDING)
        self._signal(signal.SIGKILL)
        self._process.wait()
        output += _read(self._output)
        return Reply(None, bytes(output), timed_out, self.end())

    def _write(self, waiting: bytes) -> bytes:
        try:
            return waiting[os.write(self._requests, waiting[:CHUNK]) :]
        except BlockingIOError:
            return waiting
        except BrokenPipeError:
            return b""  # it has ended: that shows at the other pipe

    def _freeze(self) -> None:
        self._signal(signal.SIGSTOP)
        # It is stopped, or has ended, when this returns; what ended is collected elsewhere.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _read(descriptor: int) -> bytes:
    """Return all that is in a pipe now."""
    found = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(descriptor, CHUNK):
            found += part
    return found
