"""Every kind of client, in both halves, over a node that is killed, falls silent, or is demoted and lives on.

One loss for all: each client is in the middle of something when it comes, and must go on as the README says.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import OutcomeUnknownError, ScanInterruptedError, aio, connect, outcome_of, outcomes_of, wiring
from tests.client.test_interrupted import interrupted
from tests.client.test_libraries import altered, settled
from tests.client.test_rebuilt import as_rq_does
from tests.client.test_scans import COUNT, ELEMENTS, fill
from tests.support.connecting import POLICY, connected
from tests.support.every_kind import CLUSTERS, KINDS, EveryKind
from tests.support.global_processes import AWAY, HOME, WorldNames
from tests.support.losses import FAULTS, lose, mended
from tests.support.managed_processes import ManagedGroup
from tests.support.redis_processes import ADMIN, Node
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

PATIENT = replace(POLICY, read_seconds=2)  # a busy machine's pauses are no silence
ONCE = replace(PATIENT, resend_ambiguous=False)
SET = "redis.call('SET', KEYS[1], 1) return 1"
EMPTY = "the pipeline is empty"
STREAM = "{a}stream"


def called(kind: str, fault: str) -> str:
    """The name of all clients of one test."""
    return f"{kind}-{fault}".replace(" ", "-")


@dataclass
class Case:
    """One client of a kind, and the loss that it lives through."""

    every: EveryKind
    kind: str
    fault: str
    asynchronous: bool
    name: str

    def __post_init__(self) -> None:
        self.called = called(self.kind, self.fault)
        self.key = f"{{a}}{self.called}-{self.name}"
        self.clients: list[Any] = []
        self.cluster, self.reads = self.kind in CLUSTERS, self.kind.endswith("reader")

    def make(self, **arguments: Any) -> Any:
        to, more = self.every.documents(self.kind)
        credentials = to.credentials
        if self.kind == "sentinel":  # whose applications may use no channel
            credentials = credentials | {"username": ADMIN, "password": self.every.topology.passwords[ADMIN]}
        make: Any = aio.connect if self.asynchronous else connect
        made = make(to.connection, credentials, **{"policy": PATIENT, "client_name": self.called, **more, **arguments})
        self.clients.append(made)
        return made

    async def use(self, client: Any) -> None:
        """Write, or read with a client for reading."""
        if self.reads:
            await settled(client.get(self.key))
        else:
            assert await settled(client.set(self.key, 1)) is True

    async def close(self) -> None:
        for client in self.clients:
            await settled(client.aclose() if self.asynchronous else client.close())


async def rebuilt(case: Case) -> AsyncIterator[None]:
    """Items 4 and 5: made again by a library, which also changes the pool's arguments."""
    first = case.make()
    client = altered(type(first)(**first.get_connection_kwargs()) if case.cluster else as_rq_does(first))
    case.clients.append(client)
    await case.use(client)
    yield
    await case.use(client)


async def interrupting(case: Case) -> AsyncIterator[None]:
    """Item 11: a command in the middle of another one, whose time is over."""
    client = case.make()
    await case.use(client)
    yield
    with interrupted():
        await case.use(client)


async def scanning(case: Case) -> AsyncIterator[None]:
    """Item 13: all elements, or an error that tells."""
    client = case.make(decode_responses=True)
    scans = [client.scan_iter(count=10), client.sscan_iter("{a}set", count=10)]
    seen = [[await anext(scan) if case.asynchronous else next(scan)] for scan in scans]
    yield
    await case.use(client)  # one that only reads may not hear of a demotion
    for scan, first in zip(scans, seen, strict=True):
        try:
            rest = [one async for one in scan] if case.asynchronous else list(scan)
        except ScanInterruptedError:
            continue
        assert {*first, *rest} >= set(ELEMENTS)
    again = client.sscan_iter("{a}set")
    assert sorted([one async for one in again] if case.asynchronous else list(again)) == sorted(ELEMENTS)


async def subscribing(case: Case) -> AsyncIterator[None]:
    """Item 3."""
    async for _ in heard(case, case.name, "subscribe", "message"):
        yield


async def sharded(case: Case) -> AsyncIterator[None]:
    """Item 3, of channels that belong to a slot."""
    async for _ in heard(case, case.key, "ssubscribe", "sharded_message"):
        yield


