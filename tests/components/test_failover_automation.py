"""FailoverAutomation as resources: what is registered, what waits for what, what is secret, what other languages see."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pulumi
import pulumi_aws as aws
import pytest
from google.protobuf import json_format
from pulumi.runtime import rpc

import redis_ha.failover
import redis_ha_client
from redis_ha.failover import FailoverAutomation, FailoverAutomationArgs
from redis_ha.failover.function.settings import CopyTo, read_settings
from redis_ha.failover.function.table import FAILOVER
from redis_ha_client.documents import SsmConnection, read_connection
from tests.support.documents import blocks
from tests.support.failover_sets import ALARMS, SLACK, topic
from tests.support.hosted import constructed, nested_output
from tests.support.pulumi_world import Monitor, inputs, run

REGION = "eu-central-1"
ROUTING_KEY, TOKEN = "0123456789abcdef0123456789abcdef", "Bearer of-the-webhook"
WEBHOOK = "https://example.com/secret-path"
FULL: dict[str, Any] = {
    "region": REGION,
    "groups": {
        "orders": {"topic_arn": topic("orders"), "presets": ["saturation"], "node_ids": ["orders-001", "orders-002"]},
        "carts": {"topic_of": "orders"},
    },
    "alarm_topics": {"cpu": ALARMS},
    "cloudtrail": True,
    "alarms": {"topic_arns": [ALARMS]},
    "notify": {
        "emails": ["on-call@example.com"],
        "slack": {"ops": {"webhook_url": SLACK}},
        "pagerduty": {"db": {"routing_key": ROUTING_KEY}},
        "webhooks": {"own": {"webhook_url": WEBHOOK, "token": TOKEN, "header": "X-Token"}},
    },
    "tags": {"team": "shop"},
}
LEAST: dict[str, Any] = {
    "region": REGION,
    "groups": {"orders": {"topic_arn": topic("orders")}},
    "alarms": {"topic_arns": [ALARMS]},
}


def made(args: dict[str, Any], *, known: bool = True) -> tuple[Monitor, dict[str, Any]]:
    def program() -> dict[str, Any]:
        component = FailoverAutomation("shop", FailoverAutomationArgs(**args))  # type: ignore[typeddict-item]
        return {name: getattr(component, name) for name in FailoverAutomation.__annotations__}

    return run(program, known=known)


def test_the_function_and_what_it_is_told() -> None:
    monitor, _ = made(FULL)
    function = inputs(monitor, "shop-function")
    assert (function["name"], function["runtime"], function["handler"]) == (
        "shop-failover", "python3.14", "redis_ha_failover.handler.handle",
    )  # fmt: skip
    assert function["reservedConcurrentExecutions"] == 1
    assert function["timeout"] == 30 + 15 * 3
    settings = read_settings({**function["environment"]["variables"], "AWS_REGION": REGION})
    assert settings.groups == ("carts", "orders")
    assert (settings.parameter_path, settings.event_bus, settings.event_source) == (
        "/redis-ha/shop/failover", "shop-failover", "redis-ha",
    )  # fmt: skip
    assert settings.wait_seconds == 30
    assert {"shop-log", "shop-role-policy"} <= dependencies(monitor, "shop-function")
    assert inputs(monitor, "shop-log")["name"] == "/aws/lambda/shop-failover"
    assert inputs(monitor, "shop-log")["retentionInDays"] == 30


@pytest.mark.usefixtures("loop_for_outputs")
def test_copies_go_to_the_servers_with_the_secrets_that_were_given() -> None:
    known = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:consul-a1B2c3"
    later = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:vault-a1B2c3"
    servers = {
        "consul": {"url": "https://consul.internal:8501", "secret_arn": known},
        "vault": {"url": "https://vault.internal:8200", "secret_arn": pulumi.Output.from_input(later), "mount": "kv"},
    }
    network = {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]}
    monitor, _ = made({**LEAST, "copies": servers, "function": network})
    function = inputs(monitor, "shop-function")
    settings = read_settings({**function["environment"]["variables"], "AWS_REGION": REGION})
    assert settings.copies == (
        CopyTo("consul", "https://consul.internal:8501", known),
        CopyTo("vault", "https://vault.internal:8200", later, "kv"),
    )
    assert function["timeout"] == 30 + 75 + 15
    assert function["vpcConfig"] == {"subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-1"]}
    statements = {one["Sid"]: one for one in json.loads(inputs(monitor, "shop-role-policy")["policy"])["Statement"]}
    assert statements["ReadTokens"]["Resource"] == [known, later]
    assert "RunInVpc" in statements
    monitor, _ = made(LEAST)
    assert "vpcConfig" not in inputs(monitor, "shop-function")


def dependencies(monitor: Monitor, name: str) -> set[str]:
    return {urn.rsplit("::", maxsplit=1)[1] for urn in monitor.requests[name].dependencies}


def test_the_arguments_of_the_function() -> None:
    function = {"wait_seconds": 60, "reserved_concurrency": -1, "memory_mb": 512, "tracing": True, "log_retention_days": 7}
    monitor, _ = made({**LEAST, "function": {**function, "max_event_age_seconds": 600}, "event_source": "shop"})
    found = inputs(monitor, "shop-function")
    assert (found["timeout"], found["memorySize"], found["reservedConcurrentExecutions"]) == (90, 512, -1)
    assert found["tracingConfig"] == {"mode": "Active"}
    assert found["environment"]["variables"]["EVENT_SOURCE"] == "shop"
    assert inputs(monitor, "shop-attempts")["maximumEventAgeInSeconds"] == 600
    assert inputs(monitor, "shop-log")["retentionInDays"] == 7
    assert "Trace" in inputs(monitor, "shop-role-policy")["policy"]


def test_what_fails_is_kept_and_rings() -> None:
    monitor, _ = made(LEAST)
    attempts = inputs(monitor, "shop-attempts")
    queue = "arn:aws:sqs:eu-central-1:123456789012:shop-dead-letters"
    assert (attempts["maximumRetryAttempts"], attempts["maximumEventAgeInSeconds"]) == (2, 3600)
    assert attempts["destinationConfig"] == {"onFailure": {"destination": queue}}
    assert inputs(monitor, "shop-dead-letters")["messageRetentionSeconds"] == 14 * 86_400
    assert json.loads(inputs(monitor, "shop-topic-orders")["redrivePolicy"]) == {"deadLetterTargetArn": queue}
    policy = json.loads(inputs(monitor, "shop-dead-letters-policy")["policy"])
    topics, rules = (one["Condition"]["ArnEquals"]["aws:SourceArn"] for one in policy["Statement"])
    assert topics == [topic("orders")]
    assert rules == ["arn:aws:cloudwatch:eu-central-1:123456789012:shop-schedule"]
    alarm = inputs(monitor, "shop-alarm-dead-letters")
    assert alarm["dimensions"] == {"QueueName": "shop-failover-dead-letters"}
    assert (alarm["metricName"], alarm["threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    assert (alarm["period"], alarm["evaluationPeriods"]) == (300, 1)  # whatever the schedule


def test_every_caller_has_its_permission_before_it_calls() -> None:
    monitor, _ = made(FULL)
    permissions = {name: inputs(monitor, name) for name in monitor.names("Permission")}
    assert {
        name: (one["principal"], one["sourceArn"].rsplit(":", maxsplit=1)[1], one["sourceAccount"])
        for name, one in permissions.items()
    } == {
        "shop-schedule-permission": ("events.amazonaws.com", "shop-schedule", "123456789012"),
        "shop-calls-permission": ("events.amazonaws.com", "shop-calls", "123456789012"),
        "shop-topic-orders-permission": ("sns.amazonaws.com", "orders", "123456789012"),
        "shop-alarm-topic-cpu-permission": ("sns.amazonaws.com", "alarms", "123456789012"),
    }
    assert len({one["statementId"] for one in permissions.values()}) == len(permissions)
    for key in ("topic-orders", "alarm-topic-cpu"):
        assert f"shop-{key}-permission" in dependencies(monitor, f"shop-{key}")
    for key in ("schedule", "calls"):
        assert f"shop-{key}-permission" in dependencies(monitor, f"shop-{key}-target")
        assert inputs(monitor, f"shop-{key}-target")["deadLetterConfig"]["arn"].endswith("shop-dead-letters")
    assert inputs(monitor, "shop-schedule")["scheduleExpression"] == "rate(5 minutes)"


def test_without_options_there_is_the_chain_alone() -> None:
    monitor, outputs = made(LEAST)
    assert monitor.names("EventRule") == ["shop-schedule"]
    for kind in ("EventConnection", "EventApiDestination", "Topic", "SlackChannelConfiguration"):
        assert monitor.names(kind) == []
    assert outputs["email_topic_arn"][0] == ""


def test_alarms() -> None:
    monitor, outputs = made(FULL)
    assert sorted(monitor.names("MetricAlarm")) == [
        "shop-alarm-dead-letters", "shop-alarm-errors", "shop-alarm-failures-carts", "shop-alarm-failures-orders",
        "shop-alarm-not-available-carts", "shop-alarm-not-available-orders", "shop-alarm-saturation-orders-001",
        "shop-alarm-saturation-orders-002", "shop-alarm-throttles",
    ]  # fmt: skip
    for name in monitor.names("MetricAlarm"):
        alarm = inputs(monitor, name)
        assert alarm["alarmActions"] == alarm["okActions"] == [ALARMS]
        # What falls silent is told where it has to report, and a preset only notifies of what it is called.
        assert ("insufficientDataActions" in alarm) is ("not-available" in name), name
    saturation = inputs(monitor, "shop-alarm-saturation-orders-002")
    assert saturation["dimensions"] == {"CacheClusterId": "orders-002", "CacheNodeId": "0001"}
    assert inputs(monitor, "shop-alarm-failures-carts")["dimensions"] == {"GroupId": "carts"}
    assert "shop-failover-not_available-orders" in outputs["alarm_names"][0]


def test_alarms_go_to_the_mail_where_there_is_no_topic() -> None:
    monitor, outputs = made({**LEAST, "alarms": {}, "notify": {"emails": ["on-call@example.com"]}})
    assert inputs(monitor, "shop-alarm-errors")["alarmActions"] == [outputs["email_topic_arn"][0]]


def test_who_is_told_and_how() -> None:
    monitor, _ = made(FULL)
    rules = [name for name in monitor.names("EventRule") if name.startswith("shop-told-")]
    assert sorted(rules) == ["shop-told-email", "shop-told-pagerduty-db", "shop-told-slack-ops", "shop-told-webhook-own"]
    for name in rules:
        assert json.loads(inputs(monitor, name)["eventPattern"]) == {
            "source": ["redis-ha"], "detail": {"severity": ["critical", "warning"]},
        }  # fmt: skip
        assert inputs(monitor, name)["eventBusName"] == "shop-failover"
        target = inputs(monitor, f"{name}-target")
        assert target["deadLetterConfig"]["arn"].endswith("shop-dead-letters")
        assert target["retryPolicy"] == {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 185}
        assert ("roleArn" in target) is (name != "shop-told-email")
        assert len(inputs(monitor, name)["name"]) <= 64
    assert inputs(monitor, "shop-told-pagerduty-db-endpoint")["invocationEndpoint"] == "https://events.pagerduty.com/v2/enqueue"
    told = json.loads(inputs(monitor, "shop-told-role-policy")["policy"])["Statement"][0]["Resource"]
    assert len(told) == 3
    assert inputs(monitor, "shop-told-on-call@example.com")["protocol"] == "email"
    assert "shop-told-email-topic-policy" in dependencies(monitor, "shop-told-email-target")
    assert "shop-told-role-policy" in dependencies(monitor, "shop-told-slack-ops-target")


def test_the_longest_names_fit() -> None:
    """RuleName, ConnectionName, ApiDestinationName and roleNameType take 64 characters, a queue's name 80 (botocore)."""
    name = "n" * 12
    notify = {
        "slack": {name: {"webhook_url": SLACK}},
        "pagerduty": {name: {"routing_key": ROUTING_KEY}},
        "webhooks": {name: {"webhook_url": WEBHOOK, "token": TOKEN}},
        "emails": ["on-call@example.com"],
    }
    monitor, _ = made({**FULL, "region": "ap-southeast-1", "groups": {"o": {"topic_arn": topic("o", "ap-southeast-1")}},
                       "alarm_topics": {}, "function_name": "f" * 40, "notify": notify})  # fmt: skip
    for kind in ("EventRule", "EventConnection", "EventApiDestination", "Role", "Function"):
        assert monitor.names(kind)
        assert [one for one in monitor.names(kind) if len(inputs(monitor, one)["name"]) > 64] == []


