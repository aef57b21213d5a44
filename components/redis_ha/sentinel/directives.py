"""The directives of redis.conf that an image's Redis knows, and what each takes. No Pulumi.

The table is made from the servers themselves (tools/redis_directives.py). A directive that Redis does not take stops its start,
and user-data is read once: the whole new cluster would stay down.
"""

import json
import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from redis_ha.arguments import did_you_mean

TABLE = Path(__file__).with_name("directives.json")
# What memtoull of redis/redis src/util.c reads.
MEMORY = re.compile(r"\d+([kmg]b?|b)?|\d+%", re.IGNORECASE)
WHOLE = re.compile(r"-?\d+")


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    found: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(TABLE.read_text())
    return found


def wrong_directive(image: str, name: str, value: str) -> str | None:
    """Return why an image's Redis would not start with a directive; None when it would, or the image is not known here."""
    known = _table().get(image)
    if known is None:
        return None
    if name not in known:
        return f"the Redis of {image} has no directive {name!r}{did_you_mean(name, known)}"
    try:
        words = shlex.split(value)
    except ValueError:
        return f"{name!r} has a quote that does not end in {value!r}"
    return _wrong_value(known[name], name, words[0] if len(words) == 1 else value)


def _wrong_value(takes: Mapping[str, Any], name: str, value: str) -> str | None:
    allowed = takes.get("one_of")
    if allowed is not None and value.lower() not in {one.lower() for one in allowed}:
        return f"{name!r} takes one of {', '.join(allowed)}, not {value!r}"
    if takes.get("kind") == "memory" and not MEMORY.fullmatch(value):
        return f"{name!r} takes a memory value such as 64mb, not {value!r}"
    if takes.get("kind") == "whole":
        if not WHOLE.fullmatch(value):
            return f"{name!r} takes a whole number, not {value!r}"
        least, most = takes.get("least"), takes.get("most")
        if least is not None and most is not None and not least <= int(value) <= most:
            return f"{name!r} takes {least} to {most}, not {value}"
    return None
