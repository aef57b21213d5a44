"""The calls that the function makes: what AWS answers as plain data, and what it refuses as errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3
from botocore.config import Config

from .events import Event
from .settings import Settings, document_name, host_and_port_name

# Set, because the default is that of the boto3 which the runtime happens to bring: "legacy" with five attempts in older ones
# (docs.aws.amazon.com/boto3/latest/guide/retries.html), "standard" with three in botocore 1.44 (configprovider.py, retry_mode).
# total_max_attempts counts the first one; max_attempts in a Config does not (botocore args.py, _compute_retry_max_attempts).
# The time-outs, which are 60 s by default, leave room for three attempts within the time that the function has.
CONFIG: Final = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, tcp_keepalive=True
)
# botocore, elasticache 2015-02-02, DescribeEvents: "up to 14 days' worth of events". A minute less, so that the time of the
# call itself does not make it more.
EVENTS_KEPT: Final = timedelta(days=14) - timedelta(minutes=1)


class RelayError(Exception):
    """EventBridge did not take an event."""


@dataclass(frozen=True)
class Stored:
    """The parameters of a group as they are; version 0 and None for what is not there."""

    document: str | None
    version: int
    host_and_port: str | None


class Cloud:
    """AWS's API as the function uses it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        session = boto3.session.Session(region_name=settings.region)
        self.elasticache = session.client("elasticache", config=CONFIG)
        self.ssm = session.client("ssm", config=CONFIG)
        self.events = session.client("events", config=CONFIG)
        self._session = session

    def group(self, group_id: str) -> Mapping[str, Any] | None:
        """Return how a replication group is now, None when there is none of that id."""
        try:
            found = self.elasticache.describe_replication_groups(ReplicationGroupId=group_id)["ReplicationGroups"]
        except self.elasticache.exceptions.ReplicationGroupNotFoundFault:
            return None
        group: Mapping[str, Any] = found[0]
        return group

    def told(self, group_id: str, since: datetime) -> list[Mapping[str, Any]]:
        """Return what ElastiCache's own record holds of a group since a time, as far back as it goes."""
        start = max(since, datetime.now(UTC) - EVENTS_KEPT)
        pages = self.elasticache.get_paginator("describe_events").paginate(
            SourceIdentifier=group_id, SourceType="replication-group", StartTime=start
        )
        return [event for page in pages for event in page["Events"]]

    def stored(self, group_id: str) -> Stored:
        """Return a group's parameters."""
        names = [self.document_name(group_id), self.host_and_port_name(group_id)]
        found = {entry["Name"]: entry for entry in self.ssm.get_parameters(Names=names)["Parameters"]}
        document, plain = (found.get(name, {}) for name in names)
        return Stored(document.get("Value"), document.get("Version", 0), plain.get("Value"))

    def store(self, name: str, value: str) -> int:
        """Write a parameter; return its version, which is one above the last one unless somebody wrote in between.

        The tier is said, because an account's default may be another one, which is charged and cannot be taken back
        (botocore, ssm 2014-11-06, PutParameterRequest.Tier).
        """
        version: int = self.ssm.put_parameter(Name=name, Value=value, Type="String", Tier="Standard", Overwrite=True)["Version"]
        return version

    def document_name(self, group_id: str) -> str:
        """Return the name of the parameter that holds a group's document."""
        return document_name(self.settings.parameter_path, group_id)

    def host_and_port_name(self, group_id: str) -> str:
        """Return the name of the parameter that holds host:port alone."""
        return host_and_port_name(self.settings.parameter_path, group_id)

    def secret(self, arn: str) -> str:
        """Return a secret's text as it is now."""
        client = self._session.client("secretsmanager", config=CONFIG)  # made when a target is used, which most have none of
        text: str = client.get_secret_value(SecretId=arn)["SecretString"]
        return text

    def relay(self, event: Event, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Put an event on the bus. Raises RelayError when EventBridge did not take it: PutEvents answers 200 for that too."""
        entry = {
            "Time": event.time,
            "Source": self.settings.event_source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "EventBusName": self.settings.event_bus,
        }
        answer = self.events.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            (failed,) = answer["Entries"]
            raise RelayError(f"{self.settings.event_bus} did not take {detail_type}: {failed.get('ErrorCode')}")
