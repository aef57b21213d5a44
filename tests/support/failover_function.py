"""The failover function as Lambda runs it, with real boto3 against an emulated AWS; its topic, its parameters and its bus."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from redis_ha.failover.function import handler
from redis_ha.failover.function.calls import Cloud
from redis_ha.failover.function.copies import targets_of
from redis_ha.failover.function.settings import read_settings
from tests.support.aws_world import POLICY, REGION, Remote, until
from tests.support.failover_events import delivery, valid

SOURCE = "redis-ha.test"


@dataclass
class Deployed:
    """A function for some groups: what it has written, said and relayed."""

    remote: Remote
    world: handler.World
    bus_queue: str
    said: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def run(self, payload: Any) -> None:
        handler.run(payload, self.world)

    def document(self, group_id: str) -> Any:
        """Give the document as a reader gets it, checked against the schema."""
        return valid(json.loads(self.parameter(f"{group_id}/endpoints")["Value"]))

    def parameter(self, name: str) -> Any:
        path = f"{self.world.settings.parameter_path}/{name}"
        return self.remote.client("ssm").get_parameter(Name=path)["Parameter"]

    def versions(self, group_id: str) -> int:
        """Give how often the document was written."""
        return int(self.parameter(f"{group_id}/endpoints")["Version"])

    def relayed(self) -> list[dict[str, Any]]:
        """Give what came out of the bus so far."""
        while True:
            found = [json.loads(body) for body in self.remote.messages(self.bus_queue)]
            if not found:
                return self.seen
            self.seen += found

    def notes(self, name: str) -> list[dict[str, Any]]:
        """Give the lines that hold a metric."""
        return [line for line in self.said if name in line]


def environment(monkeypatch: pytest.MonkeyPatch, remote: Remote, **variables: str) -> dict[str, str]:
    """Let boto3 find the emulated AWS as it finds the real one in Lambda: by its environment."""
    values = {
        "AWS_ENDPOINT_URL": remote.endpoint.url,
        "AWS_ACCESS_KEY_ID": remote.endpoint.key.key_id,
        "AWS_SECRET_ACCESS_KEY": remote.endpoint.key.secret,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
        **variables,
    }
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def deploy(
    monkeypatch: pytest.MonkeyPatch,
    remote: Remote,
    *groups: str,
    sleep: Callable[[float], None] | None = None,
    wait: float = 30,
    variables: Mapping[str, str] | None = None,
) -> Deployed:
    """Make a bus whose events come into a queue, and the function that relays to it, with more variables in its environment."""
    bus = remote.name("bus")
    path = f"/redis-ha/{bus}/failover"
    values = environment(
        monkeypatch,
        remote,
        REPLICATION_GROUPS=",".join(groups),
        PARAMETER_PATH=path,
        EVENT_BUS=bus,
        EVENT_SOURCE=SOURCE,
        WAIT_SECONDS=str(wait),
        **(variables or {}),
    )
    events, sqs = remote.client("events"), remote.client("sqs")
    events.create_event_bus(Name=bus)
    url = sqs.create_queue(QueueName=remote.name("relayed"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="all", EventBusName=bus, EventPattern=json.dumps({"source": [SOURCE]}))
    events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    settings = read_settings(values)
    said: list[dict[str, Any]] = []
    cloud = Cloud(settings)
    world = handler.World(
        settings,
        cloud,
        targets_of(settings.copies, cloud.secret),
        sleep=sleep or (lambda _: None),
        write=lambda line: said.append(json.loads(line)),
    )
    return Deployed(remote, world, url, said)


class Topic:
    """A topic that ElastiCache may publish to, and what Lambda gets of it."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        sns, sqs = remote.client("sns"), remote.client("sqs")
        self.arn = sns.create_topic(Name=remote.name("topic"), Attributes={"Policy": json.dumps(POLICY)})["TopicArn"]
        self.queue = sqs.create_queue(QueueName=remote.name("queue"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.subscription = sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
        self.records: list[dict[str, Any]] = []

    def record_of(self, event: str) -> dict[str, Any]:
        """Wait for the message of an event; give it as a record of a delivery."""

        def look() -> list[dict[str, Any]]:
            for body in self.remote.messages(self.queue):
                envelope = json.loads(body)
                # docs.aws.amazon.com/lambda/latest/dg/with-sns.html: Lambda gets the message as it is, under "Sns".
                self.records.append(
                    {
                        "EventVersion": "1.0",
                        "EventSubscriptionArn": self.subscription,
                        "EventSource": "aws:sns",
                        "Sns": envelope,
                    }
                )
            return [record for record in self.records if event in json.loads(record["Sns"]["Message"])]

        found = until(look, bool)
        assert found, f"no {event} came"
        record: dict[str, Any] = found[-1]
        return record

    def delivery_of(self, event: str) -> dict[str, Any]:
        return delivery(self.record_of(event))
