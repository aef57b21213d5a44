"""What Lambda got as plain data: SNS deliveries of ElastiCache and CloudWatch, a schedule's event, a call that CloudTrail saw.

Nothing here raises for what it is given: what is not understood is an event of its own kind, told of and not acted on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from .table import ALARM, CALL, ELASTICACHE, FAILOVER, MALFORMED, REFUSED_CALL, SCHEDULE, UNKNOWN, row_of

# What names a node of a group: <group>-001, or <group>-0001-001 with cluster mode (docs.aws.amazon.com,
# AmazonElastiCache/latest/dg, "Metrics for Valkey and Redis OSS": CacheClusterId).
NODE: Final = re.compile(r"(?P<group>.+?)-(?:\d{4}-)?\d{3}")
# ServiceUpdateAvailableForNode names the group beside the node.
GROUP_KEY: Final = "replication group id"
# docs.aws.amazon.com/AmazonElastiCache/latest/dg, AutoFailover.html and ElastiCacheSNS.html: "Failover from primary node X to
# replica node Y completed", "Failover to replica node Y completed".
FAILED_OVER: Final = re.compile(r"Failover (?:from primary node \S+ )?to replica node \S+ completed", re.IGNORECASE)
CLOUDTRAIL: Final = "AWS API Call via CloudTrail"
SCHEDULED: Final = "Scheduled Event"
# The parameters of a call that name a group. Of FailoverGlobalReplicationGroup it is the one that becomes the primary.
CALL_GROUPS: Final = ("replicationGroupId", "primaryReplicationGroupId")
ALARM_DIMENSIONS: Final = ("ReplicationGroupId", "CacheClusterId")


@dataclass(frozen=True)
class Event:
    """One thing that happened. `groups` are those of this function that it concerns; `problem` says what was not understood."""

    name: str
    id: str
    time: datetime
    groups: tuple[str, ...] = ()
    resource: str = ""
    problem: str = ""


def read_events(payload: Any, groups: Sequence[str], now: datetime) -> list[Event]:
    """Return what a payload of Lambda holds, in its order. `now` is the time of what has none of its own."""
    if not isinstance(payload, Mapping):
        return [Event(MALFORMED, "", now, problem=f"the payload is no object but {type(payload).__name__}")]
    if "Records" in payload:
        records = payload["Records"]
        if not isinstance(records, list):
            return [Event(MALFORMED, "", now, problem="Records is no list")]
        return [_of_record(record, groups, now) for record in records]
    return [_of_bus(payload, groups, now)]


def missed_failover(described: Iterable[Mapping[str, Any]], group: str, since: datetime) -> Event | None:
    """Return the last failover after a time in an answer of DescribeEvents, None when there is none."""
    times = [_to_milliseconds(entry["Date"]) for entry in described if FAILED_OVER.search(str(entry.get("Message", "")))]
    last = max(times, default=since)
    if last <= since:
        return None
    return Event(FAILOVER, f"describe-events/{group}/{last.isoformat()}", last, (group,), group)


def _of_record(record: Any, groups: Sequence[str], now: datetime) -> Event:
    """Return what SNS delivered: docs.aws.amazon.com/lambda/latest/dg/with-sns.html."""
    sns = record.get("Sns") if isinstance(record, Mapping) else None
    if not isinstance(sns, Mapping):
        return Event(MALFORMED, "", now, problem="a record is not one of SNS")
    message_id, time = str(sns.get("MessageId", "")), _time(sns.get("Timestamp"))
    if time is None or not message_id:
        return Event(MALFORMED, message_id, now, problem="an SNS message has no MessageId or no Timestamp")
    message = _json_object(sns.get("Message"))
    if message is None:
        return Event(MALFORMED, message_id, time, problem="an SNS message's text is no JSON object")
    told = next((key for key in message if key.lower().startswith(ELASTICACHE.lower())), None)
    if told is not None:
        return _told(told, message, message_id, time, groups)
    if "AlarmName" in message and "NewStateValue" in message:
        return _alarm(message, message_id, time, groups)
    return Event(UNKNOWN, message_id, time, problem="an SNS message that is neither ElastiCache's nor an alarm's")


def _json_object(text: Any) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, Mapping) else None


def _told(key: str, message: Mapping[str, Any], message_id: str, time: datetime, groups: Sequence[str]) -> Event:
    """Return what ElastiCache told: the key is the event, its value the resource.

    Behind the name of AddCacheNodeFailed and CacheClusterProvisioningFailed the reason may follow (ElastiCacheSNS.html).
    """
    resource = message[key]
    if not isinstance(resource, str) or not resource:
        return Event(MALFORMED, message_id, time, problem=f"{key[:80]} names no resource")
    name = row_of(key.partition(" ")[0]).event
    named = {other.lower(): value for other, value in message.items() if isinstance(value, str)}
    found = _groups((named.get(GROUP_KEY, ""), resource), groups)
    problem = f"{key[:80]} is not in the table" if name == UNKNOWN else ""
    return Event(name, message_id, time, found, resource, problem)


def _alarm(message: Mapping[str, Any], message_id: str, time: datetime, groups: Sequence[str]) -> Event:
    """Return what an alarm told. One without dimensions of its own (a query, a composite alarm) may be of any group."""
    dimensions = list(_dimensions(message.get("Trigger")))
    found = _groups(dimensions, groups) if dimensions else tuple(groups)
    name = row_of(f"{ALARM}{message['NewStateValue']}").event
    problem = f"state {str(message['NewStateValue'])[:80]} is not in the table" if name == UNKNOWN else ""
    return Event(name, message_id, time, found, str(message["AlarmName"]), problem)


def _dimensions(trigger: Any) -> Iterator[str]:
    """Yield the groups and nodes that an alarm watches: its own dimensions, or those of its metrics when it computes."""
    metrics = [_object(_object(entry.get("MetricStat")).get("Metric")) for entry in _objects(_object(trigger).get("Metrics"))]
    for source in (_object(trigger), *metrics):
        for entry in _objects(source.get("Dimensions")):
            if entry.get("name") in ALARM_DIMENSIONS:
                yield str(entry.get("value", ""))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _of_bus(payload: Mapping[str, Any], groups: Sequence[str], now: datetime) -> Event:
    """Return an event of EventBridge: docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html."""
    event_id, time = str(payload.get("id", "")), _time(payload.get("time"))
    if time is None or not event_id:
        return Event(UNKNOWN, event_id, now, problem="neither a delivery of SNS nor an event of EventBridge")
    if payload.get("detail-type") == SCHEDULED:
        return Event(SCHEDULE, event_id, time, tuple(groups))
    detail = payload.get("detail")
    if payload.get("detail-type") != CLOUDTRAIL or not isinstance(detail, Mapping):
        return Event(UNKNOWN, event_id, time, problem=f"detail-type {str(payload.get('detail-type'))[:80]} is not in the table")
    asked = _object(detail.get("requestParameters"))
    named = [str(asked[key]) for key in CALL_GROUPS if asked.get(key)]
    name = REFUSED_CALL if detail.get("errorCode") else row_of(f"{CALL}{detail.get('eventName')}").event
    problem = f"call {str(detail.get('eventName'))[:80]} is not in the table" if name == UNKNOWN else ""
    return Event(name, str(detail.get("eventID") or event_id), time, _groups(named, groups), "".join(named[:1]), problem)


def _groups(names: Iterable[str], groups: Sequence[str]) -> tuple[str, ...]:
    """Return which of the function's groups these are, or are nodes of."""
    found: list[str] = []
    for name in (name.lower() for name in names):
        node = NODE.fullmatch(name)
        if name in groups:
            found.append(name)
        elif node and node["group"] in groups:
            found.append(node["group"])
    return tuple(dict.fromkeys(found))


def _time(text: Any) -> datetime | None:
    """Read a time in ISO 8601 with a zone; None when it is none."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return _to_milliseconds(time) if time.tzinfo else None


def _to_milliseconds(time: datetime) -> datetime:
    """Return a time as exact as SNS tells it and the document keeps it, so that the two can be compared."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
