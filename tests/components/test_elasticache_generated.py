"""Generated argument sets through the hosted provider, in process: accepted ones give a plan without a fault, others name why.

What a valid plan is, the emulated provider's rule tables say, each row with its source; the component does not know them.
"""

from __future__ import annotations

from collections import Counter

import pytest
from pulumi.provider.experimental.component import ComponentProvider

from redis_ha.arguments import camel_case
from redis_ha.elasticache import ElastiCacheHaGroup
from tests.support.elasticache_sets import argument_sets
from tests.support.hosted_sets import constructed, faults

TOKEN = "redis-ha:index:ElastiCacheHaGroup"
SETS = 540
CHUNK = 60
FREE_NAMES = ("tags", "users", "parameters", "overrides")


@pytest.fixture(scope="module")
def provider() -> ComponentProvider:
    return ComponentProvider([ElastiCacheHaGroup], "redis-ha")


@pytest.mark.parametrize("start", range(0, SETS, CHUNK))
def test_every_set_gives_a_valid_plan_or_a_named_argument(provider: ComponentProvider, start: int) -> None:
    outcomes: Counter[str] = Counter()
    for one in argument_sets(SETS)[start : start + CHUNK]:
        monitor, refused = constructed(provider, TOKEN, one, FREE_NAMES)
        if one.wrong is None:
            assert refused == [], one
            assert faults(monitor) == [], one
            assert monitor.names("ReplicationGroup"), one
        else:
            assert camel_case(one.wrong) in refused, one
            assert monitor.order == [], one
        outcomes["accepted" if one.wrong is None else "refused"] += 1
    assert set(outcomes) == {"accepted", "refused"}
