"""Clients of a real cluster, 3 primaries with a replica each: killed, frozen and switched primaries, slots that move."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis import exceptions

from redis_ha_client import NotExecutedError, OutcomeUnknownError, aio, describe, outcome_of
from tests.support.connecting import ONCE, POLICY, connected, in_async
from tests.support.health import QUICK, monitored, wait_for
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import DATA_PORT, Node
from tests.support.streams import counts, streams_of
from tests.support.twins import TWINS
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

KEYS = [f"key-{number}" for number in range(30)]  # on all shards


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("cluster"), cluster=True, shards=3, replicas=1) as made:
        yield made


@pytest.fixture
def names(cluster: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Publish the cluster's names; the cluster is mended and emptied afterwards."""
    made = Names(monkeypatch)
    cluster.publish(made)
    yield made
    cluster.heal()
    for node in cluster.primaries():
        cluster.command(node, "FLUSHALL")


def successor(cluster: ManagedGroup, old: Node, key: str) -> Callable[[], bool]:
    def succeeded() -> bool:
        return cluster.primary_of(key) is not old

    return succeeded


def set_five(pipeline: Any) -> None:
    pipeline.multi()
    pipeline.set("{a}1", 5)


# --- a healthy cluster ---


@pytest.mark.usefixtures("names")
def test_writes_and_reads_on_every_shard(cluster: ManagedGroup) -> None:
    with connected(cluster, decode_responses=True, client_name="test-cluster") as client:
        for number, key in enumerate(KEYS):
            assert client.set(key, number) is True
        assert [client.get(key) for key in KEYS] == [str(number) for number in range(len(KEYS))]
        assert all(cluster.command(node, "DBSIZE") > 0 for node in cluster.primaries())
        pipeline = client.pipeline()
        for key in KEYS:
            pipeline.incr(key)
        assert pipeline.execute() == [number + 1 for number in range(len(KEYS))]
        with client.pipeline(transaction=True) as pipeline:
            # As RedisCluster does it: a transaction's replies come as the server gave them.
            assert pipeline.set("{a}1", 1).incr("{a}1").get("{a}1").execute() == ["OK", 2, "2"]
        with client.pipeline(transaction=True) as pipeline, pytest.raises(exceptions.RedisClusterException):
            pipeline.set("a", 1).set("b", 1).execute()
        assert client.transaction(set_five, "{a}1") == ["OK"]
        assert client.blpop(["nothing"], timeout=0.1) is None
        with client.pipeline() as pipeline, pytest.raises(exceptions.ResponseError, match="WRONGTYPE"):
            pipeline.lpush(KEYS[0], 1).get(KEYS[1]).execute()
        assert describe(client)["endpoints"] == {"configuration": f"{cluster.configuration_name}:6379"}


@pytest.mark.usefixtures("names")
def test_asyncio_writes_and_reads_on_every_shard(cluster: ManagedGroup) -> None:
    async def use(client: Any) -> None:
        await asyncio.gather(*(client.set(key, number) for number, key in enumerate(KEYS)))
        assert await asyncio.gather(*(client.get(key) for key in KEYS)) == [str(number) for number in range(len(KEYS))]
        pipeline = client.pipeline()
        for key in KEYS:
            pipeline.incr(key)
        assert await pipeline.execute() == [number + 1 for number in range(len(KEYS))]
        async with client.pipeline(transaction=True) as pipeline:
            assert await pipeline.set("{a}1", 1).incr("{a}1").get("{a}1").execute() == [True, 2, "2"]
        async with client.pipeline(transaction=True) as pipeline:
            await pipeline.watch("{a}1")
            assert await pipeline.get("{a}1") == "2"
            await client.set("{a}1", 7)
            pipeline.multi()
            pipeline.set("{a}1", 8)
            with pytest.raises(exceptions.WatchError):
                await pipeline.execute()
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.set("a", 1).set("b", 1)
            with pytest.raises(exceptions.RedisClusterException):
                await pipeline.execute()
        assert await client.blpop(["nothing"], timeout=0.1) is None
        async with client.pipeline() as pipeline:
            pipeline.lpush(KEYS[0], 1).get(KEYS[1])
            with pytest.raises(exceptions.ResponseError, match="WRONGTYPE"):
                await pipeline.execute()
            pipeline.lpush(KEYS[0], 1).get(KEYS[1])
            failed, got = await pipeline.execute(raise_on_error=False)
            assert (type(failed).__name__, got) == ("ResponseError", "2")

    in_async(cluster, use, decode_responses=True)


