"""The kinds of rules that judge one value: what a row's `value` means, and in which words it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pulumi_emulator.values import UNKNOWN, has_unknown

if TYPE_CHECKING:
    from pulumi_emulator.rules import ResourceType, Rule

# Stands for the wrong value in a reason; patterns in reasons may hold any other sign.
VALUE: Final = "\0"
# Rule, value, all inputs, type: the reason why the value is wrong, None when it is not.
Judge = Callable[["Rule", Any, Mapping[str, Any], "ResourceType"], "str | None"]


def _enum(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    return None if value in rule.value else f"{VALUE} is not one of {', '.join(map(str, rule.value))}"


def _enum_ignoring_case(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    allowed = {str(item).lower() for item in rule.value}
    return None if str(value).lower() in allowed else f"{VALUE} is not one of {', '.join(map(str, rule.value))}"


def _known(rule: Rule, value: Any, _given: Mapping[str, Any], kind: ResourceType) -> str | None:
    allowed = kind.enums[rule.value]
    return (
        None if str(value).lower() in allowed else f"{VALUE} is not a known {rule.value.lower()}; known: {', '.join(allowed)}"
    )


def _between(number: int, bounds: list[int | None]) -> str | None:
    low, high = bounds
    if low is not None and number < low:
        return f"at least {low}"
    if high is not None and number > high:
        return f"at most {high}"
    return None


def _range(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    try:
        wanted = _between(int(value), rule.value)
    except (TypeError, ValueError):
        return None
    return f"{VALUE} is out of range: must be {wanted}" if wanted else None


def _length(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    wanted = _between(len(str(value)), rule.value)
    return f"has {len(str(value))} characters: must have {wanted}" if wanted else None


def _bytes(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    size = len(str(value).encode())
    wanted = _between(size, rule.value)
    return f"has {size} bytes: must have {wanted}" if wanted else None


def _items(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    if not isinstance(value, list):
        return None
    wanted = _between(len(value), rule.value)
    return f"has {len(value)} entries: must have {wanted}" if wanted else None


def _pattern(rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    return None if re.fullmatch(rule.value, str(value)) else f"{VALUE} does not match {rule.value}"


def _requires(rule: Rule, _value: Any, given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    missing = [name for name in rule.value if given.get(name) is None]
    return f"needs {', '.join(missing)} to be set too" if missing else None


def _at_least(rule: Rule, value: Any, given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    other = given.get(rule.value)
    if other is None or has_unknown(other):
        return None
    return f"{VALUE} is below {rule.value} ({other})" if int(value) < int(other) else None


def _at_least_sum_of(rule: Rule, value: Any, given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    parts = [given.get(name) or 0 for name in rule.value]
    if any(has_unknown(part) for part in parts):
        return None
    total = sum(int(part) for part in parts)
    return f"{VALUE} is below the sum of {', '.join(rule.value)} ({total})" if int(value) < total else None


def _same_as(rule: Rule, value: Any, given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    other = given.get(rule.value)
    return f"contradicts {rule.value}" if other is not None and other is not UNKNOWN and other != value else None


def _json(_rule: Rule, value: Any, _given: Mapping[str, Any], _kind: ResourceType) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        json.loads(value)
    except ValueError as error:
        return f"is not valid JSON: {error}"
    return None


JUDGES: Final[dict[str, Judge]] = {
    "at_least": _at_least,
    "at_least_sum_of": _at_least_sum_of,
    "bytes": _bytes,
    "enum": _enum,
    "enum_ignoring_case": _enum_ignoring_case,
    "items": _items,
    "json": _json,
    "known": _known,
    "length": _length,
    "pattern": _pattern,
    "range": _range,
    "requires": _requires,
    "same_as": _same_as,
}
