"""Cluster mode on: shards that own slots, found by clients through any node."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from pulumi_emulator.caches.admin import ReplyError
from pulumi_emulator.caches.group import PING_TIMEOUT, Group
from pulumi_emulator.caches.node import BUS_OFFSET, CLUSTER_NODE_TIMEOUT_MS, POLL, SYNC_TIMEOUT, Node, wait_until
from pulumi_emulator.caches.spec import slots_of
from pulumi_emulator.errors import EmulatorError

GOSSIP_TIMEOUT: Final = 30.0  # seconds until every node knows of every other; about 2 s on an idle machine
GOSSIP_POLL: Final = 0.1
# A shard's own election takes node timeout and a second or two; when it has not come by then, the emulator decides.
ELECTION_TIMEOUT: Final = 3 * CLUSTER_NODE_TIMEOUT_MS / 1000


def form(group: Group) -> None:
    """Make a cluster of freshly started nodes: each shard's first node is its primary."""
    spec = group.spec
    learn_ids(group, group.nodes.values())
    for epoch, node in enumerate(group.nodes.values(), start=1):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
    for shard in spec.shards:
        group.primaries.setdefault(shard, spec.of_shard(shard)[0].node_id)
        take_slots(group.primary(shard), spec.slots[shard])
    first, *others = group.nodes.values()
    meet(group, first, others)
    primaries = set(group.primaries.values())
    replicas = [node for node_id, node in group.nodes.items() if node_id not in primaries]
    wait_follow(group, replicas)
    for node_id in primaries:
        group.nodes[node_id].serving = True
    group.wait_linked(replicas)
    wait_agreed(group)
    wait_serving(group)


def learn_ids(group: Group, nodes: Iterable[Node]) -> None:
    """Note what fresh nodes call themselves among each other."""
    for node in nodes:
        group.cluster_ids[node.spec.node_id] = str(node.ask("CLUSTER", "MYID"))


def take_slots(node: Node, slots: str) -> bool:
    """Let a node own slots that nobody owns; False when it has them. One that started with data owns those of its keys."""
    mine = str(node.ask("CLUSTER", "MYID"))
    own = next((row for row in rows_of(node) if row.node_id == mine), None)
    if own is None:
        raise EmulatorError(f"cache node {node.spec.node_id} does not list itself in CLUSTER NODES")
    missing = sorted(slots_of(slots) - slots_of(own.slots))
    if missing:
        node.ask("CLUSTER", "ADDSLOTS", *missing)
    return bool(missing)


def meet(group: Group, one: Node, others: Iterable[Node]) -> None:
    """Introduce nodes to a cluster's member."""
    port = group.spec.node_port
    with one.admin() as connection:
        for node in others:
            connection("CLUSTER", "MEET", node.address, port, port + BUS_OFFSET)


def replicate(group: Group, node: Node) -> bool:
    """Let a node follow its shard's primary; False while it does not know that one yet."""
    try:
        node.ask("CLUSTER", "REPLICATE", group.cluster_ids[group.primaries[node.spec.shard]])
    except ReplyError as error:
        if "Unknown node" in str(error) or "not known" in str(error).lower():
            return False
        raise
    return True


def wait_follow(group: Group, nodes: Iterable[Node]) -> None:
    """Let nodes follow their shards' primaries as soon as they know them."""
    for node in nodes:
        wait_until(lambda node=node: replicate(group, node), GOSSIP_TIMEOUT, f"{node.spec.node_id} knows its primary")  # type: ignore[misc]


def wait_agreed(group: Group) -> None:
    """Wait until every live node knows every other by name and all slots have an owner, the right one."""
    wait_until(
        lambda: agreed(group) or tidied(group),
        GOSSIP_TIMEOUT,
        f"all nodes of {group.spec.group_id} agree about the cluster",
        GOSSIP_POLL,
    )


def wait_serving(group: Group) -> None:
    """Wait until every node answers clients, and tells them of all nodes.

    One that just started keeps clients off for some two seconds, and CLUSTER SLOTS leaves out a replica until something was
    written (its offset is 0), which the primary's first ping is.
    """
    live = [node for node in group.nodes.values() if node.alive]
    listed = {group.cluster_ids[node.spec.node_id] for node in live if group.spec.slots[node.spec.shard]}
    wait_until(
        lambda: all("cluster_state:ok" in str(node.ask("CLUSTER", "INFO")) and listed <= _told(node) for node in live),
        GOSSIP_TIMEOUT,
        f"all nodes of {group.spec.group_id} serve",
        GOSSIP_POLL,
    )


def agreed(group: Group) -> bool:
    """Tell whether all live nodes see one and the same cluster, of its live nodes and of dead ones that will come back."""
    live = [node for node in group.nodes.values() if node.alive]
    wanted = {group.cluster_ids[node.spec.node_id] for node in live}
    gone = set(group.cluster_ids.values()) - wanted
    views = set()
    for node in live:
        try:
            rows = rows_of(node)
        except (OSError, ReplyError):
            return False
        rows = [row for row in rows if row.node_id not in gone]
        if {row.node_id for row in rows if row.named and not row.flags & {"handshake", "noaddr"}} != wanted:
            return False
        views.add(frozenset((row.node_id, row.slots, row.primary) for row in rows))
    return len(views) == 1


