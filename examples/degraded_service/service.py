"""A small HTTP service that goes on while the master is away: stale reads, buffered writes, and a refused request.

    REDIS_HA_CONNECTION=connection.json REDIS_HA_CREDENTIALS=credentials.json python examples/degraded_service/service.py 8080

| request | while the master is away |
| --- | --- |
| `GET /notes/ID` | 200 with a replica's value and `"stale": true` |
| `PUT /notes/ID` | 202: the write waits in this process. 503 with Retry-After when too many wait |
| `POST /sales/ID` | 503 with Retry-After: a count must not be guessed |
| `GET /health` | 503: HealthMonitor's answer, for load balancers and alarms |

Needs a kind with replicas that answer: `primary`, `cluster` or `ssm`. What waits in a process is lost when the process dies.
"""

import json
import logging
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import redis

from redis_ha_client import FailoverPolicy, HealthMonitor, connect_from_env, health_wsgi, outcome_of

LOGGER = logging.getLogger("degraded_service")
# A request waits for this long at most, and is answered in another way then.
REQUEST = FailoverPolicy(total_seconds=0.5, connect_seconds=0.25, read_seconds=0.25)
COUNTING = FailoverPolicy(total_seconds=0.5, connect_seconds=0.25, read_seconds=0.25, resend_ambiguous=False)
MOST_WAITING = 1000  # writes; beyond that the caller has to keep them
MOST_BYTES = 10_000  # of a value, so the buffer's memory is bounded as well
FLUSH_PAUSE_SECONDS = 0.2
# When to come back: a failover takes some seconds. Random, so that not everybody comes back at once.
RETRY_SECONDS = (2, 6)
# A write has a version, and an older one changes nothing: it may be sent twice, and late, whatever others have written since.
WRITE = """
local known = redis.call('HGET', KEYS[1], 'version')
if known and known >= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[2])
return 1
"""

Answer = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Note:
    """One write."""

    key: str
    value: str
    version: str

    @classmethod
    def made_now(cls, key: str, value: str) -> "Note":
        """Give a write the version of this moment; several machines' clocks decide between writes of the same time."""
        return cls(key, value, f"{time.time_ns():020}")


class Waiting:
    """The writes that wait for a master, in order, and the thread that sends them."""

    def __init__(self, send: Callable[[Note], object]) -> None:
        self._send = send
        self._notes: deque[Note] = deque()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._notes)

    def take(self, note: Note) -> bool:
        """Keep a write; False when there are too many."""
        with self._lock:
            if len(self._notes) >= MOST_WAITING:
                return False
            self._notes.append(note)
            return True

    def end(self) -> None:
        """Send what waits, within one command's budget, and end. What is left is told in the log, and lost."""
        self._over.set()
        self._thread.join()
        if self._notes:
            LOGGER.error("%d writes are lost: no master took them before this process ended", len(self._notes))

    def _run(self) -> None:
        while not (self._over.is_set() and not self._notes):
            if self._notes and self._sent(self._notes[0]):
                self._notes.popleft()
            elif self._over.is_set():
                return
            else:
                self._over.wait(FLUSH_PAUSE_SECONDS)

    def _sent(self, note: Note) -> bool:
        try:
            self._send(note)
        except (redis.ConnectionError, redis.TimeoutError):
            return False  # executed or not: it is sent again, and its version makes that harmless
        except redis.RedisError:
            LOGGER.exception("a write is dropped: no master will take it")
        return True


class Service:
    """The answers, as plain values."""

    def __init__(self) -> None:
        self.client: Any = connect_from_env(policy=REQUEST, decode_responses=True)
        self.replicas: Any = connect_from_env(policy=REQUEST, decode_responses=True, reader=True)
        self.counters: Any = connect_from_env(policy=COUNTING)
        self.patient: Any = connect_from_env()  # rides over a failover
        self.waiting = Waiting(self.patient_write)
        self.monitor = HealthMonitor(self.client)

    def patient_write(self, note: Note) -> object:
        """Write, waiting for a master."""
        return self.patient.eval(WRITE, 1, note.key, note.value, note.version)

    def read(self, key: str) -> Answer:
        """Read from the primary, or what a replica has."""
        try:
            value, stale = self.client.hget(key, "value"), False
        except (redis.ConnectionError, redis.TimeoutError):
            try:
                value, stale = self.replicas.hget(key, "value"), True
            except (redis.ConnectionError, redis.TimeoutError):
                return refused()
        return ("404 Not Found" if value is None else "200 OK"), {"value": value, "stale": stale}

    def write(self, key: str, value: str) -> Answer:
        """Write, or keep the write. While others wait the master is away, and this one waits behind them."""
        if len(value) > MOST_BYTES:
            return "413 Content Too Large", {"at_most": MOST_BYTES}
        note = Note.made_now(key, value)
        if not self.waiting:
            try:
                self.client.eval(WRITE, 1, note.key, note.value, note.version)
            except (redis.ConnectionError, redis.TimeoutError):
                pass
            else:
                return "200 OK", {"written": True}
        if not self.waiting.take(note):
            return refused()
        return "202 Accepted", {"written": False, "waiting": len(self.waiting)}

    def count(self, key: str) -> Answer:
        """Count once, or refuse. What nobody can know is told as that."""
        try:
            return "200 OK", {"count": self.counters.incr(key)}
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if outcome_of(error) == "failed":
                return refused()
            return "500 Internal Server Error", {"outcome": "unknown: look before you send it again"}

    def close(self) -> None:
        """Send what waits, and close the clients."""
        self.waiting.end()
        for client in (self.client, self.replicas, self.counters, self.patient):
            client.close()


def refused() -> Answer:
    """Refuse: nothing was executed, come back."""
    return "503 Service Unavailable", {"retry_after": random.randint(*RETRY_SECONDS)}  # noqa: S311 - jitter


def application(service: Service) -> Callable[..., Iterable[bytes]]:
    """Give the WSGI application."""
    health = health_wsgi(service.monitor)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == "/health":
            return health(environ, start_response)
        _, kind, *rest = path.split("/")
        key = f"{kind}:{'/'.join(rest)}"
        if (method, kind) == ("GET", "notes"):
            status, told = service.read(key)
        elif (method, kind) == ("PUT", "notes"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            status, told = service.write(key, body.decode())
        elif (method, kind) == ("POST", "sales"):
            status, told = service.count(key)
        else:
            status, told = "404 Not Found", {}
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        if "retry_after" in told:
            headers.append(("Retry-After", str(told["retry_after"])))
        start_response(status, headers)
        return [json.dumps(told).encode()]

    return answer


class Server(ThreadingMixIn, WSGIServer):
    """A thread a request."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """No line a request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until SIGTERM, then send what waits."""
    logging.basicConfig(level=logging.INFO)
    service = Service()
    server = make_server("127.0.0.1", int(sys.argv[1]), application(service), server_class=Server, handler_class=Quiet)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"listening on {server.server_port}\n")
    sys.stdout.flush()
    with service.monitor, server:
        server.serve_forever()
    service.close()


if __name__ == "__main__":
    main()
