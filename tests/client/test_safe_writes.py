"""Safe writes against real processes: a write is acknowledged when all replicas have it, else its outcome is unknown."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import NotExecutedError, NotReplicated, OutcomeUnknownError, outcome_of, outcomes_of
from redis_ha_client.replicating import Safety
from tests.client.test_documents import changed
from tests.support.connecting import ONCE, POLICY, Documents
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.streams import PACE_SECONDS
from tests.support.twins import TWINS, settled, used
from tests.support.waiting import SLOWEST_SECONDS, answer, wait_until

pytestmark = pytest.mark.servers

# Waits for a replica as long as a busy machine may take.
PATIENT = replace(ONCE, total_seconds=SLOWEST_SECONDS, read_seconds=SLOWEST_SECONDS / 2)
DOUBLE = "return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))"
Act = Callable[[Any, str], Awaitable[Any]]


def safely(to: Documents, twin: str, act: Callable[[Any], Coroutine[Any, Any, Any]], **arguments: Any) -> Any:
    """Let `act` work with a client with safe writes."""
    return used(to, twin, act, safe_writes=True, **arguments)


def replicas_of(topology: RedisProcesses) -> list[Node]:
    master = topology.master()
    return [node for node in topology.data if node is not master]


@pytest.fixture
def frozen(whole: RedisProcesses) -> Iterator[Node]:
    """One of the two replicas stands still; the master goes on taking writes."""
    replica = replicas_of(whole)[0]
    replica.freeze()
    try:
        yield replica
    finally:
        replica.thaw()


# --- what writes is followed by a count ---


async def single(client: Any, key: str) -> None:
    await settled(client.incr(key))


async def raw(client: Any, key: str) -> None:
    await settled(client.execute_command(b"incr", key))


async def subcommand(client: Any, key: str) -> None:
    await settled(client.xgroup_create(f"{key}-stream", "group", mkstream=True))


async def script(client: Any, key: str) -> None:
    await settled(client.eval(DOUBLE, 1, key))


async def registered(client: Any, key: str) -> None:
    await settled(client.register_script(DOUBLE)(keys=[key]))


async def popping(client: Any, key: str) -> None:
    await settled(client.blpop(f"{key}-list", 5))


async def piped(client: Any, key: str) -> None:
    await settled(client.pipeline(transaction=False).get(key).incr(key).execute())


async def transacted(client: Any, key: str) -> None:
    await settled(client.pipeline().incr(key).incr(key).execute())


async def watched(client: Any, key: str) -> None:
    """Write at once, before MULTI."""
    pipeline = client.pipeline()
    await settled(pipeline.watch(key))
    try:
        await settled(pipeline.incr(key))
    finally:
        await settled(pipeline.reset())


async def checked_and_set(client: Any, key: str) -> None:
    """Redis-py does such a transaction again whenever a key that it watches has changed."""

    def act(pipeline: Any) -> None:
        pipeline.multi()
        pipeline.incr(key)

    await settled(client.transaction(act, key))


WRITING: tuple[Act, ...] = (
    *(single, raw, subcommand, script, registered, popping, piped, transacted, watched, checked_and_set),
)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("twin", TWINS)
def test_a_replica_that_does_not_answer_leaves_every_write_unknown(whole: RedisProcesses, twin: str) -> None:
    async def write(client: Any) -> None:
        for act in WRITING:
            key = f"safe-{twin}-{act.__name__}"
            whole.command(whole.master(), "RPUSH", f"{key}-list", "1")
            whole.command(whole.master(), "SET", key, "1")
            before = changes(whole)
            with pytest.raises(NotReplicated, match=r"executed on the master, and 1 of 2 replicas had it") as told:
                await act(client, key)
            assert (act, outcome_of(told.value)) == (act, "unknown")
            # It stands on the master, and was not done twice.
            assert (act, changes(whole) - before) == (act, 2 if act is transacted else 1)

    safely(whole, twin, write)


def changes(topology: RedisProcesses) -> int:
    """How many changes the master has counted since it was started."""
    told: Any = topology.command(topology.master(), "INFO", "persistence")
    return int(told["rdb_changes_since_last_save"])


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("twin", TWINS)
def test_each_command_of_a_pipeline_is_told_of(whole: RedisProcesses, twin: str) -> None:
    async def write(client: Any) -> None:
        await settled(client.get("safe-told"))
        for transaction in (False, True):
            pipeline = client.pipeline(transaction=transaction)
            pipeline.set("safe-told", "x").incr("safe-told").get("safe-told")
            with pytest.raises(NotReplicated) as told:
                await settled(pipeline.execute(raise_on_error=False))
            assert outcomes_of(told.value) == ["unknown", "failed", "executed"]

    safely(whole, twin, write)


@pytest.mark.parametrize("twin", TWINS)
def test_a_bare_multi_is_refused(whole: RedisProcesses, twin: str) -> None:
    """What follows it is queued: nobody could say what the replicas have. Transactions of a pipeline are counted."""

    async def begin(client: Any) -> None:
        for words in (("MULTI",), ("multi ",)):
            with pytest.raises(exceptions.DataError, match=r"with safe_writes: use pipeline\(transaction=True\)"):
                await settled(client.execute_command(*words))
        assert await settled(client.set("safe-multi", 1)) is True
        assert await settled(client.pipeline(transaction=True).incr("safe-multi").execute()) == [2]

    safely(whole, twin, begin, policy=PATIENT)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("twin", TWINS)
def test_reads_wait_for_nobody(whole: RedisProcesses, twin: str) -> None:
    async def read(client: Any) -> None:
        assert await settled(client.get("safe-nothing")) is None
        assert await settled(client.execute_command("EVAL_RO", "return 1", 0)) == 1
        assert await settled(client.pipeline(transaction=False).get("safe-nothing").exists("safe-nothing").execute()) == [
            None,
            0,
        ]
        assert await settled(client.pipeline().get("safe-nothing").execute()) == [None]
        assert await settled(client.execute_command("XINFO", "HELP")) is not None

    safely(whole, twin, read, policy=PATIENT)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("twin", TWINS)
def test_what_was_waited_for_and_came_is_counted_too(whole: RedisProcesses, twin: str) -> None:
    """A command that blocks writes when another client lets it, long after it was sent."""

    async def pop(client: Any) -> None:
        key = f"safe-late-{twin}"
        with ThreadPoolExecutor(1) as thread:
            pushed = thread.submit(push_when_awaited, whole, key)
            with pytest.raises(NotReplicated):
                await settled(client.blpop(key, SLOWEST_SECONDS))
            pushed.result()

    safely(whole, twin, pop)


def push_when_awaited(topology: RedisProcesses, key: str) -> None:
    master = topology.master()
    wait_until(lambda: sent(topology, master, "blpop"), "a client waits")
    topology.command(master, "RPUSH", key, "1")


def sent(topology: RedisProcesses, master: Node, command: str) -> list[str]:
    """The connections of the application whose last command this is."""
    with topology.admin(master) as client:
        rows: Any = client.client_list()
    return [row["id"] for row in rows if (row["user"], row["cmd"]) == ("application", command)]


@pytest.mark.parametrize("twin", TWINS)
def test_an_acknowledged_write_is_on_every_replica(whole: RedisProcesses, twin: str) -> None:
    async def write(client: Any) -> None:
        for number in range(20):
            await settled(client.set("safe-everywhere", number))
            assert [whole.command(node, "GET", "safe-everywhere") for node in replicas_of(whole)] == [str(number)] * 2

    safely(whole, twin, write, policy=PATIENT)


@pytest.mark.parametrize("twin", TWINS)
def test_a_master_without_a_replica_acknowledges_nothing(whole: RedisProcesses, twin: str) -> None:
    """Whatever the servers are configured to: a partition's side may have no replica at all."""
    for node in replicas_of(whole):
        node.kill()
    master = whole.master()
    whole.command(master, "CONFIG", "SET", "min-replicas-to-write", "0")
    wait_until(lambda: whole.command(master, "ROLE")[2] == [], "nobody follows")

    class Alone:
        connection = changed(whole.connection, "failover.min_replicas_to_write", 0)
        credentials = whole.credentials

    async def write(client: Any) -> None:
        with pytest.raises(NotReplicated, match="0 of 1 replicas"):
            await settled(client.set("safe-alone", 1))

    safely(Alone(), twin, write)


