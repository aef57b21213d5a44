"""Clusters of several regions that follow each other shard by shard: copies, streams, failovers, shards that come and go."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pulumi_emulator.caches.admin import Admin
from pulumi_emulator.caches.link import Link
from pulumi_emulator.caches.node import Node
from pulumi_emulator.caches.spec import Access, GroupSpec
from pulumi_emulator.errors import EmulatorError
from tests.support.cache_clients import MISSING, START_WRITER, ClientError
from tests.support.cache_groups import TOKEN, ZONES, World, arguments, cluster_spec, in_region
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.machines
Make = Callable[[GroupSpec], GroupSpec]

AWAY = "eu-west-1"
AWAY_ZONES = tuple(f"{AWAY}{letter}" for letter in "abc")
OTHER_TOKEN = "of-the-other-region-0123456789"  # of nodes that live for a second
# Every type, in every form that replication knows: commands, transactions, scripts, functions, and what a script makes of them.
FILL = """
c = cluster(configuration, **given)
for n in range(200): c.set(f"{prefix}:{n}", "x" * n)
c.set(f"{prefix}:timed", 1, px=3_600_000)
c.set(f"{prefix}:gone", 1, px=1)
c.rpush(f"{prefix}:list", *range(300))
c.sadd(f"{prefix}:set", *(f"m{n}" for n in range(300)))
c.hset(f"{prefix}:hash", mapping={f"f{n}": "v" * 100 for n in range(200)})
c.zadd(f"{prefix}:sorted", {f"m{n}": n / 7 for n in range(300)})
c.setbit(f"{prefix}:bits", 90_000, 1)
c.pfadd(f"{prefix}:log", *range(500))
for n in range(20): c.xadd(f"{prefix}:stream", {"n": n})
c.xgroup_create(f"{prefix}:stream", "group", 0)
c.xreadgroup("group", "one", {f"{prefix}:stream": ">"}, count=5)
c.set(f"{prefix}:big", "y" * 3_000_000)
c.set(f"{prefix}:binary", bytes(range(256)))
script = "for n = 1, 50 do redis.call('SADD', KEYS[1], n) end; redis.call('INCR', KEYS[2])"
c.eval(script, 2, "{%s}a" % prefix, "{%s}b" % prefix)
with c.pipeline(transaction=True) as together:
    together.set("{%s}c" % prefix, 1)
    together.incrby("{%s}c" % prefix, 41)
    together.execute()
