"""Clients of kind "ssm": a higher generation swaps the connections, of either half, with cluster mode off and on."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import FailoverPolicy, published, wiring
from redis_ha_client.endpoints import CLOCKS
from tests.support.connecting import POLICY
from tests.support.health import monitored, wait_for
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.published import Driven, Parameters, document_of, driven
from tests.support.redis_processes import Node
from tests.support.subscribers import Heard, by_get_message, by_getting_messages
from tests.support.twins import TWINS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


@dataclass
class Two:
    """Two groups of one shape, of one set of users: the one that the document names, and the one that it names later."""

    first: ManagedGroup
    other: ManagedGroup

    @property
    def credentials(self) -> dict[str, Any]:
        return self.first.credentials


@pytest.fixture(scope="module", params=["primary", "cluster"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Give a group without TLS, and one with it."""
    directory = tmp_path_factory.mktemp(request.param)
    cluster = request.param == "cluster"
    with ManagedGroup(directory, cluster=cluster) as first:
        other = ManagedGroup(directory, cluster=cluster, name="other", passwords=first.passwords)
        other.use_tls()
        with other:
            yield Two(first, other)


@pytest.fixture
def parameters(two: Two, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parameters]:
    """Let the parameter name the first group."""
    made = Parameters.standing_in(monkeypatch)
    names = Names(monkeypatch)
    for group in (two.first, two.other):
        group.publish(names)
    made.value, made.credentials = document_of(two.first), two.credentials
    yield made
    for group in (two.first, two.other):
        group.heal()


def to(two: Two, twin: str, parameters: Parameters, **arguments: Any) -> Any:
    assert two.other.tls_directory
    return driven(parameters, twin, tls_ca_file=two.other.tls_directory / "ca.crt", client_name="swapped", **arguments)


def connections(group: ManagedGroup) -> list[dict[str, str]]:
    rows = [row for node in group.nodes for row in str(group.command(node, "CLIENT", "LIST")).splitlines()]
    return [dict(part.split("=", 1) for part in row.split()) for row in rows if " name=swapped " in row]


def waiting(group: ManagedGroup) -> set[str]:
    return {row["id"] for row in connections(group) if row["cmd"] == "blpop" and "b" in row["flags"]}


def hasten(one: Driven, policy: FailoverPolicy) -> None:
    """Give another policy to a client that is connected."""
    client = one.client
    if hasattr(client, "settings"):
        client.policy = client.retry.policy = policy
    else:
        client.connection_pool.policy = client.connection_pool.retry.policy = policy


def serving(group: ManagedGroup, key: str) -> Node:
    return group.primary_of(key) if group.cluster else group.primaries()[0]


@pytest.mark.parametrize("twin", TWINS)
def test_a_higher_generation_drains_and_swaps(two: Two, parameters: Parameters, twin: str) -> None:
    group = two.first
    with to(two, twin, parameters) as one:
        # Three connections at once: the next commands take one of them, and the others are of no use to anybody.
        others = [one.start(lambda client, number=number: client.blpop(f"other-{number}", 60)) for number in range(3)]
        wait_until(lambda: len(waiting(group)) == 3, "three commands are under way")
        before = waiting(group)
        for number, other in enumerate(others):
            group.command(serving(group, "list"), "RPUSH", f"other-{number}", "pushed")
            assert other.result()
        under_way = one.start(lambda client: client.blpop("list", 60))
        wait_until(lambda: waiting(group), "a command is under way")
        before -= waiting(group)
        parameters.value = document_of(group, generation=2)
        one.read_again(lambda client: client.get("list"))
        one.do(lambda client: client.get("list"))
        wait_until(lambda: not before & {row["id"] for row in connections(group)}, "those that nobody used are closed")
        drained = waiting(group)
        assert drained
        group.command(serving(group, "list"), "RPUSH", "list", "pushed")
        assert under_way.result() == (b"list", b"pushed")
        wait_until(lambda: not drained & {row["id"] for row in connections(group)}, "it is closed when it comes back")


