"""A planned switch of the master of a Sentinel topology, as a runbook: see `handover` for the moment itself.

The operator, or this tool, says who is to lead. Sentinel has no such option: it takes the replica with the lowest
replica-priority above 0. So the priority of that one is lowered for the moment. A Sentinel hears of it with its next INFO, up
to 10 s later; one that has not heard of it chooses another node, or answers OK and gives up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redis_ha_ops.asking import Dial, Line, tell
from redis_ha_ops.drill.checklist import NOT_SEEN, SEEN, Item
from redis_ha_ops.drill.failover_report import IN_DOUBT, Kind
from redis_ha_ops.drill.measuring import Measured, Measuring
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook.desk import Run
from redis_ha_ops.runbook.plan import Check, Runbook, Step
from redis_ha_ops.stack import Slot, Stack
from redis_ha_ops.status import Look, look
from redis_ha_ops.switching import writers
from redis_ha_ops.switching.candidates import PRIORITY, chosen, fits, priority, slot_of
from redis_ha_ops.switching.handover import PREFERRED, Handover, between, majority

NAME = "switch"
SWITCH_SECONDS = 180.0  # sentinel.conf failover-timeout, by default
MARGIN_SECONDS = 5.0  # after failover-timeout a Sentinel has given up
HEAR_SECONDS = 45.0  # four of Sentinel's INFO periods of 10 s, and a busy machine
# Without a failover under way and with the old master still named for so long, the Sentinel that led it has been lost.
LEADER_LOST_SECONDS = 5.0
OFTEN_SECONDS = 0.03
REJOIN_SECONDS = 180.0
RECOVER_SECONDS = 120.0
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
    wanted: str | None = None  # the node that is to lead; None: the one that has most
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
    wanted = subject.wanted
    where = f"master name {subject.stack.master_name}"
    write, count = writers.steps(subject, subject.stack, RECOVER_SECONDS)
    steps = [Step("mark", "Note the master, and who is to lead", lambda run: _mark(subject, run))]
    if subject.measure:
        steps.append(write)
    steps += [
        Step(
            "prefer",
            f"Lower the {PRIORITY} of the one that is to lead",
            lambda run: _set_priority(subject, run, PREFERRED),
            f"{PRIORITY} of one node",
            "setting it as it was",
            undo=lambda run: _put_back(subject, run),
        ),
        Step(
            "switch",
            "Hold the master's writes, let a Sentinel fail over, make the old master a replica, and let the writes go",
            lambda run: _switch(subject, run),
            f"{where}: writes wait for about a second",
            "letting the writes go; another switch makes the old master the master again",
            lambda run: _switched(subject, run),
            lambda run: _make_even(subject, run),
        ),
        Step(
            "put-back",
            f"Set the {PRIORITY} as it was",
            lambda run: _put_back(subject, run),
            f"{PRIORITY} of one node",
            "nothing: it is as it was",
        ),
        Step("settle", "Wait until all is well with the old master", lambda run: _settle(subject, run)),
    ]
    if subject.measure:
        steps.append(count)
    checks = [Check("topology", lambda: fits(subject.look(), wanted))]
    return Runbook(
        NAME,
        f"Make {wanted or 'another node'} the master of {where}",
        subject.stack.name,
        {} if wanted is None else {"to": wanted},
        checks,
        steps,
    )


# --- the steps ---


def _mark(subject: Subject, run: Run) -> None:
    seen = subject.look().topology
    master = seen.master()
    if master is None:
        raise OpsError("there is no master")
    candidate = chosen(seen, subject.wanted)
    if candidate is None:
        raise OpsError(f"{subject.wanted or 'no replica'}: not in step any more")
    run.facts.update(master=master.slot.name, to=candidate.slot.name, priority=priority(candidate))
    run.say(f"  {master.slot.name} is the master, {candidate.slot.name} is to lead")


def _slots(subject: Subject, run: Run) -> tuple[Slot, Slot]:
    """Return the old master, and the one that is to lead."""
    return slot_of(subject.stack, str(run.facts["master"])), slot_of(subject.stack, str(run.facts["to"]))


def _set_priority(subject: Subject, run: Run, wanted: int) -> None:
    tell(_slots(subject, run)[1], subject.stack, subject.dial, "CONFIG", "SET", PRIORITY, str(wanted))


def _put_back(subject: Subject, run: Run) -> None:
    _set_priority(subject, run, int(run.facts["priority"]))


def _named(subject: Subject) -> tuple[str | None, bool]:
    """Return the master that a majority of the Sentinels names, and whether a failover is under way."""
    seen = subject.look().topology
    address = majority([one.master for one in seen.sentinels])
    moving = any("failover_in_progress" in one.flags for one in seen.sentinels)
    return next((node.slot.name for node in seen.data if node.slot.address == address), None), moving


def _by_majority(subject: Subject) -> str:
    """Return the master that a majority of the Sentinels names; OpsError when none does: then nobody is made anything."""
    named = _named(subject)[0]
    if named is None:
        raise OpsError("no majority of the Sentinels names a data node as master: see what `redis-ha status` finds")
    return named


def _switched(subject: Subject, run: Run) -> bool:
    """Tell whether a majority names another master already and the old one follows; a failover under way is waited for."""
    run.wait("a failover is under way", lambda: not _named(subject)[1], SWITCH_SECONDS)
    named = _named(subject)[0]
    return named not in {None, run.facts["master"]} and _follows(subject, run)


def _follows(subject: Subject, run: Run) -> bool:
    old = next((node for node in subject.look().topology.data if node.slot.name == run.facts["master"]), None)
    return old is not None and old.role == "replica"


def _switch(subject: Subject, run: Run) -> None:
    old, new = _slots(subject, run)
    if subject.measuring is not None:
        subject.measuring.cut()
    run.wait("a failover is under way", lambda: not _named(subject)[1], SWITCH_SECONDS)
    with between(subject.stack, subject.dial, old, new) as handover:
        named = _by_majority(subject)
        if named != old.name:  # a run that was killed has come so far
            led = slot_of(subject.stack, named)
            if not _follows(subject, run):
                handover.demote(led)
        else:
            longest = _failover_timeout(subject) + MARGIN_SECONDS
            leading = handover.leaders()
            if leading:  # promoted, and the Sentinel that did it was lost
                handover.take_back(leading[0])
            run.say(f"  waiting until a Sentinel has heard that {new.name} is preferred: they ask every 10 s")
            found: list[Line] = []

            def heard() -> bool:
                found[:] = [line for line in [handover.moment()] if line is not None]
                return bool(found)

            _set_priority(subject, run, PREFERRED)  # an agent that started anew since has set it as it was
            _often(run, f"a Sentinel hears of {PRIORITY} {PREFERRED} of {new.name}", heard, HEAR_SECONDS)
            run.say(f"  holding the writes of {old.name}; {found[0].slot.name} is told to fail over")
            led = handover.make(found[0], longest)
            run.say(f"  {led.name} says master, {old.name} follows it, and writes go on")
        _confirm(subject, run, handover, led)
    run.facts["now"] = led.name
    if led.name != new.name:
        raise OpsError(f"{led.name} is the master, and not {new.name}: a Sentinel chose it. All writes are there")
    run.say(f"  {led.name} is the master, as a majority of the Sentinels names it")


def _confirm(subject: Subject, run: Run, handover: Handover, led: Slot) -> None:
    """Wait until a majority names the new master; when the Sentinel that promoted it is lost, the old one leads again."""
    since: list[float] = []

    def told() -> bool:
        named, moving = handover.named()
        if named == led.address:
            return True
        now = time.monotonic()
        since[:] = [] if moving else since or [now]
        return bool(since) and now - since[0] >= LEADER_LOST_SECONDS

    _often(run, f"a majority of the Sentinels names {led.name}", told, _failover_timeout(subject) + MARGIN_SECONDS)
    if handover.named()[0] != led.address:
        handover.take_back(led)
        raise OpsError(
            f"the Sentinel that promoted {led.name} was lost before it told the others: {handover.old.slot.name} is the master "
            "as before, with all writes. Run it again with --resume"
        )


def _failover_timeout(subject: Subject) -> float:
    told = [one.settings.get("failover-timeout") for one in subject.look().topology.sentinels]
    return max((int(one) / 1000 for one in told if one), default=SWITCH_SECONDS)


def _often(run: Run, what: str, look: Callable[[], bool], seconds: float) -> None:
    """Look many times a second until it is so; OpsError after `seconds`. A pause ends it, and so does a lost lease."""
    end = time.monotonic() + seconds
    while not look():
        run.check()
        if time.monotonic() >= end:
            raise OpsError(f"{what}: not so after {seconds:g} s")
        time.sleep(OFTEN_SECONDS)


def _make_even(subject: Subject, run: Run) -> None:
    """Take back what a switch may have left: held writes, or an old master that does not follow the new one yet."""
    run.wait("a failover is under way", lambda: not _named(subject)[1], SWITCH_SECONDS)
    old, new = _slots(subject, run)
    named = _by_majority(subject)
    with between(subject.stack, subject.dial, old, new) as handover:
        leading = handover.leaders()
        if named != old.name:
            handover.demote(slot_of(subject.stack, named))
            run.say(f"  {named} is the master, {old.name} follows it")
        elif leading:
            handover.take_back(leading[0])
            run.say(f"  {old.name} is the master as before")
        else:
            tell(old, subject.stack, subject.dial, "CLIENT", "UNPAUSE")
            run.say(f"  {old.name} is the master as before, and takes writes")


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
