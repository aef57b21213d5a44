"""The Condition element of a policy's statement.

Source: docs.aws.amazon.com, IAM User Guide, reference_policies_elements_condition_operators and
reference_policies_condition-single-vs-multi-valued-context-keys. What is not known here is an error: a condition that was
passed over would allow what AWS refuses.
"""

from __future__ import annotations

import contextlib
import ipaddress
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from pulumi_emulator.aws.iam import matching

Values = tuple[str, ...]
IF_EXISTS: Final = "IfExists"
ANY: Final = "ForAnyValue:"
ALL: Final = "ForAllValues:"
NULL: Final = "Null"


class UnknownError(Exception):
    """A policy holds what the emulator cannot evaluate. The text names it."""


class Context(Protocol):
    """What is known of a request, by condition key."""

    def values(self, key: str) -> Values | None:
        """Return a key's values, None when the request has none; UnknownError when that cannot be told."""


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, given: compare(float(given), float(wanted))


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, given: compare(_seconds(given), _seconds(wanted))


def _seconds(value: str) -> float:
    with contextlib.suppress(ValueError):
        return float(value)
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _address(wanted: str, given: str) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)


# How one value of the policy and one of the request are compared.
OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda wanted, given: matching.shown(wanted) == given,
    "StringEqualsIgnoreCase": lambda wanted, given: matching.shown(wanted).lower() == given.lower(),
    "StringLike": matching.text,
    "NumericEquals": _number(operator.eq),
    "NumericLessThan": _number(operator.lt),
    "NumericLessThanEquals": _number(operator.le),
    "NumericGreaterThan": _number(operator.gt),
    "NumericGreaterThanEquals": _number(operator.ge),
    "DateEquals": _date(operator.eq),
    "DateLessThan": _date(operator.lt),
    "DateLessThanEquals": _date(operator.le),
    "DateGreaterThan": _date(operator.gt),
    "DateGreaterThanEquals": _date(operator.ge),
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "IpAddress": _address,
    "ArnEquals": matching.arn,
    "ArnLike": matching.arn,
}
# Those that hold when none of the policy's values does.
NEGATED: Final[Mapping[str, str]] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def hold(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Tell whether all conditions of a statement hold; UnknownError for an operator or a key that is not known."""
    return all(_holds(name, key, _texts(wanted), context) for name, block in condition.items() for key, wanted in block.items())


def _holds(name: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    given = context.values(key)
    if name == NULL:
        return any((given is None) == (value.lower() == "true") for value in wanted)
    plain, quantifier = name, ""
    for prefix in (ANY, ALL):
        if plain.startswith(prefix):
            plain, quantifier = plain.removeprefix(prefix), prefix
    if_exists = plain.endswith(IF_EXISTS)
    plain = plain.removesuffix(IF_EXISTS)
    compare = OPERATORS.get(NEGATED.get(plain, plain))
    if compare is None:
        raise UnknownError(f"the condition operator {name} is not known to the emulator")
    if given is None:
        return if_exists or (quantifier == ALL) or (plain in NEGATED and quantifier != ANY)
    filled = [made for made in (matching.substituted(value, single(context)) for value in wanted) if made is not None]

    def fits(value: str) -> bool:
        return any(_compared(compare, one, value, name) for one in filled) != (plain in NEGATED)

    # A key with several values and no quantifier: AWS leaves open what it does. One that fits is enough here.
    return all(map(fits, given)) if quantifier == ALL else any(map(fits, given))


def _compared(compare: Callable[[str, str], bool], wanted: str, given: str, name: str) -> bool:
    try:
        return compare(wanted, given)
    except ValueError:
        raise UnknownError(f"the value {matching.shown(wanted)!r} of a condition with {name} cannot be read") from None


def single(context: Context) -> Callable[[str], str | None]:
    """Return what gives a key's value where a variable names it: a key with several has none."""

    def value_of(key: str) -> str | None:
        values = context.values(key)
        return values[0] if values is not None and len(values) == 1 else None

    return value_of


def _texts(value: Any) -> list[str]:
    """Return the values of a condition as texts: JSON's true and numbers may stand there too."""
    found = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in found]
