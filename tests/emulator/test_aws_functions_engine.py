"""Functions, buses and queues through the real engine: made, called, changed, without drift, gone with their processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_emulator import aws
from tests.support.aws_world import until
from tests.support.emulated import Emulated

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

CONFIG = """config:
  aws:region: eu-central-1
"""
PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
may = {"Effect": "Allow", "Action": ["events:PutEvents", "sqs:SendMessage"], "Resource": "*"}
role = aws.iam.Role("runs", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
aws.iam.RolePolicy("runs", role=role.name, policy=json.dumps({"Version": "2012-10-17", "Statement": [may]}))
dead = aws.sqs.Queue("dead", name="dead", message_retention_seconds=1209600, sqs_managed_sse_enabled=True)
heard = aws.sqs.Queue("heard", name="heard")
bus = aws.cloudwatch.EventBus("bus", name="own", description="ours")
code = {"own/main.py": pulumi.StringAsset(FILE), "own/__init__.py": pulumi.StringAsset("# ours")}
function = aws.lambda_.Function(
    "function", name="own", role=role.arn, runtime="python3.14", handler="own.main.handle", code=pulumi.AssetArchive(code),
    timeout=30, memory_size=256, architectures=["arm64"], reserved_concurrent_executions=1,
    environment={"variables": {"BUS": bus.name}}, tracing_config={"mode": "PassThrough"}, tags={"who": "test"},
)
config = aws.lambda_.FunctionEventInvokeConfig(
    "function", function_name=function.name, maximum_retry_attempts=2, maximum_event_age_in_seconds=3600,
    destination_config={"on_failure": {"destination": dead.arn}},
)
topic = aws.sns.Topic("topic", name="topic")
allowed = aws.lambda_.Permission(
    "topic", statement_id="topic", action="lambda:InvokeFunction", function=function.name, principal="sns.amazonaws.com",
    source_arn=topic.arn, source_account="123456789012",
)
aws.sns.TopicSubscription("function", topic=topic.arn, protocol="lambda", endpoint=function.arn)
rule = aws.cloudwatch.EventRule("told", name="told", event_bus_name=bus.name, event_pattern=json.dumps({"source": ["own"]}))
statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}
aws.sqs.QueuePolicy("heard", queue_url=heard.url, policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
target = aws.cloudwatch.EventTarget(
    "told", rule=rule.name, event_bus_name=bus.name, target_id="queue", arn=heard.arn,
    input_transformer={"input_paths": {"who": "$.detail.who"}, "input_template": '{"who": "<who>"}'},
    retry_policy={"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 3}, dead_letter_config={"arn": dead.arn},
)
key = {"key": "X-Key", "value": pulumi.Output.secret("a-key-that-nobody-sees")}
pager = aws.cloudwatch.EventConnection("pager", name="pager", authorization_type="API_KEY", auth_parameters={"api_key": key})
address = aws.cloudwatch.EventApiDestination(
    "pager", name="pager", connection_arn=pager.arn, http_method="POST", invocation_endpoint="https://example.com/hook",
)
schedule = aws.cloudwatch.EventRule("often", name="often", schedule_expression="rate(5 minutes)")
pulumi.export("arn", function.arn)
"""
HANDLER = """
import json, os
import boto3
def handle(event, context):
    text = event["Records"][0]["Sns"]["Message"]
    detail = json.dumps({"who": text + "MARK"})
    entry = {"Source": "own", "DetailType": "Told", "Detail": detail, "EventBusName": os.environ["BUS"]}
    assert boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
"""


def program(mark: str) -> str:
    return PROGRAM.replace("FILE", repr(HANDLER.replace("MARK", mark)))


def test_from_up_to_destroy(emulated: Callable[..., Emulated]) -> None:
    stack = emulated(program("!"), config=CONFIG)
    stack.run("up")
    folder = stack.folder.path
    endpoint = aws.running_endpoint(folder)
    assert endpoint is not None
    sns, sqs = (aws.client(endpoint, service, "eu-central-1") for service in ("sns", "sqs"))

    def heard() -> list[Any]:
        url = f"{endpoint.url}/{aws.ACCOUNT_ID}/heard"
        messages = until(lambda: sqs.receive_message(QueueUrl=url).get("Messages", []), bool)
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    topic = f"arn:aws:sns:eu-central-1:{aws.ACCOUNT_ID}:topic"
    sns.publish(TopicArn=topic, Message="somebody")
    assert heard() == [{"who": "somebody!"}]
    stack.run("preview", "--expect-no-changes")
    stack.run("refresh")
    stack.run("preview", "--expect-no-changes")
    # Another text of the function is an update in place, and runs.
    stack.edit(program("?"))
    assert "1 update" in stack.run("up").stdout
    sns.publish(TopicArn=topic, Message="somebody")
    assert heard() == [{"who": "somebody?"}]
    assert "a-key-that-nobody-sees" not in stack.folder.state_file.read_text()
    assert "a-key-that-nobody-sees" not in (folder / "world.json").read_text()
    assert len([line for line in aws.leftovers(folder) if line.startswith("process")]) == 2, "the endpoint's, the function's"
    for client in (sns, sqs):
        client.close()
    stack.run("destroy")
    assert aws.leftovers(folder) == []
