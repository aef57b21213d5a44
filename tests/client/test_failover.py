"""Clients against real processes that are killed, frozen, demoted and switched, synchronous and asyncio."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis import exceptions

from redis_ha_client import (
    FailoverPolicy,
    NotExecutedError,
    OutcomeUnknownError,
    aio,
    connect,
    outcome_of,
)
from tests.client.test_documents import changed
from tests.support.connecting import POLICY, connected, hasten, in_async, thaw_before_the_next_attempt
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.streams import Stream, streams_of
from tests.support.waiting import SLOWEST_SECONDS, wait_until

SLACK_SECONDS = 10.0  # what a busy machine may add to a budget; the waits that a budget must cut are longer

pytestmark = pytest.mark.servers


def has_every_slot(client: redis.Redis | redis.RedisCluster) -> bool:
    """Tell whether every slot of the pool is back in its queue, as a connection or as the permission to make one."""
    assert isinstance(client, redis.Redis)
    pool: Any = client.connection_pool
    return bool(pool.pool.qsize() == pool.max_connections)


def later(seconds: float, act: Callable[[], object]) -> "threading.Timer":
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


# --- a healthy topology ---


def set_b(pipeline: Any) -> None:
    pipeline.multi()
    pipeline.set("b", 1)


def test_writes_and_reads(topology: RedisProcesses) -> None:
    with connected(topology, decode_responses=True, database=1, client_name="test-plain") as client:
        assert client.set("name", "value") is True
        assert client.get("name") == "value"
        with client.pipeline() as pipeline:
            assert pipeline.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
        with client.pipeline(transaction=False) as pipeline:
            assert pipeline.set("a", "x").incr("a").execute(raise_on_error=False)[0] is True
        assert client.transaction(set_b, "b") == [True]
        assert client.blpop(["nothing"], timeout=0.1) is None
        assert client.client_info()["name"] == "test-plain"
        assert client.client_info()["db"] == 1
        assert has_every_slot(client)


def test_asyncio_writes_and_reads(topology: RedisProcesses) -> None:
    async def use() -> None:
        client: Any = aio.connect(topology.connection, topology.credentials, policy=POLICY, decode_responses=True)
        async with client:
            assert await client.set("name", "value") is True
            assert await client.get("name") == "value"
            async with client.pipeline() as pipeline:
                queued: Any = pipeline
                assert await queued.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
            assert await client.transaction(set_b, "b") == [True]
            assert await client.blpop(["nothing"], timeout=0.1) is None

    asyncio.run(use())


def test_a_blocking_commands_own_time_comes_on_top(topology: RedisProcesses) -> None:
    """With nothing sent twice, a wait that is longer than read_seconds would be an error if it did not."""
    policy = replace(POLICY, read_seconds=1, resend_ambiguous=False, total_seconds=1.2)
    with connected(topology, policy=policy) as client:
        assert client.blpop(["nothing"], timeout=1.5) is None

    async def use(async_client: Any) -> None:
        assert await async_client.blpop(["nothing"], timeout=1.5) is None

    in_async(topology, use, policy=policy)


def names(topology: RedisProcesses) -> set[str]:
    """Give the connection names that all nodes and Sentinels see."""
    return {row["name"] for node in topology.nodes for row in listed(topology, node)}


def listed(topology: RedisProcesses, node: Node) -> Any:
    with topology.admin(node) as client:
        return client.client_list()


def test_close_closes_the_sentinels_connections_too(topology: RedisProcesses) -> None:
    client = connect(topology.connection, topology.credentials, client_name="test-close")
    client.ping()
    assert "test-close" in names(topology)
    named = [row["name"] for node in topology.sentinels for row in listed(topology, node)]
    assert "test-close" in named
    client.close()
    wait_until(lambda: "test-close" not in names(topology), "all connections are closed")

    async def use() -> None:
        client = aio.connect(topology.connection, topology.credentials, client_name="test-aclose")
        await client.ping()
        assert "test-aclose" in await asyncio.to_thread(names, topology)
        await client.aclose()

    asyncio.run(use())
    wait_until(lambda: "test-aclose" not in names(topology), "all connections are closed")


# --- a master that dies ---


@contextlib.contextmanager
def streaming(topology: RedisProcesses, client: Any) -> Iterator[list[Stream]]:
    """Write with 3 threads and 3 tasks until the block ends; then every writer must have lived on without one error."""

    def make_async() -> Any:
        return aio.connect(topology.connection, topology.credentials, policy=POLICY, pool_size=3)

    with streams_of(client, make_async) as streams:
        yield streams


def test_every_command_of_a_stream_survives_the_masters_death(whole: RedisProcesses) -> None:
    with connected(whole, pool_size=3) as client:
        old = whole.master()
        with streaming(whole, client) as streams:
            old.kill()
            wait_until(lambda: whole.master() is not old, "another node is the master")
        for i, stream in enumerate(streams):
            assert client.smismember(f"stream-{i}", stream.acknowledged[-10:]) == [1] * 10
        assert has_every_slot(client)


def test_a_switch_on_request_costs_no_command(whole: RedisProcesses) -> None:
    old = whole.master()
    with connected(whole, pool_size=3) as client:
        with streaming(whole, client):
            whole.command(whole.sentinels[0], "SENTINEL", "FAILOVER", whole.master_name)
            wait_until(lambda: whole.master() is not old, "another node is the master")
        assert has_every_slot(client)
        assert client.connection_pool.get_connection().host == whole.master().host


def test_commands_in_flight_survive_a_master_that_falls_silent(whole: RedisProcesses) -> None:
    """Issued before the cut and waiting on the master (BLPOP), or sent into the silence (INCR): both succeed."""
    old = whole.master()

    async def blocked_and_sent(frozen: threading.Event) -> list[Any]:
        async_client: Any = aio.connect(whole.connection, whole.credentials, policy=POLICY, client_name="test-blocked")
        async with async_client:
            await async_client.set("async-counter", 0)
            popped = asyncio.create_task(async_client.blpop(["async-queue"], timeout=4))
            await asyncio.to_thread(frozen.wait)
            return [await async_client.incr("async-counter") >= 1, await popped]

    with (
        contextlib.ExitStack() as stack,
        connected(whole, client_name="test-blocked") as client,
        ThreadPoolExecutor() as threads,
    ):
        client.set("counter", 0)
        # Two idle connections to the master that will be lost, of a client that sends nothing twice.
        once = stack.enter_context(
            connected(whole, policy=replace(POLICY, resend_ambiguous=False, read_seconds=2), pool_size=2)
        )
        for connection in [once.connection_pool.get_connection(), once.connection_pool.get_connection()]:
            once.connection_pool.release(connection)
        frozen = threading.Event()
        popped = threads.submit(client.blpop, ["queue"], timeout=4)
        both = threads.submit(asyncio.run, blocked_and_sent(frozen))
        wait_until(
            lambda: sum(row["cmd"] == "blpop" for row in listed(whole, old)) == 2, "both blocking commands wait on the master"
        )
        old.freeze()
        frozen.set()
        assert int(client.incr("counter")) >= 1
        assert client.rpush("queue", "late") == 1
        assert client.rpush("async-queue", "late") == 1
        assert popped.result() == (b"queue", b"late")
        assert both.result() == [True, (b"async-queue", b"late")]
        with pytest.raises(OutcomeUnknownError):
            once.incr("counter")
        once.incr("counter")
        # The other idle connection is still open to the silent node: it is dropped when taken, and nothing is sent on it.
        taken = once.connection_pool.get_connection()
        once.incr("counter")
        once.connection_pool.release(taken)
        assert whole.master() is not old
        assert has_every_slot(client)


# --- a node that refuses ---


def test_a_master_that_turned_read_only_is_asked_again(whole: RedisProcesses) -> None:
    """The READONLY path: the connection lives on, the node is no master for a while."""
    master = whole.master()
    with connected(whole) as client:
        client.set("a", 1)
        whole.command(master, "REPLICAOF", "127.0.0.1", "1")
        back = later(0.7, lambda: whole.command(master, "REPLICAOF", "NO", "ONE"))
        assert client.set("a", 2) is True
        back.join()
        assert client.get("a") == b"2"


def test_asyncio_a_master_that_turned_read_only_is_asked_again(whole: RedisProcesses) -> None:
    master = whole.master()

    async def use() -> None:
        async_client = aio.connect(whole.connection, whole.credentials, policy=POLICY)
        async with async_client:
            await async_client.set("a", 1)
            whole.command(master, "REPLICAOF", "127.0.0.1", "1")
            back = later(0.7, lambda: whole.command(master, "REPLICAOF", "NO", "ONE"))
            async with async_client.pipeline() as pipeline:
                pipeline.set("a", 2)
                pipeline.incr("a")
                assert await pipeline.execute() == [True, 3]
            await asyncio.to_thread(back.join)

    asyncio.run(use())


@pytest.mark.parametrize("resend", [True, False])
def test_a_master_without_enough_replicas_is_asked_again(topology: RedisProcesses, *, resend: bool) -> None:
    """NOREPLICAS: what a promoted master says until a replica has attached. Not executed, so tried again in both modes."""
    master = topology.master()
    topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "9")
    back = later(0.7, lambda: topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "1"))
    with connected(topology, policy=replace(POLICY, resend_ambiguous=resend)) as client:
        client.delete("once")
        assert client.incr("once") == 1
        back.join()
        topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "9")
        back = later(0.7, lambda: topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "1"))
        with client.pipeline() as pipeline:
            assert pipeline.incr("once").incr("once").execute() == [2, 3]
        back.join()


def test_a_refusal_that_lasts_is_reported_as_not_executed(topology: RedisProcesses) -> None:
    master = topology.master()
    with connected(topology) as client:
        client.set("a", "private-value")
        hasten(client, replace(POLICY, total_seconds=1))
        topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "9")
        try:
            with pytest.raises(NotExecutedError, match=r"SET: NOT EXECUTED.*NOREPLICAS Not enough good replicas") as caught:
                client.set("a", "private-value")
        finally:
            topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "1")
    assert outcome_of(caught.value) == "failed"
    assert "private-value" not in str(caught.value)


def test_a_node_that_is_no_master_gets_no_command(topology: RedisProcesses) -> None:
    """The ROLE check: what a Sentinel says may be old."""
    replica = next(node for node in topology.data if node is not topology.master())
    with connected(topology, policy=replace(POLICY, total_seconds=1)) as client:
        finder: Any = client.connection_pool.finder
        finder.find = lambda: (replica.address, topology.sentinels[0].address)
        with pytest.raises(NotExecutedError, match=f"{replica.host}:6379 was named as the master and says that it is a slave"):
            client.get("a")


# --- what was sent and stays unanswered ---


def counted_while_frozen(topology: RedisProcesses, policy: FailoverPolicy, key: str) -> int | Exception:
    """INCR on a master that is frozen until the client gives its answer up; give the answer or the error."""
    master = topology.master()
    with connected(topology, policy=policy) as client, topology.nobody_down():
        client.set(key, 0)
        master.freeze()
        try:
            return int(client.incr(key))
        except exceptions.RedisError as error:
            return error
        finally:
            master.thaw()


def test_an_unanswered_command_is_sent_twice_by_default_and_once_on_request(
    whole: RedisProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    thaw_before_the_next_attempt(monkeypatch, whole.master())
    assert counted_while_frozen(whole, POLICY, "resent") == 2
    error = counted_while_frozen(whole, replace(POLICY, resend_ambiguous=False), "once")
    assert isinstance(error, OutcomeUnknownError)
    assert "INCRBY was sent and no answer came; it is not sent again" in str(error)
    assert outcome_of(error) == "unknown"
    with connected(whole) as client:
        assert client.get("once") == b"1"


def test_asyncio_an_unanswered_command_is_not_sent_twice_on_request(whole: RedisProcesses) -> None:
    master = whole.master()

    async def use(async_client: Any) -> None:
        await async_client.set("once", 0)
        master.freeze()
        with pytest.raises(OutcomeUnknownError):
            await async_client.incr("once")
        master.thaw()
        assert await async_client.get("once") == b"1"

    with whole.nobody_down():
        in_async(whole, use, policy=replace(POLICY, resend_ambiguous=False))


@pytest.mark.parametrize(("resend", "told"), [(True, exceptions.WatchError), (False, OutcomeUnknownError)])
def test_a_lost_answer_to_exec_is_not_called_a_changed_key(whole: RedisProcesses, *, resend: bool, told: type) -> None:
    master = whole.master()
    policy = replace(POLICY, resend_ambiguous=resend)
    with whole.nobody_down(), connected(whole, policy=policy, pool_size=2) as client:
        client.set("watched", 1)
        with client.pipeline() as pipeline:
            pipeline.watch("watched")
            pipeline.multi()
            pipeline.set("watched", 2)
            master.freeze()
            with pytest.raises(told) as caught:
                pipeline.execute()
        assert outcome_of(caught.value) == "unknown"
        master.thaw()
        assert client.get("watched") == b"2"
        assert has_every_slot(client)


def test_a_watch_that_cannot_be_lifted_is_forgotten_and_its_slot_given_back(whole: RedisProcesses) -> None:
    master = whole.master()
    with whole.nobody_down(), connected(whole, pool_size=1) as client:
        with client.pipeline() as pipeline:
            pipeline.watch("watched")
            master.freeze()
        assert has_every_slot(client)
        master.thaw()
        assert client.ping() is True


def test_asyncio_a_watch_that_cannot_be_lifted_is_forgotten(whole: RedisProcesses) -> None:
    master = whole.master()

    async def use(async_client: Any) -> None:
        async with async_client.pipeline() as pipeline:
            await pipeline.watch("watched")
            master.freeze()
        master.thaw()
        assert await async_client.ping() is True

    with whole.nobody_down():
        in_async(whole, use, pool_size=1)


# --- Sentinels ---


def test_a_silent_sentinel_does_not_stall_the_look_up(whole: RedisProcesses) -> None:
    silent = whole.sentinels[0]
    silent.freeze()
    try:
        # redis-py's own look-up waits about a minute for one silent Sentinel.
        patience = replace(POLICY, total_seconds=20, sentinel_seconds=1)
        with connected(whole, policy=patience) as client:
            finder: Any = client.connection_pool.finder
            finder.order.answered(silent.address)
            assert finder.order.to_ask()[0] == silent.address
            assert client.ping() is True
            assert finder.order.to_ask()[-1] == silent.address

        async def use() -> None:
            async_client: Any = aio.connect(whole.connection, whole.credentials, policy=patience)
            finder: Any = async_client.connection_pool.finder
            finder.order.answered(silent.address)
            async with async_client:
                assert await async_client.ping() is True
            assert finder.order.to_ask()[-1] == silent.address

        asyncio.run(use())
    finally:
        silent.thaw()


@contextlib.contextmanager
def black_holes(count: int) -> Iterator[list[dict[str, Any]]]:
    """Addresses that accept connections and never answer."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        yield [{"host": "127.0.0.1", "port": listener.getsockname()[1]} for listener in listeners]


