"""`clock`: the time of a stack's emulated AWS, and how it is moved on."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from pulumi_emulator import aws
from pulumi_emulator.commands.options import PROGRAM_OPTION, STACK_OPTION, existing_stack
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.inspection import duration

SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+)([smhd]?)")
# Every minute in between is measured and evaluated.
LONGEST: Final = 7 * SECONDS["d"]


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=click.Choice(["show", "advance"]), default="show")
@click.argument("by", metavar="[DURATION]", required=False)
def clock(stack: str, program: Path, action: str, by: str | None) -> None:
    """Show the time of the emulated AWS, or advance it by 90, 90s, 25m, 2h or 1d: metrics, alarms, schedules follow."""
    folder = existing_stack(stack, program).path
    if action == "advance":
        if by is None:
            raise EmulatorError("clock advance needs a duration: 90 or 90s, 25m, 2h, 1d")
        aws.advance(folder, seconds(by))
    elif by is not None:
        raise EmulatorError(f"clock show takes no duration; to move the time on: clock advance {by}")
    click.echo(told(*aws.account_time(folder)))


def seconds(text: str) -> int:
    """Return a duration in seconds; EmulatorError when it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise EmulatorError(f"duration {text!r}: give seconds, or a number with s, m, h or d, as 25m")
    length = int(found[1]) * SECONDS[found[2]]
    if length > LONGEST:
        raise EmulatorError(f"duration {text!r}: the time is moved on by 7d at most, in one go")
    return length


def told(time: datetime, ahead: float) -> str:
    """Return a time of the account in words."""
    shown = f"{time:%Y-%m-%d %H:%M:%S} UTC"
    return f"{shown}, {duration(round(ahead))} ahead of this computer" if round(ahead) else f"{shown}, as on this computer"
