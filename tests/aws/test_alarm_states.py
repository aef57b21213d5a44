"""Alarms of an emulated account: their states minute by minute, and what is told of a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto.cloudwatch.models import cloudwatch_backends

from pulumi_emulator.aws import ACCOUNT_ID
from tests.support.aws_world import REGION, World
from tests.support.minutes import Minutes, still


@pytest.fixture
def minutes(world: World) -> Iterator[Minutes]:
    with still(world) as made:
        yield made


def put(minutes: Minutes, **given: Any) -> str:
    """Make an alarm on a metric of its own; return its name, which is the metric's too."""
    name = minutes.world.name("alarm")
    rule = {
        "Namespace": "test",
        "MetricName": name,
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanThreshold",
        **given,
    }
    kept = {key: value for key, value in rule.items() if value is not None}
    minutes.cloudwatch.put_metric_alarm(AlarmName=name, **kept)
    return name


def test_an_alarm_has_no_data_at_first_and_follows_its_metric(minutes: Minutes) -> None:
    alarm = put(minutes)
    assert minutes.state(alarm) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    minutes.go()
    assert minutes.state(alarm) == ("INSUFFICIENT_DATA", "Insufficient Data: 3 datapoints were unknown.")
    minutes.put(alarm, 5)
    assert minutes.state(alarm)[0] == "OK"
    minutes.put(alarm, 50)
    state, reason = minutes.state(alarm)
    assert state == "ALARM"
    assert "[50.0 (" in reason
    # It is looked at again by what is there until nothing of it is in the range any more.
    minutes.go(2)
    assert minutes.state(alarm)[0] == "ALARM"
    minutes.go()
    assert minutes.state(alarm)[0] == "INSUFFICIENT_DATA"
    history = minutes.cloudwatch.describe_alarm_history(AlarmName=alarm, ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [item["HistorySummary"].removeprefix("Alarm updated from ") for item in history] == [
        "INSUFFICIENT_DATA to OK",
        "OK to ALARM",
        "ALARM to INSUFFICIENT_DATA",
    ]


def test_another_unit_than_the_metric_s_never_has_data(minutes: Minutes) -> None:
    alarm = put(minutes, Unit="Seconds")
    minutes.put(alarm, 50, Unit="Percent")
    assert minutes.state(alarm)[0] == "INSUFFICIENT_DATA"
    minutes.put(alarm, 50, Unit="Seconds")
    assert minutes.state(alarm)[0] == "ALARM"


def test_dimensions_have_to_be_all_there(minutes: Minutes) -> None:
    alarm = put(minutes, Dimensions=[{"Name": "a", "Value": "1"}])
    both = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]
    minutes.put(alarm, 50, Dimensions=both)
    minutes.put(alarm, 50)
    assert minutes.state(alarm)[0] == "INSUFFICIENT_DATA"
    minutes.put(alarm, 50, Dimensions=both[:1])
    assert minutes.state(alarm)[0] == "ALARM"


def test_a_changed_alarm_keeps_its_state_until_it_is_evaluated(minutes: Minutes) -> None:
    alarm = put(minutes)
    minutes.put(alarm, 50)
    before = minutes.state(alarm)
    rule = {"MetricName": alarm, "Namespace": "test", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1}
    minutes.cloudwatch.put_metric_alarm(AlarmName=alarm, Threshold=100, ComparisonOperator="GreaterThanThreshold", **rule)
    assert minutes.state(alarm) == before
    minutes.go()
    assert minutes.state(alarm)[0] == "OK"


