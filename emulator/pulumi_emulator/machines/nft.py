"""The router's packet filter as text, from plain data.

It stands outside the machines, as a cloud's does: nothing that runs in a machine can change it. One table, replaced in
one transaction; connection tracking belongs to the kernel, so established connections outlive a new rule set
(docs.digitalocean.com/products/networking/firewalls/details/limits).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_emulator.machines.model import Firewall, FirewallRule

TABLE: Final = "inet emulator"
METADATA_ADDRESS: Final = "169.254.169.254"  # docs.digitalocean.com/reference/api/metadata
VOID: Final = "void0"  # where addresses of machines without a cable lead: packets vanish there
VOID_END: Final = "void1"


@dataclass(frozen=True)
class Port:
    """One end of a cable at the router: the interface, the network it is in, the addresses that may come out of it."""

    interface: str
    network: str
    addresses: tuple[str, ...]
    cut: bool = False


@dataclass(frozen=True)
class Guest:
    """A machine as the filter sees it."""

    machine_id: str
    label: str  # made of letters and digits; names the machine's chains
    tags: tuple[str, ...]
    ports: tuple[Port, ...]


def render(guests: Sequence[Guest], others: Sequence[Port], firewalls: Sequence[Firewall]) -> str:
    """Return the complete rule set: `guests` are subject to the firewalls, `others` (client, public) are not."""
    ports = [*(port for guest in guests for port in guest.ports), *others]
    networks: dict[str, list[str]] = {}
    for port in ports:
        networks.setdefault(port.network, []).append(port.interface)
    guarded = [(guest, rules) for guest in guests if (rules := _rules_for(guest, firewalls)) is not None]
    chains = [line for guest, rules in guarded for line in _guest_chains(guest, rules, guests)]
    within = [f"    iifname {{ {_names(names)} }} oifname {{ {_names(names)} }} goto within" for names in networks.values()]
    leaving = _verdicts("iifname", "leave", guarded)
    arriving = _verdicts("oifname", "arrive", guarded)
    owned = ", ".join(f'"{port.interface}" . {address}' for port in ports for address in port.addresses)
    cut = _names(port.interface for port in ports if port.cut)
    return "\n".join(
        [
            f"add table {TABLE}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            f"  set owned {{ type ifname . ipv4_addr;{_elements(owned)} }}",
            f"  set cut {{ type ifname;{_elements(cut)} }}",
            "  chain from_wire {",
            "    type filter hook prerouting priority raw; policy accept;",
            f'    iifname "{VOID_END}" drop',
            "    iifname @cut drop",
            '    meta nfproto ipv4 iifname != "lo" iifname . ip saddr != @owned drop',
            "  }",
            "  chain from_router {",
            "    type filter hook output priority filter; policy accept;",
            "    oifname @cut drop",
            "  }",
            "  chain to_router {",
            "    type filter hook input priority filter; policy drop;",
            '    iifname "lo" accept',
            "    ct state established,related accept",
            f"    ip daddr {METADATA_ADDRESS} tcp dport 80 accept",
            "    ip protocol icmp accept",
            "  }",
            *chains,
            "  chain within {",
            "    ct state established,related accept",
            *leaving,
            *arriving,
            "    accept",
            "  }",
            "  chain across {",
            "    type filter hook forward priority filter; policy drop;",
            "    oifname @cut drop",
            *within,
            "  }",
            "}",
            "",
        ]
    )


def _rules_for(guest: Guest, firewalls: Sequence[Firewall]) -> list[FirewallRule] | None:
    """Return the union of the rules that apply to a machine; None when no firewall does: then everything may pass."""
    applying = [entry for entry in firewalls if guest.machine_id in entry.droplet_ids or set(entry.tags) & set(guest.tags)]
    return [rule for entry in applying for rule in entry.rules] if applying else None


def _guest_chains(guest: Guest, rules: Sequence[FirewallRule], guests: Sequence[Guest]) -> list[str]:
    lines: list[str] = []
    for chain, direction, field in (("arrive", "in", "saddr"), ("leave", "out", "daddr")):
        lines.append(f"  chain {chain}_{guest.label} {{")
        for rule in rules:
            if rule.direction == direction:
                lines.extend(_rule(rule, field, guests))
        lines.extend(["    drop", "  }"])
    return lines


def _rule(rule: FirewallRule, field: str, guests: Sequence[Guest]) -> list[str]:
    addresses = _addresses(rule, guests)
    if not addresses:  # a tag that nobody carries lets nobody in
        return []
    peers = "meta nfproto ipv4" if addresses == ["0.0.0.0/0"] else f"ip {field} {{ {', '.join(addresses)} }}"
    if rule.protocol == "icmp":
        service = "ip protocol icmp"
    elif rule.ports is None:
        service = f"meta l4proto {rule.protocol}"
    else:
        low, high = rule.ports
        service = f"{rule.protocol} dport {low if low == high else f'{low}-{high}'}"
    return [f"    {peers} {service} return"]


def _addresses(rule: FirewallRule, guests: Sequence[Guest]) -> list[str]:
    """Return the rule's peers as IPv4 networks without overlap (a set with overlaps is an error to nft)."""
    named = [
        address
        for guest in guests
        if guest.machine_id in rule.droplet_ids or set(guest.tags) & set(rule.tags)
        for port in guest.ports
        for address in port.addresses
    ]
    parsed = [ipaddress.ip_network(text, strict=False) for text in (*rule.addresses, *named)]
    # The emulated networks carry IPv4 only: an IPv6 range has nobody to let in.
    return [str(network) for network in ipaddress.collapse_addresses(entry for entry in parsed if entry.version == 4)]


def _verdicts(match: str, chain: str, guarded: Sequence[tuple[Guest, list[FirewallRule]]]) -> list[str]:
    entries = [f'"{port.interface}" : jump {chain}_{guest.label}' for guest, _ in guarded for port in guest.ports]
    return [f"    {match} vmap {{ {', '.join(entries)} }}"] if entries else []


def _names(interfaces: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in interfaces)


def _elements(text: str) -> str:
    return f" elements = {{ {text} }};" if text else ""
