"""The command line: what the user says, checked and handed to the parts that do it."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from . import cloud, drawing, managed, preview_report, status, traffic, tunnel, world
from .asking import Dial, directly
from .drill import ledger, page, report, run
from .drill.load import PROBE
from .drill.run import Plan, Record
from .errors import OpsError
from .inside import Outside, PowerOutside, run_inside
from .power import DropletPower, EmulatedPower
from .stack import Stack, is_emulated, read_outputs, stack_of

BLOCKS = ("sentinel", "elasticache", "global", "traffic")  # what `status` shows of a stack
USER_ERROR = 2  # also "could not look" and "did not start"

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Call:
    """This run: its arguments as typed, and the line to the first process when this is the second one (inside.py)."""

    arguments: Sequence[str] = ()
    outside: Outside | None = None
    _outputs: dict[str, Any] = field(default_factory=dict, repr=False)

    def enter(self, path: str) -> None:
        """Become the second process: take over the first one's folder, environment and what it read."""
        self.outside = Outside(path)
        told = self.outside.ask(want="outputs")
        os.environ.update(told["environment"])
        os.chdir(told["directory"])
        self._outputs = told["outputs"]

    def outputs(self, name: str, *, emulated: bool, program: Path) -> dict[str, Any]:
        """Read the stack's outputs, or take those that the first process read."""
        return self._outputs if self.outside else read_outputs(name, emulated=emulated, program=program)

    def stack(self, name: str, *, emulated: bool, program: Path) -> tuple[Stack, dict[str, Any]]:
        """Read the stack's outputs and check them."""
        outputs = self.outputs(name, emulated=emulated, program=program)
        return stack_of(name, outputs, emulated=emulated), outputs


