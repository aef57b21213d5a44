"""Registered scripts over a failover: a promoted master has none of those that the lost one had loaded.

redis/ioredis#1497: a script in a pipeline ended with NoScriptError on the new master.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import NotExecutedError, aio, outcome_of, sync
from redis_ha_client.aio.scripts import load_scripts as async_load_scripts
from redis_ha_client.errors import like, note_outcomes
from redis_ha_client.sync.scripts import load_scripts
from tests.support.connecting import ONCE, Documents, connected, in_async, thaw_before_the_next_attempt
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import RedisProcesses
from tests.support.twins import TWINS
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

COUNT = "return redis.call('INCR', KEYS[1])"
FAILS_AFTER = "redis.call('INCR', KEYS[1]); return redis.call('INCR', 'text')"


@pytest.fixture
def breakable(whole: RedisProcesses) -> RedisProcesses:
    whole.command(whole.master(), "FLUSHALL")
    return whole


@pytest.fixture
def clean(topology: RedisProcesses) -> RedisProcesses:
    master = topology.master()
    topology.command(master, "FLUSHALL")
    topology.command(master, "SCRIPT", "FLUSH")
    return topology


def calls(topology: RedisProcesses, command: str) -> int:
    with topology.admin(topology.master()) as client:
        found: Any = client.info("commandstats")
    return int(found.get(f"cmdstat_{command}", {"calls": 0})["calls"])


# --- pipelines ---


def add(pipeline: Any, script: Any, key: str) -> list[Any]:
    """Queue three commands, the second of which is a script."""
    pipeline.set(key, 1)
    queued = script(keys=[key], client=pipeline)
    pipeline.incr(key)
    return [queued]


def over(to: Documents, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]) -> list[Any]:
    """Execute four pipelines, in both halves, whose scripts are loaded when the fault comes; give their replies."""
    loaded = threading.Barrier(4, fault, SLOWEST_SECONDS)
    seen: list[Any] = []

    def first_time(connection: Any) -> bool:
        seen.append(connection)
        return seen.count(connection) == 1

    def load_and_wait(connection: Any, scripts: Any) -> None:
        load_scripts(connection, scripts)
        if first_time(connection):
            loaded.wait()

    async def async_load_and_wait(connection: Any, scripts: Any) -> None:
        await async_load_scripts(connection, scripts)
        if first_time(connection):
            await asyncio.to_thread(loaded.wait)

    monkeypatch.setattr(sync.nodes, "load_scripts", load_and_wait)
    monkeypatch.setattr(aio.nodes, "load_scripts", async_load_and_wait)

    async def both(client: Any) -> list[Any]:
        script = client.register_script(COUNT)
        pipelines = [client.pipeline(transaction=transaction) for transaction in (False, True)]
        for pipeline in pipelines:
            for queued in add(pipeline, script, f"asyncio-{pipeline.is_transaction}"):
                await queued
        return await asyncio.gather(*(pipeline.execute() for pipeline in pipelines))

    with connected(to) as client, ThreadPoolExecutor(3) as threads:
        script = client.register_script(COUNT)
        pipelines = [client.pipeline(transaction=transaction) for transaction in (False, True)]
        for number, pipeline in enumerate(pipelines):
            add(pipeline, script, f"sync-{number}")
        executing = [threads.submit(pipeline.execute) for pipeline in pipelines]
        in_asyncio = threads.submit(in_async, to, both)
        return [*(one.result() for one in executing), *in_asyncio.result()]


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_a_script_in_a_pipeline_is_loaded_where_the_pipeline_runs(
    breakable: RedisProcesses, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The scripts were found on the old master when it was lost, and the commands go to the new one."""
    assert over(breakable, monkeypatch, getattr(breakable.master(), fault)) == [[True, 2, 3]] * 4


def test_a_script_in_a_pipeline_of_a_demoted_primary_is_loaded_on_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """READONLY, then the other node."""
    with ManagedGroup(tmp_path) as group:
        names = Names(monkeypatch)
        group.publish(names)

        def demote() -> None:
            group.promote(group.nodes[1])
            group.publish(names)

        assert over(group, monkeypatch, demote) == [[True, 2, 3]] * 4