def ends_in_time(policy: FailoverPolicy, act: Callable[[], object]) -> Exception:
    """Give the error of `act`, which must come within the budget."""
    start = time.monotonic()
    with pytest.raises(exceptions.RedisError) as caught:
        act()
    assert time.monotonic() - start < (policy.total_seconds or 0) + SLACK_SECONDS
    return caught.value


def test_no_reachable_sentinel_is_told_one_by_one_within_the_budget(topology: RedisProcesses) -> None:
    policy = replace(POLICY, total_seconds=1.5)
    with black_holes(1) as silent:
        refused = {"host": topology.sentinels[0].host, "port": 1}
        unnamed = {"host": topology.sentinels[1].host, "port": topology.sentinels[1].port}
        connection = changed(topology.connection, "sentinels", [*silent, refused, unnamed])
        connection["master_name"] = "other"
        client = connect(connection, topology.credentials, policy=policy)
        async_client = aio.connect(connection, topology.credentials, policy=policy)

        async def use() -> None:
            async with async_client:
                await async_client.get("a")

        for act in (lambda: client.get("a"), lambda: asyncio.run(use())):
            error = ends_in_time(policy, act)
            assert isinstance(error, NotExecutedError)
            assert f"127.0.0.1:{silent[0]['port']} Timeout" in str(error)
            assert f"{refused['host']}:1 Error 111" in str(error)
            assert f"{unnamed['host']}:26379 watches no master 'other'" in str(error)
        client.close()


