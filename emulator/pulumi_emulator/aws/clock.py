"""The account's clock: what the emulated AWS does at a time of its own, and how that time is moved on.

It goes as the computer's does until somebody advances it. Then what is due in between happens in its order, each at its own
time, and 25 minutes take as long as the work in them. What is not the emulator's own (moto's timestamps, the nodes) keeps the
computer's time.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

Task = Callable[[], object]


class Clock:
    """A time, and what is to be done at which time."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._changed = threading.Condition(threading.RLock())
        self._running = threading.Lock()  # held while a task is done
        self._due: list[tuple[datetime, int, Task]] = []
        self._order = itertools.count()
        self._at_work = 0
        self._thread: threading.Thread | None = None

    def now(self) -> datetime:
        """Return the time, in UTC."""
        with self._changed:
            return datetime.now(UTC) + self._ahead

    def ahead(self) -> timedelta:
        """Return by how much the time is ahead of the computer's."""
        with self._changed:
            return self._ahead

    def after(self, seconds: float, task: Task) -> None:
        """Do something in some seconds. Tasks are done one after another: what takes long belongs into a thread, `at_work`."""
        self._at(self.now() + timedelta(seconds=seconds), task)

    def every(self, seconds: float, task: Task) -> Task:
        """Do something every some seconds, the first time in so many; return what ends it."""
        ended = threading.Event()

        def again(due: datetime) -> None:
            if ended.is_set():
                return
            following = due + timedelta(seconds=seconds)
            self._at(following, lambda: again(following))
            task()

        first = self.now() + timedelta(seconds=seconds)
        self._at(first, lambda: again(first))
        return ended.set

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the time not be advanced while something is done: what follows from it is due by the time it began at."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def advance(self, seconds: float) -> datetime:
        """Move the time on; return it when all that was due by then is done, and what it set to work too."""
        if not seconds >= 0:
            raise ValueError(f"seconds: {seconds} is no time to move on by; give 0 or more")
        with self._running:
            target = self.now() + timedelta(seconds=seconds)
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._at_work == 0)
                    if not self._due or self._due[0][0] > target:
                        self._reach(target)
                        return target
                    due, _, task = heapq.heappop(self._due)
                    self._reach(due)
                _do(task)

    def _at(self, due: datetime, task: Task) -> None:
        with self._changed:
            heapq.heappush(self._due, (due, next(self._order), task))
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name="clock", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _reach(self, time_then: datetime) -> None:
        self._ahead += max(timedelta(0), time_then - (datetime.now(UTC) + self._ahead))

    def _go(self) -> None:
        """Do what becomes due by itself."""
        while True:
            with self._changed:
                left = (self._due[0][0] - self.now()).total_seconds() if self._due else None
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
            if not self._running.acquire(timeout=1):  # somebody advances the time, and does what is due meanwhile
                continue
            try:
                with self._changed:
                    if not self._due or self._due[0][0] > self.now():
                        continue
                    _, _, task = heapq.heappop(self._due)
                _do(task)
            finally:
                self._running.release()


def _do(task: Task) -> None:
    try:
        task()
    except Exception as error:  # noqa: BLE001 - one task's failure must not end the others
        print(f"what was due failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
