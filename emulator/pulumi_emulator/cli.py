"""The command line of the emulator: which commands there are. A command's module is loaded when the command runs."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import NO_ROOM, without_room
from pulumi_emulator.garbage import collect_rarely
from pulumi_emulator.stacks import emulator_home

# Heading -> command -> the module that has it.
COMMANDS: Final[dict[str, dict[str, str]]] = {
    "Bring up and take down": {"preview": "change", "up": "change", "refresh": "change", "destroy": "change"},
    "Look": {"status": "show", "output": "output", "export": "export", "logs": "inside", "types": "types"},
    "Use": {"exec": "inside", "aws": "inside", "environment": "inside", "clock": "clock"},
    "Break and mend": {
        "power": "faults",
        "link": "faults",
        "freeze": "faults",
        "thaw": "faults",
        "pause": "faults",
        "stall": "faults",
        "fill-disk": "faults",
        "slow-mirror": "faults",
        "lock-apt": "faults",
        "kill": "faults",
        "zone": "faults",
    },
}
_ROOM: Final = "make room there, or set PULUMI_EMULATOR_HOME to a folder on another disk"
_OWNER: Final = "run the command as its owner, or set PULUMI_EMULATOR_HOME to a folder of your own"
REMEDIES: Final = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _ROOM, errno.EACCES: _OWNER, errno.EPERM: _OWNER}
MODULES: Final = {command: module for section in COMMANDS.values() for command, module in section.items()}


class Commands(click.Group):
    """The commands; a user's error is one line, never a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in the order of the help page."""
        del ctx
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        del ctx
        if cmd_name not in MODULES:
            return None
        module = import_module(f"pulumi_emulator.commands.{MODULES[cmd_name]}")
        found = [value for value in vars(module).values() if isinstance(value, click.Command) and value.name == cmd_name]
        return found[0]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by what they are for."""
        for heading, section in COMMANDS.items():
            with formatter.section(heading):
                rows = [
                    (name, command.get_short_help_str(limit=100))
                    for name in section
                    if (command := self.get_command(ctx, name))
                ]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except EmulatorError as error:
            for line in str(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:  # who read the output has ended; click ends quietly too
                raise
            click.echo(f"error: {of_the_system(error)}", err=True)
            ctx.exit(1)
        except RecursionError:
            click.echo("error: a stack file or a value is nested too deep; make it flatter", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            ctx.exit(1)


def of_the_system(error: OSError) -> str:
    """Return what is said of an error of the operating system: the file, what is wrong, what to do."""
    if error.errno in NO_ROOM and not error.filename:
        return f"{error.strerror}{_where_it_is_full()}"
    where = f"{error.filename}: " if error.filename else ""
    remedy = REMEDIES.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{remedy and f'; {remedy}'}"


def _where_it_is_full() -> str:
    """Return where a command had no room, and what to do."""
    places = {"PULUMI_EMULATOR_HOME": emulator_home(), "TMPDIR": Path(os.environ.get("TMPDIR") or "/tmp")}  # noqa: S108
    full = without_room(places.values())
    if not full:
        return f"; {' and '.join(map(str, places.values()))} have room: make some where the output goes"
    settings = " and ".join(name for name, folder in places.items() if folder in full)
    return f" in {' and '.join(map(str, full))}; make room there, or set {settings} to a folder on another disk"


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin in the folder of a Pulumi program with `preview --stack NAME`, which changes nothing and needs no root. "
    "`COMMAND --help` lists a command's options.",
)
def main() -> None:
    """Run Pulumi programs against cloud providers that are emulated on this machine."""
    collect_rarely()


if __name__ == "__main__":
    sys.exit(main())
