"""What libraries do to a client and its pool leaves the budget and its attempts as they are, over a lost master too."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
import redis
import redis.asyncio
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from redis_ha_client import DocumentError, OutcomeUnknownError, aio, connect, describe
from redis_ha_client.aio.nodes import BudgetRetry as AsyncBudgetRetry
from redis_ha_client.sync.nodes import BudgetRetry, NodeConnection
from redis_ha_client.wiring import keepalive_options
from tests.client.test_documents import CONNECTION, CREDENTIALS
from tests.client.test_global_documents import CLUSTERS, GLOBAL
from tests.client.test_managed_documents import CLUSTER, PRIMARY, USER
from tests.client.test_rebuilt import as_rq_does
from tests.support.connecting import ONCE, POLICY, thaw_before_the_next_attempt
from tests.support.redis_processes import RedisProcesses
from tests.support.streams import streams_of
from tests.support.targets import KINDS, Target, targets_of
from tests.support.waiting import SLOWEST_SECONDS, wait_until

# rq 3.0 worker/base.py, _set_connection: raises a pool's time-out to its own, DEFAULT_WORKER_TTL less 15 s and 10 s more.
RQ_SECONDS = 415
# What a library may write into a pool's arguments: longer, shorter or no time-outs, retries of its own, other errors to retry.
ALTERED: dict[str, Any] = {
    "socket_timeout": RQ_SECONDS,
    "socket_connect_timeout": None,
    "health_check_interval": 0,
    "socket_keepalive": False,
    "socket_keepalive_options": {},
    "retry": Retry(NoBackoff(), 99),
    "retry_on_timeout": True,
    "retry_on_error": [exceptions.ResponseError],
    "protocol": 2,
}


def altered(client: Any) -> Any:
    client.get_connection_kwargs().update(ALTERED)
    return client


def node_connections(client: Any) -> Iterator[Any]:
    """Make a connection as each of a client's pools would make its next."""
    if hasattr(client, "connection_pool"):
        yield client.connection_pool.make_connection()
        return
    manager = client.nodes_manager
    for node in [*manager.startup_nodes.values(), *manager.nodes_cache.values()]:
        if hasattr(node, "connection_class"):
            node.connection_kwargs.update(ALTERED)
            yield node.connection_class(**node.connection_kwargs)
        elif node.redis_connection is not None:
            yield altered(node.redis_connection).connection_pool.make_connection()


def assert_held(client: Any) -> None:
    connections = list(node_connections(client))
    assert connections
    for connection in connections:
        assert (connection.socket_timeout, connection.socket_connect_timeout) == (0.5, 0.5)
        assert connection.health_check_interval == 15
        assert connection.socket_keepalive is True
        assert connection.socket_keepalive_options == keepalive_options()
        assert isinstance(connection.retry, BudgetRetry | AsyncBudgetRetry)
        assert exceptions.ResponseError not in connection.retry._supported_errors
        assert connection.protocol == 3


NODES = [(CONNECTION, CREDENTIALS), (PRIMARY, USER), (GLOBAL, USER)]


@pytest.mark.parametrize(
    ("make", "documents"),
    # The synchronous client of a cluster dials at once: see the next test.
    [*itertools.product([connect, aio.connect], NODES), (aio.connect, (CLUSTER, USER)), (aio.connect, (CLUSTERS, USER))],
)
def test_a_pools_arguments_alter_no_wait_and_no_attempt(make: Any, documents: Any) -> None:
    client = make(*documents, policy=POLICY)
    before = describe(client)
    assert_held(altered(client))
    assert describe(client) == before


