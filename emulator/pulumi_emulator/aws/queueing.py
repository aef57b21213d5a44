"""Messages of other services to SQS queues.

A queue that has a policy takes what the policy lets it take. One without a policy takes everything here, unlike AWS's: most
programs and tests make queues that only their own account sends to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from moto.sqs.exceptions import QueueDoesNotExist
from moto.sqs.models import sqs_backends

from pulumi_emulator.aws import resource_policy
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.undelivered import UndeliveredError

ACTION: Final = "sqs:SendMessage"


def send(
    arn: str,
    body: str,
    service: str,
    source: str,
    *,
    attributes: Mapping[str, Any] | None = None,
    group_id: str | None = None,
    deduplication_id: str | None = None,
) -> None:
    """Send a message as a service, for a source; UndeliveredError when there is no such queue, or its policy lets it not.

    `service` is its principal, as "sns.amazonaws.com", `source` the ARN of what the message comes from.
    """
    region, name = arn.split(":")[3], arn.split(":")[5]
    backend = sqs_backends[ACCOUNT_ID][region]
    try:
        policy = backend.get_queue(name).policy
    except QueueDoesNotExist:
        raise UndeliveredError("NO_RESOURCE", f"The specified queue does not exist: {arn}") from None
    statements = (policy if isinstance(policy, dict) else json.loads(policy)).get("Statement", []) if policy else []
    known = {"aws:sourcearn": source, "aws:sourceaccount": ACCOUNT_ID}
    if statements and not resource_policy.allows(statements, service, ACTION, known):
        raise UndeliveredError("NO_PERMISSIONS", f"{service} is not authorized to perform: {ACTION} on {arn}")
    backend.send_message(
        name,
        body,
        message_attributes=dict(attributes or {}),
        group_id=group_id,
        deduplication_id=deduplication_id,
        validate_group_id=False,
    )
