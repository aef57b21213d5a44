"""What a stack's machines, networks and firewalls are, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Power = Literal["on", "off", "lost"]
Direction = Literal["in", "out"]
Protocol = Literal["tcp", "udp", "icmp"]
Interface = Literal["public", "private"]


@dataclass(frozen=True)
class MachineSpec:
    """What the caller asks for; nothing in it is chosen by the machine layer.

    `machine_id` is unique in the stack (on DigitalOcean: the droplet's number), `image` a slug of `IMAGES`.
    `public=False` gives a machine that has its VPC interface only.
    """

    machine_id: str
    name: str
    image: str
    vpc_id: str
    region: str
    size: str
    user_data: str = field(repr=False)  # carries first-boot secrets
    ssh_public_keys: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    public: bool = True


@dataclass(frozen=True)
class Machine:
    """A machine as it is now.

    `power` is "on", "off" (by command or by a power-off inside) or "lost": it should run, but its process is gone
    (killed from outside, or the host restarted). `anchor_ip` is the second, private-looking address on the public interface.
    """

    spec: MachineSpec
    private_ip: str
    public_ip: str | None
    anchor_ip: str | None
    power: Power
    created_at: str
    links_down: tuple[Interface, ...] = ()
    init_pid: int | None = None

    @property
    def machine_id(self) -> str:
        """The id of the specification."""
        return self.spec.machine_id

    @property
    def name(self) -> str:
        """The name of the specification."""
        return self.spec.name


@dataclass(frozen=True)
class Vpc:
    """A private network: machines of one VPC reach each other, nobody else reaches them there."""

    vpc_id: str
    name: str
    ip_range: str
    gateway: str
    client_ip: str


@dataclass(frozen=True)
class FirewallRule:
    """One allowance. Sources (direction "in") or destinations ("out") are the union of addresses, droplets and tags.

    `ports` is an inclusive range; None means every port, and is the only value for icmp.
    """

    direction: Direction
    protocol: Protocol
    ports: tuple[int, int] | None
    addresses: tuple[str, ...] = ()
    droplet_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Firewall:
    """A DigitalOcean cloud firewall: applies to the named droplets and to every droplet that carries one of the tags."""

    firewall_id: str
    name: str
    rules: tuple[FirewallRule, ...]
    droplet_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
