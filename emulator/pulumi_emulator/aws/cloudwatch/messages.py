"""What an alarm says when its state changes: the message to SNS, the event on the bus, the payload of a function.

An alarm is given as DescribeAlarms has it, in plain data.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.loaders import Loader

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.cloudwatch.evaluation import stamp

Alarm = Mapping[str, Any]


@dataclass(frozen=True)
class State:
    """A state as an alarm has or had it; the time in seconds since 1970."""

    value: str
    reason: str
    data: str
    time: float


@functools.cache
def region_names() -> dict[str, str]:
    """Return the display names of Regions. botocore's has Europe for what CloudWatch's messages call EU."""
    partitions = Loader().load_data("endpoints")["partitions"]
    return {
        name: str(about["description"]).replace("Europe (", "EU (")
        for partition in partitions
        for name, about in partition["regions"].items()
    }


def subject(alarm: Alarm, region: str, new: State) -> str:
    """Return the subject of the message to a topic: SNS takes 100 characters."""
    return f'{new.value}: "{alarm["AlarmName"]}" in {region_names().get(region, region)}'[:100]


def notification(alarm: Alarm, region: str, old: State, new: State) -> dict[str, Any]:
    """Return the message to a topic, as recorded in aws/aws-lambda-go events/testdata/cloudwatch-alarm-sns-payload-*.json."""
    return {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": ACCOUNT_ID,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["ConfigurationUpdated"]),
        "NewStateValue": new.value,
        "NewStateReason": new.reason,
        "StateChangeTime": stamp(new.time),
        "Region": region_names().get(region, region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": old.value,
        "OKActions": alarm["OKActions"],
        "AlarmActions": alarm["AlarmActions"],
        "InsufficientDataActions": alarm["InsufficientDataActions"],
        "Trigger": _trigger(alarm),
    }


def _trigger(alarm: Alarm) -> dict[str, Any]:
    rules = {
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm["DatapointsToAlarm"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm["TreatMissingData"],
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if alarm["Metrics"]:
        return {"Period": alarm["Period"], **rules, "Metrics": [_query(query) for query in alarm["Metrics"]]}
    extended = alarm.get("ExtendedStatistic")
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
        if extended
        else {"StatisticType": "Statistic", "Statistic": str(alarm["Statistic"]).upper()}
    )
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        **statistic,
        "Unit": alarm.get("Unit"),
        "Dimensions": _dimensions(alarm["Dimensions"]),
        "Period": alarm["Period"],
        **rules,
    }


def _query(query: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: query[name] for name in ("Id", "Expression", "Label", "Period") if query.get(name) is not None}
    if query.get("MetricStat"):
        stat = query["MetricStat"]
        metric = {**stat["Metric"], "Dimensions": _dimensions(stat["Metric"]["Dimensions"])}
        made["MetricStat"] = {"Metric": metric, "Period": stat["Period"], "Stat": stat["Stat"]}
    return {**made, "ReturnData": query["ReturnData"]}


def _dimensions(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"value": value, "name": name} for name, value in dimensions.items()]


def event_detail(alarm: Alarm, old: State, new: State) -> dict[str, Any]:
    """Return the detail of "CloudWatch Alarm State Change" (docs.aws.amazon.com, cloudwatch-and-eventbridge)."""
    return {
        "alarmName": alarm["AlarmName"],
        "configuration": {"description": alarm.get("AlarmDescription"), "metrics": _metrics(alarm)},
        "previousState": _state(old),
        "state": _state(new),
    }


def payload(alarm: Alarm, region: str, old: State, new: State) -> dict[str, Any]:
    """Return what a Lambda action is given (docs.aws.amazon.com, AlarmThatSendsEmail, Lambda-action-payload)."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": ACCOUNT_ID,
        "time": stamp(new.time),
        "region": region,
        "alarmData": event_detail(alarm, old, new),
    }


def _state(state: State) -> dict[str, Any]:
    data = {"reasonData": state.data} if state.data not in ("", "{}") else {}
    return {"value": state.value, "reason": state.reason, **data, "timestamp": stamp(state.time)}


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    if alarm["Metrics"]:
        return [_metric(query) for query in alarm["Metrics"]]
    metric = {"namespace": alarm["Namespace"], "name": alarm["MetricName"], "dimensions": dict(alarm["Dimensions"])}
    stat = {"metric": metric, "period": alarm["Period"], "stat": alarm.get("ExtendedStatistic") or alarm["Statistic"]}
    # AWS gives the only metric an id of its own.
    made = str(uuid.uuid5(uuid.NAMESPACE_URL, str(alarm["AlarmArn"])))
    return [{"id": made, "metricStat": stat, "returnData": True}]


def _metric(query: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"id": query["Id"]}
    for name, written in (("Expression", "expression"), ("Label", "label"), ("Period", "period")):
        if query.get(name) is not None:
            made[written] = query[name]
    if query.get("MetricStat"):
        stat = query["MetricStat"]
        metric = stat["Metric"]
        about = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dict(metric["Dimensions"])}
        made["metricStat"] = {"metric": about, "period": stat["Period"], "stat": stat["Stat"]}
    return {**made, "returnData": query["ReturnData"]}
