"""`redis-ha preview-report`: what a preview would destroy or weaken."""

import json
import sys
from pathlib import Path
from typing import IO

import click

from redis_ha_ops import preview_report
from redis_ha_ops.errors import USER_ERROR, OpsError
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.plan_shape import read_plan


@click.command("preview-report")
@click.argument("preview", required=False, type=click.File("rb"))
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
    preview: IO[bytes] | None,
    stack: str | None,
    emulated: bool | None,
    program: Path,
    as_json: bool,
    output: Path | None,
) -> None:
    """Say what a preview would destroy or weaken, why, and the right way instead.

    PREVIEW: the output of `pulumi preview --json`, a file or - for standard input. Without it --stack NAME is previewed: a real
    stack by the Pulumi CLI, an emulated one on this machine.

    Exit code 0: nothing dangerous. 3: something dangerous. 2: the plan could not be read or understood, or the preview failed.
    """
    if preview is None and stack is None:
        raise OpsError(
            "say what to report on: a file with the output of `pulumi preview --json`, - for standard input, or --stack"
        )
    if preview is not None:
        plan = read_plan(preview.read(), getattr(preview, "name", "standard input"))
    else:
        click.echo(f"previewing stack {stack}", err=True)
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
