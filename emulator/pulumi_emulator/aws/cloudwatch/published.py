"""What PutMetricData is given, as samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pulumi_emulator.aws.cloudwatch.series import Key, Sample, key, one


def samples(namespace: str, data: Sequence[Mapping[str, Any]], now: float) -> Iterator[tuple[Key, Sample]]:
    """Yield what MetricData holds; values without a time are of `now`, in seconds since 1970."""
    for datum in data:
        metric = key(namespace, datum["MetricName"], pairs(datum.get("Dimensions")))
        for sample in _samples(datum, now):
            yield metric, sample


def pairs(dimensions: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Return dimensions by their names."""
    return {one["Name"]: one["Value"] for one in dimensions or []}


def seconds(value: datetime) -> float:
    """Return a time in seconds since 1970; moto parses one into UTC without saying so."""
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _samples(datum: Mapping[str, Any], now: float) -> list[Sample]:
    """Return what one datum holds: a value, values with their counts, or a statistic set."""
    time, unit = seconds(datum["Timestamp"]) if datum.get("Timestamp") else now, datum.get("Unit") or "None"
    if datum.get("Values"):
        counts = datum.get("Counts") or [1] * len(datum["Values"])
        counted = [(float(value), float(count)) for value, count in zip(datum["Values"], counts, strict=True)]
        return [Sample(time, count, value * count, value, value, unit) for value, count in counted]
    if datum.get("StatisticValues"):
        given = {name: float(value) for name, value in datum["StatisticValues"].items()}
        return [Sample(time, given["SampleCount"], given["Sum"], given["Minimum"], given["Maximum"], unit)]
    return [one(time, float(datum.get("Value", 0)), unit)]
