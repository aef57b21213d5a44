"""Pipelines and transactions of real servers: what is known of each command, and what `execute` does after a failure."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import DocumentError, NotExecutedError, OutcomeUnknownError, aio, connect, outcome_of, outcomes_of
from tests.client.test_documents import changed
from tests.support.connecting import ONCE, POLICY, connected, hasten, in_async
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.twins import TWINS, Commands, executed, queued
from tests.support.waiting import answer, wait_until

pytestmark = pytest.mark.servers

BOOKING: Commands = [("INCRBY", "paid", 10), ("INCR", "text"), ("INCR", "late")]
# Redis answers the first, and the second keeps it from the third until somebody pushes, or the client is sent away.
HELD: Commands = [("INCR", "paid"), ("BLPOP", "gate", 30), ("INCR", "late")]
PAID = [f"{twin}-paid" for twin in TWINS]
PATIENT = replace(ONCE, read_seconds=60)  # a busy machine's pauses end no wait
SHORT = replace(POLICY, total_seconds=0.5)
WRITES_THEN_FAILS = "redis.call('INCR', KEYS[1]); return redis.call('INCR', KEYS[2])"


class OtherUser:
    """The documents of a topology with the login of another user."""

    def __init__(self, topology: RedisProcesses, username: str, password: str) -> None:
        self.connection = topology.connection
        self.credentials = topology.credentials | {"username": username, "password": password}


@pytest.fixture
def clean(topology: RedisProcesses) -> RedisProcesses:
    answer(lambda: topology.command(topology.master(), "FLUSHALL"), "the master is emptied")
    answer(lambda: topology.command(topology.master(), "SET", "text", "words"), "the master takes a key")
    return topology


@pytest.fixture
def breakable(whole: RedisProcesses) -> RedisProcesses:
    answer(lambda: whole.command(whole.master(), "FLUSHALL"), "the master is emptied")
    return whole


def held(topology: RedisProcesses) -> list[Any]:
    """Give the clients that wait in BLPOP."""
    with topology.admin(topology.master()) as client:
        return [row for row in client.client_list() if row["cmd"] == "blpop"]


def wait_held(topology: RedisProcesses, count: int = 1) -> None:
    wait_until(lambda: len(held(topology)) == count, "pipelines wait on the master")


def value(topology: RedisProcesses, key: str) -> Any:
    return answer(lambda: topology.command(topology.master(), "GET", key), "the master answers")


@contextlib.contextmanager
def without_replicas(topology: RedisProcesses) -> Iterator[None]:
    """Let the master refuse writes (NOREPLICAS) during the block."""
    master = topology.master()
    topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "9")
    try:
        yield
    finally:
        topology.command(master, *topology.enough)


def test_a_topology_that_is_whole_takes_writes(whole: RedisProcesses) -> None:
    """Also after a Sentinel had its master write down how few replicas the test before asked for."""
    master = whole.master()
    with without_replicas(whole):
        whole.command(master, "CONFIG", "REWRITE")
    master.kill()
    master.start()
    asked = ("CONFIG", "GET", "min-replicas-to-write")
    wait_until(lambda: "9" in str(whole.command(master, *asked)), "the master has read its file")
    whole.heal()
    whole.command(whole.master(), "FLUSHALL")


# --- an error among the replies ---


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("transaction", [False, True])
def test_what_ran_beside_an_error_is_not_called_failed(clean: RedisProcesses, twin: str, *, transaction: bool) -> None:
    error = executed(clean, twin, BOOKING, transaction=transaction)
    assert isinstance(error, exceptions.ResponseError)
    assert outcome_of(error) == "unknown"
    assert outcomes_of(error) == ["executed", "failed", "executed"]
    assert value(clean, "paid") == "10"
    replies = executed(clean, twin, BOOKING, transaction=transaction, raise_on_error=False)
    assert [replies[0], outcome_of(replies[1]), replies[2]] == [20, "failed", 2]


@pytest.mark.parametrize("twin", TWINS)
def test_a_script_that_fails_after_a_write_is_not_called_failed(clean: RedisProcesses, twin: str) -> None:
    script = ("EVAL", WRITES_THEN_FAILS, 2, "counted", "text")
    for transaction in (False, True):
        error = executed(clean, twin, [("GET", "text"), script], transaction=transaction)
        assert outcomes_of(error) == ["executed", "unknown"]
        replies = executed(clean, twin, [("GET", "text"), script], transaction=transaction, raise_on_error=False)
        assert outcome_of(replies[1]) == "unknown"
    missing = executed(clean, twin, [("GET", "text"), ("EVALSHA", "0" * 40, 0)])
    assert outcomes_of(missing) == ["executed", "failed"]

    async def use(client: Any) -> Any:
        with pytest.raises(exceptions.ResponseError, match="not an integer") as caught:
            await client.eval(*script[1:])
        return outcome_of(caught.value)

    if twin == "asyncio":
        assert in_async(clean, use) == "unknown"
    else:
        with connected(clean) as client, pytest.raises(exceptions.ResponseError) as caught:
            client.eval(*script[1:])
        assert outcome_of(caught.value) == "unknown"
    assert value(clean, "counted") == "5"


@pytest.mark.parametrize("twin", TWINS)
def test_a_discarded_transaction_is_failed_and_one_without_multi_is_not(clean: RedisProcesses, twin: str) -> None:
    refused = executed(clean, twin, [("INCR", "paid"), ("INCR", "a", "b", "c")], transaction=True)
    assert outcomes_of(refused) == ["failed", "failed"]
    assert outcome_of(refused) == "failed"
    assert value(clean, "paid") is None
    # A user who may not MULTI: by the time EXEC is refused, each command was executed when it came.
    master = clean.master()
    clean.command(master, "ACL", "SETUSER", "single", "on", ">single-password", "~*", "+@all", "-multi")
    try:
        error = executed(OtherUser(clean, "single", "single-password"), twin, [("INCR", "paid")], transaction=True)
    finally:
        clean.command(master, "ACL", "DELUSER", "single")
    assert isinstance(error, exceptions.ResponseError)
    assert value(clean, "paid") == "1"
    assert outcome_of(error) == "unknown"


# --- a pipeline that ends half way ---


@pytest.mark.parametrize("twin", TWINS)
def test_what_was_answered_before_a_freeze_is_known(breakable: RedisProcesses, twin: str) -> None:
    master = breakable.master()

    def freeze() -> None:
        wait_held(breakable)
        master.freeze()

    with breakable.nobody_down():
        error = executed(breakable, twin, HELD, meanwhile=freeze, policy=replace(ONCE, read_seconds=2))
        master.thaw()
    assert isinstance(error, OutcomeUnknownError)
    assert outcomes_of(error) == ["executed", "unknown", "unknown"]
    assert value(breakable, "paid") == "1"


def test_what_was_answered_before_the_masters_death_is_not_sent_again(breakable: RedisProcesses) -> None:
    """Both halves in one failover."""
    old = breakable.master()

    def kill() -> None:
        wait_held(breakable, 2)
        for node in breakable.data:
            wait_until(lambda node=node: breakable.command(node, "MGET", *PAID) == ["1", "1"], "every node has it")  # type: ignore[misc]
        old.kill()
        wait_until(lambda: breakable.master() is not old, "another node is the master")
        wait_held(breakable, 2)
        with connected(breakable) as client:
            for twin in TWINS:
                client.rpush(f"{twin}-gate", "open")

    def execute(twin: str) -> Any:
        commands = [("INCR", f"{twin}-paid"), ("BLPOP", f"{twin}-gate", 30), ("INCR", f"{twin}-late")]
        return executed(breakable, twin, commands, policy=replace(POLICY, read_seconds=60))

    with ThreadPoolExecutor(len(TWINS)) as threads:
        executing = [threads.submit(execute, twin) for twin in TWINS]
        kill()
        for replies in executing:
            paid, popped, late = replies.result()
            assert (paid, popped[1], late) == (1, b"open", 1)
    assert breakable.command(breakable.master(), "MGET", *PAID) == ["1", "1"]


@pytest.mark.parametrize("twin", TWINS)
def test_what_was_refused_half_way_is_sent_again_and_the_rest_is_not(clean: RedisProcesses, twin: str) -> None:
    """Also if nothing may be sent twice: nothing is in doubt. A replica's READONLY is the next test."""
    master = clean.master()

    def refuse() -> None:
        wait_held(clean)
        with without_replicas(clean):
            clean.command(master, "CLIENT", "UNBLOCK", str(held(clean)[0]["id"]))
            wait_until(lambda: refusals(clean) > before, "the third command is refused")

    before = refusals(clean)
    assert executed(clean, twin, HELD, meanwhile=refuse, policy=PATIENT) == [1, None, 1]
    assert value(clean, "paid") == "1"


