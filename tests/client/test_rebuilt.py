"""Clients that a library makes again from the class and the pool of one that `connect` made work, or are refused by name.

rq/rq#1879: RQ's scheduler and WorkerPool make a client again from its pool's arguments.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import copy
import inspect
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry

from redis_ha_client import DocumentError, aio, connect, describe
from tests.client.test_documents import CONNECTION, CREDENTIALS
from tests.client.test_global_documents import GLOBAL, PARAMETER
from tests.client.test_managed_documents import CLUSTER, IAM, PRIMARY, USER
from tests.support.making_again import write_again
from tests.support.redis_processes import RedisProcesses
from tests.support.targets import KINDS, Target, targets_of

pytestmark = pytest.mark.servers

Again = Callable[[Any], Any]

# rq 3.0 connections.py: what it takes from a pool's arguments before they go to another process, because of their locks.
LOCKED = ("maint_notifications_pool_handler", "himport_registry", "event_dispatcher", "maint_notifications_config")


def arguments_of(client: Any) -> dict[str, Any]:
    return {key: value for key, value in client.get_connection_kwargs().items() if key not in LOCKED}


def pools_of(client: Any) -> Any:
    return redis.asyncio if isinstance(client, redis.asyncio.Redis) else redis


def as_rq_does(client: Any) -> Any:
    """rq 3.0 scheduler.py and worker_pool.py: type, connection class and arguments, as parse_connection takes them apart."""
    kind, connection_class, arguments = type(client), client.connection_pool.connection_class, arguments_of(client)
    return kind(connection_pool=pools_of(client).ConnectionPool(connection_class=connection_class, **arguments))


WAYS: dict[str, Again] = {
    "arguments": lambda client: type(client)(**client.get_connection_kwargs()),
    "pool": lambda client: type(client)(connection_pool=client.connection_pool),
    "its own pool": lambda client: type(client).from_pool(type(client.connection_pool)(**client.get_connection_kwargs())),
    "rq": as_rq_does,
    "pickled arguments": lambda client: type(client)(**pickle.loads(pickle.dumps(arguments_of(client)))),  # noqa: S301
    "deep copy": lambda client: type(client)(**copy.deepcopy(arguments_of(client))),
    "copy": copy.copy,
    "one connection": lambda client: client.client(),
}
CLUSTER_WAYS: dict[str, Again] = {
    "arguments": WAYS["arguments"],
    "startup nodes": lambda client: type(client)(startup_nodes=client.startup_nodes, **client.get_connection_kwargs()),
    "copy": copy.copy,
}


@pytest.fixture(scope="module")
def targets(topology: RedisProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with targets_of(topology, tmp_path_factory.mktemp("targets")) as made:
        yield made


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def close(client: Any) -> None:
    await settled(client.aclose() if hasattr(client, "aclose") else client.close())


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_is_made_again_is_the_same(targets: dict[str, Target], kind: str, *, asynchronous: bool) -> None:
    async def use() -> None:
        for way, again in (CLUSTER_WAYS if kind == "cluster" else WAYS).items():
            client = targets[kind].ours(asynchronous=asynchronous, decode_responses=True, client_name="again")
            made = again(client)
            assert type(made) is type(client), way
            assert await settled(made.set("{again}key", way)) is True
            assert await settled(made.get("{again}key")) == way
            pipeline = made.pipeline()
            pipeline.get("{again}key")
            assert await settled(pipeline.execute()) == [way]
            assert describe(made) == describe(client)
            await close(made)
            if kind != "cluster":  # what was made again may be closed for itself
                assert await settled(client.get("{again}key")) == way
            await close(client)

    asyncio.run(use())


def test_a_client_is_made_again_in_another_process(targets: dict[str, Target]) -> None:
    client = targets["sentinel"].ours(asynchronous=False)
    client.delete("{again}process")
    taken_apart = type(client), client.connection_pool.connection_class, arguments_of(client)
    process = multiprocessing.get_context("spawn").Process(target=write_again, args=taken_apart)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert client.get("{again}process") == b"here"
    client.close()


MADE = {
    "sentinel": (CONNECTION, CREDENTIALS),
    "primary": (PRIMARY, USER),
    "iam": (PRIMARY, IAM),
    "record": (GLOBAL, USER),
    "parameter": ({**GLOBAL, "writer": PARAMETER}, USER),
}


@pytest.mark.parametrize("make", [connect, aio.connect])
@pytest.mark.parametrize("documents", MADE.values(), ids=MADE)
def test_arguments_of_every_login_and_writer_go_to_another_process(make: Any, documents: Any) -> None:
    client = make(*documents)
    again = type(client)(**pickle.loads(pickle.dumps(arguments_of(client))))  # noqa: S301
    assert describe(again) == describe(client)
    assert again.connection_pool.connection_class is client.connection_pool.connection_class


@pytest.mark.parametrize("make", [connect, aio.connect])
@pytest.mark.parametrize("documents", [MADE["sentinel"], MADE["primary"]])
def test_what_a_library_may_change_is_changed(make: Any, documents: Any) -> None:
    client = make(*documents)
    changes = {"db": 3, "decode_responses": True, "client_name": "library", "max_connections": 7}
    again = type(client)(**{**client.get_connection_kwargs(), **changes})
    told = describe(again)
    assert (told["database"], told["pool_size"]) == (3, 7)
    connection = again.connection_pool.make_connection()
    assert (connection.db, connection.encoder.decode_responses, connection.client_name) == (3, True, "library")
    assert describe(client)["database"] == 0


STRANGE = "is made by redis_ha_client.connect .* Give the library the client itself, or use redis.Redis"
DIFFERS = "{} differs from what .*Client was made with: .* call connect.. once more"


def refusals(client: Any) -> list[tuple[str, Callable[[], Any]]]:
    kind, arguments = type(client), client.get_connection_kwargs()
    found: list[tuple[str, Callable[[], Any]]] = [
        (STRANGE, lambda: kind.from_url("redis://elsewhere:6379")),
        (STRANGE, lambda: kind(host="elsewhere")),
        (STRANGE, kind),
        (DIFFERS.format("host"), lambda: kind(**{**arguments, "host": "elsewhere"})),
        (DIFFERS.format("password"), lambda: kind(**{**arguments, "password": "hunter2-other"})),
        (DIFFERS.format("protocol"), lambda: kind(**{**arguments, "protocol": 2})),
        ("set_retry: .* policy=FailoverPolicy", lambda: client.set_retry(Retry(NoBackoff(), 3))),
    ]
    if hasattr(client, "connection_pool"):
        pool, pools = type(client.connection_pool), pools_of(client)
        found += [
            (STRANGE, lambda: kind("elsewhere", 6379)),
            (STRANGE, lambda: kind(connection_pool=pools.ConnectionPool())),
            (STRANGE, lambda: pool.from_url("redis://elsewhere:6379")),
            (STRANGE, lambda: pool(host="elsewhere")),
            ("database is -1", lambda: kind(**{**arguments, "db": -1})),
            ("set_retry: ", lambda: client.connection_pool.set_retry(Retry(NoBackoff(), 3))),
        ]
    else:
        found.append(("database is 3, but cluster mode", lambda: kind(**{**arguments, "db": 3})))
    return found


@pytest.mark.parametrize("make", [connect, aio.connect])
@pytest.mark.parametrize("documents", [MADE["sentinel"], MADE["primary"], MADE["record"]])
def test_what_would_lead_elsewhere_is_refused_by_name(make: Any, documents: Any) -> None:
    client = make(*documents)
    for told, act in refusals(client):
        with pytest.raises(DocumentError, match=told) as caught:
            act()
        assert "hunter2" not in str(caught.value)


def test_a_cluster_elsewhere_is_refused_by_name() -> None:
    for told, act in refusals(aio.connect(CLUSTER, USER)):
        with pytest.raises(DocumentError, match=told):
            act()


def test_a_cluster_elsewhere_is_refused_by_name_by_the_synchronous_client_too(targets: dict[str, Target]) -> None:
    client = targets["cluster"].ours(asynchronous=False)
    for told, act in refusals(client):
        with pytest.raises(DocumentError, match=told):
            act()
    with pytest.raises(DocumentError, match=DIFFERS.format("startup_nodes")):
        type(client)(startup_nodes=[ClusterNode("elsewhere", 6379)], **client.get_connection_kwargs())
    client.close()


@pytest.mark.parametrize("make", [connect, aio.connect])
def test_a_class_of_redis_pys_own_names_the_argument_that_it_does_not_know(make: Any) -> None:
    client = make(CONNECTION, CREDENTIALS)
    for kind in (redis.Redis, redis.asyncio.Redis):
        with pytest.raises(TypeError, match="redis_ha_settings"):
            kind(**client.get_connection_kwargs())


def test_a_copy_or_a_pickle_of_a_client_is_what_redis_py_makes_of_its_own() -> None:
    clients: list[Any] = [redis.Redis(), connect(CONNECTION, CREDENTIALS)]
    for made in clients:
        assert copy.copy(made).connection_pool is made.connection_pool
        for act in (copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot pickle"):
                act(made)
