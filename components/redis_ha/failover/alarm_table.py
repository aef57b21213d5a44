"""The alarms of the automation, and the presets for its groups: what each watches, and from when on it rings. No resources."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from redis_ha.cloudwatch import measured

from .function.log import NAMESPACE

ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
# PutMetricAlarm's words (botocore, cloudwatch/2010-08-01). What counts failures is well when it is silent.
MISSED, WELL_WHEN_SILENT = "missing", "notBreaching"
FUNCTION, QUEUE, GROUP, NODE = "function", "queue", "group", "node"
# Namespace of what is watched, and the name of its dimension: docs.aws.amazon.com, lambda, monitoring-metrics; AWSSimpleQueue-
# Service, sqs-available-cloudwatch-metrics; AmazonElastiCache, "Metrics for Valkey and Redis OSS".
NAMESPACES = {FUNCTION: "AWS/Lambda", QUEUE: "AWS/SQS", GROUP: NAMESPACE, NODE: "AWS/ElastiCache"}
# A node of Redis or Valkey is a cache cluster of one cache node, and that is always called this (same page).
CACHE_NODE_ID = "0001"
_OURS = "this project's choice"
# The function looks at every group in each period of this many schedules, however these fall.
LOOKS = 2
MINUTE = 60


@dataclass(frozen=True)
class Definition:
    """One alarm: of what, its metric and statistic, and when it rings. `period` 0: as long as the schedule asks for."""

    name: str
    says: str
    of: str
    metric: str
    statistic: str
    threshold: float
    source: str
    comparison: str = ABOVE
    period: int = 0
    periods: int = 1
    datapoints: int = 1
    missing: str = WELL_WHEN_SILENT


# The saturation alarm of a tutorial on failover by Lambda: by its numbers it tells of 25 minutes without reserve, and of no
# failover at all. A lost node reports nothing.
SATURATION = Definition(
    "saturation", "The node's engine has had no reserve for 25 minutes. Notifies only: no failover follows from it.",
    NODE, "EngineCPUUtilization", "Average", 90, "a preset", period=300, periods=5, datapoints=5, missing=MISSED,
)  # fmt: skip
PRESETS = {SATURATION.name: SATURATION}
TABLE = (
    Definition(
        "errors", "Runs of the function fail again and again: its log says at which group and how.",
        FUNCTION, "Errors", "Sum", 0, f"{_OURS}: two of three periods; one failed run is tried again", periods=3, datapoints=2,
    ),
    Definition(
        "throttles", "Events wait for the function all the time: raise function.reserved_concurrency, or watch fewer groups.",
        FUNCTION, "Throttles", "Sum", 10, f"{_OURS}: with one run at a time some events wait", periods=3, datapoints=3,
    ),
    Definition(
        # docs.aws.amazon.com, AWSSimpleQueueService, "Available CloudWatch metrics": silent when nobody uses the queue.
        "dead_letters", "An event was given up: neither written nor relayed. Read the queue, then purge it.",
        QUEUE, "ApproximateNumberOfMessagesVisible", "Maximum", 0, f"{_OURS}: any", period=300,
    ),
    Definition(
        "failures", "The function fails at this group again and again.",
        GROUP, "Failures", "Sum", 0, f"{_OURS}: two of three periods", periods=3, datapoints=2,
    ),
    Definition(
        # It tells of INSUFFICIENT_DATA too: nobody looks any more then. A new alarm is in that state already: no change.
        "not_available", "The group is not available, look after look, or the function no longer looks.",
        GROUP, "Available", "Maximum", 1, f"{_OURS}: twice in a row", comparison=BELOW, periods=2, datapoints=2, missing=MISSED,
    ),
)  # fmt: skip
NAMES = (*(row.name for row in TABLE), *PRESETS)


def definitions(settings: Mapping[str, Any], schedule_minutes: int, presets: frozenset[str]) -> tuple[Definition, ...]:
    """Return the alarms that are wanted, changed as the settings say, with the length of their periods."""
    if settings.get("enabled") is False:
        return ()
    length = max(5, LOOKS * schedule_minutes) * MINUTE
    changes: Mapping[str, Mapping[str, Any]] = settings.get("overrides") or {}
    rows = [*TABLE, *(row for name, row in PRESETS.items() if name in presets)]
    off = settings.get("off") or ()
    return tuple(
        _changed(row if row.period else replace(row, period=length), changes.get(row.name, {}))
        for row in rows
        if row.name not in off
    )


def _changed(row: Definition, change: Mapping[str, Any]) -> Definition:
    if change.get("threshold") is not None:
        row = replace(row, threshold=float(change["threshold"]), source="set in the program")
    periods, datapoints = change.get("periods") or row.periods, change.get("datapoints") or row.datapoints
    return replace(row, periods=int(periods), datapoints=int(datapoints))  # other languages send 3.0 for 3


def alarm_arguments(row: Definition, alarm_name: str, dimensions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an aws.cloudwatch.MetricAlarm."""
    found: dict[str, Any] = {
        "name": alarm_name,
        "alarm_description": f"{row.says} Threshold: {row.source}.",
        "comparison_operator": row.comparison,
        "threshold": row.threshold,
        "evaluation_periods": row.periods,
        "datapoints_to_alarm": row.datapoints,
        "treat_missing_data": row.missing,
    }
    return found | measured(NAMESPACES[row.of], ((row.metric, row.statistic),), dimensions, row.period, None, "")
