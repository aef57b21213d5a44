"""FailoverAutomation's decisions: what is refused and how it is said, the policies statement by statement, alarms, messages."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

from redis_ha.cloudwatch import MAX_EVALUATED_SECONDS
from redis_ha.failover import archive, messages
from redis_ha.failover.alarm_table import NAMES, PRESETS, TABLE, definitions
from redis_ha.failover.automation import checked_plan
from redis_ha.failover.function import log
from redis_ha.failover.function.settings import COPY_SECONDS, SPARE_SECONDS
from redis_ha.failover.function.table import TABLE as EVENTS
from redis_ha.failover.later import later_problems
from redis_ha.failover.permissions import (
    client_document,
    function_document,
    mail_document,
    queue_document,
    teller_document,
    teller_trust_document,
    trust_document,
)
from redis_ha.failover.plan import MOST_SECONDS
from redis_ha.failover.rules import CALLS, calls_pattern
from tests.support.failover_sets import ALARMS, topic

REGION, ACCOUNT = "eu-central-1", "123456789012"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/shop-failover"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:shop-failover-dead-letters"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/shop-failover"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:tokens/failover-a1B2c3"
GOOD: dict[str, Any] = {
    "region": REGION,
    "groups": {"orders": {"topic_arn": topic("orders")}},
    "alarms": {"topic_arns": [ALARMS]},
}


def refused(**changes: Any) -> dict[str, str]:
    """Give what is said of each refused argument, by its path in Python's words."""
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        checked_plan("shop", {**GOOD, **changes})
    return {error["property_path"]: error["reason"] for error in caught.value.errors or []}


def group(**changes: Any) -> dict[str, Any]:
    one = {"topic_arn": topic("orders"), **changes}
    return {"groups": {"orders": {name: value for name, value in one.items() if value is not None}}}


