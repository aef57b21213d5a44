"""Alarms of the emulated CloudWatch: its rules on plain data, AWS's own examples first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pulumi_emulator.aws.cloudwatch import insights, rules
from pulumi_emulator.aws.cloudwatch.evaluation import MetricStat, Query, Watch, judge
from pulumi_emulator.aws.cloudwatch.expressions import Request, evaluate
from pulumi_emulator.aws.cloudwatch.series import Sample, Store, UnsupportedError, key, one, statistic

TREATMENTS = (rules.MISSING, rules.IGNORE, rules.BREACHING, rules.NOT_BREACHING)
ALARM, OK, NONE, KEPT = rules.ALARM, rules.OK, rules.INSUFFICIENT, "kept"


def points(text: str) -> list[bool | None]:
    return [{"0": False, "X": True, "-": None}[sign] for sign in text.replace(" ", "")]


# docs.aws.amazon.com, AmazonCloudWatch/latest/monitoring, alarms-and-missing-data: both tables, of N = 3 and five datapoints.
# The columns are missing, ignore, breaching, notBreaching. The rows after them are of its text: premature transitions.
@pytest.mark.parametrize(
    ("text", "datapoints", "expected"),
    [
        ("0 - X - X", 3, (OK, OK, OK, OK)),
        ("0 - - - -", 3, (OK, OK, OK, OK)),
        ("- - - - -", 3, (NONE, KEPT, ALARM, OK)),
        ("0 X X - X", 3, (ALARM, ALARM, ALARM, ALARM)),
        ("- - X - -", 3, (ALARM, KEPT, ALARM, OK)),
        ("0 - X - X", 2, (ALARM, ALARM, ALARM, ALARM)),
        ("0 0 X 0 X", 2, (ALARM, ALARM, ALARM, ALARM)),
        ("0 - X - -", 2, (OK, OK, ALARM, OK)),
        ("- - - - 0", 2, (OK, OK, ALARM, OK)),
        ("- - - X -", 2, (ALARM, KEPT, ALARM, OK)),
        ("- - - - X", 3, (NONE, KEPT, ALARM, OK)),
        ("- - - X -", 3, (NONE, KEPT, ALARM, OK)),
        ("- - - X 0", 3, (OK, OK, OK, OK)),
        ("- - X - 0", 3, (OK, OK, OK, OK)),
    ],
)
@pytest.mark.parametrize("state", [OK, ALARM, NONE])
def test_aws_s_examples_of_missing_data(text: str, datapoints: int, expected: tuple[str, ...], state: str) -> None:
    found = tuple(rules.decide(points(text), 3, datapoints, missing, state) for missing in TREATMENTS)
    assert found == tuple(state if want == KEPT else want for want in expected)


@pytest.mark.parametrize("missing", TREATMENTS)
def test_only_the_newest_n_count_when_none_is_missing(missing: str) -> None:
    assert rules.decide(points("X X 0 0 0"), 3, 1, missing, ALARM) == OK
    assert rules.decide(points("X X 0 0 X"), 3, 1, missing, OK) == ALARM
    assert rules.decide(points("0 0 X X 0"), 3, 3, missing, OK) == OK


def test_real_datapoints_that_are_enough_need_no_filling() -> None:
    for missing in TREATMENTS:
        assert rules.decide(points("- - - - 0 X X"), 5, 2, missing, OK) == ALARM


@pytest.mark.parametrize(
    ("comparison", "at_the_threshold", "above", "below"),
    [
        ("GreaterThanThreshold", OK, ALARM, OK),
        ("GreaterThanOrEqualToThreshold", ALARM, ALARM, OK),
        ("LessThanThreshold", OK, OK, ALARM),
        ("LessThanOrEqualToThreshold", ALARM, OK, ALARM),
    ],
)
def test_comparisons(comparison: str, at_the_threshold: str, above: str, below: str) -> None:
    for value, wanted in ((90.0, at_the_threshold), (90.5, above), (89.5, below)):
        assert verdict([value], comparison=comparison).state == wanted


METRIC = key("test", "m", {})
NOW = 1_800_000_120  # 08:02, within a period of five minutes


def verdict(values: Sequence[float | None], *, period: int = 60, stat: str = "Average", state: str = NONE, **given: Any) -> Any:
    """Judge an alarm by values of the minutes up to now."""
    store = Store()
    for number, value in enumerate(values):
        if value is not None:
            store.put(METRIC, one(NOW - 60 * (len(values) - number), value))
    rule = {"periods": 1, "datapoints": 1, "comparison": "GreaterThanThreshold", "threshold": 90.0, **given}
    watch = Watch((Query("m1", MetricStat(METRIC, stat), period),), period, **rule)
    return judge(watch, state, store, lambda _: {}, NOW)


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("Average", 50.5),
        ("Sum", 5050),
        ("Minimum", 1),
        ("Maximum", 100),
        ("SampleCount", 100),
        ("p90", 90),
        ("p0", 1),
        ("p100", 100),
    ],
)
def test_statistics(stat: str, expected: float) -> None:
    samples = [one(0, value) for value in range(1, 101)]
    assert statistic(samples, stat) == expected
    assert statistic([], stat) is None


def test_statistic_sets_have_no_percentiles_unless_all_values_are_equal() -> None:
    assert statistic([Sample(0, 3, 30, 5, 15)], "p50") is None
    assert statistic([Sample(0, 3, 30, 10, 10), one(0, 20)], "p75") == 10
    with pytest.raises(UnsupportedError, match="the statistic tm90"):
        statistic([one(0, 1)], "tm90")


def test_a_percentile_of_few_samples_may_wait() -> None:
    assert verdict([99.0] * 60, period=3600, stat="p90", state=OK).state == ALARM
    assert verdict([99.0] * 60, period=3600, stat="p90", state=OK, keep_when_few=True).state == OK
    assert verdict([99.0] * 120, period=7200, stat="p90", state=OK, keep_when_few=True).state == ALARM


def test_periods_end_at_the_minute_of_the_evaluation() -> None:
    # Five minutes above within two whole periods of the clock: each minute looks at the five before it.
    assert verdict([0.0] * 3 + [100.0] * 5, period=300).state == ALARM
    assert verdict([100.0] * 5 + [0.0] * 3, period=300).state == OK


def test_saturation_for_25_minutes() -> None:
    rule: dict[str, Any] = {"period": 300, "periods": 5, "datapoints": 5}
    assert verdict([10.0] * 60 + [95.0] * 24, **rule).state == OK
    assert verdict([10.0] * 60 + [95.0] * 25, **rule).state == ALARM


def test_reasons_are_cloudwatch_s() -> None:
    at = "15/01/27 08:01:00"
    assert verdict([99.5]).reason == (
        f"Threshold Crossed: 1 out of the last 1 datapoints [99.5 ({at})] was greater than the threshold (90.0) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert verdict([1.0, 2.0], periods=2, datapoints=2).reason == (
        f"Threshold Crossed: 2 out of the last 2 datapoints [2.0 ({at}), 1.0 (15/01/27 08:00:00)] were not greater than "
        "the threshold (90.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert verdict([]).reason == "Insufficient Data: 3 datapoints were unknown."
    assert verdict([], missing=rules.BREACHING, periods=2, datapoints=2).reason == (
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."
    )
    data = json.loads(verdict([99.5], period=60).data)
    assert (data["period"], data["statistic"], data["threshold"], data["recentDatapoints"]) == (60, "Average", 90.0, [99.5])


# docs.aws.amazon.com, using-metric-math: the examples of its tables, and what the product's alarms write.
SERIES = {
    "metric1": {0: 30.0, 60: 20.0, 120: 0.0, 180: 0.0},
    "metric2": {0: 20.0, 120: 20.0},
    "c": {0: 1.0, 60: 1.0, 120: 0.0, 180: 0.0},
    "t": {0: 30.0, 120: 0.0, 180: 0.0, 240: 30.0},
    "f": {0: 0.0, 60: 0.0, 120: 20.0, 240: 20.0},
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metric1 < metric2", {0: 0, 60: 0, 120: 1, 180: 0}),
        ("metric1 >= 30", {0: 1, 60: 0, 120: 0, 180: 0}),
        ("metric1 > 15 AND metric2 > 15", {0: 1, 60: 0, 120: 0, 180: 0}),
        ("metric1 > 15 || metric2 > 15", {0: 1, 60: 1, 120: 1, 180: 0}),
        ("IF(c, t, f)", {0: 30, 60: 0, 120: 20}),
        ("IF(c, 5, f)", {0: 5, 60: 5, 120: 20}),
        ("IF(c, t, 5)", {0: 30, 60: 0, 120: 5, 180: 5}),
        ("IF(c, t)", {0: 30, 60: 0}),
        ("metric1 + metric2", {0: 50, 60: 20, 120: 20, 180: 0}),
        ("10 / metric1", {0: 10 / 30, 60: 0.5}),
        ("-metric2 ^ 2", {0: -400, 120: -400}),
        ("DIFF(metric1)", {60: -10, 120: -20, 180: 0}),
        ("DIFF(metric2)", {120: 0}),
        ("RATE(metric1)", {60: -10 / 60, 120: -20 / 60, 180: 0}),
        ("ABS(DIFF(metric1))", {60: 10, 120: 20, 180: 0}),
        ("MAX([metric1, metric2])", {0: 30, 60: 20, 120: 20, 180: 0}),
        ("SUM(METRICS())", {0: 81, 60: 21, 120: 40, 180: 0, 240: 50}),
        ("MAX(METRICS('metric'))", {0: 30, 60: 20, 120: 20, 180: 0}),
        ("AVG([metric1, metric2])", {0: 25, 60: 10, 120: 10, 180: 0}),
        ("metric1 / MAX(metric1)", {0: 1, 60: 20 / 30, 120: 0, 180: 0}),
        ("metric2 / PERIOD(metric2)", {0: 20 / 60, 120: 20 / 60}),
        ("FILL(metric2, 7)", {0: 20, 60: 7, 120: 20, 180: 7, 240: 7}),
        ("FILL(metric2, REPEAT)", {0: 20, 60: 20, 120: 20, 180: 20, 240: 20}),
        ("FILL(metric2, metric1)", {0: 20, 60: 20, 120: 20, 180: 0}),
        (
            "IF(metric1 - DIFF(metric1) >= 20, -100 * DIFF(metric1) / (metric1 - DIFF(metric1)), 0)",
            {0: 0, 60: 100 / 3, 120: 100, 180: 0},
        ),
    ],
)
def test_metric_math(expression: str, expected: dict[int, float]) -> None:
    found = evaluate(expression, Request(SERIES, list(SERIES), [0, 60, 120, 180, 240], 60))
    assert isinstance(found, dict)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "ANOMALY_DETECTION_BAND(metric1, 2)",
        "SEARCH('x', 'Sum')",
        "metric1 +",
        "__import__('os')",
        "metric1.x",
        "1 < metric1 < 2",
        "unknown",
    ],
)
def test_math_that_is_not_computed_is_told(expression: str) -> None:
    with pytest.raises(UnsupportedError):
        evaluate(expression, Request(SERIES, list(SERIES), [0], 60))


def selected(text: str) -> dict[tuple[str, ...], dict[int, float]]:
    store = Store()
    for node, shard, value in (("a-1", "0001", 10.0), ("a-2", "0001", 40.0), ("b-1", "0001", 90.0), ("a-3", "0002", 20.0)):
        dimensions = {"ReplicationGroupId": node[0], "NodeGroupId": shard}
        store.put(key("AWS/ElastiCache", "CPU", dimensions), one(0, value))
        store.put(key("AWS/ElastiCache", "CPU", {"CacheClusterId": node}), one(0, value))
    return insights.select(
        insights.parsed(text), store, lambda metric: {"team": dict(metric.dimensions).get("CacheClusterId", "")[:1]}, 60, [0]
    )


def test_metrics_insights() -> None:
    shards = 'FROM SCHEMA("AWS/ElastiCache", NodeGroupId, ReplicationGroupId)'
    assert selected(f"SELECT MAX(CPU) {shards} WHERE ReplicationGroupId = 'a' GROUP BY NodeGroupId ORDER BY MAX() DESC") == {
        ("0001",): {0: 40},
        ("0002",): {0: 20},
    }
    nodes = 'FROM SCHEMA("AWS/ElastiCache", CacheClusterId)'
    assert selected(f"SELECT SUM(CPU) {nodes} WHERE tag.team = 'a'") == {(): {0: 70}}
    assert selected(f"SELECT AVG(CPU) {nodes} WHERE tag.team = 'a' AND CacheClusterId != 'a-2'") == {(): {0: 15}}
    assert selected('SELECT COUNT(CPU) FROM "AWS/ElastiCache"') == {(): {0: 8}}
    assert selected(f"SELECT COUNT(CPU) {nodes}") == {(): {0: 4}}, "metrics of other dimensions are others"
    assert selected(f"SELECT MIN(CPU) {nodes} WHERE tag.team = 'nobody'") == {}
    for text in ("SELECT CPU", f"SELECT MAX(CPU) {nodes} WHERE a = 'b' OR c = 'd'"):
        with pytest.raises(UnsupportedError):
            insights.parsed(text)
