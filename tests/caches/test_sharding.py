"""Cluster mode on: found by the configuration name, failover, zone loss, shards up and down. Real servers and clients."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis.crc import key_slot

from pulumi_emulator.caches import sharding
from pulumi_emulator.caches.admin import ReplyError
from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.names import configuration_name, node_name, primary_name
from pulumi_emulator.caches.node import Node
from pulumi_emulator.caches.resharding import take
from pulumi_emulator.caches.spec import GroupSpec, NodeSpec, slots_of
from tests.support.cache_clients import MISSING, START_WRITER, ClientError
from tests.support.cache_groups import ZONES, World, arguments, cluster_spec, group_spec
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.machines
Make = Callable[[GroupSpec], GroupSpec]

FILL = """
c = cluster(configuration, **given)
for number in range(300):
    c.set(f"key:{number}", number)
"""
COUNT = """
c = cluster(configuration, **given)
result = sum(c.get(f"key:{number}") == str(number) for number in range(300))
"""


def test_a_shards_failover_keeps_what_was_acknowledged(world: World, made: Make) -> None:
    spec = made(cluster_spec(world.new_id()))
    at = arguments(spec)
    world.clients.run(FILL, **at)
    world.clients.run(START_WRITER, **at)
    wait_until(lambda: world.writes() > 100, "writes")
    copied = world.writes()
    world.wait_copied(spec.group_id, "0002")
    world.host.test_failover(spec.group_id, "0002")
    promoted = world.writes()
    old, new = f"{spec.group_id}-0002-001", f"{spec.group_id}-0002-002"
    assert world.host.roles(spec.group_id)[new] == "primary"
    world.wait_whole(spec.group_id)
    assert world.host.roles(spec.group_id)[old] == "replica"
    before = world.writes()
    wait_until(lambda: world.writes() > before + 100, "writes after the failover")
    # Replication is asynchronous: what was acknowledged in the last moment may be lost, and nothing else.
    assert all(copied <= missing <= promoted for missing in world.clients.run(MISSING, **at))
    assert world.clients.run(COUNT, **at) == 300
    message = f"Failover from primary node {old} to replica node {new} completed"
    assert world.told.of(spec.group_id) == [
        ("replication-group", spec.group_id, "Test Failover API called for node group 0002", None),
        ("cache-cluster", old, message, None),
        ("replication-group", spec.group_id, message, "FailoverComplete"),
        ("cache-cluster", old, "Recovering cache nodes 0001", "CacheNodeReplaceStarted"),
        ("cache-cluster", old, "Finished recovery for cache nodes 0001", "CacheNodeReplaceComplete"),
    ]


# Together far more than what sockets hold for a replica that reads nothing, and less than what a primary keeps for it.
BIG_WRITES = 400
FILL_BIG = """
c = cluster(configuration, **given)
for number in range(count):
    c.set(f"{{big}}:{number}", "x" * 100_000)