@pytest.mark.parametrize(
    ("changes", "argument", "said"),
    [
        (group(presets=["satuaration"], node_ids=["orders-001"]), "groups.orders.presets", "did you mean saturation?"),
        (group(presets=["outage"], node_ids=["orders-001"]), "groups.orders.presets", "there is saturation"),
        (group(presets=["saturation"]), "groups.orders.nodeIds", "preset saturation watches nodes"),
        (
            group(presets=["saturation"], node_ids=["carts-001"]),
            "groups.orders.nodeIds",
            "'carts-001' is not the id of a node of orders",
        ),
        ({"alarms": {}}, "alarms.topicArns", "an alarm without a topic tells nobody"),
        ({"alarms": {"topic_arns": []}}, "alarms.topicArns", "an alarm without a topic tells nobody"),
        ({"alarms": {"topic_arns": [f"{ALARMS}{at}" for at in range(6)]}}, "alarms.topicArns", "an alarm tells 5 at most"),
        (
            group(topic_kms_key="arn:aws:kms:eu-central-1:123456789012:key/1"),
            "groups.orders.topicKmsKey",
            "sends nothing to such a topic",
        ),
        (
            group(topic_arn=topic("orders", "us-east-1")),
            "groups.orders.topicArn",
            "lies in us-east-1; give one of eu-central-1",
        ),
        (group(topic_arn=topic("orders.fifo")), "groups.orders.topicArn", "a FIFO topic"),
        (group(topic_arn=7), "groups.orders.topicArn", "7 is not text"),
        (group(topic_arn=None), "groups.orders.topicArn", "is missing"),
        (group(topic_arn=None, topic_of="cart"), "groups.orders.topicOf", "'cart' is no group here"),
        (group(topic_of="orders"), "groups.orders.topicOf", "leave one of them out"),
        (
            {"groups": {"arn:aws:elasticache:us-east-1:123456789012:replicationgroup:o": {"topic_arn": topic("o")}}},
            "groups",
            "lies in us-east-1; make a FailoverAutomation there",
        ),
        (
            {"groups": {"arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:o": {"topic_arn": topic("o")}}},
            "groups",
            "is an ARN; give the id alone, o",
        ),
        ({"groups": {"Orders": {"topic_arn": topic("o")}}}, "groups", "in lower case"),
        ({"groups": {}}, "groups", "is missing"),
        ({"groups": {f"g{at}": {"topic_arn": topic("all")} for at in range(58)}}, "groups", "enough for 57"),
        ({"event_source": "aws.elasticache"}, "eventSource", "'aws.elasticache' is a source of AWS's own services"),
        ({"event_source": "Aws.elasticache"}, "eventSource", "a source of AWS's own services"),
        ({"parameter_path": "/ssm/x"}, "parameterPath", "begins with aws or ssm"),
        ({"function": {"reserved_concurrency": 0}}, "function.reservedConcurrency", "never run"),
        ({"function": {"log_retention_days": 31}}, "function.logRetentionDays", "31 is not one of CloudWatch's"),
        ({"function": {"timeout": 3}}, "function.timeout", "no such argument"),
        ({"function": {"subnet_ids": ["subnet-1"]}}, "function.securityGroupIds", "a function in a VPC needs both"),
        ({"function": {"security_group_ids": ["sg-1"]}}, "function.subnetIds", "a function in a VPC needs both"),
        ({"function": {"subnet_ids": "subnet-1"}}, "function.subnetIds", "is no list"),
        ({"copies": {"consul": {"secret_arn": SECRET}}}, "copies.consul.url", "is missing or no https address"),
        ({"copies": {"vault": {"url": "https://u:p@v", "secret_arn": SECRET}}}, "copies.vault.url", "no https address"),
        ({"copies": {"vault": {"url": "https://v"}}}, "copies.vault.secretArn", "is missing"),
        ({"copies": {"vault": {"url": "https://v", "secret_arn": "token"}}}, "copies.vault.secretArn", "is no ARN of a secret"),
        (
            {"copies": {"consul": {"url": "https://c", "secret_arn": SECRET.replace(REGION, "us-east-1")}}},
            "copies.consul.secretArn",
            "lies in us-east-1",
        ),
        (
            {"copies": {"vault": {"url": "https://v", "secret_arn": SECRET, "mount": "/kv/"}}},
            "copies.vault.mount",
            "is not the path of a mount",
        ),
        ({"copies": {"consul": {"url": "https://c", "secret_arn": SECRET, "mount": "kv"}}}, "copies.consul.mount", "no such"),
        ({"copies": {"etcd": {}}}, "copies.etcd", "no such argument"),
        ({"alarm_topics": {"a b": ALARMS}}, "alarmTopics", "'a b' is no name"),
        ({"alarm_topics": {"cpu": topic("cpu", "us-east-1")}}, "alarmTopics.cpu", "lies in us-east-1"),
        ({"alarm_topics": {"cpu": "cpu"}}, "alarmTopics.cpu", "is no ARN of an SNS topic"),
        ({"notify": {"severities": ["fatal"]}}, "notify.severities", "critical, warning, info"),
        ({"notify": {"severities": []}}, "notify.severities", "nobody would be told"),
        ({"notify": {"emails": ["shop"]}}, "notify.emails", "'shop' is not a mail address"),
        ({"notify": {"slack": {"a b": {}}}}, "notify.slack", "'a b' is no name"),
        ({"notify": {"teams": {}}}, "notify.teams", "no such argument"),
        ({"function_name": "f" * 41}, "functionName", "1 to 40"),
        ({"schedule_minutes": 61}, "scheduleMinutes", "use 1 to 60"),
        ({"gruops": {}}, "gruops", "did you mean groups?"),
    ],
)
def test_refused_by_name_with_value_and_remedy(changes: dict[str, Any], argument: str, said: str) -> None:
    found = refused(**changes)
    assert list(found) == [argument], found
    assert said in found[argument]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = refused(
        groups={"orders": {"topic_arn": "orders", "presets": ["x"]}},
        event_source="aws.x",
        schedule_minutes=0,
        alarms={"off": ["x"]},
    )
    assert {"groups.orders.topicArn", "groups.orders.presets", "eventSource", "scheduleMinutes", "alarms.off"} <= set(found)


