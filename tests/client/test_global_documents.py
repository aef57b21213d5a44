"""The document of kind "global": what is taken and refused, what its writers say, and how they are asked."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber
from jsonschema import Draft202012Validator
from redis import exceptions

from redis_ha_client import DocumentError, FailoverPolicy, checking, connect, describe, lookup, routing, world
from redis_ha_client import aio as redis_ha_aio
from redis_ha_client.budget import command_budget
from redis_ha_client.documents import read_global_connection, read_managed_connection
from redis_ha_client.errors import WriterForbiddenError, WriterUnknownError
from tests.client.test_documents import changed
from tests.client.test_managed_documents import CLUSTER, IAM, NONE, PRIMARY, TOKEN, USER

AWAY = {
    **PRIMARY,
    "primary": {"host": "master.prod-euw1.def456.euw1.cache.amazonaws.com", "port": 6379},
    "reader": {"host": "replica.prod-euw1.def456.euw1.cache.amazonaws.com", "port": 6379},
}
PARAMETER = {"parameter": {"name": "/redis-ha/prod/global/writer", "region": "eu-west-1"}}
GLOBAL: dict[str, Any] = {
    "version": 1,
    "kind": "global",
    "primary_region": "eu-central-1",
    "stale_seconds": 5,
    "writer": {"record": "writer.shop.internal."},
    "regions": {"eu-central-1": PRIMARY, "eu-west-1": AWAY},
}
CLUSTERS = changed(
    changed(GLOBAL, "regions.eu-central-1", CLUSTER),
    "regions.eu-west-1",
    {**CLUSTER, "configuration": {"host": "clustercfg.prod-euw1.def456.euw1.cache.amazonaws.com", "port": 6379}},
)


@pytest.mark.parametrize("document", [GLOBAL, CLUSTERS, changed(GLOBAL, "writer", None), changed(GLOBAL, "writer", PARAMETER)])
def test_the_schema_takes_it_as_one_form(document: dict[str, Any]) -> None:
    validator = Draft202012Validator(checking.schema("connection"))
    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "colour": "red"})
    assert read_global_connection(json.dumps(document)).primary_region == "eu-central-1"


@pytest.mark.parametrize("login", [USER, TOKEN, NONE])
def test_every_login_with_a_password_is_taken(login: dict[str, Any]) -> None:
    for make in (connect, redis_ha_aio.connect):
        told = describe(make(GLOBAL, login, region="eu-west-1"))
        assert (told["kind"], told["regions_kind"], told["region"]) == ("global", "primary", None)
        assert told["writer"] == "record writer.shop.internal."
        assert told["regions"]["eu-west-1"]["reader"] == "replica.prod-euw1.def456.euw1.cache.amazonaws.com:6379"
        told = describe(make(changed(GLOBAL, "writer", None), login, reader=True, region="eu-west-1"))
        assert told["endpoints"] == told["regions"]["eu-west-1"]
        assert (told["region"], told["stale_seconds"]) == ("eu-west-1", 5)
        assert "hunter2" not in json.dumps(told)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("primary_region", "us-east-1", "primary_region is 'us-east-1', which is not in connection.regions"),
        ("primary_region", "frankfurt", "connection.primary_region is 'frankfurt': must match"),
        ("stale_seconds", 0, "connection.stale_seconds is 0: must be null or a number of seconds above 0"),
        ("stale_seconds", ..., "connection lacks stale_seconds"),
        ("writer", "writer.shop.internal", "connection.writer is 'writer.shop.internal': must be null, {\"record\": NAME} or"),
        ("writer", {"record": ""}, "connection.writer: must be null,"),
        ("writer", {**PARAMETER, "record": "a.b"}, "connection.writer: must be null,"),
        ("regions", {}, "connection.regions: must not be empty"),
        ("regions.eu-west-1", None, "connection.regions.eu-west-1 is no connection of kind 'primary' or 'cluster'"),
        ("regions.eu-west-1.kind", "global", "connection.regions.eu-west-1 is no connection of kind 'primary' or 'cluster'"),
        ("regions.eu-west-1.primary.port", 0, "connection.regions.eu-west-1.primary.port is 0: must be at least 1"),
        ("regions.eu-west-1.engine", ..., "connection.regions.eu-west-1 lacks engine"),
        ("regions.eu-west-1.tls", False, "connection.regions differ in tls"),
        ("regions.eu-west-1", CLUSTER, "connection.regions differ in kind"),
        ("regions.Ireland", AWAY, "connection.regions"),
        ("colour", "red", "connection has unknown colour"),
    ],
)
def test_an_unusable_connection_is_refused_by_key_and_value(path: str, value: object, told: str) -> None:
    for make in (connect, redis_ha_aio.connect):
        with pytest.raises(DocumentError, match=told):
            make(changed(GLOBAL, path, value), USER)


@pytest.mark.parametrize(
    ("connection", "credentials", "arguments", "told"),
    [
        (GLOBAL, USER, {"region": "us-east-1"}, "region is 'us-east-1': the global datastore is in eu-central-1, eu-west-1"),
        (GLOBAL, USER, {"reader": True}, r"reader=True, but no region: local reads need region=.*eu-central-1, eu-west-1"),
        (PRIMARY, USER, {"region": "eu-central-1"}, "region is 'eu-central-1', but connection.kind is 'primary'"),
        (GLOBAL, IAM, {}, "credentials.iam is given, but a token is signed for one region's group"),
        (CLUSTERS, USER, {"database": 1}, "database is 1, but cluster mode has database 0 only"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    connection: dict[str, Any], credentials: dict[str, Any], arguments: dict[str, Any], told: str
) -> None:
    for make in (connect, redis_ha_aio.connect):
        with pytest.raises(DocumentError, match=told):
            make(connection, credentials, **arguments)


def test_other_kinds_are_told_apart() -> None:
    with pytest.raises(DocumentError, match="connection has kind 'global': this wants kind 'primary' or 'cluster'"):
        read_managed_connection(GLOBAL)
    with pytest.raises(DocumentError, match="connection has kind 'primary': this wants kind 'global'"):
        read_global_connection(PRIMARY)


# --- what a writer says ---

CHECKED = read_global_connection(GLOBAL)


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("master.prod-euw1.def456.euw1.cache.amazonaws.com", "eu-west-1"),
        ("Master.prod-euw1.def456.euw1.cache.amazonaws.com.", "eu-west-1"),
        ("prod-euw1-002.prod-euw1.def456.euw1.cache.amazonaws.com", "eu-west-1"),  # the last name of the chain
        ("prod-001.prod.abc123.euc1.cache.amazonaws.com", "eu-central-1"),
    ],
)
def test_a_canonical_name_says_its_region(name: str, region: str) -> None:
    assert world.region_of_name(name, CHECKED) == region


def test_without_tls_and_with_names_of_ones_own() -> None:
    plain = {**PRIMARY, "tls": False, "reader": None}
    own = read_global_connection(
        {
            **GLOBAL,
            "regions": {
                "eu-central-1": {**plain, "primary": {"host": "prod.abc123.ng.0001.euc1.cache.amazonaws.com", "port": 6379}},
                "eu-west-1": {**plain, "primary": {"host": "cache.away.example", "port": 6379}},
            },
        }
    )
    assert world.region_of_name("prod-001.abc123.0001.euc1.cache.amazonaws.com", own) == "eu-central-1"
    assert world.region_of_name("cache.away.example", own) == "eu-west-1"
    with pytest.raises(WriterUnknownError, match="which is in no region"):
        world.region_of_name("other.away.example", own)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        (None, "eu-central-1"),
        ('{"version": 1, "region": "eu-west-1"}', "eu-west-1"),
        ('{"version": 1, "region": "eu-west-1", "by": "promote"}', "eu-west-1"),
    ],
)
def test_a_parameter_says_its_region(text: str | None, region: str) -> None:
    assert world.region_of_parameter(text, read_global_connection(changed(GLOBAL, "writer", PARAMETER))) == region


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eu-west-1", "holds no"),
        ("[]", "holds no"),
        ('{"version": 2, "region": "eu-west-1"}', "holds no"),
        ('{"version": 1}', "holds no"),
        ('{"version": 1, "region": "us-east-1"}', "names region 'us-east-1', which is not in the connection"),
    ],
)
def test_an_unusable_parameter_is_told(text: str, told: str) -> None:
    with pytest.raises(WriterUnknownError, match=f"SSM parameter /redis-ha/prod/global/writer in eu-west-1 {told}"):
        world.region_of_parameter(text, read_global_connection(changed(GLOBAL, "writer", PARAMETER)))


# --- when it is asked ---


def test_it_is_asked_once_a_minute_and_after_a_doubt_not_more_often_than_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(world, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(world, "LOOK_UP_JITTER", 0.0)
    writer = world.Writer(CHECKED, lambda: "a.euw1.cache.amazonaws.com")
    assert writer.due
    writer.look_up()
    assert (writer.region, writer.due) == ("eu-west-1", False)
    writer.doubted()
    assert not writer.due
    now[0] += world.RECORD_PAUSE_SECONDS
    assert writer.due
    writer.look_up()
    now[0] += world.LOOK_UP_SECONDS - 0.1
    assert not writer.due
    now[0] += 0.1
    assert writer.due


NOPERM = exceptions.NoPermissionError("User application has no permissions to run the 'set' command")


def test_noperm_is_the_callers_mistake_when_the_writer_names_the_same_region_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    for module in (world, routing):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    answers: list[Any] = ["euc1", WriterUnknownError("no"), "euc1", "euw1", "euc1"]

    def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return f"a.{answer}.cache.amazonaws.com"

    writer = world.Writer(CHECKED, ask)

    def looked_up() -> world.Writer:
        now[0] += 1
        writer.look_up()
        now[0] += 1
        return writer

    def told(permitted_before: frozenset[str] = frozenset()) -> BaseException | None:
        return routing.callers_mistake(refused, "eu-central-1", writer, permitted_before)

    refused = routing.NotPermittedHereError(str(NOPERM))
    refused.__cause__ = NOPERM
    looked_up()
    with command_budget(FailoverPolicy(total_seconds=60), "SET"):
        routing.note_not_permitted(refused, "eu-central-1")
        assert told() is None  # named before it refused
        looked_up()
        assert told() is None  # nobody answered
        looked_up()
        assert told() is NOPERM
        routing.note_not_permitted(refused, "eu-central-1")  # the first NOPERM counts, not the last
        assert told() is NOPERM
        assert told(frozenset({"set"})) is None
        assert routing.callers_mistake(exceptions.ConnectionError(), "eu-central-1", writer, frozenset()) is None
        looked_up()
        assert told() is None  # another region is named by now
    with command_budget(FailoverPolicy(total_seconds=60), "SET"):
        looked_up()
        routing.note_not_permitted(refused, "eu-central-1")
        assert told() is None  # each command's own first NOPERM


# --- asking ---


def parameter(monkeypatch: pytest.MonkeyPatch) -> tuple[lookup.Parameter, Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    made = lookup.Parameter("/w", "eu-west-1", FailoverPolicy())
    return made, Stubber(made._connected())


def test_a_parameter_is_read_from_ssm(monkeypatch: pytest.MonkeyPatch) -> None:
    made, stubber = parameter(monkeypatch)
    with stubber:
        stubber.add_response("get_parameter", {"Parameter": {"Value": "text"}}, {"Name": "/w"})
        assert made() == "text"
        stubber.add_client_error("get_parameter", "ParameterNotFound")
        assert made() is None
        stubber.add_client_error("get_parameter", "ThrottlingException")
        with pytest.raises(WriterUnknownError, match=r"cannot be read now \(ThrottlingException"):
            made()
        stubber.add_client_error("get_parameter", "AccessDeniedException")
        with pytest.raises(WriterForbiddenError, match="allow this process ssm:GetParameter on it"):
            made()


def test_without_credentials_the_remedy_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    client = connect(changed(GLOBAL, "writer", PARAMETER), USER, policy=FailoverPolicy(total_seconds=120))
    with pytest.raises(WriterForbiddenError, match="without AWS credentials: give this process some"):
        client.ping()
    client.close()


def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "find_spec", lambda _: None)
    with pytest.raises(DocumentError, match=r"pip install 'redis-ha-client\[ssm\]'"):
        connect(changed(GLOBAL, "writer", PARAMETER), USER)


def test_what_is_forbidden_is_asked_again_after_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(world, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def ask() -> str:
        raise WriterForbiddenError("no")

    writer = world.Writer(CHECKED, ask)
    with pytest.raises(WriterForbiddenError):
        writer.look_up()
    with pytest.raises(WriterUnknownError, match="has not been looked up yet"):
        assert writer.known
    now[0] += world.RECORD_PAUSE_SECONDS
    assert writer.due


def test_a_region_that_is_known_is_kept_when_ssm_forbids() -> None:
    answers: list[Any] = ["a.euw1.cache.amazonaws.com", WriterForbiddenError("no"), WriterUnknownError("no")]

    def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    writer = world.Writer(CHECKED, ask)
    for _ in range(3):
        writer.look_up()
        assert writer.known == "eu-west-1"


DNS = """
    import dnslib, dnslib.server, sys
    from redis_ha_client.lookup import canonical_name

    class Zone:
        def resolve(self, request, handler):
            reply = request.reply()
            suffix = "s.def456.euw1.cache.amazonaws.com"
            chain = ["writer.shop.internal", f"master.{suffix}", f"s-001.{suffix}"]
            name = str(request.q.qname).rstrip(".")
            if name not in chain:
                reply.header.rcode = dnslib.RCODE.NXDOMAIN
                return reply
            for here, there in zip(chain, chain[1:]):
                reply.add_answer(dnslib.RR(here, dnslib.QTYPE.CNAME, rdata=dnslib.CNAME(there), ttl=5))
            if request.q.qtype == dnslib.QTYPE.A:
                reply.add_answer(dnslib.RR(chain[-1], dnslib.QTYPE.A, rdata=dnslib.A("127.0.0.9"), ttl=5))
            return reply

    server = dnslib.server.DNSServer(Zone(), address="127.0.0.1", port=53, logger=dnslib.server.DNSLogger("-request,-reply"))
    server.start_thread()
    print(canonical_name("writer.shop.internal"), canonical_name("writer.shop.internal."))
    try:
        canonical_name("gone.shop.internal")
    except Exception as error:
        print(type(error).__name__)
    server.stop()
"""


def test_a_real_resolver_follows_the_chain_to_its_last_name(tmp_path: Path) -> None:
    """In a network and with a resolv.conf of its own: what getaddrinfo makes of a real DNS answer."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:3\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    (tmp_path / "ask.py").write_text(textwrap.dedent(DNS))
    enter = (
        "ip link set lo up; for name in resolv.conf nsswitch.conf; do "
        'mount --bind "$0/$name" "$(readlink -m /etc/$name)"; done; exec "$1" "$0/ask.py"'
    )
    assert shutil.which("unshare")
    command = ["unshare", "--net", "--mount", "--propagation", "slave", "--", "sh", "-ec", enter, str(tmp_path), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    last = "s-001.s.def456.euw1.cache.amazonaws.com"
    assert done.stdout.splitlines() == [f"{last} {last}", "WriterUnknownError"]


def test_an_address_in_place_of_a_name_is_in_no_region() -> None:
    with pytest.raises(WriterUnknownError, match="which is in no region"):
        world.region_of_name(lookup.canonical_name("127.0.0.1"), CHECKED)
