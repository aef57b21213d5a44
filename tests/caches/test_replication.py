"""Cluster mode off: names, TLS, passwords, failover, zone loss, nodes that come and go. Real servers, real clients."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from pulumi_emulator.caches import replication
from pulumi_emulator.caches.names import node_name
from pulumi_emulator.caches.spec import Access, GroupSpec
from pulumi_emulator.errors import EmulatorError
from tests.support.cache_clients import MISSING, START_WRITER, ClientError
from tests.support.cache_groups import TOKEN, ZONES, World, arguments, group_spec
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.machines
Make = Callable[[GroupSpec], GroupSpec]


@pytest.mark.parametrize("engine", ["valkey", "redis"])
def test_a_group_is_written_by_its_primary_name_and_read_by_its_reader_name(world: World, made: Make, engine: str) -> None:
    spec = made(group_spec(world.new_id(), nodes=3, engine=engine))
    assert world.host.roles(spec.group_id) == {
        f"{spec.group_id}-001": "primary",
        f"{spec.group_id}-002": "replica",
        f"{spec.group_id}-003": "replica",
    }
    answer = world.clients.run(
        """
        c = client(primary, **given)
        c.set("a", "1"); c.wait(2, 5000)
        result = [c.get("a"), client(reader, **given).get("a"), c.info("server")["redis_version"], c.role()[0]]
        """.replace("\n        ", "\n"),
        **arguments(spec),
    )
    assert answer[:2] == ["1", "1"]
    assert answer[2].startswith("7.0." if engine == "redis" else "7.2.")  # Valkey names the Redis it is compatible with
    assert answer[3] == "master"


def test_the_reader_name_takes_turns_between_the_replicas(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=3))
    addresses = world.host.addresses(spec.group_id)
    replicas = {addresses[node_name(spec, f"{spec.group_id}-00{n}", tls=True)] for n in (2, 3)}
    seen = world.clients.run(
        "import socket\nresult = [socket.getaddrinfo(reader, 6379, proto=socket.IPPROTO_TCP)[0][4][0] for _ in range(6)]",
        **arguments(spec),
    )
    assert set(seen) == replicas
    assert [seen.count(address) for address in replicas] == [3, 3]
    assert addresses[node_name(spec, f"{spec.group_id}-001", tls=True)] not in seen


def test_tls_is_verified_by_the_bundle_alone_and_by_name(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=1))
    assert world.clients.run("result = client(primary, **given).ping()", **arguments(spec))
    address = next(iter(world.host.addresses(spec.group_id).values()))
    with pytest.raises(ClientError, match="CERTIFICATE_VERIFY_FAILED"):
        world.clients.run("client(address, **given).ping()", address=address, **arguments(spec))
    strangers = """
