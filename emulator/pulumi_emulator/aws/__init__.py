"""The emulated AWS: one process a stack that answers AWS's API on this machine; moto, and our own handlers where it lacks."""

from __future__ import annotations

from pulumi_emulator.aws.access import Endpoint, environment_of
from pulumi_emulator.aws.clients import ACCOUNT_ID, client
from pulumi_emulator.aws.lifecycle import (
    account_time,
    advance,
    command,
    ensure_endpoint,
    global_groups,
    groups,
    leftovers,
    running_endpoint,
    sent,
    stop_endpoint,
    zone_power,
)
from pulumi_emulator.aws.nodes import ensure_software

__all__ = [
    "ACCOUNT_ID",
    "Endpoint",
    "account_time",
    "advance",
    "client",
    "command",
    "ensure_endpoint",
    "ensure_software",
    "environment_of",
    "global_groups",
    "groups",
    "leftovers",
    "running_endpoint",
    "sent",
    "stop_endpoint",
    "zone_power",
]
