"""What the failover function gets from Lambda, in the shapes that AWS sends, and the schema of what it writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "client/redis_ha_client/endpoints.schema.json").read_text())
TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders-elasticache-events"
START = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Give a time so many seconds after the tests' beginning."""
    return datetime.fromtimestamp(START.timestamp() + seconds, UTC)


def stamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(message: Any, message_id: str = "m-1", seconds: float = 0) -> dict[str, Any]:
    """Give one record as docs.aws.amazon.com/lambda/latest/dg/with-sns.html shows it; what is no text is made JSON."""
    return {
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC}:21be56ed-a058-49f5-8c98-aedd2564c486",
        "EventSource": "aws:sns",
        "Sns": {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": TOPIC,
            "Subject": "ElastiCache Notification",
            "Message": message if isinstance(message, str) else json.dumps(message),
            "Timestamp": stamp(at(seconds)),
            "SignatureVersion": "1",
            "Signature": "signature",
            "SigningCertUrl": "https://sns.eu-central-1.amazonaws.com/certificate.pem",
            "UnsubscribeUrl": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
            "MessageAttributes": {},
        },
    }


def delivery(*records: Any) -> dict[str, Any]:
    """Give what Lambda hands to a function: its records."""
    return {"Records": list(records)}


def told(name: str, resource: str, **more: str) -> dict[str, str]:
    """Give a message as ElastiCache sends it: the key is the event, the value the resource."""
    return {name: resource, **more}


def alarm(state: str = "ALARM", trigger: dict[str, Any] | None = None, node: str = "orders-001") -> dict[str, Any]:
    """Give an alarm's message as CloudWatch sends it to a topic."""
    own = {
        "MetricName": "EngineCPUUtilization",
        "Namespace": "AWS/ElastiCache",
        "StatisticType": "Statistic",
        "Statistic": "MAXIMUM",
        "Unit": None,
        "Dimensions": [{"value": node, "name": "CacheClusterId"}],
        "Period": 300,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 90.0,
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    return {
        "AlarmName": "orders-saturated",
        "AlarmDescription": "saturation for 25 minutes",
        "AWSAccountId": "123456789012",
        "AlarmConfigurationUpdatedTimestamp": "2026-11-30T11:00:00.000+0000",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": "2026-11-30T12:00:00.000+0000",
        "Region": "EU (Frankfurt)",
        "AlarmArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:orders-saturated",
        "OldStateValue": "OK",
        "OKActions": [],
        "AlarmActions": [TOPIC],
        "InsufficientDataActions": [],
        "Trigger": own if trigger is None else trigger,
    }


def computed(node: str = "orders-002") -> dict[str, Any]:
    """Give the trigger of an alarm that computes with metrics."""
    metric = {
        "Namespace": "AWS/ElastiCache",
        "MetricName": "IsMaster",
        "Dimensions": [{"name": "CacheClusterId", "value": node}],
    }
    return {
        "Metrics": [
            {"Id": "e1", "Expression": "1 - m1", "Label": "not master", "ReturnData": True},
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}, "ReturnData": False},
        ],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.0,
    }


def schedule(seconds: float = 0, event_id: str = "s-1") -> dict[str, Any]:
    """Give the event of a rule with a schedule."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": stamp(at(seconds)),
        "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:123456789012:rule/orders-reconcile"],
        "detail": {},
    }


def call(name: str, parameters: dict[str, Any], **detail: Any) -> dict[str, Any]:
    """Give a call of ElastiCache's API as CloudTrail puts it on the bus."""
    return {
        "version": "0",
        "id": "b-1",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.elasticache",
        "account": "123456789012",
        "time": stamp(START),
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "eventVersion": "1.08",
            "eventTime": stamp(START),
            "eventSource": "elasticache.amazonaws.com",
            "eventName": name,
            "awsRegion": "eu-central-1",
            "requestParameters": parameters,
            "eventID": "c-1",
            **detail,
        },
    }


def valid(document: Any) -> Any:
    """Give the document back when it is as the schema has it."""
    jsonschema.validate(document, SCHEMA)
    return document
