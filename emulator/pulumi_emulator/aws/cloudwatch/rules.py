"""When an alarm rings: CloudWatch's rules for datapoints, missing ones among them, as plain functions.

Source, where no other is named: docs.aws.amazon.com, AmazonCloudWatch/latest/monitoring, "Using Amazon CloudWatch alarms"
(AlarmThatSendsEmail), its parts "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

OK: Final = "OK"
ALARM: Final = "ALARM"
INSUFFICIENT: Final = "INSUFFICIENT_DATA"
MISSING, IGNORE, BREACHING, NOT_BREACHING = "missing", "ignore", "breaching", "notBreaching"
# More datapoints are looked at than are evaluated. How many more "depends on the length of the alarm period"; the page's
# examples have five for three.
MORE: Final = 2
COMPARISONS: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


def decide(breaching: Sequence[bool | None], periods: int, datapoints: int, missing: str, state: str) -> str:
    """Return the state of an alarm.

    `breaching` has the evaluation range, the oldest datapoint first, None for a missing one; `periods` and `datapoints` are N
    and M of "M out of N", `missing` how missing data is treated, `state` the present state.
    """
    present = [point for point in breaching if point is not None]
    if len(present) >= periods:
        return ALARM if sum(present[-periods:]) >= datapoints else OK
    over = sum(present)
    filled = periods - len(present)
    if missing == BREACHING:
        return ALARM if over + filled >= datapoints else OK
    if over >= datapoints:
        return ALARM
    if missing == NOT_BREACHING or not all(present):
        return OK
    if missing == IGNORE:
        return state
    # Only breaching datapoints, fewer than M: premature, until the oldest is M periods old.
    oldest = len(breaching) - breaching.index(True) if present else 0
    # What it is until then the page does not say any more; its edition of 2018 had INSUFFICIENT_DATA in the table.
    return ALARM if oldest >= max(datapoints, 1) else INSUFFICIENT


def reason(
    state: str,
    values: Sequence[tuple[int, float | None]],
    comparison: str,
    threshold: float,
    periods: int,
    datapoints: int,
    missing: str,
) -> str:
    """Return why an alarm has a state, in CloudWatch's words. `values` has the evaluation range, the oldest first."""
    present = [(time, value) for time, value in values if value is not None][-periods:]
    unknown = periods - len(present)
    if state == INSUFFICIENT:
        many = len(values) - len(present)
        return f"Insufficient Data: {_counted(many)} {'was' if many == 1 else 'were'} unknown."
    compare, words = COMPARISONS[comparison]
    over = [pair for pair in present if compare(pair[1], threshold)]
    shown = over if state == ALARM else [pair for pair in present if pair not in over]
    filled = f"{unknown} missing {'datapoint was' if unknown == 1 else 'datapoints were'} treated as [{_treated(missing)}]"
    if not shown:
        return f"Threshold Crossed: no datapoints were received for {unknown} period{'' if unknown == 1 else 's'} and {filled}."
    listed = ", ".join(f"{value} ({_short(time)})" for time, value in reversed(shown))
    verb = ("was" if len(shown) == 1 else "were") + ("" if state == ALARM else " not")
    least, change = (datapoints, "OK -> ALARM") if state == ALARM else (periods - datapoints + 1, "ALARM -> OK")
    also = f" and {filled}" if unknown and missing in (BREACHING, NOT_BREACHING) else ""
    return (
        f"Threshold Crossed: {len(shown)} out of the last {len(present)} datapoints [{listed}] {verb} {words} the threshold "
        f"({float(threshold)}){also} (minimum {_counted(least)} for {change} transition)."
    )


def _counted(number: int) -> str:
    return f"{number} datapoint{'' if number == 1 else 's'}"


def _treated(missing: str) -> str:
    return {BREACHING: "Breaching", NOT_BREACHING: "NonBreaching"}.get(missing, missing)


def _short(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%d/%m/%y %H:%M:%S")
