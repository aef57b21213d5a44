"""redis-py's own Sentinel client, of which the README says what it does, and what it asks of Sentinels."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from redis import exceptions
from redis.asyncio import retry as async_retry
from redis.asyncio import sentinel as async_sentinel
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from tests.support.redis_processes import ADMIN, RedisProcesses
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

PAUSE_SECONDS = 0.05
REDIALS = 6


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def told_apart(
    topology: RedisProcesses, retries: int, act: Callable[[Any], Awaitable[Any]], *, asynchronous: bool
) -> tuple[list[str], list[str]]:
    """Let `act` use redis-py's client of the master; give what it asked and dialled since the master was killed."""
    place: Any = async_sentinel if asynchronous else redis.sentinel
    retry: Any = async_retry.Retry if asynchronous else Retry
    asked: list[str] = []
    dialled: list[str] = []
    discover, connect = place.Sentinel.discover_master, place.SentinelManagedConnection._connect

    def discovering(self: Any, name: str) -> Any:
        asked.append(name)
        return discover(self, name)

    def connecting(self: Any) -> Any:
        dialled.append(self.host)
        return connect(self)

    async def use() -> tuple[list[str], list[str]]:
        login = {"username": ADMIN, "password": topology.passwords[ADMIN]}
        addresses = [node.address for node in topology.sentinels]
        finder = place.Sentinel(addresses, sentinel_kwargs={**login, "socket_timeout": 1}, **login, socket_timeout=5)
        client = finder.master_for(topology.master_name, retry=retry(ConstantBackoff(PAUSE_SECONDS), retries))
        try:
            await settled(client.ping())
            asked.clear()
            dialled.clear()
            await act(client)
            return list(asked), list(dialled)
        finally:
            await settled(client.aclose() if asynchronous else client.close())
            await settled(finder.aclose() if asynchronous else finder.close())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.Sentinel, "discover_master", discovering)
        patch.setattr(place.SentinelManagedConnection, "_connect", connecting)
        return asyncio.run(use())


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
def test_a_command_under_way_dials_the_dead_master_alone(whole: RedisProcesses, *, asynchronous: bool) -> None:
    """redis/redis-py#3874: no retry of the command that was under way asks a Sentinel."""
    old = whole.master()

    def waits() -> bool:
        with whole.admin(old) as admin:
            return any(row["cmd"] == "blpop" for row in admin.client_list())

    def kill() -> None:
        wait_until(waits, "the command waits on the master")
        old.kill()

    async def act(client: Any) -> None:
        killing = asyncio.create_task(asyncio.to_thread(kill))
        waiting = client.blpop(["queue"], timeout=4) if asynchronous else asyncio.to_thread(client.blpop, ["queue"], 4)
        with pytest.raises(exceptions.ConnectionError):
            await waiting
        await killing

    asked, dialled = told_apart(whole, REDIALS, act, asynchronous=asynchronous)
    assert (asked, dialled) == ([], [old.host] * REDIALS)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
def test_retries_on_an_idle_connection_ask_the_sentinels_and_heal(whole: RedisProcesses, *, asynchronous: bool) -> None:
    old = whole.master()

    async def act(client: Any) -> None:
        (connection,) = client.connection_pool._available_connections
        old.kill()
        while asynchronous and not connection._reader.at_eof():  # noqa: ASYNC110 - until then it would be under way
            await asyncio.sleep(0.01)
        await settled(client.set("a", 1))

    asked, dialled = told_apart(whole, round(SLOWEST_SECONDS / PAUSE_SECONDS), act, asynchronous=asynchronous)
    assert len(asked) > 1
    assert dialled[-1] != old.host


@pytest.mark.parametrize(
    ("rule", "act"),
    [
        ("+sentinel|masters", lambda finder, name: finder.discover_master(name)),
        ("+sentinel|slaves", lambda finder, name: finder.discover_slaves(name)),
    ],
)
def test_redis_pys_own_finder_needs_more_of_the_sentinels(topology: RedisProcesses, rule: str, act: Callable[..., Any]) -> None:
    """A stack's users of Sentinels may say get-master-addr-by-name, and that is not what it says."""
    login = {"username": "application", "password": topology.passwords["application"]}
    finder = Sentinel([node.address for node in topology.sentinels], sentinel_kwargs=login)

    def allow(*rules: str) -> None:
        for node in topology.sentinels:
            topology.command(node, "ACL", "SETUSER", "application", *rules)

    def found() -> Any:
        try:
            return act(finder, topology.master_name)
        except exceptions.RedisError:
            return None

    try:
        assert not found()
        allow(rule)
        assert found()
    finally:
        allow("-sentinel|masters", "-sentinel|slaves")
        finder.close()
