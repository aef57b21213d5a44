"""Pipelines and transactions of a real cluster: what is known of each command, and what is sent again."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import FailoverPolicy, NotExecutedError, OutcomeUnknownError, outcome_of, outcomes_of
from redis_ha_client.budget import attempt, command_budget
from tests.client.test_libraries import settled
from tests.support.connecting import ONCE, POLICY, connected, in_async
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.twins import TWINS, Commands, executed, queued, used
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

BOOKING: Commands = [("INCRBY", "{a}paid", 10), ("INCR", "{a}text"), ("INCR", "{a}late")]
WRITES_THEN_FAILS = "redis.call('INCR', KEYS[1]); return redis.call('INCR', KEYS[2])"
COUNT = "return redis.call('INCR', KEYS[1])"
SHORT = replace(POLICY, total_seconds=1)
PATIENT_ONCE = replace(ONCE, read_seconds=SLOWEST_SECONDS)  # a busy machine's pauses end no wait


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("cluster"), cluster=True, shards=3, replicas=1) as made:
        yield made


@pytest.fixture(autouse=True)
def names(cluster: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Publish the cluster's names; the cluster is mended and emptied afterwards."""
    made = Names(monkeypatch)
    cluster.publish(made)
    yield made
    cluster.heal()
    for node in cluster.primaries():
        cluster.command(node, "FLUSHALL")


def on_other_node(cluster: ManagedGroup) -> str:
    """Give a key that another node than that of {a} serves."""
    return next(key for key in "bcdefgh" if cluster.primary_of(key) is not cluster.primary_of("{a}"))


def held_commands(twin: str, seconds: float = SLOWEST_SECONDS) -> Commands:
    """Redis answers the first, and the second keeps it from the third until somebody pushes.

    seconds: the longest that Redis waits for the push. A client that hears nothing waits as long, and its read_seconds.
    """
    return [("INCR", f"{{a}}{twin}-paid"), ("BLPOP", f"{{a}}{twin}-gate", seconds), ("INCR", f"{{a}}{twin}-late")]


def wait_held(cluster: ManagedGroup, count: int = 1) -> None:
    def held() -> bool:
        rows = str(cluster.command(cluster.primary_of("{a}"), "CLIENT", "LIST"))
        return rows.count("cmd=blpop") == count

    wait_until(held, "pipelines wait on the primary")


def paid(cluster: ManagedGroup) -> list[Any]:
    return [cluster.command(cluster.primary_of("{a}"), "GET", f"{{a}}{twin}-paid") for twin in TWINS]


# --- an error among the replies ---


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("transaction", [False, True])
def test_what_ran_beside_an_error_is_not_called_failed(cluster: ManagedGroup, twin: str, *, transaction: bool) -> None:
    primary = cluster.primary_of("{a}")
    cluster.command(primary, "SET", "{a}text", "words")
    error = executed(cluster, twin, BOOKING, transaction=transaction)
    assert isinstance(error, exceptions.ResponseError)
    assert outcome_of(error) == "unknown"
    assert outcomes_of(error) == ["executed", "failed", "executed"]
    assert cluster.command(primary, "GET", "{a}paid") == "10"
    script = [("GET", "{a}text"), ("EVAL", WRITES_THEN_FAILS, 2, "{a}counted", "{a}text")]
    failed = executed(cluster, twin, script, transaction=transaction)
    assert outcomes_of(failed) == ["executed", "unknown"]
    _, reply = executed(cluster, twin, script, transaction=transaction, raise_on_error=False)
    assert outcome_of(reply) == "unknown"
    discarded = executed(cluster, twin, [("INCR", "{a}paid"), ("GET", "b")], transaction=True)
    assert isinstance(discarded, exceptions.RedisClusterException)
    assert outcomes_of(discarded) == ["failed", "failed"]


@pytest.mark.parametrize("twin", TWINS)
def test_what_cannot_be_sent_is_told_before_anything_is(cluster: ManagedGroup, twin: str) -> None:
    """Another node would have had its part by then."""
    error = executed(cluster, twin, [("INCR", "{a}paid"), ("SET", on_other_node(cluster), object())])
    assert isinstance(error, exceptions.DataError)
    assert outcomes_of(error) == ["failed", "failed"]
    assert cluster.command(cluster.primary_of("{a}"), "GET", "{a}paid") is None


