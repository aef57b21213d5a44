"""Roles with policies in an emulated AWS, and who has their credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from botocore.exceptions import ClientError

from pulumi_emulator import aws
from pulumi_emulator.aws.access import Key
from tests.support.aws_world import REGION, Remote

Statement = Mapping[str, Any]


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {**allow(actions, resources, **more), "Effect": "Deny"}


def trusting(**principal: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


OWN_ACCOUNT = trusting(AWS=aws.ACCOUNT_ID)


def make_role(remote: Remote, *statements: Statement, trust: Statement = OWN_ACCOUNT, **given: Any) -> str:
    """Make a role with an inline policy; return its ARN."""
    iam = remote.client("iam")
    name = remote.name("role")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document(trust)), **given)
    if statements:
        put_policy(remote, made["Role"]["Arn"], *statements)
    return str(made["Role"]["Arn"])


def put_policy(remote: Remote, role_arn: str, *statements: Statement) -> None:
    """Let a role have exactly these statements."""
    name = role_arn.rpartition("/")[2]
    text = json.dumps(document(*statements))
    remote.client("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=text)


def assume(remote: Remote, role_arn: str, session: str = "test", **given: Any) -> aws.Endpoint:
    """Take on a role; return the endpoint with the role's key."""
    answer = remote.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session, **given)["Credentials"]
    key = Key(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], answer["Expiration"])
    return aws.Endpoint(remote.endpoint.url, key)


@contextmanager
def under(remote: Remote, role_arn: str, **given: Any) -> Iterator[Remote]:
    """Give the account as whoever has taken on a role sees it."""
    with closing(Remote(assume(remote, role_arn, **given))) as made:
        yield made


def refused(remote: Remote, service: str, operation: str, region: str = REGION, **given: Any) -> dict[str, Any] | None:
    """Call something; return the error's code and message when it is refused, None when it was answered."""
    try:
        getattr(remote.client(service, region), operation)(**given)
    except ClientError as error:
        return {**error.response["Error"], "Status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
    return None


def denied(remote: Remote, service: str, operation: str, region: str = REGION, **given: Any) -> bool:
    """Tell whether a call is refused for want of permission; another error is an answer too."""
    error = refused(remote, service, operation, region, **given)
    assert error is None or "cannot tell whether" not in error["Message"], error
    return error is not None and "is not authorized to perform" in error["Message"]
