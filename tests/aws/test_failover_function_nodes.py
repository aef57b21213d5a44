"""The failover function with real cache nodes: a primary dies, SNS delivers ElastiCache's message, the parameter says so."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_emulator import aws
from redis_ha.failover.function.table import FAILOVER
from tests.support.aws_stack import Stack
from tests.support.aws_world import TOKEN, ZONES
from tests.support.failover_events import schedule
from tests.support.failover_function import Topic, deploy

pytestmark = [pytest.mark.machines, pytest.mark.timeout(600)]


def writes(stack: Stack, document: Any) -> bool:
    """Tell whether the document's endpoint takes a write and the data of before is there."""
    endpoints = document["endpoints"]
    host = endpoints.get("primary", endpoints.get("configuration"))["host"]
    clustered = "primary" not in endpoints
    answers = stack.ask(host, [["SET", "after", "1"]], cluster=clustered, tls=document["tls"])
    return answers == [True] and stack.lost(host, cluster=clustered) == []


@pytest.mark.parametrize("clustered", [False, True], ids=["disabled", "enabled"])
def test_a_test_failover(stack: Stack, monkeypatch: pytest.MonkeyPatch, clustered: bool) -> None:
    topic = Topic(stack)
    make = stack.shards if clustered else stack.group
    group = make(AuthToken=TOKEN, NotificationTopicArn=topic.arn, CacheSubnetGroupName=stack.subnet_group())
    deployed = deploy(monkeypatch, stack, group)
    deployed.run(schedule())
    before = deployed.document(group)
    host = before["endpoints"]["configuration" if clustered else "primary"]["host"]
    stack.write(host, cluster=clustered)
    stack.failover(group, "0002" if clustered else "0001")
    payload = topic.delivery_of(FAILOVER)
    deployed.run(payload)
    after = deployed.document(group)
    assert (after["generation"], after["reason"], after["endpoints"]) == (2, "failover-complete", before["endpoints"])
    assert after["event_id"] == payload["Records"][0]["Sns"]["MessageId"]
    assert after["primary_member"] == (None if clustered else f"{group}-002")
    assert writes(stack, after)
    assert [event["detail-type"] for event in deployed.relayed()] == ["EndpointsChanged", FAILOVER]
    # Delivered twice, and looked at again: DescribeEvents tells of the same failover.
    deployed.run(payload)
    deployed.run(schedule(3600, "s-2"))
    assert deployed.document(group) == after


def test_a_lost_zone_is_followed_while_the_group_is_not_available(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Topic(stack)
    group = stack.group(AuthToken=TOKEN, NotificationTopicArn=topic.arn, CacheSubnetGroupName=stack.subnet_group())
    deployed = deploy(monkeypatch, stack, group, wait=4)
    deployed.run(schedule())
    stack.write(deployed.document(group)["endpoints"]["primary"]["host"])
    aws.zone_power(stack.folder, ZONES[0], on=False)
    try:
        deployed.run(topic.delivery_of(FAILOVER))
        lost = deployed.document(group)
        assert (lost["generation"], lost["state"], lost["primary_member"]) == (2, "modifying", f"{group}-002")
        assert writes(stack, lost)
    finally:
        aws.zone_power(stack.folder, ZONES[0], on=True)
    stack.available(group)
    deployed.run(topic.delivery_of("ElastiCache:CacheNodeReplaceComplete"))
    found = deployed.document(group)
    assert (found["generation"], found["state"], found["primary_member"]) == (2, "available", f"{group}-002")
