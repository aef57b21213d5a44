"""A lost node for every kind of connection: what a client talks to is killed, falls silent, or is demoted and lives on."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.every_kind import CLUSTERS, EveryKind
from tests.support.global_processes import AWAY, HOME, GlobalGroups, WorldNames
from tests.support.managed_processes import ManagedGroup
from tests.support.redis_processes import Node, RedisProcesses
from tests.support.waiting import wait_until

FAULTS = ("killed", "frozen", "demoted")


def lose(every: EveryKind, names: WorldNames, kind: str, fault: str) -> None:
    """Lose what a client of `kind` talks to, and let another node, or region, take its place."""
    struck(every, names, kind, fault)()


def struck(every: EveryKind, names: WorldNames, kind: str, fault: str) -> Callable[[], None]:
    """Strike what a client of `kind` talks to, and give what lets another node, or region, take its place."""
    if kind == "sentinel":
        return strike_master(every.topology, fault)
    whole = every.sharded if kind in CLUSTERS else every.plain
    if kind.startswith("global"):
        return strike_region(whole, names, fault)
    return strike_node(whole.groups[HOME], names, fault, replica=kind.endswith("reader"))


def refusing(every: EveryKind, kind: str) -> Callable[[], None]:
    """Let what a client of `kind` writes to refuse writes, and give what lets it take them again."""
    told = masters(every, kind)
    for owner, node in told:
        owner.command(node, "CONFIG", "SET", "min-replicas-to-write", "9")

    def take() -> None:
        for owner, node in told:
            owner.command(node, *(owner.enough if kind == "sentinel" else ("CONFIG", "SET", "min-replicas-to-write", "0")))

    return take


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


def strike_master(topology: RedisProcesses, fault: str) -> Callable[[], None]:
    old = topology.master()
    strike(old, fault)

    def replace() -> None:
        if fault == "demoted":
            topology.command(topology.sentinels[0], "SENTINEL", "FAILOVER", topology.master_name)
        wait_until(lambda: topology.master() is not old, "another node is the master")

    return replace


def strike_node(group: ManagedGroup, names: WorldNames, fault: str, *, replica: bool) -> Callable[[], None]:
    """Lose the primary, whose replica takes its place; or the replica, in whose place the primary is read from."""
    primary, other = sorted(group.nodes, key=lambda node: group.role(node) != "master")
    strike(other if replica else primary, fault)

    def replace() -> None:
        if group.cluster:
            if fault == "demoted":
                group.fail_over(other)
            elif not replica:
                group.command(other, "CLUSTER", "FAILOVER", "TAKEOVER")
                wait_until(lambda: group.role(other) == "master", "the replica took over")
            return
        if not replica or fault == "demoted":
            group.promote(other)
            names.addresses[group.primary_name] = [other.host]
        names.addresses[group.reader_name] = [primary.host]

    return replace


def strike_region(regions: GlobalGroups, names: WorldNames, fault: str) -> Callable[[], None]:
    for node in regions.groups[HOME].nodes:
        strike(node, fault)

    def replace() -> None:
        regions.promote(AWAY)
        regions.point(names)

    return replace


def mend(every: EveryKind, names: WorldNames, kind: str) -> None:
    """Bring back what was lost."""
    if kind == "sentinel":
        every.topology.heal()
        return
    whole = every.sharded if kind in CLUSTERS else every.plain
    if kind in CLUSTERS and not kind.startswith("global"):
        group = whole.groups[HOME]
        group.heal()
        first = group.nodes[0]
        if group.role(first) != "master":
            group.fail_over(first)
            group.wait_whole()
    whole.heal()
    every.publish(names)