def test_asyncio_an_answer_that_cannot_be_decoded_leaves_the_other_nodes_answers_in_order(cluster: ManagedGroup) -> None:
    """redis-py raises UnicodeDecodeError in the middle: meanwhile the other node's answer is still read."""
    other = on_other_node(cluster)

    async def use(client: Any) -> None:
        await client.set("{a}binary", b"\xff")
        pipeline = queued(client.pipeline(), [("GET", "{a}binary"), ("BLPOP", other, 0.2), ("INCR", other)])
        with pytest.raises(UnicodeDecodeError) as caught:
            await pipeline.execute()
        assert outcomes_of(caught.value) == ["unknown", "executed", "executed"]
        assert await client.get(other) == "1"

    in_async(cluster, use, decode_responses=True)


# --- a pipeline that ends half way ---


def while_held(cluster: ManagedGroup, fault: Callable[[], object], policy: FailoverPolicy) -> list[Any]:
    """Lose the primary half way through a pipeline of each half; give their replies, or their exceptions."""
    other = on_other_node(cluster)

    def execute(twin: str) -> Any:
        return executed(cluster, twin, [*held_commands(twin), ("INCR", f"{{{other}}}{twin}")], policy=policy)

    with ThreadPoolExecutor(len(TWINS)) as threads:
        executing = [threads.submit(execute, twin) for twin in TWINS]
        wait_held(cluster, len(TWINS))
        cluster.wait_copied(cluster.primary_of("{a}"))
        fault()
        with connected(cluster) as client:
            for twin in TWINS:
                client.rpush(f"{{a}}{twin}-gate", "open")
        found = [one.result() for one in executing]
    for replies in found:
        if not isinstance(replies, Exception):
            replies[1] = replies[1][1].decode()
    return found


def test_what_was_answered_before_a_primaries_death_is_not_sent_again(cluster: ManagedGroup) -> None:
    old = cluster.primary_of("{a}")

    def kill() -> None:
        old.kill()
        wait_until(lambda: cluster.primary_of("{a}") is not old, "a replica was promoted")

    assert while_held(cluster, kill, replace(POLICY, read_seconds=SLOWEST_SECONDS)) == [[1, "open", 1, 1]] * len(TWINS)
    assert paid(cluster) == ["1", "1"]


@pytest.mark.parametrize("twin", TWINS)
def test_what_one_node_leaves_in_doubt_says_nothing_about_anothers(cluster: ManagedGroup, twin: str) -> None:
    """One node falls silent half way; another refuses for a while, which is certain: sent again by a client that may not."""
    silent, other = cluster.primary_of("{a}"), on_other_node(cluster)
    refusing = cluster.primary_of(other)
    cluster.command(refusing, "CONFIG", "SET", "min-replicas-to-write", "9")

    def freeze() -> None:
        wait_held(cluster)
        silent.freeze()
        threading.Timer(0.7, cluster.command, (refusing, "CONFIG", "SET", "min-replicas-to-write", "0")).start()

    # Nobody pushes: the client waits out the whole hold, which has to outlast only the look at it and the signal.
    commands = [("INCR", other), *held_commands(twin, ONCE.read_seconds)]
    error = executed(cluster, twin, commands, meanwhile=freeze, policy=replace(ONCE, read_seconds=2))
    assert isinstance(error, OutcomeUnknownError)
    assert outcomes_of(error) == ["executed", "executed", "unknown", "unknown"]
    assert cluster.command(refusing, "GET", other) == "1"


@pytest.mark.parametrize("twin", TWINS)
def test_between_two_attempts_a_layout_is_read_from_nodes_that_are_dialled_once(cluster: ManagedGroup, twin: str) -> None:
    """A dial to a silent node would be repeated until the budget is over, and with it what the pipeline still had to do."""
    seen: list[bool] = []

    async def refreshed(client: Any) -> None:
        async def read() -> None:
            seen.append(budget.busy)

        with command_budget(client.policy, "pipeline") as budget:
            if twin == "asyncio":
                client._read_layout = read
            else:
                client.nodes_manager.initialize = lambda: seen.append(budget.busy)
            for around in (contextlib.nullcontext(), attempt(budget)):
                with around:
                    await settled(client.refresh())
                    assert budget.busy is isinstance(around, attempt)

    if twin == "asyncio":
        in_async(cluster, refreshed)
    else:
        with connected(cluster) as client:
            asyncio.run(refreshed(client))
    assert seen == [True, True]


