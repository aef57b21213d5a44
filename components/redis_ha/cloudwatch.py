"""What the alarms of all components on AWS share."""

from typing import NotRequired, TypedDict

# botocore, cloudwatch/2010-08-01: an alarm's actions.
MAX_ACTIONS = 5
# PutMetricAlarm: periods times their length is one day at most for periods shorter than an hour (botocore, EvaluationPeriods).
MAX_EVALUATED_SECONDS = 86_400


class AlarmOverride(TypedDict):
    """What to change of one alarm. What is not given stays."""

    threshold: NotRequired[float]
    """From where on it rings, in the alarm's own unit."""
    periods: NotRequired[int]
    """Periods that are looked at (N of "M out of N")."""
    datapoints: NotRequired[int]
    """Periods out of those that have to be over the threshold (M of "M out of N")."""
