"""The load of a drill: two writers that never write a key twice, and the reading back of all that they wrote.

The probe writes on a fixed schedule (open loop), each write with a small budget and never sent twice: it shows when the stack
takes writes and when not. The application is one client as anybody would use it, with the default policy, one write after the
other: it shows what a program behind `redis_ha_client.connect` notices of the same fault.
"""

import contextlib
import math
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import redis
from redis.exceptions import RedisError

import redis_ha_client
from redis_ha_client import FailoverPolicy
from redis_ha_client.budget import command_budget
from redis_ha_client.documents import GlobalConnection, SsmConnection, read_connection
from redis_ha_client.policy import FailoverClocks, ManagedFailover

from .ledger import Operation

# Small against an outage of seconds, large against a write of a millisecond: the probe's single tries must be visible.
PROBE_POLICY = FailoverPolicy(
    total_seconds=0.5,
    connect_seconds=0.25,
    read_seconds=0.5,
    sentinel_seconds=0.25,
    backoff_base_seconds=0.02,
    backoff_cap_seconds=0.1,
    resend_ambiguous=False,
)
APPLICATION_RATE = 10.0  # writes a second, at most: one at a time
KEY_TTL_SECONDS = 3600  # a drill that is killed leaves its keys for so long
READ_AT_ONCE = 500
SLOWEST_DRAIN_SECONDS = 2.0  # a probe write ends within its budget; this is for a machine under load

PROBE, APPLICATION = "probe", "application"


class Target(Protocol):
    """What is written to: the documents as an application gets them."""

    @property
    def connection(self) -> Mapping[str, Any]:
        """The connection document."""

    @property
    def credentials(self) -> Mapping[str, Any]:
        """The credentials document."""


def clocks_of(connection: Mapping[str, Any]) -> FailoverClocks | ManagedFailover:
    """Return what a connection document says of the failover's length."""
    read = read_connection(connection)
    if isinstance(read, GlobalConnection | SsmConnection):
        raise TypeError("what is written to is said by the document of one group, or of one region of a Global Datastore")
    return read.clocks


