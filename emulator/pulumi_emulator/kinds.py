"""Which resource types are emulated, and by what: the table of `python -m pulumi_emulator types`."""

from __future__ import annotations

from typing import Final

from pulumi_emulator.handlers import HANDLERS
from pulumi_emulator.type_names import type_name

MOTO: Final = "on moto"
OWN: Final = "on our own AWS"
SELF: Final = "by the emulator itself"
RULES: Final = "on rules only"


def by_emulation() -> dict[str, list[str]]:
    """Return the types by what emulates them.

    `on moto`: its API call is answered by moto. `on our own AWS`: by handlers of ours on the same endpoint. `by the emulator
    itself`: no API is behind it (machines, networks, random values, keys). `on rules only`: checked and recorded, nothing else.
    """
    names = {"moto": MOTO, "own": OWN, "self": SELF, "rules": RULES}
    found: dict[str, list[str]] = {MOTO: [], OWN: [], SELF: [], RULES: []}
    for token, handler in sorted(HANDLERS.items()):
        found[names[handler.emulated_by]].append(type_name(token))
    return found
