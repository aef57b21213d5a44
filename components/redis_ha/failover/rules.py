"""EventBridge's rules that call the function: the schedule and, as an option, calls that CloudTrail saw. Plain data."""

import json
from typing import Any

from .function.events import CLOUDTRAIL
from .function.table import CALL, REFUSED_CALL, TABLE

CALLS = tuple(row.event.removeprefix(CALL) for row in TABLE if row.event.startswith(CALL) and row.event != REFUSED_CALL)
# docs.aws.amazon.com, eventbridge/latest/userguide, eb-rule-retry-policy: 24 hours and 185 tries, and eb-custom-bus-retry: less
# on new kinds of bus. An hour, said everywhere: what is told later than that helps nobody, and waits in the queue.
RETRY_SECONDS, RETRY_ATTEMPTS = 3_600, 185


def delivery(queue_arn: Any) -> dict[str, Any]:
    """Return the arguments of a rule's target that say how often a delivery is tried, and where it goes then."""
    return {
        "retry_policy": {"maximum_event_age_in_seconds": RETRY_SECONDS, "maximum_retry_attempts": RETRY_ATTEMPTS},
        "dead_letter_config": {"arn": queue_arn},
    }


def calls_pattern() -> str:
    """Return the pattern of the calls that the function's table knows. CloudTrail tells of node-based groups by these alone.

    The groups are the function's to tell apart: a call has their ids in different places.
    """
    pattern: dict[str, Any] = {
        "source": ["aws.elasticache"],
        "detail-type": [CLOUDTRAIL],
        "detail": {"eventSource": ["elasticache.amazonaws.com"], "eventName": sorted(CALLS)},
    }
    return json.dumps(pattern)
