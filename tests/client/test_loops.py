"""One asyncio client over several event loops, and commands that a loop leaves behind when it is closed."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import gc
import itertools
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from redis_ha_client import aio, outcome_of
from redis_ha_client.budget import Budget
from redis_ha_client.errors import OtherLoopError
from tests.support.connecting import POLICY
from tests.support.every_kind import KINDS, WRITING_KINDS, EveryKind, Named
from tests.support.global_processes import WorldNames
from tests.support.loopback import next_subnet
from tests.support.losses import FAULTS, lose, mended
from tests.support.redis_processes import DATA_PORT, SENTINEL_PORT
from tests.support.silent import Silent
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("every_name")]

Use = Callable[[Any], Awaitable[Any]]


def client_of(every: EveryKind, kind: str, **arguments: Any) -> Any:
    to, more = every.documents(kind)
    return aio.connect(to.connection, to.credentials, policy=POLICY, pool_size=2, **more, **arguments)


async def one(client: Any) -> None:
    assert await client.get("loop") is None


async def crowd(client: Any) -> None:
    """More at once than the pool holds, so that tasks wait for each other: a lock then belongs to its loop."""
    assert await asyncio.gather(*(client.get("loop") for _ in range(8))) == [None] * 8


async def pipeline(client: Any) -> None:
    async with client.pipeline() as queued:
        queued.get("loop")
        assert await queued.execute() == [None]


async def transaction(client: Any) -> None:
    async with client.pipeline(transaction=True) as queued:
        await queued.watch("{loop}")
        queued.multi()
        queued.get("{loop}")
        assert await queued.execute() == [None]


def run(client: Any, *uses: Use) -> None:
    async def all_of_them() -> None:
        for use in uses:
            await use(client)

    asyncio.run(all_of_them())


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_works_in_one_loop_after_another(every: EveryKind, kind: str) -> None:
    name = f"loops-{kind.replace(' ', '-')}"
    client = client_of(every, kind, client_name=name)
    for use in (one, one, crowd, crowd, pipeline, one, transaction, crowd):
        if use is transaction and kind.endswith("reader"):
            continue  # WATCH is for writers
        run(client, use)
    run(client, one)
    asyncio.run(client.aclose())  # in a loop of its own: nothing is left of the loops before
    wait_until(lambda: not every.listed(name), "every connection is closed")
    run(client, one, type(client).aclose)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_loop_at_the_same_time_is_refused_at_once(every: EveryKind, kind: str) -> None:
    client = client_of(every, kind)
    first = asyncio.new_event_loop()
    thread = threading.Thread(target=first.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(one(client), first).result()
        with pytest.raises(OtherLoopError, match="one client for each event loop") as caught:
            run(client, one)
        assert outcome_of(caught.value) == "failed"
        asyncio.run_coroutine_threadsafe(one(client), first).result()  # which is not disturbed
        asyncio.run_coroutine_threadsafe(client.aclose(), first).result()
    finally:
        first.call_soon_threadsafe(first.stop)
        thread.join()
        first.close()
    run(client, one, type(client).aclose)


def test_a_subscriber_works_in_one_loop_after_another(every: EveryKind) -> None:
    """It keeps its connection, so nothing is taken from the pool in the second loop."""
    group = every.plain.groups["eu-central-1"]
    for node in group.nodes:
        group.command(node, "ACL", "SETUSER", "application", "&*")
    client = client_of(every, "primary")
    subscriber = client.pubsub(ignore_subscribe_messages=True)

    async def subscribe(_: Any) -> None:
        await subscriber.subscribe("news")

    async def hear(publisher: Any) -> None:
        message = None
        while message is None:
            await publisher.publish("news", "late")
            message = await subscriber.get_message(timeout=0.2)
        assert message["data"] == b"late"

    run(client, subscribe)
    run(client_of(every, "primary"), hear, type(client).aclose)
    run(client, lambda _: subscriber.aclose(), type(client).aclose)


async def waits(client: Any) -> None:
    await client.blpop(["nothing"], timeout=60)


async def waits_in_a_pipeline(client: Any) -> None:
    async with client.pipeline(transaction=False) as queued:
        queued.blpop(["nothing"], timeout=60)
        await queued.execute()


async def waits_for_a_connection(client: Any) -> None:
    await asyncio.gather(*(waits(client) for _ in range(3)))


async def watches(client: Any) -> None:
    async with client.pipeline(transaction=True) as queued:
        await queued.watch("nothing")
        await queued.blpop(["nothing"], timeout=60)


async def waits_before_it_closes(client: Any) -> None:
    async with client:
        await waits(client)


async def crowd_before_it_closes(client: Any) -> None:
    async with client:
        await crowd(client)


async def collects(client: Any) -> None:
    """Dial anew, which lets go of the task that waited, and let the garbage collector end that task beside this one."""
    await one(client)
    gc.collect()
    await asyncio.sleep(0)  # for whatever it began


async def collects_inside(client: Any) -> None:
    async with client:
        await collects(client)


@pytest.fixture
def collected_on_request() -> Iterator[None]:
    gc.collect()  # what other tests have left is not ours
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collected_on_request")
@pytest.mark.parametrize(
    ("use", "next_use"),
    [
        *itertools.product((waits, waits_in_a_pipeline, waits_for_a_connection, watches), (collects,)),
        *itertools.product((waits_before_it_closes,), (one, collects, collects_inside)),
    ],
)
@pytest.mark.parametrize("kind", ["sentinel", "primary", "cluster", "global", "global cluster"])
def test_a_command_that_its_loop_left_ends_quietly(
    every: EveryKind,
    kind: str,
    use: Use,
    next_use: Use,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The garbage collector ends it outside of any context, where nobody could catch what is thrown."""
    thrown: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda one: thrown.append(repr(one.exc_value)))
    name = f"left-{kind.replace(' ', '-')}"
    client = client_of(every, kind, client_name=name)
    asyncio.set_event_loop(None)  # as asyncio.run leaves it: without that word the system would make one
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # asyncio's own words: a pending task was destroyed

    async def start() -> weakref.ref[Any]:
        await client.ping()
        task = asyncio.ensure_future(use(client))
        # Nothing else is under way then: asyncio itself complains of a task that its loop never began.
        await asyncio.to_thread(wait_until, lambda: every.listed(name, blocked=True), "the command waits on a node")
        return weakref.ref(task)

    task = loop.run_until_complete(start())
    loop.close()
    assert task() is not None  # its connection keeps it, until another loop uses the client
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # which this is: a loop was closed over its connections
        run(client, next_use)
        gc.collect()
    assert task() is None
    assert thrown == []
    if next_use is collects_inside:
        wait_until(lambda: not every.listed(name), "every connection is closed")
    run(client, crowd_before_it_closes)  # its connections came back to the pool, and nobody is inside
    wait_until(lambda: not every.listed(name), "every connection is closed")
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("collected_on_request")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", WRITING_KINDS)
def test_a_command_that_its_loop_left_on_a_lost_node_ends_quietly(
    every: EveryKind, every_name: WorldNames, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda one: thrown.append(repr(one.exc_value)))
    name = f"left-{kind}-{fault}".replace(" ", "-")
    client = client_of(every, kind, client_name=name)
    asyncio.set_event_loop(None)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # asyncio's own words: a pending task was destroyed

    async def start() -> weakref.ref[Any]:
        task = asyncio.ensure_future(waits(client))
        await asyncio.to_thread(wait_until, lambda: every.listed(name, blocked=True), "the command waits on a node")
        return weakref.ref(task)

    async def writes(_: Any) -> None:
        assert await client.set("{loop}left", 1) is True

    task = loop.run_until_complete(start())
    with mended(every, every_name, kind):
        lose(every, every_name, kind, fault)
        loop.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # a loop was closed over its connections
            run(client, writes, collects)
            gc.collect()
        assert task() is None
        assert thrown == []
        run(client, crowd_before_it_closes)  # its connection came back to the pool, and nobody is inside
    wait_until(lambda: not every.listed(name), "every connection is closed")


