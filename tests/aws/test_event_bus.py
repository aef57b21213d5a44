"""EventBridge: events on buses, through rules, to functions, queues, topics and addresses; schedules; CloudTrail's events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pulumi_emulator.aws.event_bus.delivery import pause
from tests.support.aws_world import POLICY, World, until
from tests.support.functions import function, hook, queue, received, unique

pytestmark = pytest.mark.servers

SHOWS = """
    import json
    def handle(event, context):
        print("got", json.dumps(event))
"""
TEMPLATE = {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '{"text": "<who> is here"}'}


@pytest.fixture
def bus(world: World) -> str:
    name = unique("bus")
    world.client("events").create_event_bus(Name=name)
    return name


def rule(world: World, bus: str, arn: str, pattern: Any = None, **target: Any) -> str:
    """Make a rule on a bus with one target; give its ARN."""
    events, name = world.client("events"), unique("rule")
    pattern = pattern or {"source": ["own"]}
    made = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "one", "Arn": arn, **target}])
    return str(made)


def put(world: World, bus: str, **changes: Any) -> dict[str, Any]:
    """Put an event on a bus; give the answer's entry."""
    entry = {"Source": "own", "DetailType": "Told", "Detail": json.dumps({"who": "a ü"}), "EventBusName": bus, **changes}
    answer = world.client("events").put_events(Entries=[{key: value for key, value in entry.items() if value is not None}])
    found: dict[str, Any] = answer["Entries"][0]
    assert answer["FailedEntryCount"] == int("ErrorCode" in found)
    return found


def bodies(world: World, url: str, count: int = 1) -> list[Any]:
    return [json.loads(message["Body"]) for message in received(world, url, count)]


def test_an_event_goes_to_a_queue_as_it_is(world: World, bus: str) -> None:
    url, arn = queue(world)
    rule(world, bus, arn)
    entry = put(world, bus, Resources=["arn:one"])
    (event,) = bodies(world, url)
    time = datetime.fromisoformat(event.pop("time"))
    assert abs(time - world.account.clock.now()) < timedelta(minutes=1)
    assert event == {
        "version": "0",
        "id": entry["EventId"],
        "detail-type": "Told",
        "source": "own",
        "account": "123456789012",
        "region": "eu-central-1",
        "resources": ["arn:one"],
        "detail": {"who": "a ü"},
    }


def test_only_rules_that_fit_and_are_enabled_see_an_event(world: World, bus: str) -> None:
    url, arn = queue(world)
    other_url, other = queue(world)
    fits = {"detail-type": ["Told"], "detail": {"who": [{"prefix": "a"}]}}
    rule(world, bus, arn, fits)
    rule(world, bus, other, {"source": ["other"]})
    disabled = rule(world, bus, other).rpartition("/")[2]
    world.client("events").disable_rule(Name=disabled, EventBusName=bus)
    put(world, bus)
    put(world, bus, Detail=json.dumps({"who": "b"}))
    put(world, bus, EventBusName=None)
    put(world, bus, Detail=json.dumps({"who": "about"}))
    assert [event["detail"]["who"] for event in bodies(world, url, 2)] == ["a ü", "about"]
    assert world.messages(other_url) == []


def test_a_function_is_called_when_it_lets_the_rule(world: World, bus: str) -> None:
    made, (url, dead) = function(world, SHOWS), queue(world)
    arn = rule(world, bus, made.arn, InputTransformer=TEMPLATE, DeadLetterConfig={"Arn": dead})
    put(world, bus)
    (message,) = received(world, url)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"], attributes["ERROR_CODE"]) == (arn, made.arn, "NO_PERMISSIONS")
    assert "RETRY_ATTEMPTS" not in attributes
    assert json.loads(message["Body"])["detail"] == {"who": "a ü"}
    assert made.log() == []
    made.allow("events.amazonaws.com", arn)
    put(world, bus)
    assert made.lines(1, holding="got") == ['got {"text": "a \\u00fc is here"}']


def test_a_topic_is_published_to_when_its_policy_lets_it(world: World, bus: str) -> None:
    sns, (dead_url, dead) = world.client("sns"), queue(world)
    arn = sns.create_topic(Name=unique("topic"), Attributes={"Policy": json.dumps(POLICY)})["TopicArn"]
    url = world.queue_of(arn)
    rule_arn = rule(world, bus, arn, InputTransformer=TEMPLATE, DeadLetterConfig={"Arn": dead})
    put(world, bus)
    assert received(world, dead_url)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    put(world, bus)
    assert bodies(world, url) == [{"text": "a ü is here"}]


