"""Whether policies allow an action on a resource: an explicit deny counts over an allow, an allow over nothing.

Source: docs.aws.amazon.com, IAM User Guide, reference_policies_evaluation-logic (within one account) and
reference_policies_elements_principal. The words of a refusal: troubleshoot_access-denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from pulumi_emulator.aws.iam import conditions, matching
from pulumi_emulator.aws.iam.conditions import Context, UnknownError
from pulumi_emulator.aws.roles import PARTITION

Statement = Mapping[str, Any]
EFFECTS: Final = ("Allow", "Deny")
ELEMENTS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)


class Granted(IntEnum):
    """Whom an allowing statement of a resource's policy names; the higher one counts."""

    NOBODY = 0
    ACCOUNT = 1  # leaves it to the account's own policies
    CALLER = 2  # the caller's role, or everybody
    SESSION = 3  # this session of the role


@dataclass(frozen=True)
class Policy:
    """A policy's document and what it is called, for errors."""

    name: str
    document: Mapping[str, Any]

    @property
    def statements(self) -> Sequence[Statement]:
        """The statements; one may stand there without a list. UnknownError when one cannot be read: it might deny."""
        found = self.document.get("Statement", [])
        statements = found if isinstance(found, list) else [found]
        for statement in statements:
            unknown = sorted(set(statement) - ELEMENTS)
            if unknown:
                raise UnknownError(f"{self.name}: the element {unknown[0]} is not known to the emulator")
            if statement.get("Effect") not in EFFECTS:
                raise UnknownError(f"{self.name}: Effect: {statement.get('Effect')!r} is none; give Allow or Deny")
        return statements


@dataclass(frozen=True)
class Need:
    """One action on one resource, by its ARN; "*" where an action has none."""

    action: str
    resource: str


@dataclass(frozen=True)
class Caller:
    """Who calls: the ARN of the session, that of its role, and the account."""

    arn: str
    role_arn: str
    account: str


@dataclass(frozen=True)
class Policies:
    """The policies that count for a caller."""

    identity: Sequence[Policy]
    boundary: Policy | None = None
    session: Sequence[Policy] | None = None


def reason(
    need: Need, caller: Caller, policies: Policies, resource_policy: Policy | None, context: Context, *, alone: bool = False
) -> str | None:
    """Return why a caller may not do what it needs, in AWS's words; None when it may.

    `alone`: the resource's policy has to name the caller or its account, as those of KMS's keys and of roles do it.
    UnknownError when a statement that matters holds what is not known.
    """
    ask = _Ask(need, context)
    words = _denied(ask, caller, policies, resource_policy)
    if words is not None:
        return f"with an explicit deny in {words}"
    words = _not_allowed(ask, policies, _named(ask, resource_policy, caller, "Allow"), alone=alone)
    return None if words is None else f"because no {words} allows the {need.action} action"


def _denied(ask: _Ask, caller: Caller, policies: Policies, resource_policy: Policy | None) -> str | None:
    """Return which kind of policy denies something, None when none does."""
    groups = {
        "an identity-based policy": policies.identity,
        "a permissions boundary": [policies.boundary] if policies.boundary else [],
        "a session policy": policies.session or [],
    }
    for words, group in groups.items():
        if any(ask.applies(policy, "Deny") for policy in group):
            return words
    return "a resource-based policy" if _named(ask, resource_policy, caller, "Deny") != Granted.NOBODY else None


def _not_allowed(ask: _Ask, policies: Policies, granted: Granted, *, alone: bool) -> str | None:
    """Return which kind of policy should allow something and does not, None when it is allowed."""
    if granted == Granted.SESSION:
        return None
    if alone and granted == Granted.NOBODY:
        return "resource-based policy"
    needed = {} if granted == Granted.CALLER else {"identity-based policy": policies.identity}
    if policies.boundary is not None:
        needed["permissions boundary"] = [policies.boundary]
    if policies.session is not None:
        needed["session policy"] = policies.session
    return next((words for words, group in needed.items() if not ask.any_applies(group)), None)


def service_granted(policy: Policy, action: str, service: str, context: Context) -> bool:
    """Tell whether a resource's policy lets a service, such as "lambda.amazonaws.com", do something."""
    ask = _Ask(Need(action, ""), context)

    def named(effect: str) -> bool:
        return any(
            matching.text(name, service)
            for statement in policy.statements
            if statement.get("Effect") == effect and ask.fits(policy, statement)
            for name in _list(_principals(policy, statement).get("Service"))
        )

    return named("Allow") and not named("Deny")


@dataclass(frozen=True)
class _Ask:
    """A need, and what is known of the request."""

    need: Need
    context: Context

    def any_applies(self, policies: Iterable[Policy]) -> bool:
        return any(self.applies(policy, "Allow") for policy in policies)

    def applies(self, policy: Policy, effect: str) -> bool:
        """Tell whether a statement of this effect is of this need."""
        return any(statement.get("Effect") == effect and self.fits(policy, statement) for statement in policy.statements)

    def fits(self, policy: Policy, statement: Statement) -> bool:
        """Tell whether a statement is of this action, this resource and this request. A trust policy names no resource."""
        if not self._of(statement, "Action", lambda pattern: matching.action(pattern, self.need.action)):
            return False
        has_resource = "Resource" in statement or "NotResource" in statement
        if has_resource and not self._of(statement, "Resource", self._is_resource):
            return False
        try:
            return conditions.hold(statement.get("Condition") or {}, self.context)
        except UnknownError as error:
            where = statement.get("Sid") or "a statement"
            raise UnknownError(f"{where} of {policy.name}: {error}") from None

    def _is_resource(self, pattern: str) -> bool:
        filled = matching.substituted(pattern, conditions.single(self.context))
        return filled is not None and matching.resource(filled, self.need.resource)

    @staticmethod
    def _of(statement: Statement, element: str, fits: Any) -> bool:
        negated = f"Not{element}"
        if negated in statement:
            return not any(map(fits, _list(statement[negated])))
        return any(map(fits, _list(statement.get(element))))


def _named(ask: _Ask, policy: Policy | None, caller: Caller, effect: str) -> Granted:
    """Return whom the fitting statements of a resource's policy name, as far as it is this caller."""
    if policy is None:
        return Granted.NOBODY
    found = [
        _level(name, caller)
        for statement in policy.statements
        if statement.get("Effect") == effect and ask.fits(policy, statement)
        for name in _list(_principals(policy, statement).get("AWS"))
    ]
    return max(found, default=Granted.NOBODY)


def _level(name: str, caller: Caller) -> Granted:
    root = f"arn:{PARTITION}:iam::{caller.account}:root"
    if name in {caller.account, root}:
        return Granted.ACCOUNT
    if name in {"*", caller.role_arn}:
        return Granted.CALLER
    return Granted.SESSION if name == caller.arn else Granted.NOBODY


def _principals(policy: Policy, statement: Statement) -> Mapping[str, Any]:
    if "NotPrincipal" in statement:
        raise UnknownError(f"{policy.name}: the element NotPrincipal is not known to the emulator")
    found = statement.get("Principal", {})
    return {"AWS": "*", "Service": "*"} if found == "*" else found


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
