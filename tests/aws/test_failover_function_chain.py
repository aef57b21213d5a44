"""The failover automation as it runs: ElastiCache's message, SNS, the function's process, the document, the bus, a queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import redis_ha.failover.function as package
from redis_ha.failover.function.table import FAILOVER
from tests.support.aws_world import POLICY, Remote, World, until
from tests.support.failover_events import valid
from tests.support.functions import Function, function, queue, received, unique

pytestmark = pytest.mark.servers

SOURCE = "redis-ha.test"
ACTIONS = ("ssm:GetParameters", "ssm:PutParameter", "elasticache:Describe*", "events:PutEvents", "cloudwatch:PutMetricData")


def source() -> dict[str, str]:
    """Give the function's files as the component packs them."""
    folder = Path(package.__file__).parent
    return {f"redis_ha_failover/{file.name}": file.read_text() for file in folder.glob("*.py")}


class Chain:
    """A topic, the function behind it, its bus with a queue, and its schedule."""

    def __init__(self, remote: Remote, group: str, topic: str) -> None:
        self.remote, self.group = remote, group
        events, sns = remote.client("events"), remote.client("sns")
        self.bus, self.path = unique("bus"), f"/redis-ha/{group}"
        events.create_event_bus(Name=self.bus)
        self.relayed, arn = queue(remote)
        events.put_rule(Name="told", EventBusName=self.bus, EventPattern=json.dumps({"source": [SOURCE]}))
        events.put_targets(Rule="told", EventBusName=self.bus, Targets=[{"Id": "queue", "Arn": arn}])
        variables = {
            "REPLICATION_GROUPS": group,
            "PARAMETER_PATH": self.path,
            "EVENT_BUS": self.bus,
            "EVENT_SOURCE": SOURCE,
            "WAIT_SECONDS": "5",
        }
        environment = {"Environment": {"Variables": variables}}
        self.function: Function = function(
            remote, "", *ACTIONS, files=source(), Handler="redis_ha_failover.handler.handle", Timeout=60, **environment
        )
        self.function.allow("sns.amazonaws.com", topic)
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=self.function.arn)
        name = unique("schedule")
        rule = events.put_rule(Name=name, ScheduleExpression="rate(5 minutes)")["RuleArn"]
        self.function.allow("events.amazonaws.com", rule, "schedule")
        events.put_targets(Rule=name, Targets=[{"Id": "function", "Arn": self.function.arn}])

    def document(self, generation: int) -> Any:
        """Wait for the document of a generation, as a reader gets it."""
        ssm = self.remote.client("ssm")

        def look() -> Any:
            found = ssm.get_parameters(Names=[f"{self.path}/{self.group}/endpoints"])["Parameters"]
            return json.loads(found[0]["Value"]) if found else None

        return valid(until(look, lambda document: document is not None and document["generation"] >= generation))


def test_from_a_failover_to_whoever_listens(world: World) -> None:
    topic = world.client("sns").create_topic(Name=unique("topic"), Attributes={"Policy": json.dumps(POLICY)})["TopicArn"]
    group = world.group(NotificationTopicArn=topic)
    chain = Chain(world, group, topic)
    world.account.clock.advance(301)
    before = chain.document(1)
    assert (before["reason"], before["primary_member"]) == ("created", f"{group}-001")
    world.cache.test_failover(ReplicationGroupId=group, NodeGroupId="0001")
    world.available(group)
    after = chain.document(2)
    assert (after["reason"], after["primary_member"]) == ("failover-complete", f"{group}-002")
    assert after["endpoints"] == before["endpoints"]
    told = [json.loads(message["Body"]) for message in received(world, chain.relayed, 2)]
    assert {event["detail-type"] for event in told} == {"EndpointsChanged", FAILOVER}
    assert {event["source"] for event in told} == {SOURCE}
    failover = next(event for event in told if event["detail-type"] == FAILOVER)
    assert group in json.dumps(failover["detail"])
    # The regular look after it finds nothing new, in the same process.
    world.account.clock.advance(301)
    assert chain.document(2) == after
    assert until(lambda: chain.function.sum("Invocations"), lambda count: count >= 3) == 3
    assert chain.function.sum("Errors") == 0