def test_an_execution_of_a_state_machine_is_begun_as_the_target_s_role(world: World, bus: str) -> None:
    iam, steps = world.client("iam"), world.client("stepfunctions")

    def role(service: str, **allowed: str) -> str:
        """Make a role that a service may take on, and that may begin executions of a machine."""
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        name = unique("starter")
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])
        for machine in allowed.values():
            may = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}
            document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return arn

    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine, other = (
        steps.create_state_machine(name=unique("repair"), definition=definition, roleArn=role("states.amazonaws.com"))[
            "stateMachineArn"
        ]
        for _ in range(2)
    )
    events = "events.amazonaws.com"
    refused: list[tuple[dict[str, str], str, str]] = [
        ({}, machine, "NO_PERMISSIONS"),
        ({"RoleArn": role("lambda.amazonaws.com", machine=machine)}, machine, "NO_PERMISSIONS"),
        ({"RoleArn": role(events, machine=other)}, machine, "NO_PERMISSIONS"),
        ({"RoleArn": role(events, machine="*")}, f"{machine}-gone", "NO_RESOURCE"),
    ]
    for at, (given, target, code) in enumerate(refused):
        source, (dead_url, dead) = f"refused-{at}", queue(world)
        rule(world, bus, target, {"source": [source]}, DeadLetterConfig={"Arn": dead}, **given)
        put(world, bus, Source=source)
        (message,) = received(world, dead_url)
        assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == code, given
    assert steps.list_executions(stateMachineArn=machine)["executions"] == []
    rule(world, bus, machine, RoleArn=role(events, machine=machine))
    put(world, bus)
    (begun,) = until(lambda: steps.list_executions(stateMachineArn=machine)["executions"], bool)
    told = json.loads(steps.describe_execution(executionArn=begun["executionArn"])["input"])
    assert (told["source"], told["detail"]) == ("own", {"who": "a ü"})


def test_a_template_that_makes_no_json_fails(world: World, bus: str) -> None:
    url, arn = queue(world)
    dead_url, dead = queue(world)
    template = {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '{"text": <who> here}'}
    rule(world, bus, arn, InputTransformer=template, DeadLetterConfig={"Arn": dead})
    put(world, bus)
    assert received(world, dead_url)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"
    assert world.messages(url) == []


def test_what_is_wrong_is_refused_and_the_rest_is_taken(world: World, bus: str) -> None:
    url, arn = queue(world)
    rule(world, bus, arn, {"source": [{"prefix": ""}]})
    assert put(world, bus, Source="aws.elasticache")["ErrorCode"] == "NotAuthorizedForSourceException"
    assert put(world, bus, Detail="{")["ErrorCode"] == "MalformedDetail"
    assert put(world, bus, Detail="[]")["ErrorCode"] == "MalformedDetail"
    assert put(world, bus, DetailType=None)["ErrorCode"] == "InvalidArgument"
    assert "EventId" in put(world, "nowhere")
    put(world, bus)
    assert [event["source"] for event in bodies(world, url)] == ["own"]
    with pytest.raises(ClientError):
        world.client("events").put_events(Entries=[{"Source": "own", "DetailType": "t", "Detail": "{}"}] * 11)


@pytest.fixture
def destination(world: World) -> Any:
    """Make API destinations of one connection, whose secrets are "hush" and "quiet"."""
    events = world.client("events")
    body = [{"Key": "routing_key", "Value": "quiet", "IsValueSecret": True}, {"Key": "open", "Value": "o"}]
    parameters = {
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "hush"},
        "InvocationHttpParameters": {"BodyParameters": body},
    }
    name = unique("connection")
    given = {"Name": name, "AuthorizationType": "API_KEY", "AuthParameters": parameters}
    connection = events.create_connection(**given)["ConnectionArn"]

    def make(url: str) -> str:
        given = {"Name": unique("address"), "ConnectionArn": connection, "HttpMethod": "POST", "InvocationEndpoint": url}
        return str(events.create_api_destination(**given)["ApiDestinationArn"])

    make.connection = name  # type: ignore[attr-defined]
    return make


