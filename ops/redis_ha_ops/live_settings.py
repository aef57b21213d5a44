"""Do a live setting and the desired one mean the same? Redis answers in its own spelling (bytes, canonical words)."""

import re
from collections.abc import Mapping
from typing import Any

from .asking import SECRET_SETTINGS

# redis/redis src/util.c, memtoull: k, m, g are decimal, kb, mb, gb binary; case does not matter.
_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}
_MEMORY = re.compile(r"(\d+)(b|kb?|mb?|gb?)?", re.IGNORECASE)
# Not compared: following is decided by Sentinels at run time; CONFIG GET answers the other two in a form of its own (all
# classes of clients where one was set; flags in an order of its own).
NOT_COMPARED = frozenset({"replicaof", "slaveof", "client-output-buffer-limit", "notify-keyspace-events"})


def differences(desired: Mapping[str, Any], live: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (name, live, desired) of every setting that a node has and that means something else; secrets are left out."""
    return [
        (name, live[name], shown(wanted))
        for name, wanted in sorted(desired.items())
        if name in live and name not in SECRET_SETTINGS | NOT_COMPARED and meaning(live[name]) != meaning(wanted)
    ]


def meaning(value: Any) -> str:
    """Bring a setting's value into one spelling, word by word."""
    return " ".join(_word(word) for word in shown(value).replace('"', " ").split())


def _word(word: str) -> str:
    found = _MEMORY.fullmatch(word)
    return str(int(found[1]) * _UNITS[(found[2] or "").lower()]) if found else word.lower()


def shown(value: Any) -> str:
    """Write a desired value as a configuration file would."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return " ".join(shown(one) for one in value)
    return str(value)
