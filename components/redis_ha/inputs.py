"""What all components share of Pulumi: arguments that have to be known now, outputs, errors in the engine's own form."""

import types
import typing
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pulumi
from pulumi.output import Unknown

from .arguments import InvalidArgumentsError, camel_case, no_such_argument


def known_now(what: str, args: Mapping[str, Any], declared: type) -> None:
    """Refuse Outputs where the shape of the component depends on the value. Raises InvalidArgumentsError.

    `declared` is the TypedDict of the arguments: a value may be known later where its annotation is `pulumi.Input[...]`.
    Everything else decides which resources there are, and Pulumi previews nothing that hangs on a value not known yet.
    """
    problems = list(_too_late(declared, args, ""))
    if problems:
        raise InvalidArgumentsError(what, problems)


def _too_late(declared: object, value: object, path: str) -> Iterator[tuple[str, str]]:
    kinds = list(_kinds(declared))
    if _admits_outputs(kinds):
        return
    each = next((typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is Sequence), None)
    if isinstance(value, pulumi.Output | Unknown):
        remedy = "give a plain list, whose entries may be Outputs" if _admits_outputs(_kinds(each)) else "give a plain value"
        yield path, f"is an Output, but it has to be known when the program runs: {remedy}"
    elif isinstance(value, Mapping):
        named = {name: kind for one in kinds if typing.is_typeddict(one) for name, kind in one.__annotations__.items()}
        every = next((typing.get_args(kind)[1] for kind in kinds if typing.get_origin(kind) is Mapping), None)
        for name, entry in value.items():
            at = f"{path}.{name}" if path else str(name)
            if name in named or every is not None:
                yield from _too_late(named.get(name, every), entry, at)
            elif holds_output(entry):  # of a name that there is not; plain values of such names are refused with all the rest
                yield at, no_such_argument(str(name), named)
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(value):
            yield from _too_late(each, entry, f"{path}[{number}]")


def _admits_outputs(kinds: Iterable[object]) -> bool:
    """Tell whether this is an Input[T]: T, an awaitable T or an Output of T. Nothing else here is awaitable."""
    return any(typing.get_origin(kind) is Awaitable for kind in kinds)


def _kinds(declared: object) -> Iterator[Any]:
    """Yield what an annotation allows: the parts of a union, also within NotRequired."""
    origin = typing.get_origin(declared)
    if origin in {typing.Union, types.UnionType, typing.NotRequired, typing.Required}:
        for part in typing.get_args(declared):
            yield from _kinds(part)
    else:
        yield declared


def outputs_of(component: pulumi.ComponentResource) -> dict[str, pulumi.Output[Any]]:
    """Return what a component exports: everything that its class annotates as an Output, in the schema's names."""
    annotated = {
        name: kind for one in reversed(type(component).__mro__) for name, kind in vars(one).get("__annotations__", {}).items()
    }
    return {
        camel_case(name): getattr(component, name)
        for name, kind in annotated.items()
        if typing.get_origin(kind) is pulumi.Output
    }


def once(values: Sequence[Any]) -> dict[int, Any]:
    """Return the entries of a list by their place, each text and each Output once. What is not known yet is never the same."""
    found: dict[Any, int] = {}
    for index, value in enumerate(values):
        told_by = id(value) if isinstance(value, pulumi.Output) else value if isinstance(value, str) else (index,)
        found.setdefault(told_by, index)
    return {index: values[index] for index in found.values()}


def holds_output(value: object) -> bool:
    """Tell whether a value is, or holds, an Output, or what a hosted component gets for a value that is not known yet."""
    if isinstance(value, Mapping):
        return any(holds_output(entry) for entry in value.values())
    if isinstance(value, list | tuple):
        return any(holds_output(entry) for entry in value)
    return isinstance(value, pulumi.Output | Unknown)


@contextmanager
def as_input_errors() -> Iterator[None]:
    """Turn InvalidArgumentsError into pulumi.InputPropertiesError, which the engine shows property by property."""
    try:
        yield
    except InvalidArgumentsError as error:
        details: list[Any] = [{"property_path": camel_case(argument), "reason": reason} for argument, reason in error.problems]
        raise pulumi.InputPropertiesError(str(error), details) from None
