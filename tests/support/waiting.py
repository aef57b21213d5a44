"""Waiting for what other processes do: one bound for all, far above what a loaded machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import redis

# A bound for a loaded machine, not an expectation: what is waited for takes a fraction of it.
SLOWEST_SECONDS = 120


def wait_until(
    condition: Callable[[], object], what: str | Callable[[], str], seconds: float = SLOWEST_SECONDS, *, every: float = 0.05
) -> None:
    """Wait until a condition holds; an error of redis-py counts as "not yet". Fails with what was waited for, as it is then.

    `every`: seconds between two looks, more for what takes processes to look at.
    """
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except redis.RedisError as error:
            last = error
        time.sleep(every)
    waited_for = what if isinstance(what, str) else what()
    raise AssertionError(f"not within {seconds:g} s: {waited_for} (last error: {last!r})")


def answer(ask: Callable[[], Any], what: str) -> Any:
    """Return what was asked for, once that gives no error of redis-py: on a busy machine the master may be changing."""
    answers: list[Any] = []

    def asked() -> bool:
        answers.append(ask())
        return True

    wait_until(asked, what)
    return answers[0]
