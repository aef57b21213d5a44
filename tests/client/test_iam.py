"""The token by which a user logs in with IAM: its form, its signature, and that every connection gets a new one."""

import asyncio
import datetime as dt
import hashlib
import hmac
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
import redis.asyncio
from redis import exceptions

from redis_ha_client import DocumentError, FailoverPolicy, aio, connect, describe
from redis_ha_client.documents import IamLogin
from redis_ha_client.iam import SignedLogin, signer_of, token
from tests.client.test_managed_documents import CLUSTER, IAM, PRIMARY
from tests.support.managed_processes import ManagedGroup, Names

pytestmark = pytest.mark.servers

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
LOGIN = IamLogin("eu-central-1", "prod", serverless=False)


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


def parts(signed: str) -> tuple[str, dict[str, str]]:
    where, _, query = signed.partition("?")
    return where, dict(parse_qsl(query, strict_parsing=True))


def test_the_token_is_a_presigned_connect_without_its_scheme() -> None:
    """docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html: cache name as host, 15 minutes, Action and User."""
    where, query = parts(token(signer_of("eu-central-1"), "app", LOGIN))
    assert where == "prod/"
    assert query["Action"] == "connect"
    assert query["User"] == "app"
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-Expires"] == "900"
    assert query["X-Amz-SignedHeaders"] == "host"
    assert query["X-Amz-Credential"] == f"{KEY}/{query['X-Amz-Date'][:8]}/eu-central-1/elasticache/aws4_request"
    assert "ResourceType" not in query
    assert len(query["X-Amz-Signature"]) == 64


def test_a_serverless_cache_is_named_as_one() -> None:
    _, query = parts(token(signer_of("eu-central-1"), "app", IamLogin("eu-central-1", "cache", serverless=True)))
    assert query["ResourceType"] == "ServerlessCache"


def test_the_signature_is_the_one_that_aws_computes() -> None:
    """Computed here from the rules of Signature Version 4 alone, as the service does to check it."""
    _, query = parts(token(signer_of("eu-central-1"), "app", LOGIN))
    signature = query.pop("X-Amz-Signature")
    canonical_query = "&".join(f"{quote(key, safe='-_.~')}={quote(query[key], safe='-_.~')}" for key in sorted(query))
    empty = hashlib.sha256(b"").hexdigest()
    canonical = f"GET\n/\n{canonical_query}\nhost:prod\n\nhost\n{empty}"
    scope = query["X-Amz-Credential"].partition("/")[2]
    to_sign = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for step in (*scope.split("/"), to_sign):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    assert key.hex() == signature


def test_missing_aws_credentials_are_told_with_the_remedy_and_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    login = SignedLogin("app", LOGIN)
    with pytest.raises(exceptions.AuthenticationError, match=r"no token can be signed for user 'app' at prod.*AWS credentials"):
        login.get_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    assert login.get_credentials()[0] == "app"
    assert SECRET not in repr(login)


def test_a_missing_botocore_is_told_before_anything_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setattr("redis_ha_client.iam.find_spec", lambda _: None)
    for make in (connect, aio.connect):
        with pytest.raises(DocumentError, match=r"botocore.*pip install 'redis-ha-client\[iam\]'"):
            make(PRIMARY, IAM)


def test_connections_are_renewed_before_the_service_cuts_them() -> None:
    """ElastiCache ends a connection that logged in by IAM after 12 hours."""
    for client in (connect(PRIMARY, IAM), aio.connect(PRIMARY, IAM)):
        pool: Any = getattr(client, "connection_pool")  # noqa: B009 - a cluster's client has none
        assert 0 < pool.make_connection().age_seconds < 12 * 3600
        assert describe(client)["login"] == "iam"
    cluster = aio.connect(CLUSTER, IAM)
    assert isinstance(cluster, redis.asyncio.RedisCluster)
    (startup,) = cluster.nodes_manager.startup_nodes.values()
    assert 0 < startup.acquire_connection().age_seconds < 12 * 3600  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedGroup]:
    made = ManagedGroup(tmp_path_factory.mktemp("iam"), name="prod", replicas=0)
    made.use_tls()
    with made:
        yield made


def test_every_connection_gets_a_new_token(group: ManagedGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    group.publish(Names(monkeypatch))
    assert group.tls_directory is not None
    given: list[str] = []

    def counted(_signer: Any, username: str, _login: IamLogin) -> str:
        given.append(f"token-{len(given)}-{dt.datetime.now(dt.UTC).timestamp()}")
        # The service's part: it takes this very token from this user, and no other.
        group.command(group.nodes[0], "ACL", "SETUSER", username, "on", "resetpass", f">{given[-1]}", "~*", "+@all")
        return given[-1]

    monkeypatch.setattr("redis_ha_client.iam.token", counted)
    arguments: dict[str, Any] = {
        "policy": FailoverPolicy(total_seconds=10),
        "tls_ca_file": group.tls_directory / "ca.crt",
    }
    client: Any = connect(group.connection, IAM, **arguments)
    for _ in range(3):
        assert client.ping() is True
        client.connection_pool.disconnect()
    assert len(set(given)) == 3
    client.close()

    async def use() -> None:
        async with aio.connect(group.connection, IAM, **arguments) as async_client:
            await async_client.ping()

    asyncio.run(use())
    assert len(set(given)) == 4
