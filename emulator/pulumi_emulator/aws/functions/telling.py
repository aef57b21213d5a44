"""What Lambda writes of an invocation: the lines of its log, the metrics in them, and its own metrics. Plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

TAIL: Final = 4096  # LogResult: "the last 4 KB of the execution log" (botocore InvocationResponse)
NAMESPACE: Final = "AWS/Lambda"
ERROR_TEXT: Final = 1024  # docs.aws.amazon.com invocation-async-retain-records: "the first 1 KB of the error message"


def start_line(request_id: str) -> str:
    """Return the line that an invocation begins with."""
    return f"START RequestId: {request_id} Version: $LATEST"


def end_lines(request_id: str, milliseconds: float, memory: int, *, timed_out: bool = False) -> list[str]:
    """Return the lines that it ends with (docs.aws.amazon.com/lambda/latest/dg/python-logging.html).

    The memory used is not known: all of it is named.
    """
    took = f"Duration: {milliseconds:.2f} ms\tBilled Duration: {int(milliseconds) + 1} ms\tMemory Size: {memory} MB"
    report = f"REPORT RequestId: {request_id}\t{took}\tMax Memory Used: {memory} MB"
    return [f"END RequestId: {request_id}", f"{report}\tStatus: timeout" if timed_out else report]


def json_lines(lines: Iterable[str], request_id: str, time: datetime) -> list[str]:
    """Return Lambda's own lines as they are with JSON as the log's format.

    docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
    """
    stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kinds = {"START": "platform.start", "END": "platform.runtimeDone", "REPORT": "platform.report"}
    record = {"requestId": request_id, "version": "$LATEST"}
    return [json.dumps({"time": stamp, "type": kinds[line.split()[0]], "record": record}) for line in lines]


def timeout_answer(request_id: str, seconds: float) -> dict[str, Any]:
    """Return what a caller gets when the time was up."""
    text = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
    return {"errorType": "Sandbox.Timedout", "errorMessage": text}


def exit_answer(request_id: str, status: int | None) -> dict[str, Any]:
    """Return what a caller gets when the process ended by itself."""
    how = f"signal: {-status}" if status is not None and status < 0 else f"exit status {status}"
    if status == 0:
        text = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
    else:
        text = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
    return {"errorType": "Runtime.ExitError", "errorMessage": text}


def tail(text: str) -> bytes:
    """Return the end of a log as the caller gets it."""
    return text.encode()[-TAIL:]


def own_metrics(name: str, values: Mapping[str, float], time: datetime) -> list[dict[str, Any]]:
    """Return Lambda's metrics of a function, by its name.

    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    return [
        {
            "MetricName": metric,
            "Value": value,
            "Unit": "Milliseconds" if metric == "Duration" else "Count",
            "Timestamp": time,
            "Dimensions": [{"Name": "FunctionName", "Value": name}],
        }
        for metric, value in values.items()
    ]


def embedded_metrics(line: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the metrics that a line of a log holds, by namespace; none of a line that is something else.

    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    if '"_aws"' not in line:
        return []
    try:
        root = json.loads(line)
        about = root["_aws"]
        time = datetime.fromtimestamp(about["Timestamp"] / 1000, UTC)
        return [(str(part["Namespace"]), _data(root, part, time)) for part in about["CloudWatchMetrics"]]
    except (ValueError, KeyError, TypeError):
        return []


def _data(root: Mapping[str, Any], part: Mapping[str, Any], time: datetime) -> list[dict[str, Any]]:
    found = []
    for names in part.get("Dimensions") or [[]]:
        dimensions = [{"Name": name, "Value": str(root[name])} for name in names]
        for metric in part["Metrics"]:
            given = root[metric["Name"]]
            for value in given if isinstance(given, list) else [given]:
                unit = metric.get("Unit", "None")
                found.append(
                    {
                        "MetricName": metric["Name"],
                        "Value": float(value),
                        "Unit": unit,
                        "Timestamp": time,
                        "Dimensions": dimensions,
                    }
                )
    return found


def failure_record(
    arn: str, request_id: str, payload: str, answer: str | None, condition: str, attempts: int, time: datetime
) -> dict[str, Any]:
    """Return what an on-failure destination gets.

    docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(payload),
    }
    if answer is None:
        return record
    failed = condition != "Success"
    context = {"statusCode": 200, "executedVersion": "$LATEST", **({"functionError": "Unhandled"} if failed else {})}
    return {**record, "responseContext": context, "responsePayload": json.loads(answer)}


def dead_letter_attributes(request_id: str, answer: str | None) -> dict[str, dict[str, Any]]:
    """Return the attributes of what a dead-letter queue gets beside the event (the same page)."""
    text, code = "", "429"
    if answer is not None:
        found = json.loads(answer)
        text, code = str(found.get("errorMessage", "")) if isinstance(found, dict) else "", "200"
    return {
        "RequestID": {"DataType": "String", "StringValue": request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": code},
        "ErrorMessage": {"DataType": "String", "StringValue": text.encode()[:ERROR_TEXT].decode(errors="ignore") or "-"},
    }
