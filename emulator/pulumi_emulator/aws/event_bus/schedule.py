"""When a rule's schedule is due: `rate(...)` and `cron(...)`, in UTC.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

RATE: Final = re.compile(r"rate\((?P<value>[1-9]\d*) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
CRON: Final = re.compile(r"cron\((?P<fields>[^()]+)\)")
SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86400}
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
YEARS: Final = (1970, 2199)
LATEST: Final = 366 * 30  # days that are looked at: no 29 February of a weekday is further away


@dataclass(frozen=True)
class Cron:
    """The fields of a cron expression; days as they are written."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str
    months: frozenset[int]
    weekdays: str
    years: frozenset[int]

    def on(self, day: date) -> bool:
        """Tell whether it is due on a day at all."""
        if day.year not in self.years or day.month not in self.months:
            return False
        return _in_month(self.days, day) if self.weekdays == "?" else _in_week(self.weekdays, day)


def next_time(expression: str, after: datetime) -> datetime | None:
    """Return when an expression is next due after a time; None when never again; ValueError when it is none."""
    rate = RATE.fullmatch(expression)
    if rate is not None:
        if (rate["value"] == "1") == bool(rate["plural"]):
            raise ValueError(f"{expression} has the wrong unit: minute for 1, minutes for more")
        return after + timedelta(seconds=int(rate["value"]) * SECONDS[rate["unit"]])
    cron = parse(expression)
    for number in range(LATEST):
        day = after.date() + timedelta(days=number)
        if not cron.on(day):
            continue
        for hour in sorted(cron.hours):
            for minute in sorted(cron.minutes):
                found = datetime.combine(day, time(hour, minute), UTC)
                if found > after:
                    return found
    return None


def parse(expression: str) -> Cron:
    """Return a cron expression's fields; ValueError when it is none."""
    found = CRON.fullmatch(expression)
    fields = found["fields"].split() if found else []
    if len(fields) != 6:
        raise ValueError(f"{expression} is neither rate(...) nor cron(...) with six fields")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise ValueError(f"{expression} needs ? as its day of the month or as its day of the week, and not as both")
    made = Cron(
        _numbers(minutes, 0, 59),
        _numbers(hours, 0, 23),
        days,
        _numbers(months, 1, 12, MONTHS),
        weekdays,
        _numbers(years, *YEARS),
    )
    # What is wrong in a field of days shows when a day is looked at.
    if weekdays == "?":
        _in_month(days, date(2000, 1, 1))
    else:
        _in_week(weekdays, date(2000, 1, 1))
    return made


def _numbers(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else _number(first, names, low)
        end = _number(last, names, low) if last else high if first == "*" or step else start
        if not low <= start <= end <= high or (step and int(step) < 1):
            raise ValueError(f"{part} is not between {low} and {high}")
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: tuple[str, ...], low: int) -> int:
    return names.index(text.upper()) + low if text.upper() in names else int(text)


def _in_month(text: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if text == "L":
        return day.day == last
    if text.endswith("W"):
        return day.day == _working_day(day, min(last, last if text == "LW" else int(text[:-1])), last)
    return day.day in _numbers(text, 1, 31)


def _working_day(day: date, number: int, last: int) -> int:
    """Return the working day nearest to a day of a month, in that month."""
    weekday = date(day.year, day.month, number).weekday()
    if weekday == 5:  # Saturday
        return number - 1 if number > 1 else number + 2
    if weekday == 6:  # Sunday
        return number + 1 if number < last else number - 2
    return number


def _in_week(text: str, day: date) -> bool:
    number = day.isoweekday() % 7 + 1  # 1 is Sunday
    if text == "L":
        return number == 7
    if text.endswith("L"):
        last = calendar.monthrange(day.year, day.month)[1]
        return number == _number(text[:-1], DAYS, 1) and day.day + 7 > last
    if "#" in text:
        which, _, count = text.partition("#")
        return number == _number(which, DAYS, 1) and (day.day - 1) // 7 + 1 == int(count)
    return number in _numbers(text, 1, 7, DAYS)
