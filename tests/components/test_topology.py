from typing import Any

import pytest

from redis_ha.arguments import InvalidArgumentsError
from redis_ha.sentinel import topology
from redis_ha.sentinel.directives import wrong_directive
from redis_ha.sentinel.slots import Slot, in_creation_order, rank, seeds_of
from redis_ha.sentinel.topology import make_plan, memory_of_size

GOOD: dict[str, Any] = {"region": "ams3", "vpc_ip_range": "10.20.0.0/24"}


def problems(**changes: Any) -> dict[str, str]:
    """What is wrong with the good arguments after these changes, by argument."""
    args = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    with pytest.raises(InvalidArgumentsError) as caught:
        make_plan("local", args, known=KNOWN)
    return dict(caught.value.problems)


KNOWN = ("region", "vpc_id", "vpc_ip_range", "replicas", "sentinels", "quorum")


def test_defaults() -> None:
    plan = make_plan("local", GOOD)
    assert [slot.name for slot in plan.slots] == [
        "local-data-0", "local-data-1", "local-data-2", "local-sentinel-0", "local-sentinel-1", "local-sentinel-2",
    ]  # fmt: skip
    assert (plan.name, plan.master_name, plan.quorum, plan.image) == ("local", "local", 2, "debian-13-x64")
    assert (plan.down_after_ms, plan.failover_timeout_ms, plan.parallel_syncs) == (5000, 20000, 1)
    assert (plan.min_replicas_to_write, plan.min_replicas_max_lag, plan.maxmemory_mb) == (1, 3, 2457)
    assert plan.protect


def test_a_slot_may_have_a_size_of_its_own_and_the_smallest_decides_the_memory() -> None:
    plan = make_plan("local", GOOD | {"sizes": {"data-1": "s-4vcpu-8gb", "sentinel-0": "s-1vcpu-2gb"}})
    assert [plan.size_of(slot) for slot in plan.slots] == [
        "s-2vcpu-4gb", "s-4vcpu-8gb", "s-2vcpu-4gb", "s-1vcpu-2gb", "s-1vcpu-1gb", "s-1vcpu-1gb",
    ]  # fmt: skip
    assert plan.maxmemory_mb == 2457
    assert make_plan("local", GOOD | {"sizes": {"data-1": "s-1vcpu-2gb"}}).maxmemory_mb == 1228


def test_numbers_may_come_as_floats() -> None:
    plan = make_plan("local", GOOD | {"replicas": 1.0, "sentinels": 5.0, "generations": {"data-0": 2.0}})
    assert (len(plan.of_kind("data")), plan.sentinel_count, plan.quorum, plan.slots[0].generation) == (2, 5, 3, 2)
    assert all(isinstance(slot.index, int) and isinstance(slot.generation, int) for slot in plan.slots)