def test_the_budget_is_kept_when_nothing_answers(topology: RedisProcesses) -> None:
    """One silent Sentinel costs more than the budget: look-ups are cut, too."""
    policy = replace(POLICY, total_seconds=0.5, sentinel_seconds=4 * SLACK_SECONDS)
    with black_holes(3) as silent:
        connection = changed(topology.connection, "sentinels", silent)
        client = connect(connection, topology.credentials, policy=policy)
        error = ends_in_time(policy, lambda: client.get("a"))
        assert outcome_of(error) == "failed"
        assert "not asked, no time left" in str(error)
        with client.pipeline() as pipeline:
            pipeline.set("a", 1)
            assert outcome_of(ends_in_time(policy, pipeline.execute)) == "failed"
        with client.pubsub() as subscriber:
            assert outcome_of(ends_in_time(policy, lambda: subscriber.subscribe("a"))) == "failed"
        assert has_every_slot(client)
        client.close()


def test_the_budget_is_kept_when_the_master_falls_silent(whole: RedisProcesses) -> None:
    """The Sentinels go on naming the silent master. Without the budget an answer would be awaited for a minute."""
    policy = replace(POLICY, read_seconds=60, connect_seconds=60)
    short = replace(policy, total_seconds=0.5)
    with whole.nobody_down(), connected(whole, policy=policy, pool_size=2) as client:
        client.set("a", 1)
        master = whole.master()

        async def use(async_client: Any) -> None:
            await async_client.set("a", 1)
            master.freeze()
            hasten(async_client, short)
            await async_client.incr("a")

        try:
            assert outcome_of(ends_in_time(short, lambda: in_async(whole, use, policy=policy))) == "unknown"
            hasten(client, short)
            assert outcome_of(ends_in_time(short, lambda: client.incr("a"))) == "unknown"
            # Not sent any more: the greeting fails before. Both attempts give their slot back.
            assert outcome_of(ends_in_time(short, lambda: client.incr("a"))) == "failed"
            assert has_every_slot(client)
        finally:
            master.thaw()