class Clock:
    """Seconds since the run began, and the wall clock's time of that beginning."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.began_wall = time.time()

    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.monotonic() - self.began


class Writer:
    """Writes keys PREFIX:NAME:NUMBER and keeps the ledger of what became of each."""

    def __init__(self, name: str, client: Any, clock: Clock, prefix: str) -> None:
        self.name = name
        self.client = client
        self.clock = clock
        self.prefix = prefix
        self._done: list[Operation] = []

    def key(self, number: int) -> str:
        """Return the key of a write."""
        return f"{self.prefix}:{self.name}:{number}"

    def write(self, number: int, due: float) -> None:
        """Write one key and note its outcome."""
        started = self.clock.now()
        outcome, error = redis_ha_client.outcome_of, None
        try:
            # What the key holds does not matter: it is there or not.
            self.client.set(self.key(number), number, ex=KEY_TTL_SECONDS)
        except (RedisError, OSError) as raised:
            error = raised
        finished = self.clock.now()
        kind = "acknowledged" if error is None else outcome(error)
        # list.append is atomic: the ledger needs no lock.
        self._done.append(Operation(number, due, started, finished, kind, None if error is None else _name_of(error)))

    def operations(self) -> list[Operation]:
        """Return what is finished by now, in the order of the numbers."""
        return sorted(self._done.copy(), key=lambda one: one.number)


class Load:
    """Both writers, from `start` to `stop`."""

    def __init__(self, target: Target, clock: Clock, prefix: str, rate: float) -> None:
        self.clock = clock
        self.rate = rate
        # In an outage every write takes its whole budget: so many are under way at once; and half as many in reserve.
        workers = math.ceil(1.5 * rate * PROBE_POLICY.budget_seconds) + 8
        self.probe_client = redis_ha_client.connect(
            target.connection, target.credentials, policy=PROBE_POLICY, pool_size=workers, client_name="redis-ha-drill-probe"
        )
        self.application_policy = FailoverPolicy().for_clocks(clocks_of(target.connection))
        self.application_client = redis_ha_client.connect(
            target.connection, target.credentials, policy=self.application_policy, client_name="redis-ha-drill-application"
        )
        self.probe = Writer(PROBE, self.probe_client, clock, prefix)
        self.application = Writer(APPLICATION, self.application_client, clock, prefix)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="probe")
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write_on_schedule, name="schedule", daemon=True),
            threading.Thread(target=self._write_one_by_one, name="application", daemon=True),
        ]

    def start(self) -> None:
        """Connect both clients (the first write shall not pay for that), then begin to write."""
        clients: tuple[Any, ...] = (self.probe_client, self.application_client)
        for client in clients:
            if isinstance(client, redis.RedisCluster):
                continue  # it has dialled when it was made
            # With the application's patience: a machine that is slow to connect may write fast enough to be measured.
            with command_budget(self.application_policy, "connect"):
                pool = client.connection_pool
                pool.release(pool.get_connection())
        for thread in self._threads:
            thread.start()

    def stop(self, *, patiently: bool) -> None:
        """Stop and wait until every write has its outcome; impatiently: not for the application's last one."""
        self._stop.set()
        # The application's last write may wait for a master as long as its budget.
        patience = self.application_policy.budget_seconds if patiently else 0.0
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(patience + SLOWEST_DRAIN_SECONDS)
        self._pool.shutdown(wait=True)

    def close(self) -> None:
        """Close the probe's client; the application closes its own when its last write has ended, which may be later."""
        self.probe_client.close()
        if self._threads[1].ident is None:
            self.application_client.close()

    def writers(self) -> tuple[Writer, Writer]:
        """Return the probe and the application."""
        return self.probe, self.application

    def _write_on_schedule(self) -> None:
        began = self.clock.now()
        number = 0
        while not self._stop.is_set():
            due = began + number / self.rate
            wait = due - self.clock.now()
            if wait > 0 and self._stop.wait(wait):
                return
            _surfacing(self._pool.submit(self.probe.write, number, due))
            number += 1

    def _write_one_by_one(self) -> None:
        number = 0
        with contextlib.closing(self.application_client):
            while not self._stop.is_set():
                due = self.clock.now()
                self.application.write(number, due)
                number += 1
                self._stop.wait(max(due + 1 / APPLICATION_RATE - self.clock.now(), 0))


def _surfacing(future: "Future[None]") -> None:
    """Make an unexpected error of a worker visible; without this a future keeps it to itself."""

    def report(done: "Future[None]") -> None:
        error = done.exception()
        if error is not None:
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))

    future.add_done_callback(report)


def _name_of(error: BaseException) -> str:
    """Return the kind of an error: its class, and for a wrapped one the class of the cause."""
    cause = error.__cause__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause is not None else "")


def read_back(client: redis.Redis | redis.RedisCluster, writer: Writer, operations: Sequence[Operation]) -> dict[int, bool]:
    """Ask the master which of the keys it holds, with the value that was written."""
    present: dict[int, bool] = {}
    for at in range(0, len(operations), READ_AT_ONCE):
        numbers = [one.number for one in operations[at : at + READ_AT_ONCE]]
        values: Any = client.mget([writer.key(number) for number in numbers])
        present |= {number: value is not None and int(value) == number for number, value in zip(numbers, values, strict=True)}
    return present


def clean_up(client: redis.Redis | redis.RedisCluster, writer: Writer, operations: Sequence[Operation]) -> None:
    """Delete the keys; those that stay end by their time to live."""
    with contextlib.suppress(RedisError, OSError):
        for at in range(0, len(operations), READ_AT_ONCE):
            client.unlink(*(writer.key(one.number) for one in operations[at : at + READ_AT_ONCE]))
