"""Every kind of client, in both halves, in the middle of a reply, a value or a message when its node is lost.

A relay stops them there. One loss for all: the node is killed, falls silent, or is demoted and lives on.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier

import pytest

from redis_ha_client import FailoverPolicy, OutcomeUnknownError, outcomes_of, wiring
from tests.client.test_libraries import settled
from tests.client.test_losses import Case, live
from tests.support.connecting import POLICY
from tests.support.every_kind import CLUSTERS, WRITING_KINDS, EveryKind
from tests.support.global_processes import WorldNames
from tests.support.losses import FAULTS, lose, masters, mended
from tests.support.relay import Relay
from tests.support.twins import queued
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

SIZE = 128 * 1024
LONG, MESSAGE, HALF, NEXT = "{a}long", b"m" * 1000, len(":1\r\n"), b"the next one"
REQUEST = 1024  # bytes: more than any of the others sends, less than the value
SILENCE_SECONDS = 3  # that a client takes a node for lost


def policy(fault: str) -> FailoverPolicy:
    """What is held and not frozen is no loss: only a frozen node is left because it is silent."""
    read_seconds = SILENCE_SECONDS if fault == "frozen" else SLOWEST_SECONDS
    return replace(POLICY, read_seconds=read_seconds, total_seconds=SLOWEST_SECONDS)


async def reading(case: Case) -> AsyncIterator[None]:
    """Item 6: a long answer of which a part has arrived."""
    client = case.make(policy=policy(case.fault))
    await settled(client.get(case.key))
    yield
    assert await settled(client.get(LONG)) == b"x" * SIZE


async def sending(case: Case) -> AsyncIterator[None]:
    """Item 6: a big value of which a part has been sent."""
    client = case.make(policy=policy(case.fault))
    await settled(client.set(case.key, 1))
    yield
    assert await settled(client.set(case.key, b"x" * SIZE)) is True
    assert await settled(client.strlen(case.key)) == SIZE


async def answered_in_part(case: Case, *, resend: bool) -> AsyncIterator[None]:
    """Item 8: a pipeline whose first answer has arrived. That one is known, and not sent again."""
    client = case.make(policy=replace(policy(case.fault), resend_ambiguous=resend))
    await settled(client.get(case.key))
    pipeline = queued(
        client.pipeline(transaction=False), [("INCR", f"{case.key}-paid"), ("GET", f"{case.key}-none"), ("SET", case.key, 1)]
    )
    yield
    if resend or case.fault == "demoted":
        assert await settled(pipeline.execute()) == [1, None, True]
    else:
        with pytest.raises(OutcomeUnknownError) as caught:
            await settled(pipeline.execute())
        assert outcomes_of(caught.value) == ["executed", "unknown", "unknown"]
    own = case.kind == "global cluster"  # each region has data of its own here
    assert await settled(client.get(f"{case.key}-paid")) in ((None, b"1") if own else (b"1",))


async def hearing(case: Case) -> AsyncIterator[None]:
    """Items 3 and 14: a message of which a part has arrived. It comes whole, or it is said that it may have been missed."""
    client, missed = case.make(policy=policy(case.fault)), list[float]()
    subscriber = client.pubsub(on_resubscribed=missed.append)
    await settled(subscriber.subscribe(case.key))
    while await settled(subscriber.get_message(timeout=0.1)) is None:
        pass
    owner, node = case.every.node(case.kind)
    yield
    published = partial(owner.command, node, "PUBLISH", case.key, MESSAGE.decode())
    await asyncio.to_thread(wait_until, lambda: published() == 1, "somebody listens")
    deadline = time.monotonic() + SLOWEST_SECONDS
    heard = list[bytes]()
    while not heard and time.monotonic() < deadline:
        if missed:
            await settled(client.publish(case.key, NEXT))
        message = await settled(subscriber.get_message(timeout=0.01))
        if message is not None and message["type"] == "message":
            heard.append(message["data"])
    assert (heard, bool(missed)) == (([MESSAGE], False) if case.fault == "demoted" else ([NEXT], True))
    await settled(subscriber.aclose() if case.asynchronous else subscriber.close())


async def answered_in_part_once(case: Case) -> AsyncIterator[None]:
    async for _ in answered_in_part(case, resend=False):
        yield


async def answered_in_part_again(case: Case) -> AsyncIterator[None]:
    async for _ in answered_in_part(case, resend=True):
        yield


ACTS: tuple[Callable[[Case], AsyncIterator[None]], ...] = (
    reading,
    sending,
    answered_in_part_once,
    answered_in_part_again,
    hearing,
)
STOPPED = {"to_client": 2 * (len(ACTS) - 1), "to_node": 2}  # both halves


def all_are_stopped(relay: Relay, running: list[Future[None]]) -> bool:
    """Tell whether all are in the middle, or one of them has failed."""
    return any(one.done() for one in running) or (
        relay.stopped("to_client") >= STOPPED["to_client"] and relay.stopped("to_node") >= STOPPED["to_node"]
    )


def wait_copied(every: EveryKind, kind: str) -> None:
    """Wait until whoever takes the node's place has what the node has answered."""
    for owner, node in masters(every, kind):
        if kind in CLUSTERS:
            owner.wait_copied(node)
        else:
            offset = owner.command(node, "INFO", "replication")["master_repl_offset"]
            others = every.topology.data if kind == "sentinel" else [one for _, one in every.replicated()]
            for other in others:
                behind = partial(owner.command, other, "INFO", "replication")
                wait_until(lambda: behind()["master_repl_offset"] >= offset, f"{other.name} has all")  # noqa: B023


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", WRITING_KINDS)
def test_what_was_begun_comes_to_an_end(
    every: EveryKind, every_name: WorldNames, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A subscriber that asks its node meanwhile may find out sooner that it was demoted.
    monkeypatch.setattr(wiring, "HEALTH_CHECK_SECONDS", SILENCE_SECONDS if fault == "frozen" else SLOWEST_SECONDS)
    for owner, node in masters(every, kind):
        owner.command(node, "SET", LONG, "x" * SIZE)
    every.allow_channels(kind)
    names = {name: list(addresses) for name, addresses in every_name.addresses.items()}
    cases = [
        (act, Case(every, kind, fault, half, f"{act.__name__}-{'asyncio' if half else 'sync'}"))
        for act in ACTS
        for half in (False, True)
    ]
    with (
        mended(every, every_name, kind),
        pytest.MonkeyPatch.context() as patch,
        every.behind_relay(every_name, kind, patch) as relay,
        ThreadPoolExecutor(len(cases)) as threads,
    ):

        def stop() -> None:
            relay.hold("to_client", HALF)
            relay.hold("to_node", REQUEST)

        barrier = Barrier(len(cases), stop, SLOWEST_SECONDS)
        running = [threads.submit(asyncio.run, live(act, case, barrier)) for act, case in cases]
        wait_until(lambda: all_are_stopped(relay, running), "all are in the middle")
        every_name.addresses.update(names)
        patch.undo()
        wait_copied(every, kind)
        lose(every, every_name, kind, fault)
        if fault == "killed":
            relay.cut()
        elif fault == "demoted":
            relay.release("to_client")
            relay.release("to_node")
        failed = {case.name: error for (_, case), one in zip(cases, running, strict=True) if (error := one.exception())}
    if failed:
        raise BaseExceptionGroup(f"not come to an end: {', '.join(failed)}", list(failed.values()))