@pytest.mark.parametrize("twin", TWINS)
def test_wait_does_not_answer_for_a_write_that_follows_by_itself(cluster: ManagedGroup, twin: str) -> None:
    primary = cluster.primary_of("{a}")
    cluster.command(primary, "CONFIG", "SET", "min-replicas-to-write", "9")
    threading.Timer(0.7, cluster.command, (primary, "CONFIG", "SET", "min-replicas-to-write", "0")).start()
    commands = [("INCR", "{a}paid"), ("WAIT", 1, 100), ("GET", "{a}paid")]
    paid, counted, read = executed(cluster, twin, commands, raise_on_error=False)
    assert (paid, read) == (1, b"1")  # in this order, though the node had answered the read
    assert isinstance(counted, OutcomeUnknownError)
    paid, counted, read = executed(cluster, twin, commands, raise_on_error=False)
    assert (paid, isinstance(counted, int), read) == (2, True, b"2")


def test_what_a_demoted_primary_sent_away_is_sent_on(cluster: ManagedGroup) -> None:
    """MOVED, or UNBLOCKED: not executed, so sent on though nothing may be sent twice. After UNBLOCKED the node closes."""
    old, looks = cluster.primary_of("{a}"), itertools.count()

    def took_over() -> bool:
        """Ask again after 6 s: a request ends after 5 s, and primaries vote now and then only (redis/redis src/cluster.c)."""
        if next(looks) % 120 == 0 and cluster.primary_of("{a}") is old:
            cluster.command(cluster.replica_of(old), "CLUSTER", "FAILOVER")
        return cluster.primary_of("{a}") is not old

    for outcome in while_held(cluster, lambda: wait_until(took_over, "the replica took over", every=0.05), PATIENT_ONCE):
        if isinstance(outcome, Exception):
            assert outcomes_of(outcome) == ["executed", "executed", "unknown", "executed"]
        else:
            assert outcome == [1, "open", 1, 1]
    assert paid(cluster) == ["1", "1"]


# --- execute() again ---


@pytest.mark.parametrize("transaction", [False, True])
def test_an_emptied_pipeline_never_silently_does_nothing(cluster: ManagedGroup, *, transaction: bool) -> None:
    cluster.command(cluster.primary_of("{a}"), "SET", "{a}text", "words")
    empty = pytest.raises(exceptions.RedisError, match=r"the pipeline is empty: its last execute\(\) ended with ResponseError")
    with connected(cluster) as client:
        pipeline = client.pipeline(transaction=transaction)
        assert pipeline.execute() == []
        with pytest.raises(exceptions.ResponseError):
            queued(pipeline, BOOKING).execute()
        with empty as told:
            pipeline.execute()
        assert outcomes_of(told.value) == ["executed", "failed", "executed"]
        assert queued(pipeline, [("GET", "{a}late")]).execute() == [b"1"]
        assert pipeline.execute() == []

    async def use(client: Any) -> None:
        pipeline = client.pipeline(transaction=transaction)
        assert await pipeline.execute() == []
        with pytest.raises(exceptions.ResponseError):
            await queued(pipeline, BOOKING).execute()
        with empty as told:
            await pipeline.execute()
        assert outcomes_of(told.value) == ["executed", "failed", "executed"]
        assert await queued(pipeline, [("GET", "{a}late")]).execute() == [b"2"]
        assert await pipeline.execute() == []

    in_async(cluster, use)


# --- scripts ---


def test_a_lost_shard_keeps_no_script_from_the_others(cluster: ManagedGroup) -> None:
    """redis-py loads a missing script on every primary before it calls it again."""
    lost, other = cluster.primary_of("{a}"), on_other_node(cluster)
    with connected(cluster, policy=SHORT) as client:
        client.get(other)
        cluster.replica_of(lost).kill()
        lost.kill()
        assert client.register_script(COUNT)(keys=[other]) == 1
        with pytest.raises(NotExecutedError):
            client.register_script(COUNT)(keys=["{a}"])
    cluster.command(cluster.primary_of(other), "SCRIPT", "FLUSH")

    async def use(client: Any) -> Any:
        return await client.register_script(COUNT)(keys=[other])

    assert in_async(cluster, use, policy=SHORT) == 2


