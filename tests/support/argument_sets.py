"""Generated argument sets of a component: good ones, and good ones with one mistake whose argument is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SEED = 20261121
Arguments = dict[str, Any]
Mistake = tuple[str, Callable[[Arguments], Arguments]]


@dataclass(frozen=True)
class ArgumentSet:
    """Arguments in Python's spelling, and the argument that has to be refused (None: they have to be accepted)."""

    number: int
    args: Arguments
    wrong: str | None


def generated(count: int, good: Callable[[random.Random, int], Arguments], mistakes: Sequence[Mistake]) -> list[ArgumentSet]:
    """Return as many sets, always the same; about half of them with one mistake."""
    found = []
    for number in range(count):
        rng = random.Random(SEED + number)  # noqa: S311  nothing is kept secret by it
        args = good(rng, number)
        if number % 2:
            wrong, spoil = mistakes[(number // 2) % len(mistakes)]
            found.append(ArgumentSet(number, spoil(args), wrong))
        else:
            found.append(ArgumentSet(number, args, None))
    return found
