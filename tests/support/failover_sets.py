"""Generated argument sets of FailoverAutomation: good ones, and good ones with one mistake whose argument is known.

The values are written here by hand, from the pages that the component's own checks name, so that code and test do not share one
table.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.support.argument_sets import Arguments, ArgumentSet, generated

ALARMS = "arn:aws:sns:eu-central-1:123456789012:alarms"
SLACK = "https://hooks.slack.com/services/T000/B000/secret-of-slack"
FREE_NAMES = ("groups", "alarm_topics", "tags", "overrides", "slack", "pagerduty", "webhooks")


def topic(name: str, region: str = "eu-central-1") -> str:
    return f"arn:aws:sns:{region}:123456789012:{name}"


def _groups(rng: random.Random) -> Arguments:
    one: Arguments = {"topic_arn": topic("orders-elasticache-events")}
    if rng.random() < 0.5:
        one |= {"presets": ["saturation"], "node_ids": ["orders-001", "orders-002"]}
    more: Arguments = rng.choice(
        [{}, {"carts": {"topic_of": "orders"}}, {"carts": {"topic_arn": topic("carts")}, "a1": {"topic_arn": topic("carts")}}]
    )
    return {"orders": one, **more}


def _good(rng: random.Random, number: int) -> Arguments:
    args: Arguments = {"region": "eu-central-1", "function_name": f"follow-{number}", "groups": _groups(rng)}
    optional: dict[str, Callable[[], Any]] = {
        "alarm_topics": lambda: {"alarms": ALARMS},
        "schedule_minutes": lambda: rng.choice([1, 15, 60]),
        "cloudtrail": lambda: rng.choice([True, False]),
        "parameter_path": lambda: rng.choice(["/shop/redis", "/a"]),
        "event_source": lambda: rng.choice(["shop.redis", "aws", "awsome"]),
        "function": lambda: rng.choice(
            [
                {"wait_seconds": 0, "tracing": True},
                {"reserved_concurrency": -1, "memory_mb": 128, "log_retention_days": 365},
                {"max_event_age_seconds": 21_600, "wait_seconds": 600, "reserved_concurrency": 2},
            ]
        ),
        "tags": lambda: {"team": "shop", "cost centre": "42"},
        "protect": lambda: rng.choice([True, False]),
        "notify": lambda: rng.choice(
            [
                {"emails": ["on-call@example.com", "shop@example.com"]},
                {"slack": {"ops": {"webhook_url": SLACK}}, "severities": ["critical"]},
                {"pagerduty": {"db": {"routing_key": "0123456789abcdef0123456789abcdef"}}},
                {
                    "webhooks": {
                        "own": {"webhook_url": "https://example.com/hook?a=1", "token": "Bearer abc"},
                        "other": {"webhook_url": "https://example.com/", "token": "abc", "header": "X-Token"},
                    }
                },
            ]
        ),
    }
    for name, choose in optional.items():
        if rng.random() < 0.4:
            args[name] = choose()
    args["alarms"] = rng.choice(
        [
            {"enabled": False},
            {"topic_arns": [ALARMS], "off": ["throttles"], "actions_enabled": False},
            {"topic_arns": [ALARMS], "overrides": {"failures": {"threshold": 3, "periods": 4}}},
        ]
    )
    return args


def _with(args: Arguments, **changes: Any) -> Arguments:
    return {name: value for name, value in {**args, **changes}.items() if value is not None}


def _group(**changes: Any) -> Callable[[Arguments], Arguments]:
    """A mistake in the only group."""
    one = {"topic_arn": topic("orders"), **changes}
    return lambda args: _with(args, groups={"orders": {name: value for name, value in one.items() if value is not None}})


def _block(block: str, **changes: Any) -> Callable[[Arguments], Arguments]:
    return lambda args: _with(args, **{block: changes})


MISTAKES: list[tuple[str, Callable[[Arguments], Arguments]]] = [
    ("region", lambda args: _with(args, region=None)),
    ("region", lambda args: _with(args, region="Frankfurt")),
    ("groups", lambda args: _with(args, groups=None)),
    ("groups", lambda args: _with(args, groups={})),
    ("groups", lambda args: _with(args, groups={"Orders": {"topic_arn": topic("orders")}})),
    ("groups", lambda args: _with(args, groups={f"a{at}": {"topic_arn": topic("all")} for at in range(100)})),
    (
        "groups",
        lambda args: _with(
            args, groups={"arn:aws:elasticache:us-east-1:123456789012:replicationgroup:o": {"topic_arn": topic("o")}}
        ),
    ),
    ("groups.orders.topic_arn", _group(topic_arn=None)),
    ("groups.orders.topic_arn", _group(topic_arn=topic("orders", "eu-west-1"))),
    ("groups.orders.topic_arn", _group(topic_arn="arn:aws:sqs:eu-central-1:123456789012:orders")),
    ("groups.orders.topic_arn", _group(topic_arn=topic("orders.fifo"))),
    ("groups.orders.topic_of", _group(topic_arn=None, topic_of="carts")),
    ("groups.orders.topic_of", _group(topic_of="orders")),
    ("groups.orders.topic_kms_key", _group(topic_kms_key="alias/aws/sns")),
    ("groups.orders.presets", _group(presets=["failover"], node_ids=["orders-001"])),
    ("groups.orders.node_ids", _group(presets=["saturation"])),
    ("alarm_topics.alarms", _block("alarm_topics", alarms=topic("alarms", "us-east-1"))),
    ("schedule_minutes", lambda args: _with(args, schedule_minutes=0)),
    ("parameter_path", lambda args: _with(args, parameter_path="shop")),
    ("parameter_path", lambda args: _with(args, parameter_path="/AWS/shop")),
    ("event_source", lambda args: _with(args, event_source="aws.elasticache")),
    ("event_source", lambda args: _with(args, event_source="AWS.elasticache")),
    ("function_name", lambda args: _with(args, function_name="f" * 41)),
    ("function.reserved_concurrency", _block("function", reserved_concurrency=0)),
    ("function.wait_seconds", _block("function", wait_seconds=601)),
    ("function.log_retention_days", _block("function", log_retention_days=31)),
    ("function.max_event_age_seconds", _block("function", max_event_age_seconds=59)),
    ("function.memory_mb", _block("function", memory_mb=127)),
    ("alarms.topic_arns", lambda args: _with(args, alarms={"off": ["errors"]}, notify={})),
    ("alarms.topic_arns", lambda args: _with(args, alarms=None, notify={"slack": {"ops": {"webhook_url": SLACK}}})),
    ("alarms.off", _block("alarms", topic_arns=[ALARMS], off=["cpu"])),
    ("notify.severities", _block("notify", severities=["fatal"])),
    ("notify.severities", _block("notify", severities=[])),
    ("notify.emails", _block("notify", emails=["on-call"])),
    ("notify.slack.ops.webhook_url", _block("notify", slack={"ops": {"webhook_url": "http://hooks.slack.com/services/x"}})),
    ("notify.pagerduty.db.routing_key", _block("notify", pagerduty={"db": {"routing_key": ""}})),
    ("notify.webhooks.own.token", _block("notify", webhooks={"own": {"webhook_url": SLACK, "token": ""}})),
    ("notify.webhooks.own.header", _block("notify", webhooks={"own": {"webhook_url": SLACK, "token": "t", "header": "a b"}})),
    ("notify.slack", _block("notify", slack={"much-too-long-a-name": {"webhook_url": SLACK}})),
    ("tags", lambda args: _with(args, tags={"aws:owner": "me"})),
]


def argument_sets(count: int) -> list[ArgumentSet]:
    """Return as many sets, always the same; about half of them with one mistake."""
    return generated(count, _good, MISTAKES)