async def heard(case: Case, channel: str, subscribe: str, message: str) -> AsyncIterator[None]:
    client, missed = case.make(), list[float]()
    publisher = case.make(reader=False) if case.reads else client  # a replica tells what is published there to nobody else
    subscriber = client.pubsub(on_resubscribed=missed.append)
    hear = getattr(subscriber, f"get_{message}")
    await settled(getattr(subscriber, subscribe)(channel))
    while await settled(hear(timeout=0.1)) is None:
        pass
    yield
    await case.use(client)
    published, deaf = "spublish" if message.startswith("sharded") else "publish", threading.Event()
    alarm = threading.Timer(SLOWEST_SECONDS, deaf.set)
    alarm.start()
    found: Any = None
    while not deaf.is_set() and (found is None or found["type"] not in {"message", "smessage"}):
        await settled(getattr(publisher, published)(channel, "x"))
        found = await settled(hear(timeout=0.1))
    alarm.cancel()
    assert not deaf.is_set()
    if case.fault != "demoted" and not case.reads:  # a sharded channel is with the primary
        assert missed
    await settled(subscriber.aclose() if case.asynchronous else subscriber.close())


async def looping(case: Case) -> AsyncIterator[None]:
    """Item 16: before the loss in one event loop, after it in others."""
    client = case.make()

    async def crowd() -> None:
        await asyncio.gather(*(client.get(case.key) for _ in range(8)))

    if case.asynchronous:
        await asyncio.to_thread(asyncio.run, crowd())
    yield
    if case.asynchronous:
        await asyncio.to_thread(asyncio.run, crowd())
        await asyncio.to_thread(asyncio.run, crowd())


async def read(case: Case) -> AsyncIterator[None]:
    """Item 1, of what a client for reading may say too."""
    client = case.make()
    await case.use(client)
    yield
    assert await settled(client.xread({STREAM: "0"})) == [[STREAM.encode(), [(b"1-1", {b"f": b"v"})]]]
    assert await settled(client.zrange("{a}sorted", 0, 0, withscores=True)) == [(min(ELEMENTS).encode(), 1.0)]


async def shaped(case: Case) -> AsyncIterator[None]:
    """Item 1: a reply that comes by another way, after a failure, has the same shape."""
    client = case.make()
    await case.use(client)
    yield
    pipeline = client.pipeline(transaction=False)
    pipeline.zadd(f"{case.key}-z", {"m": 1})
    pipeline.zpopmin(f"{case.key}-z")
    pipeline.xadd(f"{case.key}-x", {"f": "v"}, id="1-1")
    pipeline.xread({f"{case.key}-x": "0"})
    stream = [[f"{case.key}-x".encode(), [(b"1-1", {b"f": b"v"})]]]
    assert await settled(pipeline.execute()) == [1, [(b"m", 1.0)], b"1-1", stream]
    assert await settled(client.xread({f"{case.key}-x": "0"})) == stream


async def scripted(case: Case) -> AsyncIterator[None]:
    """Item 7. In a cluster redis-py takes a registered script alone, and in no pipeline."""
    client = case.make()
    script = client.register_script(SET)
    await settled(script(keys=[case.key]))
    await settled(client.delete(case.key))
    yield
    if case.kind == "global cluster" and case.fault == "demoted":  # by an ACL, which the script has met in the middle
        with pytest.raises(exceptions.ResponseError, match="can't run this command") as caught:
            await settled(script(keys=[case.key]))
        assert outcome_of(caught.value) == "unknown"
        await settled(client.set(case.key, 0))
    if case.cluster:
        assert await settled(script(keys=[case.key])) == 1
    else:
        for transaction in (False, True):
            pipeline = client.pipeline(transaction=transaction)
            queued = script(keys=[case.key], client=pipeline)
            if case.asynchronous:
                await queued
            pipeline.exists(case.key)
            assert await settled(pipeline.execute()) == [1, 1]


async def piped(case: Case) -> AsyncIterator[None]:
    """Items 8 and 12: sent once, or told to be in doubt; and nothing is done silently."""
    client = case.make(policy=ONCE)
    await settled(client.get(case.key))
    yield
    for transaction in (False, True):
        pipeline = client.pipeline(transaction=transaction)
        pipeline.incr(case.key).incr(case.key)
        try:
            await settled(pipeline.execute())
        except OutcomeUnknownError as error:
            doubt = outcomes_of(error)
        else:
            assert await settled(client.getdel(case.key)) == b"2"
            continue
        assert doubt == ["unknown"] * 2  # sent into the silence, or into a connection that had just been cut
        assert case.fault != "demoted" or case.kind == "sentinel"  # whose Sentinels cut it; the others refuse
        with pytest.raises(exceptions.RedisError, match=EMPTY):
            await settled(pipeline.execute())


