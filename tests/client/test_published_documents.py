"""Kind "ssm" and the endpoints document behind it: what is taken, refused, followed and said, and when it is read."""

import json
import logging
import pickle
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from redis import exceptions
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import RedisCluster as AsyncRedisCluster

from redis_ha_client import (
    DocumentError,
    FailoverPolicy,
    NotExecutedError,
    aio,
    checking,
    clocks,
    connect,
    describe,
    lookup,
    published,
)
from redis_ha_client.budget import command_budget
from redis_ha_client.clocks import seconds_since
from redis_ha_client.documents import INTERVAL_SECONDS
from redis_ha_client.errors import EndpointsForbiddenError, EndpointsUnknownError
from tests.client.test_documents import changed
from tests.client.test_managed_documents import IAM, TOKEN, USER
from tests.client.test_rebuilt import arguments_of
from tests.components.test_failover_function import after, failover, first, plain, sharded
from tests.support.aws_world import Remote, serving
from tests.support.failover_function import environment
from tests.support.published import CONNECTION, PARAMETER, REGION, Parameters, endpoints_document
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers  # by what it imports

A, B = ({"host": f"master.{name}.abc123.euc1.cache.amazonaws.com", "port": 6379} for name in ("group", "other"))
READER = {"host": "replica.group.abc123.euc1.cache.amazonaws.com", "port": 6379}
CONFIGURATION = {"host": "clustercfg.group.abc123.euc1.cache.amazonaws.com", "port": 6379}
PLAIN = endpoints_document({"primary": A, "reader": READER})
SHARDED = endpoints_document({"configuration": CONFIGURATION})
SOURCE = f"SSM parameter {PARAMETER} in {REGION}"
SHORT = FailoverPolicy(total_seconds=0.3, backoff_cap_seconds=0.05)


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Parameters:
    made = Parameters.standing_in(monkeypatch)
    made.value = PLAIN
    return made


def published_by(client: Any) -> published.Published:
    found = client.connection_pool.settings.published
    assert isinstance(found, published.Published)
    return found


# --- the connection ---


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("parameter", "", "connection.parameter is '': must not be empty"),
        ("region", "Frankfurt", "connection.region is 'Frankfurt': must match"),
        ("interval_seconds", 1, "connection.interval_seconds is 1: must be at least 5"),
        ("interval_seconds", 86400, "connection.interval_seconds is 86400: must be at most 3600"),
        ("version", 2, "connection has version 2, this redis_ha_client knows version 1: upgrade"),
        ("tls", True, "connection has unknown tls: known are version, kind, parameter, region, interval_seconds"),
    ],
)
def test_a_connection_of_another_shape_is_refused_before_anything_is_read(
    parameters: Parameters, key: str, value: Any, message: str
) -> None:
    with pytest.raises(DocumentError, match=message):
        connect({**CONNECTION, key: value}, USER)
    assert not parameters.asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pool_size": 0}, "pool_size is 0"),
        ({"region": "eu-west-1"}, "connection.kind is 'ssm', which has one region: leave it out"),
        ({"tls_ca_file": "/no/such/file"}, "tls_ca_file '/no/such/file' is no file"),
    ],
)
def test_arguments_are_checked_before_anything_is_read(parameters: Parameters, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        connect(CONNECTION, USER, **arguments)
    assert not parameters.asked


def test_arguments_that_do_not_suit_the_endpoints_are_refused(parameters: Parameters) -> None:
    with pytest.raises(DocumentError, match=r"credentials.iam is given, but connection.tls is false"):
        connect(CONNECTION, IAM)
    parameters.value = endpoints_document({"primary": A})
    with pytest.raises(DocumentError, match=r"reader=True, but connection.reader is null"):
        connect(CONNECTION, USER, reader=True)
    parameters.value = SHARDED
    with pytest.raises(DocumentError, match=r"database is 1, but cluster mode has database 0 only"):
        aio.connect(CONNECTION, USER, database=1)


def test_the_schema_takes_what_connect_takes() -> None:
    validator = Draft202012Validator(checking.schema("connection"))
    assert validator.is_valid(CONNECTION)
    assert validator.is_valid({**CONNECTION, "interval_seconds": 30})
    assert not validator.is_valid({**CONNECTION, "interval_seconds": 0})


# --- the endpoints document at the start ---


def test_the_class_follows_from_the_endpoints(parameters: Parameters) -> None:
    client = aio.connect(CONNECTION, USER)
    assert type(client).__mro__[1:].count(AsyncRedis)
    told = describe(client)
    assert (told["kind"], told["group_kind"], told["policy"]["total_seconds"]) == ("ssm", "primary", 60)
    assert told["endpoints"] == {"primary": f"{A['host']}:6379", "reader": f"{READER['host']}:6379"}
    assert told["document"] | {"read_seconds_ago": 0} == {
        "source": SOURCE,
        "group_id": "group",
        "generation": 1,
        "state": "available",
        "read_seconds_ago": 0,
        "interval_seconds": INTERVAL_SECONDS,
        "problem": None,
    }
    parameters.value = SHARDED
    assert isinstance(aio.connect(CONNECTION, USER), AsyncRedisCluster)
    # A stack's own connection of a group on its way to cluster mode names the configuration endpoint as well.
    parameters.value = endpoints_document({"primary": A, "reader": READER, "configuration": CONFIGURATION})
    assert describe(aio.connect(CONNECTION, USER))["group_kind"] == "cluster"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, f"{SOURCE} is not there: look at connection.parameter and connection.region; the failover function writes it"),
        ("no json", f"{SOURCE} holds no JSON object: it must be an endpoints document"),
        ("[]", f"{SOURCE} holds no JSON object"),
        (
            changed(PLAIN, "version", 2),
            f"{SOURCE} has version 2, this redis_ha_client knows version 1: upgrade redis-ha-client",
        ),
        ({"version": 1}, f"{SOURCE} lacks group_id, region, generation"),
        (changed(PLAIN, "generation", 0), f"{SOURCE}.generation is 0: must be at least 1"),
        (changed(PLAIN, "endpoints", {"reader": READER}), f"{SOURCE}.endpoints: must have one of primary, configuration"),
        (changed(PLAIN, "endpoints.primary.port", "x"), f"{SOURCE}.endpoints.primary.port is 'x': must be of type integer"),
        (changed(PLAIN, "state", "not-found"), f"{SOURCE} says that group group is gone \\(state not-found\\): make the group"),
    ],
)
def test_an_unusable_endpoints_document_is_told_with_the_remedy(parameters: Parameters, value: Any, message: str) -> None:
    parameters.value = value
    for make in (connect, aio.connect):
        with pytest.raises(DocumentError, match=message):
            make(CONNECTION, USER)


