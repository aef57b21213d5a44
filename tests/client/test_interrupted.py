"""A command that interrupts another one has a budget and a story of its own: in a signal handler, a finalizer, a task."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextvars
import inspect
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis
import redis.asyncio

from redis_ha_client import FailoverPolicy, aio, connect
from redis_ha_client.budget import Budget, attempt, command_budget, current_budget
from tests.support.connecting import POLICY
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.targets import KINDS, Target, targets_of
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

SPENT = FailoverPolicy(total_seconds=0.001)  # nothing is left of the interrupted command's budget


@pytest.fixture(scope="module")
def targets(topology: RedisProcesses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with targets_of(topology, tmp_path_factory.mktemp("targets")) as made:
        yield made


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def close(client: Any) -> None:
    await settled(client.aclose() if hasattr(client, "aclose") else client.close())


@contextmanager
def interrupted(policy: FailoverPolicy = SPENT, **state: Any) -> Iterator[Budget]:
    """Stand where a signal handler does: in the middle of an attempt of another command. Its story must stay as it is."""
    with command_budget(policy, "INTERRUPTED", own=True, **state) as budget:
        budget.begin_attempt()
        with attempt(budget):
            before = budget.sent, budget.replies, budget.ambiguous, budget.attempts, dict(budget.causes), budget.deadline
            yield budget
            assert (budget.sent, budget.replies, budget.ambiguous, budget.attempts, budget.causes, budget.deadline) == before
        assert current_budget() is budget


@contextmanager
def tried() -> Iterator[set[str]]:
    """Give what the budgets were called under which something was tried."""
    names: set[str] = set()
    begin = Budget.begin_attempt

    def begun(budget: Budget) -> None:
        names.add(budget.what)
        begin(budget)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "begin_attempt", begun)
        yield names


def plain_over(client: Any) -> Any:
    pools: Any = redis.asyncio if isinstance(client, redis.asyncio.Redis) else redis
    return pools.Redis(connection_pool=client.connection_pool)


async def atomic(client: Any) -> Any:
    pipeline = client.pipeline(transaction=True)
    pipeline.incr("{own}n")
    return (await settled(pipeline.execute()))[0]


async def transaction(client: Any) -> Any:
    pipeline = client.pipeline(transaction=True)
    await settled(pipeline.watch("{own}n"))
    await settled(pipeline.get("{own}n"))
    pipeline.multi()
    pipeline.incr("{own}n")
    return (await settled(pipeline.execute()))[0]


async def queued(client: Any) -> Any:
    pipeline = client.pipeline(transaction=False)
    pipeline.incr("{own}n")
    return (await settled(pipeline.execute()))[0]


async def alone(client: Any) -> Any:
    return await settled(client.incr("{own}n"))


async def by_redis_py(client: Any) -> Any:
    return await settled(plain_over(client).incr("{own}n"))


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_shared_with_the_interrupted_command(targets: dict[str, Target], kind: str, *, asynchronous: bool) -> None:
    async def use() -> None:
        client = targets[kind].ours(asynchronous=asynchronous)
        await settled(client.delete("{own}n"))
        acts: dict[Any, set[str]] = {
            alone: {"INCRBY"},
            queued: {"pipeline of 1 commands"},
            transaction: {"WATCH", "GET", "transaction of 1 commands"},
            **({} if kind == "cluster" else {by_redis_py: {"connect", "command"}}),
        }
        for number, (act, told) in enumerate(acts.items(), start=1):
            with interrupted(), tried() as names:
                assert await act(client) == number
            assert names == told
        await close(client)

    asyncio.run(use())


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
@pytest.mark.parametrize("act", [alone, queued, atomic, by_redis_py])
def test_it_is_tried_again_as_always(
    targets: dict[str, Target], topology: RedisProcesses, act: Any, *, asynchronous: bool
) -> None:
    """A refusal heals while it is tried again. Inside another command's attempt the first one was the last."""
    master = topology.master()

    def writable(replicas: str) -> None:
        topology.command(master, "CONFIG", "SET", "min-replicas-to-write", replicas)

    async def use() -> None:
        client = targets["sentinel"].ours(asynchronous=asynchronous)
        await settled(client.delete("{own}n"))
        refused = threading.Event()
        pause = Budget.pause

        def paused(budget: Budget) -> float:
            if not refused.is_set():
                refused.set()
                writable("1")
            return pause(budget)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Budget, "pause", paused)
            writable("9")
            try:
                with interrupted():
                    assert await act(client) == 1
            finally:
                writable("1")
        assert refused.is_set()
        await close(client)

    asyncio.run(use())


def test_a_subscriber_too(targets: dict[str, Target]) -> None:
    async def use() -> None:
        for asynchronous in (False, True):
            client = targets["sentinel"].ours(asynchronous=asynchronous)
            subscriber = client.pubsub()
            await settled(subscriber.subscribe("own"))
            with interrupted():
                await settled(subscriber.subscribe("own-too"))
                await settled(subscriber.get_message(timeout=1))
            await settled(subscriber.aclose() if asynchronous else subscriber.close())
            await close(client)

    asyncio.run(use())


