"""Clients of a primary and a reader endpoint: names that move, nodes that die, fall silent, or are demoted and live on."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import NotExecutedError, OutcomeUnknownError, aio, connect, outcome_of
from redis_ha_client.errors import CertificateError
from tests.support.connecting import ONCE, POLICY, connected, in_async
from tests.support.health import monitored, wait_for
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import Node
from tests.support.streams import counts, streams_of
from tests.support.twins import TWINS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("primary"), replicas=2) as made:
        yield made


@pytest.fixture
def names(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Publish the group's names; the group is mended afterwards."""
    made = Names(monkeypatch)
    group.publish(made)
    yield made
    group.heal()


def other_than(group: ManagedGroup, node: Node) -> Node:
    return next(one for one in group.nodes if one is not node and one.running)


def connections_to(group: ManagedGroup, node: Node, name: str) -> int:
    return sum(f"name={name}" in line for line in str(group.command(node, "CLIENT", "LIST")).splitlines())


def test_writes_and_reads(group: ManagedGroup, names: Names) -> None:
    with connected(group, decode_responses=True, database=1, client_name="test-primary") as client:
        assert client.set("name", "value") is True
        assert client.get("name") == "value"
        with client.pipeline() as pipeline:
            assert pipeline.set("a", 1).incr("a").get("a").execute() == [True, 2, "2"]
        assert client.client_info()["name"] == "test-primary"

    async def use(async_client: Any) -> Any:
        await async_client.set("name", "other")
        return await async_client.get("name")

    assert in_async(group, use) == b"other"
    assert set(names.looked_up) == {group.primary_name}


def test_no_command_of_a_stream_fails_when_the_primary_dies_and_the_name_moves(group: ManagedGroup, names: Names) -> None:
    old = group.primaries()[0]
    with connected(group, pool_size=3) as client:
        with streams_of(
            client, lambda: aio.connect(group.connection, group.credentials, policy=POLICY, pool_size=3)
        ) as streams:
            copied = counts(streams)
            group.wait_copied(old)
            old.kill()
            acknowledged = counts(streams)
            new = other_than(group, old)
            group.promote(new)
            looked_up = names.looked_up.count(group.primary_name)
            # The name goes on leading to the dead node for a while.
            wait_until(lambda: names.looked_up.count(group.primary_name) > looked_up + 10, "clients dial in vain")
            group.publish(names)
        # Replication is asynchronous: what was acknowledged in the last moment may be lost, and nothing else. That is what came
        # after the replicas were seen to have all, and before the kill: one more, whose answer was on its way to the writer.
        for stream, first, last in zip(streams, copied, acknowledged, strict=True):
            assert all(first <= number <= last for number in stream.lost(client))


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_demoted_primary_is_left_by_all_connections(group: ManagedGroup, names: Names, twin: str) -> None:
    """It keeps its connections open and answers READONLY; on the others, reads would be stale for ever."""
    old = group.primaries()[0]
    new = other_than(group, old)
    group.command(old, "SET", "counter", "0")

    def demote() -> None:
        group.promote(new)
        group.publish(names)

    if twin == "sync":
        with connected(group, client_name="test-demoted", pool_size=3) as client:
            pool = client.connection_pool
            for connection in [pool.get_connection() for _ in range(3)]:
                pool.release(connection)
            assert connections_to(group, old, "test-demoted") == 3
            demote()
            assert client.incr("counter") == 1
            assert [client.get("counter") for _ in range(3)] == [b"1"] * 3
            for connection in [pool.get_connection() for _ in range(3)]:
                assert connection._sock.getpeername()[0] == new.host
                pool.release(connection)
            assert connections_to(group, old, "test-demoted") == 0
        return

    async def use(client: Any) -> None:
        pool = client.connection_pool
        for connection in [await pool.get_connection() for _ in range(3)]:
            await pool.release(connection)
        assert connections_to(group, old, "test-demoted") == 3
        demote()
        assert await client.incr("counter") == 1
        taken = [await pool.get_connection() for _ in range(3)]
        assert {connection._writer.get_extra_info("peername")[0] for connection in taken} == {new.host}
        for connection in taken:
            await pool.release(connection)
        wait_until(lambda: connections_to(group, old, "test-demoted") == 0, "the demoted node has no connection left")

    in_async(group, use, client_name="test-demoted", pool_size=3)


