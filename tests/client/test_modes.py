"""An endpoint of the other mode is told by name, at the first connection: nothing works half."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import DocumentError, FailoverPolicy, aio, connect, outcome_of
from redis_ha_client.endpoint import check_role, in_cluster_mode, shards_of
from redis_ha_client.errors import NotTheMasterError, WrongKindError
from redis_ha_client.routing import UnreachableError, translated
from tests.client.test_managed_documents import CLUSTER, PRIMARY, USER
from tests.support.managed_processes import ManagedGroup, Names

pytestmark = pytest.mark.servers

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


ALIAS = {"host": "cache.example.com", "port": 6379}  # a name of one's own says nothing about the mode


def swapped(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """The document that somebody writes by hand: an address under the wrong kind."""
    taken = {key: document[key] for key in ("version", "tls", "engine", "failover")}
    if kind == "primary":
        return {**taken, "kind": "primary", "primary": ALIAS, "reader": ALIAS}
    return {**taken, "kind": "cluster", "configuration": ALIAS}


def named(names: Names, group: ManagedGroup, node: int = 0) -> None:
    """Let the alias lead to one node."""
    group.publish(names)
    names.addresses[ALIAS["host"]] = [group.nodes[node].host]  # type: ignore[index]


def first_command(connection: dict[str, Any], credentials: dict[str, Any], **arguments: Any) -> None:
    client = connect(connection, credentials, policy=POLICY, **arguments)
    try:
        client.get("a")
    finally:
        client.close()


async def first_async_command(connection: dict[str, Any], credentials: dict[str, Any], **arguments: Any) -> None:
    async with aio.connect(connection, credentials, policy=POLICY, **arguments) as client:
        await client.get("a")


@pytest.mark.timeout(60, func_only=True)
@pytest.mark.parametrize("arguments", [{}, {"reader": True}])
def test_a_cluster_given_as_a_primary_is_told(
    sharded: ManagedGroup, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    named(Names(monkeypatch), sharded)
    document = swapped(sharded.connection, "primary")
    with pytest.raises(WrongKindError, match=AS_PRIMARY) as caught:
        first_command(document, sharded.credentials, **arguments)
    assert outcome_of(caught.value) == "failed"
    assert isinstance(caught.value, exceptions.ConnectionError)
    with pytest.raises(WrongKindError, match=AS_PRIMARY):
        asyncio.run(first_async_command(document, sharded.credentials, **arguments))


@pytest.mark.timeout(60, func_only=True)
def test_a_primary_given_as_a_cluster_is_told(plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    named(Names(monkeypatch), plain)
    document = swapped(plain.connection, "cluster")
    with pytest.raises(WrongKindError, match=AS_CLUSTER) as caught:
        connect(document, plain.credentials, policy=POLICY)
    assert outcome_of(caught.value) == "failed"
    with pytest.raises(WrongKindError, match=AS_CLUSTER):
        asyncio.run(first_async_command(document, plain.credentials))


@pytest.mark.timeout(60, func_only=True)
def test_a_proxy_that_does_not_say_its_mode_is_found_out_by_its_replies(
    sharded: ManagedGroup, plain: ManagedGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch)
    for twin in ("sync", "aio"):
        for module in ("endpoint", "cluster"):
            monkeypatch.setattr(f"redis_ha_client.{twin}.{module}.in_cluster_mode", lambda _: None)
    named(names, plain)
    as_cluster = swapped(plain.connection, "cluster")
    with pytest.raises(WrongKindError, match=AS_CLUSTER):
        connect(as_cluster, plain.credentials, policy=POLICY)
    with pytest.raises(WrongKindError, match=AS_CLUSTER):
        asyncio.run(first_async_command(as_cluster, plain.credentials))
    named(names, sharded)
    assert sharded.primary_of("a") is not sharded.nodes[0]  # so that GET a is answered by MOVED
    as_primary = swapped(sharded.connection, "primary")
    with pytest.raises(WrongKindError, match=AS_PRIMARY):
        first_command(as_primary, sharded.credentials)
    with pytest.raises(WrongKindError, match=AS_PRIMARY):
        asyncio.run(first_async_command(as_primary, sharded.credentials))


@pytest.mark.timeout(60, func_only=True)
def test_both_kinds_reach_a_group_that_migrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cluster mode "compatible": cluster-enabled is yes, all keys are in one shard, and nobody's client may fail.

    docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html
    """
    names = Names(monkeypatch)
    with ManagedGroup(tmp_path, name="compatible", cluster=True, shards=1, replicas=1) as group:
        group.publish(names)
        primary, replica = group.nodes
        names.addresses["primary.example.com"] = [primary.host]
        names.addresses["reader.example.com"] = [replica.host]
        ends = {name: {"host": f"{name}.example.com", "port": 6379} for name in ("primary", "reader")}
        document = {**swapped(group.connection, "primary"), **ends}
        clients: list[Any] = [
            connect(document, group.credentials, policy=POLICY),
            connect(group.connection, group.credentials, policy=POLICY),
        ]
        assert [client.incr("a") for client in clients] == [1, 2]
        group.wait_copied(primary)
        clients.append(connect(document, group.credentials, policy=POLICY, reader=True))
        assert clients[-1].get("a") == b"2"

        async def use() -> list[Any]:
            writer: Any = aio.connect(document, group.credentials, policy=POLICY)
            reader: Any = aio.connect(document, group.credentials, policy=POLICY, reader=True)
            async with writer, reader:
                return [await writer.incr("a"), await reader.get("b")]

        assert asyncio.run(use()) == [3, None]
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    ("kind", "host", "told"),
    [
        (
            "primary",
            "clustercfg.prod.abc123.euc1.cache.amazonaws.com",
            "the configuration endpoint of a group with cluster mode on",
        ),
        ("primary", "prod.abc123.clustercfg.euc1.cache.amazonaws.com", "the configuration endpoint"),
        (
            "cluster",
            "master.prod.abc123.euc1.cache.amazonaws.com",
            "the primary or reader endpoint of a group with cluster mode off",
        ),
        ("cluster", "replica.prod.abc123.euc1.cache.amazonaws.com", "the primary or reader endpoint"),
        ("cluster", "prod.abc123.ng.0001.euc1.cache.amazonaws.com", "the primary or reader endpoint"),
        ("cluster", "prod-ro.abc123.ng.0001.cnn1.cache.amazonaws.com.cn", "the primary or reader endpoint"),
    ],
)
def test_a_name_of_the_service_is_refused_under_the_wrong_kind_undialled(kind: str, host: str, told: str) -> None:
    address = {"host": host, "port": 6379}
    document = {**PRIMARY, "primary": address} if kind == "primary" else {**CLUSTER, "configuration": address}
    with pytest.raises(DocumentError, match=f"host is '{host}', {told}"):
        connect(document, USER)


def test_the_greeting_is_read_in_all_shapes() -> None:
    for greeting in ({b"mode": b"cluster", b"role": b"replica"}, {"mode": "cluster", "role": "replica"}):
        assert in_cluster_mode(greeting) is True
        with pytest.raises(NotTheMasterError):
            check_role(greeting, "host:6379")
    assert in_cluster_mode({"mode": "standalone"}) is False
    assert in_cluster_mode({}) is in_cluster_mode(None) is None
    check_role({}, "host:6379")
    check_role(None, "host:6379")
    assert shards_of(b"cluster_state:ok\r\ncluster_size:3\r\n") == 3
    assert shards_of("cluster_state:ok") == 1


def test_a_user_who_may_not_read_the_layout_is_told_what_to_allow() -> None:
    cause = exceptions.NoPermissionError("this user has no permissions to run the 'cluster|slots' command")
    error = exceptions.RedisClusterException("Cluster mode is not enabled on this node")
    error.__cause__ = cause
    told = translated(error, "host:6379", "application")
    assert isinstance(told, exceptions.NoPermissionError)
    assert "user 'application' may not read the cluster's layout at host:6379" in str(told)
    assert "+cluster|slots" in str(told)


@pytest.mark.timeout(60, func_only=True)
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