@pytest.mark.parametrize("twin", TWINS)
def test_other_endpoints_are_followed_to_tls_and_the_old_ones_are_left(two: Two, parameters: Parameters, twin: str) -> None:
    old, new = two.first, two.other
    with to(two, twin, parameters, decode_responses=True) as one:
        under_way = one.start(lambda client: client.blpop("list", 60))
        wait_until(lambda: any(row["cmd"] == "blpop" for row in connections(old)), "a command is under way")
        one.do(lambda client: client.set("key", "old"))
        parameters.value = document_of(new, generation=2, group_id="group")
        one.read_again(lambda client: client.get("key"))
        assert one.do(lambda client: client.set("key", "new")) is True
        assert new.command(serving(new, "key"), "GET", "key") == "new"
        assert old.command(serving(old, "key"), "GET", "key") == "old"
        old.command(serving(old, "list"), "RPUSH", "list", "pushed")
        assert under_way.result() == ("list", "pushed")
        wait_until(lambda: not connections(old), "the old group's connections are closed")


@pytest.mark.parametrize("twin", TWINS)
def test_a_dial_without_tls_reads_no_authorities(parameters: Parameters, twin: str) -> None:
    """The system's are hundreds of certificates, which take longer to read than the dial."""
    made: list[Any] = []
    make = ssl.create_default_context

    def making(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made.append(args)
        return make(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, driven(parameters, twin) as one:
        patch.setattr(ssl, "create_default_context", making)
        assert one.do(lambda client: client.exists("nothing")) == 0
    assert made == []


@pytest.mark.parametrize("twin", TWINS)
def test_a_spent_budget_reads_the_endpoints_again(
    two: Two, parameters: Parameters, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    monkeypatch.setattr(published, "PAUSE_SECONDS", 0.0)
    with to(two, twin, parameters) as one:
        one.do(lambda client: client.set("key", "x"))
        parameters.value = document_of(two.other, generation=2, group_id="group")
        asked = parameters.asked
        for node in two.first.nodes:
            node.freeze()
        hasten(one, FailoverPolicy(total_seconds=0.3, connect_seconds=0.1, read_seconds=0.1))
        with pytest.raises(exceptions.ConnectionError):
            one.do(lambda client: client.set("key", "y"))
        wait_until(lambda: parameters.asked > asked, "the parameter is read")
        hasten(one, POLICY.for_clocks(CLOCKS))
        wait_until(lambda: one.known.known.epoch == 1, "it is followed")
        one.do(lambda client: client.set("key", "z"))
        assert two.other.command(serving(two.other, "key"), "GET", "key") == "z"


@pytest.mark.parametrize("twin", TWINS)
def test_an_idle_subscriber_listens_where_the_document_leads(
    two: Two, parameters: Parameters, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    """Its old node lives on and answers every PING. Nobody sends a command, so it looks at the document itself."""
    monkeypatch.setattr(wiring, "HEALTH_CHECK_SECONDS", 0.1)
    heard = Heard()
    listen: Any = by_get_message if twin == "sync" else by_getting_messages
    with to(two, twin, parameters) as one:
        running = one.start(lambda client: listen(client, heard))

        def published_at(group: ManagedGroup, message: str) -> bool:
            node = serving(group, "news")
            group.command(node, "PUBLISH", "news", message)
            return message.encode() in heard.messages

        wait_until(lambda: published_at(two.first, "first"), "it listens to the first group")
        parameters.value = document_of(two.other, generation=2, group_id="group")
        one.due()
        wait_until(lambda: published_at(two.other, "other"), "it listens to the other group")
        assert len(heard.missed) == 1  # what may have been missed is said once
        wait_until(lambda: published_at(two.other, "the last one"), "it ends")
        running.result()


@pytest.mark.parametrize("twin", TWINS)
def test_a_health_monitor_follows_too(two: Two, parameters: Parameters, twin: str) -> None:
    with to(two, twin, parameters) as one, monitored(one.client, twin) as monitor:
        wait_for(monitor, "up")
        for node in two.first.nodes:
            node.freeze()
        wait_for(monitor, "down")
        parameters.value = document_of(two.other, generation=2, group_id="group")
        one.due()
        wait_for(monitor, "up")
