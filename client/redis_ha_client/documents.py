"""A stack's `connection` and `credentials` outputs: checked against the packaged JSON Schemas, never repeating a secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .errors import DocumentError
from .policy import FailoverClocks

VERSION = 1  # of both documents; raised with every change of a schema
KINDS = ("sentinel",)

Document = Mapping[str, Any] | str | bytes


@dataclass(frozen=True)
class SentinelConnection:
    """A checked `connection` document of kind "sentinel"."""

    master_name: str
    sentinels: tuple[tuple[str, int], ...]
    tls: bool
    clocks: FailoverClocks


@dataclass(frozen=True)
class Credentials:
    """A checked `credentials` document; its repr shows no password."""

    username: str
    password: str = field(repr=False)
    sentinel_username: str
    sentinel_password: str = field(repr=False)


def read_connection(document: Document) -> SentinelConnection:
    """Check a stack's `connection` output (a mapping or its JSON text) and return it as plain data; else DocumentError."""
    data = _mapping("connection", document)
    _known("connection", data)
    kind = data.get("kind")
    if kind not in KINDS:
        said = (
            "has no kind" if kind is None else f"has kind {kind!r}" if isinstance(kind, str) else "has a kind that is no string"
        )
        raise DocumentError(
            f"connection {said}: this redis_ha_client knows {', '.join(KINDS)}. "
            "Pass the stack's `connection` output, or upgrade redis-ha-client"
        )
    _check("connection", data, show_values=True)
    clocks = data["failover"]
    return SentinelConnection(
        master_name=data["master_name"],
        sentinels=tuple((row["host"], int(row["port"])) for row in data["sentinels"]),
        tls=data["tls"],
        clocks=FailoverClocks(
            down_after_seconds=clocks["down_after_ms"] / 1000,
            failover_timeout_seconds=clocks["failover_timeout_ms"] / 1000,
            min_replicas_to_write=int(clocks["min_replicas_to_write"]),
        ),
    )


def read_credentials(document: Document) -> Credentials:
    """Check a stack's `credentials` output (a mapping or its JSON text) and return it as plain data; else DocumentError."""
    data = _mapping("credentials", document)
    _known("credentials", data)
    _check("credentials", data, show_values=False)
    return Credentials(**{key: data[key] for key in ("username", "password", "sentinel_username", "sentinel_password")})


def schema(name: str) -> dict[str, Any]:
    """Return the packaged JSON Schema of "connection" or "credentials"."""
    text = files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def _mapping(name: str, document: Document) -> Mapping[str, Any]:
    data: object = document
    if isinstance(document, str | bytes):
        try:
            data = json.loads(document)
        except ValueError:
            # The text is not repeated and the cause is cut off: both would show what may be a secret.
            raise DocumentError(
                f"{name} is text that is no JSON: pass `pulumi stack output {_OUTPUTS[name]}` as it is"
            ) from None
    if not isinstance(data, Mapping):
        raise DocumentError(f"{name} is a {type(data).__name__}: must be a mapping or its JSON text")
    return data


_OUTPUTS = {
    "connection": "<block>_connection --json",
    "credentials": "<block>_credentials --json --show-secrets",
}


def _known(name: str, data: Mapping[str, Any]) -> None:
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int | float):
        raise DocumentError(f"{name} has no usable version: pass the stack's output as it is")
    if version != VERSION:
        remedy = "upgrade redis-ha-client" if version > VERSION else "pass the stack's output as it is"
        raise DocumentError(f"{name} has version {version}, this redis_ha_client knows version {VERSION}: {remedy}")


def _check(name: str, data: Mapping[str, Any], *, show_values: bool) -> None:
    problems = sorted(
        _validator(name).iter_errors(_plain(data)), key=lambda problem: [str(step) for step in problem.absolute_path]
    )
    if problems:
        raise DocumentError("; ".join(_told(name, problem, show_values=show_values) for problem in problems))


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
        "minimum": f"must be at least {wanted}",
        "maximum": f"must be at most {wanted}",
        "minLength": "must not be empty",
        "minItems": "must not be empty",
        "pattern": f"must match {wanted}",
    }
    return f"{where}{shown}: {texts.get(rule, f'breaks the rule {rule}')}"
