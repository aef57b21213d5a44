"""Clients that keep answers as long as they may, over virtual time: who met which colour when."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.route53_resolver import Answer

CLIENTS = 1_000
SECONDS = 300
# One request a second from each client; the first one at a moment of its own.
EVERY = 1.0


@dataclass(frozen=True)
class Lookup:
    """One answer and its use: when it was asked for, whom it named, and the requests that it served."""

    at: float
    answer: Answer
    requests: int
    last: float

    @property
    def colour(self) -> str:
        """Return the set identifier that was chosen first."""
        return self.answer.identifiers[0]


def lookups(
    ask: Callable[[float, random.Random], Answer | None], *, seed: int, clients: int = CLIENTS, seconds: float = SECONDS
) -> list[Lookup]:
    """Return every look-up of clients that each have a cache of their own.

    `ask` is the resolver at a moment. Real clients share the caches of resolvers on their way, so that shares there spread more
    than here; that is not Route 53's doing.
    """
    chance = random.Random(seed)  # noqa: S311  nothing is kept secret by it
    found = []
    for _ in range(clients):
        at = chance.uniform(0, EVERY)
        while at < seconds:
            answer = ask(at, chance)
            if answer is None:
                raise AssertionError(f"no answer at {at:.1f} s")
            expires = min(at + answer.ttl, seconds)
            requests = max(1, math.ceil((expires - at) / EVERY))
            found.append(Lookup(at, answer, requests, at + (requests - 1) * EVERY))
            at += requests * EVERY
    return found


def share(found: Sequence[Lookup], colour: str) -> float:
    """Return a colour's share of the requests."""
    return sum(each.requests for each in found if each.colour == colour) / sum(each.requests for each in found)


def tolerance(found: Sequence[Lookup], expected: float, deviations: float = 4) -> float:
    """Return by how much a share of the requests may differ from the expected one.

    Each look-up is one draw with the probability p, and counts with the w requests that it serves: the variance of the share is
    p (1 - p) sum(w^2) / sum(w)^2, for equal w the binomial p (1 - p) / n. Four standard deviations are left once in 16,000
    draws; the draws are always the same, so a test that passes once passes always.
    """
    total = sum(each.requests for each in found)
    squares = sum(each.requests**2 for each in found)
    return deviations * math.sqrt(expected * (1 - expected) * squares) / total
