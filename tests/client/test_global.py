"""Clients of a global datastore with cluster mode off: two regions of real processes, a writer that moves, a lost region."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import NotExecutedError, connect, describe, outcome_of
from tests.support.certificates import issue
from tests.support.connecting import POLICY, connected, in_async
from tests.support.global_processes import AWAY, HOME, RECORD, GlobalGroups, WorldNames
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

SHORT = replace(POLICY, total_seconds=3)


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GlobalGroups]:
    with GlobalGroups(tmp_path_factory.mktemp("global")) as made:
        yield made


def at(regions: GlobalGroups, region: str, *command: str) -> Any:
    return regions.groups[region].command(regions.first(region), *command)


def arrived(regions: GlobalGroups, region: str, key: str, value: str) -> None:
    wait_until(lambda: at(regions, region, "GET", key) == value, f"{key} arrives in {region}")


def test_writes_go_to_the_region_that_the_record_names_and_reads_stay_at_home(regions: GlobalGroups, names: WorldNames) -> None:
    with connected(regions, region=AWAY) as writer, connected(regions, reader=True, region=AWAY) as reader:
        writer.set("greeting", "hello")
        arrived(regions, AWAY, "greeting", "hello")
        names.looked_up.clear()
        wait_until(lambda: reader.get("greeting") == b"hello", "the local replica has it")
        assert set(names.looked_up) <= {regions.groups[AWAY].reader_name}
        with pytest.raises(exceptions.ReadOnlyError) as caught:
            reader.set("greeting", "goodbye")
        assert outcome_of(caught.value) == "failed"
        assert describe(writer)["region"] == HOME
        assert describe(reader)["region"] == AWAY

    async def use(async_reader: Any) -> Any:
        return await async_reader.get("greeting")

    assert in_async(regions, use, reader=True, region=AWAY) == b"hello"


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_promotion_is_followed_by_every_connection(regions: GlobalGroups, names: WorldNames, twin: str) -> None:
    """The demoted region keeps its connections and answers READONLY: nothing was executed, nothing is counted twice."""
    once = replace(POLICY, resend_ambiguous=False)
    at(regions, HOME, "SET", "counter", "0")
    arrived(regions, AWAY, "counter", "0")

    def move() -> None:
        regions.promote(AWAY)
        regions.point(names)

    if twin == "sync":
        with connected(regions, policy=once, pool_size=3) as client:
            pool = client.connection_pool
            for connection in [pool.get_connection() for _ in range(3)]:
                pool.release(connection)
            move()
            assert client.incr("counter") == 1
            taken = [pool.get_connection() for _ in range(3)]
            assert {connection._sock.getpeername()[0] for connection in taken} == {regions.first(AWAY).host}
            for connection in taken:
                pool.release(connection)
            assert describe(client)["region"] == AWAY
            assert describe(client)["endpoints"]["primary"].startswith(regions.groups[AWAY].primary_name)
        return

    async def use(client: Any) -> None:
        pool = client.connection_pool
        for connection in [await pool.get_connection() for _ in range(3)]:
            await pool.release(connection)
        move()
        assert await client.incr("counter") == 1
        taken = [await pool.get_connection() for _ in range(3)]
        assert {connection._writer.get_extra_info("peername")[0] for connection in taken} == {regions.first(AWAY).host}
        for connection in taken:
            await pool.release(connection)

    in_async(regions, use, policy=once, pool_size=3)


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_lost_region_is_left_when_the_record_moves(regions: GlobalGroups, names: WorldNames, twin: str) -> None:
    def lose() -> None:
        for node in regions.groups[HOME].nodes:
            node.kill()
        regions.promote(AWAY)
        regions.point(names)

    if twin == "sync":
        with connected(regions) as client:
            client.set("name", "one")
            arrived(regions, AWAY, "name", "one")
            lose()
            assert client.append("name", "-two") == 7
        return

    async def use(client: Any) -> Any:
        await client.set("name", "one")
        await asyncio.to_thread(arrived, regions, AWAY, "name", "one")
        lose()
        return await client.append("name", "-two")

    assert in_async(regions, use) == 7


def test_a_client_that_only_reads_notices_a_promotion_at_the_next_look(
    regions: GlobalGroups, names: WorldNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(regions) as client:
        client.set("name", "old")
        arrived(regions, AWAY, "name", "old")
        regions.promote(AWAY)
        regions.point(names)
        wait_until(lambda: at(regions, HOME, "ROLE")[3] == "connected", "the demoted region has copied all")
        assert client.get("name") == b"old"
        assert names.asked == [RECORD]  # once: the next look is a minute away
        monkeypatch.setattr(client.connection_pool.settings.writer, "_due_at", time.monotonic())
        assert client.get("name") == b"old"
        connection = client.connection_pool.get_connection()
        assert connection._sock.getpeername()[0] == regions.first(AWAY).host
        client.connection_pool.release(connection)


def test_a_record_that_stays_behind_is_told_with_its_remedy(regions: GlobalGroups, names: WorldNames) -> None:
    regions.promote(AWAY)
    names.asked.clear()
    with connected(regions, policy=SHORT) as client:
        with pytest.raises(
            NotExecutedError, match=f"record {RECORD} names {HOME}; .* or another region takes writes"
        ) as caught:
            client.set("name", "value")
        assert outcome_of(caught.value) == "failed"
    assert 2 <= len(names.asked) <= 3 / 0.04 + 2  # looked up again and again, never more often than the pause


def test_a_region_is_kept_while_nobody_answers_for_the_record(regions: GlobalGroups, names: WorldNames) -> None:
    with connected(regions) as client:
        client.set("name", "one")
        names.aliases.clear()
        regions.groups[HOME].command(regions.first(HOME), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert client.set("name", "two") is True
        regions.promote(AWAY)
        client.connection_pool.policy = client.connection_pool.retry.policy = SHORT
        with pytest.raises(
            NotExecutedError, match=f"record {RECORD} cannot be looked up .*must resolve where this client runs"
        ):
            client.set("name", "three")
    with connected(regions, policy=SHORT) as stranger, pytest.raises(NotExecutedError, match="cannot be looked up"):
        stranger.ping()


def test_a_record_that_leads_elsewhere_is_told_with_its_remedy(regions: GlobalGroups, names: WorldNames) -> None:
    names.aliases[RECORD] = "cache.example.com"
    with (
        connected(regions, policy=SHORT) as client,
        pytest.raises(NotExecutedError, match=r"leads to 'cache\.example\.com', which is in no region .*let it be a CNAME"),
    ):
        client.ping()


def test_without_a_writer_a_promotion_is_told_with_its_remedy(regions: GlobalGroups, names: WorldNames) -> None:
    names.asked.clear()
    alone = {**regions.connection, "writer": None}
    client = connect(alone, regions.credentials, policy=SHORT)
    with contextlib.closing(client):
        client.set("name", "value")
        regions.promote(AWAY)
        with pytest.raises(NotExecutedError, match=r"give the GlobalDatastore a writer"):
            client.set("name", "value")
    assert names.asked == []


def test_tls_names_the_regions_own_endpoint_whatever_the_record_is_called(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = GlobalGroups(tmp_path_factory.mktemp("global-tls"), replicas=0)
    hosts = [node.host for group in made.groups.values() for node in group.nodes]
    wildcards = [f"*.{group.primary_name.partition('.')[2]}" for group in made.groups.values()]
    folder = issue(made.directory / "tls", [*hosts, *wildcards])
    for group in made.groups.values():
        group.tls_directory = folder
    with made:
        names = WorldNames(monkeypatch)
        made.publish(names)
        with connected(made, tls_ca_file=folder / "ca.crt") as client:
            assert client.set("name", "value") is True
            arrived(made, AWAY, "name", "value")
            made.promote(AWAY)
            made.point(names)
            assert client.append("name", "s") == 6

        async def use(async_client: Any) -> Any:
            return await async_client.get("name")

        assert in_async(made, use, tls_ca_file=folder / "ca.crt") == b"values"
        with connected(
            made, tls_ca_file=folder / "ca.crt", reader=True, region=HOME
        ) as reader:  # no replica: the local primary
            wait_until(lambda: reader.get("name") == b"values", "the former primary has it")
