"""A planned switch of an ElastiCache group's primary, cluster mode disabled: ModifyReplicationGroup with PrimaryClusterId.

AWS takes it only while Multi-AZ and automatic failover are off (docs.aws.amazon.com/AmazonElastiCache/latest/dg/
Replication.PromoteReplica.html), so they are switched off before, and on as they were after. With cluster mode enabled AWS has
no such call: TestFailover is for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis_ha_ops import managed
from redis_ha_ops.drill.checklist import NOT_SEEN, SEEN, UNKNOWN, Item
from redis_ha_ops.drill.failover_checks import in_sync
from redis_ha_ops.drill.failover_report import ASYNCHRONOUS, IN_DOUBT, Kind
from redis_ha_ops.drill.subject import Drill
from redis_ha_ops.errors import OpsError
from redis_ha_ops.group import AVAILABLE, Group
from redis_ha_ops.runbook.desk import Run
from redis_ha_ops.runbook.journal import Journal
from redis_ha_ops.runbook.plan import Answer, Check, Runbook, Step
from redis_ha_ops.switching import writers

NAME = "switch"
CHANGE_SECONDS = 1800.0  # a change of a group on a real account takes minutes
RECOVER_SECONDS = 300.0
ENABLED, DISABLED = "enabled", "disabled"
SWITCH = Kind(
    "switch",
    "The primary was switched",
    "switch asked for",
    "the chosen node is primary, and failover is on as before",
    (ASYNCHRONOUS, IN_DOUBT),
)


def runbook(subject: Drill, wanted: str | None) -> Runbook:
    """Return the plan. wanted: the node that becomes primary; None: the first replica that AWS names."""
    seen = subject.read()
    where = f"group {seen.id} in {seen.region}"
    write, count = writers.steps(subject, subject, RECOVER_SECONDS)
    steps = [Step("mark", "Note the primary and the failover's settings", lambda run: _mark(subject, run, wanted))]
    if subject.measure:
        steps.append(write)
    steps += [
        Step(
            "unguard",
            "Switch Multi-AZ and automatic failover off: AWS switches no primary while they are on",
            lambda run: _guard(subject, run, on=False),
            f"{where}: a primary that is lost now is not replaced by a replica",
            "switching them on as they were",
            lambda run: _guarded(subject, run, on=False),
            lambda run: _guard(subject, run, on=True),
        ),
        Step(
            "switch",
            f"Make {wanted or 'the first replica'} the primary",
            lambda run: _switch(subject, run, str(run.facts["wanted"])),
            f"{where}: writes fail for a moment; what the replica lacks is lost",
            "making the old primary the primary again",
            lambda run: primary_of(_settled(subject, run)) == run.facts["wanted"],
            lambda run: _switch(subject, run, str(run.facts["primary"])),
        ),
        Step(
            "guard",
            "Switch automatic failover and Multi-AZ on as they were",
            lambda run: _guard(subject, run, on=True),
            f"{where}: the failover's settings",
            "switching them off",
            lambda run: _guarded(subject, run, on=True),
            lambda run: _guard(subject, run, on=False),
        ),
    ]
    if subject.measure:
        steps.append(count)
    given = {"group": seen.id, "region": seen.region, "to": wanted}
    return Runbook(NAME, f"Make another node the primary of {where}", subject.name, given, checks(subject, wanted), steps)


# --- before the first step ---


def checks(subject: Drill, wanted: str | None) -> list[Check]:
    """Return what has to be so."""
    return [
        Check("group", lambda: fits(subject.read(), wanted)),
        Check("replicas in sync", lambda: in_sync(managed.look(subject.managed))),
    ]


def fits(seen: Group, wanted: str | None) -> Answer:
    """Tell whether a group's primary can be switched, to this node."""
    why = _against_group(seen)
    if why is not None:
        return Answer("against", f"{seen.id} {why}")
    primary = primary_of(seen)
    if primary is None:
        return Answer("unknown", "AWS does not say which node is primary")
    replicas = [member for member in seen.shards[0].members if member != primary]
    if not replicas:
        return Answer("against", f"{seen.id} has no replica")
    if wanted == primary:
        return Answer("against", f"--to {wanted}: it is the primary already")
    if wanted is not None and wanted not in replicas:
        return Answer("against", f"--to {wanted}: the replicas of {seen.id} are {', '.join(replicas)}")
    return Answer("fits", f"available, primary {primary}, replicas {', '.join(replicas)}")