def test_the_layout_comes_from_the_configuration_endpoint_alone(cluster: ManagedGroup, names: Names) -> None:
    """Nodes come and go (redis/redis-py#3310): the configuration endpoint's name is looked up for every layout."""
    with connected(cluster) as client:
        assert list(client.nodes_manager.startup_nodes) == [f"{cluster.configuration_name}:6379"]
        before = names.looked_up.count(cluster.configuration_name)
        client.refresh()
        assert names.looked_up.count(cluster.configuration_name) == before + 1
        assert list(client.nodes_manager.startup_nodes) == [f"{cluster.configuration_name}:6379"]

    async def use(client: Any) -> None:
        before = names.looked_up.count(cluster.configuration_name)
        await client.refresh()
        assert names.looked_up.count(cluster.configuration_name) == before + 1

    in_async(cluster, use)


def reads(cluster: ManagedGroup, kind: str) -> int:
    nodes = [node for node in cluster.nodes if (cluster.role(node) == "master") == (kind == "primary")]
    found = [cluster.command(node, "INFO", "commandstats") for node in nodes]
    return sum(row.get("cmdstat_get", {"calls": 0})["calls"] for row in found)


@pytest.mark.usefixtures("names")
def test_a_reader_reads_from_replicas(cluster: ManagedGroup) -> None:
    for node in cluster.nodes:
        cluster.command(node, "CONFIG", "RESETSTAT")
    with connected(cluster, reader=True) as client:
        for key in KEYS:
            client.set(key, 1)
            client.get(key)

    async def use(client: Any) -> None:
        for key in KEYS:
            await client.get(key)

    in_async(cluster, use, reader=True)
    assert (reads(cluster, "primary"), reads(cluster, "replica")) == (0, 2 * len(KEYS))


@pytest.mark.usefixtures("names")
def test_a_full_pool_is_told_and_no_reason_to_suspect_the_node(cluster: ManagedGroup) -> None:
    policy = replace(POLICY, total_seconds=1)

    def push() -> None:
        cluster.command(cluster.primary_of("queue"), "RPUSH", "queue", "done")

    with connected(cluster, pool_size=1, policy=policy) as client, ThreadPoolExecutor() as threads:
        client.ping()
        layouts = client.nodes_manager._get_epoch()
        blocked = threads.submit(client.blpop, ["queue"], timeout=SLOWEST_SECONDS)
        wait_until(lambda: cluster_sees(cluster, "blpop"), "the only connection waits")
        with pytest.raises(exceptions.MaxConnectionsError, match="raise pool_size") as caught:
            client.rpush("queue", 1)
        assert outcome_of(caught.value) == "failed"
        push()
        assert blocked.result() == (b"queue", b"done")
        assert client.nodes_manager._get_epoch() == layouts

    async def use(async_client: Any) -> None:
        await async_client.ping()
        waiting = asyncio.create_task(async_client.blpop(["queue"], timeout=SLOWEST_SECONDS))
        await asyncio.to_thread(wait_until, lambda: cluster_sees(cluster, "blpop"), "the only connection waits")
        with pytest.raises(NotExecutedError, match="raise pool_size"):
            await async_client.rpush("queue", 1)
        await asyncio.to_thread(push)
        assert await waiting == (b"queue", b"done")

    in_async(cluster, use, pool_size=1, policy=policy)


def cluster_sees(cluster: ManagedGroup, command: str) -> bool:
    return any(f"cmd={command}" in str(cluster.command(node, "CLIENT", "LIST")) for node in cluster.nodes)


# --- a primary that dies ---


@pytest.mark.usefixtures("names")
def test_redis_py_alone_does_not_ride_over_a_failover(cluster: ManagedGroup) -> None:
    """The control: without it, the tests below could not fail. Its retries are spent long before a replica is promoted."""
    user, password = cluster.credentials["username"], cluster.credentials["password"]
    plain = redis.RedisCluster(host=cluster.configuration_name, port=DATA_PORT, username=user, password=password)
    plain.set("a", 1)
    cluster.primary_of("a").kill()
    with pytest.raises((exceptions.ConnectionError, exceptions.TimeoutError, exceptions.RedisClusterException)):
        plain.incr("a")
    plain.close()


