"""How a refusal is worded and which code it has, as the service that is asked answers it.

The words: docs.aws.amazon.com, IAM User Guide, troubleshoot_access-denied. The codes: each service's API Reference, "Common
errors"; AccessDeniedException in those that speak JSON, AccessDenied in those that speak XML.
"""

from __future__ import annotations

from typing import Final

from moto.core.utils import get_service_model

from pulumi_emulator.aws.access import Refused
from pulumi_emulator.aws.iam.asked import Asked
from pulumi_emulator.aws.iam.evaluation import Need

# Codes of their own (SNS API Reference, Publish; Amazon EC2 API Reference, "Error codes for the Amazon EC2 API").
CODES: Final = {"sns": "AuthorizationError", "ec2": "UnauthorizedOperation"}
JSON_PROTOCOLS: Final = frozenset({"json", "rest-json"})
QUERY_COMPATIBLE: Final = "awsQueryCompatible"


def denied(request: Asked, caller: str, need: Need, why: str) -> Refused:
    """Return the refusal of something that a caller may not do; `why` in AWS's words."""
    action = _worded(need.action)
    text = f"User: {caller} is not authorized to perform: {action} on resource: {need.resource} "
    return _of(request.service, text + why.replace(need.action, action))


def _of(service: str, text: str) -> Refused:
    model = get_service_model(service)
    speaks_json = model.protocol in JSON_PROTOCOLS and QUERY_COMPATIBLE not in model.metadata
    code = CODES.get(service, "AccessDeniedException" if speaks_json else "AccessDenied")
    return Refused(code, text, 400 if speaks_json and model.protocol == "json" else 403)


def _worded(action: str) -> str:
    """SNS writes its own name in capitals, SQS its actions in small letters."""
    service, _, name = action.partition(":")
    if service == "sns":
        return f"SNS:{name}"
    return action.lower() if service == "sqs" else action


def gone() -> Refused:
    """Return the refusal of a key whose role is not there any more."""
    return Refused("InvalidClientTokenId", "The security token included in the request is invalid.")


def unknown(text: str) -> Refused:
    """Return what is said where the emulator cannot tell whether AWS would allow it: it does not."""
    return Refused("NotImplemented", f"the emulator cannot tell whether this is allowed: {text}", 400)
