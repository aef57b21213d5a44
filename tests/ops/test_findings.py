"""The judgement: every way in which a topology can be wrong is found, and a right one is left alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from redis_ha.sentinel import topology as of_the_nodes
from redis_ha.sentinel.node import fencing, lowering, placement
from redis_ha_ops import topology
from redis_ha_ops.findings import healthy as is_healthy
from redis_ha_ops.findings import judge, nobody_answered
from redis_ha_ops.stack import Stack
from redis_ha_ops.switching import candidates
from redis_ha_ops.topology import Attached, Peer, Topology

MASTER, FIRST, SECOND = "10.0.0.2:6379", "10.0.0.3:6379", "10.0.0.4:6379"
STRANGER = "10.0.0.99:6379"
NAMES_OTHER: dict[str, Any] = {"master": FIRST, "epoch": 4}

# What is broken -> the findings it gives, as (code, subject).
CASES: dict[str, tuple[dict[str, dict[str, Any]], set[tuple[str, str]]]] = {
    "a node does not answer": (
        {"data_2": {"trouble": "connection refused", "role": None}},
        {("unreachable", "local-data-2")},
    ),
    "a Sentinel does not answer": (
        {"sentinel_1": {"trouble": "no answer", "watches": False, "master": None, "epoch": None}},
        {("unreachable", "local-sentinel-1")},
    ),
    "an exporter may read the replication user's password": (
        {"data_1": {"see_secrets": ("exporter",)}},
        {("rights", "local-data-1")},
    ),
    "a node is being set up": (
        {"data_2": {"trouble": "E: Could not get lock", "setting_up": True, "role": None}},
        {("setting-up", "local-data-2")},
    ),
    "a Sentinel is being set up": (
        {"sentinel_1": {"trouble": "E: no network", "setting_up": True, "watches": False, "master": None, "epoch": None}},
        {("setting-up", "local-sentinel-1")},
    ),
    "two nodes take writes": (
        {"data_1": {"role": "master", "follows": None, "link": None, "good_replicas": 1}},
        {("two-writable", "cluster"), ("wrong-master", "local-data-1")},
    ),
    "two masters, one of which refuses writes": (
        {"data_1": {"role": "master", "follows": None, "link": None, "good_replicas": 0}},
        {("two-masters", "cluster"), ("writes-refused", "local-data-1"), ("wrong-master", "local-data-1")},
    ),
    "no master": (
        {"data_0": {"role": "replica", "follows": FIRST, "link": "connect"}},
        {
            ("no-master", "cluster"),
            ("named-replica", "local-data-0"),
            ("follows-other", "local-data-0"),
            ("link-down", "local-data-0"),
        },
    ),
    "the master has too few good replicas": ({"data_0": {"good_replicas": 0}}, {("writes-refused", "local-data-0")}),
    "the master is loading": ({"data_0": {"loading": True}}, {("loading", "local-data-0")}),
    "a replica is loading": ({"data_1": {"loading": True}}, {("loading", "local-data-1")}),
    "a Sentinel names another master": (
        {"sentinel_2": {**NAMES_OTHER, "replicas": (Peer(MASTER, ("slave",)), Peer(SECOND, ("slave",)))}},
        {("named-differently", "cluster"), ("epochs-differ", "cluster"), ("named-replica", "local-data-1")},
    ),
    "a Sentinel is at another epoch": ({"sentinel_0": {"epoch": 2}}, {("epochs-differ", "cluster")}),
    "a Sentinel has not joined": (
        {"sentinel_0": {"watches": False, "master": None, "epoch": None}},
        {("watches-nothing", "local-sentinel-0")},
    ),
    "an orphan": (
        {"data_2": {"follows": "127.0.0.1:1", "link": "connect"}},
        {("orphan", "local-data-2")},
    ),
    "a replica follows another replica": ({"data_2": {"follows": FIRST}}, {("follows-other", "local-data-2")}),
    "a replica's link is down": (
        {"data_2": {"link": "connecting"}},
        {("link-down", "local-data-2")},
    ),
    "the master does not count a replica": (
        {"data_0": {"attached": (Attached(FIRST, "online", 90, 0),)}},
        {("not-attached", "local-data-2")},
    ),
    "a replica is not in step": (
        {"data_0": {"attached": (Attached(FIRST, "online", 90, 0), Attached(SECOND, "wait_bgsave", 0, 0))}},
        {("not-online", "local-data-2")},
    ),
    "a replica lags": (
        {"data_0": {"attached": (Attached(FIRST, "online", 90, 11), Attached(SECOND, "online", 90, 10))}},
        {("lagging", "local-data-1")},
    ),
    "a stranger replicates": (
        {"data_0": {"attached": tuple(Attached(one, "online", 90, 0) for one in (FIRST, SECOND, STRANGER))}},
        {("replica-stranger", "local-data-0")},
    ),
    "a Sentinel knows a dead peer of former times": (
        {
            "sentinel_0": {
                "sentinels": (
                    *(Peer(f"10.0.0.{at}:26379", ("sentinel",)) for at in (6, 7)),
                    Peer("10.0.0.98:26379", ("s_down", "sentinel")),
                )
            }
        },
        {("dead-peer", "local-sentinel-0")},
    ),
    "a Sentinel knows a dead replica of former times": (
        {"sentinel_0": {"replicas": tuple(Peer(one, ("slave",)) for one in (FIRST, SECOND, STRANGER))}},
        {("dead-peer", "local-sentinel-0")},
    ),
    "a Sentinel calls a replica down": (
        {"sentinel_0": {"replicas": (Peer(FIRST, ("s_down", "slave")), Peer(SECOND, ("slave",)))}},
        {("peer-down", "local-sentinel-0")},
    ),
    "a Sentinel does not know a replica": (
        {"sentinel_0": {"replicas": (Peer(FIRST, ("slave",)),)}},
        {("peer-unknown", "local-sentinel-0")},
    ),
    "a Sentinel does not know another": (
        {"sentinel_0": {"sentinels": (Peer("10.0.0.6:26379", ("sentinel",)),)}},
        {("peer-unknown", "local-sentinel-0")},
    ),
    "no quorum": ({"sentinel_0": {"quorum_ok": False, "quorum_text": "NOQUORUM"}}, {("no-quorum", "local-sentinel-0")}),
    "a Sentinel calls the master down": (
        {"sentinel_0": {"flags": ("master", "s_down")}},
        {("master-flags", "local-sentinel-0")},
    ),
    "tilt": ({"sentinel_0": {"tilt": True}}, {("tilt", "local-sentinel-0")}),
    "another id": ({"sentinel_0": {"my_id": "f" * 40}}, {("other-id", "local-sentinel-0")}),
    "another quorum": ({"sentinel_0": {"quorum": 3}}, {("setting-differs", "local-sentinel-0")}),
    "another Sentinel setting": (
        {"sentinel_0": {"settings": {"down-after-milliseconds": "30000"}}},
        {("setting-differs", "local-sentinel-0")},
    ),
    "a Sentinel whose agent hears nothing of the master's host": (
        {"sentinel_0": {"settings": {"down-after-milliseconds": "307"}}},
        {("host-silent", "local-sentinel-0")},
    ),
    "another setting": (
        {"data_1": {"settings": {"maxmemory": "1", "appendonly": "yes"}}},
        {("setting-differs", "local-data-1")},
    ),
    "a disk that cannot be written": (
        {"data_1": {"persistence_errors": ("aof_last_write_status",)}},
        {("persistence", "local-data-1")},
    ),
    "the master cannot write its append-only file": (
        {"data_0": {"persistence_errors": ("aof_last_write_status",)}},
        {("persistence", "local-data-0"), ("writes-refused", "local-data-0")},
    ),
    "a rewrite that failed refuses nothing": (
        {"data_0": {"persistence_errors": ("aof_last_bgrewrite_status",)}},
        {("persistence", "local-data-0")},
    ),
    "a Sentinel cannot write its configuration": (
        {"sentinel_1": {"unsaved": "Failed to save config file. Check server logs."}},
        {("persistence", "local-sentinel-1")},
    ),
    "a Sentinel that watches nothing cannot write either": (
        {"sentinel_0": {"unsaved": "Failed to save config file.", "watches": False, "master": None, "epoch": None}},
        {("persistence", "local-sentinel-0"), ("watches-nothing", "local-sentinel-0")},
    ),
    "memory nearly full": ({"data_0": {"used_bytes": 900}}, {("memory", "local-data-0")}),
    "few connections are left on a data node": (
        {"data_1": {"clients": 7914, "most_clients": 10_000}},
        {("connections", "local-data-1")},
    ),
    "few connections are left on a Sentinel": (
        {"sentinel_0": {"clients": 9000, "most_clients": 10_000}},
        {("connections", "local-sentinel-0")},
    ),
    "a small limit is nearly all the cluster's own": (
        {"data_0": {"clients": 8, "most_clients": 118}},
        {("connections", "local-data-0")},
    ),
    "another version": ({"data_2": {"version": "7.0.15"}}, {("versions-differ", "cluster")}),
}


def test_a_healthy_topology_has_no_finding(healthy: Topology, stack: Stack) -> None:
    assert judge(healthy, stack) == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_broken_is_found_and_nothing_else(case: str, broken: Callable[..., Topology], stack: Stack) -> None:
    changes, expected = CASES[case]
    found = judge(broken(**changes), stack)
    assert {(one.code, one.subject) for one in found} == expected
    assert is_healthy(found) == (case == "another version")  # a note alone is no illness


def test_a_master_that_its_agent_keeps_from_writing_says_so_once(
    broken: Callable[..., Topology], healthy: Topology, stack: Stack
) -> None:
    settings = {**healthy.data[0].settings, "min-replicas-to-write": "1000000"}
    (found,) = judge(broken(data_0={"settings": settings, "good_replicas": 1}), stack)
    assert found.code == "writes-refused"
    assert "hears no majority of the Sentinels and misses a replica" in found.text


@pytest.mark.parametrize(("live", "told"), [("2", True), ("0", False)])
def test_why_a_master_may_need_more_replicas(live: str, told: bool, broken: Callable[..., Topology], stack: Stack) -> None:
    wanted = replace(stack, redis_settings={"min-replicas-to-write": "1"})
    (found,) = judge(broken(data_0={"settings": {"min-replicas-to-write": live}, "good_replicas": 2}), wanted)
    assert found.code == "setting-differs"
    assert ("hears no majority of the Sentinels" in found.text) is told


@pytest.mark.parametrize(("save", "writes"), [("3600 1", False), ("", True)])
def test_a_dump_that_fails_stops_writes_where_dumps_are_made(
    save: str, writes: bool, broken: Callable[..., Topology], healthy: Topology
) -> None:
    settings = {**healthy.data[0].settings, "save": save}
    seen = broken(data_0={"settings": settings, "persistence_errors": ("rdb_last_bgsave_status",)})
    assert seen.data[0].writable is writes


def test_all_sentinels_name_a_stranger(broken: Callable[..., Topology], stack: Stack) -> None:
    seen = broken(**{f"sentinel_{at}": {"master": STRANGER} for at in range(3)})
    codes = {one.code for one in judge(seen, stack)}
    assert {"named-stranger", "follows-other"} <= codes
    assert seen.master() is None


def test_memory_with_eviction_is_no_finding(broken: Callable[..., Topology], stack: Stack) -> None:
    settings = {"maxmemory-policy": "allkeys-lru", "min-replicas-to-write": "1", "maxmemory": "256mb", "appendonly": "yes"}
    assert judge(broken(data_0={"used_bytes": 1000, "settings": settings}), stack) == []


def test_a_fifth_of_the_connections_free_is_no_finding(broken: Callable[..., Topology], stack: Stack) -> None:
    assert judge(broken(data_0={"clients": 7913, "most_clients": 10_000}), stack) == []


def test_what_the_nodes_keep_for_the_cluster_is_what_status_takes_off() -> None:
    assert topology.RESERVED_CONNECTIONS == of_the_nodes.RESERVED_CONNECTIONS


def test_a_secret_setting_is_neither_compared_nor_shown(broken: Callable[..., Topology], stack: Stack) -> None:
    found = judge(broken(data_0={"settings": {"masterauth": "other", "min-replicas-to-write": "0"}}), stack)
    assert found == []


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (((MASTER, 3), (MASTER, 3), (FIRST, 9)), "local-data-0"),  # most Sentinels
        (((MASTER, 3), (FIRST, 9), (None, None)), "local-data-1"),  # as many: the higher epoch
        (((None, None),) * 3, "local-data-0"),  # no word: the only one that says master
    ],
)
def test_the_master_is_whom_most_name(
    named: tuple[tuple[str | None, int | None], ...], expected: str, broken: Callable[..., Topology]
) -> None:
    seen = broken(**{f"sentinel_{at}": {"master": master, "epoch": epoch} for at, (master, epoch) in enumerate(named)})
    master = seen.master()
    assert master is not None
    assert master.slot.name == expected


def test_nobody_answered(broken: Callable[..., Topology], healthy: Topology) -> None:
    dead = {f"{kind}_{at}": {"trouble": "refused"} for kind in ("data", "sentinel") for at in range(3)}
    assert nobody_answered(broken(**dead))
    assert not nobody_answered(healthy)
    assert not nobody_answered(broken(**dead | {"data_1": {"trouble": "E: no network", "setting_up": True}}))


@pytest.mark.parametrize(
    ("emulated", "public_ip", "command"),
    [
        (True, "203.0.113.2", "python -m pulumi_emulator logs --stack local local-data-2"),
        (False, "203.0.113.2", "ssh root@203.0.113.2 journalctl -n 50"),
        (False, "", "ssh root@10.0.0.4 journalctl -n 50"),
    ],
)
def test_a_node_that_does_not_answer_comes_with_the_command_that_tells_why(
    emulated: bool, public_ip: str, command: str, broken: Callable[..., Topology], healthy: Topology, stack: Stack
) -> None:
    slot = replace(healthy.data[2].slot, public_ip=public_ip)
    seen = broken(data_2={"slot": slot, "trouble": "connection refused", "role": None})
    (found,) = judge(seen, replace(stack, emulated=emulated))
    assert found.text == f"10.0.0.4:6379: connection refused; if its machine runs, `{command}` tells why"


def test_what_an_agent_sets_for_the_moment_is_known_by_its_value() -> None:
    assert (topology.LOWERED_MS, topology.FENCED) == (lowering.LOWERED_MS, fencing.FENCED)
    assert candidates.LAST_RESORT == placement.LAST_RESORT