def test_a_full_pool_fails_within_the_budget_and_says_what_to_do(topology: RedisProcesses) -> None:
    policy = replace(POLICY, total_seconds=60)
    short = replace(policy, total_seconds=0.5)
    with connected(topology, policy=policy, pool_size=1) as client:
        taken = client.connection_pool.get_connection()
        hasten(client, short)
        error = ends_in_time(short, lambda: client.get("a"))
        assert isinstance(error, NotExecutedError)
        assert "all 1 connections of this client are in use: raise pool_size" in str(error)
        client.connection_pool.release(taken)
        hasten(client, policy)
        client.get("a")


# --- wrong credentials ---


@pytest.mark.timeout(60, func_only=True)  # below the budget: these errors are told at once
@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("password", "6379 refuses user 'application' .* take `credentials` from the stack's outputs again"),
        ("sentinel_password", "Sentinels refuse user 'application': .*26379 .*26379 .*26379 "),
    ],
)
def test_a_wrong_password_is_told_at_once_and_not_shown(topology: RedisProcesses, key: str, told: str) -> None:
    policy = replace(POLICY, total_seconds=120)
    credentials = changed(topology.credentials, key, "hunter2-wrong")
    client = connect(topology.connection, credentials, policy=policy)
    async_client = aio.connect(topology.connection, credentials, policy=policy)

    async def use() -> None:
        async with async_client:
            await async_client.get("a")

    for act in (lambda: client.get("a"), lambda: asyncio.run(use())):
        with pytest.raises(exceptions.AuthenticationError, match=told) as caught:
            act()
        assert "hunter2" not in str(caught.value)
        assert topology.passwords["application"] not in str(caught.value)
        assert outcome_of(caught.value) == "failed"
    client.close()


