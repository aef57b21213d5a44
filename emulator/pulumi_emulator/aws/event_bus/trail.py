"""CloudTrail's events of API calls, as EventBridge gets them. Plain data.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html and
docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pulumi_emulator.aws.clients import ACCOUNT_ID

DETAIL_TYPE: Final = "AWS API Call via CloudTrail"
VERSION: Final = "1.11"
# Calls that only read are not sent to EventBridge (the first page, "Read-only management events").
READS: Final = ("Describe", "List", "Get")
HIDDEN: Final = frozenset({"AuthToken", "Passwords"})
IN_PLACE: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"


@dataclass(frozen=True)
class ApiCall:
    """A call that was answered; `error` is the fault's code and text, None when there was none."""

    service: str
    api_version: str
    name: str
    region: str
    parameters: Mapping[str, Any]
    time: datetime
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: tuple[str, str] | None = None

    @property
    def told(self) -> bool:
        """Whether EventBridge gets it."""
        return not self.name.startswith(READS)


def detail_of(call: ApiCall) -> dict[str, Any]:
    """Return the event's detail."""
    failed = {} if call.error is None else {"errorCode": call.error[0], "errorMessage": call.error[1]}
    return {
        "eventVersion": VERSION,
        "userIdentity": {
            "type": "Root",
            "principalId": ACCOUNT_ID,
            "arn": f"arn:aws:iam::{ACCOUNT_ID}:root",
            "accountId": ACCOUNT_ID,
        },
        "eventTime": call.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.name,
        "awsRegion": call.region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "pulumi-emulator",
        **failed,
        "requestParameters": shown(call.parameters),
        "responseElements": None if call.error else elements(call.answer),
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT_ID,
        "eventCategory": "Management",
        "apiVersion": call.api_version,
    }


def shown(value: Any) -> Any:
    """Return a part of a call as CloudTrail writes it: names begin in lower case, secrets are hidden."""
    if isinstance(value, Mapping):
        return {
            key[0].lower() + key[1:]: IN_PLACE if key in HIDDEN else shown(item)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def elements(answer: Mapping[str, Any]) -> Any:
    """Return an answer as CloudTrail writes it: without the name of the one thing that it is about."""
    return shown(next(iter(answer.values())) if len(answer) == 1 else answer)