"""
COUNT_BIG = """
c = cluster(configuration, **given)
result = sum(c.exists(f"{{big}}:{number}") for number in range(count))
"""


@pytest.mark.parametrize("lost", ["failover", "zone"])
def test_a_durable_group_loses_no_acknowledged_write(world: World, made: Make, lost: str) -> None:
    """Its replicas read nothing while much is written: what is acknowledged then is nowhere but in the primary."""
    spec = made(cluster_spec(world.new_id(), durable=True))
    group, at = world.host._group(spec.group_id), arguments(spec) | {"count": BIG_WRITES}
    shard = next(name for name, text in spec.slots.items() if key_slot(b"big") in slots_of(text))
    (replica,), primary = group.replicas(shard), group.primary(shard)
    process = replica.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    world.clients.run(FILL_BIG, **at)

    def read_again() -> None:
        """As soon as the primary takes no more writes, or is gone."""

        def over() -> bool:
            try:
                return not primary.alive or primary.info("clients").get("paused_actions") == "write"
            except (OSError, ReplyError):
                return True

        wait_until(over, "the primary is taken down")
        process.send_signal(signal.SIGCONT)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_again)
        if lost == "failover":
            world.host.test_failover(spec.group_id, shard)
        else:
            world.host.zone_down(primary.spec.zone, [spec.group_id])
        reading.result()
    try:
        assert group.primary(shard) is replica
        assert world.clients.run(COUNT_BIG, **at) == BIG_WRITES
    finally:
        world.host.zone_up(primary.spec.zone)
    world.wait_whole(spec.group_id)
    assert not world.host.trouble(spec.group_id)


def test_without_a_majority_of_primaries_a_zones_loss_is_still_survived(world: World, made: Make) -> None:
    group_id = world.new_id()
    members = tuple(NodeSpec(f"{group_id}-{s:04d}-{n:03d}", f"{s:04d}", ZONES[n - 1]) for s in (1, 2, 3) for n in (1, 2))
    spec = made(cluster_spec(group_id, nodes=members))
    at = arguments(spec)
    world.clients.run(FILL + "for node in c.get_primaries(): c.get_redis_connection(node).wait(1, 5000)", **at)
    world.host.zone_down(ZONES[0], [group_id])  # all three primaries at once
    try:
        assert sorted(world.primaries(group_id)) == [f"{group_id}-{s:04d}-002" for s in (1, 2, 3)]
        assert world.clients.run(COUNT, **at) == 300
    finally:
        world.host.zone_up(ZONES[0])
    world.wait_whole(group_id)
    assert list(world.host.roles(group_id).values()).count("replica") == 3
    assert world.clients.run(COUNT, **at) == 300


def test_a_lost_region_is_soon_back_also_when_its_replicas_are_first(world: World, made: Make) -> None:
    group_id = world.new_id()
    zones = (ZONES[1], ZONES[0])
    members = tuple(NodeSpec(f"{group_id}-{s:04d}-{n + 1:03d}", f"{s:04d}", zones[(s + n) % 2]) for s in (1, 2) for n in (0, 1))
    spec = made(cluster_spec(group_id, shards=2, nodes=members))
    for zone in ZONES[:2]:
        world.host.zone_down(zone, [group_id])
    for zone in ZONES[:2]:  # the primaries are where the power went last
        world.host.zone_up(zone)
    world.wait_whole(group_id)  # sooner than the minute for which a node does not know again whom it forgot
    world.clients.run(FILL, **arguments(spec))
    assert world.clients.run(COUNT, **arguments(spec)) == 300


def test_nodes_of_a_lost_region_find_all_others_also_when_each_shard_finds_itself_first(
    world: World, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = made(cluster_spec(world.new_id(), shards=2))
    group = world.host._group(spec.group_id)
    restore, paired = sharding.restore, threading.Event()

    def held(of: Group, node: Node) -> bool:
        if all(one.alive and len(sharding.rows_of(one)) > 1 for one in group.nodes.values()):
            paired.set()
        return paired.is_set() and restore(of, node)

    monkeypatch.setattr(sharding, "restore", held)
    for zone in ZONES:
        world.host.zone_down(zone, [spec.group_id])
    for zone in ZONES:
        world.host.zone_up(zone)
    world.wait_whole(spec.group_id)
    assert paired.is_set()
    world.clients.run(FILL, **arguments(spec))
    assert world.clients.run(COUNT, **arguments(spec)) == 300


def test_a_shard_that_lost_all_its_nodes_comes_back_empty_and_the_others_keep_theirs(world: World, made: Make) -> None:
    spec = made(cluster_spec(world.new_id(), replicas=0, engine="redis"))
    at = arguments(spec)
    world.clients.run(FILL, **at)
    world.host.zone_down(ZONES[0], [spec.group_id])
    assert world.host.roles(spec.group_id)[f"{spec.group_id}-0001-001"] == "gone"
    world.host.zone_up(ZONES[0])
    world.wait_whole(spec.group_id)
    kept = world.clients.run(COUNT, **at)
    assert 0 < kept < 300
    world.clients.run(FILL, **at)
    assert world.clients.run(COUNT, **at) == 300


@pytest.mark.parametrize("engine", ["valkey", "redis"])
def test_clients_find_all_shards_by_name_and_write_while_shards_and_replicas_come_and_go(
    world: World, made: Make, engine: str
) -> None:
    tls = engine == "valkey"
    spec = made(cluster_spec(world.new_id(), shards=2, engine=engine, tls=tls))
    at = arguments(spec)
    seen = world.clients.run(
        "result = sorted([n.host, n.port, n.server_type] for n in cluster(configuration, **given).get_nodes())", **at
    )
    assert seen == sorted(
        [node_name(spec, node.node_id, tls=tls), 6379, "primary" if node.node_id.endswith("-001") else "replica"]
        for node in spec.nodes
    )
    assert configuration_name(spec, tls=tls) in world.host.addresses(spec.group_id)
    assert primary_name(spec, tls=tls) not in world.host.addresses(spec.group_id)
    with pytest.raises(ClientError, match="NoPermission"):
        world.clients.run("client(configuration, **given).execute_command('CLUSTER', 'FAILOVER')", **at)
    world.clients.run(FILL, **at)
    world.clients.run(START_WRITER, **at)
    wait_until(lambda: world.writes() > 50, "writes")
    larger = cluster_spec(spec.group_id, shards=3, replicas=2 if tls else 1, engine=engine, tls=tls)
    world.host.change(larger)
    assert sorted(world.host.roles(spec.group_id)) == sorted(node.node_id for node in larger.nodes)
    assert world.clients.run(COUNT, **at) == 300
    world.host.change(spec)
    assert world.host.roles(spec.group_id) == {
        node.node_id: "primary" if node.node_id.endswith("-001") else "replica" for node in spec.nodes
    }
    assert world.clients.run(MISSING, **at) == []
    assert world.clients.run(COUNT, **at) == 300


def test_slots_move_also_when_a_replica_of_their_new_owner_is_slow(world: World, made: Make) -> None:
    """Valkey waits two seconds for the replicas' word about a slot, and answers NOREPLICAS then."""
    spec = made(cluster_spec(world.new_id(), shards=2))
    world.clients.run(FILL, **arguments(spec))
    group = world.host._group(spec.group_id)
    with group.nodes[f"{spec.group_id}-0001-002"].admin(SLOWEST_SECONDS) as replica, ThreadPoolExecutor(1) as beside:
        slept = beside.submit(replica, "DEBUG", "SLEEP", 5)
        world.host.change(replace(spec, slots={"0001": "0-8400", "0002": "8401-16383"}))
        assert slept.result() == "OK"
    assert world.clients.run(COUNT, **arguments(spec)) == 300


