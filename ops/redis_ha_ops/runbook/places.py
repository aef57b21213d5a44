"""Where the runs of a stack are written down, and what a look at the stack tells of one that is under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from redis_ha_ops.cloud import Ask
from redis_ha_ops.errors import OpsError

from . import history, lease
from .desk import Desk
from .records import FileRecords, SsmRecords


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
    return Desk(FileRecords(folder / "records"), folder, say)


def under_way(ask: Ask, stack: str, block: str, region: str, now: datetime) -> str | None:
    """Return in words who runs what on a block; None: nobody. That it could not be looked at is words too."""
    path = record_path(stack, block)
    try:
        return lease.shown(SsmRecords(ask, path, region).read(lease.NAME), now)
    except OpsError as error:
        return f"not known: {path}/{lease.NAME}: {error}"
