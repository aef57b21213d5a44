"""`redis-ha switch`: another node becomes primary, planned."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from redis_ha_ops import cloud, group, managed
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.commands.of_runbooks import carried_out, refuse, report_options, report_paths, run_options, teller
from redis_ha_ops.drill import failover_report, report
from redis_ha_ops.drill.run import Plan
from redis_ha_ops.drill.subject import Drill
from redis_ha_ops.inside import run_inside
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.runbook import places
from redis_ha_ops.runbook.journal import Journal, Outcome
from redis_ha_ops.switching import managed_group
from redis_ha_ops.switching.managed_group import SWITCH

BLOCK = "elasticache"


@click.command("switch")
@stack_options
@click.option("--to", "wanted", metavar="NODE", help="The node that becomes primary. Default: the first replica.")
@click.option("--measure", is_flag=True, help="Write meanwhile, and measure the outage.")
@click.option("--rate", type=click.FloatRange(1, 500), default=Plan.rate, show_default=True, help="Writes a second.")
@click.option(
    "--seconds",
    type=click.FloatRange(5, 3600),
    default=10.0,
    show_default=True,
    help="How long to write after the switch; longer while writes have not recovered.",
)
@report_options
@run_options
@click.pass_obj
def switch_command(  # noqa: PLR0913 - click hands over every option
    call: Call,
    /,
    *,
    stack: str,
    emulated: bool | None,
    program: Path,
    wanted: str | None,
    measure: bool,
    rate: float,
    seconds: float,
    output: Path | None,
    html: Path | None,
    force: bool,
    yes: bool,
    resume: bool,
    abort: bool,
) -> None:
    """Make another node the primary of an ElastiCache group with cluster mode disabled.

    AWS takes that only while Multi-AZ and automatic failover are off: they are switched off before, and on again after. Run it
    where the cache is reached.

    Exit code 0: switched, or taken back. 1: not so, paused, or failed. 2: did not start, nothing was touched.
    """
    on_this_machine = is_emulated(stack, emulated)
    refuse(stack, emulated=on_this_machine, yes=yes, resume=resume, abort=abort)
    json_path, html_path = report_paths("switch", output, html, force=force)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    found, region = group.group_of_stack(stack, outputs, None)
    made = managed.managed_of(stack, outputs, emulated=on_this_machine)
    if on_this_machine and call.outside is None:
        arguments = [*call.arguments, "--output", str(json_path), "--html", str(html_path)]
        sys.exit(run_inside(arguments, stack=stack, program=program, on="aws", outputs=outputs))
    calls = cloud.calls_of(stack, program, emulated=on_this_machine)
    console = Console()
    subject = Drill(
        ask=calls,
        name=stack,
        managed=made,
        group_id=found,
        shard="0001",
        region=region,
        now=lambda: datetime.now(UTC),
        rate=rate,
        seconds=seconds,
        measure=measure,
    )
    book = managed_group.runbook(subject, wanted)
    desk = places.aws_desk(calls, stack, BLOCK, region, program, teller(console))
    passed = False

    def finish(journal: Journal, outcome: Outcome) -> str | None:
        nonlocal passed
        subject.let_go()
        if outcome == "undone" or journal.state("unguard") is None:
            return None  # nothing was changed that could be reported
        points = managed_group.items(subject, journal.facts)
        told = failover_report.report_of(
            SWITCH, book, journal, outcome, points, measured=subject.measured, events=[], emulated=on_this_machine
        )
        report.write_json(json_path, told)
        report.write(html_path, failover_report.render(told, SWITCH))
        failover_report.print_summary(told, console)
        console.print(f"  report  {json_path}\n  page    {html_path}", highlight=False, soft_wrap=True)
        passed = told["verdict"]["passed"]
        return str(json_path)

    try:
        ended = carried_out(book, desk, console, yes=yes, resume=resume, abort=abort, finish=finish)
    finally:
        subject.let_go()
    if ended.outcome in {"paused", "failed"} and managed_group.unguarded(ended.journal):
        console.print("[bold red]automatic failover may be off: go on with --resume, or take it back with --abort[/bold red]")
    sys.exit(0 if passed or ended.outcome == "undone" else 1)
