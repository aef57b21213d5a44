"""Asynchronous invocations: tried again on the account's clock, held back by the concurrency, ended where they should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.aws.functions import telling
from pulumi_emulator.aws.functions.waiting import pause
from tests.support.aws_world import World, until
from tests.support.functions import Function, function, queue, received, unique

pytestmark = pytest.mark.servers

FAILS = """
    def handle(event, context):
        print("run of", context.aws_request_id)
        raise RuntimeError(f"no {event['name']}")
"""
SENDS = ("sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction", "events:PutEvents")


def runs(made: Function, count: int) -> list[str]:
    return made.lines(count, holding="run of")


def advance(world: World, seconds: float) -> None:
    world.account.clock.advance(seconds)


def test_two_retries_after_one_and_two_minutes_then_a_record(world: World) -> None:
    url, arn = queue(world)
    made = function(world, FAILS, *SENDS)
    config = {"DestinationConfig": {"OnFailure": {"Destination": arn}}}
    world.client("lambda").put_function_event_invoke_config(FunctionName=made.name, **config)
    made.send({"name": "luck"})
    assert len(runs(made, 1)) == 1
    for seconds, expected in ((59, 1), (2, 2), (118, 2), (3, 3)):
        advance(world, seconds)
        assert len(runs(made, expected)) == expected
    (message,) = received(world, url)
    record = json.loads(message["Body"])
    (request_id,) = {line.split()[-1] for line in runs(made, 3)}
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"{made.arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert (record["version"], record["requestPayload"]) == ("1.0", {"name": "luck"})
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorMessage"] == "no luck"
    advance(world, 6 * 3600)
    assert len(runs(made, 3)) == 3
    assert (made.sum("Invocations"), made.sum("Errors")) == (3, 3)


def test_fewer_retries_and_a_dead_letter_queue(world: World) -> None:
    url, arn = queue(world)
    made = function(world, FAILS, *SENDS, DeadLetterConfig={"TargetArn": arn})
    world.client("lambda").put_function_event_invoke_config(FunctionName=made.name, MaximumRetryAttempts=0)
    made.send({"name": "chance"})
    (message,) = received(world, url)
    (request_id,) = {line.split()[-1] for line in runs(made, 1)}
    assert json.loads(message["Body"]) == {"name": "chance"}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "no chance"}


def test_an_event_that_is_too_old_is_not_tried_again(world: World) -> None:
    url, arn = queue(world)
    made = function(world, FAILS, *SENDS)
    config = {"DestinationConfig": {"OnFailure": {"Destination": arn}}, "MaximumEventAgeInSeconds": 90}
    world.client("lambda").put_function_event_invoke_config(FunctionName=made.name, **config)
    made.send({"name": "time"})
    assert len(runs(made, 1)) == 1
    advance(world, 300)
    (message,) = received(world, url)
    context = json.loads(message["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 2)
    assert len(runs(made, 2)) == 2


def test_events_wait_while_the_concurrency_is_used_up(world: World) -> None:
    made = function(
        world,
        """
        import os, time
        def handle(event, context):
            print("run of", event["name"], flush=True)
            while not os.path.exists(event["mark"]):
                time.sleep(0.005)
        """,
    )
    world.client("lambda").put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=1)
    mark = Path(world.account.folder) / "released"
    for name in ("first", "second"):
        made.send({"name": name, "mark": str(mark)})
    assert until(lambda: made.sum("Throttles"), bool)
    mark.touch()
    assert runs(made, 1)
    advance(world, 600)
    assert sorted(line.split()[-1] for line in runs(made, 2)) == ["first", "second"]
    assert made.sum("Invocations") == 2


def test_what_never_ran_is_dropped_with_its_age(world: World) -> None:
    url, arn = queue(world)
    made = function(world, FAILS, *SENDS, DeadLetterConfig={"TargetArn": arn})
    client = world.client("lambda")
    client.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=0)
    client.put_function_event_invoke_config(FunctionName=made.name, MaximumEventAgeInSeconds=60)
    made.send({"name": "room"})
    advance(world, 1000)
    (message,) = received(world, url)
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert made.sum("Invocations") == 0


@pytest.mark.parametrize("kind", ["sns", "lambda", "events"])
def test_a_record_goes_to_other_destinations_too(world: World, kind: str) -> None:
    url, queue_arn = queue(world)
    if kind == "sns":
        arn = world.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
        world.client("sns").subscribe(
            TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"}
        )
    elif kind == "events":
        name = unique("bus")
        arn = world.client("events").create_event_bus(Name=name)["EventBusArn"]
        world.client("events").put_rule(Name="r", EventBusName=name, EventPattern=json.dumps({"source": ["lambda"]}))
        world.client("events").put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "q", "Arn": queue_arn}])
    else:
        told = function(world, "def handle(event, context): print('told', event['responsePayload'])")
        arn = told.arn
    made = function(world, "def handle(event, context): return 'well'", *SENDS)
    config = {"DestinationConfig": {"OnSuccess": {"Destination": arn}}}
    world.client("lambda").put_function_event_invoke_config(FunctionName=made.name, **config)
    made.send(1)
    if kind == "lambda":
        assert told.lines(1) == ["told well"]
        return
    (message,) = received(world, url)
    record = json.loads(message["Body"])
    if kind == "events":
        assert (record["source"], record["detail-type"]) == ("lambda", "Lambda Function Invocation Result - Success")
        assert record["resources"] == [f"{made.arn}:$LATEST", arn]
        record = record["detail"]
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", "well")
    assert "functionError" not in record["responseContext"]


def test_a_destination_that_is_gone_is_counted(world: World) -> None:
    made = function(world, FAILS, *SENDS)
    gone = "arn:aws:sqs:eu-central-1:123456789012:gone"
    config = {"DestinationConfig": {"OnFailure": {"Destination": gone}}, "MaximumRetryAttempts": 0}
    world.client("lambda").put_function_event_invoke_config(FunctionName=made.name, **config)
    made.send({"name": "where"})
    assert until(lambda: made.sum("DestinationDeliveryFailures"), bool) == 1


def test_a_config_is_replaced_by_put_and_changed_by_update(world: World) -> None:
    made, client = function(world, FAILS), world.client("lambda")
    client.put_function_event_invoke_config(FunctionName=made.name, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=70)
    client.update_function_event_invoke_config(FunctionName=made.name, MaximumRetryAttempts=0)
    seen = client.get_function_event_invoke_config(FunctionName=made.name)
    assert (seen["MaximumRetryAttempts"], seen["MaximumEventAgeInSeconds"]) == (0, 70)
    assert seen["FunctionArn"] == f"{made.arn}:$LATEST"
    client.put_function_event_invoke_config(FunctionName=made.name, MaximumEventAgeInSeconds=80)
    seen = client.get_function_event_invoke_config(FunctionName=made.name)
    assert ("MaximumRetryAttempts" in seen, seen["MaximumEventAgeInSeconds"]) == (False, 80)


def test_the_pause_doubles_up_to_five_minutes() -> None:
    assert [pause(number) for number in (1, 2, 3, 9, 10, 50)] == [1, 2, 4, 256, 300, 300]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("text", []),
        ('{"_aws": 1}', []),
        ('{"_aws": {"Timestamp": 0, "CloudWatchMetrics": [{"Namespace": "n", "Metrics": [{"Name": "a"}]}]}}', []),
        (
            '{"a": [1, 2], "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{"Namespace": "n", "Metrics": [{"Name": "a"}]}]}}',
            [("a", 1.0, "None"), ("a", 2.0, "None")],
        ),
    ],
)
def test_embedded_metrics(line: str, expected: Any) -> None:
    found = [metric for _, data in telling.embedded_metrics(line) for metric in data]
    assert [(metric["MetricName"], metric["Value"], metric["Unit"]) for metric in found] == expected
