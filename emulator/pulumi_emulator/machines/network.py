"""One router namespace a stack; every machine, client and operator hangs on it by cables of their own.

A cable is a routed veth: the router answers ARP for every address it knows (proxy_arp) and forwards, so each packet
between two machines passes the router's filter, also within one network.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_emulator.machines.commands import attempt, run
from pulumi_emulator.machines.nft import METADATA_ADDRESS, VOID, VOID_END, Port

PUBLIC_RANGE: Final = ipaddress.IPv4Network("203.0.113.0/24")  # TEST-NET-3, for documentation (RFC 5737)
PUBLIC_GATEWAY: Final = "203.0.113.1"
PUBLIC_LAST_MACHINE: Final = 249
OPERATOR_ADDRESS: Final = "203.0.113.250"  # an operator on the internet
STRANGER_ADDRESS: Final = "203.0.113.251"  # somebody else there
# The anchor address of a droplet sits on its public interface and looks private
# (docs.digitalocean.com/products/networking/reserved-ips/how-to/find-anchor-ips); the range is this emulator's choice.
ANCHOR_RANGE: Final = ipaddress.IPv4Network("10.18.0.0/16")
ANCHOR_GATEWAY: Final = "10.18.0.1"
NAMESPACES: Final = Path("/run/netns")
VOID_METRIC: Final = 9999

_ROUTER_SETTINGS: Final = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/proxy_arp": "1",
    "net/ipv4/conf/default/proxy_arp": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    # A new namespace may take these from a host that answers ARP more strictly.
    "net/ipv4/conf/all/arp_ignore": "0",
    "net/ipv4/conf/default/arp_ignore": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv6/conf/default/disable_ipv6": "1",
}


@dataclass(frozen=True)
class Names:
    """What a stack's namespaces and control groups are called: a short hash of its folder keeps stacks apart."""

    prefix: str

    @property
    def router(self) -> str:
        """The namespace that all cables lead to."""
        return f"{self.prefix}-router"

    @property
    def public(self) -> str:
        """The namespace of somebody on the internet."""
        return f"{self.prefix}-public"

    def client(self, vpc_index: int) -> str:
        """Return the namespace of a client inside a VPC."""
        return f"{self.prefix}-c{vpc_index}"

    def machine(self, index: int) -> str:
        """Return the namespace (and control group, and nspawn name) of a machine."""
        return f"{self.prefix}-m{index}"


@dataclass(frozen=True)
class Cable:
    """One interface of a machine: names on both ends, the addresses, the routes it brings."""

    router_end: str
    machine_end: str
    mac: str
    address: str  # with prefix length
    others: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()


def names_of(folder: Path) -> Names:
    """Return the names of the stack whose machine state lies in this folder."""
    return Names(f"pe-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}")


def public_interface(index: int) -> str:
    """Return the router's end of a machine's eth0."""
    return f"m{index}e0"


def private_interface(index: int) -> str:
    """Return the router's end of a machine's eth1."""
    return f"m{index}e1"


def vpc_prefix(ip_range: str) -> int:
    """Return the prefix length of a VPC's range."""
    return ipaddress.IPv4Network(ip_range).prefixlen


def vpc_netmask(ip_range: str) -> str:
    """Return the netmask of a VPC's range."""
    return str(ipaddress.IPv4Network(ip_range).netmask)


def vpc_gateway(ip_range: str) -> str:
    """Return a VPC's gateway: the first usable address."""
    return str(ipaddress.IPv4Network(ip_range).network_address + 1)


def vpc_client(ip_range: str) -> str:
    """Return the address of a VPC's client namespace: the last usable one."""
    return str(ipaddress.IPv4Network(ip_range).broadcast_address - 1)


def mac_address(*parts: object) -> str:
    """Return a locally administered address that is the same at every boot."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def exists(namespace: str) -> bool:
    """Tell whether a namespace of this name is there."""
    return (NAMESPACES / namespace).exists()


def namespaces(prefix: str) -> list[str]:
    """Return the namespaces whose names begin so."""
    return sorted(entry.name for entry in NAMESPACES.glob(f"{prefix}-*")) if NAMESPACES.is_dir() else []


def inside(namespace: str, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs a command with this network and everything else as on the host.

    Not `ip netns exec`: that one makes a private mount namespace, in which mounts would not reach the host.
    """
    return ["nsenter", f"--net={NAMESPACES / namespace}", "--", *argv]


def ensure_router(names: Names) -> None:
    """Make the router, or complete one that a killed command left half made."""
    ensure_namespace(names.router)
    settings = "; ".join(f"echo {value} > /proc/sys/{key}" for key, value in _ROUTER_SETTINGS.items())
    run(inside(names.router, ["sh", "-ec", settings]))
    if not _has_link(names.router, VOID):
        _ip(names.router, [f"link add {VOID} type veth peer name {VOID_END}"])
    addresses = (METADATA_ADDRESS, PUBLIC_GATEWAY, ANCHOR_GATEWAY)
    _ip(
        names.router,
        [
            "link set lo up",
            f"link set {VOID} arp off up",
            f"link set {VOID_END} up",
            *(f"address replace {address}/32 dev lo" for address in addresses),
        ],
    )