# --- the count is cut off ---


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("act", [single, piped, transacted])
@pytest.mark.parametrize("twin", TWINS)
def test_a_count_that_was_cut_off_is_no_count(whole: RedisProcesses, act: Act, twin: str, *, again: bool) -> None:
    """The replicas are asked about the connection that wrote: another one knows of no write, and WAIT would answer at once."""
    master, replicas, key = whole.master(), replicas_of(whole), f"safe-cut-{twin}-{act.__name__}-{again}"
    policy = replace(PATIENT, resend_ambiguous=again)

    def cut() -> None:
        wait_until(lambda: sent(whole, master, "wait"), "the client waits for the replicas")
        for number in sent(whole, master, "wait"):
            whole.command(master, "CLIENT", "KILL", "ID", number)
        for node in replicas:
            node.thaw()

    async def write(client: Any) -> None:
        await act(client, key)  # the connection is there, and what the client has to know
        whole.command(master, "SET", key, "0")
        for node in replicas:
            node.freeze()
        with ThreadPoolExecutor(1) as thread:
            cutting = thread.submit(cut)
            try:
                if again:
                    await act(client, key)
                else:
                    with pytest.raises((NotReplicated, OutcomeUnknownError)) as told:
                        await act(client, key)
                    assert outcome_of(told.value) == "unknown"
            finally:
                cutting.result()

    try:
        safely(whole, twin, write, policy=policy)
    finally:
        for node in replicas:
            node.thaw()
    once = 2 if act is transacted else 1
    assert int(whole.command(master, "GET", key)) == (2 * once if again else once)


