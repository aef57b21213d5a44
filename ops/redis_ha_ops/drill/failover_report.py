"""A test of the failover -> its report: plain data (failover.schema.json), a page, and a summary on the terminal."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from redis_ha_ops.group import Event
from redis_ha_ops.runbook.journal import Journal, Outcome
from redis_ha_ops.runbook.plan import Runbook

from . import ledger, page, report
from .checklist import NOT_SEEN, SEEN, Item, verdict
from .load import APPLICATION_RATE, PROBE
from .measuring import Measured

VERSION = 1  # of the report; raised when a key changes its meaning or goes
STYLES = {SEEN: "green", NOT_SEEN: "red"}
EMULATED = "Emulated on one machine: times tell how the parts play together, not how fast AWS is."


@dataclass(frozen=True)
class Kind:
    """What is reported of, and in which words."""

    name: str
    title: str
    cut: str  # the moment from which an outage counts, for the picture
    passed: str
    limits: tuple[str, ...]


ASYNCHRONOUS = "ElastiCache replicates asynchronously: zero lost writes in one run is no guarantee."
IN_DOUBT = "Unknown (sent, and no answer came) counts neither as lost nor as written."
TEST = Kind(
    "test-failover",
    "The failover was tested",
    "TestFailover called",
    "the failover happened, writes recovered, and no acknowledged write was lost",
    (ASYNCHRONOUS, "TestFailover loses a node. A lost zone, a partition and a planned replacement go otherwise.", IN_DOUBT),
)


def report_of(
    kind: Kind,
    book: Runbook,
    journal: Journal,
    outcome: Outcome,
    items: Sequence[Item],
    *,
    measured: Measured | None,
    events: Sequence[Event],
    emulated: bool,
) -> dict[str, Any]:
    """Return the whole report."""
    passed, reasons = verdict(items, kind.passed)
    if outcome != "done":
        passed, reasons = False, [f"the run was not carried out to its end ({outcome})", *reasons]
    return {
        "version": VERSION,
        "drill": kind.name,
        "verdict": {"passed": passed, "reasons": reasons},
        "run": {"id": journal.id, "outcome": outcome, "operator": journal.operator, "began": journal.began},
        "stack": {"name": book.stack, "emulated": emulated},
        "given": dict(book.given),
        "checklist": [asdict(item) for item in items],
        "steps": [
            {"name": step.name, "does": step.does, **journal.steps.get(step.name, {"state": "not begun", "at": None})}
            for step in book.steps
        ],
        "events": [
            {"at": event.at.isoformat(), "type": event.kind, "source": event.source, "text": event.text} for event in events
        ],
        "measured": None if measured is None else _measured(measured),
        "writers": {} if measured is None else {name: _writer(name, measured) for name in measured.operations},
        "operations": {
            "columns": ["number", "due_ms", "latency_ms", "outcome"],
            **{
                name: [[one.number, round(one.due * 1000, 1), round(one.latency * 1000, 1), one.outcome] for one in operations]
                for name, operations in (measured.operations if measured else {}).items()
            },
        },
        "limits": [*kind.limits, *([EMULATED] if emulated else [])],
        "versions": {
            "redis_ha_ops": version("redis-ha-ops"),
            "redis_ha_client": version("redis-ha-client"),
            "redis_py": version("redis"),
            "python": platform.python_version(),
        },
    }


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "began_wall": measured.began_wall,
        "called": measured.cut,
        "recovered": measured.recovered,
        "trouble": measured.trouble,
        "health": [{"at": at, "state": state} for at, state in measured.health],
        "log": [{"at": at, "line": line} for at, line in measured.lines],
    }


def _writer(name: str, measured: Measured) -> dict[str, Any]:
    operations = measured.operations[name]
    rate = measured.rate if name == PROBE else APPLICATION_RATE
    outage = None if measured.cut is None else ledger.outage(operations, measured.cut, rate)
    return {
        "rate": rate,
        "counts": ledger.count(operations),
        "errors": ledger.errors(operations),
        "outage": ledger.plain(outage),
        "latency_ms": None if outage is None or measured.cut is None else ledger.phases(operations, outage, measured.cut),
        "loss": ledger.plain(measured.losses.get(name)),
    }


def moments(made: Mapping[str, Any], kind: Kind) -> list[tuple[float, str, str]]:
    """Return (seconds, label, kind) of what the picture marks, in order: the events by AWS's clock beside this computer's."""
    measured = made["measured"]
    if measured is None or measured["called"] is None:
        return []
    probe = made["writers"].get(PROBE, {}).get("outage") or {}
    found: list[tuple[float | None, str, str]] = [
        (measured["called"], kind.cut, "fault"),
        (probe.get("ended"), "first acknowledged write", "good"),
        *((change["at"], f"health check {change['state']}", "sentinel") for change in measured["health"]),
    ]
    return sorted((at, label, kind) for at, label, kind in found if at is not None)


def render(made: Mapping[str, Any], kind: Kind) -> str:
    """Return the page's HTML."""
    picture = page.drawn(made, moments(made, kind), 1.0) if made["writers"] else None
    return page.template("failover.html.j2").render(
        report=made, title=kind.title, picture=picture, summary=report.summary(made), late_ms=int(ledger.LATE_SECONDS * 1000)
    )


def print_summary(made: Mapping[str, Any], console: Console) -> None:
    """Print the checklist, what it cost, and the verdict."""
    rows = Table(box=None, padding=(0, 1), show_header=False)
    for row in report.summary(made):
        rows.add_row(*(Text(cell) for cell in row))
    console.print(rows)
    table = Table(box=None, padding=(0, 1), show_header=False)
    for item in (Item(**row) for row in made["checklist"]):
        table.add_row(
            Text(item.what), Text(item.state, style=STYLES.get(item.state, "yellow")), Text(item.detail, overflow="fold")
        )
    console.print(table)
    mark, style = ("PASSED", "bold green") if made["verdict"]["passed"] else ("FAILED", "bold red")
    console.print(Text.assemble((mark, style), f": {'; '.join(made['verdict']['reasons'])}"))