@pytest.mark.parametrize(
    ("changes", "argument", "says"),
    [
        ({"region": ...}, "region", "is missing"),
        ({"region": "Amsterdam"}, "region", "'Amsterdam' is not a region slug"),
        ({"data_size": "4 GB"}, "data_size", "'4 GB' is not a size slug"),
        ({"sentinel_size": "s_1vcpu"}, "sentinel_size", "not a size slug"),
        ({"sizes": {"data-3": "s-4vcpu-8gb"}}, "sizes", "'data-3' is no slot of this cluster; it has data-0"),
        ({"sizes": {"data-1": "8gb"}}, "sizes.data-1", "'8gb' is not a size slug"),
        ({"sizes": {"data-1": "c-2"}}, "maxmemory_mb", "'c-2' does not name its memory"),
        ({"sizes": {"data-1": "s-1vcpu-1gb"}, "maxmemory_mb": 2000}, "maxmemory_mb", "all the memory of s-1vcpu-1gb"),
        ({"sizes": "s-4vcpu-8gb"}, "sizes", "is no mapping"),
        ({"resize_disk": True}, "resize_disk", "True is no list"),
        ({"resize_disk": ["data-7"]}, "resize_disk", "'data-7' is no slot of this cluster"),
        ({"image": "ubuntu-24-04-x64"}, "image", "use one of debian-13-x64, debian-12-x64"),
        ({"sentinels": 4}, "sentinels", "4 is even"),
        ({"sentinels": 1}, "sentinels", "1 is out of range; use 3 to 7"),
        ({"quorum": 4}, "quorum", "4 is more than the 3 Sentinels"),
        ({"quorum": 0}, "quorum", "0 is out of range"),
        ({"replicas": 0}, "min_replicas_to_write", "1 is more than the 0 replicas"),
        ({"replicas": 1, "min_replicas_to_write": 2}, "min_replicas_to_write", "raise replicas"),
        ({"replicas": 2.5}, "replicas", "2.5 is no whole number"),
        ({"replicas": True}, "replicas", "True is no whole number"),
        ({"replicas": "2"}, "replicas", "'2' is no whole number"),
        ({"vpc_ip_range": ...}, "vpc_ip_range", "neither is given"),
        ({"vpc_id": "some-id"}, "vpc_ip_range", "both are given"),
        ({"vpc_ip_range": "10.20.0.0"}, "vpc_ip_range", "prefix of /32"),
        ({"vpc_ip_range": "10.20.0.5/24"}, "vpc_ip_range", "no private IPv4 range"),
        ({"vpc_ip_range": "203.0.113.0/24"}, "vpc_ip_range", "no private IPv4 range"),
        ({"vpc_ip_range": "10.0.0.0/8"}, "vpc_ip_range", "prefix of /8; DigitalOcean takes /16 to /24"),
        ({"vpc_ip_range": "10.20.0.0/25"}, "vpc_ip_range", "prefix of /25"),
        ({"vpc_ip_range": "10.244.3.0/24"}, "vpc_ip_range", "keeps for itself"),
        ({"vpc_ip_range": "fd00::/64"}, "vpc_ip_range", "no private IPv4 range"),
        ({"client_sources": ["10.0.0.0/33"]}, "client_sources", "'10.0.0.0/33' is no network"),
        ({"client_sources": ["0.0.0.0/0"]}, "client_sources", "'0.0.0.0/0' is open to the world"),
        ({"admin_sources": ["128.0.0.0/1"]}, "admin_sources", "open to the world"),
        ({"alert_emails": ["ops"]}, "alert_emails", "'ops' is not a mail address"),
        ({"metrics_sources": ["0.0.0.0/0"]}, "metrics_sources", "'0.0.0.0/0' is open to the world"),
        ({"admin_sources": ["::/0"]}, "admin_sources", "open to the world"),
        ({"admin_sources": "198.51.100.0/24"}, "admin_sources", "is no list"),
        ({"client_sources": [f"10.{n // 250}.{n % 250}.0/24" for n in range(1001)]}, "client_sources", "1001 networks"),
        ({"client_tags": ["a", "b", "c", "d", "e"]}, "client_tags", "5 tags"),
        ({"client_tags": ["with space"]}, "client_tags", "'with space' is not"),
        ({"tags": ["comma,"]}, "tags", "'comma,' is not"),
        ({"tags": ["PROD", "other", "prod"]}, "tags", "'PROD' and 'prod' are one tag"),
        ({"client_tags": ["Web", "web"]}, "client_tags", "'Web' and 'web' are one tag"),
        ({"name": "Local"}, "name", "'Local' is not lower-case"),
        ({"master_name": "my master"}, "master_name", "'my master' is not"),
        ({"down_after_ms": 100}, "down_after_ms", "100 is out of range; use 200 to 600000"),
        ({"failover_timeout_ms": 10}, "failover_timeout_ms", "out of range"),
        ({"parallel_syncs": 0}, "parallel_syncs", "out of range"),
        ({"min_replicas_max_lag": 1}, "min_replicas_max_lag", "use 2 to 60"),
        ({"data_size": "c-2"}, "maxmemory_mb", "does not name its memory"),
        ({"maxmemory_mb": 4096}, "maxmemory_mb", "leave room"),
        ({"maxmemory_policy": "lru"}, "maxmemory_policy", "use one of noeviction"),
        ({"persistence": "none"}, "persistence", "use one of aof+rdb"),
        ({"extra_directives": {"replicaof": "10.0.0.1 6379"}}, "extra_directives", "'replicaof' belongs to the component"),
        ({"extra_directives": {"tls-port": "6380"}}, "extra_directives", "'tls-port' belongs"),
        ({"extra_directives": {"maxmemory": "1gb"}}, "extra_directives", "use maxmemory_mb"),
        ({"extra_directives": {"Hz": "10"}}, "extra_directives", "'Hz' is no directive"),
        ({"extra_directives": {"hz": "10\nrequirepass x"}}, "extra_directives", "on one line"),
        ({"extra_directives": {"hz": 10}}, "extra_directives", "has to be text"),
        ({"extra_directives": {"maxmemory-smaples": "5"}}, "extra_directives", "did you mean maxmemory-samples?"),
        ({"extra_directives": {"maxclients": "abc"}}, "extra_directives", "'maxclients' takes a whole number, not 'abc'"),
        ({"extra_directives": {"maxclients": "0"}}, "extra_directives", "'maxclients' takes 1 to 4294967295, not 0"),
        ({"extra_directives": {"maxmemory-samples": "65"}}, "extra_directives", "takes 1 to 64, not 65"),
        ({"extra_directives": {"appendfsync": "allways"}}, "extra_directives", "takes one of always, everysec, no, not"),
        ({"extra_directives": {"activedefrag": "on"}}, "extra_directives", "takes one of no, yes, not 'on'"),
        ({"extra_directives": {"repl-backlog-size": "64 mb"}}, "extra_directives", "takes a memory value such as 64mb"),
        ({"extra_directives": {"proc-title-template": '"{title}'}}, "extra_directives", "has a quote that does not end"),
        (
            {"extra_directives": {"locale-collate": "C"}, "image": "debian-12-x64"},
            "extra_directives",
            "the Redis of debian-12-x64 has no directive 'locale-collate'",
        ),
        ({"application_channels": ["*"]}, "application_channels", "'*' matches __sentinel__:hello"),
        ({"application_channels": ["__sentinel__:hello"]}, "application_channels", "forge the topology"),
        ({"application_channels": ["__sentinel__?hell*"]}, "application_channels", "matches __sentinel__:hello"),
        ({"application_channels": ["orders:[a-c]"]}, "application_channels", "write patterns with * and ? alone"),
        ({"application_channels": [r"orders\:1"]}, "application_channels", "has a bracket or a backslash"),
        ({"generations": {"data-3": 1}}, "generations", "'data-3' is no slot of this cluster"),
        ({"generations": {"data-0": -1}}, "generations.data-0", "-1 is out of range"),
        ({"protect": "yes"}, "protect", "neither true nor false"),
    ],
)  # fmt: skip
def test_refused(changes: dict[str, Any], argument: str, says: str) -> None:
    with pytest.raises(InvalidArgumentsError) as caught:
        make_plan("local", {key: value for key, value in (GOOD | changes).items() if value is not ...})
    found = dict(caught.value.problems)
    assert says in found[argument]
    assert argument in str(caught.value)
    assert len(found) == 1, found


