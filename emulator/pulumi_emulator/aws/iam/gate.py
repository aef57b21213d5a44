"""Whether a call with a role's credentials may be answered: what it asks for against the policies that count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_emulator.aws.access import Refused, signed_for
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.iam import asked, context, denials, evaluation, grants, kept
from pulumi_emulator.aws.iam.conditions import UnknownError
from pulumi_emulator.aws.roles import NoSuchRoleError, Session, find_role


def refusal(account: Account, session: Session, environ: Mapping[str, Any], body: bytes) -> Refused | None:
    """Return how a call is refused; None when it may be answered."""
    try:
        request = asked.read(environ, body, *signed_for(environ))
    except asked.UnreadableError as error:
        return denials.unknown(str(error))
    try:
        return judge(account, session, request)
    except UnknownError as error:
        return denials.unknown(str(error))
    except NoSuchRoleError:
        return denials.gone()


def judge(account: Account, session: Session, request: asked.Asked) -> Refused | None:
    """Return the refusal of a request by the first of its needs that no policy allows."""
    policies = kept.policies_of(session)
    about = context.caller_keys(session, account.clock.now())
    tags = {tag["Key"]: tag["Value"] for tag in find_role(session.role_arn).tags or []}
    caller = evaluation.Caller(session.arn, session.role_arn, ACCOUNT_ID)
    for wanted in grants.wanted(request):
        known = context.RequestContext(wanted, about, tags, lambda arn: _tags(account, arn))
        service = wanted.need.action.partition(":")[0]
        own = kept.resource_policy(wanted.need.resource) if wanted.need.action.startswith(f"{request.prefix}:") else None
        why = evaluation.reason(wanted.need, caller, policies, own, known, alone=service in kept.ALONE and own is not None)
        if why is not None:
            return denials.denied(request, session.arn, wanted.need, why)
    return None


def _tags(account: Account, arn: str) -> Mapping[str, str] | None:
    """Return a cache's tags; those of other resources are not looked up."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] != "elasticache":
        return None
    with account.lock:
        found = [region.tags[arn] for region in account.regions.values() if arn in region.tags]
    return found[0] if found else {}
