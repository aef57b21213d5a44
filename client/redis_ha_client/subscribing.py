"""What a subscriber knows of its connection: whether its node is there, and since when messages may be missing. Both halves.

redis-py sends a PING to an idle subscriber's node and waits for no answer (redis/redis-py#2417): behind a node that is frozen,
or gone without a word, it hears nothing for ever.
"""

import functools
from collections.abc import Container
from dataclasses import replace
from typing import Any

from .policy import FailoverPolicy
from .silence import Traffic

CONFIRMATIONS = ("subscribe", "psubscribe", "ssubscribe")
LONGEST_WAIT_SECONDS = 3600.0  # a socket takes no endless time-out as a number


@functools.lru_cache
def for_subscriptions(policy: FailoverPolicy) -> FailoverPolicy:
    """Return the policy by which a subscription is made: it may be made twice, whatever holds for commands."""
    return replace(policy, resend_ambiguous=True)


class Watch:
    """One subscriber's view of its connection. Times in seconds, of time.monotonic."""

    def __init__(self, now: float) -> None:
        self.heard = now  # when the last message, confirmation or answer came
        self._asked: float | None = None  # when the PING was sent that has no answer yet
        self._before: Traffic | None = None  # what had moved by then
        self._unconfirmed = 0  # subscriptions made again whose confirmation has not come yet
        self._lost: float | None = None  # since when messages may be missing

    @property
    def waiting(self) -> bool:
        """Whether a PING has no answer yet."""
        return self._asked is not None

    def asked(self, now: float, traffic: Traffic | None) -> None:
        """Note that a PING is sent."""
        self._asked, self._before = now, traffic

    def answered(self) -> None:
        """Note that the node is there."""
        self._asked = None

    def wait(self, now: float, due_in: float, seconds: float) -> float:
        """Return how long to wait for a message at most: a PING is due then, or an answer that may take `seconds`."""
        until_then = due_in if self._asked is None else self._asked + seconds - now
        return min(max(until_then, 0.0), LONGEST_WAIT_SECONDS)

    def silent(self, now: float, traffic: Traffic | None, seconds: float) -> bool:
        """Tell whether the node gave no sign of life for `seconds` after a PING: a message that keeps arriving is one."""
        if self._asked is None or now - self._asked < seconds:
            return False
        if self._before is not None and traffic is not None and traffic.received > self._before.received:
            # That the PING was taken says nothing: a frozen node's machine takes it as well.
            self.asked(now - traffic.received_ago / 1000, traffic)
        return now - self._asked >= seconds

    def begins_again(self, subscriptions: int) -> None:
        """Note that so many subscriptions are made again, on a new connection."""
        self._asked = None
        self._lost = self.heard if self._lost is None else self._lost
        self._unconfirmed = subscriptions
        if not subscriptions:
            self._lost = None

    def takes_over(self, other: "Watch") -> None:
        """Note that a subscription is made here that another node had before."""
        self._lost = min(other.heard, self.heard if self._lost is None else self._lost)
        self._unconfirmed += 1

    def refused(self, subscriptions: int) -> None:
        """Note that so many subscriptions are not made here after all."""
        self._unconfirmed = max(self._unconfirmed - subscriptions, 0)

    def received(self, response: Any, now: float) -> float | None:
        """Take note of what came. Return how long messages may have been missed when all subscriptions are there again."""
        self.heard = now
        if not self._unconfirmed or kind_of(response) not in CONFIRMATIONS:
            return None
        self._unconfirmed -= 1
        if self._unconfirmed or self._lost is None:
            return None
        missed, self._lost = now - self._lost, None
        return missed


def forget_what_was_left(subscriber: Any) -> None:
    """Drop the subscriptions whose end the lost node did not confirm. redis-py would make them again."""
    for left, held in (
        (subscriber.pending_unsubscribe_channels, subscriber.channels),
        (subscriber.pending_unsubscribe_patterns, subscriber.patterns),
        (subscriber.pending_unsubscribe_shard_channels, subscriber.shard_channels),
    ):
        for name in left:
            held.pop(name, None)


def kind_of(response: Any) -> str:
    """Return what a message is: "message", "subscribe" and so on; empty for an answer that is none."""
    word = response[0] if isinstance(response, list) and response else ""
    return word.decode() if isinstance(word, bytes) else str(word)


def is_displaced(response: Any, subscribed: Container[Any], leaving: Container[Any]) -> bool:
    """Tell whether a node ends a sharded subscription that nobody asked it to end: it serves the slot no longer."""
    return kind_of(response) == "sunsubscribe" and response[1] in subscribed and response[1] not in leaving
