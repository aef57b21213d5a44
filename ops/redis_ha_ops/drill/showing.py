"""Carries drills out before the operator's eyes: progress, a report and a page of each, a summary of several."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from redis_ha_ops.asking import directly
from redis_ha_ops.errors import OpsError
from redis_ha_ops.stack import Stack
from redis_ha_ops.status import look, wait_until_healthy

from . import expectation, ledger, page, report, run, series
from .load import APPLICATION, PROBE
from .run import Fault, Plan, Record

WHOLE_SECONDS = 240.0  # between two drills of a series
# A computer that is too busy to write undisturbed before the fault: then nothing was broken, and it is tried again.
TRIES = 3


class Runs:
    """Carries drills of one stack out, before the operator's eyes."""

    def __init__(self, stack: Stack, plan: Plan, console: Console) -> None:
        self.stack = stack
        self.plan = plan
        self.console = console

    def one(self, fault: Fault, path: Path, page_path: Path) -> dict[str, Any]:
        """Run a drill and write its report and page; OpsError when it did not start."""
        self.console.print(f"expected: {expectation.told(fault.kind.expected)}", highlight=False)
        with showing(self.console, self.plan) as tell:
            record = run.break_master(self.stack, directly, fault, self.plan, tell)
        result = report.report_of(record)
        report.write_json(path, result)
        report.write(page_path, page.render(result))
        return result

    def several(self, faults: Sequence[Fault], path: Path, page_path: Path) -> bool:
        """Run drills one after the other, write a summary after each, and tell whether all were passed."""
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        rows: list[dict[str, Any]] = []
        trouble = None
        for number, fault in enumerate(faults, 1):
            self.console.print(f"drill {number} of {len(faults)}: {fault.kind.name}", style="bold", highlight=False)
            own = path.with_name(f"{path.stem}-{number:03d}-{fault.kind.name}.json")
            try:
                wait_until_healthy(lambda: look(self.stack, directly), WHOLE_SECONDS, self.console)
                for _ in range(TRIES):
                    result = self.one(fault, own, own.with_suffix(".html"))
                    if result["fault"]["cut_began"] is not None or result["run"]["interrupted"]:
                        break
            except OpsError as error:
                trouble = str(error)
            else:
                rows.append(series.row_of(result, str(own)))
                _tell_row(rows[-1], self.console)
                trouble = "interrupted" if result["run"]["interrupted"] else None
            summary = series.report_of(self.stack.name, began, len(faults), rows, trouble)
            report.write(path, json.dumps(summary, indent=2) + "\n")
            report.write(page_path, page.template("series.html.j2").render(report=summary))
            if trouble is not None:
                self.console.print(trouble, style="bold red", highlight=False, markup=False, soft_wrap=True)
                break
        _tell_summary(summary, self.console)
        return bool(summary["passed"])


def _tell_row(row: Mapping[str, Any], console: Console) -> None:
    mark = Text("PASSED", style="bold green") if row["passed"] else Text("FAILED", style="bold red")
    told = f": longest gap {report.seconds(row['gap'][PROBE])}, {row['lost']} lost; {'; '.join(row['reasons'])}"
    console.print(Text.assemble(mark, told), soft_wrap=True)


def _tell_summary(summary: Mapping[str, Any], console: Console) -> None:
    table = Table(box=None, padding=(0, 1))
    for column in ("drill", "passed", "failovers", "lost", "probe median", "worst", "application median", "worst"):
        table.add_column(column, justify="left" if column == "drill" else "right")
    for line in summary["drills"]:
        figures = [report.seconds(line["gap"][writer][word]) for writer in (PROBE, APPLICATION) for word in ("median", "worst")]
        lost = "not known" if line["lost"] is None else str(line["lost"])
        table.add_row(line["drill"], f"{line['passed']} of {line['runs']}", str(line["failovers"]), lost, *figures)
    console.print(table)


@contextlib.contextmanager
def showing(console: Console, plan: Plan) -> Iterator[Callable[[str, Record | None], None]]:
    """Show a drill's progress: a bar on a terminal, a line for every phase elsewhere."""
    expected = plan.baseline_seconds + plan.seconds
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    said: list[str] = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=expected, counts="")

        def tell(what: str, record: Record | None) -> None:
            if not said or said[-1] != what:
                said.append(what)
                at = record.clock.now() if record else 0.0
                console.print(f"{at:6.1f} s  {what}", highlight=False)
            if record is not None:
                counted = ledger.count(record.operations.get(PROBE, []))
                counts = " ".join(f"{counted[outcome]} {outcome}" for outcome in ledger.OUTCOMES)
                progress.update(task, description=what, completed=min(record.clock.now(), expected), counts=counts)

        yield tell
