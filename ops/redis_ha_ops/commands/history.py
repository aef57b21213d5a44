"""`redis-ha history`: which runbooks were run on a stack."""

from __future__ import annotations

import json
from pathlib import Path

import click

from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.runbook import history


@click.command("history")
@stack_options
@click.option("--json", "as_json", is_flag=True, help="For machines: an object a run, a line each.")
@click.pass_obj
def history_command(call: Call, stack: str, emulated: bool | None, program: Path, as_json: bool) -> None:
    """Show what was run on a stack from this program's folder, oldest first, and how it ended.

    Drills of the kind `kill-master` are no runbooks: their reports are in `reports/`. What others called is in CloudTrail.
    """
    del call, emulated  # the name is enough
    runs = history.read(history.folder_of(program, stack))
    if as_json:
        for run in runs:
            click.echo(json.dumps(run))
        return
    if not runs:
        click.echo(f"stack {stack}: nothing was run from {program}")
        return
    from rich.console import Console  # noqa: PLC0415 - as in every command: loaded when something is drawn
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from redis_ha_ops.drawing import print_whole  # noqa: PLC0415

    console = Console()
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("began", "runbook", "for", "by", "ended", "outcome", "report"):
        table.add_column(heading, no_wrap=True)
    for run in runs:
        given = " ".join(f"{name} {value}" for name, value in run["given"].items())
        outcome = run["outcome"] + (f": {run['why']}" if run["why"] else "")
        cells = (run["began"], run["runbook"], given, run["operator"], run["ended"], outcome, run["report"] or "")
        table.add_row(*(Text(str(cell)) for cell in cells))
    print_whole(table, console)
