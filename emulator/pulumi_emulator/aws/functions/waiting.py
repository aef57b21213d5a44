"""Asynchronous invocation: events wait in a queue of the function, are tried again on the account's clock, and end somewhere.

docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.functions.execution import Executor, Outcome
from pulumi_emulator.aws.functions.runtime import Throttled

RETRIES: Final = 2  # botocore PutFunctionEventInvokeConfig MaximumRetryAttempts
MAXIMUM_AGE: Final = 21600  # the same, MaximumEventAgeInSeconds
RETRY_SECONDS: Final = (60.0, 120.0)  # after the first and the second error
FIRST_PAUSE: Final = 1.0  # after the first time that the concurrency was used up; doubled each time
LONGEST_PAUSE: Final = 300.0
RETRIES_EXHAUSTED: Final = "RetriesExhausted"
AGE_EXCEEDED: Final = "EventAgeExceeded"
SUCCESS: Final = "Success"


@dataclass(frozen=True)
class Event:
    """One event in the queue of a function."""

    arn: str
    payload: str
    request_id: str
    accepted: datetime
    attempts: int = 0
    throttles: int = 0
    last: str | None = None


@dataclass(frozen=True)
class Policy:
    """How often and how long a function's events are tried."""

    retries: int = RETRIES
    age: float = MAXIMUM_AGE


def pause(throttles: int) -> float:
    """Return the seconds until the next try after so many times without concurrency."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (throttles - 1)))


def policy_of(function: Any) -> Policy:
    """Return the policy of moto's function."""
    config = function.event_invoke_config[0].config if function.event_invoke_config else {}
    given = (config.get("MaximumRetryAttempts"), config.get("MaximumEventAgeInSeconds"))
    return Policy(RETRIES if given[0] is None else int(given[0]), MAXIMUM_AGE if given[1] is None else int(given[1]))


# Tells what became of an event: the function, the event, the answer (None when it was never run), the condition.
Told = Callable[[Any, Event, "str | None", str], None]


class Waiting:
    """The events of an account's functions."""

    def __init__(self, account: Account, executor: Executor, find: Callable[[str], Any], told: Told) -> None:
        self.account = account
        self.executor = executor
        self._find = find
        self._told = told

    def put(self, arn: str, payload: str, request_id: str) -> None:
        """Take an event; it is tried at once, behind the caller's back."""
        self._begin(Event(arn, payload, request_id, self.account.clock.now()))

    def _begin(self, event: Event) -> None:
        self.account.under_way(lambda: self._try(event))

    def _later(self, event: Event, seconds: float) -> None:
        self.account.clock.after(seconds, lambda: self._begin(event))

    def _try(self, event: Event) -> None:
        function = self._find(event.arn)
        if function is None:
            return
        policy = policy_of(function)
        if (self.account.clock.now() - event.accepted).total_seconds() > policy.age:
            self._told(function, event, event.last, AGE_EXCEEDED)
            return
        try:
            outcome = self.executor.run(function, event.payload, event.request_id)
        except Throttled:
            waiting = replace(event, throttles=event.throttles + 1)
            self._later(waiting, pause(waiting.throttles))
            return
        self._after(function, policy, replace(event, attempts=event.attempts + 1, last=outcome.payload), outcome)

    def _after(self, function: Any, policy: Policy, event: Event, outcome: Outcome) -> None:
        if not outcome.failed:
            self._told(function, event, outcome.payload, SUCCESS)
        elif event.attempts > policy.retries:
            self._told(function, event, outcome.payload, RETRIES_EXHAUSTED)
        else:
            self._later(event, RETRY_SECONDS[event.attempts - 1])
