"""Functions, queues and buses: adopted by their ids, seen when they drift, and no secret of a connection read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulator.test_aws_lifecycle import CASES, Names
from tests.support.aws_provider import EmulatedAccount, Resource


def made(account: EmulatedAccount, kind: str) -> Resource:
    resource = account.resource(kind)
    resource.create(CASES[kind](Names(account))[0])
    return resource


def address(kind: str, resource: Resource) -> str:
    """Return the id by which the real provider imports it (pulumi_aws, the types' documentation)."""
    state = resource.inputs
    if kind == "lambda.Permission":
        return f"{state['function']}/{resource.id}"
    if kind == "cloudwatch.EventTarget":
        return f"{state['eventBusName']}/{state['rule']}/{state['targetId']}"
    return resource.id


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("lambda.Function", ("name", "handler", "role", "environment", "reservedConcurrentExecutions")),
        ("lambda.Permission", ("action", "function", "principal", "sourceArn", "statementId")),
        ("lambda.FunctionEventInvokeConfig", ("functionName", "destinationConfig", "maximumEventAgeInSeconds")),
        ("sqs.Queue", ("name", "messageRetentionSeconds")),
        ("sqs.QueuePolicy", ("queueUrl", "policy")),
        ("cloudwatch.EventBus", ("name", "description")),
        ("cloudwatch.EventRule", ("name", "scheduleExpression", "description")),
        ("cloudwatch.EventTarget", ("arn", "rule", "eventBusName", "targetId", "inputTransformer", "retryPolicy")),
        ("cloudwatch.EventApiDestination", ("name", "connectionArn", "invocationEndpoint")),
    ],
)
def test_it_is_adopted_by_its_id(account: EmulatedAccount, kind: str, names: tuple[str, ...]) -> None:
    resource = made(account, kind)
    adopted = account.resource(kind).import_(address(kind, resource))
    assert adopted is not None
    assert {name: adopted.get(name) for name in names} == {name: resource.inputs.get(name) for name in names}


def test_what_is_not_there_is_not_adopted(account: EmulatedAccount) -> None:
    for kind, missing in (("lambda.Permission", "nowhere/s"), ("cloudwatch.EventTarget", "nowhere/t"), ("sqs.Queue", "q")):
        place = f"{account.endpoint.url}/123456789012/{missing}" if kind == "sqs.Queue" and account.endpoint else missing
        assert account.resource(kind).import_(place) is None


def test_drift_is_seen(account: EmulatedAccount) -> None:
    function, rule = made(account, "lambda.Function"), account.resource("cloudwatch.EventRule")
    rule.create({**CASES["cloudwatch.EventRule"](Names(account))[0], "state": "ENABLED"})
    client = account.cloud.aws_client("lambda", "eu-central-1")
    client.update_function_configuration(FunctionName=function.id, Environment={"Variables": {"OTHER": "1"}}, Timeout=7)
    client.put_function_concurrency(FunctionName=function.id, ReservedConcurrentExecutions=5)
    assert function.read() == {
        "environment": {"variables": {"OTHER": "1"}},
        "reservedConcurrentExecutions": 5,
        "timeout": 7,
    }
    account.cloud.aws_client("events", "eu-central-1").disable_rule(Name=rule.id)
    assert rule.read() == {"state": "DISABLED"}


def test_a_secret_of_a_connection_is_not_read_back(account: EmulatedAccount) -> None:
    resource = made(account, "cloudwatch.EventConnection")
    adopted: Any = account.resource("cloudwatch.EventConnection").import_(resource.id)
    assert adopted["authParameters"]["apiKey"] == {"key": "X-Key"}
    assert "quiet" not in json.dumps(adopted)
    assert resource.read() == {}


def test_the_same_code_is_no_change(account: EmulatedAccount) -> None:
    inputs, changed = CASES["lambda.Function"](Names(account))
    function = account.resource("lambda.Function")
    function.create(inputs)
    # As the state has it: the hash alone.
    function.inputs = {**function.inputs, "code": {**inputs["code"], "assets": {}}}
    function.state = {**function.state, "code": {**inputs["code"], "assets": {}}}
    assert function.diff(inputs) == {}
    assert function.diff({**inputs, "code": changed["code"]}) == {"code": False}
