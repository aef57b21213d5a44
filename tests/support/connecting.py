"""Clients of a topology of real processes, as tests make them: synchronous for a block, asyncio for one function."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import pytest

from redis_ha_client import FailoverPolicy, aio, connect
from redis_ha_client.budget import Budget
from tests.support.redis_processes import Node

# Small waits keep the tests short: a node that was killed or frozen is left soon. The total stays the one that is computed.
POLICY = FailoverPolicy(connect_seconds=0.5, read_seconds=0.5, sentinel_seconds=0.3)
# Sends nothing twice. Here a late answer would be an error, so it waits longer than any answer takes on a busy machine.
ONCE = replace(POLICY, resend_ambiguous=False, read_seconds=10)


class Documents(Protocol):
    """What a stack gives its clients."""

    @property
    def connection(self) -> dict[str, Any]: ...

    @property
    def credentials(self) -> dict[str, Any]: ...


@contextlib.contextmanager
def connected(to: Documents, **arguments: Any) -> Iterator[Any]:
    """Give a synchronous client and close it."""
    client = connect(to.connection, to.credentials, **{"policy": POLICY, **arguments})
    with contextlib.closing(client):
        yield client


def hasten(client: Any, policy: FailoverPolicy) -> None:
    """Give another policy to a client that is connected: its small budget is then for what the test does with it."""
    holder = getattr(client, "connection_pool", client)  # a cluster's client has a pool for each node
    holder.policy = holder.retry.policy = policy


def thaw_before_the_next_attempt(monkeypatch: pytest.MonkeyPatch, *nodes: Node) -> None:
    """Let frozen nodes go on when a client has given an attempt up, and not at a time."""
    pause = Budget.pause

    def thaw_and_pause(budget: Budget) -> float:
        for node in nodes:
            if node.frozen:
                node.thaw()
        return pause(budget)

    monkeypatch.setattr(Budget, "pause", thaw_and_pause)


def in_async(to: Documents, use: Callable[[Any], Awaitable[Any]], **arguments: Any) -> Any:
    """Let `use` work with an asyncio client in a loop of its own."""

    async def run() -> Any:
        client: Any = aio.connect(to.connection, to.credentials, **{"policy": POLICY, **arguments})
        async with client:
            return await use(client)

    return asyncio.run(run())
