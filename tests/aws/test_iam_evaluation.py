"""Policies against requests, as a table: what AWS allows and refuses, and why.

docs.aws.amazon.com, IAM User Guide: reference_policies_evaluation-logic and the pages of each element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pulumi_emulator.aws.iam import conditions
from pulumi_emulator.aws.iam.conditions import UnknownError, Values
from pulumi_emulator.aws.iam.evaluation import Caller, Need, Policies, Policy, reason
from tests.support.aws_roles import allow, deny, document

ROLE = "arn:aws:iam::123456789012:role/teams/app"
SESSION = "arn:aws:sts::123456789012:assumed-role/app/one"
ROOT = "arn:aws:iam::123456789012:root"
CALLER = Caller(SESSION, ROLE, "123456789012")
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/app/endpoints"
GROUP = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:orders"


class Keys:
    """The condition keys of a request; all others are absent, but those that begin with "strange"."""

    def __init__(self, keys: Mapping[str, str | Values]) -> None:
        self.keys = {key.lower(): (value,) if isinstance(value, str) else value for key, value in keys.items()}

    def values(self, key: str) -> Values | None:
        if key.startswith("strange"):
            raise UnknownError(f"the condition key {key} is not known")
        return self.keys.get(key.lower())


def policy(*statements: Any) -> Policy:
    return Policy("the policy under test", document(*statements))


def why(
    statements: list[Any] | Policies,
    action: str = "sqs:SendMessage",
    resource: str = QUEUE,
    resource_policy: Policy | None = None,
    keys: Mapping[str, str | Values] | None = None,
    *,
    alone: bool = False,
) -> str | None:
    policies = statements if isinstance(statements, Policies) else Policies([policy(*statements)])
    return reason(Need(action, resource), CALLER, policies, resource_policy, Keys(keys or {}), alone=alone)


@pytest.mark.parametrize(
    ("statements", "action", "resource", "allowed"),
    [
        ([], "sqs:SendMessage", QUEUE, False),
        ([allow("sqs:SendMessage", QUEUE)], "sqs:SendMessage", QUEUE, True),
        ([allow("sqs:SendMessage", QUEUE)], "sqs:ReceiveMessage", QUEUE, False),
        ([allow("sqs:SendMessage", QUEUE)], "sqs:SendMessage", QUEUE + "-dead", False),
        # An action's case does not matter, a resource's does.
        ([allow("SQS:sendmessage", QUEUE)], "sqs:SendMessage", QUEUE, True),
        ([allow("sqs:SendMessage", QUEUE.upper())], "sqs:SendMessage", QUEUE, False),
        ([allow(["sqs:Receive*", "sqs:Send????age"], [PARAMETER, QUEUE])], "sqs:SendMessage", QUEUE, True),
        ([allow("sqs:Send???age", QUEUE)], "sqs:SendMessage", QUEUE, False),
        ([allow("*", "*")], "sqs:SendMessage", QUEUE, True),
        ([allow("*:SendMessage")], "sqs:SendMessage", QUEUE, True),
        # A deny counts over every allow, wherever it stands.
        ([allow("*"), deny("sqs:*", QUEUE)], "sqs:SendMessage", QUEUE, False),
        ([deny("sqs:*", QUEUE), allow("*")], "sqs:SendMessage", QUEUE, False),
        ([allow("*"), deny("sqs:*", PARAMETER)], "sqs:SendMessage", QUEUE, True),
        # NotAction and NotResource.
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "sqs:SendMessage", QUEUE, True),
        ([{"Effect": "Allow", "NotAction": ["iam:*", "sqs:*"], "Resource": "*"}], "sqs:SendMessage", QUEUE, False),
        ([{"Effect": "Allow", "Action": "sqs:*", "NotResource": PARAMETER}], "sqs:SendMessage", QUEUE, True),
        ([{"Effect": "Allow", "Action": "sqs:*", "NotResource": [PARAMETER, QUEUE]}], "sqs:SendMessage", QUEUE, False),
        ([allow("*"), {"Effect": "Deny", "NotAction": "sqs:*", "Resource": "*"}], "ssm:GetParameter", PARAMETER, False),
        # A * goes over slashes; over colons only where it ends a segment. A ? is one letter that is no colon.
        ([allow("ssm:*", "arn:aws:ssm:*:*:parameter/*/endpoints")], "ssm:GetParameter", PARAMETER, True),
        ([allow("ssm:*", "arn:aws:ssm:*")], "ssm:GetParameter", PARAMETER, True),
        ([allow("ssm:*", "arn:aws:ssm:*/endpoints")], "ssm:GetParameter", PARAMETER, False),
        ([allow("ssm:*", "arn:aws:ssm:eu-central-?:*:parameter/app/*")], "ssm:GetParameter", PARAMETER, True),
        ([allow("ssm:*", "arn:aws:ssm?eu-central-1:*:parameter/app/*")], "ssm:GetParameter", PARAMETER, False),
        ([allow("ssm:*", "arn:aws:ssm:*:*:parameter/app")], "ssm:GetParameter", PARAMETER, False),
        # What is asked for on "*" wants a pattern that is as wide.
        ([allow("elasticache:*", GROUP)], "elasticache:DescribeEvents", "*", False),
        ([allow("elasticache:*", "arn:aws:elasticache:*:*:*")], "elasticache:DescribeEvents", "*", False),
        ([allow("elasticache:*")], "elasticache:DescribeEvents", "*", True),
        ([allow("elasticache:*", GROUP)], "elasticache:DescribeReplicationGroups", GROUP.replace("orders", "*"), False),
        (
            [allow("elasticache:*", GROUP[:-6] + "*")],
            "elasticache:DescribeReplicationGroups",
            GROUP.replace("orders", "*"),
            True,
        ),
    ],
)
def test_actions_and_resources(statements: list[Any], action: str, resource: str, allowed: bool) -> None:
    assert (why(statements, action, resource) is None) is allowed


def test_one_statement_needs_no_list() -> None:
    single = Policy("one", {"Version": "2012-10-17", "Statement": allow("sqs:*")})
    assert why(Policies([single])) is None


NOW = "2026-11-30T12:00:00+00:00"
KEYS: dict[str, Any] = {
    "aws:RequestedRegion": "eu-central-1",
    "aws:PrincipalArn": ROLE,
    "aws:SecureTransport": "true",
    "aws:CurrentTime": NOW,
    "aws:SourceIp": "10.1.2.3",
    "aws:TagKeys": ("team", "stage"),
    "n": "7",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}, True),
        ({"StringEquals": {"AWS:requestedregion": ["eu-west-1", "eu-central-1"]}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "EU-central-1"}}, False),
        ({"StringEquals": {"aws:RequestedRegion": "eu-*"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:RequestedRegion": "EU-central-1"}}, True),
        ({"StringLike": {"aws:RequestedRegion": "eu-*"}}, True),
        ({"StringLike": {"aws:RequestedRegion": "eu-?"}}, False),
        ({"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}}, False),
        ({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}, True),
        ({"StringNotLike": {"aws:RequestedRegion": "eu-*"}}, False),
        # A key that is absent: an operator does not hold, a negated one does, IfExists does.
        ({"StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, True),
        ({"StringEqualsIfExists": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"Null": {"aws:SourceAccount": "true"}}, True),
        ({"Null": {"aws:SourceAccount": True}}, True),
        ({"Null": {"aws:SourceAccount": "false"}}, False),
        ({"Null": {"aws:RequestedRegion": "false"}}, True),
        # All operators and all keys of a condition.
        ({"StringEquals": {"aws:RequestedRegion": "eu-central-1"}, "Null": {"aws:RequestedRegion": "true"}}, False),
        ({"StringEquals": {"aws:RequestedRegion": "eu-central-1", "aws:PrincipalArn": "x"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": False}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/teams/*"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/teams/*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam:*"}}, False),  # each segment is looked at for itself
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/teams/*"}}, False),
        ({"NumericLessThan": {"n": "8"}}, True),
        ({"NumericGreaterThanEquals": {"n": 8}}, False),
        ({"NumericNotEquals": {"n": "7"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-12-01"}}, False),
        ({"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["10.1.0.0/16", "192.0.2.1"]}}, False),
        # Several values of the request: any, or all; of none at all, all are.
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "owner"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["stage", "team", "owner"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:Absent": "team"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:Absent": "team"}}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:Absent": "team"}}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}}, True),
        ({"ForAllValues:StringNotLike": {"aws:TagKeys": "t*"}}, False),
        # Variables.
        ({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/teams/${x}"}}, False),
        ({"StringEquals": {"aws:RequestedRegion": "${aws:RequestedRegion}"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "${aws:Absent, 'eu-central-1'}"}}, True),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    assert conditions.hold(condition, Keys(KEYS)) is holds
    assert (why([allow("sqs:*", Condition=condition)], keys=KEYS) is None) is holds
    assert (why([allow("sqs:*"), deny("sqs:*", Condition=condition)], keys=KEYS) is None) is not holds


@pytest.mark.parametrize(
    ("resource", "keys", "allowed"),
    [
        ("arn:aws:sqs:*:*:${team}", {"team": "orders"}, True),
        ("arn:aws:sqs:*:*:${team}", {"team": "other"}, False),
        ("arn:aws:sqs:*:*:${team}", {"team": ("orders", "other")}, False),
        ("arn:aws:sqs:*:*:${team}", {}, False),
        ("arn:aws:sqs:*:*:orders${team}", {}, False),
        ("arn:aws:sqs:*:*:${team, 'orders'}", {}, True),
        # What a key's value has in it is no pattern, and a literal is none either.
        ("arn:aws:sqs:*:*:${team}", {"team": "*"}, False),
        ("arn:aws:sqs:*:*:${*}", {}, False),
        ("arn:aws:sqs:*:*:orders${?}", {}, False),
    ],
)
def test_variables_in_resources(resource: str, keys: dict[str, Any], allowed: bool) -> None:
    assert (why([allow("sqs:*", resource)], keys=keys) is None) is allowed


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (allow("sqs:*", Condition={"BinaryEquals": {"n": "7"}}), "the condition operator BinaryEquals is not known"),
        (allow("sqs:*", Condition={"StringSounds": {"n": "7"}}), "the condition operator StringSounds is not known"),
        (allow("sqs:*", Condition={"StringEquals": {"strange:key": "7"}}), "the condition key strange:key is not known"),
        (allow("sqs:*", Condition={"NumericEquals": {"n": "seven"}}), "the value 'seven' of a condition with NumericEquals"),
        (allow("sqs:*", Effekt="Allow"), "the element Effekt is not known"),
        ({"Effect": "allow", "Action": "sqs:*", "Resource": "*"}, "Effect: 'allow' is none; give Allow or Deny"),
    ],
)
def test_what_is_not_known_refuses_and_is_named(statement: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownError, match="the policy under test") as unknown:
        why([statement], keys=KEYS)
    assert words in str(unknown.value)


def test_a_condition_of_another_action_is_not_looked_at() -> None:
    odd = {"BinaryEquals": {"n": "7"}}
    assert why([allow("sqs:*"), deny("ssm:*", Condition=odd), deny("sqs:*", PARAMETER, Condition=odd)]) is None


def to(principal: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": "sqs:SendMessage", "Resource": QUEUE, **more}


@pytest.mark.parametrize(
    ("statement", "identity", "reason_"),
    [
        # In one account either policy is enough.
        (to({"AWS": ROLE}), [], None),
        (to({"AWS": SESSION}), [], None),
        (to("*"), [], None),
        (to({"AWS": ["arn:aws:iam::1:role/x", "*"]}), [], None),
        (to({"AWS": ROLE}), [allow("ssm:*")], None),
        # To the account: it is for the account's own policies.
        (to({"AWS": ROOT}), [], "because no identity-based policy allows the sqs:SendMessage action"),
        (to({"AWS": "123456789012"}), [], "because no identity-based policy allows the sqs:SendMessage action"),
        (to({"AWS": ROOT}), [allow("sqs:*")], None),
        (to({"AWS": "999999999999"}), [], "because no identity-based policy allows the sqs:SendMessage action"),
        (to({"Service": "sns.amazonaws.com"}), [], "because no identity-based policy allows the sqs:SendMessage action"),
        (to({"AWS": ROLE}, Resource=QUEUE + "2"), [], "because no identity-based policy allows the sqs:SendMessage action"),
        (to({"AWS": ROLE}, "Deny"), [allow("*")], "with an explicit deny in a resource-based policy"),
        (to({"AWS": ROOT}, "Deny"), [allow("*")], "with an explicit deny in a resource-based policy"),
        (to({"AWS": ROLE}), [deny("sqs:*")], "with an explicit deny in an identity-based policy"),
    ],
)
def test_the_policy_of_a_resource(statement: Any, identity: list[Any], reason_: str | None) -> None:
    assert why(identity, resource_policy=policy(statement)) == reason_


def test_a_principal_that_is_left_out_is_not_known() -> None:
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "sqs:*", "Resource": "*"}
    with pytest.raises(UnknownError, match="the element NotPrincipal is not known"):
        why([allow("*")], resource_policy=policy(statement))


@pytest.mark.parametrize(
    ("statement", "identity", "allowed"),
    [
        (to({"AWS": ROOT}), [allow("sqs:*")], True),
        (to({"AWS": ROOT}), [], False),
        (to({"AWS": ROLE}), [], True),
        (to({"AWS": "999999999999"}), [allow("sqs:*")], False),
    ],
)
def test_where_the_policy_of_a_resource_has_to_say_so(statement: Any, identity: list[Any], allowed: bool) -> None:
    found = why(identity, resource_policy=policy(statement), alone=True)
    assert (found is None) is allowed
    if identity and not allowed:
        assert found == "because no resource-based policy allows the sqs:SendMessage action"


@pytest.mark.parametrize(
    ("boundary", "session", "reason_"),
    [
        ([allow("sqs:*")], None, None),
        ([allow("ssm:*")], None, "because no permissions boundary allows the sqs:SendMessage action"),
        ([allow("*"), deny("sqs:*")], None, "with an explicit deny in a permissions boundary"),
        (None, [allow("sqs:*")], None),
        (None, [allow("ssm:*")], "because no session policy allows the sqs:SendMessage action"),
        (None, [allow("*"), deny("sqs:*")], "with an explicit deny in a session policy"),
    ],
)
def test_boundaries_and_session_policies_only_narrow(
    boundary: list[Any] | None, session: list[Any] | None, reason_: str | None
) -> None:
    narrowed = Policies(
        [policy(allow("sqs:*"))], policy(*boundary) if boundary else None, [policy(*session)] if session else None
    )
    assert why(narrowed) == reason_
    nothing = Policies([], narrowed.boundary, narrowed.session)
    assert why(nothing) is not None
    # A resource's policy that names the role is narrowed too, one that names the session is not; a deny always counts.
    assert why(nothing, resource_policy=policy(to({"AWS": ROLE}))) == reason_
    denies = reason_ is not None and "deny" in reason_
    assert why(nothing, resource_policy=policy(to({"AWS": SESSION}))) == (reason_ if denies else None)
