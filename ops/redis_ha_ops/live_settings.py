"""Do a live setting and the desired one mean the same? Redis answers in its own spelling (bytes, canonical words)."""

import re
from collections.abc import Mapping
from typing import Any

from .asking import SECRET_SETTINGS

# redis/redis src/util.c, memtoull: k, m, g are decimal, kb, mb, gb binary; case does not matter.
_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}
_MEMORY = re.compile(r"(\d+)(b|kb?|mb?|gb?)?", re.IGNORECASE)
# The file says it, Redis changes it by itself: following is decided by Sentinels at run time.
_AT_RUN_TIME = frozenset({"replicaof", "slaveof"})


def differences(desired: Mapping[str, Any], live: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (name, live, desired) of every setting that a node has and that means something else; secrets are left out."""
    return [
        (name, live[name], shown(wanted))
        for name, wanted in sorted(desired.items())
        if name in live and name not in SECRET_SETTINGS and name not in _AT_RUN_TIME and meaning(live[name]) != meaning(wanted)
    ]


def meaning(value: Any) -> str:
    """Bring a setting's value into one spelling."""
    text = " ".join(shown(value).split()).strip('"').strip("'")
    found = _MEMORY.fullmatch(text)
    if found:
        return str(int(found[1]) * _UNITS[(found[2] or "").lower()])
    return text.lower()


def shown(value: Any) -> str:
    """Write a desired value as a configuration file would."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return " ".join(shown(one) for one in value)
    return str(value)
