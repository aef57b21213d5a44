"""Pipelines of the kinds that dial by a name, whose node is lost half way, or cannot be dialled: what is known, and sent again.

A Sentinel topology's are in test_pipelines.py, more of a cluster's in test_cluster_pipelines.py, and what a node that falls
silent leaves in test_lost_in_the_middle.py.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import NotExecutedError, OutcomeUnknownError, aio, connect, outcomes_of
from tests.client.test_libraries import settled
from tests.support.connecting import ONCE, POLICY, connected, hasten
from tests.support.every_kind import CLUSTERS, WRITING_KINDS, EveryKind
from tests.support.global_processes import WorldNames
from tests.support.loopback import next_subnet
from tests.support.losses import lose, masters, mended
from tests.support.managed_processes import ManagedGroup
from tests.support.redis_processes import Node
from tests.support.twins import TWINS, Commands, executed, queued
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

KINDS = [kind for kind in WRITING_KINDS if kind != "sentinel"]
PATIENT = replace(POLICY, read_seconds=SLOWEST_SECONDS)  # a busy machine's pauses end no wait
PATIENT_ONCE = replace(ONCE, read_seconds=SLOWEST_SECONDS)
SETTLED = replace(POLICY, total_seconds=SLOWEST_SECONDS)


def commands(name: str) -> Commands:
    """Redis answers the first, and the second keeps it from the third until somebody pushes."""
    return [("INCR", f"{{a}}{name}-paid"), ("BLPOP", f"{{a}}{name}-gate", SLOWEST_SECONDS), ("INCR", f"{{a}}{name}-late")]


def second_in_doubt(kind: str, fault: str) -> str | None:
    """What is known of the BLPOP when the third command is in doubt; None where nothing is.

    A demoted node sends it away (UNBLOCKED, or MOVED in a cluster), which is certain, and may close the connection. A cluster's
    client sends on what is certain although something else is in doubt.
    """
    if fault == "killed":
        return "unknown"
    return {"cluster": "executed", "ssm cluster": "executed", "global cluster": None}.get(kind, "failed")


def copied(group: ManagedGroup, node: Node, names: list[str]) -> bool:
    return bool(group.command(node, "MGET", *(f"{{a}}{name}-paid" for name in names)) == ["1"] * len(names))


@pytest.mark.parametrize("fault", ["killed", "demoted"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_answered_is_known_and_not_sent_again(every: EveryKind, every_name: WorldNames, kind: str, fault: str) -> None:
    """Both halves in one loss, each with a client that may send again what has no answer, and one that may not."""
    to, _ = every.documents(kind)
    group, old = masters(every, kind)[0]  # another one than at first, when an earlier test lost that
    runs = {f"{twin}-{'once' if once else 'again'}": (twin, once) for twin, once in product(TWINS, (False, True))}
    names = [*runs]
    called = f"half-way-{kind}-{fault}".replace(" ", "-")

    def execute(name: str) -> Any:
        twin, once = runs[name]
        policy = PATIENT_ONCE if once else PATIENT
        return executed(to, twin, commands(name), policy=policy, client_name=called)

    with mended(every, every_name, kind), ThreadPoolExecutor(len(runs)) as threads:
        executing = {name: threads.submit(execute, name) for name in names}
        wait_until(lambda: len(every.listed(called, blocked=True)) == len(runs), "all pipelines wait on the node")
        if kind in CLUSTERS:
            group.wait_copied(old)
        else:
            wait_until(lambda: all(copied(*one, names) for one in every.replicated()), "every node of both regions has all")
        lose(every, every_name, kind, fault)
        # An ACL, by which this kind is demoted, sends nobody away who waits.
        waits_on = fault == "demoted" and kind == "global cluster"
        with connected(to) as client:
            for name in names:
                if waits_on:
                    group.command(old, "RPUSH", f"{{a}}{name}-gate", "open")
                else:
                    client.rpush(f"{{a}}{name}-gate", "open")
            found = {name: one.result() for name, one in executing.items()}
            paid = client.mget(*(f"{{a}}{name}-paid" for name in names))
        for name, replies in found.items():
            doubt = second_in_doubt(kind, fault) if runs[name][1] else None
            if doubt is not None and not (doubt == "executed" and isinstance(replies, list)):
                assert isinstance(replies, OutcomeUnknownError)
                assert outcomes_of(replies) == ["executed", doubt, "unknown"]
            else:
                assert (replies[0], replies[1][1], replies[2]) == (1, b"open", 1)
        # The regions of a global datastore with cluster mode on have data of their own here: nothing was paid there.
        assert paid == [None if kind == "global cluster" else b"1"] * len(runs)


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_rule_for_a_dial_that_failed(every: EveryKind, every_name: WorldNames, kind: str, *, transaction: bool) -> None:
    """As after a refusal: nothing was done, the pipeline is empty, and doing it again is told (redis/redis-py#488)."""
    to, _ = every.documents(kind)
    closed = f"{next_subnet()}.2"  # nobody listens there

    async def check(twin: str) -> None:
        client: Any = (aio.connect if twin == "asyncio" else connect)(to.connection, to.credentials, policy=SETTLED)
        key = f"{{a}}{twin}-{transaction}"
        try:
            await settled(client.get(key))
            await settled(client.aclose() if twin == "asyncio" else client.close())
            before = {name: list(addresses) for name, addresses in every_name.addresses.items()}
            pipeline = queued(client.pipeline(transaction=transaction), [("INCR", key), ("INCR", key)])
            hasten(client, replace(SETTLED, total_seconds=1))
            for name in before:
                every_name.addresses[name] = [closed]
            with pytest.raises(NotExecutedError) as caught:
                await settled(pipeline.execute())
            assert outcomes_of(caught.value) == ["failed"] * 2
            every_name.addresses.update(before)
            hasten(client, SETTLED)
            assert len(pipeline) == 0
            with pytest.raises(exceptions.RedisError, match="ended with NotExecutedError") as told:
                await settled(pipeline.execute())
            assert outcomes_of(told.value) == ["failed"] * 2
            assert await settled(client.get(key)) is None
            assert await settled(queued(pipeline, [("INCR", key)]).execute()) == [1]
            await settled(client.delete(key))
        finally:
            await settled(client.aclose() if twin == "asyncio" else client.close())

    for twin in TWINS:
        asyncio.run(check(twin))
