"""Machines that really boot: images, networks, firewalls, power. Knows no Pulumi and no provider type."""

from pulumi_emulator.machines.host import Host
from pulumi_emulator.machines.images import IMAGES
from pulumi_emulator.machines.model import Firewall, FirewallRule, Machine, MachineSpec, Vpc

__all__ = ["IMAGES", "Firewall", "FirewallRule", "Host", "Machine", "MachineSpec", "Vpc"]
