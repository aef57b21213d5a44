"""A drill's record -> the report: plain data (report.schema.json), files, and a summary on the terminal."""

import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from redis_ha_client import FailoverPolicy
from redis_ha_client.documents import read_sentinel_connection
from redis_ha_ops.drawing import as_json
from redis_ha_ops.errors import OpsError
from redis_ha_ops.kinds import DRILLS
from redis_ha_ops.status import Look

from . import expectation, ledger
from .load import APPLICATION, APPLICATION_RATE, PROBE, PROBE_POLICY
from .run import Record
from .witness import Event, first

VERSION = 1  # of the report; raised when a key changes its meaning or goes
FOLDER = "reports"
ROOM_BYTES = 16 * 1024**2  # a report of 30 s is about half a megabyte
# What Sentinels publish (redis/redis src/sentinel.c, sentinelEvent) -> what it is called here.
DETECTION = {
    "sdown": "+sdown",
    "odown": "+odown",
    "elected": "+elected-leader",
    "promoted": "+promoted-slave",
    "switched": "+switch-master",
}
PROMOTIONS = (DETECTION["promoted"], DETECTION["switched"])


def report_of(record: Record) -> dict[str, Any]:
    """Return the whole report."""
    cut = record.cut_began
    seen = {
        name: None if cut is None else ledger.outage(operations, cut, record.plan.rate if name == PROBE else APPLICATION_RATE)
        for name, operations in record.operations.items()
    }
    passed, reasons = ledger.verdict(
        seen.get(PROBE),
        [record.losses.get(PROBE), record.losses.get(APPLICATION)],
        rejoined=record.rejoined is not None,
        two_writable=record.two_writable,
        interrupted=record.interrupted,
        disturbed=record.kind.expected.disturbed,
        allowed=record.kind.expected.lost,
    )
    checklist = expectation.points(record.kind.expected, _ended(record))
    unexpected = [] if record.interrupted or cut is None else expectation.against(checklist)
    if unexpected:
        passed, reasons = False, unexpected + ([] if passed else reasons)
    if record.trouble:
        passed, reasons = False, [record.trouble, *reasons]
    return {
        "version": VERSION,
        "drill": record.kind.name,
        "verdict": {"passed": passed, "reasons": reasons, "remedy": record.remedy},
        "expected": asdict(record.kind.expected) | {"text": expectation.told(record.kind.expected)},
        "checklist": [asdict(point) for point in checklist],
        "run": {
            "id": record.run_id,
            "started_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.clock.began_wall)),
            "seconds": record.ended,
            "interrupted": record.interrupted,
            "clock": "monotonic; every time is in seconds since the run began unless its name says ms",
        },
        "stack": {
            "name": record.stack.name,
            "emulated": record.stack.emulated,
            "master_name": record.stack.master_name,
            "failover": dict(record.stack.connection["failover"]),
        },
        "versions": _versions(record),
        "fault": {
            "description": record.fault,
            "machine": record.victim,
            "cut_began": cut,
            "cut_ended": record.cut_ended,
            "restored": record.restored,
            "rejoined": record.rejoined,
            "two_writable": record.two_writable,
        },
        "plan": asdict(record.plan),
        "detection": detection(record.events, cut_of(record.cut_began, record.cut_ended, seen.get(PROBE))),
        "writers": {name: _writer(name, record, seen[name]) for name in record.operations},
        "timeline": [asdict(event) for event in sorted(record.events, key=lambda event: event.at)],
        "topology": {"before": _topology(record.before, record), "after": _topology(record.after, record)},
        "limits": limits(record),
        "operations": {
            "columns": ["number", "due_ms", "latency_ms", "outcome"],
            **{
                name: [[one.number, round(one.due * 1000, 1), round(one.latency * 1000, 1), one.outcome] for one in operations]
                for name, operations in record.operations.items()
            },
        },
    }


