"""What the commands share that are runbooks: options, the report's files, and carrying one out before the operator's eyes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from redis_ha_ops.drill import report
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook import confirming, running
from redis_ha_ops.runbook.desk import Desk, Ended, Finish
from redis_ha_ops.runbook.plan import Runbook, told


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that is a runbook."""
    options = (
        click.option(
            "--yes", is_flag=True, help="Do not ask. A real stack with `prod` or `live` in its name asks all the same."
        ),
        click.option("--resume", is_flag=True, help="Go on with the run that was killed, paused, or has failed."),
        click.option("--abort", is_flag=True, help="Take back what that run has done."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that writes a report."""
    options = (
        click.option("--output", type=click.Path(path_type=Path), help="The report (JSON). Default: in reports/."),
        click.option("--html", type=click.Path(path_type=Path), help="The report as a page. Default: beside the JSON file."),
        click.option("--force", is_flag=True, help="Overwrite reports of the same name."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def report_paths(name: str, output: Path | None, html: Path | None, *, force: bool) -> tuple[Path, Path]:
    """Return where the report and its page go; OpsError when they cannot go there."""
    stem = time.strftime(f"{name}-%Y%m%dT%H%M%SZ", time.gmtime())
    json_path = report.choose_path(output, ".json", force=force, stem=stem)
    html_path = report.choose_path(html or json_path.with_suffix(".html"), ".html", force=force, stem=stem)
    if json_path == html_path:
        raise OpsError(f"--output and --html are both {json_path}: give two names")
    return json_path, html_path


def refuse(stack: str, *, emulated: bool, yes: bool, resume: bool, abort: bool) -> None:
    """OpsError for options that do not go together, or that ask nobody where somebody has to be asked."""
    if resume and abort:
        raise OpsError("--resume and --abort: one of them")
    confirming.refuse_unasked(stack, emulated=emulated, yes=yes)


def teller(console: Console) -> Callable[[str], None]:
    """Return what prints a line of progress with the seconds since now."""
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {text}", highlight=False, markup=False, soft_wrap=True)

    return say


def carried_out(book: Runbook, desk: Desk, console: Console, *, yes: bool, resume: bool, abort: bool, finish: Finish) -> Ended:
    """Begin a runbook, go on with it, or take it back; say why it did not end as planned."""

    def ask() -> None:
        for line in told(book):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        confirming.confirm(book.stack, yes=yes)

    go = running.resume if resume else running.abort if abort else running.start
    ended = go(book, desk, ask=ask, finish=finish)
    if ended.why is not None:
        console.print(f"{ended.outcome}: {ended.why}", highlight=False, markup=False, soft_wrap=True)
    return ended
