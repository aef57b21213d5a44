"""Generated argument sets of the blue and green records: accepted ones give a plan without a fault, others name why.

What a valid plan is, the emulated provider's rule tables say, each row with its source; the components do not know them.
"""

from __future__ import annotations

from collections import Counter

import pytest
from pulumi.provider.experimental.component import ComponentProvider

from redis_ha.arguments import camel_case
from redis_ha.traffic import LiveColourRecord, WeightedBlueGreen
from tests.support.argument_sets import ArgumentSet
from tests.support.hosted_sets import constructed, faults
from tests.support.traffic_sets import live_sets, weighted_sets

SETS = 320
CHUNK = 80


@pytest.fixture(scope="module")
def provider() -> ComponentProvider:
    return ComponentProvider([LiveColourRecord, WeightedBlueGreen], "redis-ha")


def judged(provider: ComponentProvider, component: str, sets: list[ArgumentSet]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for one in sets:
        monitor, refused = constructed(provider, f"redis-ha:index:{component}", one, free=("tags", "names", "parts"))
        if one.wrong is None:
            assert refused == [], one
            assert faults(monitor) == [], one
            assert monitor.names("Record"), one
        else:
            assert any(path.startswith(camel_case(one.wrong)) for path in refused), (one, refused)
            assert monitor.order == [], one
        outcomes["accepted" if one.wrong is None else "refused"] += 1
    return outcomes


@pytest.mark.parametrize("start", range(0, SETS, CHUNK))
def test_weighted_records(provider: ComponentProvider, start: int) -> None:
    outcomes = judged(provider, "WeightedBlueGreen", weighted_sets(SETS)[start : start + CHUNK])
    assert outcomes == {"accepted": CHUNK // 2, "refused": CHUNK // 2}


@pytest.mark.parametrize("start", range(0, SETS, CHUNK))
def test_live_colour_records(provider: ComponentProvider, start: int) -> None:
    outcomes = judged(provider, "LiveColourRecord", live_sets(SETS)[start : start + CHUNK])
    assert outcomes == {"accepted": CHUNK // 2, "refused": CHUNK // 2}
