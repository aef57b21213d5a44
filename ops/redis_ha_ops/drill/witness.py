"""Listen to what the Sentinels say while a drill runs: detection, vote and promotion, as they publish it."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import exceptions
from redis.connection import Connection

from redis_ha_ops.asking import CONNECT_SECONDS, Dial
from redis_ha_ops.stack import Slot, Stack

from .load import Clock

LISTEN_SECONDS = 0.5  # how long one read waits before it looks whether the drill is over
AGAIN_SECONDS = 0.5  # a Sentinel that went away is asked again after this


@dataclass(frozen=True)
class Event:
    """Something that happened at `at` seconds; `source` is a Sentinel's name or "drill"."""

    at: float
    source: str
    what: str
    detail: str = ""


class Witness:
    """Subscribed to every Sentinel from `start` to `stop`; what they publish becomes events."""

    def __init__(self, stack: Stack, dial: Dial, clock: Clock, note: Callable[[Event], None]) -> None:
        self.stack = stack
        self.dial = dial
        self.clock = clock
        self.note = note
        self._stop = threading.Event()
        self._ready = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._listen, args=(slot,), name=f"witness {slot.name}", daemon=True)
            for slot in stack.of_kind("sentinel")
        ]

    def start(self) -> None:
        """Subscribe everywhere; returns when all are, or after a short while."""
        for thread in self._threads:
            thread.start()
        end = time.monotonic() + CONNECT_SECONDS
        for _ in self._threads:
            self._ready.acquire(timeout=max(end - time.monotonic(), 0.01))

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _listen(self, slot: Slot) -> None:
        told = False
        while not self._stop.is_set():
            try:
                self._hear(slot)
            except (exceptions.RedisError, OSError) as error:
                if not told:
                    self.note(Event(self.clock.now(), "drill", "witness-lost", f"{slot.name}: {error or type(error).__name__}"))
                told = True
                self._stop.wait(AGAIN_SECONDS)

    def _hear(self, slot: Slot) -> None:
        host, port = self.dial(slot.private_ip, slot.port)
        link: Any = Connection(  # type: ignore[no-untyped-call]
            host=host,
            port=port,
            username=self.stack.admin_username,
            password=self.stack.admin_password,
            protocol=2,
            decode_responses=True,
            encoding_errors="replace",
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=CONNECT_SECONDS,
            driver_info=None,
        )
        try:
            link.connect()
            link.send_command("PSUBSCRIBE", "*")
            link.read_response()
            self._ready.release()
            while not self._stop.is_set():
                with contextlib.suppress(exceptions.TimeoutError):
                    message = link.read_response(timeout=LISTEN_SECONDS, disconnect_on_error=False)
                    if isinstance(message, list) and len(message) == 4:
                        self.note(Event(self.clock.now(), slot.name, str(message[2]), str(message[3])))
        finally:
            link.disconnect()


def first(events: list[Event], what: str, after: float) -> Event | None:
    """Return the first event of a kind after a moment."""
    return min((one for one in events if one.what == what and one.at >= after), key=lambda one: one.at, default=None)