import socket, ssl
context = ssl.create_default_context(cafile='/etc/ssl/certs/ca-certificates.crt')
context.wrap_socket(socket.create_connection((primary, 6379)), server_hostname=primary)
"""
    with pytest.raises(ClientError, match="CERTIFICATE_VERIFY_FAILED"):
        world.clients.run(strangers, **arguments(spec))
    with pytest.raises(ClientError, match=r"ConnectionError|TimeoutError"):
        world.clients.run("client(primary, password=given['password']).ping()", **arguments(spec))


def test_a_wrong_password_is_refused_and_aws_commands_are_not_for_users(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=1))
    with pytest.raises(ClientError, match="AuthenticationError"):
        world.clients.run("client(primary, ssl=True, password='wrong').ping()", **arguments(spec))
    with pytest.raises(ClientError, match=r"AuthenticationError|NOAUTH"):
        world.clients.run("client(primary, ssl=True).ping()", **arguments(spec))
    for command in ("CONFIG GET maxmemory", "SHUTDOWN NOSAVE", "REPLICAOF NO ONE", "ACL LOAD", "SAVE"):
        with pytest.raises(ClientError, match="NoPermission"):
            world.clients.run("client(primary, **given).execute_command(*command.split())", command=command, **arguments(spec))
    assert world.clients.run("result = client(primary, **given).info('replication')['role']", **arguments(spec)) == "master"


def test_users_of_a_group_have_what_their_lines_say_and_change_live(world: World, made: Make) -> None:
    lines = ("user default off -@all", "user app on >first-password-0123 ~app:* &* +@all", "user wide on >p2 -@all (~* +@all)")
    spec = made(group_spec(world.new_id(), access=Access(acl=lines)))
    ask = "result = client(primary, ssl=True, username='app', password=password).set(key, '1')"
    at = arguments(spec)
    assert world.clients.run(ask, password="first-password-0123", key="app:1", **at)
    with pytest.raises(ClientError, match="NoPermission"):
        world.clients.run(ask, password="first-password-0123", key="other", **at)
    with pytest.raises(ClientError, match="NoPermission"):  # a selector is no way around
        world.clients.run("client(primary, ssl=True, username='wide', password='p2').config_get('dir')", **at)
    changed = replace(spec, access=Access(acl=(lines[0], "user app on >second-password-0123 ~* &* +@all")))
    world.host.change(changed)
    with pytest.raises(ClientError, match="AuthenticationError"):
        world.clients.run(ask, password="first-password-0123", key="app:1", **at)
    assert world.clients.run(ask, password="second-password-0123", key="other", **at)


def test_parameters_are_set_live_and_taken_back(world: World, made: Make) -> None:
    parameters = {"maxmemory-policy": "allkeys-lru", "reserved-memory-percent": "25", "port": "1"}
    spec = made(group_spec(world.new_id(), nodes=1, parameters=parameters, maxmemory_bytes=64 * 1024**2))
    node = world.host._group(spec.group_id).nodes[f"{spec.group_id}-001"]
    shown = "result = [client(primary, **given).info('memory')[k] for k in ('maxmemory_policy', 'maxmemory')]"
    assert world.clients.run(shown, **arguments(spec)) == ["allkeys-lru", 64 * 1024**2]
    world.host.change(replace(spec, parameters={"timeout": "300"}, maxmemory_bytes=None))
    assert world.clients.run(shown, **arguments(spec)) == ["noeviction", 0]
    assert node.ask("CONFIG", "GET", "timeout") == ["timeout", "300"]
    with pytest.raises(EmulatorError, match="maxmemory-policy"):
        world.host.change(replace(spec, parameters={"timeout": "200", "maxmemory-policy": "nonsense"}))
    assert node.ask("CONFIG", "GET", "timeout") == ["timeout", "300"]
    assert node.process is not None
    node.process.kill()
    wait_until(lambda: not world.host.whole(spec.group_id), "the node is missed")
    world.wait_whole(spec.group_id)  # it starts with what was accepted last
    assert node.ask("CONFIG", "GET", "timeout") == ["timeout", "300"]


def test_a_failover_keeps_what_was_acknowledged_and_is_told_as_aws_tells_it(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=3))
    first, *_ = spec.nodes
    at = arguments(spec)
    world.clients.run(START_WRITER, **at)
    wait_until(lambda: world.writes() > 100, "writes")
    copied = world.writes()
    world.wait_copied(spec.group_id, "0001")
    world.host.test_failover(spec.group_id, "0001")
    acknowledged = world.writes()
    (promoted,) = world.primaries(spec.group_id)
    assert promoted != first.node_id
    world.wait_whole(spec.group_id)
    before = world.writes()
    wait_until(lambda: world.writes() > before + 100, "writes after the failover")
    # Replication is asynchronous: what was acknowledged in the last moment may be lost, and nothing else.
    assert all(copied <= missing <= acknowledged for missing in world.clients.run(MISSING, **at))
    assert world.host.roles(spec.group_id)[first.node_id] == "replica"
    message = f"Failover from primary node {first.node_id} to replica node {promoted} completed"
    assert world.told.of(spec.group_id) == [
        ("replication-group", spec.group_id, "Test Failover API called for node group 0001", None),
        ("cache-cluster", first.node_id, message, None),
        ("replication-group", spec.group_id, message, "FailoverComplete"),
        ("cache-cluster", first.node_id, "Recovering cache nodes 0001", "CacheNodeReplaceStarted"),
        ("cache-cluster", first.node_id, "Finished recovery for cache nodes 0001", "CacheNodeReplaceComplete"),
    ]


def test_a_primary_killed_by_hand_is_failed_over_and_one_that_hangs_too(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id()))
    for number in (signal.SIGKILL, signal.SIGSTOP):
        (primary,) = world.primaries(spec.group_id)
        world.clients.run("c = client(primary, **given)\nc.set('a', '1'); c.wait(1, 5000)", **arguments(spec))
        process = world.host._group(spec.group_id).nodes[primary].process
        assert process is not None
        os.kill(process.pid, number)
        wait_until(lambda primary=primary: world.primaries(spec.group_id) not in ([], [primary]), "failover")  # type: ignore[misc]
        world.wait_whole(spec.group_id)
        assert world.clients.run("result = client(primary, **given).get('a')", **arguments(spec)) == "1"


def test_without_automatic_failover_the_primary_stays_and_is_filled_from_a_replica(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), automatic_failover=False))
    world.clients.run("c = client(primary, **given)\nc.set('a', '1'); c.wait(1, 5000)", **arguments(spec))
    with pytest.raises(EmulatorError, match="automatic failover"):
        world.host.test_failover(spec.group_id, "0001")
    process = world.host._group(spec.group_id).nodes[f"{spec.group_id}-001"].process
    assert process is not None
    process.kill()
    wait_until(lambda: not world.host.whole(spec.group_id), "the primary is missed")
    world.wait_whole(spec.group_id)
    assert world.primaries(spec.group_id) == [f"{spec.group_id}-001"]
    assert world.clients.run("result = client(primary, **given).get('a')", **arguments(spec)) == "1"


def test_a_node_that_was_on_its_way_back_when_its_zone_lost_the_power_goes_too(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id()))
    primary, replica = world.host._group(spec.group_id).nodes.values()
    world.host._zones_down[primary.spec.zone] = frozenset({spec.group_id})  # the rest of zone_down came before it started
    try:
        wait_until(lambda: not primary.alive, "the power is off in the whole zone")
        wait_until(lambda: world.host.roles(spec.group_id)[replica.spec.node_id] == "primary", "the replica leads")
    finally:
        world.host.zone_up(primary.spec.zone)
    world.wait_whole(spec.group_id)


def test_a_zone_without_power_is_silent_and_its_nodes_return_as_replicas(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=3))
    bystander = made(group_spec(world.new_id(), nodes=1))
    world.clients.run("c = client(primary, **given)\nc.set('a', '1'); c.wait(2, 5000)", **arguments(spec))
    lost = node_name(spec, f"{spec.group_id}-001", tls=True)
    world.host.zone_down(ZONES[0], [spec.group_id])
    try:
        assert world.host.roles(spec.group_id)[f"{spec.group_id}-001"] == "gone"
        assert len(world.primaries(spec.group_id)) == 1
        assert world.host.whole(bystander.group_id)
        at = arguments(spec)
        assert world.clients.run("result = client(primary, **given).get('a')", **at) == "1"
        with pytest.raises(ClientError, match="TimeoutError"):  # nobody says "refused"
            world.clients.run("client(lost, **(given | {'socket_connect_timeout': 0.5})).ping()", lost=lost, **at)
    finally:
        world.host.zone_up(ZONES[0])
    world.wait_whole(spec.group_id)
    assert world.host.roles(spec.group_id)[f"{spec.group_id}-001"] == "replica"
    assert world.clients.run("result = client(lost, **given).get('a')", lost=lost, **arguments(spec)) == "1"


def test_clients_never_see_a_node_that_is_still_empty(world: World, made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = made(group_spec(world.new_id()))
    at = arguments(spec) | {"lost": node_name(spec, f"{spec.group_id}-001", tls=True)}
    world.clients.run("c = client(primary, **given)\nc.set('a', '1'); c.wait(1, 5000)", **at)
    held, rejoin = threading.Event(), replication.rejoin
    monkeypatch.setattr(replication, "rejoin", lambda *_: held.set())
    world.host.test_failover(spec.group_id, "0001")
    assert held.wait(SLOWEST_SECONDS)  # it runs, and has not been told yet whom to follow
    with pytest.raises(ClientError, match="TimeoutError"):
        world.clients.run("client(lost, **(given | {'socket_connect_timeout': 0.5})).get('a')", **at)
    monkeypatch.setattr(replication, "rejoin", rejoin)
    world.wait_whole(spec.group_id)
    assert world.clients.run("result = client(lost, **given).get('a')", **at) == "1"


def test_replicas_come_and_go_and_a_removed_primary_hands_over(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=2))
    at = arguments(spec)
    world.clients.run("c = client(primary, **given)\nc.set('a', '1'); c.wait(1, 5000)", **at)
    larger = group_spec(spec.group_id, nodes=4)
    world.host.change(larger)
    assert list(world.host.roles(spec.group_id).values()) == ["primary", "replica", "replica", "replica"]
    assert world.clients.run("result = [client(reader, **given).get('a') for _ in range(3)]", **at) == ["1", "1", "1"]
    smaller = replace(larger, nodes=larger.nodes[1:3])
    world.host.change(smaller)
    roles = world.host.roles(spec.group_id)
    assert sorted(roles) == [f"{spec.group_id}-002", f"{spec.group_id}-003"]
    assert sorted(roles.values()) == ["primary", "replica"]
    assert world.clients.run("c = client(primary, **given)\nresult = [c.get('a'), c.set('b', 1), c.wait(1, 5000)]", **at) == [
        "1",
        True,
        1,
    ]


def test_redis_becomes_valkey_and_plain_becomes_tls_by_way_of_both(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), engine="redis", tls=False, access=Access()))
    at = arguments(spec)
    world.clients.run("c = client(primary, **given)\nc.set('a', '1')", **at)
    valkey = replace(spec, engine="valkey", engine_version="8.1")
    world.host.change(valkey)
    assert world.clients.run("c = client(primary, **given)\nresult = [c.get('a'), c.info('server')['server_name']]", **at) == [
        "1",
        "valkey",
    ]
    both = replace(valkey, tls=True, plain=True)
    world.host.change(both)
    for tls in (False, True):
        for names in (at, arguments(both)):
            given = {"ssl": tls}
            answer = world.clients.run(
                "c = client(primary, **given)\nresult = [c.get('a'), c.role()[0]]", primary=names["primary"], given=given
            )
            assert answer == ["1", "master"]
    world.host.test_failover(both.group_id, "0001")
    assert world.clients.run("result = client(primary, **given).get('a')", **arguments(both)) == "1"
    required = replace(both, plain=False, access=Access(TOKEN))
    world.host.change(required)
    assert world.clients.run("result = client(primary, **given).get('a')", **arguments(required)) == "1"
    with pytest.raises(ClientError, match=r"ConnectionError|TimeoutError"):
        world.clients.run("client(primary, password=given['password']).ping()", **arguments(required))


def test_what_cannot_be_is_refused_before_anything_is_touched(world: World, made: Make) -> None:
    spec = made(group_spec(world.new_id(), nodes=1))
    for changed, named in (
        (replace(spec, port=6380), "port"),
        (replace(spec, region="us-east-1"), "region"),
        (replace(spec, nodes=()), "no nodes"),
        (replace(spec, nodes=(replace(spec.nodes[0], zone=ZONES[1]),)), "cannot move"),
    ):
        with pytest.raises(EmulatorError, match=named):
            world.host.change(changed)
    with pytest.raises(EmulatorError, match="exists already"):
        world.host.create(spec)
    with pytest.raises(EmulatorError, match="no node group '0002'"):
        world.host.test_failover(spec.group_id, "0002")
    with pytest.raises(EmulatorError, match="no cache group 'unknown'"):
        world.host.roles("unknown")
    assert world.host.whole(spec.group_id)
