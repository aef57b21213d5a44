"""A lost node for every kind of connection: what a client talks to is killed, falls silent, or is demoted and lives on."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.support.every_kind import CLUSTERS, EveryKind
from tests.support.global_processes import AWAY, HOME, GlobalGroups, WorldNames
from tests.support.managed_processes import ManagedGroup
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.waiting import wait_until

FAULTS = ("killed", "frozen", "demoted")


def lose(every: EveryKind, names: WorldNames, kind: str, fault: str) -> None:
    """Lose what a client of `kind` talks to, and let another node, or region, take its place."""
    if kind == "sentinel":
        lose_master(every.topology, fault)
        return
    whole = every.sharded if kind in CLUSTERS else every.plain
    if kind.startswith("global"):
        lose_region(whole, names, fault)
    else:
        lose_node(whole.groups[HOME], names, fault, replica=kind.endswith("reader"))


@contextlib.contextmanager
def mended(every: EveryKind, names: WorldNames, kind: str) -> Iterator[None]:
    """Mend what the block lost, and empty it."""
    try:
        yield
    finally:
        mend(every, names, kind)
        for owner, node in masters(every, kind):
            owner.command(node, "FLUSHALL")


def masters(every: EveryKind, kind: str) -> list[tuple[Any, Node]]:
    """Give the nodes that a client of `kind` may write to now, each with the processes that it is of."""
    if kind == "sentinel":
        return [(every.topology, every.topology.master())]
    whole = every.sharded if kind in CLUSTERS else every.plain
    return [(group, node) for group in whole.groups.values() for node in group.primaries()]


def strike(node: Node, fault: str) -> None:
    if fault == "killed":
        node.kill()
    elif fault == "frozen":
        node.freeze()


def lose_master(topology: RedisProcesses, fault: str) -> None:
    old = topology.master()
    strike(old, fault)
    if fault == "demoted":
        topology.command(topology.sentinels[0], "SENTINEL", "FAILOVER", topology.master_name)
    wait_until(lambda: topology.master() is not old, "another node is the master")


def lose_node(group: ManagedGroup, names: WorldNames, fault: str, *, replica: bool) -> None:
    """Lose the primary, whose replica takes its place; or the replica, in whose place the primary is read from."""
    primary, other = sorted(group.nodes, key=lambda node: group.role(node) != "master")
    strike(other if replica else primary, fault)
    if group.cluster:
        if not replica or fault == "demoted":
            group.command(other, "CLUSTER", "FAILOVER", *(["TAKEOVER"] if fault != "demoted" else []))
            wait_until(lambda: group.role(other) == "master", "the replica took over")
        return
    if not replica or fault == "demoted":
        group.promote(other)
        names.addresses[group.primary_name] = [other.host]
    names.addresses[group.reader_name] = [primary.host]


def lose_region(regions: GlobalGroups, names: WorldNames, fault: str) -> None:
    for node in regions.groups[HOME].nodes:
        strike(node, fault)
    regions.promote(AWAY)
    regions.point(names)


def mend(every: EveryKind, names: WorldNames, kind: str) -> None:
    """Bring back what was lost."""
    if kind == "sentinel":
        every.topology.heal()
        return
    whole = every.sharded if kind in CLUSTERS else every.plain
    if kind in ("cluster", "cluster reader"):
        group = whole.groups[HOME]
        group.heal()
        first = group.nodes[0]
        if group.role(first) != "master":
            group.command(first, "CLUSTER", "FAILOVER")
            wait_until(lambda: group.role(first) == "master", "the first node is the primary again")
            group.wait_whole()
    whole.heal()
    every.publish(names)
