"""The command line: which subcommands there are. A subcommand's module is loaded when it runs."""

import errno
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Any

import click

from .call import Call
from .errors import USER_ERROR, OpsError

_ROOM = "; make room there"
_OWNER = "; run the command as its owner"
REMEDIES = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _ROOM, errno.EACCES: _OWNER, errno.EPERM: _OWNER}
# Subcommand -> the module that has it.
MODULES = {
    "status": "status",
    "drill": "drill",
    "preview-report": "preview_report",
    "switch": "switch",
    "history": "history",
    "forget": "forget",
    "destroy": "destroy",
}


class Subcommands(click.Group):
    """The subcommands, in the order in which a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one."""
        del ctx
        if cmd_name not in MODULES:
            return None
        module = import_module(f"redis_ha_ops.commands.{MODULES[cmd_name]}")
        return next(value for value in vars(module).values() if isinstance(value, click.Command) and value.name == cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run one; what the operating system refuses, and Ctrl-C, end it with a line. Click would end it with 1, "degraded"."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # who read the output has ended; click ends quietly too
                raise
            where = f"{error.filename}: " if error.filename else ""
            remedy = REMEDIES.get(error.errno or 0, "")
            raise OpsError(f"{where}{error.strerror or error}{remedy}") from error
        except RecursionError as error:
            raise OpsError("a file or an answer is nested too deep") from error
        except KeyboardInterrupt as error:
            raise OpsError("interrupted") from error


@click.group(
    cls=Subcommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `redis-ha status --stack NAME`, which only looks. `redis-ha COMMAND --help` lists a command's options.",
)
@click.version_option(package_name="redis-ha-ops", prog_name="redis-ha")
@click.option("--inside", hidden=True, metavar="SOCKET", help="Used by redis-ha itself.")
@click.pass_obj
def cli(call: Call, inside: str | None) -> None:
    """See a redis-ha stack, break it on purpose, and measure what that costs."""
    if inside:
        call.enter(inside)


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
