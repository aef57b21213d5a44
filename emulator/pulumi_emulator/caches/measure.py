"""What a node says of itself at one moment, for whoever publishes metrics of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pulumi_emulator.caches.admin import fields
from pulumi_emulator.caches.node import Node


class Calls(NamedTuple):
    """Commands since the process began: how many, and the microseconds that the engine spent in them."""

    calls: int
    microseconds: int


@dataclass(frozen=True)
class Reading:
    """A node at one moment: INFO, its commands that read and that write, bytes of it in swap; `taken` is on a steady clock."""

    info: Mapping[str, str]
    reads: Calls
    writes: Calls
    swap_bytes: int
    taken: float


def read(node: Node, timeout: float) -> Reading:
    """Ask a node; OSError when it does not answer, ReplyError when it cannot."""
    with node.admin(timeout) as connection:
        text, reading, writing = connection.all([("INFO", "everything"), ("ACL", "CAT", "read"), ("ACL", "CAT", "write")])
    for reply in (text, reading, writing):
        if isinstance(reply, Exception):
            raise reply
    info = fields(text)
    swap = _swap_bytes(node.process.pid) if node.process else 0
    return Reading(info, calls(info, set(reading)), calls(info, set(writing)), swap, time.monotonic())


def calls(info: Mapping[str, str], names: Collection[str]) -> Calls:
    """Return the calls of some commands, from lines as `cmdstat_get:calls=1,usec=8,...`; subcommands count with theirs."""
    found = Calls(0, 0)
    for field, text in info.items():
        command, _, _ = field.removeprefix("cmdstat_").partition("|")
        if field.startswith("cmdstat_") and command in names:
            parts = dict(part.split("=", 1) for part in text.split(","))
            found = Calls(found.calls + int(parts["calls"]), found.microseconds + int(parts["usec"]))
    return found


def _swap_bytes(process: int) -> int:
    """Return how much of a process is in swap (proc(5), VmSwap in kB)."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSwap:")), 0)
