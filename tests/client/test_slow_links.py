"""Long answers and big values over a slow link: the bound is on silence, so what keeps moving is not cut and not sent again."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from redis_ha_client import FailoverPolicy, outcome_of
from tests.support.connecting import connected, in_async
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.relay import BUFFER_BYTES, Direction, Relay

pytestmark = pytest.mark.servers

# One attempt: what was cut and made again would be an error here. A whole takes longer than the budget, which is for waiting.
POLICY = FailoverPolicy(read_seconds=0.8, connect_seconds=0.8, total_seconds=1.5, resend_ambiguous=False)
SIZE = 128 * 1024
PACE = 64 * 1024  # bytes a second: the whole takes more than twice the silence that is allowed

Job = Callable[[Any, Callable[[], object]], Any]  # gets a client, and what to call when it is ready


@pytest.fixture(scope="module", params=["primary", "cluster", "primary with TLS"])
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    made = ManagedGroup(tmp_path_factory.mktemp("slow"), cluster=request.param == "cluster", shards=1, replicas=0)
    if request.param == "primary with TLS":
        made.use_tls()
    with made:
        yield made


def tls(group: ManagedGroup) -> dict[str, Any]:
    return {} if group.tls_directory is None else {"tls_ca_file": group.tls_directory / "ca.crt"}


@pytest.fixture
def link(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The group's names lead through a relay."""
    names = Names(monkeypatch)
    group.publish(names)
    with Relay(group.nodes[0]) as relay:
        for name, addresses in names.addresses.items():
            names.addresses[name] = [relay.host for _ in addresses]
        yield relay


def in_sync(group: ManagedGroup, job: Job, ready: Callable[[], object]) -> Any:
    with connected(group, policy=POLICY, **tls(group)) as client:
        return job(client, ready)


def in_asyncio(group: ManagedGroup, job: Job, ready: Callable[[], object]) -> Any:
    async def use(client: Any) -> Any:
        return await asyncio.to_thread(job, Blocking(client, asyncio.get_running_loop()), ready)

    return in_async(group, use, policy=POLICY, **tls(group))


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
        for connection in getattr(pool, "_connections", None) or pool._available_connections:
            sock = getattr(connection, "_sock", None) or getattr(connection, "_socket", None)
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)


def get_long(client: Any, ready: Callable[[], object]) -> None:
    client.ping()
    ready()
    assert client.get("long") == b"x" * SIZE


def set_big(client: Any, ready: Callable[[], object]) -> None:
    client.set("big", 1)
    ready()
    assert client.set("big", b"x" * SIZE) is True


def set_big_by_and_by(client: Any, ready: Callable[[], object]) -> None:
    client.set("big", 1)
    narrow(client.client if isinstance(client, Blocking) else client)
    ready()
    assert client.set("big", b"x" * SIZE) is True


def together(group: ManagedGroup, jobs: Sequence[Job], begin: Callable[[], None]) -> list[BaseException | None]:
    """Do each job in both halves, all at once from when `begin` was called; give the error of each, the synchronous first."""
    barrier = threading.Barrier(2 * len(jobs), action=begin)
    with ThreadPoolExecutor(2 * len(jobs)) as threads:
        running = [threads.submit(half, group, job, barrier.wait) for job in jobs for half in (in_sync, in_asyncio)]
        return [one.exception() for one in running]


def test_what_keeps_moving_is_neither_cut_nor_sent_again(group: ManagedGroup, link: Relay) -> None:
    node = group.nodes[0]
    group.command(node, "SET", "long", "x" * SIZE)
    before: dict[Direction, int] = {}

    def begin() -> None:
        before.update(link.passed)
        link.pace["to_client"] = link.pace["to_node"] = PACE

    jobs = (get_long, set_big, set_big_by_and_by)
    assert together(group, jobs, begin) == [None] * 6
    # Each value went once, with some bytes around it.
    assert 2 * SIZE <= link.passed["to_client"] - before["to_client"] < 2.5 * SIZE
    assert 4 * SIZE <= link.passed["to_node"] - before["to_node"] < 4.5 * SIZE
    assert group.command(node, "STRLEN", "big") == SIZE


@pytest.mark.parametrize(("direction", "job"), [("to_client", get_long), ("to_node", set_big)])
def test_a_link_that_stops_in_the_middle_is_silent(group: ManagedGroup, link: Relay, direction: Direction, job: Job) -> None:
    group.command(group.nodes[0], "SET", "long", "x" * SIZE)
    errors = together(group, [job], lambda: link.hold(direction, SIZE))
    assert [outcome_of(error) for error in errors if error] == ["unknown"] * 2