@pytest.mark.parametrize("twin", TWINS)
def test_a_read_after_a_refused_write_comes_after_it(clean: RedisProcesses, twin: str) -> None:
    """The node answers reads while it refuses writes."""
    before = refusals(clean)

    def refuse() -> None:
        wait_until(lambda: refusals(clean) > before, "a write is refused")
        clean.command(clean.master(), *clean.enough)

    commands = [("INCR", "paid"), ("GET", "paid"), ("LLEN", "text"), ("INCR", "paid")]
    with without_replicas(clean):
        replies = executed(clean, twin, commands, policy=ONCE, raise_on_error=False, meanwhile=refuse)
    assert [replies[0], replies[1], type(replies[2]).__name__, replies[3]] == [1, b"1", "ResponseError", 2]


@pytest.mark.parametrize("twin", TWINS)
def test_what_follows_a_select_is_not_sent_to_another_database(clean: RedisProcesses, twin: str) -> None:
    """The refused command is sent again on a new connection, with all that stood before it."""
    master = clean.master()
    before = refusals(clean)

    def unblock() -> None:
        wait_held(clean)
        clean.command(master, "CLIENT", "UNBLOCK", str(held(clean)[0]["id"]))

    def refuse() -> None:
        wait_held(clean)
        with without_replicas(clean):
            unblock()
            wait_until(lambda: refusals(clean) > before, "the third command is refused")
        unblock()

    commands = [("SELECT", 3), *HELD[1:]]
    patient = replace(POLICY, read_seconds=60)
    assert executed(clean, twin, commands, meanwhile=refuse, policy=patient) == [True, None, 1]
    assert clean.command(master, "INFO", "keyspace")["db3"]["keys"] == 1
    assert value(clean, "late") is None


