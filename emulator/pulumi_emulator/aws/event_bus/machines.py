"""State machines of Step Functions as targets: an execution is begun as the target's role, and nothing runs its states."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from pulumi_emulator.aws.clients import ACCOUNT_ID, client
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.iam.trust import trusts_service
from pulumi_emulator.aws.roles import NoSuchRoleError
from pulumi_emulator.aws.undelivered import UndeliveredError

SERVICE: Final = "events.amazonaws.com"
KEY_SECONDS: Final = 900
DENIED: Final = "AccessDeniedException"


def start(account: Account, arn: str, role_arn: str | None, rule_arn: str, text: str) -> None:
    """Begin an execution; UndeliveredError when the role or the machine does not let EventBridge do so.

    docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html: a state machine needs a role in the target.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - programs without AWS never load it

    try:
        trusted = trusts_service(role_arn or "", SERVICE, **{"aws:SourceArn": rule_arn, "aws:SourceAccount": ACCOUNT_ID})
    except NoSuchRoleError:
        trusted = False
    if role_arn is None or not trusted:
        raise UndeliveredError("NO_PERMISSIONS", f"{SERVICE} may not take on the target's role {role_arn}")
    endpoint = account.endpoint_as(role_arn, "events", KEY_SECONDS)
    with closing(client(endpoint, "stepfunctions", arn.split(":")[3])) as machines:
        try:
            machines.start_execution(stateMachineArn=arn, input=text)
        except ClientError as error:
            code = "NO_PERMISSIONS" if error.response["Error"]["Code"] == DENIED else "NO_RESOURCE"
            raise UndeliveredError(code, str(error)) from None