@pytest.mark.usefixtures("names")
def test_no_command_of_a_stream_fails_when_a_primary_dies(cluster: ManagedGroup) -> None:
    with connected(cluster) as client:
        with streams_of(client, lambda: aio.connect(cluster.connection, cluster.credentials, policy=POLICY)) as streams:
            old = cluster.primary_of(streams[0].key)
            copied = counts(streams)
            cluster.wait_copied(old)
            old.kill()
            acknowledged = counts(streams)
            wait_until(successor(cluster, old, streams[0].key), "a replica was promoted")
        # Replication is asynchronous: what was acknowledged in the last moment may be lost, and nothing else. That is what came
        # after the replica was seen to have all, and before the kill: one more, whose answer was on its way to the writer.
        for stream, first, last in zip(streams, copied, acknowledged, strict=True):
            assert all(first <= number <= last for number in stream.lost(client))


@pytest.mark.usefixtures("names")
def test_a_switch_on_request_costs_no_command(cluster: ManagedGroup) -> None:
    with connected(cluster) as client:
        with streams_of(client, lambda: aio.connect(cluster.connection, cluster.credentials, policy=ONCE)) as streams:
            key = streams[-1].key
            old = cluster.primary_of(key)
            replica = cluster.replica_of(old)
            cluster.command(replica, "CLUSTER", "FAILOVER")
            wait_until(successor(cluster, old, key), "the replica took over")
        assert cluster.primary_of(key) is replica


@pytest.mark.usefixtures("names")
def test_commands_survive_a_primary_that_falls_silent(cluster: ManagedGroup) -> None:
    """No error comes from the old node, only silence. A client that sends nothing twice says what it does not know."""
    old = cluster.primary_of("a")
    with connected(cluster) as client, connected(cluster, policy=replace(ONCE, read_seconds=1)) as careful:
        client.set("a", 0)
        assert careful.get("a") == b"0"
        old.freeze()
        with pytest.raises(OutcomeUnknownError, match="INCRBY was sent and no answer came") as caught:
            careful.incr("a")
        assert outcome_of(caught.value) == "unknown"
        assert client.incr("a") >= 1

    async def use(async_client: Any) -> None:
        assert await async_client.incr("a") >= 2

    in_async(cluster, use)


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
@pytest.mark.usefixtures("names")
def test_what_was_never_sent_is_tried_again_even_if_nothing_may_be_sent_twice(cluster: ManagedGroup, twin: str) -> None:
    """The dead node refuses the dial; CLUSTER SLOTS goes to another one in between, and is not the user's command."""
    with connected(cluster) as client:
        client.set("a", 0)
        cluster.wait_copied(cluster.primary_of("a"))

    async def use(async_client: Any) -> Any:
        await async_client.get("b")  # the layout is known; no connection to the node of "a" yet
        cluster.primary_of("a").kill()
        return await async_client.incr("a")

    if twin == "asyncio":
        assert in_async(cluster, use, policy=ONCE) == 1
        return
    with connected(cluster, policy=ONCE) as client:
        cluster.primary_of("a").kill()
        assert client.incr("a") == 1


