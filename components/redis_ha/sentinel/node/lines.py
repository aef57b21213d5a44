"""A data node's kept connections to the Sentinels: what each of them last said, and how long ago it was asked.

One thread a Sentinel, so that a lost one delays nobody. A node knows within a fraction of a second that it is cut off, or that
the Sentinels are failing over.
"""

import threading
import time
from collections.abc import Iterable

from .config import NodeConfig
from .resp import Address, Connection
from .sentinels import Answer, read_answer

# How often each Sentinel is asked, and how long its answer is waited for. One in the same VPC answers in a millisecond.
ASK_EVERY_S = 0.15
TIMEOUT_S = 0.25
# How often a lost one is tried again: each try of a lost host is a connection in the kernel's tables.
LOST_EVERY_S = 0.5


class Line:
    """One Sentinel's line. `answer` is its last word, asked for at `asked` (monotonic seconds)."""

    def __init__(self, address: Address, config: NodeConfig, news: threading.Condition) -> None:
        """Prepare; nothing is contacted yet."""
        self.address = address
        self.answer: Answer | None = None
        self.asked = 0.0
        self.tried = 0.0
        self.lost = False
        self._config = config
        self._news = news
        self._connection: Connection | None = None
        self._hurry = threading.Event()
        self._ended = False

    def start(self) -> None:
        """Ask for as long as the process lives, or until `end`."""
        threading.Thread(target=self._run, daemon=True, name=f"line-{self.address[0]}").start()

    def end(self) -> None:
        """Ask no more."""
        self._ended = True
        self._hurry.set()

    def hurry(self) -> None:
        """Ask now."""
        self._hurry.set()

    def _run(self) -> None:
        while not self._ended:
            self._hurry.clear()
            asked = time.monotonic()
            try:
                answer = read_answer(self._connect(), self.address, self._config.master_name)
            except Exception:  # noqa: BLE001 - whatever an answer is like: a thread that ends would never hear this Sentinel again
                self._disconnect()
                self._note(asked, None)
            else:
                self._note(asked, answer)
            self._hurry.wait(LOST_EVERY_S if self.lost else ASK_EVERY_S)
        self._disconnect()

    def _note(self, asked: float, answer: Answer | None) -> None:
        with self._news:
            self.lost = answer is None
            self.tried = asked
            if answer is not None:
                self.answer, self.asked = answer, asked
            self._news.notify_all()

    def _connect(self) -> Connection:
        if self._connection is None:
            user = self._config.users["discovery"]
            self._connection = Connection(
                self.address,
                username=user.username,
                password=user.password,
                timeout=TIMEOUT_S,
                source=self._config.self_address,
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Lines:
    """All Sentinels' lines."""

    def __init__(self, config: NodeConfig) -> None:
        """Prepare; nothing is contacted yet."""
        self._config = config
        self._news = threading.Condition()
        self._lines: dict[Address, Line] = {}

    def keep(self, addresses: Iterable[Address]) -> None:
        """Hold a line to each of these addresses, and to no other."""
        wanted = set(addresses)
        for address in set(self._lines) - wanted:
            self._lines.pop(address).end()
        for address in wanted - set(self._lines):
            self._lines[address] = Line(address, self._config, self._news)
            self._lines[address].start()

    def ask(self) -> list[Answer]:
        """Ask all now and wait for those that are not lost; return what was answered, one answer a Sentinel."""
        since = time.monotonic()
        for line in self._lines.values():
            line.hurry()
        with self._news:
            # A question may be on its way already: the next one is waited for, so twice the time.
            self._news.wait_for(lambda: all(line.lost or line.tried >= since for line in self._lines.values()), 2 * TIMEOUT_S)
        return self.heard(since)

    def heard(self, since: float) -> list[Answer]:
        """Return what was asked for since then (monotonic seconds), one answer a Sentinel, the latest."""
        with self._news:
            found = [line.answer for line in self._by_age() if line.answer is not None and line.asked >= since]
        return list({answer.sentinel_id: answer for answer in found}.values())

    def heard_at(self, count: int) -> float | None:
        """Return since when fewer than `count` Sentinels were heard (monotonic seconds); None when so many never were."""
        with self._news:
            asked = sorted({line.answer.sentinel_id: line.asked for line in self._by_age() if line.answer is not None}.values())
        return asked[-count] if len(asked) >= count else None

    def _by_age(self) -> list[Line]:
        return sorted(self._lines.values(), key=lambda line: line.asked)
