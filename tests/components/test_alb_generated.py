"""Generated argument sets of AlbBlueGreen through the hosted provider, in process: a plan without a fault, or a named argument.

What a valid plan is, the emulated provider's rule tables say, each row with its source; the component does not know them.
"""

from __future__ import annotations

from collections import Counter

import pytest
from pulumi.provider.experimental.component import ComponentProvider

from redis_ha.arguments import camel_case
from redis_ha.traffic.alb import AlbBlueGreen
from tests.support.alb_sets import argument_sets
from tests.support.hosted_sets import constructed, faults

TOKEN = "redis-ha:index:AlbBlueGreen"
SETS = 300
CHUNK = 50
FREE_NAMES = ("tags", "overrides")


@pytest.fixture(scope="module")
def provider() -> ComponentProvider:
    return ComponentProvider([AlbBlueGreen], "redis-ha")


@pytest.mark.parametrize("start", range(0, SETS, CHUNK))
def test_every_alb_set_gives_a_valid_plan_or_a_named_argument(provider: ComponentProvider, start: int) -> None:
    outcomes: Counter[str] = Counter()
    for one in argument_sets(SETS)[start : start + CHUNK]:
        monitor, refused = constructed(provider, TOKEN, one, FREE_NAMES)
        if one.wrong is None:
            assert refused == [], one
            assert faults(monitor) == [], one
            assert monitor.names("LoadBalancer"), one
        else:
            assert camel_case(one.wrong) in refused, (one, refused)
            assert monitor.order == [], one
        outcomes["accepted" if one.wrong is None else "refused"] += 1
    assert set(outcomes) == {"accepted", "refused"}
