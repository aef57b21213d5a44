"""What a test of the failover is judged by: everything is looked at once more, and what cannot be looked at is said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from redis_ha_ops import automation, group
from redis_ha_ops.automation import Automation
from redis_ha_ops.errors import OpsError
from redis_ha_ops.group import STAGES, WORDS, Event, Shard

from .checklist import Evidence
from .subject import Drill

UNMEASURED = "nothing was written: --no-measure"
KILLED = "the tool was ended during the drill, and its writers with it"


def evidence(drill: Drill, facts: Mapping[str, Any]) -> tuple[Evidence, list[Event]]:
    """Look at everything once more; what cannot be looked at is said. With it AWS's events, in order."""
    why: dict[str, str] = {}
    if drill.measured is None:
        why["measured"] = KILLED if drill.measure else UNMEASURED
    since = datetime.fromisoformat(facts["since"]) if "since" in facts else None
    found: dict[str, Event] | None = None
    status, lines = None, None
    try:
        seen = drill.read()
        status = seen.status
        if since is not None:
            shard: Shard = seen.shard(drill.shard)
            found = group.stages(group.read_events(drill.ask, drill.region, since), seen, shard, since)
    except OpsError as error:
        why["stages"] = why["status"] = str(error)
    generations = None
    if drill.automation is None:
        why["generations"] = why["function_lines"] = "the stack has no FailoverAutomation for this group"
    else:
        generations, lines = _of_automation(drill, drill.automation, facts, since, why)
    alarms = facts.get("alarms")
    if not drill.alarms:
        why["alarms"] = "the stack has no alarms for its group"
    elif alarms is None:
        why["alarms"] = facts.get("alarms_trouble") or "the run did not come so far"
    ordered = [found[stage] for stage in STAGES if stage in found] if found else []
    made = Evidence(
        measured=drill.measured,
        stages=None if found is None else {stage: found[stage].text for stage in STAGES if stage in found},
        missing=[WORDS[stage].format(shard=drill.shard, old="..", new="..") for stage in STAGES if stage not in (found or {})],
        in_order=bool(found) and group.in_order(found or {}),
        status=status,
        generations=generations,
        alarms=alarms,
        function_lines=lines,
        automated=drill.automation is not None,
        why=why,
    )
    return made, ordered


def _of_automation(
    drill: Drill, made: Automation, facts: Mapping[str, Any], since: datetime | None, why: dict[str, str]
) -> tuple[tuple[int, int] | None, list[str] | None]:
    generations = lines = None
    if facts.get("generation_after") is not None:
        generations = (int(facts.get("generation") or 0), int(facts["generation_after"]))
    else:
        why["generations"] = facts.get("generation_trouble") or f"there is no document at {made.document}"
    if made.log_group is None or since is None:
        why["function_lines"] = "the stack does not tell where the function logs"
    else:
        try:
            lines = automation.logged(drill.ask, made, drill.group_id, since)
        except OpsError as error:
            why["function_lines"] = str(error)
    return generations, lines
