"""Subscribers whose master is killed, frozen or demoted, in every form of redis-py's; messages that arrive in parts.

redis/ioredis#1314, redis/redis-py#1137, redis/redis-py#2417: a subscriber of a silent node heard nothing, without an error.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_client import aio, connect, wiring
from tests.support.connecting import POLICY, connected, in_async
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import RedisProcesses
from tests.support.relay import Relay
from tests.support.subscribers import Heard, by_get_message, by_getting_messages, subscribed
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

SLOW = replace(POLICY, read_seconds=1.5)  # where an answer that comes late would be a silence


def by_listening(client: Any, heard: Heard) -> None:
    with client.pubsub(on_resubscribed=heard.missed.append) as subscriber:
        subscriber.psubscribe("new?")
        for message in subscriber.listen():
            heard.take({**message, "type": message["type"].removeprefix("p")})
            if heard.ended.is_set():
                return


def by_a_thread(client: Any, heard: Heard) -> None:
    subscriber = client.pubsub(on_resubscribed=heard.missed.append)
    subscriber.subscribe(news=heard.take)
    thread = subscriber.run_in_thread(sleep_time=0.1, daemon=True)
    heard.ended.wait()
    thread.stop()
    thread.join()


async def by_async_listening(client: Any, heard: Heard) -> None:
    async def told(seconds: float) -> None:
        await client.publish("told", "by a coroutine")
        heard.missed.append(seconds)

    async with client.pubsub(on_resubscribed=told) as subscriber:
        await subscriber.subscribe("news")
        async for message in subscriber.listen():
            heard.take(message)
            if heard.ended.is_set():
                return


async def by_running(client: Any, heard: Heard) -> None:
    async with client.pubsub(on_resubscribed=heard.missed.append) as subscriber:
        await subscriber.subscribe(news=heard.take)
        running = asyncio.create_task(subscriber.run(poll_timeout=0.1))
        await asyncio.to_thread(heard.ended.wait)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


FORMS = ((by_get_message, by_listening, by_a_thread), (by_getting_messages, by_async_listening, by_running))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask an idle subscriber's node soon."""
    monkeypatch.setattr(wiring, "HEALTH_CHECK_SECONDS", 0.3)


def as_admin(topology: RedisProcesses) -> dict[str, Any]:
    return topology.credentials | {"username": "admin", "password": topology.passwords["admin"]}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("pair"), replicas=1) as made:
        yield made


@pytest.fixture
def names(pair: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names(monkeypatch)
    pair.publish(made)
    return made


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("fault", ["killed", "frozen", "demoted"])
def test_every_subscriber_hears_the_new_master(whole: RedisProcesses, fault: str) -> None:
    old = whole.master()
    with subscribed(whole, as_admin(whole), FORMS) as subscribers, contextlib.ExitStack() as stack:
        if fault == "killed":
            old.kill()
        elif fault == "frozen":
            old.freeze()
            stack.callback(old.thaw)  # whoever still listens to it hears that the test is over
        else:
            whole.command(whole.sentinels[0], "SENTINEL", "FAILOVER", whole.master_name)
        wait_until(lambda: whole.master() is not old, "another node is the master")
        subscribers.hear()
        if fault != "demoted":  # a demoted master passes on what it hears of the new one until its Sentinels cut its clients
            wait_until(
                lambda: all(heard.missed for heard in subscribers.heard.values()), "all are told that they may have missed"
            )
            assert min(min(heard.missed) for heard in subscribers.heard.values()) > 0


def demote(pair: ManagedGroup, names: Names) -> None:
    """Let the name lead to the other node. The old one keeps its connections; here it follows nobody and hears nothing."""
    (old,) = pair.primaries()
    new = next(node for node in pair.nodes if node is not old)
    pair.command(new, "REPLICAOF", "NO", "ONE")
    pair.command(old, "REPLICAOF", "127.0.0.1", "1")
    names.addresses[pair.primary_name] = [new.host]


@pytest.mark.usefixtures("soon")
def test_a_subscriber_leaves_a_demoted_primary_that_its_client_knows_of(pair: ManagedGroup, names: Names) -> None:
    with connected(pair) as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        demote(pair, names)
        client.set("a", 1)  # READONLY, then OK
        wait_until(lambda: [client.publish("news", "x"), subscriber.get_message(timeout=0.1)][1], "the new primary is heard")

    async def use(client: Any) -> None:
        async with client.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("news")
            await asyncio.to_thread(demote, pair, names)
            await client.set("a", 1)
            while await subscriber.get_message(timeout=0.1) is None:
                await client.publish("news", "x")

    in_async(pair, use)


# --- over a link that stops and goes on ---

HALF = 40  # bytes of a message that has begun
LONG = b"x" * 1000


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("subscribers"), replicas=0) as made:
        yield made


