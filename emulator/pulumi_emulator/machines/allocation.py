"""Which ranges a VPC may have and which addresses a machine is given, on plain data."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import network
from pulumi_emulator.machines.model import MachineSpec
from pulumi_emulator.machines.state import MachineRecord, State, with_machine

# Ranges a VPC may have (docs.digitalocean.com/products/networking/vpc/details/limits).
LARGEST_PREFIX: Final = 16
SMALLEST_PREFIX: Final = 24
PRIVATE_RANGES: Final = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
FIRST_ANCHOR: Final = 4  # the anchor network's first addresses are the cloud's own (its gateway among them)


def parse_range(ip_range: str) -> ipaddress.IPv4Network:
    """Return a VPC's range; EmulatorError when a VPC cannot have it."""
    try:
        wanted = ipaddress.IPv4Network(ip_range)
    except ValueError as error:
        raise EmulatorError(f"VPC range {ip_range!r} is not an IPv4 network: {error}") from error
    if not LARGEST_PREFIX <= wanted.prefixlen <= SMALLEST_PREFIX or not any(wanted.subnet_of(part) for part in PRIVATE_RANGES):
        raise EmulatorError(
            f"VPC range {ip_range!r} must be a private (RFC 1918) network between /{LARGEST_PREFIX} and /{SMALLEST_PREFIX}"
        )
    return wanted


def refuse_overlap(name: str, wanted: ipaddress.IPv4Network, state: State) -> None:
    """Raise EmulatorError, naming both, when a new VPC's range overlaps one that is there."""
    for other in state.vpcs.values():
        if wanted.overlaps(ipaddress.IPv4Network(other.ip_range)):
            raise EmulatorError(f"VPC {name} ({wanted}) overlaps VPC {other.name} ({other.ip_range}): choose another range")
    if wanted.overlaps(network.ANCHOR_RANGE):
        raise EmulatorError(
            f"VPC {name} ({wanted}) overlaps {network.ANCHOR_RANGE}, the droplets' anchor addresses: choose another range"
        )


def allocate(state: State, spec: MachineSpec, image: str) -> tuple[State, MachineRecord]:
    """Give a new machine its number and addresses, none of which was used before in this stack's life."""
    vpc = state.vpcs.get(spec.vpc_id)
    if vpc is None:
        raise EmulatorError(f"machine {spec.name} asks for VPC {spec.vpc_id!r}, which this stack does not have")
    reach = ipaddress.IPv4Network(vpc.ip_range)
    private = reach.network_address + vpc.next_host
    if private >= ipaddress.IPv4Address(network.vpc_client(vpc.ip_range)):
        raise EmulatorError(
            f"VPC {vpc.name} ({vpc.ip_range}) has no address left: addresses are never used twice; destroy the stack"
        )
    public = anchor = None
    if spec.public:
        if state.next_public > network.PUBLIC_LAST_MACHINE:
            raise EmulatorError(f"no public address is left in {network.PUBLIC_RANGE}: destroy the stack")
        public = str(network.PUBLIC_RANGE.network_address + state.next_public)
        anchor = str(network.ANCHOR_RANGE.network_address + FIRST_ANCHOR + state.next_machine)
    record = MachineRecord(
        spec, image, state.next_machine, str(private), public, anchor, datetime.now(UTC).isoformat(timespec="seconds")
    )
    state = replace(
        with_machine(state, record),
        vpcs=state.vpcs | {vpc.vpc_id: replace(vpc, next_host=vpc.next_host + 1)},
        next_machine=state.next_machine + 1,
        next_public=state.next_public + (1 if spec.public else 0),
    )
    return state, record
