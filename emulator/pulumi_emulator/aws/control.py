"""What the emulator's own commands ask of a running endpoint: how its caches are, and power for a zone or none."""

from __future__ import annotations

from typing import Any

from pulumi_emulator.aws.elasticache import describe, jobs
from pulumi_emulator.aws.elasticache.account import Account
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