def refusals(topology: RedisProcesses) -> int:
    with topology.admin(topology.master()) as client:
        found: Any = client.info("errorstats")
    return int(found.get("errorstat_NOREPLICAS", {"count": 0})["count"])


def demote(topology: RedisProcesses, master: Node) -> None:
    """Let the master be a replica of nobody for a while."""
    topology.command(master, "REPLICAOF", "127.0.0.1", "1")
    threading.Timer(0.7, topology.command, (master, "REPLICAOF", "NO", "ONE")).start()


@pytest.mark.parametrize("twin", TWINS)
def test_a_read_that_a_demoted_master_answered_leaves_its_refused_writes_certain(breakable: RedisProcesses, twin: str) -> None:
    """READONLY comes after a reply, on a connection from before the demotion; the client sends nothing twice."""
    master = breakable.master()
    commands = [("GET", "paid"), ("INCR", "paid"), ("INCR", "paid")]
    assert executed(breakable, twin, commands, before=lambda _: demote(breakable, master), policy=ONCE) == [None, 1, 2]


@pytest.mark.parametrize("twin", TWINS)
def test_what_a_demoted_master_sent_away_was_not_executed(breakable: RedisProcesses, twin: str) -> None:
    """UNBLOCKED, and the node closes the connection: nobody can know what became of the third command."""
    master = breakable.master()

    def cut() -> None:
        wait_held(breakable)
        demote(breakable, master)

    error = executed(breakable, twin, HELD, meanwhile=cut, policy=PATIENT)
    assert outcomes_of(error) == ["executed", "failed", "unknown"]


@pytest.mark.parametrize("twin", TWINS)
def test_a_budget_that_ends_in_the_middle_says_what_was_executed(clean: RedisProcesses, twin: str) -> None:
    with without_replicas(clean):
        error = executed(clean, twin, [("GET", "text"), ("INCR", "paid")], before=lambda client: hasten(client, SHORT))
    assert isinstance(error, OutcomeUnknownError)
    assert "1 of 2 were executed, the others NOT EXECUTED" in str(error)
    assert outcomes_of(error) == ["executed", "failed"]


@pytest.mark.parametrize("twin", TWINS)
def test_a_wait_in_a_pipeline_gets_its_time(clean: RedisProcesses, twin: str) -> None:
    """README recommends it: with the time of an answer alone, the write beside it was sent again and again."""
    short = replace(POLICY, read_seconds=0.5)
    replicas = [node for node in clean.data if node is not clean.master()]
    with clean.nobody_down():
        for node in replicas:
            node.freeze()
        try:
            replies = executed(clean, twin, [("INCR", "paid"), ("WAIT", 2, 1500)], policy=short)
        finally:
            for node in replicas:
                node.thaw()
    assert replies == [1, 0]
    assert value(clean, "paid") == "1"


@pytest.mark.parametrize("twin", TWINS)
def test_a_pipeline_that_waits_for_ever_is_refused_and_a_transaction_waits_not(clean: RedisProcesses, twin: str) -> None:
    refused = executed(clean, twin, [("BLPOP", "gate", 0)])
    assert isinstance(refused, DocumentError)
    assert outcome_of(refused) == "failed"
    assert executed(clean, twin, [("BLPOP", "gate", 0)], transaction=True) == [None]


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("transaction", [False, True])
def test_a_pipelines_error_shows_no_argument(clean: RedisProcesses, twin: str, *, transaction: bool) -> None:
    error = executed(clean, twin, [("GET", "text"), ("LPUSH", "text", "card-4711")], transaction=transaction)
    assert "Command # 2 (LPUSH) of pipeline caused error: " in str(error)
    assert "card-4711" not in str(error)


