"""redis-py's own Sentinel client, of which the README says what it does, and what it asks of Sentinels."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import inspect
import select
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

from tests.support.losses import strike, strike_master
from tests.support.redis_processes import ADMIN, Node, RedisProcesses
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

PAUSE_SECONDS = 0.05
REDIALS = 6


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def told_apart(
    topology: RedisProcesses,
    retries: int,
    act: Callable[[Any], Awaitable[Any]],
    *,
    asynchronous: bool,
    socket_timeout: float = 5,
) -> tuple[list[str], list[str]]:
    """Let `act` use redis-py's client of the master; give what it asked and dialled since `act` began."""
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
        finder = place.Sentinel(
            addresses, sentinel_kwargs={**login, "socket_timeout": 1}, **login, socket_timeout=socket_timeout
        )
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
@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_a_command_under_way_dials_the_dead_master_alone(whole: RedisProcesses, fault: str, *, asynchronous: bool) -> None:
    """redis/redis-py#3874: no retry of the command that was under way asks a Sentinel. A demoted master is not dead."""
    old = whole.master()

    async def act(client: Any) -> None:
        losing = asyncio.create_task(asyncio.to_thread(lose_under_way, whole, old, lambda: strike(old, fault)))
        with pytest.raises((exceptions.ConnectionError, exceptions.TimeoutError)):
            await waiting(client, asynchronous=asynchronous)
        await losing

    asked, dialled = told_apart(whole, REDIALS, act, asynchronous=asynchronous, socket_timeout=1 if fault == "frozen" else 5)
    assert (asked, dialled) == ([], [old.host] * REDIALS)


def lose_under_way(topology: RedisProcesses, node: Node, lose: Callable[[], object]) -> None:
    def waits() -> bool:
        with topology.admin(node) as admin:
            return any(row["cmd"] == "blpop" for row in admin.client_list())

    wait_until(waits, "the command waits on the master")
    lose()


def waiting(client: Any, *, asynchronous: bool) -> Awaitable[Any]:
    found: Awaitable[Any] = client.blpop(["queue"], 4) if asynchronous else asyncio.to_thread(client.blpop, ["queue"], 4)
    return found


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])
@pytest.mark.parametrize("fault", ["killed", "demoted"])
def test_retries_on_an_idle_connection_ask_the_sentinels_and_heal(
    whole: RedisProcesses, fault: str, *, asynchronous: bool
) -> None:
    """A Sentinel cuts the connections to the master that it demotes. A frozen one's stay: a command is then under way."""
    old = whole.master()

    async def act(client: Any) -> None:
        (connection,) = client.connection_pool._available_connections
        if fault == "killed":
            old.kill()
        else:
            strike_master(whole, "demoted")()
        while asynchronous and not connection._reader.at_eof():  # noqa: ASYNC110 - until then it would be under way
            await asyncio.sleep(0.01)
        if not asynchronous:
            await asyncio.to_thread(select.select, [connection._sock], [], [], SLOWEST_SECONDS)
        await settled(client.get("a"))  # a write may be refused until the new master has a replica, which redis-py tells

    asked, dialled = told_apart(whole, round(SLOWEST_SECONDS / PAUSE_SECONDS), act, asynchronous=asynchronous)
    assert asked
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