def test_unknown_arguments_name_the_nearest() -> None:
    assert problems(replica=3) == {"replica": "no such argument; did you mean replicas?"}


def test_all_mistakes_are_told_at_once() -> None:
    assert set(problems(sentinels=2, quorum=9, region="x")) == {"sentinels", "quorum", "region"}


@pytest.mark.parametrize(
    "changes",
    [{"quorum": 1}, {"quorum": 3}, {"replicas": 0, "min_replicas_to_write": 0}, {"data_size": "c-2", "maxmemory_mb": 2048}],
)
def test_accepted(changes: dict[str, Any]) -> None:
    make_plan("local", GOOD | changes)


def test_an_existing_vpc() -> None:
    assert make_plan("local", {"region": "ams3", "vpc_id": "some-id"}).vpc_ip_range is None


@pytest.mark.parametrize(
    ("size", "memory"),
    [
        ("s-2vcpu-4gb", 4096),
        ("s-1vcpu-512mb-10gb", 512),
        ("m-2vcpu-16gb", 16384),
        ("s-2vcpu-4gb-amd", 4096),
        ("so1_5-2vcpu-16gb", 16384),
        ("c-2", None),
    ],
)
def test_memory_of_size(size: str, memory: int | None) -> None:
    assert memory_of_size(size) == memory


