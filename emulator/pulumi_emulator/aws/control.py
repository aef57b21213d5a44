"""What the emulator's own commands ask of a running endpoint: its caches, what it sent, power for a zone, and the time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from pulumi_emulator.aws.elasticache import describe, global_members, jobs
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.paths import CLOCK, GLOBALS, GROUPS, SENT
from pulumi_emulator.errors import EmulatorError


def groups(account: Account) -> dict[str, Any]:
    """Return every replication group: Region, status, and each node's zone and role (in cluster mode too, unlike AWS's API)."""
    found = []
    with account.lock:
        for region in account.regions.values():
            for group in region.groups.values():
                roles = describe.roles_of(region, group)
                nodes = [
                    {"id": node.node_id, "shard": node.shard, "zone": node.zone, "role": roles.get(node.node_id, "gone")}
                    for node in group.nodes
                ]
                status = jobs.current_status(region, group)
                about = {"id": group.group_id, "region": region.name, "engine": group.engine, "status": status}
                found.append({**about, "cluster_mode": group.cluster_mode, "failure": group.failure, "nodes": nodes})
    return {"groups": found}


def global_groups(account: Account) -> dict[str, Any]:
    """Return every Global Datastore: each member's Region, role, status, and its lag behind the primary in seconds."""
    found: list[dict[str, Any]] = []
    with account.lock:
        known = [(entry, account.members(entry.global_id)) for entry in account.globals.values()]
        for entry, _ in known:
            status = global_members.status(account.region(entry.region), entry)
            found.append({"id": entry.global_id, "status": status, "failure": entry.failure})
    # The data plane is asked without the lock: a node that hangs takes its time.
    for shown, (_, members) in zip(found, known, strict=True):
        shown["members"] = [
            {
                "id": group.group_id,
                "region": region.name,
                "role": group.global_role,
                "status": group.global_status,
                "lag": _lag(account, group.group_id),
            }
            for region, group in members
        ]
    return {"globals": found}


def _lag(account: Account, group_id: str) -> float | None:
    with contextlib.suppress(EmulatorError):  # its nodes are not there yet, or not any more
        return account.plane.lag(group_id)
    return None


def sent(account: Account) -> dict[str, Any]:
    """Return the requests that would have gone to the world."""
    return {"sent": account.outbox.shown()}


def zone_power(account: Account, zone: str, *, on: bool) -> None:
    """Take the power from all cache nodes in a zone, or give it back; EmulatorError when no node is in it."""
    with account.lock:
        zones = {node.zone for region in account.regions.values() for group in region.groups.values() for node in group.nodes}
    if zone not in zones:
        raise EmulatorError(f"no cache node is in zone {zone!r}: there are nodes in {', '.join(sorted(zones)) or 'none'}")
    if on:
        account.plane.zone_up(zone)
    else:
        account.plane.zone_down(zone)


def clock(account: Account) -> dict[str, Any]:
    """Return the account's time, and by how many seconds it is ahead of this computer's."""
    return {"time": account.clock.now().isoformat(), "ahead": account.clock.ahead().total_seconds()}


def advance(account: Account, seconds: float) -> dict[str, Any]:
    """Move the account's time on; ValueError for a negative time. The answer comes when what was due is done."""
    return {"time": account.clock.advance(seconds).isoformat()}


# What is only looked at, by its path.
LOOKS: Final[Mapping[str, Callable[[Account], dict[str, Any]]]] = {
    GROUPS: groups,
    GLOBALS: global_groups,
    SENT: sent,
    CLOCK: clock,
}
