"""Faults of a booted cluster for which alerts have to ring; each ends with the cluster as it was."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis_ha.sentinel.node.config import NOWHERE
from tests.support.sentinel_machines import Machines
from tests.support.waiting import wait_until

Fault = Callable[[Machines], Iterator[None]]


@contextmanager
def stopped(machines: Machines, names: list[str], *units: str) -> Iterator[None]:
    """Stop units of some machines for a while."""
    try:
        for name in names:
            machines.inside(name, "systemctl", "stop", *units)
        yield
    finally:
        for name in names:
            machines.inside(name, "systemctl", "start", "--no-block", *units)


def tell(machines: Machines, name: str, *words: str) -> None:
    """Have a node do something; one that was busy is told again."""
    wait_until(lambda: machines.ask(name, *words) == "OK", f"{name} does {words}")


def replicas(machines: Machines) -> list[str]:
    (master,) = machines.masters()
    return [name for name in machines.data if name != master]


def exporter_ends(machines: Machines) -> Iterator[None]:
    with stopped(machines, machines.data[2:], "redis-ha-exporter"):
        yield


def two_sentinels_end(machines: Machines) -> Iterator[None]:
    with stopped(machines, machines.sentinels[:2], "redis-ha-bootstrap", "redis-ha-sentinel"):
        yield


def a_sentinel_stalls(machines: Machines) -> Iterator[None]:
    """Its agent would start it anew at once."""
    name = machines.sentinels[0]
    with stopped(machines, [name], "redis-ha-bootstrap"):
        machines.host.stall(name, "redis-server")
        time.sleep(3)  # src/sentinel.c, sentinelCheckTiltCondition: more than 2 s
        machines.host.unstall(name, "redis-server")
        yield


def a_sentinel_that_is_cut_off_misses_a_failover(machines: Machines) -> Iterator[None]:
    with machines.cut_off(machines.sentinels[:1]):
        tell(machines, machines.sentinels[1], "SENTINEL", "FAILOVER", machines.plan.master_name)
        yield


@contextmanager
def set_to(machines: Machines, name: str, directive: str, value: str) -> Iterator[None]:
    before = machines.ask(name, "CONFIG", "GET", directive)[1]
    tell(machines, name, "CONFIG", "SET", directive, value)
    try:
        yield
    finally:
        tell(machines, name, "CONFIG", "SET", directive, before)


def a_replica_is_full_and_crowded(machines: Machines) -> Iterator[None]:
    name = replicas(machines)[0]
    with set_to(machines, name, "maxmemory", "1mb"), set_to(machines, name, "maxclients", "110"):
        yield


def the_replicas_follow_nowhere(machines: Machines) -> Iterator[None]:
    names = replicas(machines)
    with stopped(machines, names, "redis-ha-agent"):
        for name in names:
            tell(machines, name, "REPLICAOF", NOWHERE[0], str(NOWHERE[1]))
        yield


def a_replica_calls_itself_master(machines: Machines) -> Iterator[None]:
    name = replicas(machines)[0]
    with stopped(machines, [name], "redis-ha-agent"):
        tell(machines, name, "REPLICAOF", "NO", "ONE")
        yield


def a_replica_stalls(machines: Machines) -> Iterator[None]:
    name = replicas(machines)[0]
    machines.host.stall(name, "redis-server")
    try:
        yield
    finally:
        machines.host.unstall(name, "redis-server")


def the_disk_of_the_master_is_full(machines: Machines) -> Iterator[None]:
    (master,) = machines.masters()
    machines.host.fill_disk(master)
    try:
        wait_until(lambda: machines.ask(master, "SET", "filler", "x" * 9000) is None, "the master refuses a write")
        yield
    finally:
        machines.host.free_disk(master)


def all_data_nodes_end(machines: Machines) -> Iterator[None]:
    with stopped(machines, machines.data, "redis-ha-agent", "redis-ha-data"):
        yield


def a_failover(machines: Machines) -> Iterator[None]:
    tell(machines, machines.sentinels[0], "SENTINEL", "FAILOVER", machines.plan.master_name)
    yield


# What rings for each. RedisDiskFull is missing: an emulated machine's disk is a layer, which node_exporter leaves out.
RINGS: dict[Fault, tuple[str, ...]] = {
    exporter_ends: ("RedisExporterDown",),
    two_sentinels_end: ("RedisSentinelDown", "RedisQuorumLost"),
    a_sentinel_stalls: ("RedisSentinelTilt",),
    a_sentinel_that_is_cut_off_misses_a_failover: ("RedisSentinelsDisagree",),
    a_replica_is_full_and_crowded: ("RedisMemoryHigh", "RedisConnectionsHigh"),
    the_replicas_follow_nowhere: ("RedisReplicaNotLinked", "RedisMasterWithoutReplicas"),
    a_replica_calls_itself_master: ("RedisTwoMasters",),
    a_replica_stalls: ("RedisNodeDown", "RedisReplicaLag"),
    the_disk_of_the_master_is_full: ("RedisNotPersisting",),
    a_failover: ("RedisFailover",),
    all_data_nodes_end: ("RedisNoMaster", "RedisFailoverStuck"),
}
NOT_SEEN = {"RedisDiskFull"}
