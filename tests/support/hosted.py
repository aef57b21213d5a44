"""The components as programs in other languages use them: their schema, and arguments as they come over the wire."""

from __future__ import annotations

import functools
import json
import runpy
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.provider import server
from pulumi.runtime import rpc

from redis_ha.arguments import camel_case
from redis_ha.hosted import CheckedProvider
from tests.support.pulumi_world import Monitor, run

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
PACKAGE = "redis-ha"


@functools.cache
def provider() -> CheckedProvider:
    """Return the provider of all components, as their host makes it; it keeps nothing of what it constructs."""
    host = runpy.run_path(str(COMPONENTS / "__main__.py"), run_name="hosted")
    assert host["NAME"] == PACKAGE
    made: CheckedProvider = host["provider"]()
    return made


def token(component: str) -> str:
    return f"{PACKAGE}:index:{component}"


@functools.cache
def schema() -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(provider().schema or "{}")
    return found


def secret(value: Any) -> dict[str, Any]:
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def nested_output(value: Any = ..., *, is_secret: bool = False) -> dict[str, Any]:
    """An Output inside an argument as SDKs send it to a hosted component; without a value it is not known yet."""
    known = {} if value is ... else {"value": value}
    return {rpc._special_sig_key: rpc._special_output_value_sig, **known, "secret": is_secret, "dependencies": []}


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
    component: str, arguments: Mapping[str, Any], *, known: bool = True
) -> tuple[Monitor, dict[str, tuple[Any, bool, bool]]]:
    """Construct; return what was registered and the outputs. What is wrong is raised as the engine gets it."""

    def program(received: Any) -> Any:
        return provider().construct("hosted", token(component), received, pulumi.ResourceOptions()).state

    return _with_inputs(arguments, program, known=known)


def refusals(component: str, name: str, arguments: Mapping[str, Any]) -> tuple[Monitor, list[str]]:
    """Construct; return what was registered and the refused arguments, as the engine names them."""

    def program(received: Any) -> list[str]:
        try:
            provider().construct(name, token(component), received, pulumi.ResourceOptions())
        except pulumi.InputPropertiesError as error:
            return refused_by(error)
        except pulumi.InputPropertyError as error:  # what the schema itself asks for
            return [error.property_path]
        return []

    return _with_inputs(arguments, program)


def refused_by(error: BaseException) -> list[str]:
    """Return the arguments that an error names; any other error is raised."""
    if not isinstance(error, pulumi.InputPropertiesError):
        raise error
    return [problem["property_path"] for problem in error.errors or []]


def _with_inputs(arguments: Mapping[str, Any], program: Callable[[Any], Any], *, known: bool = True) -> tuple[Monitor, Any]:
    """Run a program with what the engine sends for another language: inputs come as a Struct, numbers as floats."""
    wire = struct_pb2.Struct()
    wire.update(arguments)

    async def prepare() -> Any:
        return await server.ProviderServicer._construct_inputs(wire, {})

    return run(program, known=known, prepare=prepare)
