"""Generated argument sets through the hosted provider, in process: accepted ones give a plan without a fault, others name why.

What a valid plan is, the emulated provider's rule tables say, each row with its source; the component does not know them.
"""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path
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
from tests.support.elasticache_sets import ArgumentSet, argument_sets
from tests.support.pulumi_world import Monitor, run

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
TOKEN = "redis-ha:index:ElastiCacheHaGroup"
SETS = 540
CHUNK = 60


@pytest.fixture(scope="module")
def provider() -> ComponentProvider:
    found = runpy.run_path(str(COMPONENTS / "__main__.py"), run_name="hosted")
    return ComponentProvider(found["COMPONENTS"], found["NAME"])


def constructed(provider: ComponentProvider, one: ArgumentSet) -> tuple[Monitor, list[str]]:
    """Construct as the engine does for another language; return what was registered and the refused arguments."""
    wire = struct_pb2.Struct()
    wire.update({camel_case(name): value for name, value in one.args.items()})

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    def program(received: Any) -> list[str]:
        try:
            provider.construct(f"set-{one.number}", TOKEN, received, pulumi.ResourceOptions())
        except server.ComponentInitError as error:
            if isinstance(error.inner, pulumi.InputPropertiesError):
                return [problem["property_path"] for problem in error.inner.errors or []]
            raise
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
def test_every_set_gives_a_valid_plan_or_a_named_argument(provider: ComponentProvider, start: int) -> None:
    outcomes: Counter[str] = Counter()
    for one in argument_sets(SETS)[start : start + CHUNK]:
        monitor, refused = constructed(provider, one)
        if one.wrong is None:
            assert refused == [], one
            assert faults(monitor) == [], one
            assert monitor.names("ReplicationGroup"), one
        else:
            assert camel_case(one.wrong) in refused, one
            assert monitor.order == [], one
        outcomes["accepted" if one.wrong is None else "refused"] += 1
    assert set(outcomes) == {"accepted", "refused"}