def stack_options(command: Command) -> Command:
    """Add the options by which every subcommand names a stack."""
    options = (
        click.option("--stack", required=True, metavar="NAME", help="The stack's name."),
        click.option(
            "--emulated/--no-emulated",
            default=None,
            help="The stack on this machine, not the real one. Default: emulated for the stack 'local' only.",
        ),
        click.option(
            "--program",
            default=".",
            type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
            show_default=True,
            help="The folder of the Pulumi program.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="redis-ha-ops", prog_name="redis-ha")
@click.option("--inside", hidden=True, metavar="SOCKET", help="Used by redis-ha itself.")
@click.pass_obj
def cli(call: Call, inside: str | None) -> None:
    """See a redis-ha stack, break it on purpose, and measure what that costs."""
    if inside:
        call.enter(inside)


@cli.command("status")
@stack_options
@click.option("--raw", is_flag=True, help="Also show every answer that was read, unjudged.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object on standard output.")
@click.option(
    "--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Look again until it is healthy, at most so long."
)
@click.option("--via", metavar="USER@HOST", help="Reach the private nodes through this machine, by ssh (Sentinel topology).")
@click.option(
    "--block",
    type=click.Choice(BLOCKS),
    help="Only this one of a stack that has several. Default: every one it has.",
)
@click.pass_obj
def status_command(  # noqa: PLR0913, PLR0917 - click hands over every option
    call: Call,
    stack: str,
    emulated: bool | None,
    program: Path,
    raw: bool,
    as_json: bool,
    wait: float | None,
    via: str | None,
    block: str | None,
) -> None:
    """Draw the topology as the Sentinels and the nodes see it, or an ElastiCache group as its endpoints show it.

    A Global Datastore, and what blue and green get of the traffic, are drawn as AWS's API tells.

    Exit code 0: healthy. 1: degraded, or a disagreement. 2: could not look.
    """
    if via:
        tunnel.check_via(via)
    on_this_machine = is_emulated(stack, emulated)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    blocks = [block] if block else blocks_of(outputs)
    if as_json and len(blocks) > 1:
        raise OpsError(f"stack {stack} has {' and '.join(blocks)}, and --json shows one: say --block {blocks[0]}, for instance")
    if via and "sentinel" not in blocks:
        raise OpsError("--via reaches the nodes of a Sentinel topology; run this where the cache's endpoint names lead to it")
    places = {"sentinel": "public" if via else "client", "elasticache": "aws"}
    codes = []
    for one in blocks:
        if on_this_machine and call.outside is None and one in places:
            arguments = [*call.arguments, "--block", one]
            codes.append(run_inside(arguments, stack=stack, program=program, on=places[one], outputs=outputs))
        elif one in {"global", "traffic"}:
            ask = cloud.ask_of(stack, program, emulated=on_this_machine)
            show = _global_status if one == "global" else _traffic_status
            codes.append(show(stack, outputs, ask, emulated=on_this_machine, as_json=as_json, wait=wait))
        elif one == "elasticache":
            codes.append(_managed_status(stack, outputs, emulated=on_this_machine, as_json=as_json, wait=wait))
        else:
            seen_stack = stack_of(stack, outputs, emulated=on_this_machine)
            codes.append(_sentinel_status(seen_stack, via, raw=raw, as_json=as_json, wait=wait))
    sys.exit(max(codes))


def blocks_of(outputs: Mapping[str, Any]) -> list[str]:
    """Return what a stack has, by the outputs it exports; a stack without any is told so by the Sentinel topology's check."""
    found = [one for one in ("sentinel", "elasticache", "global") if f"{one}_connection" in outputs]
    if traffic.WEIGHTED in outputs or traffic.LIVE in outputs or traffic.has_listener(outputs):
        found.append("traffic")
    return found or ["sentinel"]


def _global_status(
    name: str, outputs: Mapping[str, Any], ask: cloud.Ask, *, emulated: bool, as_json: bool, wait: float | None
) -> int:
    made = world.world_of(name, outputs, emulated=emulated)
    seen = _seen(lambda: world.look(made, ask), wait)
    if as_json:
        click.echo(json.dumps(world.as_json(made, seen), indent=2))
    else:
        world.draw(made, seen, Console())
    return seen.exit_code


def _traffic_status(
    name: str, outputs: Mapping[str, Any], ask: cloud.Ask, *, emulated: bool, as_json: bool, wait: float | None
) -> int:
    seen = _seen(lambda: traffic.look(name, outputs, ask), wait)
    if as_json:
        click.echo(json.dumps(traffic.as_json(name, seen, emulated=emulated), indent=2))
    else:
        traffic.draw(name, seen, Console(), emulated=emulated)
    return seen.exit_code


def _seen(again: Callable[[], status.AnyLook], wait: float | None) -> status.AnyLook:
    return again() if wait is None else status.wait_until_healthy(again, wait, Console(stderr=True))


def _managed_status(name: str, outputs: Mapping[str, Any], *, emulated: bool, as_json: bool, wait: float | None) -> int:
    group = managed.managed_of(name, outputs, emulated=emulated)
    seen = _seen(lambda: managed.look(group), wait)
    if as_json:
        click.echo(json.dumps(managed.as_json(group, seen), indent=2))
    else:
        managed.draw(group, seen, Console())
    return seen.exit_code


def _sentinel_status(stack: Stack, via: str | None, *, raw: bool, as_json: bool, wait: float | None) -> int:
    with dialling(stack, via) as dial:
        seen = _seen(lambda: status.look(stack, dial), wait)
    if as_json:
        click.echo(json.dumps(drawing.as_json(seen.topology, seen.findings, stack), indent=2))
    else:
        console = Console()
        if raw:
            drawing.print_raw(seen.answers, console)
        drawing.draw(seen.topology, seen.findings, stack, console)
    return seen.exit_code


@cli.command("preview-report")
@click.argument("preview", required=False, type=click.File("r", encoding="utf-8"))
@click.option("--stack", metavar="NAME", help="The stack's name; without PREVIEW its preview is run.")
@click.option(
    "--emulated/--no-emulated",
    default=None,
    help="The stack on this machine, not the real one. Default: emulated for the stack 'local' only.",
)
@click.option(
    "--program",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    show_default=True,
    help="The folder of the Pulumi program.",
)
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object on standard output, not Markdown.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the Markdown there as well.")
def preview_report_command(
    preview: IO[str] | None,
    stack: str | None,
    emulated: bool | None,
    program: Path,
    as_json: bool,
    output: Path | None,
) -> None:
    """Say what a preview would destroy or weaken, why, and the right way instead.

    PREVIEW: the output of `pulumi preview --json`, a file or - for standard input. Without it --stack NAME is previewed: a real
    stack by the Pulumi CLI, an emulated one on this machine.

    Exit code 0: nothing dangerous. 3: something dangerous. 2: could not look, or the preview failed for another reason.
    """
    if preview is None and stack is None:
        raise OpsError(
            "say what to report on: a file with the output of `pulumi preview --json`, - for standard input, or --stack"
        )
    if preview is not None:
        plan = preview_report.read_plan(preview.read(), preview.name)
    else:
        plan = preview_report.run_preview(str(stack), program, emulated=is_emulated(str(stack), emulated))
    report_made = preview_report.judge(plan)
    markdown = preview_report.as_markdown(report_made, stack)
    if output is not None:
        try:
            output.write_text(markdown, encoding="utf-8")
        except OSError as error:
            raise OpsError(f"--output {output}: {error.strerror}") from None
    click.echo(json.dumps(preview_report.as_json(report_made, stack), indent=2) if as_json else markdown, nl=as_json)
    code = preview_report.exit_code(report_made)
    sys.exit(code or (USER_ERROR if report_made.errors else 0))


@cli.group("drill")
def drill_group() -> None:
    """Break a stack on purpose, under load, and report what it cost."""


@drill_group.command("kill-master")
@stack_options
@click.option("--rate", type=click.FloatRange(1, 500), default=Plan.rate, show_default=True, help="Writes a second.")
@click.option(
    "--seconds",
    type=click.FloatRange(5, 3600),
    default=Plan.seconds,
    show_default=True,
    help="How long to write after the cut; longer while writes have not recovered.",
)
@click.option("--output", type=click.Path(path_type=Path), help="The report (JSON). Default: reports/drill-<time>.json")
@click.option("--html", type=click.Path(path_type=Path), help="The report as a page. Default: beside the JSON file.")
@click.option("--force", is_flag=True, help="Overwrite reports of the same name.")
@click.option("--i-know-this-breaks-things", "knows", is_flag=True, help="Needed for a stack that is not emulated.")
@click.pass_obj
def kill_master_command(  # noqa: PLR0913, PLR0917 - click hands over every option
    call: Call,
    stack: str,
    emulated: bool | None,
    program: Path,
    rate: float,
    seconds: float,
    output: Path | None,
    html: Path | None,
    force: bool,
    knows: bool,
) -> None:
    """Cut the power of the current master under load, wait for its successor, and give the power back.

    A real stack needs --i-know-this-breaks-things, doctl logged in to its account, and a place from which the nodes' private
    addresses are reached.

    Exit code 0: recovered, and no acknowledged write was lost. 1: otherwise. 2: did not start, nothing was touched.
    """
    on_this_machine = is_emulated(stack, emulated)
    if not on_this_machine and not knows:
        raise OpsError(
            f"stack {stack} is a real one: a drill breaks it. Say --emulated for the one on this machine, "
            "or --i-know-this-breaks-things. Nothing was touched"
        )
    stem = time.strftime("drill-%Y%m%dT%H%M%SZ", time.gmtime())
    json_path = report.choose_path(output, ".json", force=force, stem=stem)
    html_path = report.choose_path(html or json_path.with_suffix(".html"), ".html", force=force, stem=stem)
    if json_path == html_path:
        raise OpsError(f"--output and --html are both {json_path}: give two names")
    seen_stack, outputs = call.stack(stack, emulated=on_this_machine, program=program)
    if on_this_machine and call.outside is None:
        machines = [slot.name for slot in seen_stack.of_kind("data")]
        # The paths were chosen here; the second process takes them as they are.
        arguments = [*call.arguments, "--output", str(json_path), "--html", str(html_path)]
        sys.exit(run_inside(arguments, stack=stack, program=program, on="client", outputs=outputs, machines=machines))
    fault = PowerOutside(call.outside, EmulatedPower(stack, program)) if call.outside else DropletPower(seen_stack)
    console = Console()
    with showing(console, Plan(rate=rate, seconds=seconds)) as tell:
        record = run.kill_master(seen_stack, directly, fault, Plan(rate=rate, seconds=seconds), tell)
    result = report.report_of(record)
    report.write_json(json_path, result)
    report.write(html_path, page.render(result))
    report.print_summary(result, console)
    console.print(f"  report  {json_path}\n  page    {html_path}", highlight=False, soft_wrap=True)
    sys.exit(0 if result["verdict"]["passed"] else 1)


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


@contextlib.contextmanager
def dialling(stack: Stack, via: str | None) -> Iterator[Dial]:
    """Yield how nodes are dialled from here."""
    if via is None:
        yield directly
        return
    with tunnel.forwarded(via, stack.slots, tunnel.EMULATED_OPTIONS if stack.emulated else ()) as dial:
        yield dial


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; every error that a user can cause is one line on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        cli.main(args=given, prog_name="redis-ha", obj=Call(given))
    except OpsError as error:
        click.echo(f"redis-ha: {error}", err=True)
        sys.exit(USER_ERROR)


def _end(number: int, _: FrameType | None) -> None:
    """SIGTERM runs the same clean-up as a normal end."""
    sys.exit(128 + number)
