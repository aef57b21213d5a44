"""Who says that a run may begin: the stack's name, typed by a person, or --yes."""

from __future__ import annotations

import re
import sys

import click

from redis_ha_ops.errors import OpsError

# A real stack that has one of these words in its name is begun by a person alone.
PROTECTED = frozenset({"prod", "production", "live"})


def is_protected(stack: str, *, emulated: bool) -> bool:
    """Tell whether a stack is protected by its name."""
    return not emulated and not PROTECTED.isdisjoint(re.split(r"[^a-z]+", stack.lower()))


def refuse_unasked(stack: str, *, emulated: bool, yes: bool) -> None:
    """OpsError when nobody can be asked, or --yes is not enough. Called before anything is looked at."""
    if yes and is_protected(stack, emulated=emulated):
        raise OpsError(
            f"stack {stack} is a real one and protected by its name: leave --yes out, and type the name when asked. "
            "Nothing was touched"
        )
    if not yes and not sys.stdin.isatty():
        raise OpsError("nobody is there to be asked (standard input is no terminal): say --yes. Nothing was touched")


def confirm(stack: str, *, yes: bool) -> None:
    """Ask for the stack's name; OpsError when it is not typed."""
    if not yes and click.prompt("Type the stack's name to go on").strip() != stack:
        raise OpsError("that is another name; nothing was touched")