def test_a_clusters_pipeline_takes_a_script_as_text(cluster: ManagedGroup) -> None:
    """redis-py refuses EVALSHA there, and says so when it is queued; EVAL goes where its keys are."""
    with connected(cluster) as client:
        with client.pipeline() as pipeline, pytest.raises(exceptions.RedisClusterException, match="evalsha is blocked"):
            client.register_script(COUNT)(keys=["b"], client=pipeline)
        text = [("EVAL", COUNT, 1, key) for key in ("a", "b", "c", "d")]
        assert queued(client.pipeline(), text).execute() == [1, 1, 1, 1]


@pytest.mark.parametrize("twin", TWINS)
def test_a_script_that_is_refused_inside_a_transaction_is_tried_again(cluster: ManagedGroup, twin: str) -> None:
    """Nothing was changed beside it. Where something was, nobody may do it again."""
    primary = cluster.primary_of("{a}")
    script = ("EVAL", COUNT, 1, "{a}counted")
    cluster.command(primary, "CONFIG", "SET", "min-replicas-to-write", "9")
    threading.Timer(0.7, cluster.command, (primary, "CONFIG", "SET", "min-replicas-to-write", "0")).start()
    assert executed(cluster, twin, [("GET", "{a}nothing"), script], transaction=True, policy=ONCE) == [None, 1]
    cluster.command(primary, "CONFIG", "SET", "min-replicas-to-write", "9")
    try:
        error = executed(cluster, twin, [("PUBLISH", "{a}news", "x"), script], transaction=True, policy=ONCE)
    finally:
        cluster.command(primary, "CONFIG", "SET", "min-replicas-to-write", "0")
    assert isinstance(error, exceptions.ResponseError)
    assert "NOREPLICAS" in str(error)
    assert outcomes_of(error)[0] == "executed"


# --- a watched key whose slot moves ---


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("twin", TWINS)
def test_what_was_watched_on_another_node_is_not_written_unwatched(cluster: ManagedGroup, twin: str, *, gone: bool) -> None:
    """Another command of the client has read the layout after a failover, and another client has changed what is watched."""
    old = cluster.primary_of("{a}")
    new = cluster.replica_of(old)

    async def watch_and_write(client: Any) -> None:
        pipeline = client.pipeline(transaction=True)
        await settled(pipeline.watch("{a}text"))
        await asyncio.to_thread(cluster.fail_over, new)
        if gone:
            old.kill()
        while client.get_node_from_key("{a}text").host != cluster.node_name(new):  # not every node has heard of it yet
            await settled(client.refresh())
        await asyncio.to_thread(cluster.command, new, "SET", "{a}text", "theirs")
        pipeline.multi()
        pipeline.set("{a}text", "ours")
        with pytest.raises(exceptions.WatchError):
            await settled(pipeline.execute())
        assert await settled(client.get("{a}text")) == b"theirs"
        await settled(pipeline.watch("{a}text"))
        pipeline.multi()
        pipeline.set("{a}text", "ours")
        assert len(await settled(pipeline.execute())) == 1
        await settled(pipeline.reset())
        if twin == "asyncio":  # whose nodes hold their connections themselves, and take any back
            idle = [(node.host, one.host) for node in client.nodes_manager.nodes_cache.values() for one in node._free]
            assert idle
            assert [host for host, leads_to in idle if leads_to != host] == []

    used(cluster, twin, watch_and_write)
    assert cluster.command(new, "GET", "{a}text") == "ours"


def test_what_watches_on_a_node_that_left_the_layout_is_closed(cluster: ManagedGroup) -> None:
    held = cluster.primary_of("{a}")

    def watching() -> int:
        return str(cluster.command(held, "CLIENT", "LIST")).count(" name=leaver ")

    with connected(cluster, client_name="leaver") as client:
        pipeline = client.pipeline(transaction=True)
        pipeline.watch("{a}text")
        assert watching() == 1
        pools = client.nodes_manager.nodes_cache
        client.nodes_manager.nodes_cache = {name: node for name, node in pools.items() if node.host != cluster.node_name(held)}
        pipeline.reset()
        wait_until(lambda: watching() == 0, "nothing is left open")
