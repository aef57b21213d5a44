"""Where the runs of a stack are written down, and what a look at the stack tells of one that is under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from redis_ha_ops.cloud import Ask
from redis_ha_ops.errors import OpsError

from . import history, lease
from .desk import Desk, unfinished
from .records import FileRecords, Records, SsmRecords


def record_path(stack: str, block: str) -> str:
    """Return the path of the parameters of runs on a block of a stack; blue and green have a path of their own."""
    return f"/redis-ha/{stack}/{block}"


def aws_desk(calls: Ask, stack: str, block: str, region: str, program: Path, say: Callable[[str], None]) -> Desk:
    """Return a desk for a stack on AWS: run and lease in SSM, history and lock in the program's folder."""
    records = SsmRecords(calls, record_path(stack, block), region)
    return Desk(records, history.folder_of(program, stack), say)


def local_desk(stack: str, program: Path, say: Callable[[str], None]) -> Desk:
    """Return a desk for a stack without AWS: all in the program's folder, where nobody else's computer sees it."""
    folder = history.folder_of(program, stack)
    return Desk(_local(stack, program), folder, say)


def _local(stack: str, program: Path) -> FileRecords:
    return FileRecords(history.folder_of(program, stack) / "records")


def under_way(ask: Ask, stack: str, block: str, region: str, now: datetime) -> str | None:
    """Return in words who runs what on a block; None: nobody. That it could not be looked at is words too."""
    return _told(SsmRecords(ask, record_path(stack, block), region), now)


def under_way_here(stack: str, program: Path, now: datetime) -> str | None:
    """Return the same of a stack without AWS, by the program's folder."""
    return _told(_local(stack, program), now)


def _told(records: Records, now: datetime) -> str | None:
    try:
        held = lease.shown(records.read(lease.NAME), now)
        left = None if held else unfinished(records)
    except OpsError as error:
        return f"not known: {records.where}/{lease.NAME}: {error}"
    if left is None:
        return held
    return f"{left.runbook} by {left.operator} has not ended: --resume goes on with it, --abort takes it back"