def public_port() -> Port:
    """Return the public namespace as the filter sees it."""
    return Port("pub0", "public", (OPERATOR_ADDRESS, STRANGER_ADDRESS))


def client_port(vpc_index: int, ip_range: str) -> Port:
    """Return a VPC's client as the filter sees it."""
    return Port(f"c{vpc_index}e1", f"vpc{vpc_index}", (vpc_client(ip_range),))


def ensure_public(names: Names) -> None:
    """Make the namespace of the operator and the stranger on the internet."""
    mac = mac_address(names.prefix, "public")
    others, routes = (f"{STRANGER_ADDRESS}/24",), (f"default via {PUBLIC_GATEWAY}",)
    _ensure_endpoint(names, names.public, Cable(public_port().interface, "eth0", mac, f"{OPERATOR_ADDRESS}/24", others, routes))


def ensure_client(names: Names, vpc_index: int, ip_range: str) -> None:
    """Make a VPC's gateway and its client namespace, which has an address in the VPC and no other right."""
    gateway, address = vpc_gateway(ip_range), f"{vpc_client(ip_range)}/{vpc_prefix(ip_range)}"
    _ip(names.router, [f"address replace {gateway}/32 dev lo"])
    interface = client_port(vpc_index, ip_range).interface
    mac = mac_address(names.prefix, "client", vpc_index)
    _ensure_endpoint(names, names.client(vpc_index), Cable(interface, "eth1", mac, address, (), (f"default via {gateway}",)))


def remove_client(names: Names, vpc_index: int, gateway: str) -> None:
    """Remove a VPC's gateway and client namespace."""
    attempt(["ip", "-n", names.router, "link", "delete", f"c{vpc_index}e1"])
    remove_namespace(names.client(vpc_index))
    attempt(["ip", "-n", names.router, "address", "delete", f"{gateway}/32", "dev", "lo"])


def reserve(names: Names, addresses: Sequence[str]) -> None:
    """Let addresses lead nowhere while no cable is there: peers get silence, not an "unreachable"."""
    _ip(names.router, [f"route replace {address}/32 dev {VOID} metric {VOID_METRIC}" for address in addresses])


def release(names: Names, addresses: Sequence[str]) -> None:
    """Forget the addresses of a machine that is gone."""
    for address in addresses:
        attempt(["ip", "-n", names.router, "route", "delete", f"{address}/32", "dev", VOID, "metric", str(VOID_METRIC)])


def connect(names: Names, namespace: str, cables: Sequence[Cable]) -> None:
    """Give a machine a fresh namespace with its interfaces, as at power-on: nothing of an earlier boot's sockets is left."""
    disconnect(names, namespace, cables)
    ensure_namespace(namespace)
    for cable in cables:
        _ensure_endpoint(names, namespace, cable)


def disconnect(names: Names, namespace: str, cables: Sequence[Cable]) -> None:
    """Pull the cables out and drop the namespace."""
    for cable in cables:
        if _has_link(names.router, cable.router_end):
            attempt(["ip", "-n", names.router, "link", "delete", cable.router_end])
    remove_namespace(namespace)


def remove_namespace(namespace: str) -> None:
    """Remove a namespace by name; it is no error when there is none."""
    if exists(namespace):
        run(["ip", "netns", "delete", namespace])


def apply_filter(names: Names, ruleset: str) -> None:
    """Replace the router's filter in one transaction."""
    run(inside(names.router, ["nft", "-f", "-"]), stdin=ruleset)


def ensure_namespace(namespace: str) -> None:
    """Make a namespace; one whose mount a killed command or a restarted host left behind is made anew."""
    if exists(namespace) and attempt(["ip", "-n", namespace, "link", "show", "lo"]).returncode != 0:
        attempt(["ip", "netns", "delete", namespace])
    if not exists(namespace):
        run(["ip", "netns", "add", namespace])


def _ensure_endpoint(names: Names, namespace: str, cable: Cable) -> None:
    """Lay a cable from the router into a namespace and give its far end addresses and routes."""
    ensure_namespace(namespace)
    if not _has_link(names.router, cable.router_end):
        run(
            [
                *("ip", "-n", names.router, "link", "add", cable.router_end, "type", "veth"),
                *("peer", "name", cable.machine_end, "address", cable.mac, "netns", namespace),
            ]
        )
    far = cable.machine_end
    first, *others = (cable.address, *cable.others)
    _ip(
        namespace,
        [
            "link set lo up",
            f"link set {far} up",
            f"address replace {first} dev {far}",
            *(f"address replace {address} dev {far} noprefixroute" for address in others),
            *(f"route replace {route} dev {far}" for route in cable.routes),
        ],
    )
    hosts = [address.partition("/")[0] for address in (first, *others)]
    _ip(
        names.router,
        [
            f"link set {cable.router_end} up",
            # By itself the kernel waits up to 0.8 s before it answers ARP for somebody else (arp(7), proxy_delay).
            f"ntable change name arp_cache dev {cable.router_end} proxy_delay 0",
            *(f"route replace {host}/32 dev {cable.router_end} metric 1" for host in hosts),
        ],
    )


def _has_link(namespace: str, link: str) -> bool:
    return attempt(["ip", "-n", namespace, "link", "show", link]).returncode == 0


def _ip(namespace: str, lines: Sequence[str]) -> None:
    if lines:
        run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")
