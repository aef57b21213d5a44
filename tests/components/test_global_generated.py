"""Generated argument sets of GlobalDatastore, hosted, in process: accepted ones give a plan without a fault, others name why.

What a valid plan is, the emulated provider's rule tables say, each row with its source; the component does not know them.
"""

from __future__ import annotations

from collections import Counter

import pytest
from pulumi.provider.experimental.component import ComponentProvider

from redis_ha.arguments import camel_case
from redis_ha.elasticache import GlobalDatastore
from tests.support.global_sets import FREE_NAMES, MISTAKES, argument_sets
from tests.support.hosted_sets import constructed, faults

TOKEN = "redis-ha:index:GlobalDatastore"
SETS = 320
CHUNK = 64


@pytest.fixture(scope="module")
def provider() -> ComponentProvider:
    return ComponentProvider([GlobalDatastore], "redis-ha")


def test_every_mistake_is_made() -> None:
    assert len(MISTAKES) <= SETS // 2


@pytest.mark.parametrize("start", range(0, SETS, CHUNK))
def test_every_set_gives_a_valid_plan_or_a_named_argument(provider: ComponentProvider, start: int) -> None:
    outcomes: Counter[str] = Counter()
    for one in argument_sets(SETS)[start : start + CHUNK]:
        monitor, refused = constructed(provider, TOKEN, one, FREE_NAMES)
        if one.wrong is None:
            assert refused == [], one
            assert faults(monitor) == [], one
            assert len(monitor.names("GlobalReplicationGroup")) == 1, one
            groups = len(one.args["secondaries"]) + ("primary" in one.args)
            assert len(monitor.names("ReplicationGroup")) == groups, one
        else:
            assert camel_case(one.wrong) in refused, one
            assert monitor.order == [], one
        outcomes["accepted" if one.wrong is None else "refused"] += 1
    assert set(outcomes) == {"accepted", "refused"}
