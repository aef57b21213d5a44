"""From recorded firewalls to the host's packet filter."""

from __future__ import annotations

import re
import threading
from typing import Final, Literal

from pulumi_emulator.handlers.base import Cloud, Properties
from pulumi_emulator.handlers.tokens import FIREWALL, VPC
from pulumi_emulator.machines import Firewall, FirewallRule

MAX_PORT: Final = 65_535
DIRECTIONS: Final[dict[str, tuple[Literal["in", "out"], str]]] = {
    "inboundRules": ("in", "source"),
    "outboundRules": ("out", "destination"),
}
# Firewalls are changed at once by several threads; the host always gets the newest complete set last.
_SYNC_LOCK: Final = threading.Lock()


def port_range(text: str) -> tuple[int, int] | None:
    """Return the ports of a rule, None for all of them (`0`, `all`, `1-65535`); ValueError when it is no range."""
    if text in ("0", "all", ""):
        return None
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not a port, a range such as 8000-9000, or all")
    low, high = int(match[1]), int(match[2] or match[1])
    if not 1 <= low <= high <= MAX_PORT:
        raise ValueError(f"{text!r} is not a range within 1-{MAX_PORT}")
    return (low, high)


def host_firewall(firewall_id: str, record: Properties) -> Firewall:
    """Return a recorded firewall as the host enforces it."""
    rules = []
    for name, (direction, prefix) in DIRECTIONS.items():
        for rule in record[name]:
            protocol = rule["protocol"]
            rules.append(
                FirewallRule(
                    direction=direction,
                    protocol=protocol,
                    ports=None if protocol == "icmp" else port_range(str(rule.get("portRange") or "")),
                    addresses=tuple(map(str, rule.get(f"{prefix}Addresses") or ())),
                    droplet_ids=tuple(map(str, rule.get(f"{prefix}DropletIds") or ())),
                    tags=tuple(map(str, rule.get(f"{prefix}Tags") or ())),
                )
            )
    return Firewall(
        firewall_id=firewall_id,
        name=record["name"],
        rules=tuple(rules),
        droplet_ids=tuple(map(str, record["dropletIds"])),
        tags=tuple(record["tags"]),
    )


def enforce(cloud: Cloud) -> None:
    """Give the host the complete set of firewalls; a stack without networks has none to enforce."""
    with _SYNC_LOCK:
        if cloud.world.all(VPC):
            cloud.host.set_firewalls([host_firewall(key, record) for key, record in cloud.world.all(FIREWALL).items()])
