"""Metrics as plain data: samples by metric and dimensions, and the statistics of a time."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

MINUTE: Final = 60
STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")


class Key(NamedTuple):
    """A metric: its namespace, name and dimensions, which are sorted. Other dimensions are another metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """Values that were published together, as a statistic set. `time` is in seconds since 1970."""

    time: float
    number: float
    total: float
    least: float
    most: float
    unit: str = "None"


class UnsupportedError(Exception):
    """What the emulator does not compute; the text says what."""


def key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    """Return a metric's key."""
    return Key(namespace, name, tuple(sorted(dimensions.items())))


def one(time: float, value: float, unit: str = "None") -> Sample:
    """Return a single value as a sample."""
    return Sample(time, 1, value, value, value, unit)


class Store:
    """The samples of one Region. Whoever uses it sees to it that one does at a time."""

    def __init__(self) -> None:
        self._series: dict[Key, list[Sample]] = {}

    def put(self, metric: Key, sample: Sample) -> None:
        """Keep a sample in its order."""
        samples = self._series.setdefault(metric, [])
        if samples and samples[-1].time > sample.time:
            bisect.insort(samples, sample, key=_time)
        else:
            samples.append(sample)

    def metrics(self) -> list[Key]:
        """Return the metrics that have samples."""
        return list(self._series)

    def between(self, metric: Key, start: float, end: float, unit: str | None = None) -> Sequence[Sample]:
        """Return the samples from `start` until before `end`, of any unit or of this one."""
        samples = self._series.get(metric, [])
        found = samples[bisect.bisect_left(samples, start, key=_time) : bisect.bisect_left(samples, end, key=_time)]
        return found if unit is None else [sample for sample in found if sample.unit == unit]

    def newest(self, metric: Key) -> float:
        """Return the time of a metric's newest sample."""
        return self._series[metric][-1].time

    def forget(self, before: float) -> None:
        """Drop what is older."""
        for metric, samples in list(self._series.items()):
            del samples[: bisect.bisect_left(samples, before, key=_time)]
            if not samples:
                del self._series[metric]


def statistic(samples: Sequence[Sample], name: str) -> float | None:
    """Return a statistic of samples, None when there are none; UnsupportedError for one that is not computed."""
    percentile = _PERCENTILE.fullmatch(name)
    if name not in STATISTICS and percentile is None:
        raise UnsupportedError(f"the statistic {name}: there are {', '.join(STATISTICS)} and p0 to p100")
    count = sum(sample.number for sample in samples)
    if not count:
        return None
    if percentile is not None:
        return _percentile(samples, float(percentile[1]) / 100 * count)
    total = sum(sample.total for sample in samples)
    return {
        "SampleCount": count,
        "Sum": total,
        "Average": total / count,
        "Minimum": min(sample.least for sample in samples),
        "Maximum": max(sample.most for sample in samples),
    }[name]


def points(store: Store, metric: Key, stat: str, unit: str | None, period: int, starts: Iterable[int]) -> dict[int, float]:
    """Return a statistic of each period that begins at one of `starts`; a period without samples is left out."""
    found = {start: statistic(store.between(metric, start, start + period, unit), stat) for start in starts}
    return {start: value for start, value in found.items() if value is not None}


def _percentile(samples: Sequence[Sample], rank: float) -> float | None:
    """Return the least value at or under which so many values lie; None when a set does not say which values it has.

    docs.aws.amazon.com, AmazonCloudWatch, cloudwatch_concepts, Percentiles: only of sets whose minimum and maximum are equal.
    """
    if any(not math.isclose(sample.least, sample.most) for sample in samples):
        return None
    below = 0.0
    ordered = sorted(samples, key=lambda sample: sample.least)
    for sample in ordered:
        below += sample.number
        if below >= rank - 1e-9:
            return sample.least
    return ordered[-1].least


def _time(sample: Sample) -> float:
    return sample.time
