"""Who may become the master of a Sentinel topology by a switch, and what stands against one: plain functions on a look."""

from __future__ import annotations

from collections.abc import Iterator

from redis_ha_ops.drill.failover_checks import MOST_LAG_BYTES
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook.plan import Answer
from redis_ha_ops.stack import Slot, Stack
from redis_ha_ops.status import Look
from redis_ha_ops.switching.handover import PREFERRED
from redis_ha_ops.topology import LINK_UP, DataNode, Topology

# replica-priority by which the agent of a node says that others have more (redis_ha.sentinel.node.placement, LAST_RESORT).
LAST_RESORT = 1_000_000
PRIORITY = "replica-priority"


def slot_of(stack: Stack, wanted: str) -> Slot:
    """Return the data node of a name or of a slot's number; OpsError when there is none."""
    slots = stack.of_kind("data")
    found = next((slot for slot in slots if wanted in {slot.name, str(slot.slot)}), None)
    if found is None:
        raise OpsError(f"--to {wanted}: the data nodes are {', '.join(slot.name for slot in slots)}. Nothing was touched")
    return found


def priority(node: DataNode) -> int:
    """Return a node's replica-priority as it is set live; 0, which never leads, when it does not say."""
    return int(node.settings.get(PRIORITY, "0") or 0)


def may_lead(node: DataNode) -> bool:
    """Tell whether a node is a replica in step that its own agent lets lead."""
    return node.role == "replica" and node.link == LINK_UP and 0 < priority(node) < LAST_RESORT


def chosen(seen: Topology, wanted: str | None = None) -> DataNode | None:
    """Return the replica that is to lead: the one that was asked for, else the one that has most, then the lowest slot."""
    may = [node for node in seen.data if may_lead(node) and wanted in {None, node.slot.name}]
    return max(may, key=lambda node: (node.offset, -node.slot.slot), default=None)


def fits(seen: Look, wanted: str | None = None) -> Answer:
    """Tell whether a master can be switched: everything is well, and a replica that may lead has what it has."""
    against = next(_against(seen, wanted), None)
    master, led = seen.topology.master(), chosen(seen.topology, wanted)
    if against is not None or master is None or led is None:
        return Answer("against", against or "there is no master")
    sentinels = seen.topology.sentinels
    quorum = f"{sum(bool(one.quorum_ok) for one in sentinels)} of {len(sentinels)} Sentinels reach the quorum"
    text = f"master {master.slot.name}, {len(master.attached)} replicas in sync; {quorum}; {led.slot.name} is to lead"
    return Answer("fits", text)


def _against(seen: Look, wanted: str | None) -> Iterator[str]:
    yield from (f"{one.subject} {one.text}" for one in seen.findings if one.severity != "note")
    master = seen.topology.master()
    if master is None:
        yield "there is no master"
        return
    if not master.attached:
        yield f"{master.slot.name} has no replica"
    for replica in master.attached:
        if master.offset - replica.offset > MOST_LAG_BYTES:
            yield f"{replica.address} is {master.offset - replica.offset} bytes behind {master.slot.name}"
    if master.slot.name == wanted:
        yield f"{wanted} is the master already"
    led = chosen(seen.topology, wanted)
    if led is None:
        told = [f"{node.slot.name}: {PRIORITY} {priority(node)}, link {node.link}" for node in seen.topology.data]
        yield f"{f'{wanted} may not' if wanted else 'no replica may'} lead ({'; '.join(told)})"
    mine = {master.slot.name, led.slot.name if led else ""}
    for node in seen.topology.data:
        if node.slot.name not in mine and priority(node) == PREFERRED:
            yield f"{node.slot.name} has {PRIORITY} {PREFERRED} too, and a Sentinel may choose it: set it as that of the others"