@pytest.fixture(scope="module")
def targets(topology: RedisProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with targets_of(topology, tmp_path_factory.mktemp("targets")) as made:
        yield made


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@pytest.mark.servers
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_works_with_altered_arguments(targets: dict[str, Target], kind: str, *, asynchronous: bool) -> None:
    async def use() -> None:
        client = altered(targets[kind].ours(asynchronous=asynchronous))
        assert await settled(client.set("altered", 1)) is True
        assert await settled(client.blpop(["nothing"], timeout=0.6)) is None  # longer than an answer may take
        assert_held(client)
        await settled(client.aclose() if asynchronous else client.close())

    asyncio.run(use())


# --- a library's own class over the pool ---


@pytest.mark.servers
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
def test_redis_pys_own_class_over_the_pool_has_a_blocking_commands_time(
    targets: dict[str, Target], *, asynchronous: bool
) -> None:
    """As huey does (huey 3.5 storage.py). With nothing sent twice, a wait beyond read_seconds would be an error."""

    async def use() -> None:
        policy = replace(POLICY, resend_ambiguous=False, read_seconds=1)
        target, make = targets["sentinel"], cast("Any", aio.connect if asynchronous else connect)
        client = make(target.connection, target.credentials, policy=policy)
        plain: Any = (redis.asyncio if asynchronous else redis).Redis(connection_pool=client.connection_pool)
        assert await settled(plain.blpop(["nothing"], timeout=1.2)) is None
        assert await settled(plain.get("nothing")) is None
        with pytest.raises(DocumentError, match="BLPOP with a waiting time of 0"):
            await settled(plain.blpop(["nothing"], timeout=0))
        await settled(client.aclose() if asynchronous else client.close())

    asyncio.run(use())


@pytest.mark.servers
def test_a_pipeline_of_redis_pys_own_class_is_not_called_unexecuted(
    targets: dict[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of it may have been sent when the connection breaks: it is not sent again where nothing may be sent twice."""
    target = targets["sentinel"]
    client: Any = connect(target.connection, target.credentials, policy=ONCE)
    plain = redis.Redis(connection_pool=client.connection_pool)
    plain.delete("{sent}n")
    pipeline = plain.pipeline(transaction=False)
    pipeline.incr("{sent}n")
    pipeline.incr("{sent}n")
    write = NodeConnection._write

    def break_half_way(self: Any, command: Any) -> None:
        if b"{sent}n" in b"".join(command):
            self.disconnect()
            raise exceptions.ConnectionError("broken while it was sent")
        write(self, command)

    monkeypatch.setattr(NodeConnection, "_write", break_half_way)
    with pytest.raises(OutcomeUnknownError):
        pipeline.execute()
    client.close()


# --- a lost master ---


def rebuilt(client: Any) -> Any:
    """As RQ does: the time-out is raised, then the client is made again."""
    client.connection_pool.connection_kwargs.update(socket_timeout=RQ_SECONDS)
    return as_rq_does(client)


def plain(client: Any) -> Any:
    """As huey does: a class of redis-py's over the pool."""
    pools: Any = redis.asyncio if isinstance(client, redis.asyncio.Redis) else redis
    return pools.Redis.from_pool(client.connection_pool)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("becoming", "fault"), [(rebuilt, "killed"), (rebuilt, "frozen"), (rebuilt, "demoted"), (plain, "frozen")]
)
def test_every_command_of_a_librarys_client_survives_a_lost_master(
    whole: RedisProcesses, fault: str, becoming: Callable[[Any], Any]
) -> None:
    def make(maker: Any) -> Any:
        return becoming(maker(whole.connection, whole.credentials, policy=POLICY, pool_size=3))

    old = whole.master()
    client = make(connect)
    with streams_of(client, lambda: make(aio.connect)) as streams:
        if fault == "killed":
            old.kill()
        elif fault == "frozen":
            old.freeze()
        else:
            whole.command(whole.sentinels[0], "SENTINEL", "FAILOVER", whole.master_name)
        others = [node for node in whole.sentinels if node.running]
        named = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", whole.master_name)
        wait_until(lambda: all(whole.command(node, *named)[0] != old.host for node in others), "another node is the master")
    for stream in streams:
        assert client.smismember(stream.key, stream.acknowledged[-10:]) == [1] * 10
    client.connection_pool.disconnect()


@pytest.mark.servers
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
def test_a_raised_time_out_leaves_the_attempts_short(
    whole: RedisProcesses, monkeypatch: pytest.MonkeyPatch, *, asynchronous: bool
) -> None:
    """rq/rq#2120: with RQ's time-out the first attempt took the whole budget, and its outcome was unknown."""
    thaw_before_the_next_attempt(monkeypatch, whole.master())
    policy = replace(POLICY, total_seconds=SLOWEST_SECONDS)

    async def use() -> None:
        client: Any = (aio.connect if asynchronous else connect)(whole.connection, whole.credentials, policy=policy)
        client.connection_pool.connection_kwargs.update(socket_timeout=RQ_SECONDS)
        await settled(client.set("a", 1))
        whole.master().freeze()
        assert await settled(client.set("a", 2)) is True
        await settled(client.aclose() if asynchronous else client.close())

    with whole.nobody_down():
        asyncio.run(use())