def revealed(monitor: Monitor, name: str) -> Any:
    """Give what a resource was registered with, secrets as they are."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return plain(value["value"]) if rpc._special_sig_key in value else {key: plain(one) for key, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, list) else value

    return plain(json_format.MessageToDict(monitor.requests[name].object))


def plain_texts(value: Any) -> list[str]:
    """Give all texts of a request that are not marked secret."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return []
        return [text for entry in value.values() for text in plain_texts(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in plain_texts(entry)]
    return [value] if isinstance(value, str) else []


def test_no_secret_is_in_plain_state() -> None:
    monitor, _ = made(FULL)
    plain = [text for name in monitor.order for text in plain_texts(json_format.MessageToDict(monitor.requests[name].object))]
    for secret in (SLACK, ROUTING_KEY, TOKEN, WEBHOOK):
        assert [text for text in plain if secret in text] == []
    body = revealed(monitor, "shop-told-pagerduty-db-connection")["authParameters"]["invocationHttpParameters"]["bodies"][0]
    assert (body["key"], body["value"], body["isValueSecret"]) == ("routing_key", ROUTING_KEY, True)
    assert revealed(monitor, "shop-told-webhook-own-connection")["authParameters"]["apiKey"] == {
        "key": "X-Token",
        "value": TOKEN,
    }
    assert revealed(monitor, "shop-told-slack-ops-endpoint")["invocationEndpoint"] == SLACK


def test_outputs_say_where_the_documents_are_and_nothing_of_what_is_in_them() -> None:
    monitor, outputs = made(FULL)
    assert outputs["connections"][0] == {
        group: {
            "version": 1,
            "kind": "ssm",
            "region": REGION,
            "parameter": f"/redis-ha/shop/failover/{group}/endpoints",
        }
        for group in ("carts", "orders")
    }
    assert outputs["parameter_names"][0]["orders"] == "/redis-ha/shop/failover/orders/endpoints"
    assert not any(name.startswith("aws:ssm") for name in (monitor.requests[one].type for one in monitor.order))
    assert not outputs["connections"][2]
    policy = json.loads(outputs["client_policies"][0]["orders"])
    assert policy["Statement"][0]["Action"] == ["ssm:GetParameter"]
    assert outputs["event_bus_name"][0] == "shop-failover"


@pytest.mark.parametrize("region", [REGION, "us-gov-west-1"])
def test_the_connections_are_what_clients_take(region: str) -> None:
    path = "/redis-ha/x.y-z_1/failover"
    args = {"region": region, "groups": {"orders": {"topic_arn": topic("orders", region)}}, "alarms": {"enabled": False}}
    _, outputs = made({**args, "parameter_path": path})
    schema = json.loads((Path(redis_ha_client.__file__).parent / "connection.schema.json").read_text())
    (connection,) = outputs["connections"][0].values()
    jsonschema.validate(connection, {**schema, "oneOf": [{"$ref": "#/$defs/ssm"}]})
    read = read_connection(connection)
    assert isinstance(read, SsmConnection)
    assert (read.region, read.parameter) == (region, f"{path}/orders/endpoints")


@pytest.mark.parametrize("protect", [True, False])
def test_what_others_hang_on_is_protected(protect: bool) -> None:
    monitor, _ = made({**LEAST, "protect": protect})
    kept = {name for name in monitor.order if monitor.requests[name].protect}
    assert kept == ({"shop-bus", "shop-dead-letters", "shop-function"} if protect else set())


def test_everything_lies_in_the_region_and_has_the_tags() -> None:
    monitor, _ = made(FULL)
    for name in monitor.order[1:]:
        found = inputs(monitor, name)
        assert found.get("region") == REGION or "/iam/" in monitor.requests[name].type or "iam/" in monitor.requests[name].type
    for name in ("shop-function", "shop-bus", "shop-dead-letters", "shop-log", "shop-role", "shop-schedule", "shop-told-role"):
        assert inputs(monitor, name)["tags"] == {"team": "shop"}


@pytest.mark.usefixtures("loop_for_outputs")
def test_topics_that_are_outputs() -> None:
    args = {**LEAST, "groups": {"orders": {"topic_arn": pulumi.Output.from_input(topic("orders"))}}}
    monitor, _ = made(args)
    assert inputs(monitor, "shop-topic-orders")["topic"] == topic("orders")


@pytest.mark.usefixtures("loop_for_outputs")
@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"orders": {"topic_arn": topic("orders", "us-east-1")}}, "lies in us-east-1"),
        ({"orders": {"topic_arn": topic("all")}, "carts": {"topic_arn": topic("all")}}, "give topic_of: carts instead"),
        ({"orders": {"topic_arn": topic("orders"), "topic_kms_key": "alias/aws/sns"}}, "sends nothing to such a topic"),
    ],
)
def test_what_an_output_turns_out_to_be_is_refused(groups: dict[str, Any], said: str) -> None:
    later = {group: {name: pulumi.Output.from_input(value) for name, value in one.items()} for group, one in groups.items()}
    with pytest.raises(pulumi.InputPropertiesError, match=said):
        made({**LEAST, "groups": later})


