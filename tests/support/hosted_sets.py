"""Generated argument sets through the hosted provider, in process: what is registered, refused, and against the rules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.provider import server
from pulumi.provider.experimental.component import ComponentProvider

from pulumi_emulator import rules
from pulumi_emulator.handlers import HANDLERS
from pulumi_emulator.values import decode, reveal
from redis_ha.arguments import camel_case
from tests.support.argument_sets import ArgumentSet
from tests.support.pulumi_world import Monitor, run


def in_the_schemas_words(value: Any, free: Collection[str], *, names: bool = True) -> Any:
    """Spell argument names as other languages do; the keys below an argument of `free` are anybody's own, and stay."""
    if isinstance(value, list):
        return [in_the_schemas_words(entry, free) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        camel_case(key) if names else key: in_the_schemas_words(entry, free, names=not (names and key in free))
        for key, entry in value.items()
    }


def constructed(
    provider: ComponentProvider, token: str, one: ArgumentSet, free: Collection[str] = ("tags",)
) -> tuple[Monitor, list[str]]:
    """Construct as the engine does for another language; return what was registered and the refused arguments."""
    wire = struct_pb2.Struct()
    wire.update(in_the_schemas_words(one.args, free))

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    def program(received: Any) -> list[str]:
        try:
            provider.construct(f"set-{one.number}", token, received, pulumi.ResourceOptions())
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
