"""Turning a resource's properties into the parameters of AWS's API calls, declared as tables and typed by AWS's service model.

A table says for each property where it goes: a parameter ("CacheNodeType"), a place in one ("Config.Comment"), or one of the
forms below for what is nested. Types are not declared: a value becomes what botocore's service model wants at that place.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import botocore.session
    from botocore.model import OperationModel, Shape


Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Each:
    """A list of objects, each translated by a table of its own."""

    parameter: str
    fields: Mapping[str, Target]


@dataclass(frozen=True)
class Within:
    """One object translated by a table of its own; a list that holds at most one counts as that one."""

    parameter: str
    fields: Mapping[str, Target]


@dataclass(frozen=True)
class Through:
    """A value that a function turns into what the API wants there."""

    parameter: str
    function: Callable[[Any], Any]


@dataclass(frozen=True)
class Pairs:
    """A mapping that the API wants as a list of pairs: {"Key": ..., "Value": ...} unless named otherwise."""

    parameter: str
    key: str = "Key"
    value: str = "Value"


@dataclass(frozen=True)
class Alike:
    """A structure whose members are named as the API's at every depth, but for case; `others` are the exceptions."""

    parameter: str
    others: Mapping[str, str] = field(default_factory=dict)


Target = str | Alike | Each | Within | Through | Pairs


@dataclass(frozen=True)
class Request:
    """One call of AWS's API."""

    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """An API call and which property fills which of its parameters; `fixed` ones are always sent."""

    service: str
    operation: str
    properties: Mapping[str, Target] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def request(self, values: Properties, **more: Any) -> Request:
        """Return the call that carries these property values; `more` are parameters that no property decides."""
        model = operation(self.service, self.operation)
        parameters = translated(self.properties, values, _input(model))
        return Request(self.service, self.operation, {**self.fixed, **parameters, **more})


@functools.cache
def operation(service: str, name: str) -> OperationModel:
    """Return AWS's own description of an API call."""
    return _session().get_service_model(service).operation_model(name)


@functools.cache
def _session() -> botocore.session.Session:
    import botocore.session  # noqa: PLC0415 - programs without AWS never load it

    return botocore.session.Session()


def _input(model: OperationModel) -> Shape:
    if model.input_shape is None:
        raise AssertionError(f"{model.name} takes no parameters")
    return model.input_shape


def translated(table: Mapping[str, Target], values: Properties, shape: Shape) -> dict[str, Any]:
    """Return the API's parameters of these values; properties without a value, and empty mappings, are left out."""
    parameters: dict[str, Any] = {}
    for name, target in table.items():
        value = values.get(name)
        if value is None or value == {}:
            continue
        path = target if isinstance(target, str) else target.parameter
        place, inner = _place(shape, path)
        converted = _converted(target, value, inner)
        if converted is not None:
            _put(parameters, place, converted)
    return parameters


def _place(shape: Shape, path: str) -> tuple[list[str], Shape]:
    """Return the words of a path and the shape at its end; a word in brackets, "A[].B", is in the only member of a list."""
    words = path.split(".") if path else []
    for word in words:
        shape = shape.members[word.removesuffix("[]")]  # type: ignore[attr-defined]
        if word.endswith("[]"):
            shape = shape.member  # type: ignore[attr-defined]
    return words, shape


def _put(parameters: dict[str, Any], words: list[str], value: Any) -> None:
    if not words:
        parameters |= value
        return
    *outer, last = words
    for word in outer:
        if word.endswith("[]"):
            parameters = parameters.setdefault(word.removesuffix("[]"), [{}])[0]
        else:
            parameters = parameters.setdefault(word, {})
    parameters[last] = value


def _converted(target: Target, value: Any, shape: Shape) -> Any:
    if isinstance(target, Each):
        return [translated(target.fields, item, shape.member) for item in value]  # type: ignore[attr-defined]
    if isinstance(target, Within):
        one = value[0] if isinstance(value, list) and value else value
        return translated(target.fields, one, shape) if one else None
    if isinstance(target, Through):
        return target.function(value)
    if isinstance(target, Alike):
        return _alike(value, shape, target.others)
    if isinstance(target, Pairs):
        return [{target.key: key, target.value: typed(text, shape.member.members[target.value])} for key, text in value.items()]  # type: ignore[attr-defined]
    return typed(value, shape)


def _alike(value: Any, shape: Shape, others: Mapping[str, str]) -> Any:
    if shape.type_name == "list" and isinstance(value, list):
        return [_alike(item, shape.member, others) for item in value]  # type: ignore[attr-defined]
    if shape.type_name != "structure":
        return typed(value, shape)
    members = {name.lower(): name for name in shape.members}  # type: ignore[attr-defined]
    places = {name: members[others.get(name, name).lower()] for name in value}
    return {
        places[name]: _alike(item, shape.members[places[name]], others)  # type: ignore[attr-defined]
        for name, item in value.items()
        if item is not None
    }


def from_api(value: Any, others: Mapping[str, str] | None = None) -> Any:
    """Return a structure of the API's with Pulumi's names: the reverse of `Alike`; `others` by the API's name."""
    named = others or {}
    if isinstance(value, list):
        return [from_api(item, named) for item in value]
    if isinstance(value, Mapping):
        return {named.get(key, key[0].lower() + key[1:]): from_api(item, named) for key, item in value.items()}
    return value


def typed(value: Any, shape: Shape) -> Any:
    """Return a value in the type that the service model wants; the bridge takes numbers as text and text as numbers."""
    kind = shape.type_name
    if kind == "list":
        return [typed(item, shape.member) for item in value]  # type: ignore[attr-defined]
    if kind == "map":
        return {str(key): typed(item, shape.value) for key, item in value.items()}  # type: ignore[attr-defined]
    return _SCALARS[kind](value) if kind in _SCALARS else value


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "boolean": _flag,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "string": _text,
}


def api_json(value: Any) -> str:
    """Return a document that may be given as text or as an object as text."""
    return value if isinstance(value, str) else json.dumps(value)
