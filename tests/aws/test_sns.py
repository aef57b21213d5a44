"""SNS delivers: to functions that let it, to queues, and to nobody outside this computer."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pulumi_emulator.aws import envelope
from tests.support.aws_world import World, until
from tests.support.functions import Function, function, hook, queue, received, unique

pytestmark = pytest.mark.servers

SHOWS = """
    import json
    def handle(event, context):
        print("got", json.dumps(event))
"""


def topic(world: World, **attributes: str) -> str:
    return str(world.client("sns").create_topic(Name=unique("topic"), Attributes=attributes)["TopicArn"])


def subscribe(world: World, arn: str, protocol: str, endpoint: str, **attributes: str) -> str:
    given = {"TopicArn": arn, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes}
    return str(world.client("sns").subscribe(**given, ReturnSubscriptionArn=True)["SubscriptionArn"])


def shown(made: Function, count: int) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("got ")) for line in made.lines(count, holding="got ")]


def test_a_function_gets_sns_s_record(world: World) -> None:
    made, arn = function(world, SHOWS), topic(world)
    made.allow("sns.amazonaws.com", arn)
    subscription = subscribe(world, arn, "lambda", made.arn)
    world.account.clock.advance(3600)
    attributes = {"level": {"DataType": "String", "StringValue": "high"}}
    sent = world.client("sns").publish(TopicArn=arn, Message="a ü", Subject="s", MessageAttributes=attributes)
    (event,) = shown(made, 1)
    (record,) = event["Records"]
    assert {name: record[name] for name in ("EventSource", "EventVersion", "EventSubscriptionArn")} == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
    }
    told = record["Sns"]
    assert (told["MessageId"], told["TopicArn"], told["Message"]) == (sent["MessageId"], arn, "a ü")
    assert (told["Subject"], told["Type"]) == ("s", "Notification")
    assert told["MessageAttributes"] == {"level": {"Type": "String", "Value": "high"}}
    assert told["Timestamp"].endswith("Z")
    apart = world.account.clock.now() - datetime.fromisoformat(told["Timestamp"])
    assert timedelta(0) <= apart < timedelta(minutes=1)
    world.client("sns").publish(TopicArn=arn, Message="plain")
    told = shown(made, 2)[1]["Records"][0]["Sns"]
    assert (told["Subject"], told["MessageAttributes"]) == (None, {})
    assert told["UnsubscribeUrl"].endswith(subscription)


@pytest.mark.parametrize("allowed", ["nobody", "another topic", "another service", "another account"])
def test_a_function_that_does_not_let_it_gets_nothing(world: World, allowed: str) -> None:
    made, arn = function(world, SHOWS), topic(world)
    url, dead = queue(world)
    if allowed == "another topic":
        made.allow("sns.amazonaws.com", f"{arn}-other")
    elif allowed == "another service":
        made.allow("events.amazonaws.com", arn)
    elif allowed == "another account":
        given = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com"}
        world.client("lambda").add_permission(FunctionName=made.name, SourceAccount="210987654321", **given)
    subscribe(world, arn, "lambda", made.arn, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    world.client("sns").publish(TopicArn=arn, Message="lost")
    (message,) = received(world, url)
    body = json.loads(message["Body"])
    assert (body["Message"], body["TopicArn"], body["Type"]) == ("lost", arn, "Notification")
    assert made.log() == []


def test_a_function_that_is_gone(world: World) -> None:
    arn, (url, dead) = topic(world), queue(world)
    gone = "arn:aws:lambda:eu-central-1:123456789012:function:gone"
    subscribe(world, arn, "lambda", gone, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    world.client("sns").publish(TopicArn=arn, Message="lost")
    assert json.loads(received(world, url)[0]["Body"])["Message"] == "lost"


def test_a_queue_gets_the_envelope_or_the_text(world: World) -> None:
    arn, (wrapped, wrapped_arn), (plain, plain_arn) = topic(world), queue(world), queue(world)
    subscription = subscribe(world, arn, "sqs", wrapped_arn)
    subscribe(world, arn, "sqs", plain_arn, RawMessageDelivery="true")
    attributes = {"level": {"DataType": "Number", "StringValue": "3"}}
    sent = world.client("sns").publish(TopicArn=arn, Message="text", Subject="s", MessageAttributes=attributes)
    body = json.loads(received(world, wrapped)[0]["Body"])
    assert (body["MessageId"], body["Message"], body["Subject"]) == (sent["MessageId"], "text", "s")
    assert body["UnsubscribeURL"].endswith(subscription)
    apart = world.account.clock.now() - datetime.fromisoformat(body["Timestamp"])
    assert timedelta(0) <= apart < timedelta(minutes=1)
    (message,) = received(world, plain)
    assert (message["Body"], message["MessageAttributes"]["level"]) == ("text", {"DataType": "Number", "StringValue": "3"})


def test_a_queue_s_policy_holds(world: World) -> None:
    arn, (url, queue_arn), (dead_url, dead) = topic(world), queue(world), queue(world)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"{arn}-other"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs = world.client("sqs")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    subscribe(world, arn, "sqs", queue_arn, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}))
    world.client("sns").publish(TopicArn=arn, Message="refused")
    assert json.loads(received(world, dead_url)[0]["Body"])["Message"] == "refused"
    statement["Condition"] = {"ArnEquals": {"aws:SourceArn": arn}}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    world.client("sns").publish(TopicArn=arn, Message="taken")
    assert [json.loads(message["Body"])["Message"] for message in received(world, url)] == ["taken"]


def test_a_filter_holds_for_functions_too(world: World) -> None:
    made, arn = function(world, SHOWS), topic(world)
    made.allow("sns.amazonaws.com", arn)
    subscribe(world, arn, "lambda", made.arn, FilterPolicy=json.dumps({"level": ["high"]}))
    for level in ("low", "high"):
        attributes = {"level": {"DataType": "String", "StringValue": level}}
        world.client("sns").publish(TopicArn=arn, Message=level, MessageAttributes=attributes)
    assert [event["Records"][0]["Sns"]["Message"] for event in shown(made, 1)] == ["high"]


def test_nothing_is_posted_to_the_world(world: World) -> None:
    arn = topic(world)
    subscribe(world, arn, "https", "https://example.com/hook")
    world.client("sns").publish(TopicArn=arn, Message="out")
    sent = until(lambda: [one for one in world.account.outbox.shown() if one["headers"]["x-amz-sns-topic-arn"] == arn], bool)
    (request,) = sent
    assert (request["method"], request["url"], request["status"]) == ("POST", "https://example.com/hook", None)
    assert json.loads(request["body"])["Message"] == "out"


def test_what_listens_on_this_computer_gets_it(world: World) -> None:
    arn = topic(world)
    with hook() as (url, seen):
        subscribe(world, arn, "http", url)
        world.client("sns").publish(TopicArn=arn, Message="near")
        (request,) = until(lambda: seen, bool)
    assert json.loads(request["body"])["Message"] == "near"
    assert request["headers"]["x-amz-sns-message-type"] == "Notification"


@pytest.mark.parametrize("subject", [None, "s"])
def test_the_signature_is_of_what_sns_signs(subject: str | None) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    time = datetime(2026, 1, 2, tzinfo=UTC)
    message = envelope.Message("id", "arn:aws:sns:eu-central-1:1:t", "sub", "text", subject, {}, time, "2")
    posted = envelope.signed(message)
    middle = f"Subject\n{subject}\n" if subject else ""
    first, last = "Message\ntext\nMessageId\nid\n", f"TopicArn\n{message.topic}\nType\nNotification\n"
    text = f"{first}{middle}Timestamp\n2026-01-02T00:00:00.000Z\n{last}"
    key = envelope._key().public_key()
    key.verify(base64.b64decode(posted["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())