# --- execute() again ---


@pytest.mark.parametrize("transaction", [False, True])
def test_an_emptied_pipeline_never_silently_does_nothing(clean: RedisProcesses, *, transaction: bool) -> None:
    with connected(clean) as client:
        pipeline = client.pipeline(transaction=transaction)
        assert pipeline.execute() == []  # a new one, as redis-py has it
        with pytest.raises(exceptions.ResponseError):
            queued(pipeline, BOOKING).execute()
        for _ in range(2):
            with pytest.raises(
                exceptions.RedisError, match=r"the pipeline is empty: its last execute.* ended with Resp"
            ) as told:
                pipeline.execute()
            assert outcomes_of(told.value) == ["executed", "failed", "executed"]
        assert queued(pipeline, [("GET", "late")]).execute() == [b"1"]
        assert pipeline.execute() == []
        with pytest.raises(exceptions.ResponseError):
            queued(pipeline, BOOKING).execute()
        pipeline.watch("late")
        pipeline.multi()
        assert queued(pipeline, [("GET", "late")]).execute() == [b"2"]
        with pytest.raises(exceptions.ResponseError):
            queued(pipeline, BOOKING).execute()
        pipeline.reset()
        assert pipeline.execute() == []


def test_asyncio_an_emptied_pipeline_never_silently_does_nothing(clean: RedisProcesses) -> None:
    async def use(client: Any) -> None:
        pipeline = client.pipeline(transaction=False)
        assert await pipeline.execute() == []
        with pytest.raises(exceptions.ResponseError):
            await queued(pipeline, BOOKING).execute()
        with pytest.raises(exceptions.RedisError, match=r"the pipeline is empty: its last execute.* ended with Resp") as told:
            await pipeline.execute()
        assert outcomes_of(told.value) == ["executed", "failed", "executed"]
        assert await queued(pipeline, [("GET", "late")]).execute() == [b"1"]
        with pytest.raises(exceptions.ResponseError):
            await queued(pipeline, BOOKING).execute()
        await pipeline.watch("late")
        pipeline.multi()
        assert await queued(pipeline, [("GET", "late")]).execute() == [b"2"]

    in_async(clean, use)


def test_one_rule_for_a_dial_that_failed_and_for_a_refusal(clean: RedisProcesses) -> None:
    """redis-py keeps the queue when no connection was to be had, and forgets it when a node refused (redis/redis-py#488)."""
    closed = changed(clean.connection, "sentinels", [{"host": clean.sentinels[0].host, "port": 1}])
    client = connect(closed, clean.credentials, policy=SHORT)
    pipeline = queued(client.pipeline(), BOOKING)
    check_emptied(pipeline)
    client.close()
    with connected(clean) as other, without_replicas(clean):
        other.ping()
        hasten(other, SHORT)
        check_emptied(queued(other.pipeline(), BOOKING))

    async def check(pipeline: Any) -> None:
        with pytest.raises(NotExecutedError):
            await pipeline.execute()
        with pytest.raises(exceptions.RedisError, match="ended with NotExecutedError") as told:
            await pipeline.execute()
        assert outcomes_of(told.value) == ["failed"] * 3

    async def refused(client: Any) -> None:
        await client.ping()
        hasten(client, SHORT)
        await check(queued(client.pipeline(), BOOKING))

    async def not_dialled() -> None:
        async with aio.connect(closed, clean.credentials, policy=SHORT) as async_client:
            await check(queued(async_client.pipeline(), BOOKING))

    asyncio.run(not_dialled())
    with without_replicas(clean):
        in_async(clean, refused)


def check_emptied(pipeline: Any) -> None:
    with pytest.raises(NotExecutedError):
        pipeline.execute()
    assert len(pipeline) == 0
    with pytest.raises(exceptions.RedisError, match="ended with NotExecutedError") as told:
        pipeline.execute()
    assert not isinstance(told.value, exceptions.ConnectionError)
    assert outcomes_of(told.value) == ["failed"] * 3


def test_a_lost_watch_empties_the_pipeline_too(breakable: RedisProcesses) -> None:
    master = breakable.master()
    with breakable.nobody_down(), connected(breakable) as client:
        client.set("watched", 1)
        pipeline = client.pipeline()
        pipeline.watch("watched")
        pipeline.multi()
        pipeline.set("watched", 2)
        breakable.command(master, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(exceptions.WatchError):
            pipeline.execute()
        with pytest.raises(exceptions.RedisError, match=r"ended with WatchError.*WATCH the keys. again"):
            pipeline.execute()
        pipeline.watch("watched")
        pipeline.multi()
        pipeline.set("watched", 3)
        assert pipeline.execute() == [True]
        assert client.get("watched") == b"3"
