"""The report as one stand-alone page with a picture: geometry is computed here, the template only writes it down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from redis_ha_ops.kinds import DRILLS

from .ledger import BUCKET_SECONDS, KINDS, LATE_SECONDS, Operation, buckets
from .load import APPLICATION, PROBE
from .report import left_of, seconds, summary

WIDTH, LEFT, RIGHT = 1120, 46, 16
ROW, PLOT, STRIP, AXIS = 17, 180, 30, 24  # heights: a row of labels, the bars, the application's strip, the axis
LETTER = 6.4  # width of a letter of a label, generously


@dataclass(frozen=True)
class Mark:
    """A moment with a label; `row` keeps labels from covering each other, `flip` writes to the left of the line."""

    x: float
    row: int
    label: str
    kind: str
    flip: bool = False


def marks_of(report: Mapping[str, Any]) -> list[tuple[float, str, str]]:
    """Return (seconds, label, kind) of every moment worth a line, in order."""
    fault, cut, kind = report["fault"], report["detection"]["cut"], DRILLS[report["drill"]]
    if cut is None:
        return []
    outage = report["writers"][PROBE]["outage"] or {}
    leads = (report["topology"]["after"] or {}).get("master") == fault["machine"]
    names = {
        "sdown": "+sdown (first Sentinel)",
        "odown": "+odown (quorum)",
        "promoted": "replica promoted",
        "switched": "+switch-master",
    }
    found: list[tuple[float | None, str, str]] = [
        (cut, kind.broken.format(fault["machine"]), "fault"),
        *(
            (None if at is None else cut + at, names[name], "sentinel")
            for name, at in report["detection"].items()
            if name in names
        ),
        (outage.get("ended"), "first acknowledged write", "good"),
        (fault["rejoined"], "old master leads" if leads else "old master is a replica", "good"),
    ]
    if kind.mended:
        found.append((fault["restored"], kind.mended, "fault"))
    return sorted((at, label, kind) for at, label, kind in found if at is not None)


def place(moments: list[tuple[float, str, str]], scale: float) -> list[Mark]:
    """Give every label the first row in which it covers no other."""
    ends: list[float] = []
    placed = []
    for at, label, kind in moments:
        x = LEFT + at * scale
        width = len(label) * LETTER + 8
        flip = x + width > WIDTH
        begin, end = (x - width, x) if flip else (x, x + width)
        row = next((row for row, taken in enumerate(ends) if taken <= begin), len(ends))
        ends[row : row + 1] = [end]
        placed.append(Mark(x, row, label, kind, flip))
    return placed


def picture(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the picture's geometry."""
    return drawn(report, marks_of(report), report["fault"]["rejoined"] or 0.0)


def drawn(report: Mapping[str, Any], moments: list[tuple[float, str, str]], until_least: float) -> dict[str, Any]:
    """Return the geometry of a report's writers and operations, with moments marked (seconds, label, kind)."""
    operations = {name: _operations(report, name) for name in (PROBE, APPLICATION)}
    last = max((one.finished for each in operations.values() for one in each), default=1.0)
    until = max(last, until_least) + 0.5
    scale = (WIDTH - LEFT - RIGHT) / until
    marks = place(moments, scale)
    top = ROW * (max((mark.row for mark in marks), default=0) + 1) + 6
    rows = buckets(operations[PROBE], until)
    highest = max((sum(row.values()) for row in rows), default=0) or 1
    bars = []
    for at, row in enumerate(rows):
        y = float(top + PLOT)
        for kind in KINDS:
            height = PLOT * row[kind] / highest
            if height:
                y -= height
                bars.append((kind, LEFT + at * BUCKET_SECONDS * scale, y, max(BUCKET_SECONDS * scale - 0.3, 0.5), height))
    strip = top + PLOT + AXIS + 18
    waits = [(one.kind, LEFT + one.due * scale, max(one.latency * scale, 1.2)) for one in operations[APPLICATION]]
    outage = report["writers"].get(PROBE, {}).get("outage") or {}
    shade = None
    if outage.get("began") is not None and outage.get("ended") is not None:
        shade = (LEFT + outage["began"] * scale, (outage["ended"] - outage["began"]) * scale)
    step = next(step for step in (1, 2, 5, 10, 20, 60, 120, 600) if until / step <= 15 or step == 600)
    return {
        "width": WIDTH,
        "height": strip + STRIP + 8,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": top,
        "base": top + PLOT,
        "row": ROW,
        "strip": strip,
        "strip_height": STRIP,
        "bars": bars,
        "waits": waits,
        "marks": marks,
        "shade": shade,
        "highest": highest,
        "ticks": [(LEFT + at * scale, at) for at in range(0, int(until) + 1, step)],
    }


def _operations(report: Mapping[str, Any], name: str) -> list[Operation]:
    rows = report["operations"].get(name, [])
    return [
        Operation(number, due / 1000, due / 1000, (due + latency) / 1000, outcome) for number, due, latency, outcome in rows
    ]


def template(name: str) -> Template:
    """Return one of the pages; what it is given is escaped."""
    environment = Environment(
        loader=PackageLoader("redis_ha_ops.drill"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = seconds
    return environment.get_template(name)


def render(report: Mapping[str, Any]) -> str:
    """Return the page's HTML; everything that came from outside is escaped."""
    shown = [event for event in report["timeline"] if event["source"] == "drill" or event["what"] in SHOWN_EVENTS]
    return template("report.html.j2").render(
        report=report,
        title=DRILLS[report["drill"]].title,
        left=left_of(report),
        picture=picture(report),
        summary=summary(report),
        events=shown,
        late_ms=int(LATE_SECONDS * 1000),
    )


# What of the Sentinels' talk is on the page; the JSON file holds all.
SHOWN_EVENTS = frozenset(
    {"+sdown", "-sdown", "+odown", "-odown", "+try-failover", "+vote-for-leader", "+elected-leader", "+selected-slave"}
    | {"+promoted-slave", "+switch-master", "+slave-reconf-done", "+failover-end", "+tilt", "-tilt", "+reboot"}
    | {"-failover-abort-not-elected", "-failover-abort-no-good-slave", "-failover-abort-slave-timeout", "+convert-to-slave"}
)
