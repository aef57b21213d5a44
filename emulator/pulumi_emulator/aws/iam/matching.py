"""How the patterns of policies match: actions, ARNs, values, with policy variables put in.

Sources: docs.aws.amazon.com, IAM User Guide, reference_policies_elements_action, _resource, _condition_operators, _variables.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

ARN_SEGMENTS: Final = 6
# A key, and the value that stands for it when the request has none: ${aws:PrincipalTag/team, 'company-wide'}.
VARIABLE: Final = re.compile(r"\$\{\s*([^},]+?)\s*(?:,\s*'([^']*)'\s*)?\}")
# Characters that are meant themselves: ${*}, ${?}, ${$}.
LITERALS: Final = frozenset("*?$")
# What variables give is no pattern. These stand for its * and ? until the pattern is read: no policy has such characters.
_HIDDEN: Final = str.maketrans({"*": "\ue000", "?": "\ue001"})
_SHOWN: Final = {"\ue000": "*", "\ue001": "?"}

ABSENT: Final = None


def action(pattern: str, name: str) -> bool:
    """Tell whether a pattern is of an action; case does not matter."""
    return _glob(pattern.lower()).fullmatch(name.lower()) is not None


def resource(pattern: str, arn: str) -> bool:
    """Tell whether a pattern of a Resource element is of an ARN.

    A * within a segment stays within it; one that ends a segment may go beyond the colon.
    """
    return _glob(pattern, segments=True).fullmatch(arn) is not None


def text(pattern: str, value: str) -> bool:
    """Tell whether a pattern of StringLike is of a value."""
    return _glob(pattern).fullmatch(value) is not None


def arn(pattern: str, value: str) -> bool:
    """Tell whether a pattern of ArnLike is of an ARN: each of the six segments is looked at for itself.

    ArnEquals does the same (reference_policies_elements_condition_operators, "ARN condition operators").
    """
    patterns, parts = pattern.split(":", ARN_SEGMENTS - 1), value.split(":", ARN_SEGMENTS - 1)
    return len(patterns) == len(parts) and all(map(text, patterns, parts))


def substituted(pattern: str, value_of: Callable[[str], str | None]) -> str | None:
    """Return a pattern with its variables put in; None when a key has no value: then nothing matches.

    `value_of` returns a key's one value, None when the request has none.
    """
    missing = False

    def put(found: re.Match[str]) -> str:
        nonlocal missing
        if found[1] in LITERALS:
            return found[1].translate(_HIDDEN)
        value = value_of(found[1])
        value = found[2] if value is None else value
        missing = missing or value is None
        return (value or "").translate(_HIDDEN)

    made = VARIABLE.sub(put, pattern)
    return None if missing else made


def shown(substituted_text: str) -> str:
    """Return a text with variables put in as it is compared where nothing is a pattern."""
    return "".join(_SHOWN.get(letter, letter) for letter in substituted_text)


@functools.lru_cache(maxsize=4096)
def _glob(pattern: str, *, segments: bool = False) -> re.Pattern[str]:
    made = []
    for index, letter in enumerate(pattern):
        if letter == "*":
            inside = segments and pattern[index + 1 : index + 2] not in {"", ":"}
            made.append("[^:]*" if inside else ".*")
        elif letter == "?":
            made.append("[^:]" if segments else ".")
        else:
            made.append(re.escape(_SHOWN.get(letter, letter)))
    return re.compile("".join(made), re.DOTALL)