def _ended(record: Record) -> expectation.Ended:
    master = record.after.topology.master() if record.after else None
    known = [loss.lost for loss in record.losses.values() if loss is not None]
    began = record.cut_began
    promoted = [] if began is None else [one for one in record.events if one.what in PROMOTIONS and one.at >= began]
    return expectation.Ended(
        victim=record.victim,
        leader=master.slot.name if master else None,
        promoted=[f"{one.what} by {one.source}" for one in promoted],
        lost=sum(known) if len(known) == len(record.losses) and known else None,
        two_writable=record.two_writable,
        rejoined=record.rejoined is not None,
    )


def cut_of(began: float | None, ended: float | None, seen: ledger.Outage | None) -> float | None:
    """Return the moment of the cut. The command takes a second; the first disturbed write tells when in that second it was."""
    if began is None or seen is None or seen.began is None:
        return began
    return min(max(seen.began, began), ended if ended is not None else seen.began)


def detection(events: list[Event], cut: float | None) -> dict[str, float | None]:
    """Return the moment of the cut, and seconds from it to what the Sentinels published first of each kind."""
    found = {name: None if cut is None else first(events, what, cut) for name, what in DETECTION.items()}
    return {"cut": cut} | {name: None if event is None or cut is None else event.at - cut for name, event in found.items()}


def limits(record: Record) -> list[str]:
    """Say what this report does not prove."""
    clocks = read_sentinel_connection(record.stack.connection).clocks
    master = next((node for node in record.before.topology.data if node.slot.name == record.victim), None)
    lag = master.settings.get("min-replicas-max-lag", "?") if master else "?"
    needed = clocks.min_replicas_to_write
    bound = (
        f"min-replicas-to-write {needed} with min-replicas-max-lag {lag} s bounds how long a master that lost its replicas "
        "goes on acknowledging (that lag and about 2 s); WAIT narrows it for a single write; neither closes it."
        if needed
        else "min-replicas-to-write is 0: a master that lost its replicas acknowledges writes which a failover then discards."
    )
    said = [
        "A master that dies can take acknowledged writes with it that no replica had yet: replication is asynchronous.",
        "Zero lost writes in one run is no guarantee; repeat the drill.",
        bound,
        "Unknown (sent, and no answer came) counts neither as lost nor as written.",
        f"No duration is known better than the distance of two writes, {1000 / record.plan.rate:.0f} ms.",
    ]
    if record.stack.emulated:
        said.append("Emulated on one machine: times tell how the stack's clocks play together, not how fast a cloud is.")
    evicted = {node.slot.name: node.evicted_keys for node in record.before.topology.data}
    after = record.after.topology.data if record.after else ()
    if any(node.role == "master" and node.evicted_keys > evicted.get(node.slot.name, 0) for node in after):
        said.append("Keys were evicted during the drill (maxmemory): a write that counts as lost may have been evicted.")
    return said


def _writer(name: str, record: Record, seen: ledger.Outage | None) -> dict[str, Any]:
    operations = record.operations[name]
    clocks = read_sentinel_connection(record.stack.connection).clocks
    policy = PROBE_POLICY if name == PROBE else FailoverPolicy().for_clocks(clocks)
    return {
        "rate": record.plan.rate if name == PROBE else APPLICATION_RATE,
        "schedule": "open loop: a write is due whatever became of the ones before"
        if name == PROBE
        else "one write after the other",
        "policy": asdict(policy),
        "counts": ledger.count(operations),
        "errors": ledger.errors(operations),
        "outage": ledger.plain(seen),
        "latency_ms": None if seen is None or record.cut_began is None else ledger.phases(operations, seen, record.cut_began),
        "loss": ledger.plain(record.losses.get(name)),
    }


def _versions(record: Record) -> dict[str, Any]:
    nodes = record.before.topology.nodes()
    return {
        "redis_ha_ops": version("redis-ha-ops"),
        "redis_ha_client": version("redis-ha-client"),
        "redis_py": version("redis"),
        "python": platform.python_version(),
        "platform": record.platform,
        "nodes": {node.slot.name: node.version for node in nodes},
    }


def _topology(seen: Look | None, record: Record) -> dict[str, Any] | None:
    return None if seen is None else as_json(seen.topology, seen.findings, record.stack)


