"""What was run, a line of JSON each, in the folder of the operators' program: `.redis-ha/<stack>/history.jsonl`.

A file, and not SSM: a parameter holds 4 KB and nothing can be appended to it. It has what was run from this folder; what others
called is in CloudTrail.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis_ha_ops.errors import OpsError

from .journal import Journal, Outcome

FOLDER = ".redis-ha"
FILE = "history.jsonl"
VERSION = 1


def folder_of(program: Path, stack: str) -> Path:
    """Return where runs of a stack are kept. OpsError for a name that is no folder's."""
    if not stack or Path(stack).name != stack or stack in {".", ".."}:
        raise OpsError(f"--stack {stack!r}: no name of a stack")
    return program / FOLDER / stack


def line_of(journal: Journal, outcome: Outcome, ended: str, report: str | None, why: str | None) -> dict[str, Any]:
    """Return the line of a run that ended, or paused."""
    return {
        "version": VERSION,
        "id": journal.id,
        "runbook": journal.runbook,
        "stack": journal.stack,
        "given": journal.given,
        "operator": journal.operator,
        "began": journal.began,
        "ended": ended,
        "outcome": outcome,
        "why": why,
        "steps": {name: state["state"] for name, state in journal.steps.items()},
        "report": report,
    }


def append(folder: Path, line: Mapping[str, Any]) -> None:
    """Add a line, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the runs, oldest first: of each its newest line. A line that a full disk has cut off is left out."""
    try:
        lines = (folder / FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            row = json.loads(line)
            found[str(row["id"])] = row
        except (ValueError, TypeError, KeyError):
            continue
    return list(found.values())