@pytest.mark.usefixtures("collected_on_request")
@pytest.mark.parametrize("kind", ["sentinel", "primary", "cluster", "global", "global cluster"])
def test_a_close_that_a_loop_left_waits_for_nothing(every: EveryKind, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    thrown: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda one: thrown.append(repr(one.exc_value)))
    name = f"closing-{kind.replace(' ', '-')}"
    client = client_of(every, kind, client_name=name)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)

    async def stay(begun: asyncio.Event) -> None:
        try:
            await asyncio.gather(one(client), one(client))
            begun.set()
            await asyncio.Event().wait()
        finally:
            await client.aclose()

    async def start() -> None:
        begun = asyncio.Event()
        staying = asyncio.ensure_future(stay(begun))
        await begun.wait()
        assert not staying.done()

    loop.run_until_complete(start())
    loop.close()
    assert every.listed(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert thrown == []
    wait_until(lambda: not every.listed(name), "every connection is closed")


@pytest.mark.usefixtures("collected_on_request")
@pytest.mark.parametrize("in_another_loop", [True, False])
@pytest.mark.parametrize("kind", ["sentinel", "primary", "cluster", "global", "global cluster"])
def test_what_a_loop_left_open_is_closed_when_it_is_collected(every: EveryKind, kind: str, in_another_loop: bool) -> None:
    name = f"open-{kind.replace(' ', '-')}"
    client = client_of(every, kind, client_name=name)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)

    async def stay(begun: asyncio.Event) -> None:
        async with client:
            await one(client)
            begun.set()
            await asyncio.Event().wait()

    async def start() -> None:
        begun = asyncio.Event()
        staying = asyncio.ensure_future(stay(begun))
        await begun.wait()
        assert not staying.done()

    async def collect(_: Any) -> None:
        gc.collect()

    loop.run_until_complete(start())
    loop.close()
    assert every.listed(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        if in_another_loop:
            run(client, collect)
        gc.collect()
    wait_until(lambda: not every.listed(name), "every connection is closed")
    run(client, crowd_before_it_closes)
    wait_until(lambda: not every.listed(name), "every connection is closed")


async def inside(client: Any) -> None:
    async with client:
        pass


def test_closing_beside_the_loop_at_work_is_refused(every: EveryKind) -> None:
    client = client_of(every, "primary", client_name="beside")
    first = asyncio.new_event_loop()
    thread = threading.Thread(target=first.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(one(client), first).result()
        with pytest.raises(OtherLoopError, match="one client for each event loop"):
            run(client, type(client).aclose)
        asyncio.run_coroutine_threadsafe(type(client).__aenter__(client), first).result()
        with pytest.raises(OtherLoopError, match="one client for each event loop"):
            run(client, inside)
        asyncio.run_coroutine_threadsafe(one(client), first).result()
        asyncio.run_coroutine_threadsafe(client.__aexit__(None, None, None), first).result()
        assert not every.listed("beside")  # the one inside was the last one
    finally:
        first.call_soon_threadsafe(first.stop)
        thread.join()
        first.close()


def test_a_generator_that_is_closed_closes_its_client(every: EveryKind) -> None:
    """It ends by GeneratorExit as what is collected does, and may wait: a fixture, a dependency of a web framework."""
    client = client_of(every, "primary", client_name="generator")

    async def lent() -> AsyncIterator[Any]:
        async with client:
            yield client

    async def borrow(_: Any) -> None:
        generator = lent()
        async for borrowed in generator:
            await one(borrowed)
            break
        await generator.aclose()  # type: ignore[attr-defined]  # which is what an AsyncIterator made by a generator has
        assert not every.listed("generator")

    run(client, borrow)


@pytest.mark.usefixtures("collected_on_request")
def test_a_lock_that_a_loop_left_is_not_given_back(every: EveryKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README says: the end of redis-py's own block sends a command, which nothing can wait for any more."""
    thrown: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda one: thrown.append(repr(one.exc_value)))
    client = client_of(every, "primary", client_name="left-lock")

    async def hold() -> None:
        async with client.lock("{loop}lock", timeout=60):
            await waits(client)

    async def start() -> None:
        held.append(asyncio.ensure_future(hold()))
        await asyncio.to_thread(wait_until, lambda: every.listed("left-lock", blocked=True), "the command waits on a node")

    async def given_up(_: Any) -> None:
        assert await client.delete("{loop}lock") == 1

    held: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    loop.run_until_complete(start())
    loop.close()
    held.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(client, collects, given_up)
        gc.collect()
    assert thrown == ["RuntimeError('coroutine ignored GeneratorExit')"]
    run(client, crowd_before_it_closes)


class Leaving:
    """Leads a command's second attempt to where nobody answers, and knows when it is where it is to be left."""

    def __init__(self, names: WorldNames, where: str, silent: Silent) -> None:
        self.names, self.where, self.silent = names, where, silent
        self.before = {name: list(addresses) for name, addresses in names.addresses.items()}
        self._arrived = threading.Event()

    def lead_to(self, host: str) -> None:
        for name in self.before:
            self.names.addresses[name] = [host]

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        begin, pause = Budget.begin_attempt, Budget.pause

        def begun(budget: Budget) -> None:
            begin(budget)
            if budget.attempts == 2 and budget.what == "GET":
                self.lead_to(self.silent.host)
                self.names.looked_up.clear()
                self._arrived.set()

        def paused(budget: Budget) -> float:
            if self.where != "pause":
                return min(pause(budget), 0.01)
            self._arrived.set()
            return 600.0

        monkeypatch.setattr(Budget, "begin_attempt", begun)
        monkeypatch.setattr(Budget, "pause", paused)

    def wait(self) -> None:
        wait_until(self._arrived.is_set, "the first attempt has failed")
        if self.where != "pause":
            wait_until(lambda: self.names.looked_up, "the silent address is dialled")
        if self.where in {"handshake", "hang-up"}:
            wait_until(self.silent.dials, "it is connected")
        if self.where == "hang-up":  # what follows it has just begun when the loop is closed
            self.silent.hang_up()


@pytest.mark.usefixtures("collected_on_request")
@pytest.mark.parametrize("where", ["pause", "dial", "handshake", "hang-up"])
@pytest.mark.parametrize("kind", WRITING_KINDS)
def test_a_command_that_its_loop_left_while_a_lost_node_is_tried_again_ends_quietly(
    every: EveryKind, every_name: WorldNames, kind: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left between two attempts, in the dial or the handshake of the second one, or when that has just been cut."""
    thrown: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda one: thrown.append(repr(one.exc_value)))
    to = Named(every.documents(kind)[0], every_name)
    policy = replace(POLICY, connect_seconds=600, sentinel_seconds=600, total_seconds=600)
    client = aio.connect(to.connection, to.credentials, policy=policy)

    async def start(leaving: Leaving) -> weakref.ref[Any]:
        await client.ping()
        await client.aclose()
        leaving.lead_to(f"{next_subnet()}.2")  # where nobody listens
        task = asyncio.ensure_future(client.get("loop"))
        await asyncio.to_thread(leaving.wait)
        return weakref.ref(task)

    asyncio.set_event_loop(None)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # asyncio's own words: a pending task was destroyed
    with Silent("gone" if where == "dial" else "frozen", DATA_PORT, SENTINEL_PORT) as silent:
        leaving = Leaving(every_name, where, silent)
        with monkeypatch.context() as patch:
            leaving.patch(patch)
            task = loop.run_until_complete(start(leaving))
            loop.close()
        every_name.addresses.update(leaving.before)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # a loop was closed over its connections
            run(client, collects)
            gc.collect()
    assert task() is None
    assert thrown == []
    run(client, crowd_before_it_closes)
