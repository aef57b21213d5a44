"""Was it as expected: what was written down of a drill before its fault, against what was seen after it. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis_ha_ops.kinds import Expected


@dataclass(frozen=True)
class Point:
    """One point of the checklist, in words."""

    what: str
    expected: str
    seen: str
    passed: bool


@dataclass(frozen=True)
class Ended:
    """What a drill ended in. leader: who is master now, None: nobody, or not known. lost: None, not known."""

    victim: str
    leader: str | None
    promoted: Sequence[str]  # what the Sentinels said of a promotion since the fault
    lost: int | None
    two_writable: bool
    rejoined: bool


def told(expected: Expected) -> str:
    """Return an expectation in words."""
    failover = {True: "a failover", False: "no failover", None: "a failover or none"}[expected.failover]
    leads = {"another": "another master", "the same": "the same master", "either": "either master"}[expected.leads]
    return f"{failover}, {leads} afterwards, at most {expected.lost} acknowledged writes lost"


def points(expected: Expected, seen: Ended) -> list[Point]:
    """Return the checklist."""
    leads = {"another": f"not {seen.victim}", "the same": seen.victim, "either": "anybody"}[expected.leads]
    fits = {"another": seen.leader != seen.victim, "the same": seen.leader == seen.victim, "either": True}[expected.leads]
    failover = {True: "yes", False: "no", None: "may be"}[expected.failover]
    return [
        Point(
            "failover", failover, seen.promoted[0] if seen.promoted else "no", expected.failover in {None, bool(seen.promoted)}
        ),
        Point("master afterwards", leads, seen.leader or "nobody", seen.leader is not None and fits),
        Point(
            "acknowledged writes lost",
            f"at most {expected.lost}",
            "not known" if seen.lost is None else str(seen.lost),
            seen.lost is not None and seen.lost <= expected.lost,
        ),
        Point("two nodes that take writes", "never", "seen" if seen.two_writable else "not seen", not seen.two_writable),
        Point("all is well with the old master", "yes", "yes" if seen.rejoined else "no", seen.rejoined),
    ]


def against(found: Sequence[Point]) -> list[str]:
    """Return in words what was not as expected of the failover and its outcome."""
    return [
        f"{point.what}: expected {point.expected}, seen {point.seen}"
        for point in found
        if point.what in {"failover", "master afterwards"} and not point.passed
    ]
