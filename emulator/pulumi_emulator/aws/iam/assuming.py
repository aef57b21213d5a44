"""Whether a caller may take on a role: the role's trust policy has to say so, and so do the caller's policies.

Where the trust policy names the account, the caller's own policies decide too (IAM User Guide, reference_policies_evaluation-
logic, "Trust policies").
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.iam import context, kept
from pulumi_emulator.aws.iam.asked import Asked
from pulumi_emulator.aws.iam.conditions import UnknownError, Values
from pulumi_emulator.aws.iam.evaluation import Caller, Need, Policies, Policy, reason
from pulumi_emulator.aws.iam.grants import Wanted
from pulumi_emulator.aws.roles import PARTITION, Session

__all__ = ["ADMINISTRATOR", "UnknownError", "allowed"]

# Who has the stack's own key, as moto's GetCallerIdentity answers it: it may do anything.
ADMINISTRATOR: Final = f"arn:{PARTITION}:sts::{ACCOUNT_ID}:user/moto"
EVERYTHING: Final = Policy("the stack's own key", {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def allowed(role: Any, session: Session | None, given: Mapping[str, Any], region: str, now: datetime) -> bool:
    """Tell whether a caller, None for the stack's own key, may take on a role with this input of AssumeRole.

    UnknownError when the trust policy holds what the emulator cannot evaluate.
    """
    need = Need("sts:AssumeRole", role.arn)
    wanted = Wanted(need, Asked("sts", "sts", "AssumeRole", region, given), {})
    if session is None:
        caller, policies = Caller(ADMINISTRATOR, ADMINISTRATOR, ACCOUNT_ID), Policies([EVERYTHING])
        about: dict[str, Values] = {"aws:principalarn": (ADMINISTRATOR,), "aws:principalaccount": (ACCOUNT_ID,)}
    else:
        caller, policies = Caller(session.arn, session.role_arn, ACCOUNT_ID), kept.policies_of(session)
        about = context.caller_keys(session, now)
    known = context.RequestContext(wanted, about, {}, lambda _: None)
    return reason(need, caller, policies, kept.trust_policy(role), known, alone=True) is None