function = "function(keys) return redis.call('INCR', keys[1]) end"
c.function_load(f"#!lua name={prefix}\\nredis.register_function('f_{prefix}', {function})", replace=True)
c.fcall(f"f_{prefix}", 1, f"{prefix}:called")
"""


def twin(group_id: str, leader: GroupSpec) -> GroupSpec:
    """A group as another is, elsewhere and with another password."""
    nodes = tuple(replace(node, node_id=node.node_id.replace(leader.group_id, group_id, 1)) for node in leader.nodes)
    return in_region(replace(leader, group_id=group_id, access=Access(OTHER_TOKEN)), AWAY, nodes=nodes)


def pair(world: World, made: Make, shards: int = 2, engine: str = "valkey", replicas: int = 1) -> tuple[GroupSpec, GroupSpec]:
    leader = made(cluster_spec(world.new_id(), shards=shards, replicas=replicas, engine=engine))
    away = made(twin(world.new_id(), leader))
    world.host.follow(away.group_id, leader.group_id)
    return leader, away


def put(world: World, spec: GroupSpec, key: str, value: str) -> None:
    world.clients.run("cluster(configuration, **given).set(key, value)", key=key, value=value, **arguments(spec))


def read(world: World, spec: GroupSpec, key: str) -> object:
    return world.clients.run("result = cluster(configuration, **given).get(key)", key=key, **arguments(spec))


def refuse_writes(world: World, spec: GroupSpec) -> None:
    with pytest.raises(ClientError, match="NoPermission"):
        put(world, spec, "refused", "1")


def held(world: World, spec: GroupSpec) -> list[set[str]]:
    """What each shard's nodes hold: a number of all keys and values, and the functions' names. One where all hold the same."""
    group = world.host._group(spec.group_id)
    return [{_held(node) for node in group.nodes.values() if node.spec.shard == shard} for shard in group.spec.shards]


def _held(node: Node) -> str:
    libraries: Any = node.ask("FUNCTION", "LIST")
    return f"{node.ask('DEBUG', 'DIGEST')} {sorted(library[1] for library in libraries)}"


def wait_same(world: World, *specs: GroupSpec) -> None:
    """Wait until all nodes of all groups hold the same, shard by shard."""

    def same() -> bool:
        try:
            first, *others = [held(world, spec) for spec in specs]
        except (OSError, EmulatorError):
            return False  # one is loading
        return all(len(shard) == 1 for shard in first) and all(other == first for other in others)

    wait_until(same, f"{[spec.group_id for spec in specs]} hold the same")


@pytest.mark.parametrize("engine", ["valkey", "redis"])
def test_a_cluster_is_an_exact_copy_of_its_leaders_data_and_stream(world: World, made: Make, engine: str) -> None:
    leader = made(cluster_spec(world.new_id(), shards=2, engine=engine))
    away = made(twin(world.new_id(), leader))
    world.clients.run(FILL, prefix="before", **arguments(leader))
    world.clients.run(FILL, prefix="own", **arguments(away))
    world.host.follow(away.group_id, leader.group_id)
    assert world.host.leaders() == {away.group_id: leader.group_id}
    wait_same(world, leader, away)
    world.clients.run(FILL, prefix="after", **arguments(leader))
    wait_same(world, leader, away)
    assert read(world, away, "after:199") == "x" * 199
    assert read(world, away, "own:199") is None
    group = world.host._group(away.group_id)
    left = world.clients.run("result = cluster(configuration, **given).pttl('after:timed')", **arguments(away))
    assert 0 < left <= 3_600_000
    seconds = world.host.lag(away.group_id)
    assert seconds is not None
    assert seconds >= 0
    refuse_writes(world, away)
    with pytest.raises(ClientError, match=r"permission|can't run this command"):
        world.clients.run(
            "cluster(configuration, **given).eval('return redis.call(\"SET\", KEYS[1], 1)', 1, 'k')", **arguments(away)
        )
    links = list(group.links.values())
    world.host.lead(away.group_id)
    assert [link.up for link in links] == [False, False]
    put(world, away, "own", "again")
    assert read(world, leader, "own") is None
    wait_same(world, away)  # its replicas have that too


def test_a_following_cluster_goes_on_after_failovers_on_either_side_while_clients_write(world: World, made: Make) -> None:
    leader, away = pair(world, made)
    world.clients.run(START_WRITER, **arguments(leader))
    wait_until(lambda: world.writes() > 50, "writes")
    for spec, shard in ((leader, "0001"), (away, "0001"), (leader, "0002"), (away, "0002")):
        world.host.test_failover(spec.group_id, shard)
        world.wait_whole(spec.group_id)
        wait_until(lambda: world.host.lag(away.group_id) is not None, "the links stand again")
        before = world.writes()
        wait_until(lambda before=before: world.writes() > before + 50, "writes go on")  # type: ignore[misc]
        refuse_writes(world, away)
    world.clients.run("kept.pop('w').end()")
    wait_same(world, leader, away)


def test_a_planned_promotion_of_a_cluster_loses_no_acknowledged_write(world: World, made: Make) -> None:
    leader, away = pair(world, made)
    world.clients.run(START_WRITER, **arguments(leader))
    wait_until(lambda: world.writes() > 100, "writes")
    world.host.promote(away.group_id, [leader.group_id])
    refused = "result = any('NoPermission' in error for error in kept['w'].errors)"
    wait_until(lambda: world.clients.run(refused), "the old leader refuses")
    assert world.clients.run(MISSING, **arguments(away)) == []
    assert world.host.leaders() == {leader.group_id: away.group_id}
    put(world, away, "turned", "1")
    wait_same(world, away, leader)
    assert read(world, leader, "turned") == "1"
    refuse_writes(world, leader)


def test_a_promotion_waits_until_what_was_acknowledged_has_arrived(world: World, made: Make) -> None:
    leader, away = pair(world, made, shards=1, replicas=0)
    group = world.host._group(away.group_id)
    group.primary("0001").ask("CLIENT", "PAUSE", 1500, "ALL")  # the link waits for an answer, and sends no more
    for key in ("first", "second"):
        put(world, leader, key, "1")
    world.host.promote(away.group_id, [leader.group_id])
    assert [read(world, away, key) for key in ("first", "second")] == ["1", "1"]


def test_a_cluster_leads_when_the_leaders_region_is_lost_and_that_one_follows_when_it_is_back(world: World, made: Make) -> None:
    leader, away = pair(world, made)
    put(world, leader, "arrived", "1")
    wait_same(world, leader, away)
    for zone in ZONES:
        world.host.zone_down(zone, [leader.group_id])
    try:
        wait_until(lambda: world.host.lag(away.group_id) is None, "the links are down")
        refuse_writes(world, away)  # nobody promotes it by itself
        assert read(world, away, "arrived") == "1"
        world.host.promote(away.group_id, [leader.group_id])
        put(world, away, "meanwhile", "1")
    finally:
        for zone in ZONES:
            world.host.zone_up(zone)
    world.wait_whole(leader.group_id)
    wait_same(world, away, leader)
    assert [read(world, leader, key) for key in ("arrived", "meanwhile")] == ["1", "1"]
    refuse_writes(world, leader)


def test_a_shard_that_lost_all_its_nodes_is_filled_by_its_leader_before_it_serves(
    world: World, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, away = pair(world, made, replicas=0)
    world.clients.run(FILL, prefix="k", **arguments(leader))
    wait_same(world, leader, away)
    world.host.zone_down(AWAY_ZONES[0], [away.group_id])
    put(world, leader, "meanwhile", "1")
    asked, may = threading.Event(), threading.Event()
    load = Link._load

    def held(into: Admin) -> None:
        asked.set()
        may.wait(SLOWEST_SECONDS)
        load(into)

    monkeypatch.setattr(Link, "_load", staticmethod(held))
    try:
        world.host.zone_up(AWAY_ZONES[0])
        assert asked.wait(SLOWEST_SECONDS)
        assert world.host.roles(away.group_id)[f"{away.group_id}-0001-001"] == "gone"
    finally:
        may.set()
    world.wait_whole(away.group_id)
    complete = "c = cluster(configuration, **given)\nresult = sum(c.get(f'k:{n}') == 'x' * n for n in range(200))"
    assert world.clients.run(complete, **arguments(away)) == 200  # at once: nobody sees it empty
    wait_same(world, leader, away)
    refuse_writes(world, away)


def test_shards_come_and_go_on_both_sides_while_clients_write_and_redis_becomes_valkey(world: World, made: Make) -> None:
    leader, away = pair(world, made, shards=1, engine="redis")
    world.clients.run(FILL, prefix="k", **arguments(leader))
    world.clients.run(START_WRITER, **arguments(leader))
    larger = cluster_spec(leader.group_id, shards=2, engine="redis")
    stranger = made(twin(world.new_id(), larger))
    with pytest.raises(EmulatorError, match="other slots"):
        world.host.follow(stranger.group_id, leader.group_id)
    world.host.change(twin(away.group_id, larger))
    assert world.host.lag(away.group_id) is None  # until both have the same shards
    assert read(world, away, "k:199") == "x" * 199
    world.host.change(larger)
    wait_until(lambda: world.host.lag(away.group_id) is not None, "the links stand again")
    refuse_writes(world, away)
    for spec in (leader, away):  # the other order
        world.host.change(spec)
    wait_until(lambda: world.host.lag(away.group_id) is not None, "the links stand again")
    valkey = replace(leader, engine="valkey", engine_version="8.1")
    with pytest.raises(EmulatorError, match="change this group to valkey first"):
        world.host.change(valkey)
    for spec in (twin(away.group_id, valkey), valkey):
        world.host.change(spec)
    wait_until(lambda: world.host.lag(away.group_id) is not None, "the links stand again")
    assert world.clients.run(MISSING, **arguments(leader)) == []
    wait_same(world, valkey, away)
    refuse_writes(world, away)


def test_a_link_that_breaks_goes_on_where_it_was_without_another_copy(world: World, made: Make) -> None:
    leader, away = pair(world, made, shards=1, replicas=0)
    group = world.host._group(away.group_id)
    target, source = group.primary("0001"), world.host._group(leader.group_id).primary("0001")
    filled = target.info()["master_replid"]  # a new one with every copy
    for number in range(3):
        link = group.links["0001"]
        source.ask("CLIENT", "KILL", "TYPE", "replica")
        put(world, leader, "meanwhile", str(number))
        wait_until(lambda link=link: link.broken is not None and group.links["0001"].up, "another link stands")  # type: ignore[misc]
        wait_same(world, leader, away)
    assert target.info()["master_replid"] == filled


def test_a_write_that_the_copy_refuses_makes_a_new_copy(world: World, made: Make) -> None:
    leader, away = pair(world, made, shards=1, replicas=0)
    group = world.host._group(away.group_id)
    target = group.primary("0001")
    filled = target.info()["master_replid"]
    target.ask("DEL", "list")
    world.clients.run("cluster(configuration, **given).rpush('list', 1, 2, 3)", **arguments(leader))
    wait_same(world, leader, away)
    target.ask("SET", "list", "no list any more")
    world.clients.run("cluster(configuration, **given).rpush('list', 4)", **arguments(leader))
    wait_same(world, leader, away)
    assert read_list(world, away) == ["1", "2", "3", "4"]
    assert target.info()["master_replid"] != filled


def read_list(world: World, spec: GroupSpec) -> object:
    return world.clients.run("result = cluster(configuration, **given).lrange('list', 0, -1)", **arguments(spec))


def test_what_is_due_lives_in_a_copy_until_its_leader_says_otherwise(world: World, made: Make) -> None:
    leader, away = pair(world, made, shards=1, replicas=0)
    target = world.host._group(away.group_id).primary("0001")
    filled = target.info()["master_replid"]
    target.ask("CLIENT", "PAUSE", 1000, "ALL")  # it comes to these writes when the key is due long since
    together = """
