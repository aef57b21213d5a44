"""A signal handler that writes in the middle of another command of the same client, whose node is just lost.

redis/redis-py#565. The handler's first attempt fails. Without a time budget of its own it would be the last one.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from redis_ha_client import aio, connect
from redis_ha_client.budget import Budget, attempt
from tests.support.connecting import POLICY
from tests.support.every_kind import WRITING_KINDS, EveryKind
from tests.support.global_processes import WorldNames
from tests.support.losses import FAULTS, mended, refusing, struck
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.parametrize("fault", FAULTS),
    pytest.mark.parametrize("kind", WRITING_KINDS),
]

PATIENT = replace(POLICY, total_seconds=SLOWEST_SECONDS)
QUEUE, VALUE = "{own}queue", b"from the handler"
COMMANDS = ("BLPOP", "SET", "RPUSH")
WAIT_SECONDS = 2  # of the interrupted command, which is sent again and again


@dataclass
class Loss:
    """A node that is struck when the signal comes, and replaced when the handler's first attempt has failed."""

    every: EveryKind
    names: WorldNames
    kind: str
    fault: str
    replaced: bool = False
    errors: list[Exception] = field(default_factory=list)  # of the handler's commands
    _then: list[Callable[[], None]] = field(default_factory=list)

    def strike(self) -> None:
        if self.fault == "demoted":  # it takes no write before
            self._then.append(refusing(self.every, self.kind))
        self._then.insert(0, struck(self.every, self.names, self.kind, self.fault))

    def pause(self, budget: Budget) -> None:
        assert budget.what in COMMANDS, "the handler's command has no budget of its own"
        if budget.what == "SET" and not self.replaced:
            self.replaced = True
            self.mend()

    @contextmanager
    def mended_on_error(self) -> Iterator[None]:
        """Keep the error, which would look like the interrupted command's own, and let that command go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - of whatever class
            self.errors.append(error)
            self.mend()

    def mend(self) -> None:
        while self._then:
            self._then.pop(0)()


@pytest.fixture
def loss(every: EveryKind, every_name: WorldNames, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loss]:
    made = Loss(every, every_name, kind, fault)
    pause = Budget.pause

    def paused(budget: Budget) -> float:
        made.pause(budget)
        return pause(budget)

    monkeypatch.setattr(Budget, "pause", paused)
    with mended(every, every_name, kind):
        yield made
        made.mend()


@contextmanager
def handling(handle: Callable[..., None]) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupt(every: EveryKind, name: str) -> None:
    wait_until(lambda: every.listed(name, blocked=True), "the command waits on its node")
    os.kill(os.getpid(), signal.SIGUSR1)


def test_a_command_of_a_handler_rides_over_a_lost_node(loss: Loss, kind: str, fault: str) -> None:
    name, done = f"signal-{kind}-{fault}".replace(" ", "-"), list[Any]()
    to, _ = loss.every.documents(kind)
    client: Any = connect(to.connection, to.credentials, policy=PATIENT, client_name=name)

    def handle(*_: object) -> None:
        loss.strike()
        with loss.mended_on_error():
            done.append(client.set("{own}handled", 1))
            client.rpush(QUEUE, VALUE)

    popped = None
    with handling(handle), ThreadPoolExecutor(1) as threads:
        interrupting = threads.submit(interrupt, loss.every, name)
        while popped is None:
            popped = client.blpop([QUEUE], timeout=WAIT_SECONDS)
            assert not loss.errors
        interrupting.result()
    assert (popped, done, loss.replaced) == ((QUEUE.encode(), VALUE), [True], True)
    client.close()


def test_a_task_that_a_handler_starts_in_a_command_rides_over_a_lost_node(
    loss: Loss, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs the handler between two steps of whatever runs. The task begins with that command's context."""
    del fault
    to, _ = loss.every.documents(kind)
    signalled: list[str] = []
    enter = attempt.__enter__

    def entered(running: attempt) -> None:
        enter(running)
        if running._budget.what == "BLPOP" and not signalled:
            signalled.append(running._budget.what)
            signal.raise_signal(signal.SIGUSR1)

    async def use() -> None:
        client: Any = aio.connect(to.connection, to.credentials, policy=PATIENT)
        await client.ping()
        tasks: list[asyncio.Task[Any]] = []

        async def write() -> Any:
            with loss.mended_on_error():
                await client.set("{own}handled", 1)
                return await client.rpush(QUEUE, VALUE)

        def handle(*_: object) -> None:
            loss.strike()
            tasks.append(asyncio.get_running_loop().create_task(write()))

        popped = None
        with handling(handle):
            while popped is None:
                popped = await client.blpop([QUEUE], timeout=WAIT_SECONDS)
                assert not loss.errors
        assert popped == (QUEUE.encode(), VALUE)
        assert await tasks[0] == 1
        await client.aclose()

    monkeypatch.setattr(attempt, "__enter__", entered)
    asyncio.run(use())
    assert loss.replaced
