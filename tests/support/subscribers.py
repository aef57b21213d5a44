"""Subscribers of every form at once, and who publishes to them: for tests of what becomes of them when their node is lost."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from redis_ha_client import aio, connect
from tests.support.connecting import POLICY
from tests.support.waiting import wait_until

ONCE = replace(POLICY, resend_ambiguous=False)  # of commands: a subscription is made again in any case
LAST = b"the last one"


@dataclass
class Heard:
    """What one subscriber has heard."""

    messages: list[bytes] = field(default_factory=list)
    missed: list[float] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self, message: Any) -> None:
        if message is not None and message["type"] in {"message", "smessage"}:
            self.messages.append(message["data"])
            if message["data"] == LAST:
                self.ended.set()


def by_get_message(client: Any, heard: Heard) -> None:
    with client.pubsub(on_resubscribed=heard.missed.append) as subscriber:
        subscriber.subscribe("news")
        while not heard.ended.is_set():
            heard.take(subscriber.get_message(timeout=0.1))


async def by_getting_messages(client: Any, heard: Heard) -> None:
    async with client.pubsub(on_resubscribed=heard.missed.append) as subscriber:
        await subscriber.subscribe("news")
        while not heard.ended.is_set():
            heard.take(await subscriber.get_message(timeout=0.1))


Form = Callable[[Any, Heard], Any]


class Subscribers:
    """What the subscribers have heard, by the names of their forms."""

    def __init__(self, forms: Sequence[Form], publish: Callable[[bytes], object]) -> None:
        self._publish = publish
        self.heard = {form.__name__: Heard() for form in forms}

    def hear(self) -> None:
        """Publish until everybody has heard something that was published after the call."""
        before = {name: len(heard.messages) for name, heard in self.heard.items()}

        def everybody() -> bool:
            self._publish(b"x")
            return all(len(heard.messages) > before[name] for name, heard in self.heard.items())

        wait_until(everybody, lambda: f"all hear: { ({name: len(heard.messages) for name, heard in self.heard.items()}) }")

    def end(self, running: list[Any]) -> None:
        def ended() -> bool:
            self._publish(LAST)
            return all(one.done() for one in running)

        try:
            wait_until(ended, "all subscribers end")
        finally:
            for heard in self.heard.values():
                heard.ended.set()  # whoever heard nothing ends all the same, so that the test can fail


@contextlib.contextmanager
def subscribed(
    to: Any,
    credentials: dict[str, Any],
    forms: tuple[Sequence[Form], Sequence[Form]],
    commands: Sequence[str] = ("publish",),
) -> Iterator[Subscribers]:
    """Run the synchronous forms, each in a thread, and the asyncio ones in a loop of their own, until the block ends."""
    client = connect(to.connection, credentials, policy=ONCE)
    publisher = connect(to.connection, credentials, policy=POLICY)
    synchronous, asynchronous = forms
    subscribers = Subscribers(
        [*synchronous, *asynchronous], lambda message: [getattr(publisher, name)("news", message) for name in commands]
    )

    async def tasks() -> None:
        async with aio.connect(to.connection, credentials, policy=ONCE) as own:
            await asyncio.gather(*(form(own, subscribers.heard[form.__name__]) for form in asynchronous))

    with contextlib.closing(client), contextlib.closing(publisher), ThreadPoolExecutor() as threads:
        running = [threads.submit(asyncio.run, tasks())]
        running += [threads.submit(form, client, subscribers.heard[form.__name__]) for form in synchronous]
        try:
            subscribers.hear()
            yield subscribers
        finally:
            subscribers.end(running)
        for one in running:
            one.result()
