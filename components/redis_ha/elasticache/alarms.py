"""The CloudWatch alarms of a replication group: their settings, what is wrong with them, and the resources."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Place
from redis_ha.arguments import Checks
from redis_ha.cloudwatch import MAX_ACTIONS, MAX_EVALUATED_SECONDS, AlarmOverride

from .alarm_table import NAMES, Definition, alarms, definitions, overridden
from .monitored import Watched

# docs.aws.amazon.com, AmazonCloudWatch, "CloudWatch service quotas": alarms per Region and account, until raised.
MAX_ALARMS = 5_000
# docs.aws.amazon.com, AmazonCloudWatch, Create_Metrics_Insights_Alarm: the latest three hours.
MAX_QUERIED_SECONDS = 10_800


class AlarmSettings(TypedDict):
    """The group's CloudWatch alarms, one per node, or one query per metric where autoscaling moves nodes.

    Names: cpu, memory, memory_critical, evictions, replication_lag, connections_high, connections_drop, hit_rate, read_latency,
    write_latency, authentication_failures, replica_link, failover, swap.
    """

    enabled: NotRequired[bool]
    """Whether there are alarms at all. Default true."""
    topic_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """SNS topics that are told when an alarm rings and when it is over, at most 5. Not the topic of ElastiCache's events: this
    one may be encrypted. Default: none, the alarms only show."""
    off: NotRequired[Sequence[str]]
    """Alarms not to make, by name."""
    overrides: NotRequired[Mapping[str, AlarmOverride]]
    """Changed thresholds and periods, by name of the alarm."""
    actions_enabled: NotRequired[bool]
    """Whether the topics are told. Default true."""


def check_alarms(settings: AlarmSettings | None, watched: Watched) -> list[tuple[str, str]]:
    """Return what is wrong with the settings: (argument, reason). Outputs are allowed in `topic_arns` only."""
    given: Mapping[str, Any] = settings or {}
    checks = Checks(given)
    checks.known(tuple(AlarmSettings.__annotations__))
    checks.switch("actions_enabled", default=True)
    checks.switch("enabled", default=True)
    for name in checks.texts("off", re.compile(r"\w+"), "the name of an alarm"):
        _check_name(checks, "off", name)
    for name, change in checks.mapping("overrides").items():
        if _check_name(checks, "overrides", name):
            _check_override(checks, name, change)
    topics = given.get("topic_arns")
    if isinstance(topics, list | tuple) and len(topics) > MAX_ACTIONS:
        checks.refuse("topic_arns", f"{len(topics)} topics; an alarm tells {MAX_ACTIONS} at most: fan out from one of them")
    if not checks.problems:
        _check_together(checks, watched, wanted_alarms(given, watched))
    return [(f"alarms.{argument}", reason) for argument, reason in checks.problems]


def _check_name(checks: Checks, argument: str, name: str) -> bool:
    if name in NAMES:
        return True
    near = difflib.get_close_matches(name, NAMES, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}"
    checks.refuse(argument, f"{name!r} is no alarm; {hint}")
    return False


def _check_override(checks: Checks, name: str, change: object) -> None:
    path = f"overrides.{name}"
    if not isinstance(change, Mapping):
        checks.refuse(path, f"{change!r} is no mapping; give threshold, periods, datapoints")
        return
    inner = Checks(change)
    inner.known(tuple(AlarmOverride.__annotations__))
    threshold = change.get("threshold")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
        inner.refuse("threshold", f"{threshold!r} is no number; give one in the alarm's unit")
    inner.whole("periods", 1, 1, MAX_EVALUATED_SECONDS // 60)
    inner.whole("datapoints", 1, 1, MAX_EVALUATED_SECONDS // 60)
    checks.problems.extend((f"{path}.{argument}", reason) for argument, reason in inner.problems)


def _check_together(checks: Checks, watched: Watched, rows: Sequence[Definition]) -> None:
    """Check what only shows when defaults and changes are put together."""
    limit = MAX_EVALUATED_SECONDS if watched.autoscaled is None else MAX_QUERIED_SECONDS
    for row in rows:
        path = f"overrides.{row.name}"
        if row.datapoints > row.periods:
            checks.refuse(f"{path}.datapoints", f"{row.datapoints} is more than the {row.periods} periods that are looked at")
        if row.periods * row.period > limit:
            what = "an alarm" if watched.autoscaled is None else "a Metrics Insights query"
            checks.refuse(
                f"{path}.periods",
                f"{row.periods} periods of {row.period} s; {what} looks back {limit} s: use {limit // row.period} at most",
            )
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
