"""The networks of a stack as its state asks for them, made and kept up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from pulumi_emulator.machines import network, nft, preflight, processes
from pulumi_emulator.machines.state import MachineRecord, State, VpcRecord

METADATA: Final = "pulumi_emulator.machines.metadata"  # run as a module of its own, so not imported here


class Fabric:
    """A stack's router, its filter, its public and client namespaces and its metadata service. Used under the stack's lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = network.names_of(folder)

    def ensure(self, state: State) -> None:
        """Make what is missing and bring the filter up to date."""
        preflight.ensure_limits()
        network.ensure_router(self.names)
        network.reserve(self.names, [address for record in state.machines.values() for address in addresses_of(record)])
        self.apply_filter(state)
        network.ensure_public(self.names)
        for vpc in state.vpcs.values():
            network.ensure_client(self.names, vpc.index, vpc.ip_range)
        if not self.metadata_services():
            argv = [sys.executable, "-m", METADATA, str(self.folder)]
            processes.spawn_detached(network.inside(self.names.router, argv), self.folder / "metadata.log")

    def apply_filter(self, state: State) -> None:
        """Replace the filter by what the state says; nothing to do before the router is there."""
        if network.exists(self.names.router):
            clients = [network.client_port(vpc.index, vpc.ip_range) for vpc in state.vpcs.values()]
            guests = [guest_of(record, state.vpcs[record.spec.vpc_id]) for record in state.machines.values()]
            network.apply_filter(self.names, nft.render(guests, [network.public_port(), *clients], state.firewalls))

    def remove_vpc(self, vpc: VpcRecord) -> None:
        """Remove a private network's gateway and client."""
        if network.exists(self.names.router):
            network.remove_client(self.names, vpc.index, network.vpc_gateway(vpc.ip_range))

    def forget(self, record: MachineRecord) -> None:
        """Let the addresses of a machine that is gone be unknown."""
        if network.exists(self.names.router):
            network.release(self.names, addresses_of(record))

    def metadata_services(self) -> list[processes.Process]:
        """Return the stack's metadata service (more than one only after a crash in between)."""
        return processes.running_with(["-m", METADATA, str(self.folder)])


def addresses_of(record: MachineRecord) -> list[str]:
    """Return the addresses that others reach a machine at."""
    return [address for address in (record.private_ip, record.public_ip) if address is not None]


def guest_of(record: MachineRecord, vpc: VpcRecord) -> nft.Guest:
    """Return a machine as the filter sees it: a machine without power has both cables cut."""
    off = record.power == "off"
    ports = [
        nft.Port(
            network.private_interface(record.index),
            f"vpc{vpc.index}",
            (record.private_ip,),
            cut=off or "private" in record.links_down,
        )
    ]
    if record.public_ip is not None:
        cut = off or "public" in record.links_down
        ports.append(nft.Port(network.public_interface(record.index), "public", (record.public_ip,), cut=cut))
    return nft.Guest(record.spec.machine_id, f"m{record.index}", record.spec.tags, tuple(ports))
