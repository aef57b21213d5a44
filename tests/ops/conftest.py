"""A stack as plain data, and a healthy topology that a test breaks in one place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_ops.stack import Stack, stack_of
from redis_ha_ops.topology import Topology
from tests.support.ops_data import healthy_topology, outputs_of


@pytest.fixture
def stack() -> Stack:
    return stack_of("local", outputs_of(), emulated=True)


@pytest.fixture
def healthy(stack: Stack) -> Topology:
    return healthy_topology(stack)


@pytest.fixture
def broken(healthy: Topology) -> Callable[..., Topology]:
    """Give the healthy topology with fields of some nodes replaced: broken(data_1={"link": "sync"})."""

    def change(**changes: dict[str, Any]) -> Topology:
        def changed(kind: str, nodes: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(replace(node, **changes.pop(f"{kind}_{at}", {})) for at, node in enumerate(nodes))

        topology = Topology(changed("data", healthy.data), changed("sentinel", healthy.sentinels))
        assert not changes, f"no such node: {changes}"
        return topology

    return change
