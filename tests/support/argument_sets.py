"""Generated argument sets of a component: good ones, and good ones with one mistake whose argument is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SEED = 20261121
Arguments = dict[str, Any]
Mistake = tuple[str, Callable[[Arguments], Arguments]]
# An argument by its path, and a value that a set gives it.
Option = tuple[str, str]
LEFT_OUT = "left out"
MISTAKE = "mistake"


@dataclass(frozen=True)
class ArgumentSet:
    """Arguments in Python's spelling.

    `wrong` is the argument that has to be refused, and `mistake` says which of the mistakes was made; None: the set has to be
    accepted.
    """

    number: int
    args: Arguments
    wrong: str | None = None
    mistake: int | None = None


def generated(count: int, good: Callable[[random.Random, int], Arguments], mistakes: Sequence[Mistake]) -> list[ArgumentSet]:
    """Return as many sets, always the same; about half of them with one mistake."""
    found = []
    for number in range(count):
        rng = random.Random(SEED + number)  # noqa: S311  nothing is kept secret by it
        args = good(rng, number)
        if number % 2:
            mistake = (number // 2) % len(mistakes)
            wrong, spoil = mistakes[mistake]
            found.append(ArgumentSet(number, spoil(args), wrong, mistake))
        else:
            found.append(ArgumentSet(number, args))
    return found


def options(sets: Sequence[ArgumentSet], free: Collection[str]) -> dict[int, set[Option]]:
    """Return what each set tries, by its number.

    A good set tries the values of its arguments, nested ones too, and the defaults of those that it leaves out. Below an
    argument of `free` the keys are anybody's own, so they count as values. A set with a mistake tries that mistake alone.
    """
    names = {name for one in sets if one.mistake is None for name in one.args}
    return {
        one.number: (
            {(name, LEFT_OUT) for name in names - set(one.args)} | set(_values(one, "", one.args, free))
            if one.mistake is None
            else {(MISTAKE, str(one.mistake))}
        )
        for one in sets
    }


def _values(one: ArgumentSet, path: str, value: Any, free: Collection[str], *, names: bool = True) -> Iterator[Option]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if not names:
                yield path, str(key)
            below = ".".join(part for part in (path, key if names else "*") if part)
            yield from _values(one, below, entry, free, names=not (names and key in free))
    elif isinstance(value, list):
        yield path, f"{len(value)} entries"
        for entry in value:
            yield from _values(one, f"{path}[]", entry, free)
    elif not (isinstance(value, str) and str(one.number) in value):  # else it may be the set's own name
        yield path, repr(value)


def few_with_all(sets: Sequence[ArgumentSet], free: Collection[str]) -> list[ArgumentSet]:
    """Return few of the sets that together try all that the whole of them tries: always the one that adds most."""
    tried = options(sets, free)
    missing = set[Option]().union(*tried.values())
    few: list[ArgumentSet] = []
    while missing:
        few.append(max(sets, key=lambda one: len(tried[one.number] & missing)))
        missing -= tried[few[-1].number]
    return few