def test_a_connection_s_secrets_are_never_shown(world: World, destination: Any) -> None:
    events = world.client("events")
    seen = events.describe_connection(Name=destination.connection)
    assert seen["AuthParameters"] == {
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key"},
        "InvocationHttpParameters": {
            "BodyParameters": [
                {"Key": "routing_key", "IsValueSecret": True},
                {"Key": "open", "Value": "o"},
            ]
        },
    }
    basic = {"BasicAuthParameters": {"Username": "u", "Password": "hush"}}
    events.update_connection(Name=destination.connection, AuthorizationType="BASIC", AuthParameters=basic)
    seen = events.describe_connection(Name=destination.connection)
    assert seen["AuthParameters"] == {"BasicAuthParameters": {"Username": "u"}}
    with pytest.raises(ClientError) as error:
        events.create_connection(Name=destination.connection, AuthorizationType="BASIC", AuthParameters=basic)
    assert error.value.response["Error"]["Code"] == "ResourceAlreadyExistsException"


def test_nothing_is_sent_to_the_world_and_no_secret_is_kept(world: World, bus: str, destination: Any) -> None:
    url = f"https://{unique('hooks')}.example.com/T1/*"
    own = {"PathParameterValues": ["$.detail.who"], "QueryStringParameters": {"q": "1"}, "HeaderParameters": {"X-Own": "2"}}
    arn = "arn:aws:iam::123456789012:role/calls"
    rule(world, bus, destination(url), InputTransformer=TEMPLATE, RoleArn=arn, HttpParameters=own)
    put(world, bus)
    wanted = url.replace("*", "a%20%C3%BC") + "?q=1"
    (request,) = until(lambda: [one for one in world.account.outbox.shown() if one["url"] == wanted], bool)
    assert (request["method"], request["status"]) == ("POST", None)
    assert (request["headers"]["X-Key"], request["headers"]["X-Own"]) == ("(secret)", "2")
    assert request["headers"]["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(request["body"]) == {"text": "a ü is here", "routing_key": "(secret)", "open": "o"}


def test_what_listens_on_this_computer_gets_the_whole_request(world: World, bus: str, destination: Any) -> None:
    with hook() as (url, seen):
        rule(world, bus, destination(url), InputTransformer=TEMPLATE)
        put(world, bus)
        (request,) = until(lambda: seen, bool)
    assert request["headers"]["x-key"] == "hush"
    assert json.loads(request["body"])["routing_key"] == "quiet"
    kept = [one for one in world.account.outbox.shown() if one["url"] == url]
    assert [(one["status"], "hush" in str(one), "quiet" in str(one)) for one in kept] == [(200, False, False)]


@pytest.mark.parametrize(
    ("status", "policy", "expected"),
    [
        (503, {"MaximumRetryAttempts": 2}, ("SDK_CLIENT_ERROR", "MaximumRetryAttempts", "2")),
        (429, {"MaximumRetryAttempts": 1}, ("THROTTLING", "MaximumRetryAttempts", "1")),
        (503, {"MaximumEventAgeInSeconds": 60}, ("SDK_CLIENT_ERROR", "MaximumEventAgeInSeconds", "4")),
        (400, {"MaximumRetryAttempts": 2}, ("SDK_CLIENT_ERROR", None, None)),
    ],
)
def test_an_address_that_fails_is_tried_again(
    world: World, bus: str, destination: Any, status: int, policy: dict[str, int], expected: tuple[str, str | None, str | None]
) -> None:
    dead_url, dead = queue(world)
    with hook(status) as (url, seen):
        rule(world, bus, destination(url), RetryPolicy=policy, DeadLetterConfig={"Arn": dead})
        put(world, bus)
        world.account.clock.advance(3600)
        attributes = received(world, dead_url)[0]["MessageAttributes"]
    found = {name: value["StringValue"] for name, value in attributes.items()}
    names = ("ERROR_CODE", "EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS")
    assert tuple(found.get(name) for name in names) == expected
    assert len(seen) == 1 + int(expected[2] or 0)


def test_the_pause_grows() -> None:
    assert [pause(number) for number in (1, 2, 5, 20)] == [2, 4, 32, 600]


def test_a_schedule_runs_on_the_account_s_clock(world: World) -> None:
    events, made = world.client("events"), function(world, SHOWS)
    name = unique("schedule")
    arn = events.put_rule(Name=name, ScheduleExpression="rate(5 minutes)")["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": made.arn}])
    made.allow("events.amazonaws.com", arn)
    made.invoke({"warm": True})
    begun = world.account.clock.now()
    world.account.clock.advance(299 - 60)
    assert len(made.lines(1, holding="got")) == 1
    world.account.clock.advance(61 + 300)
    lines = made.lines(3, holding="got")
    runs = [json.loads(line.removeprefix("got ")) for line in lines[1:]]
    assert len(runs) == 2
    assert {(run["source"], run["detail-type"], run["resources"][0], str(run["detail"])) for run in runs} == {
        ("aws.events", "Scheduled Event", arn, "{}")
    }
    times = [datetime.fromisoformat(run["time"]) for run in runs]
    assert times[1] - times[0] == timedelta(minutes=5)
    assert abs(times[0] - begun - timedelta(minutes=5)) < timedelta(minutes=1)
    # The same rule again does not begin anew; a disabled one does not run, and its schedule goes on.
    events.put_rule(Name=name, ScheduleExpression="rate(5 minutes)", State="DISABLED")
    world.account.clock.advance(600)
    events.enable_rule(Name=name)
    world.account.clock.advance(300)
    assert len(made.lines(4, holding="got")) == 4
    events.remove_targets(Rule=name, Ids=["one"])
    events.delete_rule(Name=name)
    world.account.clock.advance(900)
    assert made.sum("Invocations") == 4