@pytest.mark.usefixtures("names")
def test_pipelines_and_transactions_survive_a_primaries_death(cluster: ManagedGroup) -> None:
    """All four at once, in one outage."""

    def queue(pipeline: Any, keys: list[str]) -> Any:
        for key in keys:
            pipeline.set(key, "new")
        return pipeline

    tagged = [f"{{a}}{number}" for number in range(3)]
    with connected(cluster) as client:
        client.ping()

        async def at_once(async_client: Any) -> Any:
            await async_client.ping()
            cluster.primary_of("a").kill()
            return await asyncio.gather(
                asyncio.to_thread(queue(client.pipeline(), KEYS).execute),
                asyncio.to_thread(queue(client.pipeline(transaction=True), tagged).execute),
                queue(async_client.pipeline(), KEYS).execute(),
                queue(async_client.pipeline(transaction=True), tagged).execute(),
            )

        by_node, whole, async_by_node, async_whole = in_async(cluster, at_once)
        assert by_node == async_by_node == [True] * len(KEYS)
        assert (whole, async_whole) == ([b"OK"] * 3, [True] * 3)
        assert client.get(KEYS[-1]) == b"new"


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
@pytest.mark.usefixtures("names")
def test_a_pipeline_whose_answers_are_lost_is_not_sent_twice_on_request(cluster: ManagedGroup, twin: str) -> None:
    """The silent node may have executed its part: those commands are unknown; the other nodes' parts have their answers."""
    silent = cluster.primary_of(KEYS[0])
    once = replace(ONCE, read_seconds=2)

    def check(replies: list[Any]) -> None:
        lost = [isinstance(reply, OutcomeUnknownError) for reply in replies]
        assert lost == [cluster_key_on(key) for key in KEYS]
        assert {reply for reply in replies if not isinstance(reply, Exception)} == {1}

    slots = {key: cluster.primary_of(key) for key in KEYS}

    def cluster_key_on(key: str) -> bool:
        return slots[key] is silent

    async def use(async_client: Any) -> list[Any]:
        await async_client.pipeline().get(KEYS[0]).execute()  # a connection that is open
        silent.freeze()
        pipeline = async_client.pipeline()
        for key in KEYS:
            pipeline.incr(key)
        return await pipeline.execute(raise_on_error=False)  # type: ignore[no-any-return]

    if twin == "asyncio":
        check(in_async(cluster, use, policy=once))
        return
    with connected(cluster, policy=once) as client:
        client.get(KEYS[0])
        silent.freeze()
        pipeline = client.pipeline()
        for key in KEYS:
            pipeline.incr(key)
        check(pipeline.execute(raise_on_error=False))


@pytest.mark.usefixtures("names")
def test_a_lost_watch_is_told_and_a_refused_one_is_tried_again(cluster: ManagedGroup) -> None:
    def set_two(pipeline: Any) -> Any:
        pipeline.multi()
        pipeline.set("a", 2)
        return pipeline.execute

    lost = pytest.raises(exceptions.WatchError, match="connection that watched the keys was lost")
    with connected(cluster) as client:
        client.set("a", 1)
        with client.pipeline(transaction=True) as pipeline:
            cluster.primary_of("a").kill()
            pipeline.watch("a")  # nothing was watched yet: rides over the failover
            assert int(pipeline.get("a") or 1) == 1
            cluster.heal()

            async def both_lose(async_client: Any) -> None:
                async with async_client.pipeline(transaction=True) as async_pipeline:
                    await async_pipeline.watch("a")
                    cluster.primary_of("a").kill()
                    with lost:
                        set_two(pipeline)()
                    with lost:
                        await set_two(async_pipeline)()

            in_async(cluster, both_lose)
        cluster.heal()
        assert client.transaction(set_five, "{a}1") == [b"OK"]


@pytest.mark.usefixtures("names")
def test_a_lost_shard_fails_its_own_keys_only(cluster: ManagedGroup) -> None:
    lost = cluster.primary_of("a")
    replica = cluster.replica_of(lost)
    other = next(key for key in KEYS if cluster.primary_of(key) is not lost)
    with connected(cluster, policy=replace(POLICY, total_seconds=1.5)) as client:
        client.set("a", 1)
        replica.kill()
        lost.kill()
        with pytest.raises(NotExecutedError, match=r"INCRBY: NOT EXECUTED, given up after .* attempts") as caught:
            client.incr("a")
        assert outcome_of(caught.value) == "failed"
        assert client.set(other, 1) is True

    async def use(async_client: Any) -> None:
        with pytest.raises(NotExecutedError):
            await async_client.incr("a")
        assert await async_client.set(other, 1) is True

    in_async(cluster, use, policy=replace(POLICY, total_seconds=1.5))


@pytest.mark.usefixtures("names")
def test_a_slot_that_nobody_serves_fails_its_own_keys_only(cluster: ManagedGroup) -> None:
    owner = cluster.primary_of("a")
    slot = str(cluster.command(owner, "CLUSTER", "KEYSLOT", "a"))
    for node in cluster.nodes:
        cluster.command(node, "CLUSTER", "DELSLOTS", slot)
    policy = replace(POLICY, total_seconds=1)
    try:
        with connected(cluster, policy=policy) as client:
            assert client.set("b", 1) is True
            with pytest.raises(NotExecutedError, match="no node serves the slot") as caught:
                client.get("a")
            assert outcome_of(caught.value) == "failed"

        async def use(async_client: Any) -> None:
            assert await async_client.set("b", 1) is True
            with pytest.raises(NotExecutedError, match="no node serves the slot"):
                await async_client.get("a")

        in_async(cluster, use, policy=policy)
    finally:
        cluster.command(owner, "CLUSTER", "ADDSLOTS", slot)


