"""The CloudWatch alarms of a replication group: their settings, what is wrong with them, and the resources."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import Checks
from redis_ha.cloudwatch import AlarmOverride, check_periods, checked_settings

from .alarm_table import NAMES, Definition, alarms, definitions, overridden
from .monitored import Watched

# docs.aws.amazon.com, AmazonCloudWatch, "CloudWatch service quotas": alarms per Region and account, until raised.
MAX_ALARMS = 5_000
# docs.aws.amazon.com, AmazonCloudWatch, Create_Metrics_Insights_Alarm: the latest three hours.
MAX_QUERIED_SECONDS = 10_800


class AlarmSettings(TypedDict):
    """The group's CloudWatch alarms, one per node, or one query per metric with autoscaling.

    Names: cpu, memory, memory_critical, evictions, replication_lag, connections_high, connections_drop, hit_rate, read_latency,
    write_latency, authentication_failures, replica_link, failover, swap.
    """

    enabled: NotRequired[bool]
    """Whether there are alarms at all. Default true."""
    topic_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """SNS topics that are notified of ALARM and of OK, at most 5. Not the topic of ElastiCache's events: this
    one may be encrypted. Default: none."""
    off: NotRequired[Sequence[str]]
    """Alarms not to make, by name."""
    overrides: NotRequired[Mapping[str, AlarmOverride]]
    """Changed thresholds and periods, by name of the alarm."""
    actions_enabled: NotRequired[bool]
    """Whether the topics are notified. Default true."""


def check_alarms(settings: AlarmSettings | None, watched: Watched) -> list[tuple[str, str]]:
    """Return what is wrong with the settings: (argument, reason). Outputs are allowed in `topic_arns` only."""
    checks = checked_settings(settings, tuple(AlarmSettings.__annotations__), NAMES)
    if not checks.problems:
        _check_together(checks, watched, wanted_alarms(checks.args, watched))
    return checks.under("alarms")


def _check_together(checks: Checks, watched: Watched, rows: Sequence[Definition]) -> None:
    """Check what only shows when defaults and changes are put together."""
    if watched.autoscaled is None:
        check_periods(checks, rows)
    else:
        check_periods(checks, rows, MAX_QUERIED_SECONDS, "a Metrics Insights query")
    count = len(alarms(watched, rows))
    if count > MAX_ALARMS:
        remedy = "switch alarms off by name (alarms.off), or all of them (alarms.enabled: false)"
        checks.refuse("off", f"{count} alarms; an account has {MAX_ALARMS} a region: {remedy}")


def wanted_alarms(settings: Mapping[str, Any] | None, watched: Watched) -> list[Definition]:
    """Return the alarms that are wanted, changed as the settings say."""
    given = settings or {}
    if not given.get("enabled", True):
        return []
    off = given.get("off") or ()
    changes: Mapping[str, Mapping[str, Any]] = given.get("overrides") or {}
    return [overridden(row, changes.get(row.name, {})) for row in definitions(watched) if row.name not in off]


def make_alarms(
    place: Place, watched: Watched, settings: AlarmSettings | None, group: pulumi.Resource
) -> dict[str, aws.cloudwatch.MetricAlarm]:
    """Make the alarms after the group; keys are `cpu-0001-002` (of a node) or `cpu` (of a query over all nodes)."""
    given: Mapping[str, Any] = settings or {}
    topics = given.get("topic_arns")
    return {
        key: aws.cloudwatch.MetricAlarm(
            f"{place.name}-{key.replace('_', '-')}",
            **arguments,
            actions_enabled=given.get("actions_enabled", True),
            alarm_actions=topics,
            ok_actions=topics,  # so that an incident closes by itself
            region=place.region,
            tags=place.tags,
            opts=place.child(depends_on=[group]),
        )
        for key, arguments in alarms(watched, wanted_alarms(given, watched)).items()
    }
