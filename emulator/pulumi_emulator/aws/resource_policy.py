"""Whether a policy of a resource lets a service use it: of a function, a queue or a topic, in deliveries between services.

The part of IAM's rules that such policies use (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any, Final

Statement = Mapping[str, Any]
EQUAL: Final = frozenset({"StringEquals", "StringLike", "ArnEquals", "ArnLike"})


def allows(statements: Iterable[Statement], service: str, action: str, known: Mapping[str, str]) -> bool:
    """Tell whether a service principal may do something; `known` are the condition keys, as "aws:SourceArn", in lower case."""
    fitting = [one for one in statements if _fits(one, service, action) and _holds(one.get("Condition") or {}, known)]
    effects = {str(one.get("Effect")) for one in fitting}
    return "Allow" in effects and "Deny" not in effects


def _fits(statement: Statement, service: str, action: str) -> bool:
    principal = statement.get("Principal")
    parts = principal if isinstance(principal, dict) else {"AWS": principal}
    names = {str(name) for kind in ("Service", "AWS") for name in _list(parts.get(kind, []))}
    if not {service, "*"} & names:
        return False
    return any(fnmatch.fnmatchcase(action.lower(), str(one).lower()) for one in _list(statement.get("Action", [])))


def _holds(conditions: Mapping[str, Mapping[str, Any]], known: Mapping[str, str]) -> bool:
    """Tell whether all conditions hold; one that is not understood here does not."""
    return all(
        operator in EQUAL and any(_alike(operator, known.get(key.lower()), str(value)) for value in _list(values))
        for operator, condition in conditions.items()
        for key, values in condition.items()
    )


def _alike(operator: str, found: str | None, pattern: str) -> bool:
    if found is None:
        return False
    # ArnEquals and ArnLike are the same (the same guide, "Amazon Resource Name (ARN) condition operators").
    return found == pattern if operator == "StringEquals" else fnmatch.fnmatchcase(found, pattern.replace("[", "[[]"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
