"""Logs and metrics: lines of JSON, in which CloudWatch finds the metrics by itself, without a call.

docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

NAMESPACE: Final = "RedisHA/Failover"
# Every metric that the function has, with its unit (botocore, cloudwatch 2010-08-01, StandardUnit).
UNITS: Final = {
    "GenerationsRaised": "Count",
    "DocumentsWritten": "Count",
    "Available": "Count",
    "SecondsToDocument": "Seconds",
    "CopiesWritten": "Count",
    "Failures": "Count",
    "NotActedOn": "Count",
}


def line(now: datetime, dimensions: Mapping[str, str], metrics: Mapping[str, float], **fields: Any) -> str:
    """Return one line: fields to read and search, and metrics with these dimensions."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [sorted(dimensions)],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in metrics],
    }
    aws = {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({**fields, **dimensions, **metrics, "_aws": aws})
