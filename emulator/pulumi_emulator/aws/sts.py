"""STS: roles are taken on as their trust policies allow it, and whoever has a role's credentials is told so.

moto gives out keys without looking at the role, which may not even be there.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar, Final
from xml.sax.saxutils import escape

import moto.sts.urls
from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.roles import NoSuchRoleError, Session, find_role

# STS API Reference, AssumeRole: DurationSeconds, RoleSessionName.
SHORTEST: Final = 900
DEFAULT_SECONDS: Final = 3600
CHAINED: Final = 3600  # the longest for a role that takes on a role
SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
# What would change who the caller is for policies, and is not kept.
NOT_TAKEN: Final = ("Tags", "TransitiveTagKeys", "SourceIdentity", "SerialNumber", "TokenCode", "ProvidedContexts")


class RefusedError(Exception):
    """A request that STS refuses."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


class SecurityTokens(TokenResponse):
    """The emulated service in the place of moto's."""

    account: ClassVar[Account]

    def get_caller_identity(self) -> ActionResult:
        """Tell who calls."""
        session = self._caller()
        if session is None:
            answer: ActionResult = super().get_caller_identity()
            return answer
        return ActionResult({"UserId": session.user_id, "Account": ACCOUNT_ID, "Arn": session.arn})

    def assume_role(self) -> Any:
        """Give out credentials for a role that trusts the caller."""
        try:
            return self._assume(dict(self.params))
        except RefusedError as error:
            named = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
            text = f"<ErrorResponse><Error>{named}</Error><RequestId>emulated</RequestId></ErrorResponse>"
            return text, {"status": error.status}

    def _assume(self, given: dict[str, Any]) -> ActionResult:
        arn, name = str(given.get("RoleArn")), str(given.get("RoleSessionName"))
        caller = self._caller()
        check(given)
        try:
            role = find_role(arn)
        except NoSuchRoleError:
            role = None
        from pulumi_emulator.aws.iam import assuming  # noqa: PLC0415 - not loaded before a role is taken on

        who = caller.arn if caller else assuming.ADMINISTRATOR
        try:
            allowed = role is not None and assuming.allowed(role, caller, given, self.region, self.account.clock.now())
        except assuming.UnknownError as error:
            raise RefusedError("NotImplemented", f"the emulator cannot tell whether this is allowed: {error}") from None
        if not allowed:
            text = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise RefusedError("AccessDenied", text, 403)
        seconds = int(given.get("DurationSeconds") or DEFAULT_SECONDS)
        check_duration(seconds, int(getattr(role, "max_session_duration", None) or DEFAULT_SECONDS), chained=caller is not None)
        managed = tuple(policy["arn"] for policy in given.get("PolicyArns") or [])
        made = self.account.roles.issue(arn, name, seconds, policy=given.get("Policy"), managed=managed)
        return ActionResult(
            {
                "Credentials": {
                    "AccessKeyId": made.key.key_id,
                    "SecretAccessKey": made.key.secret,
                    "SessionToken": made.key.token,
                    "Expiration": made.key.expires,
                },
                "AssumedRoleUser": {"AssumedRoleId": made.user_id, "Arn": made.arn},
                "PackedPolicySize": 6,
            }
        )

    def _caller(self) -> Session | None:
        return self.account.roles.find(self.get_access_key())


def check(given: dict[str, Any]) -> None:
    """Refuse a request for a role that cannot be answered, whoever asks."""
    name, seconds = str(given.get("RoleSessionName")), given.get("DurationSeconds")
    if not SESSION_NAME.fullmatch(name):
        raise _invalid(name, "roleSessionName", "Member must satisfy regular expression pattern: [\\w+=,.@-]{2,64}")
    if seconds is not None and int(seconds) < SHORTEST:
        raise _invalid(seconds, "durationSeconds", f"Member must have value greater than or equal to {SHORTEST}")
    unknown = [key for key in NOT_TAKEN if given.get(key)]
    if unknown:
        raise RefusedError("NotImplemented", f"the emulator does not take {unknown[0]} of AssumeRole; leave it out")
    if given.get("Policy"):
        try:
            json.loads(given["Policy"])
        except ValueError:
            raise RefusedError("MalformedPolicyDocument", "Policy: this is no JSON") from None


def check_duration(seconds: int, longest: int, *, chained: bool) -> None:
    """Refuse credentials for longer than the role allows."""
    if chained and seconds > CHAINED:
        text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise RefusedError("ValidationError", text)
    if seconds > longest:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise RefusedError("ValidationError", text)


def _invalid(value: object, parameter: str, wanted: str) -> RefusedError:
    text = f"1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: {wanted}"
    return RefusedError("ValidationError", text)


def install(account: Account) -> None:
    """Put this service into the place of moto's; before the first request."""
    SecurityTokens.account = account
    for path in moto.sts.urls.url_paths:
        moto.sts.urls.url_paths[path] = SecurityTokens.dispatch