def test_what_is_not_computed_has_no_data_and_says_why(minutes: Minutes) -> None:
    band = [{"Id": "e1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "ReturnData": True}]
    metric = {"Metric": {"Namespace": "test", "MetricName": "x"}, "Period": 60, "Stat": "Average"}
    queries = [*band, {"Id": "m1", "MetricStat": metric, "ReturnData": False}]
    alone = {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None}
    alarm = put(minutes, **alone, Metrics=queries)
    minutes.put("x", 50)
    state, reason = minutes.state(alarm)
    assert state == "INSUFFICIENT_DATA"
    assert "does not compute the function ANOMALY_DETECTION_BAND()" in reason


def test_one_alarm_that_cannot_be_evaluated_does_not_stop_the_others(minutes: Minutes, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(minutes.world.account, "log", said.append)
    broken, whole = put(minutes), put(minutes)
    kept = cloudwatch_backends[ACCOUNT_ID][REGION].alarms[broken]
    kept.evaluation_periods = "several"  # type: ignore[assignment]
    minutes.put(whole, 50)
    assert minutes.state(whole)[0] == "ALARM"
    assert [text for text in said if text.startswith(f"alarm {broken} could not be evaluated: ValueError")]
    minutes.cloudwatch.delete_alarms(AlarmNames=[broken])


def received(minutes: Minutes, queue: str) -> list[dict[str, Any]]:
    return [json.loads(body) for body in minutes.world.messages(queue)]


class Functions:
    """What would run functions."""

    def __init__(self) -> None:
        self.called: list[tuple[str, ...]] = []

    def hand_over(self, *given: str) -> None:
        self.called.append(given)


def test_a_change_of_state_is_told(minutes: Minutes, monkeypatch: pytest.MonkeyPatch) -> None:
    sns = minutes.world.client("sns")
    topics = [sns.create_topic(Name=minutes.world.name("topic"))["TopicArn"] for _ in range(3)]
    queues = [minutes.world.queue_of(topic) for topic in topics]
    events, sqs = minutes.world.client("events"), minutes.world.client("sqs")
    bus = sqs.create_queue(QueueName=minutes.world.name("bus"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=bus, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="alarms", EventPattern=json.dumps({"detail-type": ["CloudWatch Alarm State Change"]}))
    events.put_targets(Rule="alarms", Targets=[{"Id": "queue", "Arn": arn}])
    functions = Functions()
    monkeypatch.setattr(minutes.world.account, "functions", functions, raising=False)
    function = f"arn:aws:lambda:{REGION}:123456789012:function:watch"
    actions = {"AlarmActions": [topics[0], function], "OKActions": topics[1:2], "InsufficientDataActions": topics[2:]}
    node = [{"Name": "CacheClusterId", "Value": "orders-001"}]
    alarm = put(minutes, **actions, Dimensions=node, AlarmDescription="hot", TreatMissingData="ignore")
    minutes.put(alarm, 50, Dimensions=node)
    (message,) = received(minutes, queues[0])
    assert {name: message[name] for name in ("AlarmName", "AlarmDescription", "AWSAccountId", "Region")} == {
        "AlarmName": alarm,
        "AlarmDescription": "hot",
        "AWSAccountId": "123456789012",
        "Region": "EU (Frankfurt)",
    }
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["AlarmArn"] == f"arn:aws:cloudwatch:{REGION}:123456789012:alarm:{alarm}"
    assert message["NewStateReason"] == minutes.state(alarm)[1]
    assert message["Trigger"] == {
        "MetricName": alarm,
        "Namespace": "test",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "orders-001", "name": "CacheClusterId"}],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 10.0,
        "TreatMissingData": "ignore",
        "EvaluateLowSampleCountPercentile": "",
    }
    (event,) = [found for found in received(minutes, bus) if found["detail"]["alarmName"] == alarm]
    assert (event["source"], event["resources"]) == ("aws.cloudwatch", [message["AlarmArn"]])
    assert [event["detail"][name]["value"] for name in ("previousState", "state")] == ["INSUFFICIENT_DATA", "ALARM"]
    assert event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"] == {
        "CacheClusterId": "orders-001"
    }
    ((invoked, payload, *permission),) = functions.called
    given = json.loads(payload)
    assert (invoked, given["alarmArn"], given["alarmData"]) == (function, message["AlarmArn"], event["detail"])
    assert permission == ["lambda.alarms.cloudwatch.amazonaws.com", message["AlarmArn"]]
    minutes.put(alarm, 60, Dimensions=node)
    assert [received(minutes, queue) for queue in queues] == [[], [], []], "nothing is told while the state stays"
    minutes.put(alarm, 5, Dimensions=node)
    assert [[text["NewStateValue"] for text in received(minutes, queue)] for queue in queues] == [[], ["OK"], []]


def test_a_set_state_runs_actions_and_lasts_until_the_next_evaluation(minutes: Minutes) -> None:
    topic = minutes.world.client("sns").create_topic(Name=minutes.world.name("topic"))["TopicArn"]
    queue = minutes.world.queue_of(topic)
    alarm = put(minutes, AlarmActions=[topic], OKActions=[topic])
    minutes.put(alarm, 5)
    for state in ("ALARM", "ALARM"):
        minutes.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="a drill")
    minutes.go()
    told = [(message["NewStateValue"], message["NewStateReason"][:7]) for message in received(minutes, queue)]
    assert told == [("OK", "Thresho"), ("ALARM", "a drill"), ("OK", "Thresho")]
    assert minutes.state(alarm)[0] == "OK"


def test_actions_that_are_off_are_not_run(minutes: Minutes) -> None:
    topic = minutes.world.client("sns").create_topic(Name=minutes.world.name("topic"))["TopicArn"]
    queue = minutes.world.queue_of(topic)
    alarm = put(minutes, AlarmActions=[topic], ActionsEnabled=False)
    minutes.put(alarm, 50)
    assert (minutes.state(alarm)[0], received(minutes, queue)) == ("ALARM", [])
    minutes.put(alarm, 5)
    minutes.cloudwatch.enable_alarm_actions(AlarmNames=[alarm])
    minutes.put(alarm, 50)
    assert [message["NewStateValue"] for message in received(minutes, queue)] == ["ALARM"]


def test_one_contributor_makes_a_query_s_alarm_ring(minutes: Minutes) -> None:
    metric = minutes.world.name("metric")
    query = f'SELECT MAX({metric}) FROM SCHEMA("test", node) GROUP BY node ORDER BY MAX() DESC'  # noqa: S608 - no database
    alone = {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None}
    alarm = put(minutes, **alone, Metrics=[{"Id": "m1", "Expression": query, "Period": 60, "ReturnData": True}])
    minutes.go()
    assert minutes.state(alarm)[0] == "INSUFFICIENT_DATA"
    for values, wanted in (((5, 5), "OK"), ((5, 50), "ALARM"), ((5, 5), "OK")):
        for node, value in zip("ab", values, strict=True):
            minutes.cloudwatch.put_metric_data(
                Namespace="test",
                MetricData=[
                    {
                        "MetricName": metric,
                        "Value": value,
                        "Dimensions": [{"Name": "node", "Value": node}],
                        "Timestamp": minutes.now,
                    }
                ],
            )
        minutes.go()
        assert minutes.state(alarm)[0] == wanted


def test_an_alarm_sees_what_waits_in_a_queue(minutes: Minutes) -> None:
    queue = minutes.world.name("dead-letters")
    sqs = minutes.world.client("sqs")
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    alarm = put(
        minutes,
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        Statistic="Maximum",
        Threshold=0,
    )
    minutes.go()
    assert minutes.state(alarm)[0] == "OK"
    sqs.send_message(QueueUrl=url, MessageBody="what could not be delivered")
    minutes.go()
    assert minutes.state(alarm)[0] == "ALARM"
