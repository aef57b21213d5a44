"""What a writer saw of a failover, counted from its lines. Plain functions on plain data.

A line is `START END NUMBER ok` or `START END NUMBER error TYPE: TEXT`; START and END are microseconds since 1970.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

EARLIER = 1.0  # seconds before the fault from which lines count: the fault's own time is taken by another process
TEXT = 160  # characters of an error's text that are kept
_ADDRESS = re.compile(r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b|\b[a-z0-9.-]+\.cache\.amazonaws\.com(:\d+)?")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Write:
    """One command: when it began and ended (seconds since 1970), its number, and the error, or None."""

    start: float
    end: float
    number: int
    error: str | None


def read(lines: Iterable[str]) -> list[Write]:
    """Return the writes; what is no line of the form (a library's own output, a line cut short) is passed over."""
    found = []
    for line in lines:
        parts = line.rstrip("\n").split(" ", 4)
        if len(parts) < 4 or not all(part.isdigit() for part in parts[:3]) or parts[3] not in ("ok", "error"):
            continue
        error = None if parts[3] == "ok" else (parts[4] if len(parts) > 4 else "")
        found.append(Write(int(parts[0]) / 1e6, int(parts[1]) / 1e6, int(parts[2]), error))
    return found


def outage(writes: Sequence[Write], fault: float, stopped: float) -> tuple[float, bool]:
    """Return the longest time without an acknowledged write around and after the fault, and whether it ended."""
    before = [one.end for one in writes if one.error is None and one.end < fault - EARLIER]
    ends = sorted(one.end for one in writes if one.error is None and one.end >= fault - EARLIER)
    moments = [*before[-1:], *ends] or [fault]
    gaps = [(later - earlier, True) for earlier, later in pairwise(moments)]
    return max([*gaps, (stopped - moments[-1], False)])


def longest(writes: Sequence[Write], fault: float, stopped: float) -> float:
    """Return the seconds of the longest command after the fault. One that had not ended counts until `stopped`."""
    after = [one for one in writes if one.end >= fault - EARLIER]
    last = after[-1].end if after else fault
    return max([stopped - last, *(one.end - one.start for one in after)])


def errors(writes: Sequence[Write], fault: float) -> dict[str, int]:
    """Count the errors after the fault by type and text, without addresses and numbers, the most frequent first."""
    counted = Counter(shortened(one.error) for one in writes if one.error is not None and one.end >= fault - EARLIER)
    return dict(counted.most_common())


def shortened(error: str) -> str:
    """Return an error's text without addresses and numbers."""
    return _NUMBER.sub("N", _ADDRESS.sub("HOST", error))[:TEXT].rstrip()


def acknowledged(writes: Sequence[Write]) -> list[int]:
    """Return the numbers whose write was acknowledged."""
    return [one.number for one in writes if one.error is None]


def outcome(writes: Sequence[Write], fault: float, stopped: float, kept: Collection[int]) -> dict[str, Any]:
    """Return all of it; `kept` are the acknowledged numbers that the server has at the end."""
    seconds, ended = outage(writes, fault, stopped)
    told = errors(writes, fault)
    return {
        "outage_seconds": round(seconds, 3),
        "recovered": ended,
        "longest_seconds": round(longest(writes, fault, stopped), 3),
        "acknowledged": len(acknowledged(writes)),
        "lost": len(set(acknowledged(writes)) - set(kept)),
        "errors": told,
    }