def slots(data: tuple[int, ...], sentinels: tuple[int, ...]) -> tuple[Slot, ...]:
    return tuple(Slot("c", "data", index, generation) for index, generation in enumerate(data)) + tuple(
        Slot("c", "sentinel", index, generation) for index, generation in enumerate(sentinels)
    )


def seeds(key: str, all_slots: tuple[Slot, ...]) -> list[str]:
    (slot,) = [slot for slot in all_slots if slot.key == key]
    return [seed.key for seed in seeds_of(slot, all_slots)]


def test_at_first_data_nodes_are_told_nothing_and_sentinels_all_data_nodes() -> None:
    fresh = slots((0, 0, 0), (0, 0, 0))
    assert seeds("data-1", fresh) == []
    assert seeds("sentinel-2", fresh) == ["data-0", "data-1", "data-2"]


def test_a_replaced_slot_is_told_of_all_others() -> None:
    assert seeds("data-0", slots((1, 0, 0), (0, 0, 0))) == ["data-1", "data-2", "sentinel-0", "sentinel-1", "sentinel-2"]
    assert seeds("sentinel-1", slots((1, 0, 0), (0, 2, 0))) == ["data-1", "data-2", "sentinel-0", "sentinel-2", "data-0"]


def test_sentinels_are_told_of_data_nodes_even_when_all_of_them_are_newer() -> None:
    """Without the rule for their rank, a stack made anew with these generations would never begin."""
    replaced = slots((1, 2, 3), (0, 0, 0))
    assert seeds("sentinel-0", replaced) == ["data-0"]
    assert seeds("data-0", replaced) == []
    assert seeds("data-2", replaced) == ["data-0", "sentinel-0", "sentinel-1", "sentinel-2", "data-1"]


@pytest.mark.parametrize("data", [(0, 0, 0), (1, 0, 2), (3, 3, 3), (5, 1, 1)])
@pytest.mark.parametrize("sentinels", [(0, 0, 0), (0, 4, 2), (9, 9, 9)])
def test_every_slot_is_made_after_its_seeds(data: tuple[int, ...], sentinels: tuple[int, ...]) -> None:
    every = slots(data, sentinels)
    order = in_creation_order(every)
    for slot in every:
        assert all(order.index(seed) < order.index(slot) for seed in seeds_of(slot, every))
    assert any(rank(slot, every)[1] == 0 for slot in seeds_of(next(slot for slot in every if slot.kind == "sentinel"), every))


def test_sentinel_ids_are_stable_and_differ() -> None:
    ids = {slot.sentinel_id for slot in slots((), (0, 0, 0))}
    assert len(ids) == 3
    assert all(len(identity) == 40 and set(identity) <= set("0123456789abcdef") for identity in ids)
    assert Slot("c", "sentinel", 0, 0).sentinel_id == Slot("c", "sentinel", 0, 7).sentinel_id
    assert Slot("c", "sentinel", 0).sentinel_id != Slot("d", "sentinel", 0).sentinel_id


@pytest.mark.parametrize(
    ("persistence", "appendonly", "save"), [("aof+rdb", "yes", True), ("aof", "yes", False), ("rdb", "no", True)]
)
def test_persistence(persistence: str, appendonly: str, save: bool) -> None:
    directives = topology.redis_directives(make_plan("local", GOOD | {"persistence": persistence}))
    assert directives["appendonly"] == appendonly
    assert bool(directives["save"]) is save


@pytest.mark.parametrize("image", topology.IMAGES)
def test_directives_that_each_image_takes(image: str) -> None:
    taken = {
        "slowlog-max-len": "512", "maxclients": "20000", "appendfsync": "ALWAYS", "repl-backlog-size": "128MB", "hz": "50",
        "client-output-buffer-limit": "replica 256mb 64mb 60", "notify-keyspace-events": "Ex",
        "maxmemory-clients": "5%", "proc-title-template": '"{title}"',
    }  # fmt: skip
    assert {name: wrong_directive(image, name, value) for name, value in taken.items()} == dict.fromkeys(taken)
