"""FailoverAutomation through the real engine: deployed, deployed again, changed, and nothing secret in its state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.emulated import Emulated, shared_home
from tests.support.failover_sets import SLACK

pytestmark = pytest.mark.engine
ROUTING_KEY, TOKEN = "0123456789abcdef0123456789abcdef", "Bearer of-the-webhook"
PROGRAM = f"""
import pulumi
import pulumi_aws as aws
from redis_ha.failover import FailoverAutomation

events = aws.sns.Topic("events", region="eu-central-1")
alarms = aws.sns.Topic("alarms", region="eu-central-1")
args = {{
    "region": "eu-central-1",
    "groups": {{
        "orders": {{"topic_arn": events.arn, "topic_kms_key": events.kms_master_key_id}},
        "carts": {{"topic_of": "orders"}},
    }},
    "alarm_topics": {{"alarms": alarms.arn}},
    "alarms": {{"topic_arns": [alarms.arn]}},
    "cloudtrail": True,
    "notify": {{
        "emails": ["on-call@example.com"],
        "slack": {{"ops": {{"webhook_url": {SLACK!r}}}}},
        "pagerduty": {{"db": {{"routing_key": {ROUTING_KEY!r}}}}},
        "webhooks": {{"own": {{"webhook_url": "https://example.com/own", "token": {TOKEN!r}}}}},
    }},
    "protect": False,
    "tags": {{"team": "shop"}},
}} | CHANGES
made = FailoverAutomation("shop", args)
pulumi.export("connections", made.connections)
pulumi.export("function", made.function_arn)
pulumi.export("bus", made.event_bus_arn)
"""


def program(**changes: Any) -> str:
    return f"CHANGES = {changes!r}\n{PROGRAM}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    folder = tmp_path_factory.mktemp("failover")
    made = Emulated.create(folder / "program", shared_home(folder / "home"), program())
    try:
        made.run("up")
        yield made
    finally:
        made.clean_up()


def test_a_second_up_changes_nothing(stack: Emulated) -> None:
    stack.run("preview", "--expect-no-changes")


def test_outputs(stack: Emulated) -> None:
    outputs = stack.outputs()
    assert outputs["connections"]["carts"] == {
        "version": 1, "kind": "ssm", "region": "eu-central-1", "parameter": "/redis-ha/shop/failover/carts/endpoints",
    }  # fmt: skip
    assert outputs["function"].endswith(":function:shop-failover")
    assert outputs["bus"].endswith(":event-bus/shop-failover")


def test_nothing_secret_is_in_the_state(stack: Emulated) -> None:
    state = json.dumps(stack.state_resources())
    assert "shop-told-slack-ops" in state
    for secret in (SLACK, ROUTING_KEY, TOKEN):
        assert secret not in state


def test_a_change_of_the_function_is_made_in_place(stack: Emulated) -> None:
    kept = (stack.program / "__main__.py").read_text()
    try:
        stack.edit(program(function={"wait_seconds": 20}))
        told = stack.run("preview").stdout
        assert "update aws.lambda.Function shop-function" in told
        assert "replace" not in told
    finally:
        stack.edit(kept)


def test_a_topic_that_is_encrypted_is_refused_in_the_preview(stack: Emulated) -> None:
    kept = (stack.program / "__main__.py").read_text()
    try:
        stack.edit(kept.replace('Topic("events", ', 'Topic("events", kms_master_key_id="alias/aws/sns", '))
        assert "groups.orders.topic_kms_key: is given, so the topic is encrypted" in stack.fails("preview")
    finally:
        stack.edit(kept)
