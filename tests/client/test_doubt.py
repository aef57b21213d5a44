"""Sentinels that contradict each other: whose word counts, and a master that is cut off together with one of them.

redis/go-redis#1019, redis/redis#12271: a client that asked the Sentinel that was cut off stayed with the old master.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_client import aio
from redis_ha_client.discovery import Poll
from tests.support.connecting import POLICY, connected, in_async
from tests.support.partition import cut_off
from tests.support.redis_processes import Node, RedisProcesses

pytestmark = pytest.mark.servers


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
