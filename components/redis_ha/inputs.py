"""What all components share of Pulumi: which arguments have to be known now, and errors in the engine's own form."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pulumi
from pulumi.output import Unknown

from .arguments import InvalidArgumentsError, camel_case


def known_now(what: str, args: Mapping[str, Any], may_be_known_later: Collection[str]) -> None:
    """Refuse Outputs where the shape of the component depends on the value. Raises InvalidArgumentsError."""
    later = [argument for argument, value in args.items() if argument not in may_be_known_later and holds_output(value)]
    if later:
        reason = "is an Output, but it has to be known when the program runs: give a plain value"
        raise InvalidArgumentsError(what, [(argument, reason) for argument in later])


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
