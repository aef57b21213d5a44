"""A host that boots nothing: what the handlers ask of the machines, kept in memory. Only for tests of the handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pulumi_emulator.handlers import Cloud
from pulumi_emulator.machines import Firewall, Machine, MachineSpec
from pulumi_emulator.world import World


class StandInHost:
    """The part of `machines.Host` that the provider uses."""

    def __init__(self) -> None:
        self.preflights = 0
        self.networks: dict[str, str] = {}
        self.booted: dict[str, Machine] = {}
        self.firewalls: list[Firewall] = []
        self.power: list[str] = []

    def preflight(self) -> None:
        self.preflights += 1

    def ensure_image(self, slug: str, report: Callable[[str], None]) -> None:
        report(slug)

    def create_vpc(self, vpc_id: str, name: str, ip_range: str) -> None:
        self.networks[vpc_id] = f"{name} {ip_range}"

    def delete_vpc(self, vpc_id: str) -> None:
        self.networks.pop(vpc_id, None)

    def vpcs(self) -> dict[str, str]:
        return dict(self.networks)

    def create_machine(self, spec: MachineSpec) -> Machine:
        number = len(self.booted) + 2
        machine = Machine(spec, f"10.0.0.{number}", f"203.0.113.{number}" if spec.public else None, None, "on", "now")
        self.booted[spec.machine_id] = machine
        return machine

    def update_machine(
        self, machine_id: str, *, name: str | None = None, size: str | None = None, tags: Sequence[str] | None = None
    ) -> Machine:
        machine = self.booted[machine_id]
        spec = machine.spec
        spec = replace(spec, name=name or spec.name, size=size or spec.size, tags=spec.tags if tags is None else tuple(tags))
        self.booted[machine_id] = replace(machine, spec=spec)
        return self.booted[machine_id]

    def delete_machine(self, machine_id: str) -> None:
        self.booted.pop(machine_id, None)

    def machine(self, machine_id: str) -> Machine | None:
        return self.booted.get(machine_id)

    def machines(self) -> list[Machine]:
        return list(self.booted.values())

    def set_firewalls(self, firewalls: Sequence[Firewall]) -> None:
        self.firewalls = list(firewalls)

    def power_off(self, machine_id: str, *, hard: bool = True) -> None:
        self.power.append("hard off" if hard else "shutdown")
        self.booted[machine_id] = replace(self.booted[machine_id], power="off", created_at="hard" if hard else "soft")

    def power_on(self, machine_id: str) -> None:
        self.power.append("on")
        self.booted[machine_id] = replace(self.booted[machine_id], power="on")


def stand_in_cloud(folder: Path) -> tuple[Cloud, StandInHost]:
    host = StandInHost()
    return Cloud(World(folder / "world.json"), lambda: host, lambda _: None), host  # type: ignore[arg-type, return-value]