@pytest.fixture
def link(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The primary's name leads through a relay."""
    names = Names(monkeypatch)
    group.publish(names)
    with Relay(group.nodes[0]) as relay:
        names.addresses[group.primary_name] = [relay.host]
        yield relay


def publish(group: ManagedGroup, message: bytes) -> None:
    wait_until(lambda: group.command(group.nodes[0], "PUBLISH", "news", message.decode()) == 1, "somebody listens")


def assert_only_confirmations_before(found: list[Any], link: Relay) -> None:
    """Before the message came nothing but the confirmation of a subscription, which is ignored, on each connection."""
    assert found[-1]["data"] == LONG
    assert len(found) - 1 <= link.accepted


def stop_in_the_middle(group: ManagedGroup, link: Relay) -> None:
    before = link.passed["to_client"]
    link.hold("to_client", HALF)
    publish(group, LONG)
    wait_until(lambda: link.passed["to_client"] == before + HALF, "the message has begun")


@pytest.mark.parametrize("timeout", [0, 0.01])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_message_that_has_arrived_in_part_is_kept(group: ManagedGroup, link: Relay, protocol: int, timeout: float) -> None:
    """redis-py's synchronous subscriber closes its connection, and the message is lost (redis/redis-py#4106)."""
    missed: list[float] = []
    with connected(group) as client:
        client.connection_pool.connection_kwargs["protocol"] = protocol
        with client.pubsub(on_resubscribed=missed.append) as subscriber:
            subscriber.subscribe("news")
            wait_until(lambda: subscriber.get_message(timeout=timeout), "the subscription is confirmed")
            stop_in_the_middle(group, link)
            for _ in range(5):
                assert subscriber.get_message(timeout=timeout) is None
            link.release("to_client")
            found: list[Any] = []

            def came() -> bool:
                found.append(subscriber.get_message(timeout=timeout))
                return found[-1] is not None

            wait_until(came, "the message is there")
            assert found[-1]["data"] == LONG
    assert (link.accepted, missed) == (1, [])


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio_a_message_that_has_arrived_in_part_is_kept(group: ManagedGroup, link: Relay, protocol: int) -> None:
    async def use(client: Any) -> None:
        client.connection_pool.connection_kwargs["protocol"] = protocol
        async with client.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("news")
            await subscriber.get_message(timeout=1)
            await asyncio.to_thread(stop_in_the_middle, group, link)
            for _ in range(5):
                assert await subscriber.get_message(timeout=0.01) is None
            link.release("to_client")
            message = await subscriber.get_message(timeout=SLOWEST_SECONDS)
            assert message["data"] == LONG

    in_async(group, use)
    assert link.accepted == 1


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("protocol", [2, 3])
def test_an_answered_ping_is_no_message_and_a_silent_link_is_left(group: ManagedGroup, link: Relay, protocol: int) -> None:
    """In RESP2 a subscriber's PING is answered by a list, in RESP3 by a word."""

    def pinged() -> int:
        return int(group.command(group.nodes[0], "INFO", "commandstats")["cmdstat_ping"]["calls"])

    def leave(heard: Callable[[], bool]) -> None:
        before = pinged()
        wait_until(lambda: pinged() >= before + 3, "it goes on waiting when PINGs are answered")
        link.hold("to_client")
        wait_until(lambda: link.accepted > 1, "another connection is made")
        link.release("to_client")
        publish(group, LONG)
        wait_until(heard, "the message is there")

    async def use(client: Any) -> None:
        client.connection_pool.connection_kwargs["protocol"] = protocol
        async with client.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("news")
            before = await asyncio.to_thread(pinged)
            while await asyncio.to_thread(pinged) < before + 3:
                assert await subscriber.get_message(timeout=0.1) is None
            assert link.accepted == 1

            async def hear() -> list[Any]:
                found: list[Any] = []
                while not (found and found[-1]):
                    found.append(await subscriber.get_message(timeout=None))
                return found

            listening = asyncio.create_task(hear())
            await asyncio.to_thread(leave, listening.done)
            assert_only_confirmations_before(await listening, link)

    with connected(group, policy=SLOW) as client:
        client.connection_pool.connection_kwargs["protocol"] = protocol
        with client.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.subscribe("news")
            before = pinged()
            wait_until(lambda: subscriber.get_message(timeout=0.1) or pinged() >= before + 3, "three PINGs are answered")
            assert link.accepted == 1
            with ThreadPoolExecutor(1) as threads:

                def hear_in_a_thread() -> list[Any]:
                    found: list[Any] = []
                    while not (found and found[-1]):
                        found.append(subscriber.get_message(timeout=None))
                    return found

                listening = threads.submit(hear_in_a_thread)
                leave(listening.done)
                assert_only_confirmations_before(listening.result(), link)
    link.accepted = 0
    in_async(group, use, policy=SLOW)


def test_asyncio_a_connection_that_the_system_gave_up_is_left(group: ManagedGroup, link: Relay) -> None:
    """TCP's keepalive ends the connection to a machine that vanished. redis-py takes that for a wait without a message."""

    async def use(client: Any) -> None:
        async with client.pubsub(ignore_subscribe_messages=True) as subscriber:
            await subscriber.subscribe("news")
            await subscriber.get_message(timeout=1)
            subscriber.connection._reader.set_exception(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
            await subscriber.get_message(timeout=1)
            assert link.accepted == 2

    in_async(group, use)


def listeners(topology: RedisProcesses, *names: str) -> list[int]:
    """How many listen to two channels and to all patterns, on the master."""
    counts: Any = topology.command(topology.master(), "PUBSUB", "NUMSUB", *names)
    patterns: Any = topology.command(topology.master(), "PUBSUB", "NUMPAT")
    return [*(int(count) for count in counts[1::2]), int(patterns)]


def test_what_was_being_left_is_not_subscribed_to_again(topology: RedisProcesses) -> None:
    """The node was lost before it confirmed. redis-py subscribes to all of it again."""
    client = connect(topology.connection, as_admin(topology))
    subscriber = client.pubsub()
    subscriber.subscribe("left", "kept")
    subscriber.psubscribe("left*")
    wait_until(lambda: listeners(topology, "left", "kept") == [1, 1, 1], "all are subscribed to")
    subscriber.pending_unsubscribe_channels.add(b"left")
    subscriber.pending_unsubscribe_patterns.add(b"left*")
    subscriber.connection.disconnect()
    subscriber.get_message(timeout=0.1)
    wait_until(lambda: listeners(topology, "left", "kept") == [0, 1, 0], "one is subscribed to again")
    subscriber.close()
    client.close()


def test_asyncio_what_was_being_left_is_not_subscribed_to_again(topology: RedisProcesses) -> None:
    async def use() -> None:
        client = aio.connect(topology.connection, as_admin(topology))
        subscriber: Any = client.pubsub()
        await subscriber.subscribe("left", "kept")
        await subscriber.psubscribe("left*")
        await asyncio.to_thread(wait_until, lambda: listeners(topology, "left", "kept") == [1, 1, 1], "all are there")
        subscriber.pending_unsubscribe_channels.add(b"left")
        subscriber.pending_unsubscribe_patterns.add(b"left*")
        await subscriber.connection.disconnect()
        await subscriber.get_message(timeout=0.1)
        await asyncio.to_thread(wait_until, lambda: listeners(topology, "left", "kept") == [0, 1, 0], "one is there again")
        await subscriber.aclose()
        await client.aclose()

    asyncio.run(use())