@pytest.mark.timeout(60, func_only=True)
def test_a_user_who_may_not_ask_for_the_role_is_told_so(topology: RedisProcesses) -> None:
    master = topology.master()
    topology.command(master, "ACL", "SETUSER", "blind", "on", ">blind-password", "~*", "+@all", "-role")
    credentials = topology.credentials | {"username": "blind", "password": "blind-password"}
    client = connect(topology.connection, credentials, policy=replace(POLICY, total_seconds=120))
    with pytest.raises(exceptions.NoPermissionError, match=r"user 'blind' may not say ROLE on .*ACL: \+role"):
        client.get("a")
    client.close()
    topology.command(master, "ACL", "DELUSER", "blind")


# --- what else holds a connection ---


class InterruptedHere(BaseException):
    """As KeyboardInterrupt: no Exception."""


def test_an_interrupted_wait_leaves_no_reply_for_the_next_command(topology: RedisProcesses) -> None:
    """redis-py's Sentinel connection gives an interrupted connection back with the reply still to come (8.1.0)."""

    def interrupt(*_: object) -> None:
        raise InterruptedHere

    def interrupt_the_waiting() -> None:
        wait_until(lambda: any(row["cmd"] == "blpop" for row in listed(topology, master)), "the command waits on the master")
        os.kill(os.getpid(), signal.SIGUSR1)

    master = topology.master()
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with connected(topology, pool_size=1) as client, connected(topology) as other:
            other.set("a", "right")
            client.ping()
            with ThreadPoolExecutor(1) as threads:
                interrupted = threads.submit(interrupt_the_waiting)
                with pytest.raises(InterruptedHere):
                    client.blpop(["interrupted"], timeout=SLOWEST_SECONDS)
                interrupted.result()
            # The late reply of the interrupted command, if anybody still waited for it, would be the answer to the next one.
            other.rpush("interrupted", "wrong")
            assert client.get("a") == b"right"
            assert has_every_slot(client)
            other.delete("interrupted")
    finally:
        signal.signal(signal.SIGUSR1, before)


