"""The failover function under its role: it works with exactly what its policy allows, and fails by name without any of it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pulumi_emulator import aws
from pulumi_emulator.aws.access import environment_of
from redis_ha.failover.function import handler
from redis_ha.failover.function.calls import Cloud
from redis_ha.failover.function.copies import targets_of
from redis_ha.failover.function.table import FAILOVER
from redis_ha.failover.permissions import function_document
from tests.support.aws_roles import denied, make_role, put_policy, trusting, under
from tests.support.aws_world import REGION, World
from tests.support.failover_events import delivery, record, told
from tests.support.failover_function import Deployed, deploy, environment
from tests.support.ports import free_port

SERVICE = "lambda.amazonaws.com"
# Each call that the function makes, and a run that makes it.
CALLS = {
    "elasticache:DescribeReplicationGroups": "schedule",
    "elasticache:DescribeEvents": "schedule",
    "ssm:GetParameters": "schedule",
    "ssm:PutParameter": "failover",
    "events:PutEvents": "failover",
}


@pytest.fixture(scope="module")
def group(world: World) -> str:
    return world.group()


def policy(deployed: Deployed, group: str) -> list[dict[str, Any]]:
    settings = deployed.world.settings
    arn = f"arn:aws:{{}}:{REGION}:{aws.ACCOUNT_ID}:{{}}"
    found: list[dict[str, Any]] = function_document(
        arn.format("events", f"event-bus/{settings.event_bus}"),
        arn.format("logs", "log-group:/aws/lambda/failover"),
        arn.format("sqs", "dead-letters"),
        [group],
        settings.parameter_path,
        [one.secret_arn for one in settings.copies],
        tracing=False,
    )["Statement"]
    return found


def deploy_under_role(
    monkeypatch: pytest.MonkeyPatch, world: World, group: str, variables: Mapping[str, str] | None = None
) -> tuple[Deployed, str]:
    """Let the function have a role's credentials in its environment, as Lambda gives them."""
    deployed = deploy(monkeypatch, world, group, variables=variables)
    role = make_role(world, *policy(deployed, group), trust=trusting(Service=SERVICE))
    session = world.account.roles.issue(role, "failover")
    environment(monkeypatch, world, **environment_of(aws.Endpoint(world.endpoint.url, session.key)))
    cloud = Cloud(deployed.world.settings)
    targets = targets_of(deployed.world.settings.copies, cloud.secret)
    deployed.world = dataclasses.replace(deployed.world, cloud=cloud, targets=targets)
    return deployed, role


def without(statements: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    left = copy.deepcopy(statements)
    for statement in left:
        statement["Action"] = [name for name in statement["Action"] if name != action]
    return [statement for statement in left if statement["Action"]]


def schedule() -> dict[str, Any]:
    rule = f"arn:aws:events:{REGION}:{aws.ACCOUNT_ID}:rule/every-5-minutes"
    about = {"version": "0", "id": "e-1", "account": aws.ACCOUNT_ID, "time": now(), "region": REGION, "resources": [rule]}
    return {**about, "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def failover(group: str) -> dict[str, Any]:
    made = record(told(FAILOVER, group))
    made["Sns"]["Timestamp"] = now()
    return delivery(made)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_it_works_with_exactly_its_policy(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed, role = deploy_under_role(monkeypatch, world, group)
    deployed.run(schedule())
    assert deployed.document(group)["generation"] == 1
    deployed.run(failover(group))
    assert deployed.document(group)["generation"] == 2
    assert [event["detail-type"] for event in deployed.relayed()].count(FAILOVER) == 1
    assert {action for statement in policy(deployed, group) for action in statement["Action"]} >= set(CALLS)
    assert world.client("iam").list_role_policies(RoleName=role.rpartition("/")[2])["PolicyNames"] == ["own"]


@pytest.mark.parametrize("action", CALLS)
def test_without_a_call_of_it_the_run_fails_by_that_calls_name(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    deployed, role = deploy_under_role(monkeypatch, world, group)
    deployed.run(schedule())  # a document is there: DescribeEvents is asked since then
    before = deployed.versions(group)
    put_policy(world, role, *without(policy(deployed, group), action))
    given = failover(group) if CALLS[action] == "failover" else schedule()
    service, name = action.split(":")
    words = rf"when calling the {name} operation: .*assumed-role/.*/failover is not authorized to perform: {action} on resource"
    with pytest.raises(handler.RunError, match=words) as failed:
        deployed.run(given)
    assert f"because no identity-based policy allows the {action} action" in str(failed.value)
    assert deployed.versions(group) == before + (service == "events")
    put_policy(world, role, *policy(deployed, group))
    deployed.run(given)


def test_the_secret_of_a_server_is_read_as_the_role_and_no_other(
    world: World, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = (
        world.client("secretsmanager").create_secret(Name=world.name("token"), SecretString='{"token": "t"}')["ARN"]
        for _ in range(2)
    )
    away = f"https://127.0.0.1:{free_port()}"
    deployed, role = deploy_under_role(monkeypatch, world, group, {"CONSUL_URL": away, "CONSUL_SECRET": own})
    with pytest.raises(handler.RunError, match="cannot be reached"):  # the token was read
        deployed.run(schedule())
    with under(world, make_role(world, *policy(deployed, group))) as caller:
        assert denied(caller, "secretsmanager", "get_secret_value", SecretId=other)
    action = "secretsmanager:GetSecretValue"
    put_policy(world, role, *without(policy(deployed, group), action))
    deployed.world = dataclasses.replace(
        deployed.world, targets=targets_of(deployed.world.settings.copies, deployed.world.cloud.secret)
    )
    with pytest.raises(handler.RunError, match=f"failover is not authorized to perform: {action} on resource"):
        deployed.run(schedule())


def test_nothing_beside_it_is_allowed(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed, _ = deploy_under_role(monkeypatch, world, group)
    path = deployed.world.settings.parameter_path
    with under(world, make_role(world, *policy(deployed, group))) as role:
        allowed: dict[str, Any] = {"Names": [f"{path}/{group}/endpoints"]}
        assert not denied(role, "ssm", "get_parameters", **allowed)
        for service, operation, given in (
            ("ssm", "get_parameters", {"Names": [*allowed["Names"], "/other"]}),
            ("ssm", "get_parameter", {"Name": allowed["Names"][0]}),
            ("ssm", "put_parameter", {"Name": f"{path}x/a", "Value": "v", "Type": "String"}),
            ("ssm", "delete_parameter", {"Name": allowed["Names"][0]}),
            ("elasticache", "describe_replication_groups", {"ReplicationGroupId": "other"}),
            ("elasticache", "describe_replication_groups", {}),
            ("elasticache", "test_failover", {"ReplicationGroupId": group, "NodeGroupId": "0001"}),
            ("events", "put_events", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
            ("sns", "list_topics", {}),
        ):
            assert denied(role, service, operation, **given), (service, operation, given)


def test_its_credentials_are_lambdas_alone(world: World, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, role = deploy_under_role(monkeypatch, world, group)
    assert denied(world, "sts", "assume_role", RoleArn=role, RoleSessionName="me")