def _against_group(seen: Group) -> str | None:
    if seen.clustered:
        return (
            "has cluster mode enabled: AWS lets nobody choose a primary there. `redis-ha drill test-failover` tests the "
            "failover of a shard, and AWS's own replacements in the maintenance window switch without a person"
        )
    if seen.global_role is not None:
        return "is a member of a Global Datastore: the failover's settings are not a member's own"
    if seen.status != AVAILABLE:
        return f"is {seen.status}: one change at a time, wait until it is available"
    return None


# --- the steps ---


def _mark(subject: Drill, run: Run, wanted: str | None) -> None:
    seen = subject.read()
    primary = primary_of(seen)
    replicas = [member for member in seen.shards[0].members if member != primary]
    facts = {"primary": primary, "wanted": wanted or replicas[0]}
    run.facts.update(facts, automatic=seen.automatic_failover, multi_az=seen.multi_az)


def _guarded(subject: Drill, run: Run, *, on: bool) -> bool:
    """Tell whether the failover's settings are as they were (on), or off."""
    seen = _settled(subject, run)
    wanted = (run.facts["automatic"], run.facts["multi_az"]) if on else (DISABLED, DISABLED)
    return (seen.automatic_failover, seen.multi_az) == wanted


def _guard(subject: Drill, run: Run, *, on: bool) -> None:
    if _guarded(subject, run, on=on):
        return
    automatic = on and run.facts["automatic"] == ENABLED
    multi_az = on and run.facts["multi_az"] == ENABLED
    _modify(subject, run, AutomaticFailoverEnabled=automatic, MultiAZEnabled=multi_az)
    if not _guarded(subject, run, on=on):
        raise OpsError(f"group {subject.group_id}: AWS took the failover's settings and did not make them so")


def _switch(subject: Drill, run: Run, wanted: str) -> None:
    if primary_of(_settled(subject, run)) == wanted:
        return
    if subject.measuring is not None:
        subject.measuring.cut()
    _modify(subject, run, PrimaryClusterId=wanted)
    if primary_of(_settled(subject, run)) != wanted:
        raise OpsError(f"group {subject.group_id}: AWS took {wanted} as primary and did not make it so")


def _modify(subject: Drill, run: Run, **changes: object) -> None:
    given = {"ReplicationGroupId": subject.group_id, "ApplyImmediately": True, **changes}
    subject.ask("elasticache", "modify_replication_group", given, subject.region)
    run.say(f"  ModifyReplicationGroup: {', '.join(f'{name} {value}' for name, value in changes.items())}")


def _settled(subject: Drill, run: Run) -> Group:
    """Return the group when no change of it is under way."""
    seen: list[Group] = []

    def available() -> bool:
        seen[:] = [subject.read()]
        return seen[0].status == AVAILABLE and {seen[0].automatic_failover, seen[0].multi_az} <= {ENABLED, DISABLED}

    run.wait(f"group {subject.group_id} is not available", available, CHANGE_SECONDS)
    return seen[0]


def primary_of(seen: Group) -> str | None:
    """Return the primary that AWS names."""
    return seen.shards[0].primary if seen.shards else None


# --- what the report is made of ---


def items(subject: Drill, facts: Mapping[str, Any]) -> list[Item]:
    """Return the checklist of a switch."""
    found: list[Item] = []
    try:
        seen = subject.read()
        now = primary_of(seen)
        found.append(
            Item("the chosen node is primary", SEEN if now == facts.get("wanted") else NOT_SEEN, f"{now}, as AWS tells")
        )
        as_before = (seen.automatic_failover, seen.multi_az) == (facts.get("automatic"), facts.get("multi_az"))
        told = f"automatic failover {seen.automatic_failover}, Multi-AZ {seen.multi_az}"
        found.append(Item("failover is on as before", SEEN if as_before else NOT_SEEN, told))
    except OpsError as error:
        found += [Item(what, UNKNOWN, str(error)) for what in ("the chosen node is primary", "failover is on as before")]
    found.append(_endpoints(subject))
    if subject.measure:
        found += writers.items(subject)
    return found


def unguarded(journal: Journal) -> bool:
    """Tell whether a run that has not ended may have left the group without automatic failover."""
    off, on = journal.state("unguard"), journal.state("guard")
    return journal.facts.get("automatic") == ENABLED and off in {"begun", "done"} and on != "done"


def _endpoints(subject: Drill) -> Item:
    what = "the endpoints answer as the stack promises"
    try:
        looked = managed.look(subject.managed)
    except OpsError as error:
        return Item(what, UNKNOWN, str(error))
    wrong = [one for one in looked.findings if one.severity != "note"]
    if wrong:
        return Item(what, NOT_SEEN, f"{wrong[0].subject} {wrong[0].text}")
    return Item(what, SEEN, f"{len(looked.nodes)} nodes")
