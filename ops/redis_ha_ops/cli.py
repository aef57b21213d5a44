"""The command line: what the user says, checked and handed to the parts that do it."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click
from rich.console import Console

from . import drawing, status, tunnel
from .asking import Dial, directly
from .errors import OpsError
from .inside import Outside, run_inside
from .stack import Stack, is_emulated, read_outputs, stack_of

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

    def stack(self, name: str, *, emulated: bool, program: Path) -> tuple[Stack, dict[str, Any]]:
        """Read the stack's outputs (or take those that the first process read) and check them."""
        outputs = self._outputs if self.outside else read_outputs(name, emulated=emulated, program=program)
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
@click.option("--via", metavar="USER@HOST", help="Reach the private nodes through this machine, by ssh.")
@click.pass_obj
def status_command(
    call: Call,
    stack: str,
    emulated: bool | None,
    program: Path,
    raw: bool,
    as_json: bool,
    wait: float | None,
    via: str | None,
) -> None:
    """Draw the topology as the Sentinels and the nodes see it.

    Exit code 0: healthy. 1: degraded, or a disagreement. 2: could not look.
    """
    if via:
        tunnel.check_via(via)
    on_this_machine = is_emulated(stack, emulated)
    seen_stack, outputs = call.stack(stack, emulated=on_this_machine, program=program)
    if on_this_machine and call.outside is None:
        on = "public" if via else "client"
        sys.exit(run_inside(call.arguments, stack=stack, program=program, on=on, outputs=outputs))
    with dialling(seen_stack, via) as dial:
        if wait is None:
            seen = status.look(seen_stack, dial)
        else:
            seen = status.wait_until_healthy(lambda: status.look(seen_stack, dial), wait, Console(stderr=True))
    if as_json:
        click.echo(json.dumps(drawing.as_json(seen.topology, seen.findings, seen_stack), indent=2))
    else:
        console = Console()
        if raw:
            drawing.print_raw(seen.answers, console)
        drawing.draw(seen.topology, seen.findings, seen_stack, console)
    sys.exit(seen.exit_code)


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
