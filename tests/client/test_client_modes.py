"""An endpoint of the other mode is told by name, at the first connection: nothing works half."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import FailoverPolicy, aio, connect, outcome_of
from redis_ha_client.endpoint import check_greeting
from redis_ha_client.errors import NotTheMasterError, WrongKindError
from redis_ha_client.routing import UnreachableError, translated
from tests.support.managed_processes import ManagedGroup, Names

POLICY = FailoverPolicy(total_seconds=120, connect_seconds=0.5, read_seconds=0.5)  # told at once, not when it is used up
AS_PRIMARY = r"is a node in cluster mode, but connection.kind is 'primary'.*kind 'cluster', the configuration endpoint"
AS_CLUSTER = r"is a node without cluster mode, but connection.kind is 'cluster'.*kind 'primary', the primary and reader"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("plain"), name="plain", replicas=0) as made:
        yield made


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    with ManagedGroup(tmp_path_factory.mktemp("sharded"), name="sharded", cluster=True, shards=2, replicas=0) as made:
        yield made


def swapped(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """The document that somebody writes by hand: the right address under the wrong kind."""
    taken = {key: document[key] for key in ("version", "tls", "engine", "failover")}
    if kind == "primary":
        return {**taken, "kind": "primary", "primary": document["configuration"], "reader": document["configuration"]}
    return {**taken, "kind": "cluster", "configuration": document["primary"]}


def first_command(connection: dict[str, Any], credentials: dict[str, Any], **arguments: Any) -> None:
    client = connect(connection, credentials, policy=POLICY, **arguments)
    try:
        client.get("a")
    finally:
        client.close()


async def first_async_command(connection: dict[str, Any], credentials: dict[str, Any], **arguments: Any) -> None:
    async with aio.connect(connection, credentials, policy=POLICY, **arguments) as client:
        await client.get("a")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("arguments", [{}, {"reader": True}])
def test_a_cluster_given_as_a_primary_is_told(
    sharded: ManagedGroup, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    sharded.publish(Names(monkeypatch))
    document = swapped(sharded.connection, "primary")
    with pytest.raises(WrongKindError, match=AS_PRIMARY) as caught:
        first_command(document, sharded.credentials, **arguments)
    assert outcome_of(caught.value) == "failed"
    assert isinstance(caught.value, exceptions.ConnectionError)
    with pytest.raises(WrongKindError, match=AS_PRIMARY):
        asyncio.run(first_async_command(document, sharded.credentials, **arguments))


@pytest.mark.timeout(20)
def test_a_primary_given_as_a_cluster_is_told(plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.publish(Names(monkeypatch))
    document = swapped(plain.connection, "cluster")
    with pytest.raises(WrongKindError, match=AS_CLUSTER) as caught:
        connect(document, plain.credentials, policy=POLICY)
    assert outcome_of(caught.value) == "failed"
    with pytest.raises(WrongKindError, match=AS_CLUSTER):
        asyncio.run(first_async_command(document, plain.credentials))


@pytest.mark.timeout(20)
def test_a_proxy_that_does_not_say_its_mode_is_found_out_by_its_replies(
    sharded: ManagedGroup, plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    sharded.publish(names)
    plain.publish(names)
    names.addresses[sharded.configuration_name] = [sharded.nodes[0].host]
    assert sharded.primary_of("a") is not sharded.nodes[0]  # so that GET a is answered by MOVED
    for twin in ("sync", "aio"):
        for module in ("endpoint", "cluster"):
            monkeypatch.setattr(f"redis_ha_client.{twin}.{module}.check_greeting", lambda *_, **__: None)
    as_cluster, as_primary = swapped(plain.connection, "cluster"), swapped(sharded.connection, "primary")
    with pytest.raises(WrongKindError, match=AS_CLUSTER):
        connect(as_cluster, plain.credentials, policy=POLICY)
    with pytest.raises(WrongKindError, match=AS_CLUSTER):
        asyncio.run(first_async_command(as_cluster, plain.credentials))
    with pytest.raises(WrongKindError, match=AS_PRIMARY):
        first_command(as_primary, sharded.credentials)
    with pytest.raises(WrongKindError, match=AS_PRIMARY):
        asyncio.run(first_async_command(as_primary, sharded.credentials))


def test_the_greeting_is_read_in_all_shapes() -> None:
    for greeting in ({b"mode": b"cluster", b"role": b"replica"}, {"mode": "cluster", "role": "replica"}, {}, None):
        check_greeting(greeting, "host:6379", "cluster", writer=False)
    check_greeting({"mode": "standalone", "role": "replica"}, "host:6379", "primary", writer=False)
    with pytest.raises(NotTheMasterError):
        check_greeting({"mode": "standalone", "role": "replica"}, "host:6379", "primary", writer=True)


def test_a_user_who_may_not_read_the_layout_is_told_what_to_allow() -> None:
    cause = exceptions.NoPermissionError("this user has no permissions to run the 'cluster|slots' command")
    error = exceptions.RedisClusterException("Cluster mode is not enabled on this node")
    error.__cause__ = cause
    told = translated(error, "host:6379", "application")
    assert isinstance(told, exceptions.NoPermissionError)
    assert "user 'application' may not read the cluster's layout at host:6379" in str(told)
    assert "+cluster|slots" in str(told)


@pytest.mark.timeout(5)
def test_a_chain_of_causes_that_runs_in_a_circle_ends() -> None:
    first = exceptions.RedisClusterException("Redis Cluster cannot be connected: refused")
    second = exceptions.ConnectionError("refused")
    first.__cause__, second.__cause__ = second, first
    assert isinstance(translated(first, "host:6379", None), UnreachableError)


def test_what_time_may_heal_is_told_from_the_callers_mistakes() -> None:
    unreachable = exceptions.RedisClusterException("Redis Cluster cannot be connected. Please provide at least one: refused")
    assert isinstance(translated(unreachable, "host:6379", None), UnreachableError)
    unreachable.__cause__ = exceptions.AuthenticationError("WRONGPASS")
    assert isinstance(translated(unreachable, "host:6379", None), exceptions.AuthenticationError)
    mistake = exceptions.RedisClusterException("MGET - all keys must map to the same key slot")
    assert translated(mistake, "host:6379", None) is mistake
    assert outcome_of(translated(exceptions.SlotNotCoveredError("Slot 1"), "host:6379", None)) == "failed"
    assert outcome_of(translated(exceptions.ClusterError("TTL exhausted."), "host:6379", None)) == "failed"
