"""Groups of several regions that follow each other, cluster mode off: real servers replicating, real clients."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pulumi_emulator.caches.spec import Access, GroupSpec
from pulumi_emulator.errors import EmulatorError
from tests.support.cache_clients import MISSING, START_WRITER, ClientError
from tests.support.cache_groups import ZONES, World, arguments, group_spec, in_region
from tests.support.waiting import wait_until

pytestmark = pytest.mark.machines
Make = Callable[[GroupSpec], GroupSpec]

AWAY = "eu-west-1"
AWAY_ZONES = tuple(f"{AWAY}{letter}" for letter in "abc")
OTHER_TOKEN = "of-the-other-region-0123456789"  # of nodes that live for a second


def pair(world: World, made: Make, engine: str = "valkey", nodes: int = 2) -> tuple[GroupSpec, GroupSpec]:
    """A group, and one elsewhere with another password that follows it."""
    leader = made(group_spec(world.new_id(), nodes=nodes, engine=engine))
    away = made(in_region(group_spec(world.new_id(), nodes=nodes, engine=engine, access=Access(OTHER_TOKEN)), AWAY))
    world.host.follow(away.group_id, leader.group_id)
    return leader, away


def put(world: World, spec: GroupSpec, key: str, value: str) -> None:
    world.clients.run("client(primary, **given).set(key, value)", key=key, value=value, **arguments(spec))


def read(world: World, spec: GroupSpec, key: str, name: str = "primary") -> object:
    return world.clients.run(f"result = client({name}, **given).get(key)", key=key, **arguments(spec))


def wait_read(world: World, spec: GroupSpec, key: str, value: str) -> None:
    """Wait until all names of a group read it; a client may meet a node that is still loading."""

    def there() -> bool:
        try:
            return all(read(world, spec, key, name) == value for name in ("primary", "reader"))
        except ClientError:
            return False

    wait_until(there, f"{spec.group_id} reads {key}={value}")


def wait_linked(world: World, spec: GroupSpec) -> None:
    wait_until(lambda: world.host.lag(spec.group_id) is not None, f"{spec.group_id} hears its leader")


def refuse_writes(world: World, spec: GroupSpec) -> None:
    with pytest.raises(ClientError, match="ReadOnly"):
        put(world, spec, "refused", "1")


@pytest.mark.parametrize("engine", ["valkey", "redis"])
def test_a_follower_has_its_leaders_data_and_stream_only_and_refuses_writes(world: World, made: Make, engine: str) -> None:
    leader = made(group_spec(world.new_id(), engine=engine))
    away = made(in_region(group_spec(world.new_id(), engine=engine, access=Access(OTHER_TOKEN)), AWAY))
    put(world, leader, "before", "1")
    put(world, away, "own", "lost")
    assert world.host.lag(away.group_id) is None
    world.host.follow(away.group_id, leader.group_id)
    assert [read(world, away, "before", name) for name in ("primary", "reader")] == ["1", "1"]
    assert [read(world, away, "own", name) for name in ("primary", "reader")] == [None, None]
    put(world, leader, "after", "2")
    wait_read(world, away, "after", "2")
    refuse_writes(world, away)
    assert world.host.leaders() == {away.group_id: leader.group_id}
    assert world.host.lag(leader.group_id) is None
    seconds = world.host.lag(away.group_id)
    assert seconds is not None
    assert seconds >= 0
    world.host.lead(away.group_id)
    assert world.host.leaders() == {}
    put(world, away, "own", "again")
    assert [read(world, away, key) for key in ("own", "after")] == ["again", "2"]
    assert read(world, leader, "own") is None


def test_a_follower_goes_on_after_failovers_on_either_side(world: World, made: Make) -> None:
    leader, away = pair(world, made)
    for number, (spec, other) in enumerate(((leader, away), (away, leader), (leader, away))):
        (before,) = world.primaries(spec.group_id)
        world.host.test_failover(spec.group_id, "0001")
        assert world.primaries(spec.group_id) != [before]
        world.wait_whole(spec.group_id)
        wait_linked(world, away)
        put(world, leader, f"after-{number}", "1")
        wait_read(world, away, f"after-{number}", "1")
        refuse_writes(world, away)
        assert world.host.whole(other.group_id)


def test_a_planned_promotion_loses_no_acknowledged_write_and_turns_the_direction(world: World, made: Make) -> None:
    leader, away = pair(world, made)
    third = made(in_region(group_spec(world.new_id(), nodes=1), "us-east-1"))
    world.host.follow(third.group_id, leader.group_id)
    world.clients.run(START_WRITER, **arguments(leader))
    wait_until(lambda: world.writes() > 100, "writes")
    world.host.promote(away.group_id, [leader.group_id, third.group_id])
    wait_until(
        lambda: world.clients.run("result = any('ReadOnly' in error for error in kept['w'].errors)"), "the old leader refuses"
    )
    assert world.clients.run(MISSING, **arguments(away)) == []
    assert world.host.leaders() == {leader.group_id: away.group_id, third.group_id: away.group_id}
    put(world, away, "turned", "1")
    for spec in (leader, third):
        wait_read(world, spec, "turned", "1")
        refuse_writes(world, spec)
    world.host.promote(leader.group_id, [away.group_id, third.group_id])
    put(world, leader, "back", "1")
    wait_read(world, away, "back", "1")
    wait_read(world, third, "back", "1")


def test_a_follower_leads_when_the_leaders_region_is_lost_and_that_one_follows_when_it_is_back(
    world: World, made: Make
) -> None:
    leader, away = pair(world, made)
    put(world, leader, "arrived", "1")
    wait_read(world, away, "arrived", "1")
    for zone in ZONES[:2]:
        world.host.zone_down(zone, [leader.group_id])
    try:
        refuse_writes(world, away)  # nobody promotes it by itself
        world.host.test_failover(away.group_id, "0001")  # also without its leader
        refuse_writes(world, away)
        world.host.promote(away.group_id, [leader.group_id])
        put(world, away, "meanwhile", "1")
        assert read(world, away, "arrived") == "1"
        assert world.host.leaders() == {leader.group_id: away.group_id}
        assert world.host.lag(leader.group_id) is None
    finally:
        for zone in ZONES[:2]:
            world.host.zone_up(zone)
    world.wait_whole(leader.group_id)
    wait_read(world, leader, "meanwhile", "1")
    wait_read(world, leader, "arrived", "1")
    refuse_writes(world, leader)


def test_a_lost_zone_and_a_lost_region_of_the_follower_are_filled_again(world: World, made: Make) -> None:
    leader, away = pair(world, made)
    put(world, leader, "a", "1")
    wait_read(world, away, "a", "1")
    world.host.zone_down(AWAY_ZONES[0], [away.group_id])
    try:
        put(world, leader, "a", "2")
        wait_linked(world, away)
        wait_read(world, away, "a", "2")
        world.host.zone_down(AWAY_ZONES[1], [away.group_id])  # the last node
        put(world, leader, "a", "3")
        assert world.host.lag(away.group_id) is None
    finally:
        world.host.zone_up(AWAY_ZONES[0])
        world.host.zone_up(AWAY_ZONES[1])
    world.wait_whole(away.group_id)
    wait_read(world, away, "a", "3")
    refuse_writes(world, away)


def test_a_follower_that_comes_back_empty_without_its_leader_serves_nobody(world: World, made: Make) -> None:
    leader, away = pair(world, made, nodes=1)
    world.host.zone_down(ZONES[0], [leader.group_id])
    world.host.zone_down(AWAY_ZONES[0], [away.group_id])
    try:
        world.host.zone_up(AWAY_ZONES[0])
        assert world.host.roles(away.group_id) == {f"{away.group_id}-001": "gone"}
    finally:
        world.host.zone_up(ZONES[0])
    world.wait_whole(leader.group_id)
    world.wait_whole(away.group_id)
    put(world, leader, "a", "1")
    wait_read(world, away, "a", "1")


def test_nodes_come_and_go_and_redis_becomes_valkey_the_follower_first(world: World, made: Make) -> None:
    leader, away = pair(world, made, engine="redis")
    put(world, leader, "a", "1")
    larger = in_region(group_spec(away.group_id, nodes=3, engine="redis", access=away.access), AWAY)
    world.host.change(larger)
    smaller = replace(larger, nodes=larger.nodes[1:])  # without the primary
    world.host.change(smaller)
    refuse_writes(world, away)
    wait_read(world, away, "a", "1")
    valkey = replace(leader, engine="valkey", engine_version="8.1")
    with pytest.raises(EmulatorError, match="change this group to valkey first"):
        world.host.change(valkey)
    world.host.change(replace(smaller, engine="valkey", engine_version="8.1"))
    refuse_writes(world, away)
    world.host.change(valkey)
    wait_linked(world, away)
    put(world, leader, "a", "2")
    wait_read(world, away, "a", "2")
    smallest = replace(valkey, nodes=valkey.nodes[1:])
    world.host.change(smallest)
    wait_linked(world, away)
    put(world, leader, "a", "3")
    wait_read(world, away, "a", "3")


def test_a_group_that_ends_lets_its_followers_lead(world: World, made: Make) -> None:
    leader = group_spec(world.new_id(), nodes=1)
    world.host.create(leader)
    try:
        away = made(in_region(group_spec(world.new_id(), nodes=1), AWAY))
        put(world, leader, "a", "1")
        world.host.follow(away.group_id, leader.group_id)
    finally:
        world.host.delete(leader.group_id)
    assert world.host.leaders() == {}
    put(world, away, "b", "2")
    assert [read(world, away, key) for key in "ab"] == ["1", "2"]


def test_what_cannot_follow_is_refused_with_its_data_as_they_were(world: World, made: Make) -> None:
    leader, away = pair(world, made, nodes=1)
    other = made(in_region(group_spec(world.new_id(), nodes=1, tls=False, access=Access()), AWAY))
    redis = made(in_region(group_spec(world.new_id(), nodes=1, engine="redis"), AWAY))
    put(world, other, "own", "1")
    put(world, redis, "own", "1")
    for group_id, leader_id, reason in (
        (leader.group_id, leader.group_id, "cannot follow itself"),
        (other.group_id, leader.group_id, "tls is False here and True there"),
        (redis.group_id, leader.group_id, "Redis cannot read what Valkey writes"),
        (redis.group_id, away.group_id, f"follows {leader.group_id} itself"),
        (leader.group_id, redis.group_id, f"{away.group_id} follow it"),
        ("unknown", leader.group_id, "no cache group 'unknown'"),
    ):
        with pytest.raises(EmulatorError, match=reason):
            world.host.follow(group_id, leader_id)
    assert read(world, other, "own") == read(world, redis, "own") == "1"
    put(world, redis, "own", "2")
    assert world.host.leaders() == {away.group_id: leader.group_id}
