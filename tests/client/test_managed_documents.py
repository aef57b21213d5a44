"""The documents of kinds "primary" and "cluster": what is taken, what is refused, and that no refusal repeats a secret."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from redis_ha_client import DocumentError, FailoverPolicy, checking, connect, describe, documents
from redis_ha_client import aio as redis_ha_aio
from tests.client.test_documents import CONNECTION as SENTINEL
from tests.client.test_documents import CREDENTIALS as SENTINEL_CREDENTIALS
from tests.client.test_documents import changed

FAILOVER = {"automatic": True, "multi_az": True, "replicas": 1}
PRIMARY: dict[str, Any] = {
    "version": 1,
    "kind": "primary",
    "primary": {"host": "master.prod.abc123.euc1.cache.amazonaws.com", "port": 6379},
    "reader": {"host": "replica.prod.abc123.euc1.cache.amazonaws.com", "port": 6379},
    "tls": True,
    "engine": "valkey",
    "failover": FAILOVER,
}
CLUSTER: dict[str, Any] = {
    "version": 1,
    "kind": "cluster",
    "configuration": {"host": "clustercfg.prod.abc123.euc1.cache.amazonaws.com", "port": 6379},
    "tls": True,
    "engine": "valkey",
    "failover": FAILOVER,
}
DURABLE: dict[str, Any] = CLUSTER | {"version": 2, "durability": "sync"}
USER = {"version": 1, "username": "application", "password": "hunter2-rbac"}
TOKEN = {"version": 1, "password": "hunter2-token"}
NONE = {"version": 1}
IAM = {"version": 1, "username": "app", "iam": {"region": "eu-central-1", "resource": "prod", "serverless": False}}
LOGINS = {"user": USER, "token": TOKEN, "none": NONE, "iam": IAM}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("read", [dict, json.dumps])
def test_every_login_is_taken_with_a_primary_endpoint(read: Any, login: str) -> None:
    for make in (connect, redis_ha_aio.connect):
        told = describe(make(read(PRIMARY), read(LOGINS[login])))
        assert told["kind"] == "primary"
        assert told["login"] == login
        assert told["endpoints"]["primary"] == "master.prod.abc123.euc1.cache.amazonaws.com:6379"
        assert "hunter2" not in json.dumps(told)


@pytest.mark.parametrize("connection", [SENTINEL, PRIMARY, CLUSTER, DURABLE])
def test_the_schema_takes_each_kind_as_one_form(connection: dict[str, Any]) -> None:
    """The client checks one form; whoever writes documents may use the whole file."""
    Draft202012Validator.check_schema(checking.schema("connection"))
    assert Draft202012Validator(checking.schema("connection")).is_valid(connection)
    assert not Draft202012Validator(checking.schema("connection")).is_valid({**connection, "colour": "red"})


@pytest.mark.parametrize("credentials", [SENTINEL_CREDENTIALS, *LOGINS.values()])
def test_the_schema_takes_each_login_as_one_form(credentials: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(checking.schema("credentials"))
    assert Draft202012Validator(checking.schema("credentials")).is_valid(credentials)
    assert not Draft202012Validator(checking.schema("credentials")).is_valid({**credentials, "colour": "red"})


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("version", 2, "connection has version 2, this redis_ha_client knows version 1: upgrade redis-ha-client"),
        ("primary", ..., "connection lacks primary"),
        ("primary.port", 0, "connection.primary.port is 0: must be at least 1"),
        ("reader", ..., "connection lacks reader"),
        ("reader", "replica.prod", "connection.reader is 'replica.prod': must be null or an object with host and port"),
        ("tls", "yes", "connection.tls is 'yes': must be of type boolean"),
        ("engine", "memcached", r"connection.engine is 'memcached': must be one of \['valkey', 'redis'\]"),
        ("failover.replicas", -1, "connection.failover.replicas is -1: must be at least 0"),
        ("failover.seconds", 5, "connection.failover has unknown seconds: known are automatic, multi_az, replicas"),
        ("sentinels", [], "connection has unknown sentinels: known are version, kind, primary, reader"),
    ],
)
def test_an_unusable_connection_is_refused_by_key_and_value(path: str, value: object, told: str) -> None:
    for make in (connect, redis_ha_aio.connect):
        with pytest.raises(DocumentError, match=told):
            make(changed(PRIMARY, path, value), USER)


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_version_2_of_a_cluster_says_what_a_failover_may_lose(durability: str) -> None:
    """Pulumi's numbers are floats."""
    for version in (2, 2.0):
        read = documents.read_managed_connection(DURABLE | {"version": version, "durability": durability})
        assert isinstance(read, documents.ClusterConnection)
        assert read.durability == durability
    older = documents.read_managed_connection(CLUSTER)
    assert isinstance(older, documents.ClusterConnection)
    assert older.durability is None
    asynchronous = redis_ha_aio.connect(DURABLE | {"durability": durability}, USER)
    assert describe(asynchronous)["durability"] == durability
    assert describe(redis_ha_aio.connect(CLUSTER, USER))["durability"] is None
    assert describe(redis_ha_aio.connect(PRIMARY, USER))["durability"] is None


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        (DURABLE | {"version": 3}, "connection has version 3, this redis_ha_client knows version 1 and 2: upgrade"),
        (DURABLE | {"version": 1}, "connection has unknown durability"),
        (CLUSTER | {"version": 2}, "connection lacks durability"),
        (DURABLE | {"durability": "disabled"}, r"connection.durability is 'disabled': must be one of \['sync', 'async'\]"),
        (PRIMARY | {"version": 2}, "connection has version 2, this redis_ha_client knows version 1: upgrade"),
    ],
)
def test_each_version_of_a_kind_has_its_own_keys(connection: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        documents.read_connection(connection)


def test_a_cluster_needs_its_configuration_endpoint() -> None:
    with pytest.raises(DocumentError, match="connection lacks configuration"):
        connect({**changed(CLUSTER, "configuration", ...)}, USER)


@pytest.mark.parametrize(
    ("credentials", "told"),
    [
        (
            {"version": 1, "username": "application"},
            "credentials lacks password. Pass the `credentials` output of the same",
        ),
        (SENTINEL_CREDENTIALS, "credentials has unknown sentinel_password, sentinel_username"),
        ({"version": 1, "token": "hunter2-token"}, "credentials lacks password; credentials has unknown token"),
        ({**IAM, "password": "hunter2-rbac"}, "credentials has unknown password: known are version, username, iam"),
        (changed(IAM, "username", "App"), "credentials.username: must match"),
        (changed(IAM, "iam.resource", "Prod"), "credentials.iam.resource: must match"),
        (changed(IAM, "iam.region", "frankfurt"), "credentials.iam.region: must match"),
        (changed(IAM, "iam.serverless", ...), "credentials.iam lacks serverless"),
        ({**USER, "password": ""}, "credentials.password: must not be empty"),
    ],
)
def test_unusable_credentials_are_refused_without_a_secret(credentials: dict[str, Any], told: str) -> None:
    for connection in (PRIMARY, CLUSTER):
        with pytest.raises(DocumentError, match=told) as caught:
            connect(connection, credentials)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_sentinel_topology_takes_no_other_login() -> None:
    with pytest.raises(DocumentError, match="credentials lacks sentinel_username, sentinel_password"):
        connect(SENTINEL, USER)


def test_a_problem_is_told_once() -> None:
    with pytest.raises(DocumentError) as caught:
        connect({"version": 1, "kind": "cluster"}, USER)
    assert str(caught.value) == "connection lacks configuration, tls, engine, failover"


@pytest.mark.parametrize(
    ("connection", "credentials", "arguments", "told"),
    [
        (SENTINEL, SENTINEL_CREDENTIALS, {"reader": True}, "reader=True, but connection.kind is 'sentinel'"),
        (changed(PRIMARY, "reader", None), USER, {"reader": True}, "reader=True, but connection.reader is null"),
        (PRIMARY, USER, {"reader": "yes"}, "reader is 'yes': must be True or False"),
        (CLUSTER, USER, {"database": 1}, "database is 1, but cluster mode has database 0 only"),
        (changed(PRIMARY, "tls", False), IAM, {}, "credentials.iam is given, but connection.tls is false"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    connection: dict[str, Any], credentials: dict[str, Any], arguments: dict[str, Any], told: str
) -> None:
    for make in (connect, redis_ha_aio.connect):
        with pytest.raises(DocumentError, match=told):
            make(connection, credentials, **arguments)


@pytest.mark.parametrize("make", [connect, redis_ha_aio.connect])
def test_no_repr_shows_a_secret(make: Any) -> None:
    for credentials in (USER, TOKEN):
        client = make(PRIMARY, credentials)
        pool = client.connection_pool
        shown = [client, pool, pool.settings, pool.retry, pool.make_connection(), client.pipeline(), describe(client)]
        assert not any("hunter2" in repr(one) for one in shown)


def test_the_default_budget_covers_a_failover_only_where_there_is_one() -> None:
    told = describe(connect(PRIMARY, USER))
    assert told["worst_case_seconds"]["command"] == told["worst_case_seconds"]["one_failover"] == 60.0
    assert told["rides_over"] == {"one_failover": True}
    for path, value in (("failover.automatic", False), ("failover.replicas", 0)):
        told = describe(connect(changed(PRIMARY, path, value), USER))
        assert told["worst_case_seconds"] == {"command": 10.0, "attempt": 5.0, "one_failover": None}
        assert told["rides_over"] == {"one_failover": False}
    short = describe(connect(PRIMARY, USER, policy=FailoverPolicy(total_seconds=2)))
    assert short["rides_over"] == {"one_failover": False}
