"""Moving slots with their keys from shard to shard while clients go on (valkey.io/topics/cluster-spec, live resharding)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pulumi_emulator.caches.admin import ADMIN_USER, Admin, ReplyError
from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.node import Node, wait_until
from pulumi_emulator.caches.sharding import GOSSIP_POLL, GOSSIP_TIMEOUT, rows_of
from pulumi_emulator.caches.spec import as_ranges, slots_of
from pulumi_emulator.errors import EmulatorError

BATCH: Final = 16  # slots with keys in one go
WORKERS: Final = 16  # at work together: Valkey's answers take a millisecond or two each
PAUSE_MS: Final = 30_000  # writes wait as long at most; about a second
KEYS: Final = 100  # keys in one MIGRATE
MIGRATE_TIMEOUT_MS: Final = 10_000
SLOT_TIMEOUT: Final = 60.0  # seconds; Valkey answers SETSLOT when the replicas have it too


def moves(now: Mapping[str, set[int]], wanted: Mapping[str, set[int]]) -> dict[tuple[str, str], list[int]]:
    """Return which slots go from which shard to which."""
    owners = {slot: shard for shard, slots in now.items() for slot in slots}
    found: dict[tuple[str, str], list[int]] = {}
    for shard, slots in wanted.items():
        for slot in sorted(slots):
            if owners.get(slot, shard) != shard:
                found.setdefault((owners[slot], shard), []).append(slot)
    return found


def reshard(group: Group, wanted: Mapping[str, str]) -> None:
    """Move slots until each shard has the wanted ones."""
    now = {shard: _owned(group, group.primary(shard)) for shard in group.primaries}
    todo = moves(now, {shard: slots_of(text) for shard, text in wanted.items()})
    # One target at a time: its epoch is made the highest first, so that what its sources still say of slots they just gave away
    # counts for nothing. A source that is a target meanwhile would raise its own, and take slots back whose keys are gone.
    for target in sorted({target for _, target in todo}):
        node = group.primary(target)
        node.ask("CLUSTER", "BUMPEPOCH")
        for (source, into), slots in todo.items():
            if into == target:
                _move_all(group, group.primary(source), node, slots)
        _wait_known(group, node)


def _move_all(group: Group, source: Node, target: Node, slots: Sequence[int]) -> None:
    """Move slots from one primary to one other: the empty ones together, the others with their keys."""
    full = _move_empty(group, source, target, slots)
    batches = [full[first : first + BATCH] for first in range(0, len(full), BATCH)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_move, group, source, target, some) for some in batches]:
            done.result()


def _move_empty(group: Group, source: Node, target: Node, slots: Sequence[int]) -> list[int]:
    """Move the slots without keys in one go while the source takes no writes; return the others.

    Most slots of an emulated cache are empty, and Valkey answers a SETSLOT only when its replicas have it too: one by one
    they would take minutes.
    """
    with source.admin() as leaving, target.admin() as coming:
        leaving("CLIENT", "PAUSE", PAUSE_MS, "WRITE")
        try:
            counts = leaving.all([("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in slots])
            empty = {slot for slot, count in zip(slots, counts, strict=True) if count == 0}
            if empty:
                pairs = [edge for pair in as_ranges(sorted(empty)) for edge in pair]
                take(coming, pairs)
                what = f"{source.spec.node_id} knows the slots of {target.spec.node_id}"
                wait_until(lambda: empty <= _owned(group, target, source), GOSSIP_TIMEOUT, what, GOSSIP_POLL)
        finally:
            leaving("CLIENT", "UNPAUSE")
    return [slot for slot in slots if slot not in empty]


def take(coming: Admin, pairs: Sequence[int]) -> None:
    """Make a primary the owner of slots that it knows as another's, in one transaction.

    Between the two commands a ping of the old owner would make the slots that one's again, and the second "already busy".
    """
    commands = (("CLUSTER", "DELSLOTSRANGE", *pairs), ("CLUSTER", "ADDSLOTSRANGE", *pairs))
    replies = coming.all([("MULTI",), *commands, ("EXEC",)])
    for reply in (*replies, *(replies[-1] if isinstance(replies[-1], list) else ())):
        if isinstance(reply, ReplyError):
            raise reply


def _wait_known(group: Group, target: Node) -> None:
    """Wait until every node knows what a primary owns now."""
    owned = _owned(group, target)
    live = [node for node in group.nodes.values() if node.alive]
    wait_until(
        lambda: all(owned <= _owned(group, target, node) for node in live),
        GOSSIP_TIMEOUT,
        f"all nodes know the slots of {target.spec.node_id}",
        GOSSIP_POLL,
    )


def _owned(group: Group, node: Node, witness: Node | None = None) -> set[int]:
    """Return the slots that a node owns, as it says itself or as a witness says."""
    wanted = group.cluster_ids[node.spec.node_id]
    return {slot for row in rows_of(witness or node) if row.node_id == wanted for slot in slots_of(row.slots)}


def _move(group: Group, source: Node, target: Node, slots: list[int]) -> None:
    source_id, target_id = (group.cluster_ids[node.spec.node_id] for node in (source, target))
    with source.admin(SLOT_TIMEOUT) as leaving, target.admin(SLOT_TIMEOUT) as coming:
        _all(coming, [("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id) for slot in slots])
        _all(leaving, [("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id) for slot in slots])
        for slot in slots:
            _move_keys(group, leaving, target, slot)
        # The new owner first: a slot must never be without one. The other nodes hear of it by gossip.
        owned = [("CLUSTER", "SETSLOT", slot, "NODE", target_id) for slot in slots]
        _all(coming, owned)
        _all(leaving, owned)


def _move_keys(group: Group, leaving: Admin, target: Node, slot: int) -> None:
    while keys := leaving("CLUSTER", "GETKEYSINSLOT", slot, KEYS):
        login = ("AUTH2", ADMIN_USER, group.password)
        # What the target may have of an attempt that broke off is older than what the source has.
        where = (target.address, group.spec.node_port, "", 0, MIGRATE_TIMEOUT_MS, "REPLACE")
        command = ("MIGRATE", *where, *login, "KEYS", *keys)
        what = f"{target.spec.node_id} takes the keys of slot {slot}"
        wait_until(lambda command=command: _taken(leaving, command), SLOT_TIMEOUT, what)  # type: ignore[misc]


def _taken(leaving: Admin, command: Sequence[object]) -> bool:
    """Send keys; False when the target does not take any at the moment."""
    try:
        leaving(*command)
    except ReplyError as error:
        if "CLUSTERDOWN" in str(error) or str(error).startswith("IOERR"):
            return False
        raise
    return True


def _all(connection: Admin, commands: Sequence[Sequence[object]]) -> None:
    """Run commands about slots; once more those that the replicas did not confirm in time.

    Valkey hands SETSLOT to its replicas first and waits two seconds for them; without their word nothing has changed
    (valkey.io/commands/cluster-setslot).
    """
    left = list(commands)

    def confirmed() -> bool:
        nonlocal left
        replies = list(zip(left, connection.all(left), strict=True))
        refused = [reply for _, reply in replies if isinstance(reply, ReplyError)]
        for reply in refused:
            if not str(reply).startswith("NOREPLICAS"):
                raise EmulatorError(f"a slot could not be moved: {reply}")
        left = [command for command, reply in replies if isinstance(reply, ReplyError)]
        return not left

    wait_until(confirmed, SLOT_TIMEOUT, "the replicas confirm the slots' moves")