def test_a_pipeline_that_is_thrown_away_leaves_the_running_commands_story(targets: dict[str, Target]) -> None:
    """A finalizer gives the connection back (redis-py 8.1.0, Pipeline.__del__), in the middle of whatever runs."""

    async def use() -> None:
        for asynchronous in (False, True):
            client = targets["sentinel"].ours(asynchronous=asynchronous)
            pipeline = client.pipeline()
            await settled(pipeline.watch("{own}n"))
            with interrupted(FailoverPolicy(total_seconds=60)):
                await settled(pipeline.reset())
            await close(client)

    asyncio.run(use())


def test_a_task_a_thread_or_a_greenlet_that_was_started_in_a_command_has_its_own(targets: dict[str, Target]) -> None:
    """They start with a copy of the context: asyncio.Task, gevent's greenlets, threads where Python is told so."""
    client = targets["sentinel"].ours(asynchronous=False)
    client.delete("{own}n")

    async def use() -> None:
        async_client = targets["sentinel"].ours(asynchronous=True)
        with interrupted():
            assert await asyncio.create_task(alone(async_client)) == 1
        await close(async_client)

    asyncio.run(use())
    with interrupted(), ThreadPoolExecutor(1) as threads:
        assert threads.submit(contextvars.copy_context().run, client.incr, "{own}n").result() == 2
    client.close()


def test_a_pause_is_interrupted_like_an_attempt(targets: dict[str, Target], topology: RedisProcesses) -> None:
    client = targets["sentinel"].ours(asynchronous=False)
    client.ping()
    other, found = plain_over(client), set[str]()

    def pause(_: float) -> None:
        if not found:
            with tried() as names:
                other.get("{own}n")
            found.update(names)
            topology.command(topology.master(), "CONFIG", "SET", "min-replicas-to-write", "1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", pause)
        topology.command(topology.master(), "CONFIG", "SET", "min-replicas-to-write", "9")
        client.set("{own}n", 1)
    assert found == {"connect", "command"}
    client.close()


@pytest.mark.timeout(60, func_only=True)
def test_a_handler_takes_a_connection_while_its_thread_takes_another(targets: dict[str, Target]) -> None:
    """A signal may arrive within queue.Queue.get, which holds a lock."""
    client = targets["sentinel"].ours(asynchronous=False)
    with client.connection_pool.pool.mutex:
        assert client.ping()
    client.close()


# --- a real signal ---


def waits(topology: RedisProcesses, node: Node) -> Callable[[], bool]:
    def waiting() -> bool:
        with topology.admin(node) as client:
            return any(row["cmd"] == "blpop" for row in client.client_list())

    return waiting


def test_a_signal_handlers_command_rides_over_a_lost_master(whole: RedisProcesses) -> None:
    """redis/redis-py#565. The handler runs while BLPOP waits; the master dies first, then the handler writes."""
    master = whole.master()
    done: list[Any] = []
    policy = replace(POLICY, total_seconds=SLOWEST_SECONDS)
    client: Any = connect(whole.connection, whole.credentials, policy=policy)
    client.delete("queue")

    def handle(*_: object) -> None:
        master.kill()
        done.append(client.set("{own}handled", 1))
        client.rpush("queue", "from the handler")

    def interrupt() -> None:
        wait_until(waits(whole, master), "the command waits on the master")
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with ThreadPoolExecutor(1) as threads:
            interrupting = threads.submit(interrupt)
            assert client.blpop(["queue"], timeout=SLOWEST_SECONDS) == (b"queue", b"from the handler")
            interrupting.result()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert done == [True]
    client.close()


def test_a_signal_handlers_task_rides_over_a_lost_master(whole: RedisProcesses) -> None:
    master = whole.master()
    policy = replace(POLICY, total_seconds=SLOWEST_SECONDS)

    async def use() -> None:
        client: Any = aio.connect(whole.connection, whole.credentials, policy=policy)
        await client.delete("queue")
        loop = asyncio.get_running_loop()
        tasks: list[asyncio.Task[Any]] = []

        async def write() -> Any:
            await client.set("{own}handled", 1)
            return await client.rpush("queue", "from the handler")

        def handle() -> None:
            master.kill()
            tasks.append(loop.create_task(write()))

        loop.add_signal_handler(signal.SIGUSR1, handle)
        popped = asyncio.create_task(client.blpop(["queue"], timeout=SLOWEST_SECONDS))
        await asyncio.to_thread(wait_until, waits(whole, master), "the command waits on the master")
        os.kill(os.getpid(), signal.SIGUSR1)
        assert await popped == (b"queue", b"from the handler")
        assert await tasks[0] == 1
        loop.remove_signal_handler(signal.SIGUSR1)
        await client.aclose()

    asyncio.run(use())
