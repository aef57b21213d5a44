"""A message of which a part has arrived is kept until the rest is there, by a subscriber of every kind and form."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_client import aio, connect
from tests.client.test_libraries import settled
from tests.support.connecting import POLICY
from tests.support.every_kind import CLUSTERS, KINDS, EveryKind
from tests.support.global_processes import WorldNames
from tests.support.relay import Relay
from tests.support.twins import TWINS
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

HALF = 40  # bytes of a message that has begun
LONG = b"x" * 1000
SOON_OVER = replace(POLICY, total_seconds=10)  # a connection that is made anew comes to nothing: the relay holds it
# How one subscribes, publishes and hears.
PLAIN, SHARDED = ("subscribe", "publish", "get_message"), ("ssubscribe", "spublish", "get_sharded_message")


def stop_in_the_middle(owner: Any, relay: Relay, publish: str) -> None:
    before = relay.passed["to_client"]
    relay.hold("to_client", HALF)
    wait_until(lambda: owner.command(relay.node, publish, "news", LONG.decode()) == 1, "somebody listens")
    wait_until(lambda: relay.passed["to_client"] == before + HALF, "the message has begun")


@pytest.mark.parametrize("timeout", [0, 0.01])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize(("kind", "form"), [*((kind, PLAIN) for kind in KINDS), *((kind, SHARDED) for kind in CLUSTERS)])
def test_it_is_kept(
    every: EveryKind,
    every_name: WorldNames,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    form: tuple[str, str, str],
    twin: str,
    timeout: float,
) -> None:
    """redis-py's synchronous subscriber closes its connection, and the message is lost (redis/redis-py#4106)."""
    subscribe, publish, hear = form
    make: Any = aio.connect if twin == "asyncio" else connect
    to, arguments = every.documents(kind)
    owner, _ = every.node(kind)
    missed: list[float] = []

    async def use(relay: Relay) -> None:
        client = make(to.connection, every.as_admin(kind), policy=SOON_OVER, **arguments)
        subscriber = client.pubsub(on_resubscribed=missed.append)

        async def heard() -> Any:
            """Wait for a message, or a confirmation."""
            deadline = time.monotonic() + SLOWEST_SECONDS
            while time.monotonic() < deadline:
                found = await settled(getattr(subscriber, hear)(timeout=timeout))
                if found is not None:
                    return found
            raise AssertionError("nothing was heard")

        await settled(getattr(subscriber, subscribe)("news"))
        await heard()
        before = relay.accepted
        await asyncio.to_thread(stop_in_the_middle, owner, relay, publish)
        for _ in range(5):
            assert await settled(getattr(subscriber, hear)(timeout=timeout)) is None
        assert relay.accepted == before
        relay.release("to_client")
        assert (await heard())["data"] == LONG
        assert (relay.accepted, missed) == (before, [])
        await settled(subscriber.aclose() if twin == "asyncio" else subscriber.close())
        await settled(client.aclose() if twin == "asyncio" else client.close())

    with every.behind_relay(every_name, kind, monkeypatch) as relay:
        asyncio.run(use(relay))
