"""A stack's failover automation, by the output that it exports: where its document is, and what it logged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import cloud
from .cloud import Ask
from .errors import OpsError

# What `__main__.py` exports for a FailoverAutomation.
OUTPUT = "failover_automation"
MOST_LINES = 100


@dataclass(frozen=True)
class Automation:
    """Of one group. document: the name of the parameter with its endpoint document. log_group: of the function, where told."""

    region: str
    document: str
    log_group: str | None = None


def automation_of(stack: str, outputs: Mapping[str, Any], group_id: str, region: str) -> Automation | None:
    """Read `{"region", "documents": {GROUP: PARAMETER}, "log_group"}`; None when nothing watches over the group."""
    told = outputs.get(OUTPUT)
    if told is None:
        return None
    try:
        name = dict(told["documents"]).get(group_id)
        made = None if name is None else Automation(str(told.get("region") or region), str(name), told.get("log_group"))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise OpsError(
            f"stack {stack}: output {OUTPUT} is of another form; use the redis-ha of the stack's own release"
        ) from None
    return made


def generation(ask: Ask, made: Automation) -> int | None:
    """Return the generation of the endpoint document; None when none was written yet, or it is none."""
    text = cloud.parameter(ask, made.document, made.region)
    try:
        return None if text is None else int(json.loads(text)["generation"])
    except (ValueError, TypeError, KeyError):
        return None


def logged(ask: Ask, made: Automation, since: datetime) -> list[str]:
    """Return what the function logged since a time, at most MOST_LINES lines."""
    given = {"logGroupName": made.log_group, "startTime": int(since.timestamp() * 1000), "limit": MOST_LINES}
    answer = ask("logs", "filter_log_events", given, made.region)
    return [str(event["message"]).strip() for event in answer.get("events") or []]


def rang(ask: Ask, names: list[str], region: str, since: datetime) -> list[str]:
    """Return the alarms that went into ALARM since a time."""
    found = []
    for name in names:
        given = {"AlarmName": name, "HistoryItemType": "StateUpdate", "StartDate": since}
        rows = ask("cloudwatch", "describe_alarm_history", given, region).get("AlarmHistoryItems") or []
        if any("to ALARM" in str(row.get("HistorySummary")) for row in rows):
            found.append(name)
    return found
