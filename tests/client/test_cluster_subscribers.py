"""Subscribers of a cluster, also to sharded channels, whose node is killed, frozen, demoted, or loses a slot."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from redis_ha_client import aio, connect, wiring
from tests.support.connecting import POLICY, connected, in_async
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import DATA_PORT, Node
from tests.support.subscribers import Heard, Subscribers, by_get_message, by_getting_messages, subscribed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("cluster"), cluster=True, shards=3, replicas=1) as made:
        yield made


@pytest.fixture(autouse=True)
def names(cluster: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Publish the cluster's names, and ask an idle subscriber's node soon; the cluster is mended afterwards."""
    monkeypatch.setattr(wiring, "HEALTH_CHECK_SECONDS", 0.3)
    made = Names(monkeypatch)
    cluster.publish(made)
    yield made
    cluster.heal()


CHANNELS = ("news", "other", "third")  # their slots are on three shards


def by_get_sharded_message(client: Any, heard: Heard) -> None:
    with client.pubsub(on_resubscribed=heard.missed.append) as subscriber:
        subscriber.ssubscribe(*CHANNELS)
        while not heard.ended.is_set():
            heard.take(subscriber.get_sharded_message(timeout=0.1))


def by_a_thread(client: Any, heard: Heard) -> None:
    subscriber = client.pubsub(on_resubscribed=heard.missed.append)
    subscriber.ssubscribe(news=heard.take)
    thread = subscriber.run_in_thread(sleep_time=0.1, daemon=True, sharded_pubsub=True)
    heard.ended.wait()
    thread.stop()
    thread.join()


async def by_getting_sharded_messages(client: Any, heard: Heard) -> None:
    async with client.pubsub(on_resubscribed=heard.missed.append) as subscriber:
        await subscriber.ssubscribe(*CHANNELS)
        while not heard.ended.is_set():
            heard.take(await subscriber.get_sharded_message(timeout=0.1))


FORMS = ((by_get_message, by_get_sharded_message, by_a_thread), (by_getting_messages, by_getting_sharded_messages))


def everybody(cluster: ManagedGroup) -> contextlib.AbstractContextManager[Subscribers]:
    return subscribed(cluster, cluster.credentials, FORMS, ("publish", "spublish"))


def succeeded(cluster: ManagedGroup, old: Node) -> bool:
    return cluster.primary_of("news") is not old


@pytest.mark.parametrize("fault", ["killed", "frozen", "demoted"])
def test_every_subscriber_hears_the_slots_new_primary(cluster: ManagedGroup, fault: str) -> None:
    old = cluster.primary_of("news")
    with (
        everybody(cluster) as subscribers,
        contextlib.ExitStack() as stack,
    ):
        if fault == "killed":
            old.kill()
        elif fault == "frozen":
            old.freeze()
            stack.callback(old.thaw)  # whoever still listens to it hears that the test is over
        else:
            cluster.command(cluster.replica_of(old), "CLUSTER", "FAILOVER")
        wait_until(lambda: succeeded(cluster, old), "another node is the shard's primary")
        subscribers.hear()
        if fault != "demoted":
            wait_until(lambda: all(heard.missed for heard in subscribers.heard.values()), "all are told")


def move_slot(cluster: ManagedGroup, source: Node, target: Node) -> None:
    slot = str(cluster.command(source, "CLUSTER", "KEYSLOT", "news"))
    owner = str(cluster.command(target, "CLUSTER", "MYID"))
    for node in (target, source):
        cluster.command(node, "CLUSTER", "SETSLOT", slot, "NODE", owner)


def test_a_sharded_channel_follows_its_slot(cluster: ManagedGroup) -> None:
    """The node that gives a slot away ends its subscriptions, which redis-py takes note of and does nothing about."""
    source = cluster.primary_of("news")
    target = next(node for node in cluster.primaries() if node is not source)
    with everybody(cluster) as subscribers:
        move_slot(cluster, source, target)
        subscribers.hear()
        sharded = [heard for name, heard in subscribers.heard.items() if name not in {"by_get_message", "by_getting_messages"}]
        wait_until(lambda: all(heard.missed for heard in sharded), "all are told")
        move_slot(cluster, target, source)
        subscribers.hear()


def test_a_subscriber_to_a_node_stays_with_it(cluster: ManagedGroup) -> None:
    """A keyspace's events are told by its own node only."""
    first, second = cluster.primaries()[:2]
    with connected(cluster) as client:
        for node in (first, second):
            pinned = client.pubsub(host=cluster.node_name(node), port=DATA_PORT)
            pinned.subscribe("news")
            assert pinned.connection.host == cluster.node_name(node)
            pinned.close()

    async def use(client: Any) -> None:
        await client.initialize()
        for node in (first, second):
            async with client.pubsub(host=cluster.node_name(node), port=DATA_PORT) as pinned:
                await pinned.subscribe("news")
                assert pinned.connection.host == cluster.node_name(node)

    in_async(cluster, use)


def listening(cluster: ManagedGroup) -> int:
    """How many connections of subscribers all nodes see."""
    return sum(len(str(cluster.command(node, "CLIENT", "LIST", "TYPE", "pubsub")).splitlines()) for node in cluster.nodes)


def test_closing_a_client_closes_its_subscribers_connections(cluster: ManagedGroup) -> None:
    client = connect(cluster.connection, cluster.credentials, policy=POLICY)
    subscriber = client.pubsub()
    subscriber.subscribe("news")
    wait_until(lambda: listening(cluster) == 1, "it is subscribed")
    client.close()
    wait_until(lambda: listening(cluster) == 0, "it is closed")
    subscriber.close()

    async def use() -> None:
        client: Any = aio.connect(cluster.connection, cluster.credentials, policy=POLICY)
        subscriber = client.pubsub()
        await subscriber.subscribe("news")
        await asyncio.to_thread(wait_until, lambda: listening(cluster) == 1, "it is subscribed")
        await client.aclose()
        await asyncio.to_thread(wait_until, lambda: listening(cluster) == 0, "it is closed")
        await subscriber.aclose()

    asyncio.run(use())