def choose_path(given: Path | None, suffix: str, *, force: bool, stem: str) -> Path:
    """Return where a report goes, and make sure now that it can go there; nothing that exists is overwritten unasked."""
    path = (given or Path(FOLDER) / f"{stem}{suffix}").absolute()
    option = "--output" if suffix == ".json" else "--html"
    if path.is_dir():
        raise OpsError(f"{option} {path}: that is a folder; give a file's name")
    if path.exists() and not force:
        raise OpsError(f"{option} {path}: exists already; give another name, or --force to overwrite it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise OpsError(f"{option} {path}: its folder cannot be made: {error.strerror}") from None
    if not os.access(path.parent, os.W_OK):
        raise OpsError(f"{option} {path}: its folder cannot be written to")
    if free < ROOM_BYTES:
        raise OpsError(
            f"{option} {path}: only {free // 1024} KiB are free there, a report needs up to {ROOM_BYTES // 1024**2} MiB"
        )
    return path


def write(path: Path, text: str) -> None:
    """Write a report whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report, one operation a line."""
    text = json.dumps({key: value for key, value in report.items() if key != "operations"}, indent=2)
    rows = [
        f'    "{key}": [\n      ' + ",\n      ".join(json.dumps(row) for row in value) + "\n    ]"
        for key, value in report["operations"].items()
    ]
    write(path, text[: text.rindex("}")].rstrip() + ',\n  "operations": {\n' + ",\n".join(rows) + "\n  }\n}\n")


def seconds(value: float | None) -> str:
    """Write a duration for people."""
    return "not seen" if value is None else f"{value:.2f} s"


def summary(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the rows of the summary: what, the probe's, the application's."""
    probe, application = (report["writers"].get(name) for name in (PROBE, APPLICATION))
    if probe is None or application is None:
        return []
    rows = [("", f"probe {probe['rate']:g}/s", f"application {application['rate']:g}/s")]
    rows += [
        (
            outcome if outcome != "issued" else "writes issued",
            str(probe["counts"][outcome]),
            str(application["counts"][outcome]),
        )
        for outcome in ("issued", *ledger.OUTCOMES)
    ]
    both = (probe, application)
    lost = [str(one["loss"]["lost"]) if one["loss"] else "not known" for one in both]
    rows.append(("LOST: acknowledged, then missing", lost[0], lost[1]))
    for title, key in (
        ("outage: disturbed until first success", "outage_seconds"),
        ("outage: until no write failed any more", "steady_seconds"),
        ("longest gap between acknowledged writes", "longest_gap_seconds"),
    ):
        took = [_length(one["outage"], key) for one in both]
        rows.append((title, took[0], took[1]))
    return rows


def _length(seen: Mapping[str, Any] | None, key: str) -> str:
    """Write a length of an outage: an outage that was seen to begin only has no length yet."""
    if seen is None:
        return "not cut"
    return "not over" if seen["began"] is not None and seen[key] is None else seconds(seen[key])


def left_of(report: Mapping[str, Any]) -> str:
    """Say what could not be mended, before the command that does it."""
    return DRILLS[report["drill"]].left.format(report["fault"]["machine"])


def print_summary(report: Mapping[str, Any], console: Console) -> None:
    """Print what a person wants to know first."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for at, row in enumerate(summary(report)):
        table.add_row(
            Text(row[0]), Text(row[1], justify="right"), Text(row[2], justify="right"), style="dim" if at == 0 else ""
        )
    console.print(table)
    told = [f"{name} {seconds(report['detection'][name])}" for name in DETECTION if report["detection"][name] is not None]
    if told:
        console.print(f" Sentinels, after the cut: {', '.join(told)}", highlight=False)
    verdict = report["verdict"]
    mark, style = ("PASSED", "bold green") if verdict["passed"] else ("FAILED", "bold red")
    console.print(Text.assemble((mark, style), f": {'; '.join(verdict['reasons'])}"))
    if verdict["remedy"]:
        console.print(Text(f"{left_of(report)}\n  {verdict['remedy']}", style="bold red"))
