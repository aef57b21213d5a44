"""A planned switch of the master of a Sentinel topology: SENTINEL FAILOVER, with the old master's writes held meanwhile.

A Sentinel that is told to fail over promotes a replica while the old master goes on taking writes, until it is made a replica
seconds later (redis/redis src/sentinel.c, sentinelRefreshInstanceInfo: 8 s and more): what it acknowledges in between is lost.
CLIENT PAUSE WRITE holds them: they are executed by nobody, or refused by the replica that it has become.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis_ha_ops.asking import Dial, tell
from redis_ha_ops.drill.checklist import NOT_SEEN, SEEN, Item
from redis_ha_ops.drill.failover_report import IN_DOUBT, Kind
from redis_ha_ops.drill.measuring import Measured, Measuring
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook.desk import Run
from redis_ha_ops.runbook.plan import Answer, Check, Runbook, Step
from redis_ha_ops.stack import Stack
from redis_ha_ops.status import Look, look
from redis_ha_ops.switching import writers

NAME = "switch"
HOLD_SECONDS = 60  # writes are held at most so long, should the tool be killed; it ends when the old master is a replica
SWITCH_SECONDS = 180.0  # sentinel.conf failover-timeout, by default
REJOIN_SECONDS = 180.0
RECOVER_SECONDS = 120.0
# A write that waits longer than this for replicas that are behind is worse than a switch at another time.
MOST_LAG_BYTES = 1024**2
SWITCH = Kind(
    "switch",
    "The master was switched",
    "switch asked for",
    "another node is master, and all is well with the old one",
    ("Redis replicates asynchronously: zero lost writes in one run is no guarantee.", IN_DOUBT),
)


@dataclass
class Subject:
    """What is switched, and what writes meanwhile."""

    stack: Stack
    dial: Dial
    rate: float
    seconds: float
    measure: bool
    measuring: Measuring | None = None
    measured: Measured | None = None

    def look(self) -> Look:
        """Ask all nodes."""
        return look(self.stack, self.dial)

    def let_go(self) -> None:
        """End the writers of a run that ended in the middle."""
        if self.measuring is not None:
            self.measuring.give_up()
            self.measuring = None


def runbook(subject: Subject) -> Runbook:
    """Return the plan."""
    where = f"master name {subject.stack.master_name}"
    write, count = writers.steps(subject, subject.stack, RECOVER_SECONDS)
    steps = [Step("mark", "Note the master", lambda run: _mark(subject, run))]
    if subject.measure:
        steps.append(write)
    steps += [
        Step(
            "switch",
            "Hold the master's writes, let a Sentinel fail over, and let them go when the old master is a replica",
            lambda run: _switch(subject, run),
            f"{where}: writes wait for some seconds",
            "letting the writes go; another switch makes the old master the master again",
            lambda run: _switched(subject, run),
            lambda run: _let_writes_go(subject, run),
        ),
        Step("settle", "Wait until all is well with the old master", lambda run: _settle(subject, run)),
    ]
    if subject.measure:
        steps.append(count)
    checks = [Check("topology", lambda: fits(subject.look()))]
    return Runbook(NAME, f"Make another node the master of {where}", subject.stack.name, {}, checks, steps)


def fits(seen: Look) -> Answer:
    """Tell whether a master can be switched: everything is well, and a replica has what it has."""
    wrong = [one for one in seen.findings if one.severity != "note"]
    if wrong:
        return Answer("against", f"{wrong[0].subject} {wrong[0].text}")
    master = seen.topology.master()
    if master is None:
        return Answer("against", "there is no master")
    if not master.attached:
        return Answer("against", f"{master.slot.name} has no replica")
    behind = max(master.offset - replica.offset for replica in master.attached)
    if behind > MOST_LAG_BYTES:
        return Answer("against", f"a replica of {master.slot.name} is {behind} bytes behind")
    quorum = f"{sum(bool(one.quorum_ok) for one in seen.topology.sentinels)} of {len(seen.topology.sentinels)} Sentinels"
    return Answer("fits", f"master {master.slot.name}, {len(master.attached)} replicas in sync; {quorum} reach the quorum")


# --- the steps ---


def _mark(subject: Subject, run: Run) -> None:
    master = subject.look().topology.master()
    if master is None:
        raise OpsError("there is no master")
    run.facts["master"] = master.slot.name


def _master(subject: Subject) -> tuple[str | None, bool]:
    """Return the master that most Sentinels name, and whether a failover is under way."""
    seen = subject.look().topology
    master = seen.master()
    moving = any("failover_in_progress" in one.flags for one in seen.sentinels)
    return (master.slot.name if master else None), moving


def _switched(subject: Subject, run: Run) -> bool:
    """Tell whether the old master is a replica already; a failover that is under way is waited for."""
    run.wait("a failover is under way", lambda: not _master(subject)[1], SWITCH_SECONDS)
    return _master(subject)[0] not in {None, run.facts["master"]} and _follows(subject, run)


def _follows(subject: Subject, run: Run) -> bool:
    old = next((node for node in subject.look().topology.data if node.slot.name == run.facts["master"]), None)
    return old is not None and old.role == "replica"


def _switch(subject: Subject, run: Run) -> None:
    stack, old = subject.stack, str(run.facts["master"])
    slot = next(slot for slot in stack.of_kind("data") if slot.name == old)
    run.wait("a failover is under way", lambda: not _master(subject)[1], SWITCH_SECONDS)
    if subject.measuring is not None:
        subject.measuring.cut()
    try:
        if _master(subject)[0] == old:
            tell(slot, stack, subject.dial, "CLIENT", "PAUSE", str(HOLD_SECONDS * 1000), "WRITE")
            sentinel = next(one.slot for one in subject.look().topology.sentinels if one.quorum_ok)
            tell(sentinel, stack, subject.dial, "SENTINEL", "FAILOVER", stack.master_name)
            run.say(f"  {sentinel.name} was told to fail over")
        run.wait(f"{old} is still the master", lambda: _master(subject) not in {(old, True), (old, False)}, SWITCH_SECONDS)
        run.wait(f"{old} is no replica", lambda: _follows(subject, run), SWITCH_SECONDS)
    finally:
        tell(slot, stack, subject.dial, "CLIENT", "UNPAUSE")
    run.facts["now"] = _master(subject)[0]
    run.say(f"  {run.facts['now']} is the master")


def _let_writes_go(subject: Subject, run: Run) -> None:
    slot = next(slot for slot in subject.stack.of_kind("data") if slot.name == run.facts["master"])
    tell(slot, subject.stack, subject.dial, "CLIENT", "UNPAUSE")


def _settle(subject: Subject, run: Run) -> None:
    run.wait("the topology is not healthy", lambda: subject.look().healthy, REJOIN_SECONDS)


def items(subject: Subject, facts: Mapping[str, Any]) -> list[Item]:
    """Return the checklist of a switch."""
    seen = subject.look()
    master = seen.topology.master()
    name = master.slot.name if master else None
    state = SEEN if name not in {None, facts.get("master")} else NOT_SEEN
    wrong = [one for one in seen.findings if one.severity != "note"]
    told = f"{wrong[0].subject} {wrong[0].text}" if wrong else "nodes and Sentinels agree"
    found = [
        Item("another node is master", state, f"{name}, as the Sentinels tell"),
        Item("the topology is healthy", NOT_SEEN if wrong else SEEN, told),
    ]
    if subject.measure:
        found += writers.items(subject)
    return found
