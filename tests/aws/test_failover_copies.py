"""Copies of the endpoint document in a real Consul and a real Vault."""

from __future__ import annotations

import base64
import dataclasses
import http.server
import json
import ssl
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from redis_ha.failover.function import copies
from redis_ha.failover.function.handler import RunError
from redis_ha.failover.function.table import FAILOVER
from tests.support import servers
from tests.support.aws_world import World
from tests.support.certificates import issue
from tests.support.failover_events import schedule
from tests.support.failover_function import Deployed, Topic, deploy
from tests.support.ports import free_port
from tests.support.servers import Server

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1800)]  # building the servers takes minutes, once a computer

KINDS = {"consul": servers.consul, "vault": servers.vault}


@pytest.fixture(scope="module", params=sorted(KINDS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with KINDS[request.param](tmp_path_factory.mktemp(request.param)) as made:
        yield made


def narrow_token(server: Server, path: str) -> str:
    """Make a token that may do what the README says and nothing else."""
    name = f"copies-{uuid.uuid4().hex}"
    if server.name == "consul":
        rules = f'key_prefix "{path.strip("/")}/" {{ policy = "write" }}'
        server.ask("PUT", "/acl/policy", {"Name": name, "Rules": rules})
        return str(server.ask("PUT", "/acl/token", {"Policies": [{"Name": name}]})["SecretID"])
    rules = f'path "secret/data{path}/*" {{ capabilities = ["create", "read", "update"] }}'
    server.ask("POST", f"/sys/policies/acl/{name}", {"policy": rules})
    made = server.ask("POST", "/auth/token/create", {"policies": [name], "period": "2h"})
    return str(made["auth"]["client_token"])


def held(server: Server, key: str) -> tuple[Any, int]:
    """Give what the server has at a key, and how often it was written (Vault) or an index that grows with it (Consul)."""
    if server.name == "consul":
        found = server.ask("GET", f"/kv{key}")
        return (json.loads(base64.b64decode(found[0]["Value"])), found[0]["ModifyIndex"]) if found else (None, 0)
    found = server.ask("GET", f"/secret/data{key}")
    return (found["data"]["data"], found["data"]["metadata"]["version"]) if found else (None, 0)


def put(server: Server, key: str, document: Any) -> None:
    """Let somebody else write."""
    if server.name == "consul":
        assert server.ask("PUT", f"/kv{key}", document) is True
    else:
        assert server.ask("POST", f"/secret/data{key}", {"data": document})


def secret(world: World, **fields: str) -> str:
    made: str = world.client("secretsmanager").create_secret(Name=world.name("token"), SecretString=json.dumps(fields))["ARN"]
    return made


def with_copies(world: World, monkeypatch: pytest.MonkeyPatch, server: Server, arn: str, group: str, url: str = "") -> Deployed:
    name = server.name.upper()
    return deploy(monkeypatch, world, group, wait=0, variables={f"{name}_URL": url or server.url, f"{name}_SECRET": arn})


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch, server: Server) -> Deployed:
    """A function for a new group, whose token may write at its own path alone."""
    made = with_copies(world, monkeypatch, server, secret(world, token="-"), world.group())
    token = narrow_token(server, made.world.settings.parameter_path)
    (copy,) = made.world.settings.copies
    text = json.dumps({"token": token, "ca_pem": server.authority})
    world.client("secretsmanager").put_secret_value(SecretId=copy.secret_arn, SecretString=text)
    return made


def key_of(deployed: Deployed) -> str:
    (group,) = deployed.world.settings.groups
    return deployed.world.cloud.document_name(group)


def test_a_copy_follows_the_parameter(world: World, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    topic = Topic(world)
    group = world.group(NotificationTopicArn=topic.arn)
    deployed = with_copies(world, monkeypatch, server, secret(world, token=server.token, ca_pem=server.authority), group)
    deployed.run(schedule())
    assert held(server, key_of(deployed))[0] == deployed.document(group)
    world.cache.test_failover(ReplicationGroupId=group, NodeGroupId="0001")
    world.available(group)
    payload = topic.delivery_of(FAILOVER)
    deployed.run(payload)
    copy, version = held(server, key_of(deployed))
    assert (copy, copy["generation"]) == (deployed.document(group), 2)
    deployed.run(payload)
    deployed.run(schedule())
    assert held(server, key_of(deployed)) == (copy, version)
    assert [line["CopiesWritten"] for line in deployed.notes("CopiesWritten")] == [1, 1, 0, 0]
    assert {line["Target"] for line in deployed.notes("CopiesWritten")} == {server.name}


def test_a_token_for_the_path_is_enough(deployed: Deployed, server: Server) -> None:
    deployed.run(schedule())
    assert held(server, key_of(deployed))[0] == deployed.document(*deployed.world.settings.groups)


def test_an_older_document_replaces_no_newer_one(deployed: Deployed, server: Server) -> None:
    deployed.run(schedule())
    newer = {**held(server, key_of(deployed))[0], "written": "2999-01-01T00:00:00.000Z", "state": "another look"}
    put(server, key_of(deployed), newer)
    deployed.run(schedule())
    assert held(server, key_of(deployed))[0] == newer


@pytest.mark.parametrize("nonsense", [{"some": "thing"}, {"version": 9}])
def test_what_cannot_be_read_is_replaced(deployed: Deployed, server: Server, nonsense: Any) -> None:
    put(server, key_of(deployed), nonsense)
    deployed.run(schedule())
    assert held(server, key_of(deployed))[0] == deployed.document(*deployed.world.settings.groups)


def test_a_deleted_copy_comes_back(deployed: Deployed, server: Server) -> None:
    deployed.run(schedule())
    server.ask("DELETE", {"consul": f"/kv{key_of(deployed)}", "vault": f"/secret/data{key_of(deployed)}"}[server.name])
    deployed.run(schedule())
    assert held(server, key_of(deployed))[0] == deployed.document(*deployed.world.settings.groups)


def test_a_write_of_somebody_else_in_between_is_seen(deployed: Deployed, server: Server) -> None:
    deployed.run(schedule())
    (target,) = deployed.world.targets
    document = {**held(server, key_of(deployed))[0], "state": "modifying"}

    class Raced:
        """Lets somebody write after every read, so many times."""

        name = target.name

        def __init__(self, times: int) -> None:
            self.times = times

        def read(self, key: str) -> copies.Seen:
            seen = target.read(key)
            if self.times:
                self.times -= 1
                put(server, key, {"other": self.times})
            return seen

        def write(self, key: str, document: Mapping[str, Any], seen: copies.Seen) -> bool:
            return target.write(key, document, seen)

        def keep(self) -> None:
            target.keep()

    assert copies.copy(Raced(1), key_of(deployed), document) is True
    assert held(server, key_of(deployed))[0] == document
    with pytest.raises(copies.CopyError, match="somebody else writes"):
        copies.copy(Raced(99), key_of(deployed), {**document, "state": "available"})
    assert held(server, key_of(deployed))[0] == {"other": 96}


def test_an_outage_holds_up_nothing_and_a_retry_mends_it(world: World, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    group = world.group()
    arn = secret(world, token=server.token, ca_pem=server.authority)
    away = f"https://127.0.0.1:{free_port()}"
    deployed = with_copies(world, monkeypatch, server, arn, group, away)
    with pytest.raises(RunError, match=rf"{group} at Schedule: CopyError: {server.name}: CopyError: {away} cannot be reached"):
        deployed.run(schedule())
    assert deployed.document(group)["generation"] == 1
    assert [event["detail-type"] for event in deployed.relayed()] == ["EndpointsChanged"]
    wanted = tuple(dataclasses.replace(one, url=server.url) for one in deployed.world.settings.copies)
    deployed.world = dataclasses.replace(deployed.world, targets=copies.targets_of(wanted, deployed.world.cloud.secret))
    deployed.run(schedule())
    assert held(server, key_of(deployed))[0] == deployed.document(group)


def test_a_changed_token_is_read_anew(world: World, deployed: Deployed, server: Server) -> None:
    deployed.run(schedule())
    (copy,) = deployed.world.settings.copies
    good = world.client("secretsmanager").get_secret_value(SecretId=copy.secret_arn)["SecretString"]
    narrow = json.loads(good)["token"]
    if server.name == "consul":
        found = server.ask("GET", "/acl/token/self", token=narrow)
        server.ask("DELETE", f"/acl/token/{found['AccessorID']}")
    else:
        server.ask("POST", "/auth/token/revoke", {"token": narrow})
    with pytest.raises(RunError, match="answered 403; it denies the token") as denied:
        deployed.run(schedule())
    assert narrow not in str(denied.value)
    assert narrow not in json.dumps(deployed.said)
    text = json.dumps({"token": narrow_token(server, deployed.world.settings.parameter_path), "ca_pem": server.authority})
    world.client("secretsmanager").put_secret_value(SecretId=copy.secret_arn, SecretString=text)
    deployed.run(schedule())


def test_an_unknown_authority_gets_no_token(
    world: World, monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path
) -> None:
    other = (issue(tmp_path / "other", ["127.0.0.1"]) / "ca.crt").read_text()
    arn = secret(world, token=server.token, ca_pem=other)
    deployed = with_copies(world, monkeypatch, server, arn, world.group())
    with pytest.raises(RunError, match=r"cannot be reached: SSLCertVerificationError"):
        deployed.run(schedule())


@pytest.mark.parametrize("text", ["", "a-token", "{}", '{"token": ""}', '{"token": 5}', '{"token": "x", "ca_pem": 5}'])
def test_a_wrong_secret_is_refused_without_its_value(text: str) -> None:
    with pytest.raises(copies.CopyError, match="its secret is not what is wanted; give") as refused:
        copies.read_access(text)
    assert "a-token" not in str(refused.value)


def test_a_periodic_token_of_vault_is_renewed(tmp_path: Path) -> None:
    with servers.vault(tmp_path) as server:
        made = server.ask("POST", "/auth/token/create", {"policies": ["default"], "period": "2h"})["auth"]
        secret_text = json.dumps({"token": made["client_token"], "ca_pem": server.authority})
        target = copies.Vault(server.url, "secret", lambda: secret_text)

        def looked() -> Any:
            return server.ask("POST", "/auth/token/lookup", {"token": made["client_token"]})["data"]

        assert looked().get("last_renewal") is None
        target.keep()
        assert looked()["last_renewal"]
        # The root token cannot be renewed, and needs not.
        copies.Vault(server.url, "secret", lambda: json.dumps({"token": server.token, "ca_pem": server.authority})).keep()


def test_a_redirect_gets_no_token(tmp_path: Path) -> None:
    keys = issue(tmp_path / "keys", ["127.0.0.1"])
    asked: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(307)
            self.send_header("Location", f"https://127.0.0.1:{listening.server_port}/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as listening:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "node.crt", keys / "node.key")
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            text = json.dumps({"token": "secret-token", "ca_pem": (keys / "ca.crt").read_text()})
            target = copies.Consul(f"https://127.0.0.1:{listening.server_port}/", lambda: text)
            with pytest.raises(copies.CopyError, match="answered 307"):
                target.read("/redis-ha/orders/endpoints")
        finally:
            listening.shutdown()
            thread.join()
    assert asked == ["/v1/kv/redis-ha/orders/endpoints"]
