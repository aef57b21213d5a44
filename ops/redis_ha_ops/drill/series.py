"""Several drills one after the other: a row of each run, and of each kind its median and its worst. Plain data in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from .load import APPLICATION, PROBE

VERSION = 1  # of the summary; raised when a key changes its meaning or goes
LIMITS = (
    "A median of few runs is no promise: repeat it (--repeat 20).",
    "Emulated on one machine, times tell how the stack's clocks play together, not how fast a cloud is.",
)


def row_of(report: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return what a series keeps of a run."""
    return {
        "drill": report["drill"],
        "passed": report["verdict"]["passed"],
        "reasons": report["verdict"]["reasons"],
        "failover": any(point["what"] == "failover" and point["seen"] != "no" for point in report["checklist"]),
        "gap": {name: _gap(report["writers"].get(name)) for name in (PROBE, APPLICATION)},
        "lost": _lost(report["writers"]),
        "report": path,
    }


def _gap(writer: Mapping[str, Any] | None) -> float | None:
    """Return the longest time between two acknowledged writes; None when writes did not recover, or were not measured.

    An outage begins with the first disturbed write, and a busy computer may disturb one before the fault.
    """
    seen = writer["outage"] if writer else None
    if seen is None or (seen["began"] is not None and seen["steady"] is None):
        return None
    found: float | None = seen["longest_gap_seconds"]
    return found


def _lost(writers: Mapping[str, Mapping[str, Any]]) -> int | None:
    losses = [writer["loss"] for writer in writers.values()]
    return sum(loss["lost"] for loss in losses) if losses and all(losses) else None


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a line of each kind of drill, in the order in which they were run."""
    return [_line(name, [row for row in rows if row["drill"] == name]) for name in dict.fromkeys(row["drill"] for row in rows)]


def _line(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "drill": name,
        "runs": len(rows),
        "passed": sum(row["passed"] for row in rows),
        "failovers": sum(row["failover"] for row in rows),
        "lost": None if any(row["lost"] is None for row in rows) else sum(row["lost"] for row in rows),
        "gap": {writer: _figures([row["gap"][writer] for row in rows]) for writer in (PROBE, APPLICATION)},
    }


def _figures(values: Sequence[float | None]) -> dict[str, float | None]:
    """Return median and worst; what did not end is worse than any, and makes the worst one None."""
    known = [value for value in values if value is not None]
    return {"median": median(known) if known else None, "worst": max(known) if known and len(known) == len(values) else None}


def report_of(stack: str, began: str, planned: int, rows: Sequence[Mapping[str, Any]], trouble: str | None) -> dict[str, Any]:
    """Return the summary of a series. planned: how many runs it was to have; trouble: why it ended before that."""
    return {
        "version": VERSION,
        "stack": stack,
        "started_utc": began,
        "planned": planned,
        "passed": trouble is None and len(rows) == planned and all(row["passed"] for row in rows),
        "trouble": trouble,
        "drills": summary(rows),
        "runs": list(rows),
        "limits": list(LIMITS),
    }
