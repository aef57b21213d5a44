"""The asyncio subscriber: it notices a silent node and subscribes again, within one budget from its first failure."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis import exceptions
from redis.asyncio.client import PubSub

from redis_ha_client.budget import RETRIED_ERRORS, command_budget
from redis_ha_client.errors import RefusedError
from redis_ha_client.policy import FailoverPolicy
from redis_ha_client.silence import traffic_of
from redis_ha_client.subscribing import LONGEST_WAIT_SECONDS, Watch, for_subscriptions, forget_what_was_left


class NodeSubscriber(PubSub):
    """redis.asyncio.client.PubSub. Its node has to answer a PING within read_seconds, or the master is looked up anew.

    on_resubscribed: a function or a coroutine function, called when all subscriptions are there again after a connection was
        lost, with the seconds in which messages may have been missed: from the last sign of life of the old node. From the
        call on nothing is missed.
    """

    def __init__(self, *args: Any, on_resubscribed: Callable[[float], object] | None = None, **kwargs: Any) -> None:
        self.on_resubscribed = on_resubscribed
        super().__init__(*args, **kwargs)

    connection_pool: Any  # a NodePool
    _waits_on = False  # the answer to a PING does not end the wait

    @property
    def policy(self) -> FailoverPolicy:
        """The client's policy."""
        policy: FailoverPolicy = self.connection_pool.policy
        return policy

    async def connect(self) -> None:
        """Get a connection if there is none, and dial if it is closed."""
        if self.connection is None:
            self.watch = Watch(time.monotonic())
        await super().connect()

    async def execute_command(self, *args: Any) -> None:
        """Send a command of a subscriber's."""
        await self.persist(lambda: super(NodeSubscriber, self).execute_command(*args))

    async def get_message(
        self,
        ignore_subscribe_messages: bool = False,
        timeout: float | None = 0.0,  # noqa: ASYNC109 - redis-py's signature
    ) -> Any:
        """Return the next message; None when none came in `timeout` seconds (None: no end), or when a handler took it."""
        self._waits_on = True
        try:
            return await super().get_message(ignore_subscribe_messages, timeout)
        finally:
            self._waits_on = False

    async def parse_response(
        self,
        block: bool = True,
        timeout: float = 0,  # noqa: ASYNC109 - redis-py's signature
    ) -> Any:
        """Wait for a message, without end or for `timeout` seconds; None when there is none.

        A message that has arrived in part is kept until the rest is there. The answer to a PING ends an endless wait with None:
        libraries call this when there is something to read. get_message waits on.
        """
        if self.connection is None:
            return await super().parse_response(block, timeout)  # says what is wrong
        until = None if block else time.monotonic() + timeout
        while True:
            response = await self.persist(lambda: self.hear(until))
            if response is None:
                return None
            missed = self.watch.received(response, time.monotonic())
            if missed is not None and self.on_resubscribed is not None:
                told = self.on_resubscribed(missed)
                if inspect.isawaitable(told):
                    await told
            if response not in self.health_check_response:
                return response
            self.watch.answered()
            if block and not self._waits_on:
                return None

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return len(self.channels) + len(self.patterns) + len(self.shard_channels)

    async def persist(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do `act` until it succeeds or the budget, which starts at the first failure, is over."""
        with command_budget(for_subscriptions(self.policy), "subscription", counting=False, owner=self):
            return await self.connection_pool.retry.call_with_retry(lambda: self.once(act), lambda _: asyncio.sleep(0))

    async def once(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do `act`. After an error the next attempt dials anew, and subscribes again."""
        try:
            return await act()
        except RETRIED_ERRORS as error:
            connection: Any = self.connection
            if connection is not None and not isinstance(error, RefusedError):
                connection.drop()
                await connection.disconnect(nowait=True)
            raise

    async def hear(self, until: float | None) -> Any:
        """Wait for one message; an error when the node is silent or no longer the one to listen to."""
        connection: Any = self.connection
        clock = asyncio.get_running_loop().time  # redis-py's for next_health_check
        if connection.should_reconnect():
            await connection.disconnect(nowait=True)
        while True:
            if not connection.is_connected:
                await connection.connect()
            await self.check_health()
            now = time.monotonic()
            seconds = self.policy.read_seconds
            due_in = connection.next_health_check - clock() if connection.health_check_interval else LONGEST_WAIT_SECONDS
            wait = self.watch.wait(now, due_in, seconds)
            response = await connection.read_response(
                disconnect_on_error=False,
                push_request=True,
                timeout=wait if until is None else min(wait, max(until - now, 0.0)),
            )
            if response is not None:
                return response
            now = time.monotonic()  # the parser keeps what has arrived
            if self.watch.silent(now, traffic_of(connection.socket), seconds):
                raise exceptions.TimeoutError(f"{connection.host}:{connection.port} does not answer a subscriber's PING")
            if until is not None and now >= until:
                return None

    async def check_health(self) -> None:
        """Send a PING when it is due and none waits for its answer."""
        connection: Any = self.connection
        if connection is None:
            await super().check_health()  # says what is wrong
        now = asyncio.get_running_loop().time()
        if self.watch.waiting or not connection.health_check_interval or now <= connection.next_health_check:
            return
        connection.look_around()
        if connection.left_behind:
            raise exceptions.ConnectionError(f"{connection.host}:{connection.port} is no longer the node to listen to")
        await connection.ask("PING", self.HEALTH_CHECK_MESSAGE)
        self.watch.asked(time.monotonic(), traffic_of(connection.socket))

    async def on_connect(self, connection: Any) -> None:
        """Subscribe again, but not to what was being left when the connection was lost."""
        forget_what_was_left(self)
        self.watch.begins_again(self.subscriptions)
        await super().on_connect(connection)

    async def _reconnect(self, conn: Any, *_: Any, **__: Any) -> None:
        """Close: the next attempt dials."""
        await conn.disconnect(nowait=True)