def test_another_expression_takes_the_place_of_the_first(world: World) -> None:
    events, (url, arn) = world.client("events"), queue(world)
    name = unique("schedule")
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": arn}])
    events.put_rule(Name=name, ScheduleExpression="cron(0 0 1 1 ? 2199)")
    world.account.clock.advance(600)
    assert world.messages(url) == []


def test_a_wrong_expression_is_refused(world: World) -> None:
    for expression in ("rate(1 minutes)", "rate(5 minute)", "cron(0 12 * * * *)", "at(2030-01-01T00:00:00)"):
        with pytest.raises(ClientError) as error:
            world.client("events").put_rule(Name="wrong", ScheduleExpression=expression)
        assert error.value.response["Error"]["Code"] == "ValidationException"


def test_calls_that_change_a_cache_are_told_as_cloudtrail_tells_them(world: World) -> None:
    url, arn = queue(world)
    names = ["ModifyReplicationGroup", "DeleteReplicationGroup"]
    pattern = {
        "source": ["aws.elasticache"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": ["elasticache.amazonaws.com"], "eventName": names},
    }
    rule(world, "default", arn, pattern)
    everything, every_arn = queue(world)
    rule(world, "default", every_arn, {"source": ["aws.elasticache"]})
    group = world.group(AuthToken="a-token-that-nobody-sees")
    world.modify(group, ReplicationGroupDescription="other")
    with pytest.raises(ClientError):
        world.cache.delete_replication_group(ReplicationGroupId="nowhere")
    changed, failed = bodies(world, url, 2)
    detail = changed["detail"]
    assert (changed["source"], changed["resources"], detail["eventType"]) == ("aws.elasticache", [], "AwsApiCall")
    assert (detail["eventName"], detail["awsRegion"], detail["readOnly"]) == ("ModifyReplicationGroup", "eu-central-1", False)
    assert detail["requestParameters"]["replicationGroupId"] == group
    assert detail["responseElements"]["replicationGroupId"] == group
    assert datetime.fromisoformat(detail["eventTime"]).tzinfo == UTC
    assert failed["detail"]["errorCode"] == "ReplicationGroupNotFoundFault"
    assert failed["detail"]["responseElements"] is None
    told = bodies(world, everything, 3)
    assert not [event for event in told if event["detail"]["eventName"].startswith("Describe")]
    made = next(event for event in told if event["detail"]["eventName"] == "CreateReplicationGroup")
    assert made["detail"]["requestParameters"]["authToken"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert "a-token-that-nobody-sees" not in json.dumps(told)


def test_one_bus_leads_to_another(world: World, bus: str) -> None:
    url, arn = queue(world)
    events = world.client("events")
    other = events.create_event_bus(Name=unique("bus"))["EventBusArn"]
    rule(world, bus, other)
    rule(world, other.rpartition("/")[2], arn)
    entry = put(world, bus)
    assert bodies(world, url)[0]["id"] == entry["EventId"]


def test_deliveries_are_counted(world: World, bus: str) -> None:
    _, arn = queue(world)
    name = rule(world, bus, arn).rpartition("/")[2]
    put(world, bus)

    def count() -> float:
        data = world.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Events",
            MetricName="Invocations",
            Dimensions=[{"Name": "RuleName", "Value": name}, {"Name": "EventBusName", "Value": bus}],
            StartTime="2020-01-01",
            EndTime="2100-01-01",
            Period=31536000,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in data))

    assert until(count, bool) == 1
