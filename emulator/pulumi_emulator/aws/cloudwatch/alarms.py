"""moto's alarms as plain data, and changes of their state at the account's time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import Alarm, Dimension, MetricDataQuery

from pulumi_emulator.aws.cloudwatch import rules
from pulumi_emulator.aws.cloudwatch.evaluation import MetricStat, Query, Verdict, Watch
from pulumi_emulator.aws.cloudwatch.messages import State
from pulumi_emulator.aws.cloudwatch.series import MINUTE, key

# botocore PutMetricAlarm: what a new alarm is in until it is evaluated, and why.
UNCHECKED = "Unchecked: Initial alarm creation"


def watch_of(alarm: Alarm) -> Watch:
    """Return what an alarm looks at and when it rings."""
    periods = int(alarm.evaluation_periods or 1)
    queries = tuple(_query(query, int(alarm.period or MINUTE)) for query in alarm.metric_data_queries)
    if not queries:
        stat = MetricStat(
            key(alarm.namespace, alarm.metric_name, _dimensions(alarm.dimensions)),
            alarm.extended_statistic or alarm.statistic,
            alarm.unit,
        )
        queries = (Query("m1", stat, int(alarm.period or MINUTE)),)
    return Watch(
        queries=queries,
        period=max(query.period for query in queries),
        periods=periods,
        datapoints=int(alarm.datapoints_to_alarm or periods),
        comparison=alarm.comparison_operator,
        # An alarm on a band of anomaly detection has no threshold: its comparison is not known either.
        threshold=float(alarm.threshold or 0),
        missing=alarm.treat_missing_data or rules.MISSING,
        keep_when_few=alarm.evaluate_low_sample_count_percentile == "ignore",
    )


def _query(query: MetricDataQuery, otherwise: int) -> Query:
    shown = query.return_data is None or str(query.return_data).lower() == "true"
    if query.metric_stat is None:
        return Query(query.id, query.expression or "", int(query.period or otherwise), shown)
    stat, metric = query.metric_stat, query.metric_stat.metric
    of = MetricStat(key(metric.namespace, metric.metric_name, _dimensions(metric.dimensions)), stat.stat, stat.unit)
    return Query(query.id, of, int(stat.period or otherwise), shown)


def _dimensions(dimensions: Iterable[Dimension]) -> dict[str, str]:
    return {str(dimension.name): str(dimension.value) for dimension in dimensions}


def described(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as DescribeAlarms has it, in plain data: dimensions as a mapping, times in seconds since 1970."""
    watch = watch_of(alarm)
    return {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.alarm_arn,
        "AlarmDescription": alarm.description,
        "ConfigurationUpdated": alarm.configuration_updated_timestamp.replace(tzinfo=UTC).timestamp(),
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
        "EvaluationPeriods": watch.periods,
        "DatapointsToAlarm": watch.datapoints,
        "ComparisonOperator": watch.comparison,
        "Threshold": watch.threshold,
        "TreatMissingData": watch.missing,
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile,
        "Period": watch.period,
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "Statistic": alarm.statistic,
        "ExtendedStatistic": alarm.extended_statistic,
        "Unit": alarm.unit,
        "Dimensions": _dimensions(alarm.dimensions),
        "Metrics": [_described_query(made, kept) for made, kept in zip(watch.queries, alarm.metric_data_queries, strict=False)],
    }


def _described_query(query: Query, kept: MetricDataQuery) -> dict[str, Any]:
    about: dict[str, Any] = {"Id": query.name, "Label": kept.label, "ReturnData": query.shown}
    if isinstance(query.of, str):
        return {**about, "Expression": query.of, "Period": kept.period}
    metric = query.of.metric
    named = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dict(metric.dimensions)}
    return {**about, "MetricStat": {"Metric": named, "Period": query.period, "Stat": query.of.stat}}


def state_of(alarm: Alarm) -> State:
    """Return an alarm's present state."""
    time = alarm.state_updated_timestamp.replace(tzinfo=UTC).timestamp()
    return State(alarm.state_value, alarm.state_reason, alarm.state_reason_data or "", time)


def change(alarm: Alarm, verdict: Verdict, now: datetime) -> None:
    """Give an alarm another state; moto keeps the one before in the alarm's history."""
    alarm.update_state(verdict.reason, verdict.data, verdict.state)
    alarm.state_updated_timestamp = plain_time(now)


def history_item(alarm: Alarm, old: State, new: State) -> dict[str, Any]:
    """Return a change of state as DescribeAlarmHistory has it (botocore AlarmHistoryItem)."""
    states: dict[str, Any] = {"version": "1.0"}
    for name, state in (("oldState", old), ("newState", new)):
        states |= {name: {"stateValue": state.value, "stateReason": state.reason}}
    return {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": datetime.fromtimestamp(new.time, UTC),
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {old.value} to {new.value}",
        "HistoryData": json.dumps(states),
    }


def begin(alarm: Alarm, before: Alarm | None, now: datetime) -> None:
    """Let an alarm that was put be as CloudWatch has it: a new one has no data, a changed one keeps its state.

    botocore PutMetricAlarm: "the alarm state is immediately set to INSUFFICIENT_DATA", "its state is left unchanged".
    """
    time = plain_time(now)
    alarm.configuration_updated_timestamp = time
    if before is None:
        alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp = rules.INSUFFICIENT, UNCHECKED, time
        return
    for name in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
        setattr(alarm, name, getattr(before, name))


def plain_time(time: datetime) -> datetime:
    """Return a time as moto keeps it: in UTC, and not saying so."""
    return time.astimezone(UTC).replace(tzinfo=None)
