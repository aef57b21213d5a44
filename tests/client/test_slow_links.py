"""Long answers and big values over a slow link: the bound is on silence, so what keeps moving is not cut and not sent again.

redis/redis-py#3454: an asyncio client cut a long answer after the time-out of one read, and fetched it again.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from redis_ha_client import FailoverPolicy, outcome_of
from redis_ha_client.silence import Stillness
from redis_ha_client.sync.sending import send_all
from tests.support.connecting import connected, hasten, in_async
from tests.support.every_kind import WRITING_KINDS, EveryKind
from tests.support.global_processes import WorldNames
from tests.support.managed_processes import ManagedGroup
from tests.support.redis_processes import Node
from tests.support.relay import BUFFER_BYTES, TICK_SECONDS, Direction, Relay

pytestmark = pytest.mark.servers

# One attempt: what was cut and made again would be an error here. A busy machine may take its time to connect.
POLICY = FailoverPolicy(read_seconds=1.5, connect_seconds=20, total_seconds=60, resend_ambiguous=False)
SMALL = replace(POLICY, total_seconds=2.5)  # a whole takes longer than the budget, which is for waiting
SIZE = 128 * 1024
PACE = 32 * 1024  # bytes a second: the whole takes more than twice the silence that is allowed

Job = Callable[[Any, Callable[[], object]], Any]  # gets a client, and what to call when it is ready


@dataclass
class Place:
    """What a client of a kind talks to."""

    owner: Any
    node: Node
    connection: dict[str, Any]
    credentials: dict[str, Any]
    arguments: dict[str, Any]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    made = ManagedGroup(tmp_path_factory.mktemp("slow"), shards=1, replicas=0)
    made.use_tls()
    with made:
        yield made


@pytest.fixture(params=[*WRITING_KINDS, "primary with TLS"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def group(kind: str, every: EveryKind, request: pytest.FixtureRequest) -> Place:
    if kind in WRITING_KINDS:
        to, arguments = every.documents(kind)
        return Place(*every.node(kind), to.connection, to.credentials, arguments)
    secure: ManagedGroup = request.getfixturevalue("secure")
    assert secure.tls_directory is not None
    return Place(
        secure, secure.nodes[0], secure.connection, secure.credentials, {"tls_ca_file": secure.tls_directory / "ca.crt"}
    )


@pytest.fixture
def link(kind: str, group: Place, every: EveryKind, every_name: WorldNames, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The names, and what the Sentinels say, lead through a relay."""
    if kind in WRITING_KINDS:
        with every.behind_relay(every_name, kind, monkeypatch) as relay:
            yield relay
        return
    with Relay(group.node) as relay:
        every_name.addresses[group.owner.primary_name] = [relay.host]
        yield relay


def in_sync(group: Place, job: Job, ready: Callable[[], object]) -> Any:
    with connected(group, policy=POLICY, **group.arguments) as client:
        return job(client, ready)


def in_asyncio(group: Place, job: Job, ready: Callable[[], object]) -> Any:
    async def use(client: Any) -> Any:
        return await asyncio.to_thread(job, Blocking(client, asyncio.get_running_loop()), ready)

    return in_async(group, use, policy=POLICY, **group.arguments)


class Blocking:
    """An asyncio client that looks like a synchronous one to a test in a thread beside the loop."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.client, self._loop = client, loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(getattr(self.client, name)(*args, **kwargs), self._loop).result()

        return call


def narrow(client: Any) -> None:
    """Let the kernel take little of what the client's connections send at once, so that sending itself has to wait."""
    manager = getattr(client, "nodes_manager", None)
    nodes = [] if manager is None else list(manager.nodes_cache.values())
    pools = [getattr(node, "redis_connection", None) or node for node in nodes] or [client]
    for pool in (getattr(one, "connection_pool", one) for one in pools):
        for connection in pool._connections if hasattr(pool, "_connections") else pool._available_connections:
            sock = getattr(connection, "_sock", None) or getattr(connection, "_socket", None)
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)


def get_long(client: Any, ready: Callable[[], object]) -> None:
    client.get("long")
    hasten(client.client if isinstance(client, Blocking) else client, SMALL)
    ready()
    assert client.get("long") == b"x" * SIZE


def set_big(client: Any, ready: Callable[[], object]) -> None:
    client.set("big", 1)
    hasten(client.client if isinstance(client, Blocking) else client, SMALL)
    ready()
    assert client.set("big", b"x" * SIZE) is True


def set_big_by_and_by(client: Any, ready: Callable[[], object]) -> None:
    client.set("big", 1)
    narrow(client.client if isinstance(client, Blocking) else client)
    hasten(client.client if isinstance(client, Blocking) else client, SMALL)
    ready()
    assert client.set("big", b"x" * SIZE) is True


def together(group: Place, jobs: Sequence[Job], begin: Callable[[], None]) -> list[BaseException | None]:
    """Do each job in both halves, all at once from when `begin` was called; give the error of each, the synchronous first."""
    barrier = threading.Barrier(2 * len(jobs), action=begin)

    def run(half: Callable[..., Any], job: Job) -> None:
        try:
            half(group, job, barrier.wait)
        except BaseException:
            barrier.abort()  # one that failed before it was ready keeps nobody waiting
            raise

    with ThreadPoolExecutor(2 * len(jobs)) as threads:
        running = [threads.submit(run, half, job) for job in jobs for half in (in_sync, in_asyncio)]
        return [one.exception() for one in running]


def test_what_keeps_moving_is_neither_cut_nor_sent_again(group: Place, link: Relay) -> None:
    node, owner = group.node, group.owner
    owner.command(node, "SET", "long", "x" * SIZE)
    before: dict[Direction, int] = {}

    def begin() -> None:
        before.update(link.passed)
        link.pace["to_client"] = link.pace["to_node"] = PACE

    jobs = (get_long, set_big, set_big_by_and_by)
    assert together(group, jobs, begin) == [None] * 6
    # Each value went once, with some bytes around it.
    assert 2 * SIZE <= link.passed["to_client"] - before["to_client"] < 2.5 * SIZE
    assert 4 * SIZE <= link.passed["to_node"] - before["to_node"] < 4.5 * SIZE
    assert owner.command(node, "STRLEN", "big") == SIZE


@pytest.mark.parametrize(("direction", "job"), [("to_client", get_long), ("to_node", set_big)])
def test_a_link_that_stops_in_the_middle_is_silent(group: Place, link: Relay, direction: Direction, job: Job) -> None:
    group.owner.command(group.node, "SET", "long", "x" * SIZE)
    errors = together(group, [job], lambda: link.hold(direction, SIZE))
    assert [outcome_of(error) for error in errors if error] == ["unknown"] * 2


def test_a_kernel_that_takes_nothing_for_long_is_no_silent_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes more when a third of its buffer is free, which is later here than a silence may last."""
    looks: list[bool] = []
    is_over = Stillness.is_over

    def looked(still: Stillness, traffic: Any, now: float) -> bool:
        looks.append(is_over(still, traffic, now))
        return looks[-1]

    monkeypatch.setattr(Stillness, "is_over", looked)
    sent = threading.Event()

    def take_slowly() -> None:
        peer, _ = server.accept()
        with peer:
            while not sent.wait(TICK_SECONDS):
                peer.recv(round(PACE * TICK_SECONDS))

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads, socket.socket() as sock:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        threads.submit(take_slowly)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SIZE)  # doubled by the kernel
        sock.connect(server.getsockname())
        try:
            send_all(sock, [b"x" * round(2.5 * SIZE)], POLICY.read_seconds)
        finally:
            sent.set()
    assert looks
    assert not any(looks)
