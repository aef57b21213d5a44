"""What happened: DescribeEvents, and the messages that ElastiCache sends to a group's SNS topic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.sns.models import Topic, sns_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.model import Group
from pulumi_emulator.aws.elasticache.operations import operation

KEPT: Final = timedelta(days=14)  # botocore DescribeEvents: events of the past 14 days
DEFAULT_DURATION: Final = timedelta(hours=1)  # botocore DescribeEvents: the last hour, by default
PREFIX: Final = "ElastiCache:"  # docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html: every event's key


@dataclass(frozen=True)
class Event:
    """One event as DescribeEvents answers it."""

    date: datetime
    source_type: str
    source: str
    message: str


def record(region: Region, source_type: str, source: str, message: str) -> None:
    """Keep an event."""
    region.events.append(Event(region.now(), source_type, source, message))


def publish(region: Region, group: Group, name: str, resource: str) -> None:
    """Send an event to the group's topic, as ElastiCache does: an object whose key is the event and whose value the resource.

    Nothing is sent to a topic that is inactive, and nobody is told (docs.aws.amazon.com ElastiCacheSNS.html).
    """
    arn = group.topic_arn
    if arn is None or not group.topic_active or topic_status(region, arn) != "active":
        return
    topic = find_topic(region, arn)
    if topic is not None:
        message = json.dumps({f"{PREFIX}{name}": resource})
        region.account.later(lambda: topic.publish(message, subject="ElastiCache Notification"))


def find_topic(region: Region, arn: str) -> Topic | None:
    """Return a topic of the emulated SNS, of this Region and account only."""
    found: Topic | None = sns_backends[ACCOUNT_ID][region.name].topics.get(arn)
    return found


def topic_status(region: Region, arn: str) -> str:
    """Return NotificationConfiguration.TopicStatus: "active", or "inactive" when ElastiCache cannot publish to the topic.

    It cannot to an encrypted one, nor to one whose policy does not let it by the condition aws:SourceOwner; it does not use
    aws:SourceAccount (docs.aws.amazon.com/AmazonElastiCache/latest/dg/ElastiCacheSNS.html).
    """
    topic = find_topic(region, arn)
    if topic is None or topic.kms_master_key_id:
        return "inactive"
    statements = json.loads(topic.policy).get("Statement", [])
    return "active" if any(_lets_publish(statement) for statement in _list(statements)) else "inactive"


def _lets_publish(statement: dict[str, Any]) -> bool:
    actions = {str(action).lower() for action in _list(statement.get("Action", []))}
    if statement.get("Effect") != "Allow" or not actions & {"*", "sns:*", "sns:publish"}:
        return False
    owners = [
        str(owner)
        for operator, condition in statement.get("Condition", {}).items()
        if operator.startswith(("StringEquals", "StringLike"))
        for key, values in condition.items()
        if key.lower() == "aws:sourceowner"
        for owner in _list(values)
    ]
    return ACCOUNT_ID in owners


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@operation("DescribeEvents", "SourceIdentifier SourceType StartTime EndTime Duration")
def describe_events(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return events, oldest first: of the last hour unless a time is given."""
    end = _time(given.get("EndTime")) or region.now()
    duration = timedelta(minutes=given["Duration"]) if "Duration" in given else DEFAULT_DURATION
    start = max(_time(given.get("StartTime")) or end - duration, region.now() - KEPT)
    events = [
        {"SourceIdentifier": event.source, "SourceType": event.source_type, "Message": event.message, "Date": event.date}
        for event in region.events
        if start <= event.date <= end
        and given.get("SourceIdentifier") in (None, event.source)
        and given.get("SourceType") in (None, event.source_type)
    ]
    return {"Events": events}


def _time(value: datetime | None) -> datetime | None:
    """Moto parses a time into UTC without saying so."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
