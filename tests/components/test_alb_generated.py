"""Generated argument sets of AlbBlueGreen through the hosted provider, in process: a plan without a fault, or a named argument.

What a valid plan is, the emulated provider's rule tables say, each row with its source; the component does not know them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.provider import server
from pulumi.provider.experimental.component import ComponentProvider

from pulumi_emulator import rules
from pulumi_emulator.handlers import HANDLERS
from pulumi_emulator.values import decode, reveal
from redis_ha.arguments import camel_case
from redis_ha.traffic.alb import AlbBlueGreen
from tests.support.alb_sets import ArgumentSet, argument_sets
from tests.support.pulumi_world import Monitor, run

TOKEN = "redis-ha:index:AlbBlueGreen"
SETS = 300
CHUNK = 50


@pytest.fixture(scope="module")
def provider() -> ComponentProvider:
    return ComponentProvider([AlbBlueGreen], "redis-ha")


def in_the_schemas_words(value: Any, *, names: bool) -> Any:
    """Spell argument names as other languages do; keys of a mapping of free names (tags, overrides) stay."""
    if isinstance(value, dict):
        return {
            camel_case(key) if names else key: in_the_schemas_words(entry, names=key not in {"tags", "overrides"})
            for key, entry in value.items()
        }
    return value


def constructed(provider: ComponentProvider, one: ArgumentSet) -> tuple[Monitor, list[str]]:
    """Construct as the engine does for another language; return what was registered and the refused arguments."""
    wire = struct_pb2.Struct()
    wire.update(in_the_schemas_words(one.args, names=True))

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    def program(received: Any) -> list[str]:
        try:
            provider.construct(f"set-{one.number}", TOKEN, received, pulumi.ResourceOptions())
        except server.ComponentInitError as error:
            if isinstance(error.inner, pulumi.InputPropertiesError):
                return [problem["property_path"] for problem in error.inner.errors or []]
            raise
        except pulumi.InputPropertyError as error:  # what the schema itself asks for
            return [error.property_path]
        return []

    return run(program, prepare=prepare)


def faults(monitor: Monitor) -> list[str]:
    """Return what the emulated providers would refuse of everything that was registered."""
    found = []
    for name in monitor.order:
        request = monitor.requests[name]
        package = request.type.split(":")[0]
        if package not in rules.PACKAGES:
            continue
        kind = rules.load(package)[request.type]
        inputs = rules.with_defaults(kind, decode(request.object))
        problems = [*rules.check(kind, inputs), *rules.check_exclusive(kind, inputs)]
        if not problems:
            plain = {key: reveal(value) for key, value in inputs.items() if key != rules.DEFAULTS_KEY}
            problems = HANDLERS[request.type].check(plain)
        found += [f"{request.type} {name}: {problem.property}: {problem.reason}" for problem in problems]
    return found


@pytest.mark.parametrize("start", range(0, SETS, CHUNK))
def test_every_alb_set_gives_a_valid_plan_or_a_named_argument(provider: ComponentProvider, start: int) -> None:
    outcomes: Counter[str] = Counter()
    for one in argument_sets(SETS)[start : start + CHUNK]:
        monitor, refused = constructed(provider, one)
        if one.wrong is None:
            assert refused == [], one
            assert faults(monitor) == [], one
            assert monitor.names("LoadBalancer"), one
        else:
            assert camel_case(one.wrong) in refused, (one, refused)
            assert monitor.order == [], one
        outcomes["accepted" if one.wrong is None else "refused"] += 1
    assert set(outcomes) == {"accepted", "refused"}
