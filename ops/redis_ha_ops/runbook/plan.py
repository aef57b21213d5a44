"""What a runbook is: plain data and plain functions. Nothing here is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from redis_ha_ops.errors import OpsError

if TYPE_CHECKING:
    from .desk import Run

# Of a check before the first step. `against` refuses the run, and so does `unknown` unless the check may be unknown.
Word = Literal["fits", "against", "unknown"]
NOTHING = "nothing"


@dataclass(frozen=True)
class Answer:
    """What a check found, in words."""

    word: Word
    text: str


@dataclass(frozen=True)
class Check:
    """Something that has to be so before the first step; `look` changes nothing.

    may_be_unknown: a run is not refused when it could not be looked at.
    """

    name: str
    look: Callable[[], Answer]
    may_be_unknown: bool = False


@dataclass(frozen=True)
class Step:
    """One step. It is written down before and after, and carried out again when a run was killed in between.

    does, changes, undone_by: for people. act: does it; what later steps need goes into `run.facts`, plain JSON.
    done: asks whether an `act` that was begun and not written down as done has happened; None: doing it twice does no harm.
    undo: takes it back, also when it was begun only, also twice; None: there is nothing to take back.
    """

    name: str
    does: str
    act: Callable[[Run], None]
    changes: str = NOTHING
    undone_by: str = NOTHING
    done: Callable[[Run], bool] | None = None
    undo: Callable[[Run], None] | None = None


@dataclass(frozen=True)
class Runbook:
    """A plan for one stack. given: what it was asked for, plain JSON without secrets; a resumed run gets the same."""

    name: str
    title: str
    stack: str
    given: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Check] = ()
    steps: Sequence[Step] = ()

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{self.name}: steps {names}: at least one, each with a name of its own")

    def step(self, name: str) -> Step:
        """Return a step; OpsError when this release's plan has none of that name."""
        found = next((step for step in self.steps if step.name == name), None)
        if found is None:
            raise OpsError(f"{self.name} has no step {name!r}: the run was begun by another release, go on with that one")
        return found


def told(book: Runbook) -> list[str]:
    """Return the plan in plain words, a line each."""
    lines = [book.title]
    for number, step in enumerate(book.steps, 1):
        lines.append(f"  {number}. {step.does}")
        if step.changes != NOTHING:
            lines += [f"     changes: {step.changes}", f"     undone by: {step.undone_by}"]
    return lines


def refusals(answers: Sequence[tuple[Check, Answer]]) -> list[str]:
    """Return why a run must not begin, by the answers of its checks."""
    return [
        f"{check.name}: {answer.text}"
        for check, answer in answers
        if answer.word == "against" or (answer.word == "unknown" and not check.may_be_unknown)
    ]