def test_a_name_that_is_too_long_for_the_others_is_told() -> None:
    with pytest.raises(pulumi.InputPropertiesError, match=r"function_name: 'x{40}-failover' is not 1 to 40"):
        checked_plan("x" * 40, GOOD)


@pytest.mark.parametrize("secret", ["http://user:hunter2@example.com", 4711, ["hunter2"], {"hunter2": 1}, ""])
def test_no_value_of_a_secret_is_told(secret: Any) -> None:
    notify = {
        "slack": {"ops": {"webhook_url": secret}},
        "pagerduty": {"db": {"routing_key": secret}},
        "webhooks": {"own": {"webhook_url": secret, "token": secret}},
    }
    found = refused(notify=notify)
    told = "; ".join(found.values())
    assert "hunter2" not in told
    assert "4711" not in told
    assert {"notify.slack.ops.webhookUrl", "notify.webhooks.own.webhookUrl"} <= set(found)


def test_mail_addresses_make_up_for_a_topic_and_no_alarms_need_none() -> None:
    assert checked_plan("shop", {**GOOD, "alarms": {}, "notify": {"emails": ["a@example.com"]}}).alarms
    assert checked_plan("shop", {**GOOD, "alarms": {"enabled": False}}).alarms == ()


@pytest.mark.usefixtures("loop_for_outputs")
def test_a_topic_of_several_groups_is_subscribed_to_once() -> None:
    later = pulumi.Output.from_input("arn")
    plan = checked_plan(
        "shop",
        {
            **GOOD,
            "groups": {
                "b": {"topic_arn": topic("all")},
                "a": {"topic_arn": topic("all")},
                "c": {"topic_of": "b"},
                "d": {"topic_arn": later},
                "e": {"topic_arn": later},
            },
            "alarm_topics": {"all": topic("all"), "other": ALARMS},
        },
    )
    assert [(one.argument, one.key) for one in plan.topics] == [
        ("groups.a.topic_arn", "topic-a"),
        ("groups.d.topic_arn", "topic-d"),
        ("alarm_topics.other", "alarm-topic-other"),
    ]
    assert plan.groups == ("a", "b", "c", "d", "e")


def test_what_is_known_later_is_judged_then() -> None:
    topics = {"groups.a.topic_arn": topic("a"), "groups.b.topic_arn": topic("a"), "alarm_topics.x": topic("a")}
    found = dict(later_problems(REGION, topics, {**topics, "groups.a.topic_kms_key": "alias/aws/sns"}))
    assert found["groups.b.topic_arn"].endswith("give topic_of: a instead")
    assert found["alarm_topics.x"].endswith("leave it out")
    assert "encrypted" in found["groups.a.topic_kms_key"]
    away = {"groups.a.topic_arn": topic("a", "us-east-1"), "groups.b.topic_arn": None}
    assert "lies in us-east-1" in dict(later_problems(REGION, away, away))["groups.a.topic_arn"]
    assert later_problems(REGION, {"groups.a.topic_arn": object()}, {"groups.a.topic_kms_key": None}) == []


def test_the_function_s_time_covers_its_wait() -> None:
    assert checked_plan("shop", GOOD).timeout_seconds > 30 + SPARE_SECONDS
    many = {f"g{at}": {"topic_arn": topic("all")} for at in range(57)}
    assert checked_plan("shop", {**GOOD, "groups": many}).timeout_seconds == MOST_SECONDS


@pytest.mark.parametrize(("minutes", "expression"), [(1, "rate(1 minute)"), (5, "rate(5 minutes)")])
def test_one_minute_is_singular(minutes: int, expression: str) -> None:
    assert checked_plan("shop", {**GOOD, "schedule_minutes": minutes}).schedule == expression


# --- policies -----------------------------------------------------------------------------------------------------------------


