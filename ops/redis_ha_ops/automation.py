"""A stack's failover automation, by the outputs of its block: where its document is, what it logged, and what rang."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import cloud
from .cloud import Ask
from .errors import OpsError

# What `__main__.py` exports for a FailoverAutomation: how applications find the documents, by group, and the function.
CONNECTIONS = "failover_connections"
FUNCTION = "failover_function_arn"
# ElastiCache's event of a promoted replica; the function's line of it has the name (components/redis_ha/failover).
FAILOVER = "ElastiCache:FailoverComplete"
MOST_LINES = 100


@dataclass(frozen=True)
class Automation:
    """Of one group. document: the name of the parameter with its endpoint document. log_group: of the function, where told."""

    region: str
    document: str
    log_group: str | None = None


def automation_of(stack: str, outputs: Mapping[str, Any], group_id: str) -> Automation | None:
    """Read how a group is watched over; None when nothing watches over it."""
    try:
        found = (outputs.get(CONNECTIONS) or {}).get(group_id)
        return None if found is None else Automation(str(found["region"]), str(found["parameter"]), _log_group(outputs))
    except (TypeError, KeyError, AttributeError):
        raise OpsError(
            f"stack {stack}: output {CONNECTIONS} is of another form; use the redis-ha of the stack's own release"
        ) from None


def _log_group(outputs: Mapping[str, Any]) -> str | None:
    """Return where the function logs (docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html)."""
    arn = outputs.get(FUNCTION)
    return f"/aws/lambda/{arn.rpartition(':')[2]}" if isinstance(arn, str) else None


def generation(ask: Ask, made: Automation) -> int | None:
    """Return the generation of the endpoint document; None when none was written yet, or it is none."""
    text = cloud.parameter(ask, made.document, made.region)
    try:
        return None if text is None else int(json.loads(text)["generation"])
    except (ValueError, TypeError, KeyError):
        return None


def logged(ask: Ask, made: Automation, group_id: str, since: datetime) -> list[str]:
    """Return what the function logged of a group's failovers since a time, at most MOST_LINES lines."""
    # AWS answers with empty pages too while there is more (docs.aws.amazon.com/AmazonCloudWatchLogs FilterLogEvents).
    given = {
        "logGroupName": made.log_group,
        "startTime": int(since.timestamp() * 1000),
        "filterPattern": f'"{FAILOVER}"',
    }
    rows = _pages(ask, "logs", "filter_log_events", given, made.region, ("nextToken", "events"))
    return [text for row in rows if _is_of_failover(text := str(row["message"]).strip(), group_id)][:MOST_LINES]


def _is_of_failover(line: str, group_id: str) -> bool:
    """Tell whether a line is of that event: others name it too, because the document that they hold tells of the last one."""
    try:
        told = json.loads(line)
        return bool(told["event"]["name"] == FAILOVER and told["GroupId"] == group_id)
    except (ValueError, TypeError, KeyError):
        return False


def rang(ask: Ask, names: list[str], region: str, since: datetime) -> list[str]:
    """Return those of the alarms that went into ALARM since a time, in the order of their names."""
    given = {"HistoryItemType": "StateUpdate", "StartDate": since}
    rows = _pages(ask, "cloudwatch", "describe_alarm_history", given, region, ("NextToken", "AlarmHistoryItems"))
    found = {str(row["AlarmName"]) for row in rows if "to ALARM" in str(row.get("HistorySummary"))}
    return sorted(found & set(names))


def _pages(
    ask: Ask, service: str, operation: str, given: Mapping[str, Any], region: str, names: tuple[str, str]
) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of all pages. names: of the token, and of the rows."""
    token, rows = names
    more: dict[str, Any] = {}
    while True:
        answer = ask(service, operation, {**given, **more}, region)
        yield from answer.get(rows) or []
        if not answer.get(token):
            return
        more = {token: answer[token]}
