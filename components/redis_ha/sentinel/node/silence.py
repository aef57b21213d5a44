"""Whether a host is silent: the second witness beside Sentinel's PING.

The kernel answers TCP for a redis-server that is stopped or busy, and for one that has crashed. A lost machine, a frozen one
and one behind a cut network answer nothing. So a try begins a TCP connection and asks for no more than an answer: a handshake
or a reset, either is a sign of life.

The first port is Sentinel's. On a data node nothing listens there, the firewall lets its cluster in, and the reset is the
kernel's own: no queue of a busy server can be full, and Redis does not see the try. While no answer comes, each try goes to
Redis' port too, in case something on the way drops the first one.
"""

import errno
import select
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

# A single lost SYN is sent again by the kernel only after a second (tcp(7)), so tries do not wait for one another.
TRY_EVERY_S = 0.1
# An answer that comes later still counts as a sign of life, up to this age; then the try is given up.
KEPT_S = 1.0
# In one VPC an answer takes a millisecond. A try is unanswered from this age on.
UNANSWERED_MS = 100
# So many unanswered tries in a row, at least: fewer may be the gap of a process that was itself not run.
UNANSWERED_TRIES = 3
# What the host's own kernel says. Any other error is the network's, or this machine's.
ANSWERS = (0, errno.ECONNREFUSED, errno.ECONNRESET)


@dataclass
class Try:
    """One try: when it began (monotonic seconds), whether the host answered, and its sockets that wait."""

    begun: float
    heard: bool = False
    waiting: list[socket.socket] = field(default_factory=list)

    def close(self) -> None:
        """Give up what still waits."""
        for one in self.waiting:
            one.close()
        self.waiting = []


def silent_ms(tries: Iterable[Try], now: float) -> int:
    """Return for how long a host has answered no try, 0 when it has, or when too few tries say so. `tries` by their begin.

    It counts from the begin of the first unanswered try: the silence began before that, never after it.
    """
    unheard: list[Try] = []
    for one in tries:
        unheard = [] if one.heard else [*unheard, one]
    old = [one for one in unheard if (now - one.begun) * 1000 >= UNANSWERED_MS]
    return int((now - unheard[0].begun) * 1000) if len(old) >= UNANSWERED_TRIES else 0


class Knocker:
    """Tries one host again and again, without ever waiting."""

    def __init__(self, host: str, ports: tuple[int, int], source: str) -> None:
        """Try nothing yet. `ports`: the one that is tried always, and the one while no answer comes."""
        self.host = host
        self._ports = ports
        self._source = source
        self._tries: list[Try] = []
        self._first: Try | None = None

    def look(self) -> int:
        """Take what was answered, begin a try when it is time, and return for how long the host is silent, in ms."""
        self._collect()
        now = time.monotonic()
        if not self._tries or now - self._tries[-1].begun >= TRY_EVERY_S:
            suspected = bool(self._tries) and not self._tries[-1].heard
            self._begin(now, self._ports if suspected else self._ports[:1])
        forgotten = self._first is not None and self._first not in self._tries
        silent = silent_ms([self._first, *self._tries] if forgotten and self._first is not None else self._tries, now)
        self._forget(now)
        return silent

    def close(self) -> None:
        """End all tries."""
        for one in self._tries:
            one.close()
        self._tries, self._first = [], None

    def _begin(self, now: float, ports: tuple[int, ...]) -> None:
        begun = Try(now)
        for port in ports:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.setblocking(False)
            try:
                one.bind((self._source, 0))
                told = one.connect_ex((self.host, port))
            except OSError:
                told = errno.EADDRNOTAVAIL
            if told == errno.EINPROGRESS:
                begun.waiting.append(one)
                continue
            one.close()
            if told in ANSWERS:
                begun.heard = True
            else:  # this machine cannot even send: what it does not hear says nothing of the host
                begun.close()
                self.close()
                return
        self._tries.append(begun)

    def _collect(self) -> None:
        waiting = {one.fileno(): (one, begun) for begun in self._tries for one in begun.waiting}
        poll = select.poll()
        for descriptor in waiting:
            poll.register(descriptor, select.POLLOUT)
        for descriptor, _ in poll.poll(0) if waiting else []:
            one, begun = waiting[descriptor]
            begun.heard |= one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in ANSWERS
            begun.waiting.remove(one)
            with suppress(OSError):
                one.close()

    def _forget(self, now: float) -> None:
        """Keep the last second's tries, and of a silence its first one."""
        last_heard = max((number for number, one in enumerate(self._tries) if one.heard), default=-1)
        if last_heard >= 0:
            self._first = None
            for one in self._tries[:last_heard]:
                one.close()
            self._tries = self._tries[last_heard:]
        elif self._first is None and self._tries:
            self._first = self._tries[0]
        while self._tries and now - self._tries[0].begun > KEPT_S:
            self._tries.pop(0).close()
