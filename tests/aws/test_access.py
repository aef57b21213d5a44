"""Who may ask the emulated AWS: any process of this computer may connect to it, and a page of a browser may send to it."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pulumi_emulator import aws
from pulumi_emulator.aws.access import HEADER, Endpoint, Key, environment_of, refusal
from tests.support.aws_world import REGION, serving

SECRET = "the-value-of-a-secret"
BODY = json.dumps({"SecretId": "app"}).encode()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with serving() as (made, _):
        client = aws.client(made, "secretsmanager", REGION)
        client.create_secret(Name="app", SecretString=SECRET)
        client.close()
        yield made


def signed(endpoint: Endpoint, key: Key, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of a request for the secret."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"}
    headers |= more or {}
    request = AWSRequest("POST", f"{endpoint.url}/", headers=headers, data=BODY)
    SigV4Auth(Credentials(key.key_id, key.secret), "secretsmanager", REGION).add_auth(request)
    return dict(request.headers.items())


def send(endpoint: Endpoint, headers: Mapping[str, str], body: bytes | None = BODY, path: str = "/") -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(endpoint.url + path, body, dict(headers)), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_whoever_has_the_key_is_answered(endpoint: Endpoint) -> None:
    status, text = send(endpoint, signed(endpoint, endpoint.key))
    assert (status, json.loads(text)["SecretString"]) == (200, SECRET)


def altered(endpoint: Endpoint, **changes: Any) -> tuple[dict[str, str], bytes]:
    key = replace(endpoint.key, **changes.pop("key", {}))
    headers = signed(endpoint, key) | changes.pop("headers", {})
    for name in changes.pop("without", ()):
        del headers[name]
    return headers, changes.pop("body", BODY)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"without": ["Authorization"]}, "MissingAuthenticationToken"),
        ({"headers": {"Authorization": "Bearer of-something"}}, "MissingAuthenticationToken"),
        ({"key": {"key_id": "EMULATED000000000000"}}, "InvalidClientTokenId"),
        ({"key": {"secret": "a-guess"}}, "SignatureDoesNotMatch"),
        ({"body": b'{"SecretId": "other"}'}, "SignatureDoesNotMatch"),
        ({"headers": {"X-Amz-Target": "secretsmanager.ListSecrets"}}, "SignatureDoesNotMatch"),
        ({"without": ["X-Amz-Date"]}, "IncompleteSignature"),
        ({"headers": {"Host": "a-page.example.com"}}, ""),
        ({"headers": {"Host": "127.0.0.1"}}, ""),
    ],
)
def test_nobody_else_is(endpoint: Endpoint, changes: dict[str, Any], code: str) -> None:
    headers, body = altered(endpoint, **dict(changes))
    status, text = send(endpoint, headers, body)
    assert status == 403
    assert SECRET not in text
    assert code in text
    assert endpoint.key.secret not in text


def signed_in_part(endpoint: Endpoint, headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request whose signature holds for some of them, and leaves the others to whoever holds the request."""
    request = AWSRequest("POST", f"{endpoint.url}/", headers=dict(headers), data=BODY)
    SigV4Auth(Credentials(endpoint.key.key_id, endpoint.key.secret), "secretsmanager", REGION).add_auth(request)
    return {**request.headers, **more}


@pytest.mark.parametrize("name", ["Content-Type", "X-Amz-Target", "X-Amz-Security-Token"])
def test_what_says_which_operation_is_meant_is_signed(endpoint: Endpoint, name: str) -> None:
    """Else another operation could be asked for with the same signature."""
    sent = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "secretsmanager.GetSecretValue",
        "X-Amz-Security-Token": "of-a-session",
    }
    signed_ones = {other: value for other, value in sent.items() if other != name}
    status, text = send(endpoint, signed_in_part(endpoint, signed_ones, {name: sent[name]}))
    words = f"There were headers present in the request which were not signed: {name.lower()}"
    assert (status, json.loads(text)["message"]) == (403, words)
    assert send(endpoint, signed_in_part(endpoint, sent, {"X-Amzn-Trace-Id": "Root=1", "Accept": "*/*"}))[0] == 200


@pytest.mark.parametrize(
    ("told", "status"),
    [(hashlib.sha256(BODY).hexdigest(), 200), (hashlib.sha256(b"other").hexdigest(), 403), ("UNSIGNED-PAYLOAD", 403)],
)
def test_a_signed_hash_is_the_bodys(endpoint: Endpoint, told: str, status: int) -> None:
    headers = signed(endpoint, endpoint.key, {"X-Amz-Content-SHA256": told})
    assert send(endpoint, headers)[0] == status


@pytest.mark.parametrize(("minutes", "code"), [(0, None), (14, None), (-14, None), (16, "Signature"), (-16, "Signature")])
def test_a_signature_holds_for_a_quarter_of_an_hour(endpoint: Endpoint, minutes: int, code: str | None) -> None:
    headers = signed(endpoint, endpoint.key)
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    host = endpoint.url.removeprefix("http://")
    environ |= {"REQUEST_METHOD": "POST", "REQUEST_URI": "/", "HTTP_HOST": host, "CONTENT_TYPE": headers["Content-Type"]}
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    refused = refusal(environ, BODY, {endpoint.key.key_id: endpoint.key}.get, now, now)
    assert (refused.text.split()[0] if refused else None) == code


def test_the_emulators_own_paths_want_the_key_too(endpoint: Endpoint) -> None:
    assert send(endpoint, {}, None, "/_emulator/health")[0] == 200
    zone = json.dumps({"zone": "eu-central-1a", "on": False}).encode()
    for path, body in (("/_emulator/groups", None), ("/_emulator/globals", None), ("/_emulator/zones", zone)):
        for headers in ({}, {HEADER: "a-guess"}, {HEADER: "é"}):
            assert send(endpoint, headers | {"Content-Type": "application/json"}, body, path)[0] == 403
    assert send(endpoint, {HEADER: endpoint.key.secret}, None, "/_emulator/groups")[0] == 200


def test_tools_find_it_by_their_environment(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """And paths, queries and bodies are signed as each service has it."""
    for name, value in environment_of(endpoint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    session: Any = botocore.session.get_session()
    store = session.create_client("s3")
    store.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": REGION})
    for name in ("plain", "a folder/with spaces", "x=1&y=2+3"):
        store.put_object(Bucket="reports", Key=name, Body=b"one\ntwo")
        assert store.get_object(Bucket="reports", Key=name)["Body"].read() == b"one\ntwo"
        assert [found["Key"] for found in store.list_objects_v2(Bucket="reports", Prefix=name)["Contents"]] == [name]
    queues = session.create_client("sqs")
    url = queues.create_queue(QueueName="events")["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="50 % & more = ä")
    assert queues.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "50 % & more = ä"
    zones = session.create_client("route53")
    made = zones.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    assert zones.list_resource_record_sets(HostedZoneId=made, StartRecordName="a b.example.com", StartRecordType="A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-guess")
    stranger: Any = botocore.session.get_session()
    with pytest.raises(ClientError, match="signature we calculated does not match"):
        stranger.create_client("sqs").list_queues()
    for client in (store, queues, zones):
        client.close()
