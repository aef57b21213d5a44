"""Checking a document against its packaged JSON Schema, with errors in our own words that repeat no secret."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .errors import DocumentError


def schema(name: str) -> dict[str, Any]:
    """Return the packaged JSON Schema of "connection", "credentials" or "endpoints"."""
    text = files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _validator(name: str, form: str | None) -> Draft202012Validator:
    """One form alone: the problems of a `oneOf` would tell of all forms that were not meant."""
    whole = schema(name)
    return Draft202012Validator(whole if form is None else {"$ref": f"#/$defs/{form}", "$defs": whole["$defs"]})


def check(name: str, form: str | None, data: Mapping[str, Any], *, show_values: bool, where: str | None = None) -> None:
    """Raise DocumentError with every problem of `data`.

    name: the schema's, and what errors call the document, with the way to a part of it; `where` calls it by another name.
    form: one of the schema's `$defs`; None for the whole schema. show_values: whether errors may repeat values.
    """
    problems = sorted(
        _validator(name.split(".", 1)[0], form).iter_errors(_plain(data)),
        key=lambda problem: [str(step) for step in problem.absolute_path],
    )
    if problems:
        # jsonschema reports each missing key by itself; _told names them all.
        told = (_told(where or name, problem, show_values=show_values) for problem in problems)
        raise DocumentError("; ".join(dict.fromkeys(told)))


def _plain(value: object) -> object:
    """Turn mappings and sequences of any class (Pulumi's, for one) into those that jsonschema knows."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _told(name: str, problem: ValidationError, *, show_values: bool) -> str:
    """One problem in our own words: jsonschema's message repeats the value, which may be a password."""
    where = name + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.absolute_path)
    rule = str(problem.validator)
    wanted: Any = problem.validator_value
    value: Any = problem.instance
    known: Any = problem.schema
    if rule == "required":
        return f"{where} lacks {', '.join(key for key in wanted if key not in value)}"
    if rule == "additionalProperties":
        unknown = sorted(set(value) - set(known["properties"]))
        return f"{where} has unknown {', '.join(unknown)}: known are {', '.join(known['properties'])}"
    shown = f" is {value!r}" if show_values and isinstance(value, int | float | str) else ""
    texts = {
        "type": f"must be of type {wanted}",
        "const": f"must be {wanted!r}",
        "enum": f"must be one of {wanted}",
        "oneOf": f"must be {known.get('title')}",
        "anyOf": f"must have one of {', '.join(key for form in known.get('anyOf', ()) for key in form.get('required', ()))}",
        "minimum": f"must be at least {wanted}",
        "maximum": f"must be at most {wanted}",
        "minLength": "must not be empty",
        "maxLength": f"must have at most {wanted} characters",
        "minItems": "must not be empty",
        "minProperties": "must not be empty",
        "pattern": f"must match {wanted}",
    }
    return f"{where}{shown}: {texts.get(rule, f'breaks the rule {rule}')}"