def test_nothing_is_counted_twice_when_the_primary_is_demoted(group: ManagedGroup, names: Names) -> None:
    """READONLY means not executed: it is tried again even if nothing may be sent twice."""
    old = group.primaries()[0]
    group.command(old, "SET", "counter", "0")
    with connected(group, policy=ONCE) as client:
        client.ping()
        group.promote(other_than(group, old))
        threading.Timer(0.5, group.publish, [names]).start()
        assert client.incr("counter") == 1


def test_a_name_that_does_not_move_is_told_with_its_cause(group: ManagedGroup, names: Names) -> None:
    group.promote(other_than(group, group.primaries()[0]))
    with connected(group, policy=replace(POLICY, total_seconds=1)) as client:
        with pytest.raises(NotExecutedError, match="says that it is a replica: the name has not moved on yet") as caught:
            client.incr("counter")
        assert outcome_of(caught.value) == "failed"
        names.addresses[group.primary_name] = []
        with pytest.raises(NotExecutedError, match="Name or service not known"):
            client.incr("counter")


def test_a_silent_primary_is_left_within_the_budget(group: ManagedGroup, names: Names) -> None:
    old = group.primaries()[0]
    once = replace(POLICY, resend_ambiguous=False)
    with connected(group) as client, connected(group, policy=once) as careful:
        client.set("counter", 0)
        careful.ping()
        group.wait_copied(old)
        old.freeze()
        with pytest.raises(OutcomeUnknownError):  # sent into the silence
            careful.incr("counter")
        group.promote(other_than(group, old))
        names.addresses[group.primary_name] = [group.primaries_but(old)[0].host]
        assert client.incr("counter") >= 1


def test_a_reader_reads_from_replicas_and_says_that_it_cannot_write(group: ManagedGroup, names: Names) -> None:
    primary = group.primaries()[0]
    group.command(primary, "SET", "name", "value")
    group.wait_copied(primary)
    with connected(group, reader=True, client_name="test-reader") as client:
        assert client.get("name") == b"value"
        assert connections_to(group, primary, "test-reader") == 0
        with pytest.raises(exceptions.ReadOnlyError) as caught:
            client.set("name", "other")
        assert outcome_of(caught.value) == "failed"

    async def use(async_client: Any) -> None:
        assert await async_client.get("name") == b"value"
        with pytest.raises(exceptions.ReadOnlyError):
            await async_client.set("name", "other")

    in_async(group, use, reader=True)
    assert set(names.looked_up) == {group.reader_name}


def test_a_readers_connection_is_renewed_so_that_load_spreads(group: ManagedGroup, names: Names) -> None:
    """The reader endpoint spreads connections: one that is kept for ever stays with one replica."""
    with connected(group, reader=True) as client:
        client.connection_pool.connection_kwargs["age_seconds"] = 0.05
        seen = set()
        for _ in range(4):
            connection = client.connection_pool.get_connection()
            seen.add(connection._sock.getpeername()[0])
            client.connection_pool.release(connection)
            time.sleep(0.06)
        assert len(seen) == 2

    async def use(async_client: Any) -> None:
        async_client.connection_pool.connection_kwargs["age_seconds"] = 0.05
        before = names.looked_up.count(group.reader_name)
        for _ in range(3):
            await async_client.ping()
            await asyncio.sleep(0.06)
        assert names.looked_up.count(group.reader_name) == before + 3

    in_async(group, use, reader=True)