def tidied(group: Group) -> bool:
    """Let nodes forget whom the group does not have any more, where one refused before; False: it is to be looked at again.

    A replica keeps the primary that it follows; a moment later it follows the new one. A node that runs and has not got its
    place yet is no stranger: whom a node forgets it does not know again for a minute (valkey.io/commands/cluster-forget).
    """
    live = [node for node in group.nodes.values() if node.alive]
    known = {*group.cluster_ids.values(), *(str(node.ask("CLUSTER", "MYID")) for node in live)}
    for node in live:
        for row in rows_of(node):
            if row.node_id not in known and "handshake" not in row.flags:
                with suppress(OSError, ReplyError):
                    node.ask("CLUSTER", "FORGET", row.node_id)
    return False


def _told(node: Node) -> set[str]:
    """Return the nodes that clients are told of (valkey.io/commands/cluster-slots)."""
    answer: Any = node.ask("CLUSTER", "SLOTS")
    return {entry[2] for _, _, *entries in answer for entry in entries}


class Row:
    """A line of CLUSTER NODES (valkey.io/commands/cluster-nodes)."""

    def __init__(self, line: str) -> None:
        words = line.split(" ")
        self.node_id = words[0]
        self.named = bool(words[1].split(",")[1:2] and words[1].split(",")[1])
        self.flags = set(words[2].split(",")) - {"myself"}
        self.primary = words[3]
        self.slots = ",".join(word for word in words[8:] if not word.startswith("["))


def rows_of(node: Node) -> list[Row]:
    """Return the cluster as one node sees it."""
    return [Row(line) for line in str(node.ask("CLUSTER", "NODES")).splitlines() if line]


def observe(group: Group) -> list[tuple[str, Node, Node]]:
    """Return shards whose primary the cluster changed by itself: shard, old, new."""
    changed = []
    for shard in group.spec.shards:
        old = group.primary(shard)
        if old.alive and old.serving and role(old) == "slave":
            changed += [(shard, old, node) for node in group.replicas(shard) if role(node) == "master"]
    return changed


def promote(group: Group, shard: str, chosen: Node) -> Node:
    """Wait for the shard's own election; take over with the chosen replica when there can be none, or it does not come."""
    if role(chosen) == "master":
        return chosen  # the others were quicker
    others = [group.primary(other) for other in group.spec.shards if other != shard]
    voters = [node for node in others if node.alive]
    if len(voters) > len(group.spec.shards) // 2:  # a majority of all primaries, the dead one counted
        deadline = time.monotonic() + ELECTION_TIMEOUT
        while time.monotonic() < deadline:
            elected = [node for node in group.replicas(shard) if role(node) == "master"]
            if elected:
                return elected[0]
            time.sleep(POLL)
    chosen.ask("CLUSTER", "FAILOVER", "TAKEOVER")
    return chosen


def role(node: Node) -> str:
    """Return "master", "slave", or "" when the node does not answer."""
    try:
        return node.info(timeout=PING_TIMEOUT)["role"]
    except (OSError, ReplyError):
        return ""


def rejoin(group: Group, node: Node) -> bool:
    """Let a node that came back empty join anew and follow its primary; True once it has the data. Asked again until then."""
    primary = group.primary(node.spec.shard)
    if not primary.alive:
        return False
    introduce(group, node, primary)
    state = node.info()
    if state["role"] != "slave":
        replicate(group, node)
        return False
    return group.linked(node) and (agreed(group) or tidied(group))


def introduce(group: Group, node: Node, member: Node) -> None:
    """Let a fresh node into the cluster in place of the one it was before."""
    now = str(node.ask("CLUSTER", "MYID"))
    before = group.cluster_ids.get(node.spec.node_id)
    if before != now:
        if before is not None:
            forget(group, before)
        group.cluster_ids[node.spec.node_id] = now
    # It may know others: after a loss of all nodes each primary and its replica would stay among themselves.
    if str(member.ask("CLUSTER", "MYID")) not in {row.node_id for row in rows_of(node)}:
        meet(group, member, [node])


def forget(group: Group, cluster_id: str) -> None:
    """Let every node forget one that is gone for good."""
    for node in group.nodes.values():
        if node.alive:
            # "Unknown node" is as good; a replica that still follows the one that is gone is told again by `tidied`.
            with suppress(OSError, ReplyError):
                node.ask("CLUSTER", "FORGET", cluster_id)


def restore(group: Group, node: Node) -> bool:
    """Give a primary that came back empty its slots again; True once all know it. Asked again until then.

    No replica had its data.
    """
    others = [other for other in group.nodes.values() if other is not node and other.alive]
    if others:
        introduce(group, node, others[0])
    learn_ids(group, [node])
    tidied(group)  # nobody may hold the slots for the node that this one was
    if take_slots(node, group.spec.slots[node.spec.shard]):
        node.ask("CLUSTER", "BUMPEPOCH")
    return "cluster_state:ok" in str(node.ask("CLUSTER", "INFO")) and (agreed(group) or tidied(group))


def hand_over(group: Group, shard: str, chosen: Node) -> None:
    """Change primary without a loss: the old one stops writing until the new one has everything (CLUSTER FAILOVER)."""
    chosen.ask("CLUSTER", "FAILOVER")
    wait_until(lambda: role(chosen) == "master", SYNC_TIMEOUT, f"{chosen.spec.node_id} is primary")
    old = group.primary(shard)
    group.primaries[shard] = chosen.spec.node_id
    wait_until(lambda: group.linked(old), SYNC_TIMEOUT, f"{old.spec.node_id} is a replica")