def heard(subscriber: Any) -> bytes | None:
    message = subscriber.get_message(ignore_subscribe_messages=True, timeout=0.1)
    return None if message is None else bytes(message["data"])


def test_a_subscriber_subscribes_again_after_a_cut(topology: RedisProcesses) -> None:
    credentials = topology.credentials | {"username": "admin", "password": topology.passwords["admin"]}
    client: Any = connect(topology.connection, credentials, policy=POLICY)

    async def use() -> None:
        async_client = aio.connect(topology.connection, credentials, policy=POLICY)
        async with async_client, async_client.pubsub() as subscriber:
            await subscriber.subscribe("news")
            while (await subscriber.get_message(timeout=0.1) or {"type": None})["type"] != "subscribe":
                pass
            await asyncio.to_thread(topology.command, topology.master(), "CLIENT", "KILL", "TYPE", "pubsub")
            for _ in range(100):
                await async_client.publish("news", "late")
                message = await subscriber.get_message(ignore_subscribe_messages=True, timeout=0.1)
                if message is not None:
                    assert message["data"] == b"late"
                    return
        pytest.fail("no message after the cut")

    with client.pubsub() as subscriber:
        subscriber.subscribe("news")
        assert heard(subscriber) is None
        topology.command(topology.master(), "CLIENT", "KILL", "TYPE", "pubsub")
        received = None
        for _ in range(100):
            client.publish("news", "late")
            received = received or heard(subscriber)
            if received:
                break
        assert received == b"late"
    client.close()
    asyncio.run(use())