async def watching(case: Case) -> AsyncIterator[None]:
    """Item 12: a lost WATCH empties the pipeline, and whoever does it all again comes to another node."""
    client = case.make()
    pipeline = client.pipeline(transaction=True)
    await settled(pipeline.watch(case.key))
    pipeline.multi()
    pipeline.set(case.key, 1)
    yield
    with pytest.raises(exceptions.WatchError):
        await settled(pipeline.execute())
    with pytest.raises(exceptions.RedisError, match=EMPTY):
        await settled(pipeline.execute())
    await case.use(case.make())  # until the new master has its replicas: its refusal would end the WATCH as well
    await settled(pipeline.watch(case.key))
    pipeline.multi()
    pipeline.set(case.key, 2)
    assert len(await settled(pipeline.execute())) == 1


Act = Callable[[Case], AsyncIterator[None]]
READING: tuple[Act, ...] = (rebuilt, interrupting, scanning, subscribing, looping, read)
WRITING: tuple[Act, ...] = (*READING, shaped, scripted, piped, watching)


def acts_of(kind: str) -> list[Act]:
    return [*(READING if kind.endswith("reader") else WRITING), *((sharded,) if kind in CLUSTERS else ())]


@pytest.fixture
def lost(
    every: EveryKind, every_name: WorldNames, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """Fill what clients of `kind` talk to; give what loses it; mend and empty it afterwards."""
    monkeypatch.setattr(wiring, "HEALTH_CHECK_SECONDS", 0.3)
    fill_all(every, every_name, kind)
    every.allow_channels(kind)
    with mended(every, every_name, kind):
        yield lambda: lose(every, every_name, kind, fault)
    # Item 9: closed are also the connections to nodes that had been left, which are back by now.
    wait_until(lambda: not every.listed(called(kind, fault)), "every client has closed all its connections")


def fill_all(every: EveryKind, names: WorldNames, kind: str) -> None:
    if kind == "sentinel":
        with connected(every.topology) as client:
            client.xadd(STREAM, {"f": "v"}, id="1-1")
            fill(client)
            client.wait(2, 5000)
        return
    whole = every.sharded if kind in CLUSTERS else every.plain
    for region in (AWAY, HOME) if kind in CLUSTERS else (HOME,):  # with cluster mode on each has data of its own here
        whole.promote(region)
        whole.point(names)
        with connected(whole) as client:
            client.xadd(STREAM, {"f": "v"}, id="1-1")
            fill(client)
    for group, node in [(one, node) for one in whole.groups.values() for node in one.nodes]:
        if not group.cluster:
            wait_until(partial(holds_all, group, node), f"{node.name} has all")
        elif group.role(node) == "master":
            group.wait_copied(node)


def holds_all(group: ManagedGroup, node: Node) -> bool:
    return all(
        int(group.command(node, size, key)) == COUNT
        for size, key in (("SCARD", "{a}set"), ("HLEN", "{a}hash"), ("ZCARD", "{a}sorted"))
    )


async def live(act: Act, case: Case, barrier: threading.Barrier) -> None:
    """Do what comes before a loss, wait for the others and the loss, and go on."""
    steps = act(case)
    try:
        try:
            await anext(steps)
        except BaseException:
            barrier.abort()
            raise
        await asyncio.to_thread(barrier.wait)
        async for _ in steps:
            pass
    finally:
        await case.close()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_client_goes_on(every: EveryKind, lost: Callable[[], None], kind: str, fault: str) -> None:
    acts = [(act, half) for act in acts_of(kind) for half in (False, True)]
    cases = [Case(every, kind, fault, half, f"{act.__name__}-{'asyncio' if half else 'sync'}") for act, half in acts]
    barrier = threading.Barrier(len(acts), lost, SLOWEST_SECONDS)

    with ThreadPoolExecutor(len(acts)) as threads:
        running = [threads.submit(asyncio.run, live(act, case, barrier)) for (act, _), case in zip(acts, cases, strict=True)]
        failed = {case.name: error for case, one in zip(cases, running, strict=True) if (error := one.exception())}
    if failed:
        raise BaseExceptionGroup(f"not gone on: {', '.join(failed)}", list(failed.values()))
