"""A subscriber that notices a silent node and subscribes again, within one budget from its first failure."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import time
from collections.abc import Callable
from typing import Any

from redis import exceptions
from redis.client import PubSub

from redis_ha_client.budget import RETRIED_ERRORS, command_budget
from redis_ha_client.errors import RefusedError
from redis_ha_client.policy import FailoverPolicy
from redis_ha_client.silence import traffic_of
from redis_ha_client.subscribing import LONGEST_WAIT_SECONDS, Watch, for_subscriptions, forget_what_was_left


class NodeSubscriber(PubSub):
    """redis.client.PubSub. Its node has to answer a PING within read_seconds, or the master is looked up anew.

    on_resubscribed: called when all subscriptions are there again after a connection was lost, with the seconds in which
        messages may have been missed: from the last sign of life of the old node. From the call on nothing is missed.
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

    def execute_command(self, *args: Any) -> None:
        """Send a command of a subscriber's."""
        if self.connection is None:
            self.watch = Watch(time.monotonic())
        self.persist(lambda: super(NodeSubscriber, self).execute_command(*args))
        if not self.health_check_response_counter:
            self.watch.answered()

    def get_message(self, ignore_subscribe_messages: bool = False, timeout: float | None = 0.0) -> Any:
        """Return the next message; None when none came in `timeout` seconds (None: no end), or when a handler took it."""
        self._waits_on = True
        try:
            return super().get_message(ignore_subscribe_messages, timeout)  # type: ignore[arg-type]
        finally:
            self._waits_on = False

    def parse_response(self, block: bool = True, timeout: float = 0) -> Any:
        """Wait for a message, without end or for `timeout` seconds; None when there is none.

        A message that has arrived in part is kept until the rest is there. The answer to a PING ends an endless wait with None:
        libraries call this when there is something to read. get_message waits on.
        """
        if self.connection is None:
            return super().parse_response(block, timeout)  # says what is wrong
        until = None if block else time.monotonic() + timeout
        while True:
            response = self.persist(lambda: self.hear(until))
            if response is None:
                return None
            missed = self.watch.received(response, time.monotonic())
            if missed is not None and self.on_resubscribed is not None:
                self.on_resubscribed(missed)
            if not self.is_health_check_response(response):
                return response
            self.health_check_response_counter -= 1
            self.watch.answered()
            if block and not self._waits_on:
                return None

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return len(self.channels) + len(self.patterns) + len(self.shard_channels)

    def persist(self, act: Callable[[], Any]) -> Any:
        """Do `act` until it succeeds or the budget, which starts at the first failure, is over."""
        with command_budget(for_subscriptions(self.policy), "subscription", counting=False, owner=self):
            return self.connection_pool.retry.call_with_retry(lambda: self.once(act), lambda _: None)

    def once(self, act: Callable[[], Any]) -> Any:
        """Do `act`. After an error the next attempt dials anew, and subscribes again."""
        try:
            return act()
        except RETRIED_ERRORS as error:
            if self.connection is not None and not isinstance(error, RefusedError):
                self.connection.disconnect()
            raise

    def hear(self, until: float | None) -> Any:
        """Wait for one message; an error when the node is silent or no longer the one to listen to."""
        connection: Any = self.connection
        if connection.should_reconnect():
            connection.disconnect()
        while True:
            if not connection.is_connected:
                connection.connect()
            self.check_health()
            now = time.monotonic()
            seconds = self.policy.read_seconds
            due_in = connection.next_health_check - now if connection.health_check_interval else LONGEST_WAIT_SECONDS
            wait = self.watch.wait(now, due_in, seconds)
            try:
                return connection.read_response(
                    disconnect_on_error=False,
                    push_request=True,
                    timeout=wait if until is None else min(wait, max(until - now, 0.0)),
                )
            except exceptions.TimeoutError:
                now = time.monotonic()  # the parser keeps what has arrived
            if self.watch.silent(now, traffic_of(connection._sock), seconds):  # noqa: SLF001 - redis-py shows it nowhere
                raise exceptions.TimeoutError(f"{connection.host}:{connection.port} does not answer a subscriber's PING")
            if until is not None and now >= until:
                return None

    def check_health(self) -> None:
        """Send a PING when it is due and none waits for its answer."""
        connection: Any = self.connection
        if connection is None:
            super().check_health()  # says what is wrong
        if self.watch.waiting or not connection.health_check_interval or time.monotonic() <= connection.next_health_check:
            return
        connection.look_around()
        if connection.left_behind:
            raise exceptions.ConnectionError(f"{connection.host}:{connection.port} is no longer the node to listen to")
        connection.ask("PING", self.HEALTH_CHECK_MESSAGE)
        self.health_check_response_counter += 1
        self.watch.asked(time.monotonic(), traffic_of(connection._sock))  # noqa: SLF001 - redis-py shows it nowhere

    def on_connect(self, connection: Any) -> None:
        """Subscribe again, but not to what was being left when the connection was lost."""
        forget_what_was_left(self)
        self.health_check_response_counter = 0
        self.watch.begins_again(self.subscriptions)
        super().on_connect(connection)

    def _reconnect(self, conn: Any, *_: Any, **__: Any) -> None:
        """Close: the next attempt dials."""
        conn.disconnect()
