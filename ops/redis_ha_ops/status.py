"""One look at a stack, or many until it is healthy."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rich.console import Console

from .asking import Answers, Dial, ask_all
from .findings import Finding, healthy, judge, nobody_answered
from .stack import Stack
from .topology import Topology, read

LOOK_AGAIN_SECONDS = 1.0

HEALTHY, UNHEALTHY, COULD_NOT_LOOK = 0, 1, 2  # exit codes


@dataclass(frozen=True)
class Look:
    """What one look gave: the answers as they came, what they say, and what is wrong."""

    answers: list[Answers]
    topology: Topology
    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        """Whether nothing but notes was found."""
        return healthy(self.findings)

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded or disagreement, 2 when not a single node answered."""
        if nobody_answered(self.topology):
            return COULD_NOT_LOOK
        return HEALTHY if self.healthy else UNHEALTHY


def look(stack: Stack, dial: Dial) -> Look:
    """Ask all nodes once and judge their answers."""
    answers = ask_all(stack, dial)
    topology = read(answers)
    return Look(answers, topology, judge(topology, stack))


class Seen(Protocol):
    """What any look gives."""

    @property
    def healthy(self) -> bool:
        """Whether nothing but notes was found."""

    @property
    def findings(self) -> list[Finding]:
        """What was found."""


AnyLook = TypeVar("AnyLook", bound=Seen)


def wait_until_healthy(again: Callable[[], AnyLook], seconds: float, console: Console) -> AnyLook:
    """Look until the stack is healthy or the time is up; returns the last look. A spinner says what is still missing."""
    end = time.monotonic() + seconds
    with console.status("looking ...") as spinner:
        while True:
            seen = again()
            if seen.healthy or time.monotonic() >= end:
                return seen
            missing = [one for one in seen.findings if one.severity != "note"]
            left = f"{len(missing)} findings, {end - time.monotonic():.0f} s left"
            spinner.update(f"{left}: {missing[0].subject} {missing[0].text}"[: console.width - 4])
            time.sleep(min(LOOK_AGAIN_SECONDS, max(end - time.monotonic(), 0)))