class Recorded:
    """An admin connection that notes what is sent together, and answers as told."""

    def __init__(self, *answers: object) -> None:
        self.sent: list[list[tuple[object, ...]]] = []
        self._answers = list(answers)

    def all(self, commands: list[tuple[object, ...]]) -> list[object]:
        self.sent.append(list(commands))
        return self._answers


def test_slots_are_taken_in_one_transaction_so_that_no_ping_of_their_old_owner_comes_between() -> None:
    node = Recorded("OK", "QUEUED", "QUEUED", ["OK", "OK"])
    take(node, [0, 9])  # type: ignore[arg-type]
    expected = [("MULTI",), ("CLUSTER", "DELSLOTSRANGE", 0, 9), ("CLUSTER", "ADDSLOTSRANGE", 0, 9), ("EXEC",)]
    assert node.sent == [expected]
    busy = ReplyError("ERR Slot 3 is already busy")
    with pytest.raises(ReplyError, match="Slot 3"):
        take(Recorded("OK", "QUEUED", "QUEUED", ["OK", busy]), [0, 9])  # type: ignore[arg-type]


def test_a_group_without_shards_becomes_a_cluster_with_its_data_and_both_kinds_of_names(world: World, made: Make) -> None:
    plain = made(group_spec(world.new_id()))
    world.clients.run("c = client(primary, **given)\nfor n in range(300): c.set(f'key:{n}', n)", **arguments(plain))
    compatible = replace(plain, cluster=True, slots={"0001": "0-16383"})
    world.host.change(compatible)
    at = arguments(compatible)
    name = primary_name(compatible, tls=True)
    # At once, by a client that does not try again: a change is done when nodes serve.
    assert world.clients.run("result = client(name, **given).get('key:1')", name=name, **at) == "1"
    assert world.clients.run(COUNT, **at) == 300
    world.host.test_failover(compatible.group_id, "0001")
    world.wait_whole(compatible.group_id)
    assert world.clients.run(COUNT, **at) == 300


def test_a_shards_primary_can_be_removed_and_its_replica_takes_over(world: World, made: Make) -> None:
    spec = made(cluster_spec(world.new_id(), shards=2, replicas=2))
    at = arguments(spec)
    world.clients.run(FILL, **at)
    first = f"{spec.group_id}-0001-001"
    world.host.change(replace(spec, nodes=tuple(node for node in spec.nodes if node.node_id != first)))
    roles = world.host.roles(spec.group_id)
    assert first not in roles
    assert list(roles.values()).count("primary") == 2
    assert world.clients.run(COUNT, **at) == 300
    assert world.told.of(spec.group_id) == []  # planned: no failover happened


def test_a_zone_comes_back_while_another_is_still_without_power(world: World, made: Make) -> None:
    group_id = world.new_id()
    nodes = tuple(NodeSpec(f"{group_id}-0001-{n:03d}", "0001", ZONES[n - 1]) for n in (1, 2, 3))
    spec = made(cluster_spec(group_id, shards=1, nodes=nodes))
    at = arguments(spec)
    world.clients.run(FILL + "c.get_redis_connection(c.get_primaries()[0]).wait(2, 5000)", **at)
    world.host.zone_down(ZONES[0], [group_id])
    world.host.zone_down(ZONES[1], [group_id])
    try:
        assert world.primaries(group_id) == [nodes[2].node_id]
        world.host.zone_up(ZONES[0])
        wait_until(lambda: world.host.roles(group_id)[nodes[0].node_id] == "replica", "the first zone's node serves")
        assert world.host.roles(group_id)[nodes[1].node_id] == "gone"
    finally:
        world.host.zone_up(ZONES[1])
    world.wait_whole(group_id)
    assert world.clients.run(COUNT, **at) == 300