def test_a_reader_reads_from_the_primary_when_no_replica_is_left(group: ManagedGroup, names: Names) -> None:
    primary = group.primaries()[0]
    group.command(primary, "SET", "name", "value")
    group.wait_copied(primary)
    names.addresses[group.reader_name] = [node.host for node in group.nodes if node is not primary]

    async def use(async_client: Any) -> Any:
        return await async_client.get("name")

    with connected(group, reader=True) as client:
        assert client.get("name") == b"value"
        for node in group.nodes:
            if node is not primary:
                node.kill()
        assert client.get("name") == b"value"
        assert in_async(group, use, reader=True) == b"value"
    names.looked_up.clear()
    group.heal()
    with connected(group, reader=True) as client:
        assert client.get("name") == b"value"
    assert names.looked_up == [group.reader_name]


@pytest.mark.usefixtures("names")
def test_a_wrong_password_is_told_at_once_and_not_shown(group: ManagedGroup) -> None:
    wrong = {**group.credentials, "password": "hunter2-wrong"}
    client = connect(group.connection, wrong, policy=replace(POLICY, total_seconds=120))
    with pytest.raises(exceptions.AuthenticationError, match="refuses user 'application'") as caught:
        client.ping()
    assert "hunter2" not in str(caught.value)
    client.close()


def test_a_subscriber_follows_the_name(group: ManagedGroup, names: Names) -> None:
    old = group.primaries()[0]
    new = other_than(group, old)
    with connected(group) as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        subscriber.get_message(timeout=1)
        old.kill()
        group.promote(new)
        group.publish(names)
        wait_until(
            lambda: client.publish("news", "hello") > 0 or subscriber.get_message(timeout=0.1) is not None, "subscribed again"
        )


@pytest.fixture(scope="module")
def tls_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    made = ManagedGroup(tmp_path_factory.mktemp("primary-tls"), name="prod", replicas=1, token="hunter2-token-0123456789")
    made.use_tls()
    with made:
        yield made


def test_tls_checks_the_host_name_and_an_auth_token_logs_in(tls_group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch)
    tls_group.publish(names)
    assert tls_group.tls_directory is not None
    arguments: dict[str, Any] = {"tls_ca_file": tls_group.tls_directory / "ca.crt"}
    with connected(tls_group, **arguments) as client:
        assert client.set("name", "value") is True

    async def use(async_client: Any) -> Any:
        return await async_client.get("name")

    assert in_async(tls_group, use, **arguments) == b"value"
    names.addresses["cache.example.com"] = names.addresses[tls_group.primary_name]
    stranger = {**tls_group.connection, "primary": {"host": "cache.example.com", "port": 6379}}
    client = connect(stranger, tls_group.credentials, policy=POLICY, **arguments)
    with pytest.raises(CertificateError, match=r"certificate of cache\.example\.com:6379 is not accepted"):
        client.ping()
    client.close()


def test_tls_takes_the_systems_authorities_when_none_is_given(tls_group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE is OpenSSL's word for the system's file: as the emulated endpoint's commands get it."""
    tls_group.publish(Names(monkeypatch))
    assert tls_group.tls_directory is not None
    with connected(tls_group, policy=replace(POLICY, total_seconds=1)) as client, pytest.raises(CertificateError):
        client.ping()
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_group.tls_directory / "ca.crt"))
    with connected(tls_group) as client:
        assert client.ping() is True


@pytest.mark.parametrize("twin", TWINS)
def test_a_former_primary_that_takes_writes_is_left_by_the_probe(group: ManagedGroup, names: Names, twin: str) -> None:
    """Its ROLE tells, so the connection is closed, and the next dial goes where the name has moved."""
    old = group.primaries()[0]
    for node in group.nodes:
        group.command(node, "ACL", "SETUSER", "application", "+role")
    with connected(group) as client, monitored(client, twin) as monitor:
        wait_for(monitor, "up")
        group.command(old, "CONFIG", "SET", "replica-read-only", "no")
        group.promote(other_than(group, old))
        wait_for(monitor, "down")
        group.publish(names)
        wait_for(monitor, "up")
    for node in group.nodes:
        group.command(node, "ACL", "SETUSER", "application", "-role")
        group.command(node, "CONFIG", "SET", "replica-read-only", "yes")