@pytest.mark.parametrize("twin", TWINS)
def test_looking_for_a_script_is_not_the_pipeline(
    breakable: RedisProcesses, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """SCRIPT EXISTS goes into the silence: what the client may not send twice was not sent yet."""
    policy = replace(ONCE, read_seconds=1)
    master = breakable.master()
    thaw_before_the_next_attempt(monkeypatch, master)

    async def use(client: Any) -> Any:
        await client.ping()
        pipeline = client.pipeline()
        for queued in add(pipeline, client.register_script(COUNT), "counted"):
            await queued
        master.freeze()
        return await pipeline.execute()

    with breakable.nobody_down():
        if twin == "asyncio":
            assert in_async(breakable, use, policy=policy) == [True, 2, 3]
            return
        with connected(breakable, policy=policy) as client:
            client.ping()
            pipeline = client.pipeline()
            add(pipeline, client.register_script(COUNT), "counted")
            master.freeze()
            assert pipeline.execute() == [True, 2, 3]


def test_a_script_that_is_there_is_not_loaded_again(clean: RedisProcesses) -> None:
    with connected(clean) as client:
        script = client.register_script(COUNT)
        before = calls(clean, "script|load")
        for expected in (1, 2):
            with client.pipeline() as pipeline:
                script(keys=["counted"], client=pipeline)
                assert pipeline.execute() == [expected]
        assert calls(clean, "script|load") == before + 1
        with client.pipeline() as pipeline:  # without scripts: nothing is looked for
            pipeline.get("counted")
            asked = calls(clean, "script|exists")
            assert pipeline.execute() == [b"2"]
        assert calls(clean, "script|exists") == asked


# --- calls ---


def test_a_script_that_a_node_lacks_is_sent_whole(clean: RedisProcesses) -> None:
    """redis-py loads it and calls it again: in between the master may be another one. Here nothing is in between."""

    def other_master(*_: Any) -> None:
        clean.command(clean.master(), "SCRIPT", "FLUSH")

    with connected(clean) as client:
        client.script_load = other_master
        script = client.register_script(COUNT)
        assert [script(keys=["counted"]), script(["counted"], client=client)] == [1, 2]

    async def use(client: Any) -> Any:
        client.script_load = other_master
        script = client.register_script(COUNT)
        return [await script(keys=["counted"]), await script(["counted"], client=client)]

    clean.command(clean.master(), "SCRIPT", "FLUSH")
    assert in_async(clean, use) == [3, 4]
    assert calls(clean, "evalsha") > 0


def test_a_scripts_call_is_as_unknown_as_what_it_did_first(clean: RedisProcesses) -> None:
    with connected(clean) as client:
        client.set("text", "words")
        with pytest.raises(exceptions.ResponseError) as caught:
            client.register_script(FAILS_AFTER)(keys=["counted"])
        assert client.get("counted") == b"1"
        assert outcome_of(caught.value) == "unknown"
    for outcome in ("failed", "unknown"):
        missing = exceptions.NoScriptError("NOSCRIPT after an EVALSHA that was lost")
        note_outcomes(missing, [outcome])
        with pytest.raises(NotExecutedError) as told, like(missing):
            raise NotExecutedError("the text was not sent")
        assert outcome_of(told.value) == outcome


def test_a_script_by_hand_is_the_callers(clean: RedisProcesses) -> None:
    """As the README says: EVALSHA without a registered script ends with NoScriptError, which is certain."""
    with connected(clean) as client:
        with pytest.raises(exceptions.NoScriptError) as caught:
            client.evalsha("0" * 40, 0)
        assert outcome_of(caught.value) == "failed"


# --- what a script answers ---


def eased(topology: RedisProcesses, act: Callable[[], Any]) -> Any:
    """Do `act` while the master refuses writes (NOREPLICAS), until a refusal was seen."""
    master = topology.master()

    def refusals() -> int:
        with topology.admin(master) as client:
            found: Any = client.info("errorstats")
        return int(found.get("errorstat_NOREPLICAS", {"count": 0})["count"])

    before = refusals()
    topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "9")
    try:
        with ThreadPoolExecutor(1) as thread:
            acting = thread.submit(act)
            wait_until(lambda: refusals() > before or acting.done(), "a write is refused")
            topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "1")
            return acting.result()
    finally:
        topology.command(master, "CONFIG", "SET", "min-replicas-to-write", "1")


@pytest.mark.parametrize("twin", TWINS)
def test_a_script_that_is_refused_inside_a_transaction_is_tried_again(clean: RedisProcesses, twin: str) -> None:
    """EXEC's list holds the refusal: a script is no write command when it is queued, so it is refused when it runs."""

    async def use(client: Any) -> Any:
        pipeline = client.pipeline(transaction=True)
        queue(pipeline)
        return await pipeline.execute()

    def queue(pipeline: Any) -> None:
        pipeline.get("nothing")
        pipeline.eval(COUNT, 1, "counted")

    def act() -> Any:
        if twin == "asyncio":
            return in_async(clean, use, policy=ONCE)
        with connected(clean, policy=ONCE) as client:
            pipeline = client.pipeline(transaction=True)
            queue(pipeline)
            return pipeline.execute()

    assert eased(clean, act) == [None, 1]


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("word", ["BUSY already running", "READONLY for the weekend", "NOREPLICAS of this order"])
def test_a_scripts_own_error_is_no_refusal(clean: RedisProcesses, twin: str, word: str) -> None:
    """The script ran, and runs once."""
    script = f"redis.call('INCR', KEYS[1]); return redis.error_reply('{word}')"

    async def use(client: Any) -> None:
        await client.eval(script, 1, "counted")

    def act() -> None:
        if twin == "asyncio":
            in_async(clean, use)
        else:
            with connected(clean) as client:
                client.eval(script, 1, "counted")

    with pytest.raises(exceptions.ResponseError) as caught:
        act()
    assert not isinstance(caught.value, NotExecutedError)
    assert clean.command(clean.master(), "GET", "counted") == "1"