p = cluster(configuration, **given).pipeline(transaction=True)
p.rpush("due", 1)
p.pexpire("due", 100)
p.lset("due", 0, 2)
p.execute()
"""
    world.clients.run(together, **arguments(leader))
    put(world, leader, "later", "1")
    wait_same(world, leader, away)
    assert target.info()["master_replid"] == filled  # it refused nothing


def test_a_copy_throws_nothing_away_by_itself_and_other_users_cannot_write_either(world: World, made: Make) -> None:
    leader = made(cluster_spec(world.new_id(), shards=1, replicas=0))
    small = replace(twin(world.new_id(), leader), maxmemory_bytes=3 * 1024**2, parameters={"maxmemory-policy": "allkeys-lru"})
    away = made(small)
    world.host.follow(away.group_id, leader.group_id)
    source, target = (world.host._group(spec.group_id).primary("0001") for spec in (leader, away))
    for prefix in ("k", "l"):
        world.clients.run(FILL, prefix=prefix, **arguments(leader))
    wait_until(lambda: all(source.ask("EXISTS", key) == 0 for key in ("k:gone", "l:gone")), "what was due before is gone")
    source.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    keys = source.ask("DBSIZE")
    world.clients.run("cluster(configuration, **given).set('due', 1, px=1)", **arguments(leader))
    wait_until(lambda: target.ask("DBSIZE") == int(str(keys)) + 1, "it has come")
    assert read(world, away, "due") is None  # to clients
    world.clients.run("time.sleep(1)")  # a server looks ten times a second for what is due
    assert target.ask("DBSIZE") == int(str(keys)) + 1
    source.ask("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    wait_until(lambda: target.ask("DBSIZE") == keys, "the leader said so")
    wait_same(world, leader, away)
    lines = ("user default off -@all", f"user app on >{OTHER_TOKEN} ~* &* +@all", f"user wide on >{TOKEN} -@all (~* +@all)")
    changed = replace(away, access=Access(acl=lines), parameters={})
    world.host.change(changed)
    for name, password in (("app", OTHER_TOKEN), ("wide", TOKEN)):
        at = arguments(changed) | {"given": {"ssl": True, "username": name, "password": password}}
        assert world.clients.run("result = cluster(configuration, **given).get('k:1')", **at) == "x"
        with pytest.raises(ClientError, match="NoPermission"):
            world.clients.run("cluster(configuration, **given).set('k:1', 1)", **at)
    limits = [["maxmemory", "0"], ["import-mode", "yes"]]
    assert [target.ask("CONFIG", "GET", name) for name, _ in limits] == limits
    world.host.lead(away.group_id)
    own = [["maxmemory", str(3 * 1024**2)], ["import-mode", "no"]]
    assert [target.ask("CONFIG", "GET", name) for name, _ in own] == own
    assert world.clients.run("result = cluster(configuration, **given).delete('k:1') in (0, 1)", **at)


def test_no_thread_or_socket_of_a_link_is_left_when_its_group_ends(world: World) -> None:
    leader, away = (cluster_spec(world.new_id(), shards=1, replicas=0) for _ in range(2))
    for spec in (leader, away):
        world.host.create(spec)
    try:
        world.host.follow(away.group_id, leader.group_id)
        name = f"cache link {away.group_id}-0001-001"
        assert [thread.name for thread in threading.enumerate()].count(name) == 1
    finally:
        world.host.delete(away.group_id)
        world.host.delete(leader.group_id)
    assert name not in [thread.name for thread in threading.enumerate()]
    assert world.host.leaders() == {}
