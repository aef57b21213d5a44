"""What writes during a switch, and what the checklist says of it: the same for both topologies."""

from __future__ import annotations

from typing import Protocol

from redis_ha_ops.drill.checklist import Evidence, Item, losses, outage, recovery
from redis_ha_ops.drill.load import Target
from redis_ha_ops.drill.measuring import Measured, Measuring
from redis_ha_ops.runbook.desk import Run
from redis_ha_ops.runbook.plan import Step


class Written(Protocol):
    """What is switched, as far as it is written to."""

    rate: float
    seconds: float
    measuring: Measuring | None
    measured: Measured | None


def steps(subject: Written, target: Target, longest: float) -> tuple[Step, Step]:
    """Return the steps that begin to write and that end it, after `longest` seconds at most."""
    return (
        Step("write", "Write, undisturbed", lambda run: _begin(subject, target, run)),
        Step("count", "Write until nothing fails, and read everything back", lambda run: _end(subject, run, longest)),
    )


def _begin(subject: Written, target: Target, run: Run) -> None:
    subject.measuring = Measuring(target, f"redis-ha:switch:{run.journal.id}", subject.rate)
    subject.measuring.start(run.check)


def _end(subject: Written, run: Run, longest: float) -> None:
    measuring = subject.measuring
    if measuring is None:
        return

    def over() -> bool:
        lasted = measuring.since_cut()
        return lasted >= longest or (measuring.calm(disturbed=False) and lasted >= subject.seconds)

    run.wait("writes", over, longest + subject.seconds)
    subject.measured = measuring.stop()
    subject.measuring = None


def items(subject: Written) -> list[Item]:
    """Return what the checklist says of the writes."""
    why = {"measured": "the tool was ended during the switch, and its writers with it"}
    evidence = Evidence(measured=subject.measured, why=why)
    return [outage(evidence, needed=False), recovery(evidence, disturbed=False), losses(evidence)]
