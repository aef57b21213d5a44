"""Closing a client closes all that it has opened, of every kind, and a command after it dials anew.

Grokzen/redis-py-cluster#267: a cluster client's close() closed nothing.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import gc
import threading
import warnings
from typing import Any

import pytest

from redis_ha_client import DocumentError, HealthMonitor, connect
from redis_ha_client.aio import health as aio_health
from redis_ha_client.sync import health as sync_health
from redis_ha_client.sync.cluster import ClusterClient
from tests.support.connecting import POLICY, connected, in_async
from tests.support.every_kind import KINDS, EveryKind
from tests.support.global_processes import AWAY, HOME, WorldNames
from tests.support.health import monitored, wait_for
from tests.support.twins import TWINS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("every_name")]


def use(client: Any) -> None:
    """Leave a connection to every node that this kind of client talks to."""
    for number in range(4):
        client.get(f"key-{number}")


@pytest.mark.parametrize("kind", KINDS)
def test_close_leaves_no_connection(every: EveryKind, kind: str) -> None:
    name = f"close-{kind.replace(' ', '-')}"
    to, arguments = every.documents(kind)
    client: Any = connect(to.connection, to.credentials, policy=POLICY, client_name=name, **arguments)
    use(client)
    assert every.listed(name)
    client.close()
    wait_until(lambda: not every.listed(name), "close() has closed all connections")
    use(client)  # as with redis.Redis: a later command dials anew
    assert client.ping() is True
    client.close()
    client.close()
    wait_until(lambda: not every.listed(name), "close() has closed the later ones too")
    with client:
        use(client)
    wait_until(lambda: not every.listed(name), "the end of the block has closed all connections")


@pytest.mark.parametrize("kind", KINDS)
def test_asyncio_close_leaves_no_connection(every: EveryKind, kind: str) -> None:
    name = f"aclose-{kind.replace(' ', '-')}"
    to, arguments = every.documents(kind)

    async def close(client: Any) -> None:
        for _ in range(2):
            await asyncio.gather(*(client.get(f"key-{number}") for number in range(4)))
            assert await asyncio.to_thread(every.listed, name)
            await client.aclose()
            await asyncio.to_thread(wait_until, lambda: not every.listed(name), "aclose() has closed all connections")

    in_async(to, close, client_name=name, **arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_is_dropped_warns_of_nothing(every: EveryKind, kind: str) -> None:
    name = f"drop-{kind.replace(' ', '-')}"
    to, arguments = every.documents(kind)
    client: Any = connect(to.connection, to.credentials, policy=POLICY, client_name=name, **arguments)
    use(client)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert [str(one.message) for one in told if issubclass(one.category, ResourceWarning)] == []
    wait_until(lambda: not every.listed(name), "nothing is left of the client")


def test_close_knows_the_nodes_of_a_region_that_was_left(every: EveryKind, every_name: WorldNames) -> None:
    """A command is under way in the old region while the writer moves: its pool is none of the layout's any more."""
    with connected(every.sharded, client_name="close-left") as client:
        client.get("key")
        left = next(node for node in client.get_primaries() if node.redis_connection)
        pool = left.redis_connection.connection_pool
        taken = pool.get_connection()
        every.sharded.promote(AWAY)
        every.sharded.point(every_name)
        try:
            client.set("key", "away")
            assert set(every.listed("close-left")) >= {node.name for node in every.sharded.groups[HOME].nodes[:1]}
            client.close()
            wait_until(lambda: not every.listed("close-left"), "the old region's connections are closed too")
            pool.release(taken)
        finally:
            every.sharded.promote(HOME)


def test_a_client_that_could_not_be_made_closes_quietly() -> None:
    """redis-py calls close() from __del__, also of an object whose __init__ came to nothing."""
    ClusterClient.__new__(ClusterClient).close()


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_deployment_is_up_and_stop_leaves_nothing(
    every: EveryKind, kind: str, twin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users of the managed kinds may not say ROLE here: the write tells alone."""
    name = f"health-{kind.replace(' ', '-')}-{twin}"
    to, arguments = every.documents(kind)
    with connected(to, client_name=name, **arguments) as client:
        if arguments.get("reader"):
            with pytest.raises(DocumentError, match="reader=True, and a health probe writes"):
                HealthMonitor(client)
            return
        kept: list[Any] = []  # stop() closes, not the garbage collector
        module: Any = aio_health if twin == "asyncio" else sync_health
        make = module.client_of

        def keep(settings: Any) -> Any:
            kept.append(make(settings))
            return kept[-1]

        monkeypatch.setattr(module, "client_of", keep)
        with monitored(client, twin) as monitor:
            wait_for(monitor, "up")
            assert monitor.start() is monitor
            assert every.listed(name)
    wait_until(lambda: not every.listed(name), "all connections are closed")
    assert not [thread for thread in threading.enumerate() if thread.name == "redis-ha-health"]
