"""What the alarms of all components on AWS share."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Protocol, TypedDict

from .arguments import Checks, did_you_mean, kind_of, shown
from .arns import TOPIC, check_arns

# botocore, cloudwatch/2010-08-01: an alarm's actions.
MAX_ACTIONS = 5
# PutMetricAlarm: periods times their length is one day at most for periods shorter than an hour (botocore, EvaluationPeriods).
MAX_EVALUATED_SECONDS = 86_400


class AlarmOverride(TypedDict):
    """Changes of one alarm. Keys that are not given keep their default."""

    threshold: NotRequired[float]
    """Value from which on it rings, in the alarm's own unit."""
    periods: NotRequired[int]
    """Periods that are looked at (N of "M out of N")."""
    datapoints: NotRequired[int]
    """Periods out of those that have to be over the threshold (M of "M out of N")."""


class Watch(Protocol):
    """An alarm as far as its periods go."""

    @property
    def name(self) -> str:
        """Its name in the settings."""

    @property
    def period(self) -> int:
        """Length of a period, in seconds."""

    @property
    def periods(self) -> int:
        """Periods that are looked at."""

    @property
    def datapoints(self) -> int:
        """Periods out of those that have to be over the threshold."""


def checked_settings(given: object, known: Sequence[str], names: Sequence[str]) -> Checks:
    """Check a component's alarm settings, which have the same arguments everywhere; `names` are its alarms.

    Outputs are allowed in `topic_arns` only.
    """
    checks = Checks(given)
    checks.known(known)
    checks.switch("actions_enabled", default=True)
    checks.switch("enabled", default=True)
    for name in checks.texts("off", re.compile(r"\w+"), "the name of an alarm"):
        _check_name(checks, "off", name, names)
    for name, change in checks.mapping("overrides").items():
        if _check_name(checks, "overrides", name, names):
            _check_override(checks, name, change)
    topics = checks.args.get("topic_arns")
    if isinstance(topics, list | tuple) and len(topics) > MAX_ACTIONS:
        checks.refuse("topic_arns", f"{len(topics)} topics; an alarm tells {MAX_ACTIONS} at most: fan out from one of them")
    check_arns(checks, "topic_arns", TOPIC)
    return checks


def check_periods(checks: Checks, rows: Sequence[Watch], limit: int = MAX_EVALUATED_SECONDS, what: str = "an alarm") -> None:
    """Check what only shows when defaults and changes are put together; `limit` is how far `what` looks back, in seconds."""
    for row in rows:
        path = f"overrides.{row.name}"
        if row.datapoints > row.periods:
            checks.refuse(f"{path}.datapoints", f"{row.datapoints} is more than the {row.periods} periods that are looked at")
        if row.periods * row.period > limit:
            checks.refuse(
                f"{path}.periods",
                f"{row.periods} periods of {row.period} s; {what} looks back {limit} s: use {limit // row.period} at most",
            )


def _check_name(checks: Checks, argument: str, name: str, names: Sequence[str]) -> bool:
    if name in names:
        return True
    hint = did_you_mean(name, names) or f"; there are {', '.join(names)}"
    checks.refuse(argument, f"{name!r} is no alarm{hint}")
    return False


def _check_override(checks: Checks, name: str, change: object) -> None:
    path = f"overrides.{name}"
    if not isinstance(change, Mapping):
        checks.refuse(path, f"{kind_of(change)} is no mapping; give threshold, periods, datapoints")
        return
    inner = Checks(change)
    inner.known(tuple(AlarmOverride.__annotations__))
    threshold = change.get("threshold")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
        inner.refuse("threshold", f"{shown(threshold)} is no number; give one in the alarm's unit")
    inner.whole("periods", 1, 1, MAX_EVALUATED_SECONDS // 60)
    inner.whole("datapoints", 1, 1, MAX_EVALUATED_SECONDS // 60)
    checks.problems += inner.under(path)


def measured(
    namespace: str,
    metrics: Sequence[tuple[str, str]],
    dimensions: Mapping[str, Any],
    period: int,
    expression: str | None,
    unit: str,
) -> dict[str, Any]:
    """Return what an aws.cloudwatch.MetricAlarm looks at: one metric, or math on m1, m2.. Metrics come with their statistic."""
    if expression is None:
        ((metric, statistic),) = metrics
        # No unit: with one that the metric is not published in the alarm would never get data (botocore, PutMetricAlarm).
        what = {"namespace": namespace, "metric_name": metric, "statistic": statistic, "period": period}
        return {**what, "dimensions": dimensions}
    queries: list[dict[str, Any]] = [
        {
            "id": f"m{number}",
            "metric": {
                "namespace": namespace,
                "metric_name": metric,
                "dimensions": dimensions,
                "stat": statistic,
                "period": period,
            },
            "return_data": False,
        }
        for number, (metric, statistic) in enumerate(metrics, start=1)
    ]
    return {"metric_queries": [*queries, math_query(expression, unit)]}


def math_query(expression: str, label: str) -> dict[str, Any]:
    """Return the query of an alarm's own math on its other queries."""
    return {"id": "e1", "expression": expression, "label": label, "return_data": True}
