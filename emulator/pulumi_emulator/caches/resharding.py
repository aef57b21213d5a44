"""Moving slots with their keys from shard to shard while clients go on (valkey.io/topics/cluster-spec, live resharding)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pulumi_emulator.caches.admin import ADMIN_USER, Admin, ReplyError
from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.node import Node
from pulumi_emulator.caches.sharding import rows_of
from pulumi_emulator.caches.spec import slots_of
from pulumi_emulator.errors import EmulatorError

BATCH: Final = 32  # slots in one go
WORKERS: Final = 64
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
    batches = [
        (group.primary(source), group.primary(target), slots[first : first + BATCH])
        for (source, target), slots in moves(now, {shard: slots_of(text) for shard, text in wanted.items()}).items()
        for first in range(0, len(slots), BATCH)
    ]
    # Together, not one by one: Valkey answers a SETSLOT when its replicas have it, which takes a millisecond or two for each.
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_move, group, *batch) for batch in batches]:
            done.result()


def _owned(group: Group, node: Node) -> set[int]:
    wanted = group.cluster_ids[node.spec.node_id]
    return next(slots_of(row.slots) for row in rows_of(node) if row.node_id == wanted)


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
        leaving("MIGRATE", target.address, group.spec.node_port, "", 0, MIGRATE_TIMEOUT_MS, *login, "KEYS", *keys)


def _all(connection: Admin, commands: Sequence[Sequence[object]]) -> None:
    refused = [reply for reply in connection.all(commands) if isinstance(reply, ReplyError)]
    if refused:
        raise EmulatorError(f"a slot could not be moved: {refused[0]}")