def test_ssm_that_does_not_answer_at_the_start_is_asked_again_and_then_named(
    parameters: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters.value = EndpointsUnknownError(f"{SOURCE} cannot be read now (ThrottlingException)")
    with pytest.raises(NotExecutedError, match=rf"reading {SOURCE}: NOT EXECUTED.* cannot be read now \(ThrottlingExc"):
        connect(CONNECTION, USER, policy=SHORT)
    assert parameters.asked > 1
    monkeypatch.setattr(published, "START_SECONDS", 0.3)
    with pytest.raises(NotExecutedError, match=r"budget 0.3 s"):  # however long a command may take
        aio.connect(CONNECTION, USER, policy=FailoverPolicy(total_seconds=600, backoff_cap_seconds=0.05))


def test_what_may_not_be_read_is_told_at_once(parameters: Parameters) -> None:
    parameters.value = EndpointsForbiddenError("no")
    with pytest.raises(EndpointsForbiddenError):
        connect(CONNECTION, USER)
    assert parameters.asked == 1


# --- following ---


@pytest.mark.parametrize(
    ("known", "value", "message"),
    [
        (PLAIN, changed(PLAIN, "group_id", "other"), "is of group other by now, and this client was made for group"),
        (changed(PLAIN, "tls", True), PLAIN, "sends no password in plain text where it did not before"),
        (
            PLAIN,
            SHARDED,
            "names a configuration endpoint by now.* make the client anew .connect.. returns a redis.RedisCluster",
        ),
        (SHARDED, PLAIN, "names a primary endpoint by now.* make the client anew .connect.. returns a redis.Redis then"),
        (PLAIN, None, "is not there"),
        (PLAIN, EndpointsUnknownError("SSM is away"), "SSM is away"),
        (PLAIN, EndpointsForbiddenError("not yours"), "not yours"),
    ],
)
def test_what_cannot_be_followed_keeps_what_is_known_and_is_said_once(
    parameters: Parameters, caplog: pytest.LogCaptureFixture, known: Any, value: Any, message: str
) -> None:
    parameters.value = known
    client: Any = aio.connect(CONNECTION, TOKEN)
    reading = client.settings.published if known is SHARDED else published_by(client)
    before = reading.known
    parameters.value = changed(value, "generation", 2) if isinstance(value, dict) else value
    with caplog.at_level(logging.INFO, "redis_ha_client.endpoints"):
        reading.read()
        reading.read()
    assert reading.known is before
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert re.search(message, record.message)
    assert describe(client)["document"]["problem"] in record.message
    assert reading.read_seconds_ago > seconds_since(reading._read_at)  # what is known gets older
    caplog.clear()
    parameters.value = known
    with caplog.at_level(logging.INFO, "redis_ha_client.endpoints"):
        reading.read()
    assert [one.message for one in caplog.records] == [f"{SOURCE} is read again"]
    assert describe(client)["document"]["problem"] is None


@pytest.mark.parametrize(
    ("new", "anew"),
    [
        (PLAIN, False),
        (changed(PLAIN, "state", "modifying"), False),
        (changed(PLAIN, "engine", "valkey"), False),
        (changed(PLAIN, "generation", 8), True),
        (changed(PLAIN, "generation", 3), False),
        (changed(changed(PLAIN, "generation", 1), "endpoints.primary", B), True),  # the parameter was deleted: it begins again
        (changed(changed(PLAIN, "generation", 8), "tls", True), True),
        (changed(changed(PLAIN, "generation", 8), "endpoints.configuration", CONFIGURATION), True),  # mode compatible
    ],
)
def test_when_connections_are_made_anew(parameters: Parameters, new: dict[str, Any], anew: bool) -> None:
    parameters.value = changed(PLAIN, "generation", 7)
    reading = published_by(aio.connect(CONNECTION, USER))
    parameters.value = (
        changed(new, "generation", 7) if new["generation"] == 1 and new["endpoints"] == PLAIN["endpoints"] else new
    )
    reading.read()
    assert reading.known.epoch == (1 if anew else 0)
    assert reading.problem is None
    assert describe(aio.connect(CONNECTION, USER))["document"]["generation"] == parameters.value["generation"]
    assert reading.known.endpoints.generation == parameters.value["generation"]


def test_a_secondarys_endpoint_says_why_it_takes_no_writes(parameters: Parameters) -> None:
    parameters.value = changed(PLAIN, "global_role", "secondary")
    client: Any = aio.connect(CONNECTION, USER)
    told = client.connection_pool.connection_kwargs["endpoint"].not_yet
    assert "is a secondary of a Global Datastore, which takes no writes" in told


@pytest.mark.parametrize(("group", "kind"), [(plain(), "primary"), (sharded(), "cluster")])
def test_what_the_failover_function_writes_is_taken_and_followed(parameters: Parameters, group: Any, kind: str) -> None:
    parameters.value = first(group)
    client: Any = aio.connect(CONNECTION, TOKEN)
    assert describe(client)["group_kind"] == kind
    reading = client.settings.published if kind == "cluster" else published_by(client)
    parameters.value = after(parameters.value, group, failover("m-1", 5), 6)
    reading.read()
    assert (reading.problem, reading.known.epoch, reading.known.endpoints.generation) == (None, 1, 2)
    parameters.value = after(parameters.value, None, looked=7)
    reading.read()
    assert "is gone" in str(reading.problem)
    assert reading.known.epoch == 1


# --- when it is read ---


class Clock:
    """Both clocks, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic = self.wall = 1000.0
        monkeypatch.setattr(clocks, "time", SimpleNamespace(monotonic=lambda: self.monotonic, time=lambda: self.wall))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ended(reading: published.Published) -> None:
    thread = reading._thread
    if thread is not None:
        thread.join()


def test_it_is_read_at_a_jittered_interval(parameters: Parameters, clock: Clock) -> None:
    reading = published_by(aio.connect({**CONNECTION, "interval_seconds": 100}, USER))
    waits = set()
    for number in range(1, 20):
        waits.add(reading._wait)
        clock.monotonic += 79.9
        reading.look()
        ended(reading)
        assert parameters.asked == number
        clock.monotonic += 20.2
        reading.look()
        ended(reading)
        assert parameters.asked == number + 1
    assert len(waits) > 10
    assert all(80 <= wait <= 100 for wait in waits)


def test_a_machine_that_was_frozen_has_an_old_document(parameters: Parameters, clock: Clock) -> None:
    """The clock that never jumps stands meanwhile; the wall's does not."""
    reading = published_by(aio.connect(CONNECTION, USER))
    clock.wall += 61
    reading.look()
    ended(reading)
    assert parameters.asked == 2


def test_a_spent_budget_reads_soon_and_not_more_often_than_the_pause(parameters: Parameters, clock: Clock) -> None:
    reading = published_by(aio.connect(CONNECTION, USER))

    def spent() -> None:
        with command_budget(FailoverPolicy(total_seconds=0.001), "SET", own=True) as budget:
            reading.look()
            while budget.judge(exceptions.ConnectionError("down")) is None:
                pass

    clock.monotonic += 3
    spent()
    ended(reading)
    assert parameters.asked == 1
    clock.monotonic += 2.1  # the pause is over: the next command reads
    reading.look()
    ended(reading)
    assert parameters.asked == 2
    clock.monotonic += 30
    reading.look()
    ended(reading)
    assert parameters.asked == 2  # the interval counts again
    spent()
    ended(reading)
    assert parameters.asked == 3
    clock.monotonic += 15.9  # the third pause is between 16 and 20 s: twice it brought nothing new
    spent()
    ended(reading)
    assert parameters.asked == 3
    parameters.value = changed(PLAIN, "generation", 2)
    clock.monotonic += 4.2
    spent()
    ended(reading)
    assert parameters.asked == 4
    clock.monotonic += 5.1  # it was new: the first pause again
    spent()
    ended(reading)
    assert parameters.asked == 5


def test_a_fleet_that_fails_for_long_reads_no_more_often_than_the_interval(parameters: Parameters, clock: Clock) -> None:
    reading = published_by(aio.connect({**CONNECTION, "interval_seconds": 20}, USER))
    for _ in range(57):
        clock.monotonic += 1
        reading.hurry()
        ended(reading)
    assert parameters.asked == 1 + 4  # after 5, 10, 20 and 20 s, less up to a fifth


@pytest.mark.usefixtures("parameters", "clock")
def test_many_failures_draw_one_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or all would draw the shortest, and a fleet would read at once."""
    reading = published_by(aio.connect(CONNECTION, USER))
    draws = [0.95, 0.8]
    monkeypatch.setattr(published, "random", SimpleNamespace(uniform=lambda *_: draws.pop(0)))
    reading.hurry()
    reading.hurry()
    assert reading._wait == 0.95 * published.PAUSE_SECONDS


@pytest.mark.usefixtures("parameters")
def test_an_interpreter_that_ends_reads_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    reading = published_by(aio.connect(CONNECTION, USER))
    monkeypatch.setattr(threading.Thread, "start", refused)
    reading._wait = 0.0
    reading.look()


@pytest.mark.usefixtures("parameters")
def test_nobody_waits_for_ssm_and_one_thread_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = published_by(aio.connect(CONNECTION, USER))
    goes_on = threading.Event()
    monkeypatch.setattr(Parameters, "__call__", lambda _: goes_on.wait() and json.dumps(changed(PLAIN, "generation", 2)))
    for _ in range(3):
        reading._wait = 0.0
        reading.look()
    threads = [thread for thread in threading.enumerate() if thread.name == "redis-ha-endpoints"]
    assert len(threads) == 1
    assert reading.known.endpoints.generation == 1
    goes_on.set()
    threads[0].join()
    assert reading.known.endpoints.generation == 2


def test_the_last_problem_stands_among_the_causes_of_a_failure(parameters: Parameters) -> None:
    client = connect(CONNECTION, USER, policy=SHORT)
    parameters.value = EndpointsUnknownError("SSM is away")
    with closing(client):
        published_by(client).read()
        with pytest.raises(NotExecutedError, match="SSM is away"):
            client.ping()


# --- by real botocore ---


def test_a_fork_has_a_connection_to_ssm_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    parameter = lookup.Parameter(PARAMETER, REGION, FailoverPolicy())
    first = parameter._connected()
    assert parameter._connected() is first
    monkeypatch.setattr(lookup, "os", SimpleNamespace(getpid=lambda: -1))
    assert parameter._connected() is not first


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Any]:
    with serving() as (made, _):
        yield made


def test_a_real_parameter_is_read_and_followed(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote(endpoint)
    environment(monkeypatch, remote)
    monkeypatch.setenv("REDIS_HA_CONNECTION", json.dumps({**CONNECTION, "region": "eu-central-1"}))
    monkeypatch.setenv("REDIS_HA_CREDENTIALS", json.dumps(USER))
    with pytest.raises(DocumentError, match="is not there"):
        aio.connect_from_env()
    put = {"Name": PARAMETER, "Type": "String", "Overwrite": True}
    remote.client("ssm").put_parameter(Value=json.dumps(PLAIN), **put)
    client = aio.connect_from_env()
    reading = published_by(client)
    again = type(client)(**pickle.loads(pickle.dumps(arguments_of(client))))  # noqa: S301
    assert describe(again)["document"]["source"] == SOURCE
    remote.client("ssm").put_parameter(Value=json.dumps(changed(PLAIN, "generation", 2)), **put)
    for one in (reading, published_by(again)):
        one._wait = 0.0
        one.look()
        wait_until(lambda one=one: one.known.endpoints.generation == 2, "it has been read")  # type: ignore[misc]
    remote.close()
