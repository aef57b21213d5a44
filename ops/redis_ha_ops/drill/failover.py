"""`redis-ha drill test-failover` as a runbook: AWS's TestFailover on one shard, watched from all sides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from redis_ha_ops import automation, group
from redis_ha_ops.cloud import CloudError
from redis_ha_ops.group import STAGES, Event
from redis_ha_ops.runbook.desk import Run
from redis_ha_ops.runbook.plan import Runbook, Step

from .failover_checks import checks
from .measuring import Measuring
from .subject import Drill

NAME = "drill test-failover"
# How long something may take on a real account before the drill says that it did not come. AWS's page gives "typically a few
# seconds" for writes alone (docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html).
TOLD_SECONDS = 600.0
RECOVER_SECONDS = 300.0  # for writes, after the promotion was told
BACK_SECONDS = 3600.0
# CloudWatch has a minute's values when the minute is over, and looks at an alarm once a minute: an alarm on one minute's value
# has rung by then.
ALARM_SECONDS = 180.0
CALLED_SECONDS = 120.0  # from a call to its event
DOCUMENT_SECONDS = 180.0
EVENTS_BACK = timedelta(hours=1)


def runbook(drill: Drill) -> Runbook:
    """Return the plan."""
    where = f"shard {drill.shard} of group {drill.group_id} in {drill.region}"
    steps = [
        Step("mark", "Note the group's newest event, its primary and its endpoint document", lambda run: _mark(drill, run))
    ]
    if drill.measure:
        steps.append(Step("write", "Write to the shard, undisturbed", lambda run: _write(drill, run)))
    steps += [
        Step(
            "call",
            f"Call TestFailover for {where}",
            lambda run: _call(drill, run),
            f"{where}: its primary is lost and replaced, writes fail for a while, the last ones may be lost",
            "nothing: AWS replaces the node by itself",
            lambda run: _called(drill, run),
        ),
        Step(
            "follow",
            "Follow AWS's events until a replica is promoted and writes are acknowledged",
            lambda run: _follow(drill, run),
        ),
    ]
    if drill.measure:
        steps.append(Step("count", "Stop writing, and read everything back", lambda _: _count(drill)))
    if drill.automation is not None:
        steps.append(Step("document", "Wait for the endpoint document's next generation", lambda run: _document(drill, run)))
    steps.append(Step("back", "Wait until the lost node is replaced", lambda run: _back(drill, run)))
    if drill.alarms:
        steps.append(Step("alarms", "Wait until one of the stack's alarms has rung", lambda run: _alarms(drill, run)))
    return Runbook(
        NAME,
        f"Test the failover of {where}, as AWS offers it for tests; it is not for operations",
        drill.name,
        {"group": drill.group_id, "shard": drill.shard, "region": drill.region},
        checks(drill),
        steps,
    )


def _mark(drill: Drill, run: Run) -> None:
    """Events are told apart by AWS's own clock: what comes after the newest one of the last hour is new."""
    since = drill.now() - EVENTS_BACK
    events = group.read_events(drill.ask, drill.region, since)
    run.facts["since"] = max((event.at for event in events), default=since).isoformat()
    run.facts["primary"] = drill.read().shard(drill.shard).primary
    if drill.automation is not None:
        run.facts["generation"] = automation.generation(drill.ask, drill.automation)


def _write(drill: Drill, run: Run) -> None:
    shard = drill.read().shard(drill.shard)
    drill.measuring = Measuring(drill, f"redis-ha:drill:{run.journal.id}", drill.rate, group.tag_of(shard.slots))
    drill.measuring.start(run.check)


def _call(drill: Drill, run: Run) -> None:
    if drill.measuring is not None:
        drill.measuring.cut()
    given = {"ReplicationGroupId": drill.group_id, "NodeGroupId": drill.shard}
    drill.ask("elasticache", "test_failover", given, drill.region)
    run.say(f"  TestFailover was called for shard {drill.shard}")


def _called(drill: Drill, run: Run) -> bool:
    """Tell by AWS's event whether the call was made; a group that is not available may be about to tell."""
    found = False

    def known() -> bool:
        nonlocal found
        found = "called" in _stages(drill, run)
        return found or drill.read().status == group.AVAILABLE

    run.wait(f"whether TestFailover was called for shard {drill.shard} is not known", known, CALLED_SECONDS)
    return found


def _follow(drill: Drill, run: Run) -> None:
    said: set[str] = set()

    def promoted() -> bool:
        return "told" in _tell_new(drill, run, said)

    def calm() -> bool:
        """Go on writing for the time asked for, and until nothing fails any more."""
        _tell_new(drill, run, said)
        lasted = measuring.since_cut() if measuring is not None else 0.0
        return measuring is None or lasted >= RECOVER_SECONDS or (measuring.calm() and lasted >= drill.seconds)

    measuring = drill.measuring
    run.wait("AWS tells of no promoted replica", promoted, TOLD_SECONDS)
    run.wait("the writers' time", calm, RECOVER_SECONDS + drill.seconds)
    run.facts["said"] = sorted(said)


def _count(drill: Drill) -> None:
    if drill.measuring is not None:
        drill.measured = drill.measuring.stop()
        drill.measuring = None


def _document(drill: Drill, run: Run) -> None:
    """Wait for the next generation. One that does not come is no reason to end: the checklist says so."""
    made, before = drill.automation, run.facts.get("generation")
    if made is None:
        return

    def raised() -> bool:
        try:
            run.facts["generation_after"] = automation.generation(drill.ask, made)
        except CloudError as error:
            run.facts["generation_trouble"] = str(error)
        return (run.facts.get("generation_after") or 0) > (before or 0)

    _look(drill, run, "the endpoint document", raised, DOCUMENT_SECONDS)


def _alarms(drill: Drill, run: Run) -> None:
    """Wait for an alarm. That none rings is no reason to end: the checklist says so."""
    called = _stages(drill, run).get("called")
    since = datetime.fromisoformat(run.facts["since"]) if called is None else called.at

    def rung() -> bool:
        try:
            run.facts["alarms"] = automation.rang(drill.ask, drill.alarms, drill.region, since)
        except CloudError as error:
            run.facts["alarms_trouble"] = str(error)
        return bool(run.facts.get("alarms"))

    _look(drill, run, "an alarm", rung, ALARM_SECONDS)
    if run.facts.get("alarms"):
        run.say(f"  alarms: {', '.join(run.facts['alarms'])}")


def _look(drill: Drill, run: Run, what: str, there: Callable[[], bool], seconds: float) -> None:
    """Look until it is there or the time is up, whichever is first."""
    end = drill.now() + timedelta(seconds=seconds)
    run.wait(what, lambda: there() or drill.now() >= end, seconds + 60)


def _back(drill: Drill, run: Run) -> None:
    said = set(run.facts.get("said", []))

    def whole() -> bool:
        found = _tell_new(drill, run, said)
        return "recovered" in found and drill.read().status == group.AVAILABLE

    run.wait(f"group {drill.group_id} has not got its node back", whole, BACK_SECONDS)


def _tell_new(drill: Drill, run: Run, said: set[str]) -> dict[str, Event]:
    found = _stages(drill, run)
    for stage in STAGES:
        if stage in found and stage not in said:
            said.add(stage)
            run.say(f"  {found[stage].at:%H:%M:%S} AWS: {found[stage].source}: {found[stage].text}")
    return found


def _stages(drill: Drill, run: Run) -> dict[str, Event]:
    since = datetime.fromisoformat(run.facts["since"])
    seen = drill.read()
    return group.stages(group.read_events(drill.ask, drill.region, since), seen, seen.shard(drill.shard), since)
