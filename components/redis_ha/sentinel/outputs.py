"""The outputs of a cluster: how to connect, the application's login, and the desired settings of live nodes."""

from collections.abc import Mapping
from typing import Any

from .render import Passwords
from .topology import REDIS_PORT, SENTINEL_PORT, Plan, redis_directives, sentinel_directives


def connection_document(plan: Plan, addresses: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return how applications connect."""
    return {
        "version": 1,
        "kind": "sentinel",
        "master_name": plan.master_name,
        "sentinels": [{"host": addresses[slot.name]["private"], "port": SENTINEL_PORT} for slot in plan.of_kind("sentinel")],
        "tls": False,
        "failover": {
            "down_after_ms": plan.down_after_ms,
            "failover_timeout_ms": plan.failover_timeout_ms,
            "min_replicas_to_write": plan.min_replicas_to_write,
        },
    }


def credentials_document(passwords: Passwords) -> dict[str, Any]:
    """Return who the application is, on Redis and on the Sentinels."""
    return {
        "version": 1,
        "username": "application",
        "password": passwords.application,
        "sentinel_username": "application",
        "sentinel_password": passwords.discovery,
    }


def desired_document(
    plan: Plan, addresses: Mapping[str, Mapping[str, str]], droplet_ids: Mapping[str, str], passwords: Passwords
) -> dict[str, Any]:
    """Return what the live cluster should look like, and which droplet fills which slot."""
    slots = [
        {
            "name": slot.name,
            "kind": slot.kind,
            "slot": slot.index,
            "generation": slot.generation,
            "droplet_id": droplet_ids[slot.name],
            "private_ip": addresses[slot.name]["private"],
            "public_ip": addresses[slot.name]["public"],
            "port": REDIS_PORT if slot.kind == "data" else SENTINEL_PORT,
        }
        | ({"sentinel_id": slot.sentinel_id} if slot.kind == "sentinel" else {})
        for slot in plan.slots
    ]
    users = {
        "application": {"username": "application", "password": passwords.application},
        "replication": {"username": "replication", "password": passwords.replication},
        "sentinel": {"username": "sentinel", "password": passwords.sentinel},
        "exporter": {"username": "exporter", "password": passwords.exporter},
        "sentinel_peer": {"username": "sentinel-peer", "password": passwords.sentinel_peer},
        "discovery": {"username": "application", "password": passwords.discovery},
    }
    return {
        "version": 1,
        "name": plan.name,
        "master_name": plan.master_name,
        "quorum": plan.quorum,
        "region": plan.region,
        "slots": slots,
        "admin": {"username": "admin", "password": passwords.admin},
        "users": users,
        "redis": redis_directives(plan),
        "sentinel": sentinel_directives(plan),
    }