# --- who may count ---


@contextlib.contextmanager
def without(topology: RedisProcesses, *rules: str) -> Iterator[None]:
    """Take something from the application's user for a while."""
    try:
        for node in topology.data:
            topology.command(node, "ACL", "SETUSER", "application", *(f"-{rule}" for rule in rules))
        yield
    finally:
        for node in topology.data:
            topology.command(node, "ACL", "SETUSER", "application", *(f"+{rule}" for rule in rules))


@pytest.mark.parametrize("rule", ["wait", "command"])
@pytest.mark.parametrize("twin", TWINS)
def test_who_may_not_count_learns_it_before_anything_is_written(topology: RedisProcesses, rule: str, twin: str) -> None:
    async def write(client: Any) -> None:
        for act in (single, piped, transacted):
            with pytest.raises(exceptions.NoPermissionError, match=r"may not count replicas.*\+command \+role \+wait") as told:
                await act(client, f"safe-forbidden-{rule}-{twin}")
            assert outcome_of(told.value) == "failed"

    with without(topology, rule):
        safely(topology, twin, write)
    assert topology.command(topology.master(), "EXISTS", f"safe-forbidden-{rule}-{twin}") == 0


@pytest.mark.parametrize("twin", TWINS)
def test_who_may_count_no_longer_writes_once(topology: RedisProcesses, twin: str) -> None:
    """As on a promoted node whose users were not changed with those of the others."""

    async def write(client: Any) -> None:
        await settled(client.get("safe-no-longer"))
        for act in (single, piped, transacted):
            key = f"safe-no-longer-{twin}-{act.__name__}"
            with without(topology, "wait"), pytest.raises(NotReplicated, match="may not be counted") as told:
                await act(client, key)
            assert outcome_of(told.value) == "unknown"
            assert topology.command(topology.master(), "GET", key) == str(2 if act is transacted else 1)

    safely(topology, twin, write)


# --- another kind ---


@pytest.mark.parametrize("twin", TWINS)
def test_a_primary_endpoints_replicas_are_counted_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: str) -> None:
    async def write(client: Any) -> None:
        await settled(client.set("safe-primary", 1))
        replica.freeze()
        with pytest.raises(NotReplicated, match="0 of 1 replicas"):
            await settled(client.set("safe-primary", 2))
        assert await settled(client.get("safe-primary")) == b"2"

    with ManagedGroup(tmp_path, replicas=1) as group:
        group.publish(Names(monkeypatch))
        for node in group.nodes:
            group.command(node, "ACL", "SETUSER", "application", "+role")
        replica = group.nodes[1]
        safely(group, twin, write, policy=replace(PATIENT, read_seconds=5))


