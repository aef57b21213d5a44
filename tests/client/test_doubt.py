"""Sentinels that contradict each other: whose word counts, and a master that is cut off together with one of them."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import aio, sync
from redis_ha_client.discovery import Poll, SentinelOrder
from tests.client.test_documents import CONNECTION, CREDENTIALS
from tests.support.connecting import POLICY, connected, in_async
from tests.support.partition import cut_off
from tests.support.redis_processes import Node, RedisProcesses

A, B, C, D, E = (("10.0.0.1", port) for port in range(5))
OLD, NEW, OTHER = (("10.0.0.2", port) for port in range(3))


# --- whose word counts ---


@pytest.mark.parametrize(
    ("answers", "needed", "asked", "elected"),
    [
        ([(A, OLD), (B, NEW)], 1, 1, (OLD, A)),  # nothing is doubted: the first answer
        ([(A, NEW), (B, NEW), (C, OLD)], 2, 2, (NEW, A)),  # a majority: the third is not asked
        ([(A, OLD), (B, NEW), (C, NEW)], 2, 3, (NEW, B)),
        ([(A, OLD), (B, NEW)], 2, 2, (NEW, B)),  # no majority answers: not the one that refuses
        ([(A, NEW), (B, OLD)], 2, 2, (NEW, A)),
        ([(A, OLD)], 2, 1, (OLD, A)),  # one Sentinel is left: its word is better than none
        ([(A, OLD), (B, OLD)], 2, 2, (OLD, A)),  # a promoted master whose replica has not attached yet refuses too
        ([(A, NEW), (B, OLD), (C, OLD), (D, NEW), (E, OLD)], 3, 5, (OLD, B)),
        ([(A, OLD), (B, OTHER), (C, NEW)], 2, 3, (OTHER, B)),
        ([], 2, 0, None),
    ],
)
def test_a_majority_decides_after_a_refusal(answers: list[Any], needed: int, asked: int, elected: Any) -> None:
    poll = Poll(needed, OLD)
    heard = 0
    for sentinel, master in answers:
        heard += 1
        if poll.heard(sentinel, master):
            break
    assert heard == asked
    assert poll.elected() == elected


def test_one_look_up_after_a_refusal_asks_for_a_majority() -> None:
    order = SentinelOrder((A, B, C, D, E))
    assert order.poll() == Poll(1)
    first = order.to_ask()[0]
    order.refused(first, OLD)
    assert order.to_ask()[-1] == first
    assert order.poll() == Poll(3, OLD)
    assert order.poll() == Poll(1)


@pytest.mark.parametrize("half", [sync, aio])
def test_a_master_that_reads_its_data_from_disk_is_doubted_as_well(half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOADING comes in a class of redis-py's own: a former master that was started again may read for minutes."""

    def loading(*_: Any, **__: Any) -> None:
        raise exceptions.BusyLoadingError("Redis is loading the dataset in memory")

    class Finder:
        order = SentinelOrder((A, B, C))

    monkeypatch.setattr(half.nodes.NodeConnection, "read_response", loading)
    settings = half.connect(CONNECTION, CREDENTIALS).connection_pool.settings
    connection = half.sentinel.MasterConnection(finder=Finder(), host="127.0.0.1", port=1, redis_ha_settings=settings)
    connection._named_by = A

    async def read() -> None:
        reply = connection.read_response()
        if half is aio:
            await reply

    with pytest.raises(exceptions.BusyLoadingError):
        asyncio.run(read())
    assert Finder.order.poll() == Poll(2, ("127.0.0.1", 1))


# --- with real processes ---


def first_asks(client: Any, sentinel: Node) -> None:
    client.connection_pool.finder.order.answered(sentinel.address)


def used(client: Any) -> Any:
    return client.set("cut", "set"), client.pipeline().set("cut", "piped").get("cut").execute()


async def async_used(client: Any) -> Any:
    return await client.set("cut", "set"), await client.pipeline().set("cut", "piped").get("cut").execute()


def both_reach(topology: RedisProcesses, cut: Node, promoted: Node, *, resend: bool) -> None:
    """Let a client of each half write that asks the Sentinel that is cut off first."""
    policy = replace(POLICY, resend_ambiguous=resend)
    done = (True, [True, b"piped"])
    with connected(topology, policy=policy, pool_size=2) as client:
        first_asks(client, cut)
        assert used(client) == done
        assert client.connection_pool.finder.address == promoted.address

    async def use() -> None:
        async_client: Any = aio.connect(topology.connection, topology.credentials, policy=policy, pool_size=2)
        async with async_client:
            first_asks(async_client, cut)
            assert await async_used(async_client) == done
            assert async_client.connection_pool.finder.address == promoted.address

    asyncio.run(use())


@pytest.mark.servers
def test_a_sentinel_that_is_cut_off_with_the_old_master_holds_no_client(whole: RedisProcesses) -> None:
    cut = whole.sentinels[0]
    with connected(whole) as client:
        first_asks(client, cut)
        client.set("cut", "before")
        with cut_off(whole, cut) as (old, promoted):
            assert client.connection_pool.finder.address == old.address
            assert client.set("cut", "after") is True
            for resend in (True, False):
                both_reach(whole, cut, promoted, resend=resend)  # NOREPLICAS
            whole.command(old, "REPLICAOF", "127.0.0.1", "1")
            both_reach(whole, cut, promoted, resend=False)  # demoted: ROLE tells
            whole.command(old, "REPLICAOF", "NO", "ONE")
            old.freeze()
            both_reach(whole, cut, promoted, resend=True)
            old.thaw()
            old.kill()
            both_reach(whole, cut, promoted, resend=True)
            assert whole.command(promoted, "GET", "cut") == "piped"


@pytest.mark.servers
@pytest.mark.parametrize("half", ["sync", "asyncio"])
def test_undisturbed_one_sentinel_is_asked(topology: RedisProcesses, monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    """Each connection costs one question, however many Sentinels there are; after a refusal a majority is asked, once."""
    asked: list[Any] = []
    heard = Poll.heard

    def listening(poll: Poll, sentinel: Any, master: Any) -> bool:
        asked.append(sentinel)
        return heard(poll, sentinel, master)

    monkeypatch.setattr(Poll, "heard", listening)

    def counted() -> int:
        count = len(asked)
        asked.clear()
        return count

    sentinel, master = topology.sentinels[0].address, topology.master().address
    if half == "sync":
        with connected(topology) as client:
            pool = client.connection_pool
            for connection in [pool.get_connection() for _ in range(3)]:
                pool.release(connection)
            assert counted() == 3
            pool.finder.order.refused(sentinel, master)
            for expected in (2, 1):
                pool.disconnect()
                client.set("a", 1)
                assert counted() == expected
    else:

        async def use(client: Any) -> None:
            pool = client.connection_pool
            for connection in [await pool.get_connection() for _ in range(3)]:
                await pool.release(connection)
            assert counted() == 3
            pool.finder.order.refused(sentinel, master)
            for expected in (2, 1):
                await pool.disconnect()
                await client.set("a", 1)
                assert counted() == expected

        in_async(topology, use)
