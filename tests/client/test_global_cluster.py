"""Clients of a global datastore with cluster mode on: the whole layout moves with the region that takes writes."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import NotExecutedError, connect, describe, wiring, world
from redis_ha_client.routing import not_permitted_here
from tests.support.connecting import POLICY, connected, in_async
from tests.support.global_processes import AWAY, HOME, RECORD, GlobalGroups, WorldNames
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GlobalGroups]:
    with GlobalGroups(tmp_path_factory.mktemp("global-cluster"), cluster=True) as made:
        yield made


def there(regions: GlobalGroups, region: str, key: str) -> Any:
    """What the node that serves `key` in a region holds."""
    group = regions.groups[region]
    return group.command(group.primary_of(key), "GET", key)


def move(regions: GlobalGroups, names: WorldNames) -> None:
    regions.promote(AWAY)
    regions.point(names)


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_promotion_is_followed(regions: GlobalGroups, names: WorldNames, twin: str) -> None:
    if twin == "sync":
        with connected(regions) as client:
            assert client.set("sync", "home") is True
            assert there(regions, HOME, "sync") == "home"
            move(regions, names)
            assert client.set("sync", "away") is True
            assert client.get("sync") == b"away"
            assert describe(client)["region"] == AWAY
    else:

        async def use(async_client: Any) -> None:
            assert await async_client.set(twin, "home") is True
            move(regions, names)
            assert await async_client.set(twin, "away") is True
            assert await async_client.get(twin) == b"away"
            assert describe(async_client)["region"] == AWAY

        in_async(regions, use)
    assert there(regions, AWAY, twin) == "away"
    assert there(regions, HOME, twin) == "home"


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_pipeline_follows_as_well(regions: GlobalGroups, names: WorldNames, twin: str, *, transaction: bool) -> None:
    key = f"{twin}-{transaction}"
    if twin == "sync":
        with connected(regions) as client:
            client.set(key, 0)
            move(regions, names)
            with client.pipeline(transaction=transaction) as pipeline:
                pipeline.set(key, 1)
                pipeline.incr(key)
                assert pipeline.execute()[1] == 2
    else:

        async def use(async_client: Any) -> None:
            await async_client.set(key, 0)
            move(regions, names)
            async with async_client.pipeline(transaction=transaction) as pipeline:
                pipeline.set(key, 1)
                pipeline.incr(key)
                assert (await pipeline.execute())[1] == 2

        in_async(regions, use)
    assert there(regions, AWAY, key) == "2"


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_lost_region_is_left_when_the_record_moves(regions: GlobalGroups, names: WorldNames, twin: str) -> None:
    def lose() -> None:
        for node in regions.groups[HOME].nodes:
            node.kill()
        move(regions, names)

    if twin == "sync":
        with connected(regions) as client:
            client.set("lost", "home")
            lose()
            assert client.set("lost", "away") is True
        with connected(regions) as client:  # one that was not there before
            assert client.get("lost") == b"away"
        return

    async def use(async_client: Any) -> None:
        await async_client.set("lost", "home")
        lose()
        assert await async_client.set("lost", "away") is True

    in_async(regions, use)


def test_what_no_region_permits_is_the_callers_mistake(regions: GlobalGroups, names: WorldNames) -> None:
    async def use(async_client: Any) -> None:
        with pytest.raises(exceptions.NoPermissionError, match="flushall"):
            await async_client.execute_command("FLUSHALL")

    with connected(regions) as client, pytest.raises(exceptions.NoPermissionError, match="flushall"):
        client.execute_command("FLUSHALL")
    regions.promote(AWAY)  # and the record stays behind
    with connected(regions) as client:
        with pytest.raises(exceptions.NoPermissionError, match="set"):
            client.set("name", "value")
        assert names.asked
    in_async(regions, use)
    alone = connect({**regions.connection, "writer": None}, regions.credentials, policy=POLICY)
    with contextlib.closing(alone), pytest.raises(exceptions.NoPermissionError, match="set"):
        alone.set("name", "value")


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_one_more_look_up_after_noperm_is_enough(
    regions: GlobalGroups, names: WorldNames, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """The look-up falls due between two attempts, so the next one makes it. Its answer counts for the NOPERM before."""
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", 0.3)
    names.asked.clear()
    if twin == "sync":
        with connected(regions) as client, pytest.raises(exceptions.NoPermissionError, match="flushall"):
            client.execute_command("FLUSHALL")
    else:

        async def use(async_client: Any) -> None:
            with pytest.raises(exceptions.NoPermissionError, match="flushall"):
                await async_client.execute_command("FLUSHALL")

        in_async(regions, use)
    assert names.asked == [RECORD] * 2


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_what_was_permitted_before_waits_for_the_record(regions: GlobalGroups, names: WorldNames, twin: str) -> None:
    """A promotion is under way: the old region refuses, and the record still leads to it."""
    late = threading.Timer(1.0, regions.point, [names])
    if twin == "sync":
        with connected(regions) as client:
            client.set("late", "home")
            regions.promote(AWAY)
            late.start()
            assert client.set("late", "away") is True
            assert describe(client)["region"] == AWAY
    else:

        async def use(async_client: Any) -> None:
            await async_client.set("late", "home")
            regions.promote(AWAY)
            late.start()
            assert await async_client.set("late", "away") is True

        in_async(regions, use)
    late.join()


def test_a_reader_stays_in_its_region(regions: GlobalGroups, names: WorldNames) -> None:
    group = regions.groups[AWAY]
    regions.promote(AWAY)
    group.command(group.primary_of("local"), "SET", "local", "away")
    group.wait_copied(group.primary_of("local"))
    regions.promote(HOME)
    names.asked.clear()
    with connected(regions, reader=True, region=AWAY) as reader:
        assert reader.get("local") == b"away"
        with pytest.raises(exceptions.NoPermissionError):
            reader.set("local", "other")

    async def use(async_reader: Any) -> Any:
        return await async_reader.get("local")

    assert in_async(regions, use, reader=True, region=AWAY) == b"away"
    assert names.asked == []


@pytest.mark.usefixtures("names")
def test_a_readers_write_is_told_at_once(regions: GlobalGroups) -> None:
    """READONLY of a region that is read from does not end by waiting."""
    with connected(regions, reader=True, region=AWAY) as reader:
        node = reader.nodes_manager.get_node_from_slot(reader.keyslot("x"), read_from_replicas=True)
        connection = reader.get_redis_connection(node).connection_pool.get_connection()
        assert connection.reads_only
        error = exceptions.ReadOnlyError("READONLY You can't write against a read only replica.")
        assert connection.refusal_of(error) is None
        reader.get_redis_connection(node).connection_pool.release(connection)
    with connected(regions) as writer:
        node = writer.get_default_node()
        connection = writer.get_redis_connection(node).connection_pool.get_connection()
        assert connection.refusal_of(error) is not None
        writer.get_redis_connection(node).connection_pool.release(connection)


def test_nothing_answers_anywhere(regions: GlobalGroups, names: WorldNames) -> None:
    names.aliases.clear()
    short = replace(POLICY, total_seconds=1)
    with pytest.raises(NotExecutedError, match="cannot be looked up"):
        connect(regions.connection, regions.credentials, policy=short)


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (exceptions.NoPermissionError("User application has no permissions to run the 'set' command"), True),
        (exceptions.NoPermissionError("User application has no permissions to run the 'cluster|slots' command"), False),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), False),
    ],
)
def test_what_may_be_permitted_elsewhere(error: Exception, *, elsewhere: bool) -> None:
    assert (not_permitted_here(error) is not None) is elsewhere


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_subscriber_goes_where_the_writes_go(
    regions: GlobalGroups, names: WorldNames, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """The region that takes writes no longer answers PING, and its nodes hear nothing of the other region."""
    monkeypatch.setattr(wiring, "HEALTH_CHECK_SECONDS", 0.3)
    if twin == "sync":
        with connected(regions) as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
            subscriber.subscribe("news")
            move(regions, names)
            client.set("a", 1)
            wait_until(lambda: [client.publish("news", "x"), subscriber.get_message(timeout=0.1)][1], "it is heard")
    else:

        async def use(client: Any) -> None:
            async with client.pubsub(ignore_subscribe_messages=True) as subscriber:
                await client.initialize()
                await subscriber.subscribe("news")
                move(regions, names)
                await client.set("a", 1)
                while await subscriber.get_message(timeout=0.1) is None:
                    await client.publish("news", "x")

        in_async(regions, use)