# --- slots that move ---


@pytest.mark.usefixtures("names")
def test_commands_follow_a_slot_that_moves(cluster: ManagedGroup) -> None:
    """MOVED, ASK and TRYAGAIN: not executed there, so tried elsewhere or later, also if nothing may be sent twice."""
    source = cluster.primary_of("{a}1")
    target = next(node for node in cluster.primaries() if node is not source)
    slot = str(cluster.command(source, "CLUSTER", "KEYSLOT", "{a}1"))
    ids = {node: str(cluster.command(node, "CLUSTER", "MYID")) for node in (source, target)}

    def migrate(*keys: str) -> None:
        for key in keys:
            login = ("AUTH2", "admin", cluster.passwords["admin"])
            cluster.command(source, "MIGRATE", target.host, str(DATA_PORT), key, "0", "2000", *login)

    def settle(owner: Node) -> None:
        for node in cluster.primaries():
            cluster.command(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[owner])

    with connected(cluster, policy=ONCE) as client:
        client.mset({"{a}1": 1, "{a}2": 2})
        cluster.command(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        cluster.command(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        migrate("{a}1")
        assert client.incr("{a}1") == 2  # ASK

        def finish_later() -> None:
            migrate("{a}2")
            settle(target)

        finish = threading.Timer(1.5, finish_later)
        finish.start()
        assert client.mget("{a}1", "{a}2") == [b"2", b"2"]  # TRYAGAIN until both are there, then MOVED
        finish.join()
        assert client.incr("{a}1") == 3
        assert cluster.primary_of("{a}1") is target
        settle_back(cluster, client, (source, target), slot, ids)

    async def use(async_client: Any) -> None:
        assert await async_client.incr("{a}1") == 4

    in_async(cluster, use, policy=ONCE)


def settle_back(cluster: ManagedGroup, client: Any, nodes: tuple[Node, Node], slot: str, ids: dict[Node, str]) -> None:
    """Give the slot back, so that the next test finds the cluster as it was."""
    source, target = nodes
    cluster.command(source, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[target])
    cluster.command(target, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[source])
    login = ("AUTH2", "admin", cluster.passwords["admin"])
    for key in ("{a}1", "{a}2"):
        cluster.command(target, "MIGRATE", source.host, str(DATA_PORT), key, "0", "2000", *login)
    for node in cluster.primaries():
        cluster.command(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[source])
    assert client.get("{a}2") == b"2"


ONE_FAILURE = replace(QUICK, threshold=1)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("twin", TWINS)
def test_a_shard_that_takes_no_writes_is_down(cluster: ManagedGroup, twin: str) -> None:
    """Every shard is probed, whichever it is."""
    with connected(cluster) as client, monitored(client, twin, preset=ONE_FAILURE) as monitor:
        for node in cluster.primaries():
            wait_for(monitor, "up")
            cluster.command(node, "CLIENT", "PAUSE", "600000", "WRITE")
            wait_for(monitor, "down")
            cluster.command(node, "CLIENT", "UNPAUSE")
        wait_for(monitor, "up")


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("twin", TWINS)
def test_a_health_monitor_is_up_again_when_every_slot_is_served_again(cluster: ManagedGroup, twin: str) -> None:
    """Its layout lacked a slot. No command of its own would have read it anew."""
    # The probe's first key has the tag 0.
    owner, slot = cluster.primary_of("0"), str(cluster.command(cluster.nodes[0], "CLUSTER", "KEYSLOT", "0"))
    with connected(cluster) as client, monitored(client, twin) as monitor:
        wait_for(monitor, "up")
        for node in cluster.nodes:
            cluster.command(node, "CLUSTER", "DELSLOTS", slot)
        try:
            wait_until(lambda: (monitor.status()["last_error"] or {}).get("class") == "SlotNotCoveredError", "a slot is missed")
        finally:
            cluster.command(owner, "CLUSTER", "ADDSLOTS", slot)
        wait_for(monitor, "up")
