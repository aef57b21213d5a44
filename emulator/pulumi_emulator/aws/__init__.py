"""The emulated AWS: one process a stack that answers AWS's API on this machine; moto, with handlers of our own where it lacks."""

from __future__ import annotations

from pulumi_emulator.aws.clients import ACCOUNT_ID, client
from pulumi_emulator.aws.lifecycle import ensure_endpoint, leftovers, running_endpoint, stop_endpoint

__all__ = ["ACCOUNT_ID", "client", "ensure_endpoint", "leftovers", "running_endpoint", "stop_endpoint"]
