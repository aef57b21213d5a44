"""IAM policy documents for those who use a cache and those who run it. Nothing is attached to anybody here.

Which action takes which resource: docs.aws.amazon.com, service-authorization/latest/reference, list_amazonelasticache.
"""

import json
from collections.abc import Sequence
from typing import Any

import pulumi

Document = dict[str, Any]


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _document(*statements: dict[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _members(group_arn: str) -> str:
    """Return the pattern of the ARNs of a group's member clusters, which are named after it."""
    return group_arn.replace(":replicationgroup:", ":cluster:") + "-*"


def client_document(cache_arn: str, iam_user_arns: Sequence[str] = (), secret_arn: str | None = None) -> Document:
    """Return what an application may do: look the cache up, log in as its IAM users, read its password.

    Logging in by IAM needs elasticache:Connect on the cache and on the user (docs.aws.amazon.com, AmazonElastiCache/latest/dg,
    auth-iam). `cache_arn` is a replication group's or a serverless cache's.
    """
    look = "DescribeServerlessCaches" if ":serverlesscache:" in cache_arn else "DescribeReplicationGroups"
    statements = [_allow("LookUp", [f"elasticache:{look}"], [cache_arn])]
    if iam_user_arns:
        statements.append(_allow("LogIn", ["elasticache:Connect"], [cache_arn, *iam_user_arns]))
    if secret_arn is not None:
        statements.append(_allow("ReadPassword", ["secretsmanager:GetSecretValue"], [secret_arn]))
    return _document(*statements)


def read_document(group_arn: str) -> Document:
    """Return what is needed to watch a group: its state, its members, its events, its metrics. Those take no resource."""
    return _document(
        _allow("Group", ["elasticache:DescribeReplicationGroups", "elasticache:ListTagsForResource"], [group_arn]),
        _allow("Members", ["elasticache:DescribeCacheClusters", "elasticache:ListTagsForResource"], [_members(group_arn)]),
        _allow(
            "EventsAndMetrics",
            ["elasticache:DescribeEvents", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"],
            ["*"],
        ),
    )


def operator_document(group_arn: str) -> Document:
    """Return what running a group takes besides watching it: failing over for a test, and changing it. Not deleting it.

    Another parameter group or user group for it takes ModifyReplicationGroup on that one too, which is not in here.
    """
    actions = (
        "TestFailover",
        "ModifyReplicationGroup",
        "IncreaseReplicaCount",
        "DecreaseReplicaCount",
        "ModifyReplicationGroupShardConfiguration",
    )
    watching: list[dict[str, Any]] = read_document(group_arn)["Statement"]
    return _document(*watching, _allow("Operate", [f"elasticache:{action}" for action in actions], [group_arn]))


def promotion_document(global_arn: str, member_arns: Sequence[str]) -> Document:
    """Return what promoting another region takes, and looking who is primary; not detaching or deleting anything."""
    return _document(
        _allow("Look", ["elasticache:DescribeGlobalReplicationGroups"], [global_arn]),
        _allow("Members", ["elasticache:DescribeReplicationGroups"], list(member_arns)),
        _allow("Promote", ["elasticache:FailoverGlobalReplicationGroup"], [global_arn]),
        _allow("Metrics", ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"], ["*"]),
    )


def member_arn(other_arn: str, region: str, group_id: str) -> str:
    """Return the ARN of a replication group of the same account as another one (arn:partition:service:region:account:..)."""
    parts = other_arn.split(":")
    return ":".join([*parts[:3], region, parts[4], "replicationgroup", group_id])


def client_policy(
    cache_arn: pulumi.Output[str],
    iam_user_arns: Sequence[pulumi.Input[str]] = (),
    secret_arn: pulumi.Input[str] | None = None,
) -> pulumi.Output[str]:
    """Return the JSON of `client_document` once the ARNs are known."""
    known = pulumi.Output.all(cache=cache_arn, users=pulumi.Output.all(*iam_user_arns), secret=secret_arn)
    return known.apply(lambda found: json.dumps(client_document(found["cache"], found["users"], found["secret"])))


def read_policy(group_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return the JSON of `read_document` once the ARN is known."""
    return group_arn.apply(lambda arn: json.dumps(read_document(arn)))


def operator_policy(group_arn: pulumi.Output[str]) -> pulumi.Output[str]:
    """Return the JSON of `operator_document` once the ARN is known."""
    return group_arn.apply(lambda arn: json.dumps(operator_document(arn)))
