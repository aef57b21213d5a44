"""The processes of all functions: unpacked code, warm processes for the next invocation, and how many may run at once."""

from __future__ import annotations

import functools
import importlib.util
import io
import sys
import threading
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pulumi_emulator.aws.access import Endpoint
from pulumi_emulator.aws.functions.processes import BOOTSTRAP, FOLDER
from pulumi_emulator.aws.functions.sandbox import Reply, Sandbox
from pulumi_emulator.aws.functions.settings import Settings, environment

# What Lambda's Python has beside the standard library (docs.aws.amazon.com/lambda/latest/dg/lambda-python.html,
# "Runtime-included SDK versions"; the packages that boto3 needs), out of the emulator's own environment.
BROUGHT: Final = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
CLOCK: Final = ("time_machine", "_time_machine")
# Seconds that loading the handler may take before Lambda begins anew with the function's own time-out
# (docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, "Init phase").
INIT_SECONDS: Final = 10.0


class Throttled(Exception):  # noqa: N818 - it is no error of ours
    """The function's concurrency is used up."""


@dataclass
class Warm:
    """A process that can be asked, and what it writes its log to."""

    settings: Settings
    stream: str
    sandbox: Sandbox
    # What loading the handler printed and answered; told with the first invocation.
    started: Reply
    # The account's time from which its role's key does not hold any more.
    expires: datetime | None
    asked: int = 0

    def fits(self, settings: Settings, now: datetime) -> bool:
        """Tell whether it can run the function as it is now, and to the end."""
        return self.settings == settings and (self.expires is None or now + timedelta(seconds=settings.timeout) < self.expires)


@dataclass
class Runtime:
    """What runs functions in one account. `argv` wraps the command of a function in a VPC."""

    folder: Path
    endpoint: Callable[[Settings], Endpoint]
    inside: Callable[[list[str]], list[str]]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _idle: dict[str, list[Warm]] = field(default_factory=dict)
    _busy: Counter[str] = field(default_factory=Counter)
    _running: set[Sandbox] = field(default_factory=set)
    _ended: bool = False

    @contextmanager
    def slot(self, arn: str, reserved: int | None) -> Iterator[None]:
        """Take one of the function's executions; Throttled when none is left."""
        with self._lock:
            if reserved is not None and self._busy[arn] >= reserved:
                raise Throttled
            self._busy[arn] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[arn] -= 1

    def take(self, settings: Settings, code: bytes, ahead: float, now: datetime) -> Warm:
        """Return a warm process of the function, or a new one that has loaded its handler or failed to."""
        with self._lock:
            known = self._idle.get(settings.arn, [])
            stale = [one for one in known if not one.fits(settings, now)]
            fitting = [one for one in known if one.fits(settings, now)]
            found = fitting.pop() if fitting else None
            self._idle[settings.arn] = fitting
        for one in stale:
            self._end(one.sandbox)
        return found or self._start(settings, code, ahead, now)

    def give_back(self, warm: Warm) -> None:
        """Keep a process for the next invocation."""
        with self._lock:
            if not self._ended:
                self._idle.setdefault(warm.settings.arn, []).append(warm)
                return
        self._end(warm.sandbox)

    def drop(self, warm: Warm) -> None:
        """Forget a process that has ended."""
        self._end(warm.sandbox)

    def forget(self, arn: str) -> None:
        """End the idle processes of a function that is gone."""
        with self._lock:
            known = self._idle.pop(arn, [])
        for one in known:
            self._end(one.sandbox)

    def end(self) -> None:
        """End every process; none is started any more."""
        with self._lock:
            self._ended = True
            every = list(self._running)
            self._idle.clear()
        for sandbox in every:
            self._end(sandbox)

    def _end(self, sandbox: Sandbox) -> None:
        sandbox.end()
        with self._lock:
            self._running.discard(sandbox)

    def _start(self, settings: Settings, code: bytes, ahead: float, now: datetime) -> Warm:
        root = self._unpacked(settings, code)
        stream = f"{now:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        endpoint = self.endpoint(settings)
        variables = environment(settings, stream, str(root), endpoint)
        place = self.folder / FOLDER
        # Isolated and without site-packages: what it may import is what Lambda brings along.
        argv = [sys.executable, "-I", "-S", "-B", str(BOOTSTRAP), str(place)]
        argv = self.inside(argv) if settings.in_vpc else argv
        for seconds in (min(INIT_SECONDS, settings.timeout), float(settings.timeout)):
            with self._lock:
                if self._ended:
                    raise Throttled
                sandbox = Sandbox(argv, variables, root)
                self._running.add(sandbox)
            started = sandbox.ask({"ahead": ahead}, seconds)
            if not started.timed_out:
                break
            self._end(sandbox)
        return Warm(settings, stream, sandbox, started, endpoint.key.expires)

    def _unpacked(self, settings: Settings, code: bytes) -> Path:
        """Return the folder with the function's code."""
        place = self.folder / FOLDER
        _bring(place)
        digest = settings.code.replace("/", "_").rstrip("=")
        root = place / "code" / digest
        with self._lock:
            if not root.exists():
                with zipfile.ZipFile(io.BytesIO(code)) as archive:
                    archive.extractall(root)
        return root


def _bring(place: Path) -> None:
    """Put what the runtime brings along into a folder that holds nothing else."""
    for folder, names in (("runtime", BROUGHT), ("clock", CLOCK)):
        target = place / folder
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in names:
            for source in _sources(name):
                link = target / source.name
                if not link.is_symlink():
                    link.symlink_to(source)


@functools.cache
def _sources(name: str) -> tuple[Path, ...]:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return ()
    origin = Path(found.origin)
    return (origin.parent,) if origin.name == "__init__.py" else (origin,)