def allowed(document: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    assert document["Version"] == "2012-10-17"
    for one in document["Statement"]:
        assert one["Effect"] == "Allow"
        assert set(one) == {"Sid", "Effect", "Action", "Resource"}
    return {one["Sid"]: (one["Action"], one["Resource"]) for one in document["Statement"]}


def test_the_function_may_make_its_calls_and_no_other() -> None:
    document = function_document(BUS, LOG, QUEUE, ["carts", "orders"], "/redis-ha/shop/failover", tracing=False)
    assert allowed(document) == {
        "LookAtGroups": (
            ["elasticache:DescribeReplicationGroups"],
            [f"arn:aws:elasticache:{REGION}:{ACCOUNT}:replicationgroup:{one}" for one in ("carts", "orders")],
        ),
        "FindMissedFailovers": (["elasticache:DescribeEvents"], ["*"]),
        "WriteDocuments": (
            ["ssm:GetParameters", "ssm:PutParameter"],
            [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/redis-ha/shop/failover/*"],
        ),
        "Relay": (["events:PutEvents"], [BUS]),
        "Log": (["logs:CreateLogStream", "logs:PutLogEvents"], [f"{LOG}:*"]),
        "KeepWhatFailed": (["sqs:SendMessage"], [QUEUE]),
    }


def test_tracing_adds_one_statement() -> None:
    plain, traced = (
        allowed(function_document(BUS, LOG, QUEUE, ["orders"], "/p", tracing=tracing)) for tracing in (False, True)
    )
    assert traced.pop("Trace") == (["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"])
    assert traced == plain


def test_copies_and_a_vpc_add_a_statement_each() -> None:
    plain = allowed(function_document(BUS, LOG, QUEUE, ["orders"], "/p", tracing=False))
    more = allowed(function_document(BUS, LOG, QUEUE, ["orders"], "/p", [SECRET], tracing=False, in_a_vpc=True))
    assert more.pop("ReadTokens") == (["secretsmanager:GetSecretValue"], [SECRET])
    actions, resources = more.pop("RunInVpc")
    assert {action.split(":")[0] for action in actions} == {"ec2"}
    assert resources == ["*"]
    assert more == plain


def test_a_refused_address_is_not_told() -> None:
    found = refused(copies={"vault": {"url": "https://user:pass-word@vault", "secret_arn": SECRET}})
    assert "pass-word" not in str(found)


def test_every_server_takes_its_time_of_a_run() -> None:
    servers = {kind: {"url": f"https://{kind}", "secret_arn": SECRET} for kind in ("consul", "vault")}
    groups = {f"g{at}": {"topic_arn": topic("all")} for at in range(3)}
    plain = checked_plan("shop", {**GOOD, "groups": groups})
    copying = checked_plan("shop", {**GOOD, "groups": groups, "copies": servers})
    assert copying.timeout_seconds - plain.timeout_seconds == 3 * 2 * COPY_SECONDS
    assert (
        "enough for 11" in refused(groups={f"g{at}": {"topic_arn": topic("all")} for at in range(12)}, copies=servers)["groups"]
    )


def test_every_call_of_the_function_s_code_is_in_its_policy() -> None:
    source = (archive.SOURCE / "calls.py").read_text()
    made = {
        f"{service}:{''.join(part.capitalize() for part in call.split('_'))}"
        for service, call in re.findall(r"self\.(elasticache|ssm|events)\.(\w+)\(", source)
        if call != "get_paginator"
    } | {
        f"elasticache:{''.join(part.capitalize() for part in call.split('_'))}"
        for call in re.findall(r'get_paginator\("(\w+)"\)', source)
    }
    document = function_document(BUS, LOG, QUEUE, ["orders"], "/p", tracing=False)
    granted = {action for actions, _ in allowed(document).values() for action in actions}
    assert granted - made == {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
    assert made <= granted


def test_the_partition_is_the_bus_s() -> None:
    bus = "arn:aws-cn:events:cn-north-1:123456789012:event-bus/shop"
    document = function_document(bus, LOG, QUEUE, ["orders"], "/p", tracing=False)
    assert allowed(document)["WriteDocuments"][1] == ["arn:aws-cn:ssm:cn-north-1:123456789012:parameter/p/*"]


def test_an_application_may_read_its_document_alone() -> None:
    assert allowed(client_document(BUS, "/p/orders/endpoints")) == {
        "ReadEndpoints": (["ssm:GetParameter"], [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/p/orders/endpoints"])
    }


def test_lambda_alone_takes_the_function_s_role() -> None:
    (statement,) = trust_document("lambda.amazonaws.com")["Statement"]
    assert statement == {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    }  # fmt: skip


def test_the_role_that_tells_is_for_these_rules_of_this_bus_and_these_endpoints() -> None:
    (statement,) = teller_trust_document(BUS, "shop-failover-")["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/shop-failover/shop-failover-*"},
    }
    assert allowed(teller_document(["arn:1"])) == {"Tell": (["events:InvokeApiDestination"], ["arn:1"])}


def test_the_queue_takes_from_the_automation_s_topics_and_rules() -> None:
    document = queue_document(QUEUE, ["arn:topic"], ["arn:rule"])
    assert {
        one["Principal"]["Service"]: (one["Action"], one["Resource"], one["Condition"]) for one in document["Statement"]
    } == {
        "sns.amazonaws.com": ("sqs:SendMessage", QUEUE, {"ArnEquals": {"aws:SourceArn": ["arn:topic"]}}),
        "events.amazonaws.com": ("sqs:SendMessage", QUEUE, {"ArnEquals": {"aws:SourceArn": ["arn:rule"]}}),
    }


def test_the_mail_s_topic_takes_from_its_rule_and_the_account_s_alarms() -> None:
    document = mail_document(topic("mail"), "arn:rule")
    assert {
        one["Principal"]["Service"]: (one["Action"], one["Resource"], one["Condition"]) for one in document["Statement"]
    } == {
        "events.amazonaws.com": ("sns:Publish", topic("mail"), {"ArnEquals": {"aws:SourceArn": "arn:rule"}}),
        "cloudwatch.amazonaws.com": ("sns:Publish", topic("mail"), {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
    }


# --- code ---------------------------------------------------------------------------------------------------------------------


def digest(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def test_the_same_content_is_the_same_archive(tmp_path: Path) -> None:
    copy = tmp_path / "function"
    shutil.copytree(archive.SOURCE, copy)
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__" / "handler.cpython-314.pyc").write_bytes(b"compiled")
    (copy / "notes.txt").write_text("of somebody")
    for path in copy.glob("*.py"):
        path.touch()
    assert digest(archive.function_files(copy)) == digest(archive.function_files())
    (copy / "table.py").write_text((copy / "table.py").read_text() + "\n")
    assert digest(archive.function_files(copy)) != digest(archive.function_files())


def test_what_is_in_the_archive_runs_alone(tmp_path: Path) -> None:
    """Without this repository: Lambda has nothing but the runtime's boto3."""
    for path, text in archive.function_files().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    module, _, name = archive.HANDLER.rpartition(".")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import {module}
print({module}.{name}.__name__, "redis_ha" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["handle", "False"]


# --- alarms -------------------------------------------------------------------------------------------------------------------


def test_the_tutorial_s_alarm_is_called_what_it_is() -> None:
    row = PRESETS["saturation"]
    assert (row.metric, row.statistic, row.comparison, row.threshold) == (
        "EngineCPUUtilization", "Average", "GreaterThanThreshold", 90,
    )  # fmt: skip
    assert (row.period, row.periods, row.datapoints) == (300, 5, 5)
    assert row.period * row.periods == 25 * 60


def test_alarms_on_the_function_s_own_metrics_name_metrics_that_it_has() -> None:
    assert {row.metric for row in TABLE if row.of == "group"} <= set(log.UNITS)
    assert list(NAMES) == sorted(set(NAMES), key=NAMES.index)


@pytest.mark.parametrize("minutes", [1, 5, 60])
def test_a_period_holds_a_look_of_the_schedule(minutes: int) -> None:
    for row in definitions({}, minutes, frozenset(PRESETS)):
        if row.of == "group":
            assert row.period >= 2 * minutes * 60
        assert row.period % 60 == 0
        assert row.periods * row.period <= MAX_EVALUATED_SECONDS


def test_alarms_are_changed_and_left_out_by_name() -> None:
    settings = {"off": ["throttles"], "overrides": {"errors": {"threshold": 2, "periods": 4.0}}}
    rows = {row.name: row for row in definitions(settings, 5, frozenset())}
    assert set(rows) == set(NAMES) - {"throttles", "saturation"}
    assert (rows["errors"].threshold, rows["errors"].periods, rows["errors"].datapoints) == (2.0, 4, 2)


def test_more_datapoints_than_periods_are_refused() -> None:
    found = refused(alarms={"topic_arns": [ALARMS], "overrides": {"errors": {"periods": 1}}})
    assert list(found) == ["alarms.overrides.errors.datapoints"]


# --- messages and rules -------------------------------------------------------------------------------------------------------


def transformed(kind: str, event: dict[str, Any]) -> Any:
    """What EventBridge makes of an event: paths that lead nowhere leave their place empty."""
    how = messages.transformer(kind)
    text = how["input_template"]
    for name, path in how["input_paths"].items():
        value: Any = event
        for step in path.removeprefix("$.").split("."):
            value = value.get(step) if isinstance(value, dict) else None
        text = text.replace(f"<{name}>", "" if value is None else str(value))
    return json.loads(text)


DETAIL = {
    "ReplicationGroupId": "orders", "Date": "2026-11-30T12:00:10.000Z", "severity": "critical", "event_id": "e-1",
    "says": "a replica was promoted",
    "document": {"primary_member": "orders-002", "state": "modifying", "generation": 2},
}  # fmt: skip
RELAYED = {"detail-type": "ElastiCache:FailoverComplete", "region": REGION, "detail": DETAIL}
LINE = (
    "critical: ElastiCache:FailoverComplete of orders in eu-central-1 at 2026-11-30T12:00:10.000Z: a replica was promoted "
    "(primary=orders-002 state=modifying generation=2 event=e-1)"
)


def test_each_receiver_gets_the_facts_in_one_line() -> None:
    assert transformed("email", RELAYED) == LINE
    assert transformed("slack", RELAYED) == {"text": LINE}
    alert = transformed("pagerduty", RELAYED)
    assert (alert["event_action"], alert["dedup_key"], alert["payload"]["summary"]) == ("trigger", "e-1", LINE)
    assert alert["payload"]["severity"] in {"critical", "error", "warning", "info"}  # PagerDuty takes no other
    assert transformed("webhook", RELAYED)["generation"] == "2"
    without = transformed("email", {**RELAYED, "detail": {**DETAIL, "document": None}})
    assert "(primary= state= generation= event=e-1)" in without


def test_the_facts_are_where_the_function_puts_them() -> None:
    """The paths, in what the function really relays: its code is the source."""
    source = (archive.SOURCE / "handler.py").read_text()
    for path in messages.FACTS.values():
        *_, last = path.split(".")
        if path.startswith("$.detail.") and ".document." not in path:
            assert f'"{last}":' in source, path


def test_no_text_of_the_table_breaks_a_message() -> None:
    for row in EVENTS:
        assert '"' not in row.says
        assert "\\" not in row.says


def test_the_calls_that_are_watched_are_the_table_s() -> None:
    assert set(CALLS) == {
        "DeleteReplicationGroup", "ModifyReplicationGroup", "ModifyReplicationGroupShardConfiguration",
        "FailoverGlobalReplicationGroup", "TestFailover",
    }  # fmt: skip
    pattern = json.loads(calls_pattern())
    assert pattern["detail"]["eventName"] == sorted(CALLS)
    assert pattern["detail-type"] == ["AWS API Call via CloudTrail"]
