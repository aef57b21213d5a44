"""The weekly maintenance window and the daily snapshot window: reading them, and whether they meet. No Pulumi."""

import re

# botocore, elasticache 2015-02-02, CreateReplicationGroupMessage: ddd:hh24:mi-ddd:hh24:mi and hh24:mi-hh24:mi, both in UTC;
# AWS writes days in lower case (hashicorp/terraform-provider-aws normalises the case).
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
MINUTES_A_WEEK = 7 * MINUTES_A_DAY
# Maintenance: the same place; snapshots: docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Scheduling automatic backups".
MIN_WINDOW_MINUTES = 60
# A quiet night in most of Europe; and not the hour of the snapshots.
DEFAULT_MAINTENANCE_WINDOW = "sun:04:30-sun:05:30"
DEFAULT_SNAPSHOT_WINDOW = "02:00-03:00"
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_MAINTENANCE = re.compile(rf"({'|'.join(DAYS)}):{_TIME}-({'|'.join(DAYS)}):{_TIME}")
_SNAPSHOT = re.compile(rf"{_TIME}-{_TIME}")

Window = tuple[int, int]


def maintenance(text: str) -> Window | None:
    """Return (minute of the week that starts on Monday, length in minutes); None when the text has another form."""
    found = _MAINTENANCE.fullmatch(text)
    if found is None:
        return None
    day, hour, minute, end_day, end_hour, end_minute = found.groups()
    start = DAYS.index(day) * MINUTES_A_DAY + int(hour) * 60 + int(minute)
    end = DAYS.index(end_day) * MINUTES_A_DAY + int(end_hour) * 60 + int(end_minute)
    return start, (end - start) % MINUTES_A_WEEK


def snapshot(text: str) -> Window | None:
    """Return (minute of the day, length in minutes); None when the text has another form."""
    found = _SNAPSHOT.fullmatch(text)
    if found is None:
        return None
    hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
    start = hour * 60 + minute
    return start, (end_hour * 60 + end_minute - start) % MINUTES_A_DAY


def overlap(weekly: Window, daily: Window) -> bool:
    """Tell whether a daily window meets a weekly one on any day."""
    start, length = weekly
    for day in range(7):
        daily_start = day * MINUTES_A_DAY + daily[0]
        if (daily_start - start) % MINUTES_A_WEEK < length or (start - daily_start) % MINUTES_A_WEEK < daily[1]:
            return True
    return False
