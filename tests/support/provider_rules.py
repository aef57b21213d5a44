"""What the emulated providers would refuse of what a component registers: their rule tables, each row with its source."""

from __future__ import annotations

from typing import Any

from pulumi_emulator import rules
from pulumi_emulator.handlers import HANDLERS
from pulumi_emulator.values import decode, reveal
from tests.support.pulumi_world import Monitor


def faults(monitor: Monitor) -> list[str]:
    """Return what would be refused of everything that was registered."""
    found = []
    for name in monitor.order:
        request = monitor.requests[name]
        if request.type.split(":")[0] in rules.PACKAGES:
            found += [f"{request.type} {name}: {problem}" for problem in faults_of(request.type, decode(request.object))]
    return found


def faults_of(token: str, inputs: dict[str, Any]) -> list[str]:
    """Return what would be refused of the inputs of one resource."""
    kind = rules.load(token.split(":", maxsplit=1)[0])[token]
    inputs = rules.with_defaults(kind, inputs)
    problems = [*rules.check(kind, inputs), *rules.check_exclusive(kind, inputs)]
    if not problems:
        plain = {key: reveal(value) for key, value in inputs.items() if key != rules.DEFAULTS_KEY}
        problems = HANDLERS[token].check(plain)
    return [f"{problem.property}: {problem.reason}" for problem in problems]
