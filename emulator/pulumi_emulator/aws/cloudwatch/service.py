"""CloudWatch before moto's: metrics by their exact dimensions at the account's time, and alarms whose state means something.

moto keeps alarms, dashboards and tags. Its own metrics are compared without their namespace, know no percentiles and no math,
and a new alarm of its is OK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import moto.cloudwatch.urls
from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ResourceNotFound, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from pulumi_emulator.aws.cloudwatch import alarms
from pulumi_emulator.aws.cloudwatch.evaluation import MetricStat, Query, Verdict, computed
from pulumi_emulator.aws.cloudwatch.monitor import Monitor
from pulumi_emulator.aws.cloudwatch.published import pairs, seconds
from pulumi_emulator.aws.cloudwatch.series import MINUTE, STATISTICS, Key, UnsupportedError, key, points

STATES: Final = ("OK", "ALARM", "INSUFFICIENT_DATA")
PAGE: Final = 500  # botocore ListMetrics: up to 500 results a call
RECENT: Final = timedelta(hours=3)  # botocore ListMetrics, RecentlyActive: PT3H


class CloudWatch(CloudWatchResponse):
    """The emulated service in the place of moto's."""

    monitor: ClassVar[Monitor]

    def put_metric_data(self) -> ActionResult:
        """Keep values; those without a time are of now."""
        data: Sequence[dict[str, Any]] = self._get_param("MetricData", [])
        namespace = str(self._get_param("Namespace"))
        for number, datum in enumerate(data, start=1):
            self.cloudwatch_backend._validate_parameters_put_metric_data(datum, number)  # noqa: SLF001 - its texts are AWS's
        self.monitor.publish(self.region, namespace, data)
        return EmptyResult()

    def list_metrics(self) -> ActionResult:
        """List the metrics that have data."""
        namespace, name = self._get_param("Namespace"), self._get_param("MetricName")
        wanted = [(one["Name"], one.get("Value")) for one in self._get_param("Dimensions", [])]
        recent = self.monitor.now() - RECENT if self._get_param("RecentlyActive") else None
        begin = int(self._get_param("NextToken") or 0)
        with self.monitor.lock:
            store = self.monitor.stores[self.region]
            found = [
                metric
                for metric in sorted(store.metrics())
                if namespace in (None, metric.namespace)
                and name in (None, metric.name)
                and all(_has(metric, *dimension) for dimension in wanted)
                and (recent is None or store.newest(metric) >= recent.timestamp())
            ]
        shown = [
            {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": _named(metric)}
            for metric in found[begin : begin + PAGE]
        ]
        more = {"NextToken": str(begin + PAGE)} if begin + PAGE < len(found) else {}
        return ActionResult({"Metrics": shown, **more})

    def get_metric_statistics(self) -> ActionResult:
        """Return statistics of one metric."""
        start, end = seconds(self._get_param("StartTime")), seconds(self._get_param("EndTime"))
        if start >= end:
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        plain, extended = self._get_param("Statistics", []), self._get_param("ExtendedStatistics", [])
        if not plain and not extended:
            raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
        period, unit = int(self._get_param("Period")), self._get_param("Unit")
        metric = key(self._get_param("Namespace"), self._get_param("MetricName"), pairs(self._get_param("Dimensions")))
        starts = _starts(start, end, period)
        with self.monitor.lock:
            store = self.monitor.stores[self.region]
            try:
                values = {stat: points(store, metric, stat, unit, period, starts) for stat in (*plain, *extended)}
            except UnsupportedError as error:
                raise InvalidParameterValue(f"The emulated CloudWatch does not compute {error}") from None
            units = {at: store.between(metric, at, at + period, unit)[0].unit for series in values.values() for at in series}
        shown = [
            {
                "Timestamp": datetime.fromtimestamp(at, UTC),
                "Unit": units[at],
                **{stat: values[stat][at] for stat in plain if at in values[stat]},
                **(
                    {"ExtendedStatistics": {stat: values[stat][at] for stat in extended if at in values[stat]}}
                    if extended
                    else {}
                ),
            }
            for at in sorted(units)
        ]
        return ActionResult({"Label": metric.name, "Datapoints": shown})

    def get_metric_data(self) -> ActionResult:
        """Return time series: of metrics, of math on them, and of queries."""
        start, end = seconds(self._get_param("StartTime")), seconds(self._get_param("EndTime"))
        if start >= end:
            raise ValidationError("The parameter EndTime must be greater than StartTime.")
        given: Sequence[dict[str, Any]] = self._get_param("MetricDataQueries", [])
        queries = [_query(entry) for entry in given]
        with self.monitor.lock:
            store = self.monitor.stores[self.region]
            try:
                values = computed(queries, store, self.monitor.tags_in(self.region), lambda period: _starts(start, end, period))
            except UnsupportedError as error:
                raise ValidationError(f"The emulated CloudWatch does not compute {error}") from None
        descending = self._get_param("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query, entry in zip(queries, given, strict=True):
            value = values[query.name]
            if not query.shown or isinstance(value, float):
                continue
            for series in value if isinstance(value, list) else [value]:
                times = sorted(series, reverse=descending)
                results.append(
                    {
                        "Id": query.name,
                        "Label": entry.get("Label") or _label(query),
                        "Timestamps": [datetime.fromtimestamp(time, UTC) for time in times],
                        "Values": [series[time] for time in times],
                        "StatusCode": "Complete",
                    }
                )
        return ActionResult({"MetricDataResults": results})

    def put_metric_alarm(self) -> ActionResult:
        """Make or change an alarm: a new one has no data yet, a changed one keeps its state."""
        name = self._get_param("AlarmName")
        with self.monitor.lock:
            before = self.cloudwatch_backend.alarms.get(name)
            answer = super().put_metric_alarm()
            alarms.begin(self.cloudwatch_backend.alarms[name], before, self.monitor.now())
        return answer

    def set_alarm_state(self) -> ActionResult:
        """Give an alarm a state until its next evaluation; its actions run when it had another one."""
        name, state = self._get_param("AlarmName"), self._get_param("StateValue")
        reason, data = self._get_param("StateReason"), self._get_param("StateReasonData") or ""
        with self.monitor.lock:
            alarm = self.cloudwatch_backend.alarms.get(name)
            if alarm is None or state not in STATES or state == alarm.state_value:
                # moto has AWS's refusals, and keeps another reason for the same state.
                return super().set_alarm_state()
            self.monitor.change(self.region, alarm, Verdict(state, reason, data))
        return EmptyResult()

    def describe_alarm_history(self) -> ActionResult:
        """Tell the changes of alarms' states, the newest first unless asked otherwise."""
        name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
        start, end = self._get_param("StartDate"), self._get_param("EndDate")
        if name is not None and name not in self.cloudwatch_backend.alarms:
            raise ResourceNotFound
        with self.monitor.lock:
            found = [
                item
                for item in self.monitor.history[self.region]
                if name in (None, item["AlarmName"])
                and kind in (None, item["HistoryItemType"])
                and (start is None or item["Timestamp"].timestamp() >= seconds(start))
                and (end is None or item["Timestamp"].timestamp() <= seconds(end))
            ]
        if self._get_param("ScanBy") != "TimestampAscending":
            found.reverse()
        return ActionResult({"AlarmHistoryItems": found[: int(self._get_param("MaxRecords") or PAGE)]})


def _named(metric: Key) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in metric.dimensions]


def _has(metric: Key, name: str, value: str | None) -> bool:
    return any(name == own and value in (None, other) for own, other in metric.dimensions)


def _query(entry: Mapping[str, Any]) -> Query:
    shown = str(entry.get("ReturnData", True)).lower() == "true"
    stat = entry.get("MetricStat")
    if stat is None and "Expression" not in entry:
        raise ValidationError("The parameter MetricDataQueries.member.1.MetricStat is required.\n")
    if stat is None:
        return Query(entry["Id"], entry["Expression"], int(entry.get("Period") or MINUTE), shown)
    metric = key(stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], pairs(stat["Metric"].get("Dimensions")))
    return Query(entry["Id"], MetricStat(metric, stat["Stat"], stat.get("Unit")), int(stat["Period"]), shown)


def _label(query: Query) -> str:
    if isinstance(query.of, str):
        return query.name
    return query.of.metric.name if query.of.stat in STATISTICS else f"{query.of.metric.name} {query.of.stat}"


def _starts(start: float, end: float, period: int) -> list[int]:
    """Return the begins of the periods; the first is rounded down to the minute (botocore GetMetricStatistics, StartTime)."""
    return list(range(int(start) // MINUTE * MINUTE, int(end), period))


def install(monitor: Monitor) -> None:
    """Put this service into the place of moto's; before the first request. One that was there before looks no more."""
    if hasattr(CloudWatch, "monitor"):
        CloudWatch.monitor.end()
    CloudWatch.monitor = monitor
    for path in moto.cloudwatch.urls.url_paths:
        moto.cloudwatch.urls.url_paths[path] = CloudWatch.dispatch
    monitor.start()
