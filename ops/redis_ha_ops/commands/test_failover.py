"""`redis-ha drill test-failover`: AWS's TestFailover on one shard of an ElastiCache group, watched from all sides."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from redis_ha_ops import automation, cloud, group, managed
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.commands.of_runbooks import carried_out, refuse, report_options, report_paths, run_options, teller
from redis_ha_ops.drill import failover, failover_evidence, failover_report, report
from redis_ha_ops.drill.checklist import checklist
from redis_ha_ops.drill.run import Plan
from redis_ha_ops.drill.subject import Drill
from redis_ha_ops.inside import run_inside
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.ranges import Range
from redis_ha_ops.runbook import places
from redis_ha_ops.runbook.journal import Journal, Outcome

BLOCK = "elasticache"

# Outputs with names of alarms: of the group, and of what watches over it.
ALARMS = ("elasticache_alarm_names", "failover_alarm_names")


@click.command("test-failover")
@stack_options
@click.option("--group", "group_id", metavar="ID", help="The replication group. Default: the stack's.")
@click.option("--shard", default="0001", show_default=True, metavar="NUMBER", help="The node group, as AWS numbers it.")
@click.option("--rate", type=Range(1, 500), default=Plan.rate, show_default=True, help="Writes a second.")
@click.option(
    "--seconds",
    type=Range(5, 3600),
    default=Plan.seconds,
    show_default=True,
    help="How long to write after the call; longer while writes have not recovered.",
)
@click.option("--no-measure", is_flag=True, help="Write nothing: for a place from which the cache is not reached.")
@report_options
@run_options
@click.pass_obj
def test_failover_command(  # noqa: PLR0913 - click hands over every option
    call: Call,
    /,
    *,
    stack: str,
    emulated: bool | None,
    program: Path,
    group_id: str | None,
    shard: str,
    rate: float,
    seconds: float,
    no_measure: bool,
    output: Path | None,
    html: Path | None,
    force: bool,
    yes: bool,
    resume: bool,
    abort: bool,
) -> None:
    """Let AWS fail over one shard of an ElastiCache group under load, follow it, and report what was seen.

    Calls TestFailover, which AWS offers for tests, for at most 15 node groups in 24 hours. A node is lost and replaced. Run it
    where the cache is reached: two writers and a health check run beside it.

    Exit code 0: passed. 1: not passed, paused, or failed; the report says what was seen. 2: did not start, nothing was touched.
    """
    on_this_machine = is_emulated(stack, emulated)
    refuse(stack, emulated=on_this_machine, yes=yes, resume=resume, abort=abort)
    json_path, html_path = report_paths("test-failover", output, html, force=force)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    found, region = group.group_of_stack(stack, outputs, group_id)
    made = managed.managed_of(stack, outputs, emulated=on_this_machine)
    followed = automation.automation_of(stack, outputs, found)
    if on_this_machine and call.outside is None:
        arguments = [*call.arguments, "--output", str(json_path), "--html", str(html_path)]
        sys.exit(run_inside(arguments, stack=stack, program=program, on="aws", outputs=outputs))
    calls = cloud.calls_of(stack, program, emulated=on_this_machine)
    console = Console()
    drill = Drill(
        ask=calls,
        name=stack,
        managed=made,
        group_id=found,
        shard=shard.zfill(4),
        region=region,
        now=lambda: datetime.now(UTC),
        rate=rate,
        seconds=seconds,
        measure=not no_measure,
        automation=followed,
        alarms=[str(name) for output in ALARMS for name in outputs.get(output) or []],
    )
    book = failover.runbook(drill)
    desk = places.aws_desk(calls, stack, BLOCK, region, program, teller(console))
    passed = False

    def finish(journal: Journal, outcome: Outcome) -> str | None:
        nonlocal passed
        drill.let_go()
        if outcome == "undone" or journal.state("call") is None:
            return None  # nothing happened that could be reported
        seen, events = failover_evidence.evidence(drill, journal.facts)
        made = failover_report.report_of(
            failover_report.TEST,
            book,
            journal,
            outcome,
            checklist(seen),
            measured=seen.measured,
            events=events,
            emulated=on_this_machine,
        )
        report.write_json(json_path, made)
        report.write(html_path, failover_report.render(made, failover_report.TEST))
        failover_report.print_summary(made, console)
        console.print(f"  report  {json_path}\n  page    {html_path}", highlight=False, soft_wrap=True)
        passed = made["verdict"]["passed"]
        return str(json_path)

    try:
        ended = carried_out(book, desk, console, yes=yes, resume=resume, abort=abort, finish=finish)
    finally:
        drill.let_go()
    sys.exit(0 if passed or ended.outcome == "undone" else 1)
