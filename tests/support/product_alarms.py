"""The alarms that the product makes of a group, put into an emulated account as its provider puts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_emulator.handlers.aws.monitoring import MetricAlarm
from redis_ha.arguments import camel_case
from redis_ha.elasticache.alarm_table import alarms, definitions
from redis_ha.elasticache.monitored import Watched
from tests.support.aws_world import REGION, Remote


def put_alarms(remote: Remote, watched: Watched, *topics: str, region: str = REGION) -> list[str]:
    """Put every alarm of a group, with the same topics for ALARM and OK; return their names."""
    return put(remote, alarms(watched, definitions(watched)), *topics, region=region)


def put(remote: Remote, wanted: Mapping[str, dict[str, Any]], *topics: str, region: str = REGION) -> list[str]:
    """Put alarms that are given as the arguments of aws.cloudwatch.MetricAlarm; what they have of actions stays."""
    told = {"alarm_actions": list(topics), "ok_actions": list(topics)}
    for arguments in wanted.values():
        request = MetricAlarm.creation.request(_properties({**told, **arguments}))
        remote.client("cloudwatch", region).put_metric_alarm(**request.parameters)
    return [arguments["name"] for arguments in wanted.values()]


def _properties(value: Any) -> Any:
    """Return arguments with the provider's names; those of dimensions stay."""
    if isinstance(value, list):
        return [_properties(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {camel_case(name): dict(entry) if name == "dimensions" else _properties(entry) for name, entry in value.items()}
