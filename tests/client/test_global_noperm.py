"""NOPERM in a global datastore with cluster mode on: a caller's mistake is told without waiting, a promotion is waited for."""

# mypy: disable-error-code="no-untyped-call"

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import describe, world
from tests.support.connecting import POLICY, connected, in_async
from tests.support.every_kind import EveryKind
from tests.support.global_processes import AWAY, HOME, RECORD, GlobalGroups, WorldNames
from tests.support.losses import FAULTS, lose, mended
from tests.support.published import driven
from tests.support.twins import TWINS

pytestmark = pytest.mark.servers

SHORT = replace(POLICY, total_seconds=10)
NEVER = 600.0  # a pause that no test outlives: what waits for the next look-up ends with the budget


@pytest.fixture
def sharded(every: EveryKind, every_name: WorldNames, monkeypatch: pytest.MonkeyPatch) -> Iterator[GlobalGroups]:
    """Give the datastore, whose user may only touch keys of the application, and make no group of streams."""
    del every_name
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", NEVER)
    limit(every.sharded, "resetkeys", "~app:*", "-xgroup|create")
    yield every.sharded
    limit(every.sharded, "allkeys", "+xgroup|create")
    every.sharded.promote(HOME)


def limit(datastore: GlobalGroups, *rules: str) -> None:
    for group in datastore.groups.values():
        for node in group.nodes:
            group.command(node, "ACL", "SETUSER", "application", *rules)


def sequence(client: Any, *commands: tuple[Any, ...]) -> Any:
    reply = None
    for command in commands:
        reply = client.execute_command(*command)
    return reply


async def async_sequence(client: Any, *commands: tuple[Any, ...]) -> Any:
    reply = None
    for command in commands:
        reply = await client.execute_command(*command)
    return reply


def piped(*, transaction: bool) -> Callable[[Any], Any]:
    def act(client: Any) -> Any:
        return client.pipeline(transaction=transaction).set("app:{a}", 1).set("{a}", 1).execute()

    return act


MISTAKES: dict[str, Callable[[Any], Any]] = {
    "a command": lambda client: client.execute_command("FLUSHALL"),
    "a key": lambda client: client.set("other", 1),
    "a part of a command": lambda client: client.xgroup_create("app:stream", "group"),
    "a pipeline": piped(transaction=False),
    "a transaction": piped(transaction=True),
}
BEFORE = (("SET", "app:{a}", 1), ("XADD", "app:stream", "*", "field", "value"), ("XGROUP DESTROY", "app:stream", "none"))


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_at_once(sharded: GlobalGroups, every_name: WorldNames, mistake: str, *, before: bool) -> None:
    """The look-up at the start of the first attempt is not the last one for a while, whatever was permitted before."""
    every_name.asked.clear()
    with connected(sharded, policy=SHORT) as client:
        sequence(client, *(BEFORE if before else ()))
        with pytest.raises(exceptions.NoPermissionError, match="no permissions"):
            MISTAKES[mistake](client)
    assert every_name.asked == [RECORD] * 2

    async def use(async_client: Any) -> None:
        await async_sequence(async_client, *(BEFORE if before else ()))
        with pytest.raises(exceptions.NoPermissionError, match="no permissions"):
            await MISTAKES[mistake](async_client)

    in_async(sharded, use, policy=SHORT)
    assert every_name.asked == [RECORD] * 4


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("twin", TWINS)
def test_a_mistake_is_told_at_once_by_a_client_that_has_moved(
    sharded: GlobalGroups, every: EveryKind, every_name: WorldNames, monkeypatch: pytest.MonkeyPatch, twin: str, fault: str
) -> None:
    """The look-ups of the move do not use up the one that is to confirm a mistake."""
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", 0.05)
    with mended(every, every_name, "global cluster"), driven(sharded, twin) as one:
        one.do(lambda client: client.set("app:key", "home"))
        lose(every, every_name, "global cluster", fault)
        assert one.do(lambda client: client.set("app:key", "away")) is True
        monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", NEVER)
        every_name.asked.clear()
        with pytest.raises(exceptions.NoPermissionError, match="no permissions"):
            one.do(lambda client: client.execute_command("FLUSHALL"))
        assert every_name.asked == [RECORD]


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_promotion_under_way_is_waited_for_in_a_pipeline_too(
    sharded: GlobalGroups, every_name: WorldNames, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """SET was permitted before, so NOPERM of one in a pipeline is no mistake while the record still leads to the old region."""
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", 0.05)
    late = threading.Timer(0.5, sharded.point, [every_name])
    if twin == "sync":
        with connected(sharded) as client:
            client.set("app:{a}", "home")
            sharded.promote(AWAY)
            late.start()
            assert client.pipeline().set("app:{a}", "away").get("app:{a}").execute() == [True, b"away"]
            assert describe(client)["region"] == AWAY
    else:

        async def use(async_client: Any) -> None:
            await async_client.set("app:{a}", "home")
            sharded.promote(AWAY)
            late.start()
            assert await async_client.pipeline().set("app:{a}", "away").get("app:{a}").execute() == [True, b"away"]

        in_async(sharded, use)
    late.join()
