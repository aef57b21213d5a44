"""What an alarm watches as plain data, its datapoints, and its state from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pulumi_emulator.aws.cloudwatch import insights, rules
from pulumi_emulator.aws.cloudwatch.expressions import Request, Series, Value, evaluate, names_in
from pulumi_emulator.aws.cloudwatch.insights import TagsOf
from pulumi_emulator.aws.cloudwatch.series import MINUTE, Key, Store, UnsupportedError, points, statistic

# docs.aws.amazon.com, AlarmThatSendsEmail, "Percentile-based CloudWatch alarms and low data samples": so many over the distance
# from the percentile to its end.
LOW_SAMPLES: Final = 10


@dataclass(frozen=True)
class MetricStat:
    """A statistic of one metric."""

    metric: Key
    stat: str
    unit: str | None = None


@dataclass(frozen=True)
class Query:
    """One query: of a metric, or an expression; its period in seconds; `shown` is what an alarm looks at (ReturnData)."""

    name: str
    of: MetricStat | str
    period: int
    shown: bool = True


@dataclass(frozen=True)
class Watch:
    """An alarm: what it looks at and when it rings; times in seconds."""

    queries: tuple[Query, ...]
    period: int
    periods: int
    datapoints: int
    comparison: str
    threshold: float
    missing: str = rules.MISSING
    keep_when_few: bool = False

    def starts(self, now: int) -> list[int]:
        """Return the begins of the periods that are looked at, the oldest first; the newest one ends now.

        "For any period of one minute or longer, an alarm is evaluated every minute", on the time up to then ("Evaluating an
        alarm").
        """
        return [now - self.period * back for back in range(self.periods + rules.MORE, 0, -1)]


@dataclass(frozen=True)
class Verdict:
    """An alarm's state, why, and the same as the JSON text that the API has: an empty object when the state stays."""

    state: str
    reason: str
    data: str


def judge(watch: Watch, state: str, store: Store, tags_of: TagsOf, now: int) -> Verdict:
    """Return the state of an alarm whose present state is `state`, at a whole minute."""
    starts = watch.starts(now)
    try:
        _check(watch)
        if _too_few(watch, store, starts):
            return Verdict(state, "", "{}")
        found = watched(watch, store, tags_of, starts)
    except UnsupportedError as error:
        return Verdict(rules.INSUFFICIENT, f"Insufficient Data: the emulated CloudWatch does not compute {error}.", "{}")
    verdicts = [_of_series(watch, state, series, starts, now) for series in found or [{}]]
    # docs.aws.amazon.com, Create_Metrics_Insights_Alarm: one series in ALARM makes the alarm ring.
    for wanted in (rules.ALARM, rules.OK):
        for verdict in verdicts:
            if verdict.state == wanted:
                return verdict
    return verdicts[0]


def _check(watch: Watch) -> None:
    if watch.comparison not in rules.COMPARISONS:
        raise UnsupportedError(f"the comparison {watch.comparison}")
    if watch.period % MINUTE:
        raise UnsupportedError(f"a period of {watch.period} s: it evaluates alarms once a minute")


def watched(watch: Watch, store: Store, tags_of: TagsOf, starts: Sequence[int]) -> list[Series]:
    """Return the time series that an alarm looks at: one, or one for each contributor of a query with groups."""
    values = computed(watch.queries, store, tags_of, lambda _: starts)
    value = next((values[query.name] for query in watch.queries if query.shown), None)
    if value is None or isinstance(value, float):
        raise UnsupportedError("an alarm on what is no time series")
    return value if isinstance(value, list) else [value]


def computed(
    queries: Sequence[Query], store: Store, tags_of: TagsOf, starts_of: Callable[[int], Sequence[int]]
) -> dict[str, Value]:
    """Return what each query gives, by its id; UnsupportedError says what of it is not computed.

    `starts_of` returns the begins of the periods of a length.
    """
    values: dict[str, Value] = {}
    metrics = [query.name for query in queries if isinstance(query.of, MetricStat) or is_select(query.of)]
    for query in _in_order(queries):
        period, starts = query.period, starts_of(query.period)
        if isinstance(query.of, MetricStat):
            values[query.name] = points(store, query.of.metric, query.of.stat, query.of.unit, period, starts)
        elif is_select(query.of):
            select = insights.parsed(query.of)
            series = insights.select(select, store, tags_of, period, starts)
            values[query.name] = list(series.values()) if select.group else series.get((), {})
        else:
            values[query.name] = evaluate(query.of, Request(values, metrics, starts, period))
    return values


def is_select(expression: str) -> bool:
    """Tell whether an expression is a query of Metrics Insights."""
    return expression.lstrip().upper().startswith("SELECT")


def _in_order(queries: Sequence[Query]) -> Iterator[Query]:
    """Yield queries so that each comes after those that its expression names; METRICS() means those that are no math."""
    left = sorted(queries, key=_is_math)
    known: set[str] = set()
    while left:
        ready = [query for query in left if not _is_math(query) or names_in(str(query.of)) <= known | {"REPEAT"}]
        if not ready:
            raise UnsupportedError(f"the expression {left[0].of!r}: it names a query that there is not")
        yield ready[0]
        known.add(ready[0].name)
        left.remove(ready[0])


def _is_math(query: Query) -> bool:
    return isinstance(query.of, str) and not is_select(query.of)


def _too_few(watch: Watch, store: Store, starts: Sequence[int]) -> bool:
    """Tell whether an alarm on a percentile has too few samples, and waits for more then (EvaluateLowSampleCountPercentile)."""
    if not watch.keep_when_few or len(watch.queries) != 1 or not isinstance(watch.queries[0].of, MetricStat):
        return False
    of = watch.queries[0].of
    share = float(of.stat.removeprefix("p")) / 100 if of.stat.startswith("p") else 0.0
    if not 0 < share < 1:
        return False
    samples = store.between(of.metric, starts[rules.MORE], starts[-1] + watch.period, of.unit)
    return (statistic(samples, "SampleCount") or 0) < LOW_SAMPLES / min(share, 1 - share)


def _of_series(watch: Watch, state: str, series: Mapping[int, float], starts: Sequence[int], now: int) -> Verdict:
    values = [(start, series.get(start)) for start in starts]
    compare, _ = rules.COMPARISONS[watch.comparison]
    breaching = [None if value is None else compare(value, watch.threshold) for _, value in values]
    found = rules.decide(breaching, watch.periods, watch.datapoints, watch.missing, state)
    why = rules.reason(found, values, watch.comparison, watch.threshold, watch.periods, watch.datapoints, watch.missing)
    # Most evaluations find the state that was there: what nobody reads is not written.
    return Verdict(found, why, "{}" if found == state else json.dumps(_data(watch, values, now)))


def _data(watch: Watch, values: Sequence[tuple[int, float | None]], now: int) -> dict[str, Any]:
    """Return StateReasonData as AWS's examples have it (cloudwatch-and-eventbridge)."""
    present = [(time, value) for time, value in values if value is not None][-watch.periods :]
    of = watch.queries[0].of
    return {
        "version": "1.0",
        "queryDate": stamp(now),
        **({"startDate": stamp(present[0][0])} if present else {}),
        **({"statistic": of.stat} if isinstance(of, MetricStat) and len(watch.queries) == 1 else {}),
        "period": watch.period,
        "recentDatapoints": [value for _, value in present],
        "threshold": float(watch.threshold),
        "evaluatedDatapoints": [
            {"timestamp": stamp(time), **({} if value is None else {"value": value})} for time, value in reversed(values)
        ],
    }


def stamp(time: float) -> str:
    """Return a time as CloudWatch writes it: 2019-10-02T17:04:40.985+0000."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
