"""A drill's expectation against what was seen: each point alone can fail it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from redis_ha_ops.drill.expectation import Ended, against, points, told
from redis_ha_ops.kinds import DRILLS, EITHER, RIDDEN_OUT, TAKEN_OVER, Expected

TAKEN = Ended("data-0", "data-1", ["+promoted-slave by sentinel-0"], 0, two_writable=False, rejoined=True)
RIDDEN = Ended("data-0", "data-0", [], 0, two_writable=False, rejoined=True)


@pytest.mark.parametrize(("expected", "seen"), [(TAKEN_OVER, TAKEN), (RIDDEN_OUT, RIDDEN), (EITHER, TAKEN), (EITHER, RIDDEN)])
def test_as_expected(expected: Expected, seen: Ended) -> None:
    assert all(point.passed for point in points(expected, seen))
    assert against(points(expected, seen)) == []


@pytest.mark.parametrize(
    ("expected", "seen", "changes", "what"),
    [
        (TAKEN_OVER, TAKEN, {"promoted": []}, "failover"),
        (TAKEN_OVER, TAKEN, {"leader": "data-0"}, "master afterwards"),
        (TAKEN_OVER, TAKEN, {"leader": None}, "master afterwards"),
        (RIDDEN_OUT, RIDDEN, {"promoted": ["+promoted-slave by sentinel-0"]}, "failover"),
        (RIDDEN_OUT, RIDDEN, {"leader": "data-1"}, "master afterwards"),
        (EITHER, RIDDEN, {"leader": None}, "master afterwards"),
        (TAKEN_OVER, TAKEN, {"lost": 1}, "acknowledged writes lost"),
        (TAKEN_OVER, TAKEN, {"lost": None}, "acknowledged writes lost"),
        (TAKEN_OVER, TAKEN, {"two_writable": True}, "two nodes that take writes"),
        (TAKEN_OVER, TAKEN, {"rejoined": False}, "all is well with the old master"),
    ],
)
def test_otherwise(expected: Expected, seen: Ended, changes: dict[str, Any], what: str) -> None:
    found = points(expected, replace(seen, **changes))
    assert [point.what for point in found if not point.passed] == [what]
    # Losses, two masters and the return are the verdict's, which says more of them.
    assert bool(against(found)) == (what in {"failover", "master afterwards"})


def test_losses_that_are_allowed() -> None:
    some = replace(TAKEN_OVER, lost=3)
    assert all(point.passed for point in points(some, replace(TAKEN, lost=3)))
    assert not all(point.passed for point in points(some, replace(TAKEN, lost=4)))


def test_in_words() -> None:
    assert told(DRILLS["stall-2s"].expected) == "no failover, the same master afterwards, at most 0 acknowledged writes lost"
    assert told(TAKEN_OVER).startswith("a failover, another master")
