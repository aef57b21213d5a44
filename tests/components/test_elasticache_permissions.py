"""IAM policy documents: who may do what, on this group and no other."""

import json
from typing import Any

import pulumi
import pytest

from redis_ha.elasticache.permissions import (
    client_document,
    client_policy,
    operator_document,
    operator_policy,
    read_document,
    read_policy,
)
from tests.support.cloudformation import lint
from tests.support.pulumi_world import run

GROUP = "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:prod"
SERVERLESS = "arn:aws:elasticache:eu-central-1:123456789012:serverlesscache:prod"
USER = "arn:aws:elasticache:eu-central-1:123456789012:user:prod-app"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod-abcdef"
DOCUMENTS = [
    client_document(GROUP),
    client_document(GROUP, [USER], SECRET),
    client_document(SERVERLESS, [USER]),
    read_document(GROUP),
    operator_document(GROUP),
]
# docs.aws.amazon.com, service-authorization/latest/reference, list_amazonelasticache, read 2026-11-21.
RESOURCE_OF_ACTION = {
    "Connect": {"replicationgroup", "serverlesscache", "user"},
    "DecreaseReplicaCount": {"replicationgroup"},
    "DescribeCacheClusters": {"cluster"},
    "DescribeEvents": {"*"},
    "DescribeReplicationGroups": {"replicationgroup"},
    "DescribeServerlessCaches": {"serverlesscache"},
    "IncreaseReplicaCount": {"replicationgroup"},
    "ListTagsForResource": {"replicationgroup", "cluster"},
    "ModifyReplicationGroup": {"replicationgroup"},
    "ModifyReplicationGroupShardConfiguration": {"replicationgroup"},
    "TestFailover": {"replicationgroup"},
}


def actions(document: dict[str, Any]) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_actions_and_the_resources_that_they_take(document: dict[str, Any]) -> None:
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        kinds = {resource if resource == "*" else resource.split(":")[5] for resource in statement["Resource"]}
        for action in statement["Action"]:
            service, name = action.split(":")
            if service == "elasticache":
                assert kinds <= RESOURCE_OF_ACTION[name], action


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_allowed_on_another_group(document: dict[str, Any]) -> None:
    for statement in document["Statement"]:
        if statement["Resource"] == ["*"]:
            assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in statement["Action"])
        else:
            assert all(":prod" in resource for resource in statement["Resource"])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_amazon_takes_them(document: dict[str, Any]) -> None:
    properties = {"PolicyDocument": document, "PolicyName": "cache", "RoleName": "application"}
    assert lint({"Policy": {"Type": "AWS::IAM::RolePolicy", "Properties": properties}}) == []


def test_an_application_logs_in_by_iam_only_where_it_has_such_a_user() -> None:
    assert actions(client_document(GROUP)) == {"elasticache:DescribeReplicationGroups"}
    with_user = client_document(GROUP, [USER])
    (log_in,) = [statement for statement in with_user["Statement"] if "elasticache:Connect" in statement["Action"]]
    assert log_in["Resource"] == [GROUP, USER]  # both are needed (ElastiCache guide, auth-iam)
    assert "secretsmanager:GetSecretValue" not in actions(with_user)
    assert actions(client_document(SERVERLESS)) == {"elasticache:DescribeServerlessCaches"}


def test_an_operator_fails_over_and_changes_but_does_not_delete() -> None:
    extra = actions(operator_document(GROUP)) - actions(read_document(GROUP))
    assert {"elasticache:TestFailover", "elasticache:ModifyReplicationGroup"} <= extra
    assert not any("Delete" in action or "*" in action for action in extra)
    assert not any("Modify" in action or "Test" in action for action in actions(read_document(GROUP)))


def test_as_outputs() -> None:
    def program() -> dict[str, Any]:
        arn = pulumi.Output.from_input(GROUP)
        return {
            "client": client_policy(arn, [pulumi.Output.from_input(USER)], pulumi.Output.from_input(SECRET)),
            "plain": client_policy(arn),
            "read": read_policy(arn),
            "operator": operator_policy(arn),
        }

    _, found = run(program)
    assert json.loads(found["client"][0]) == client_document(GROUP, [USER], SECRET)
    assert json.loads(found["plain"][0]) == client_document(GROUP)
    assert json.loads(found["read"][0]) == read_document(GROUP)
    assert json.loads(found["operator"][0]) == operator_document(GROUP)
