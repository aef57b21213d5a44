"""Documents in: what is taken, what is refused, and that no refusal repeats a secret."""

import copy
import json
from typing import Any

import pytest

from redis_ha_client import DocumentError, FailoverPolicy, connect, describe, documents
from redis_ha_client import aio as redis_ha_aio

CONNECTION: dict[str, Any] = {
    "version": 1,
    "kind": "sentinel",
    "master_name": "local",
    "sentinels": [
        {"host": "10.20.0.5", "port": 26379},
        {"host": "10.20.0.6", "port": 26379},
        {"host": "10.20.0.7", "port": 26379},
    ],
    "tls": False,
    "failover": {"down_after_ms": 5000, "failover_timeout_ms": 20000, "min_replicas_to_write": 1},
}
SECRETS = {"password": "hunter2-data", "sentinel_password": "hunter2-sentinel"}
CREDENTIALS: dict[str, Any] = {"version": 1, "username": "application", "sentinel_username": "application", **SECRETS}


def changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Give a copy with one value changed, or removed when `value` is the marker `...`."""
    copied = copy.deepcopy(document)
    place: Any = copied
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


def secretless(text: str) -> bool:
    return not any(secret in text for secret in SECRETS.values())


@pytest.mark.parametrize("read", [dict, json.dumps, lambda document: json.dumps(document).encode()])
def test_a_mapping_and_its_json_text_are_taken_alike(read: Any) -> None:
    client = connect(read(CONNECTION), read(CREDENTIALS))
    settings = describe(client)
    assert settings["sentinels"] == ["10.20.0.5:26379", "10.20.0.6:26379", "10.20.0.7:26379"]
    assert settings["master_name"] == "local"
    client.close()


def test_a_hosted_callers_float_port_is_a_port() -> None:
    assert documents.read_sentinel_connection(changed(CONNECTION, "sentinels.0.port", 26379.0)).sentinels[0] == (
        "10.20.0.5",
        26379,
    )


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("version", 2, "connection has version 2, this redis_ha_client knows version 1: upgrade redis-ha-client"),
        ("version", ..., "connection has no usable version"),
        ("version", True, "connection has no usable version"),
        ("kind", "tree", "connection has kind 'tree': this redis_ha_client knows sentinel, primary, cluster"),
        ("kind", ["primary"], "connection has a kind that is no string"),
        ("kind", ..., "connection has no kind"),
        ("master_name", ..., "connection lacks master_name"),
        ("master_name", "two words", "connection.master_name is 'two words': must match"),
        ("sentinels", [], "connection.sentinels: must not be empty"),
        ("sentinels.1.port", 0, r"connection.sentinels\[1\].port is 0: must be at least 1"),
        ("sentinels.2.port", 65536, r"connection.sentinels\[2\].port is 65536: must be at most 65535"),
        ("sentinels.0.host", ..., r"connection.sentinels\[0\] lacks host"),
        ("tls", "no", "connection.tls is 'no': must be of type boolean"),
        ("failover.down_after_ms", 0, "connection.failover.down_after_ms is 0: must be at least 1"),
        ("colour", "red", "connection has unknown colour: known are version, kind, master_name"),
    ],
)
def test_an_unusable_connection_is_refused_by_key_and_value(path: str, value: object, told: str) -> None:
    for make in (connect, redis_ha_aio.connect):
        with pytest.raises(DocumentError, match=told):
            make(changed(CONNECTION, path, value), CREDENTIALS)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("version", 7, "credentials has version 7"),
        ("password", ..., "credentials lacks password"),
        ("password", "", "credentials.password: must not be empty"),
        ("password", ["hunter2-data"], "credentials.password: must be of type string"),
        ("sentinel_username", 3, "credentials.sentinel_username: must be of type string"),
        ("pasword", "hunter2-data", "credentials has unknown pasword"),
    ],
)
def test_unusable_credentials_are_refused_without_a_secret(path: str, value: object, told: str) -> None:
    with pytest.raises(DocumentError, match=told) as caught:
        connect(CONNECTION, changed(CREDENTIALS, path, value))
    assert secretless(str(caught.value))
    assert caught.value.__cause__ is None


def test_documents_that_change_places_show_no_secret() -> None:
    with pytest.raises(DocumentError) as caught:
        connect(CREDENTIALS, CONNECTION)
    assert secretless(str(caught.value))


@pytest.mark.parametrize("document", ["hunter2-data", b"{hunter2-data", '"hunter2-data"', 5, None])
def test_what_is_no_document_is_refused_without_being_shown(document: Any) -> None:
    with pytest.raises(DocumentError, match="credentials is") as caught:
        connect(CONNECTION, document)
    assert secretless(str(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"pool_size": 0}, "pool_size is 0: must be a whole number of at least 1"),
        ({"database": -1}, "database is -1"),
        ({"tls_ca_file": "/nowhere"}, "tls_ca_file is given, but connection.tls is false"),
    ],
)
def test_unusable_arguments_are_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        connect(CONNECTION, CREDENTIALS, **arguments)


def test_a_missing_ca_file_is_refused() -> None:
    with pytest.raises(DocumentError, match="tls_ca_file '/nowhere' is no file"):
        connect(changed(CONNECTION, "tls", True), CREDENTIALS, tls_ca_file="/nowhere")


@pytest.mark.parametrize("make", [connect, redis_ha_aio.connect])
def test_no_repr_shows_a_secret(make: Any) -> None:
    client = make(CONNECTION, CREDENTIALS, policy=FailoverPolicy())
    pool = client.connection_pool
    shown = [client, pool, pool.settings, pool.finder, pool.retry, pool.make_connection(), client.pipeline(), describe(client)]
    shown += list(pool.finder._clients.values())
    shown += [sentinel.connection_pool for sentinel in pool.finder._clients.values()]
    assert all(secretless(repr(one)) for one in shown)