# --- the ledger ---


class Ledger:
    """Unique ids of one writer: acknowledged, or told to be unknown."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        self.stopped = threading.Event()

    @property
    def done(self) -> int:
        return len(self.acknowledged) + len(self.unknown)

    async def write(self, client: Any) -> None:
        number = 0
        while not self.stopped.is_set():
            number += 1
            one = f"{self.name}-{number}"
            try:
                await settled(client.sadd("safe-ledger", one))
            except (NotReplicated, OutcomeUnknownError):
                self.unknown.append(one)
            except NotExecutedError:
                continue
            else:
                self.acknowledged.append(one)
            await asyncio.sleep(PACE_SECONDS)


def test_nothing_acknowledged_is_lost_over_several_kills(whole: RedisProcesses) -> None:
    """Each time the replicas lag when the master dies, so it takes writes with it that no other node has."""
    ledgers = [Ledger(f"{twin}-{number}") for twin in TWINS for number in range(2)]
    policy = replace(POLICY, total_seconds=SLOWEST_SECONDS, read_seconds=1.0)
    with ThreadPoolExecutor(len(ledgers)) as threads:
        writing = [
            threads.submit(safely, whole, ledger.name.split("-", 1)[0], ledger.write, policy=policy) for ledger in ledgers
        ]
        try:
            for _ in range(3):
                strike(whole, ledgers)
        finally:
            for ledger in ledgers:
                ledger.stopped.set()
        for one in writing:
            one.result()
    whole.wait_healthy()
    kept = set(answer(lambda: whole.command(whole.master(), "SMEMBERS", "safe-ledger"), "the master answers"))
    acknowledged = {one for ledger in ledgers for one in ledger.acknowledged}
    assert acknowledged - kept == set()
    unknown = {one for ledger in ledgers for one in ledger.unknown}
    assert unknown - kept  # the masters did take some with them


FILLER_BYTES = 64 * 1024 * 1024


def strike(topology: RedisProcesses, ledgers: list[Ledger]) -> None:
    """Kill the master while its replicas lag, and bring it back."""
    every_one_writes(ledgers)
    master, replicas = topology.master(), replicas_of(topology)
    for node in replicas:
        node.freeze()
    # More than the kernel keeps for a process that reads nothing: what comes after it stays in the master's memory.
    topology.command(master, "SET", "safe-filler", "x" * FILLER_BYTES)
    # The write that each writer waits for by now came before it.
    done = [ledger.done for ledger in ledgers]
    wait_until(
        lambda: all(ledger.done > count + 1 for ledger, count in zip(ledgers, done, strict=True)),
        "the master has what no replica has",
    )
    master.kill()
    for node in replicas:
        node.thaw()
    wait_until(lambda: topology.master() is not master, "another node is the master")
    every_one_writes(ledgers)
    topology.heal()
    topology.command(topology.master(), "DEL", "safe-filler")


def every_one_writes(ledgers: list[Ledger]) -> None:
    before = [len(ledger.acknowledged) for ledger in ledgers]
    wait_until(
        lambda: all(len(ledger.acknowledged) > count + 3 for ledger, count in zip(ledgers, before, strict=True)),
        "every writer gets writes acknowledged",
    )


# --- what the servers say of their commands ---


def test_what_real_servers_call_a_write(topology: RedisProcesses) -> None:
    safety = Safety(1)
    names = ["set", "eval", "evalsha", "fcall", "blpop", "xreadgroup", "xgroup", "sort", "flushall", "restore", "function"]
    names += ["get", "mget", "eval_ro", "fcall_ro", "publish", "client", "pfcount", "wait", "multi", "exec", "script", "xinfo"]
    with topology.admin(topology.master()) as client:
        connection: Any = client.connection_pool.get_connection()
        connection.send_command("COMMAND", "INFO", *names)
        safety.learn(names, connection.read_response())
        client.connection_pool.release(connection)
    assert [name for name in names if safety.is_write((name, "key"))] == names[:5] + names[5:6] + names[7:10]
    assert safety.is_write(("XGROUP", "CREATE"))
    assert safety.is_write(("FUNCTION LOAD", "code"))
    assert not safety.is_write(("FUNCTION", "LIST"))