def test_nothing_is_registered_when_arguments_are_wrong() -> None:
    def program() -> None:
        with pytest.raises(pulumi.InputPropertiesError, match="event_source"):
            FailoverAutomation("shop", FailoverAutomationArgs(**{**LEAST, "event_source": "aws.x"}))  # type: ignore[typeddict-item]

    monitor, _ = run(program)
    assert monitor.order == []


# --- other languages ----------------------------------------------------------------------------------------------------------

HOSTED: dict[str, Any] = {
    "region": REGION,
    "groups": {"orders": {"topicArn": topic("orders")}},
    "alarms": {"topicArns": [ALARMS]},
}


def test_values_that_are_not_known_yet() -> None:
    later = {
        "groups": {"orders": {"topicArn": rpc.UNKNOWN}, "carts": {"topicArn": nested_output(), "topicKmsKey": rpc.UNKNOWN}},
        "alarmTopics": {"cpu": nested_output()},
        "alarms": {"topicArns": [nested_output()]},
        "notify": {
            "slack": {"ops": {"webhookUrl": nested_output(is_secret=True)}},
            "pagerduty": {"db": {"routingKey": rpc.UNKNOWN}},
        },
    }
    monitor, state = constructed("FailoverAutomation", HOSTED | later, known=False)
    assert monitor.requests["hosted-topic-orders"].object["topic"] == rpc.UNKNOWN
    assert {"hosted-topic-carts", "hosted-alarm-topic-cpu", "hosted-told-slack-ops-endpoint"} <= set(monitor.order)
    assert state["parameterNames"][0] == {
        group: f"/redis-ha/hosted/failover/{group}/endpoints" for group in ("carts", "orders")
    }
    assert not state["functionArn"][1]


def test_numbers_as_other_languages_send_them() -> None:
    numbers = {
        "scheduleMinutes": 1.0,
        "function": {"waitSeconds": 10.0},
        "alarms": {"topicArns": [ALARMS], "overrides": {"errors": {"periods": 4.0}}},
    }
    monitor, state = constructed("FailoverAutomation", HOSTED | numbers)
    assert inputs(monitor, "hosted-schedule")["scheduleExpression"] == "rate(1 minute)"
    assert inputs(monitor, "hosted-function")["environment"]["variables"]["WAIT_SECONDS"] == "10"
    assert inputs(monitor, "hosted-alarm-errors")["evaluationPeriods"] == 4
    assert state["connections"][0]["orders"]["kind"] == "ssm"


@pytest.mark.parametrize("path", ["slack.ops.webhookUrl", "pagerduty.db.routingKey", "webhooks.own.token"])
def test_a_secret_of_a_wrong_type_is_not_told(path: str) -> None:
    kind, name, key = path.split(".")
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        constructed("FailoverAutomation", HOSTED | {"notify": {kind: {name: {key: 4711}}}})
    assert "4711" not in str(caught.value)


def test_the_reference_s_rules_call_a_topic_a_function_and_a_state_machine() -> None:
    """The example of rules of one's own is run as it stands there, beside a program's other resources."""
    given = SimpleNamespace(arn="arn:aws:states:eu-central-1:123456789012:stateMachine:repair")
    starter = SimpleNamespace(arn="arn:aws:iam::123456789012:role/starter")
    function = SimpleNamespace(arn="arn:aws:lambda:eu-central-1:123456789012:function:mine")

    def program() -> dict[str, Any]:
        names: dict[str, Any] = {
            "automation": FailoverAutomation("shop", FailoverAutomationArgs(**LEAST)),  # type: ignore[typeddict-item]
            "topic": SimpleNamespace(arn=topic("mine")),
            "function": function,
            "machine": given,
            "starter": starter,
            "aws": aws,
            "json": json,
        }
        for block in blocks(Path(redis_ha.failover.__file__).parent / "README.md", "python"):
            if "aws.cloudwatch" in block.text:
                exec(block.text, names)  # noqa: S102 - the document's own example
        return {}

    monitor, _ = run(program)
    rule = inputs(monitor, "on-failover")
    event = {"source": "redis-ha", "detail-type": FAILOVER}
    pattern = json.loads(rule["eventPattern"])
    assert {name: value in pattern[name] for name, value in event.items()} == {"source": True, "detail-type": True}
    assert inputs(monitor, "shop-function")["environment"]["variables"]["EVENT_SOURCE"] == event["source"]
    targets = {name: inputs(monitor, name) for name in ("to-topic", "to-function", "to-machine")}
    assert [one["arn"] for one in targets.values()] == [topic("mine"), function.arn, given.arn]
    assert {one["eventBusName"] for one in targets.values()} == {"shop-failover"}
    assert targets["to-machine"]["roleArn"] == starter.arn


def test_the_reference_names_every_argument_and_output() -> None:
    text = (
        (Path(redis_ha.failover.__file__).parent / "README.md").read_text().split("## FailoverAutomation")[1].split("\n## ")[0]
    )
    for name in (*FailoverAutomationArgs.__annotations__, *FailoverAutomation.__annotations__):
        assert f"`{name}`" in text, name
