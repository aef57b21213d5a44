"""From arguments to a plan: everything that can be wrong with a FailoverAutomation is found here, at once. No Pulumi."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redis_ha.amazon import REGION, checked_tags
from redis_ha.arguments import Checks, did_you_mean, kind_of, shown
from redis_ha.arns import TOPIC, check_value
from redis_ha.cloudwatch import check_periods, checked_settings

from .alarm_table import NAMES, PRESETS, definitions
from .copies_checks import checked_copies
from .function.settings import (
    DEFAULT_SOURCE,
    DEFAULT_WAIT_SECONDS,
    GROUP_ID,
    MOST_WAIT_SECONDS,
    PARAMETER_PATH,
    RESERVED_PATHS,
    RESERVED_SOURCE,
)
from .notify_checks import Notified, checked_notify
from .plan import MOST_SECONDS, Plan, Topic, timeout_seconds
from .settings import FailoverAlarms, FailoverFunction, FailoverGroup

# What is called after the function has a suffix: AWS takes 64 characters for rules, connections and roles (botocore, events
# 2015-10-07, RuleName, ConnectionName; iam 2010-05-08, roleNameType), and the longest suffix has 24 of them.
FUNCTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
# botocore, events 2015-10-07, PutEventsRequestEntry.Source; eb-events-structure: no source of one's own begins with "aws.".
EVENT_SOURCE = re.compile(r"[A-Za-z0-9._/-]{1,256}")
TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
# docs.aws.amazon.com, AmazonCloudWatchLogs, PutRetentionPolicy: the days that it takes.
RETENTIONS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
GROUP_ARN = re.compile(r"arn:[\w-]+:elasticache:(?P<region>[\w-]*):\d*:replicationgroup:(?P<id>.+)")
FIFO = ".fifo"
# What is no Output, so that nobody will know more of it later.
NEVER_LATER = (str, int, float, list, tuple, Mapping)
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, ECEvents.SNS.
ENCRYPTED = (
    "is given, so the topic is encrypted: ElastiCache sends nothing to such a topic, and no error either; give the group a "
    "topic without a KMS key (an alarms' topic may have one)"
)
NO_TOPIC = (
    "is missing, and an alarm without a topic tells nobody; give the ARN of an SNS topic, or mail addresses in notify.emails, "
    "or set alarms.enabled to false"
)


def make_plan(name: str, args: Mapping[str, Any], known: Sequence[str]) -> tuple[Plan, Checks]:
    """Check the plain arguments; return the plan and the checks with everything that is wrong."""
    checks = Checks(args)
    checks.known(known)
    region = checks.text("region", None, REGION, "a region of AWS such as eu-central-1")
    groups = _groups(checks, region)
    function = _function(checks)
    schedule_minutes = checks.whole("schedule_minutes", 5, 1, 60)
    told = checked_notify(checks)
    nodes = {group: _nodes(group, inner) for group, inner in groups.items()}
    presets = frozenset(preset for one in nodes.values() for preset in one)
    alarms = _alarms(checks, schedule_minutes, presets, told)
    for group, inner in groups.items():
        checks.problems += inner.under(f"groups.{group}")
    plan = Plan(
        name=name,
        region=region,
        function_name=checks.text(
            "function_name", f"{name}-failover", FUNCTION_NAME, "1 to 40 letters, digits, hyphens and underscores"
        ),
        groups=tuple(groups),
        topics=tuple(_topics(checks, groups, region)),
        kms_keys={
            f"groups.{group}.topic_kms_key": inner.args["topic_kms_key"]
            for group, inner in groups.items()
            if inner.args.get("topic_kms_key") is not None
        },
        parameter_path=_parameter_path(checks, name),
        event_source=_event_source(checks),
        schedule_minutes=schedule_minutes,
        cloudtrail=checks.switch("cloudtrail", default=False),
        **function,
        servers=checked_copies(checks, region),
        **alarms,
        nodes=nodes,
        severities=told.severities,
        emails=told.emails,
        receivers=told.receivers,
        tags=checked_tags(checks),
        protect=checks.switch("protect", default=True),
    )
    servers = len(plan.servers)
    each = timeout_seconds(0, 1, servers) - timeout_seconds(0, 0, servers)
    most = (MOST_SECONDS - timeout_seconds(plan.wait_seconds, 0, servers)) // each
    if plan.timeout_seconds > MOST_SECONDS:
        checks.refuse(
            "groups",
            f"{len(groups)} groups; a run of Lambda takes {MOST_SECONDS} s at most, which is enough for {most} with "
            f"function.wait_seconds {plan.wait_seconds}: make a second FailoverAutomation",
        )
    return plan, checks


def _groups(checks: Checks, region: str) -> dict[str, Checks]:
    """Read the groups; return the checks of each by its id, in the ids' order."""
    found: dict[str, Checks] = {}
    for group, block in sorted(checks.mapping("groups").items()):
        arn = GROUP_ARN.fullmatch(group)
        if arn is not None and arn["region"] != region:
            checks.refuse("groups", f"{group!r} lies in {arn['region']}; make a FailoverAutomation there for it")
        elif arn is not None:
            checks.refuse("groups", f"{group!r} is an ARN; give the id alone, {arn['id']}")
        elif not GROUP_ID.fullmatch(group):
            checks.refuse(
                "groups", f"{group!r} is no id of a replication group; give the id alone, in lower case as AWS keeps it"
            )
        else:
            inner = found[group] = Checks(block)
            inner.known(tuple(FailoverGroup.__annotations__))
            _check_topic(inner, "topic_arn", inner.args.get("topic_arn"), region)
            inner.optional_text("topic_of")
            key = inner.args.get("topic_kms_key")
            if key and isinstance(key, NEVER_LATER):
                inner.refuse("topic_kms_key", ENCRYPTED)
    if not found and not checks.refused("groups"):
        checks.refuse("groups", "is missing; give the replication groups by id, each with the topic_arn of its events")
    return found


def _check_topic(checks: Checks, argument: str, arn: object, region: str) -> None:
    if isinstance(arn, NEVER_LATER) and not isinstance(arn, str):
        checks.refuse(argument, f"{shown(arn)} is not text; give the topic's ARN")
    check_value(checks, argument, arn, TOPIC, region=region)
    # docs.aws.amazon.com, sns/latest/dg, sns-fifo-topics: these deliver to queues alone.
    if isinstance(arn, str) and arn.endswith(FIFO) and not checks.refused(argument):
        checks.refuse(argument, f"{shown(arn)} is a FIFO topic, which delivers to no function; give a standard one")


def _topics(checks: Checks, groups: Mapping[str, Checks], region: str) -> Iterator[Topic]:
    """Yield every topic once: what is the same text or the same Output is subscribed to once."""
    seen: list[Any] = []
    for argument, key, arn in _all_topics(checks, groups, region):
        if not any(arn is one or (isinstance(arn, str) and isinstance(one, str) and arn == one) for one in seen):
            seen.append(arn)
            yield Topic(argument, key, arn)


def _all_topics(checks: Checks, groups: Mapping[str, Checks], region: str) -> Iterator[tuple[str, str, Any]]:
    for group, inner in groups.items():
        arn, other = inner.args.get("topic_arn"), inner.args.get("topic_of")
        where = f"groups.{group}"
        if arn is not None and other is not None:
            checks.refuse(f"{where}.topic_of", "is given beside topic_arn; leave one of them out")
        elif arn is None and other is None:
            checks.refuse(f"{where}.topic_arn", "is missing; give the SNS topic to which ElastiCache sends the group's events")
        elif isinstance(other, str) and (other not in groups or groups[other].args.get("topic_arn") is None):
            hint = did_you_mean(other, [one for one in groups if groups[one].args.get("topic_arn") is not None])
            checks.refuse(f"{where}.topic_of", f"{shown(other)} is no group here that has a topic_arn{hint}")
        if arn is not None:
            yield f"{where}.topic_arn", f"topic-{group}", arn
    for name, arn in sorted(checks.mapping("alarm_topics").items()):
        if not TOPIC_NAME.fullmatch(name):
            checks.refuse("alarm_topics", f"{name!r} is no name: 1 to 32 letters, digits, hyphens and underscores")
        elif arn is None:
            checks.refuse(f"alarm_topics.{name}", "is missing; give the topic's ARN")
        elif isinstance(arn, str) and TOPIC.match(arn) is None:
            # Not shown: what stands in a block under any name may be anything.
            checks.refuse(f"alarm_topics.{name}", f"is no ARN of {TOPIC.what}; give one such as {TOPIC.example}")
        else:
            _check_topic(checks, f"alarm_topics.{name}", arn, region)
        yield f"alarm_topics.{name}", f"alarm-topic-{name}", arn


def _nodes(group_id: str, group: Checks) -> dict[str, tuple[str, ...]]:
    """Return the nodes that each preset of a group watches."""
    presets = group.texts("presets", re.compile(r"\w+"), "the name of a preset")
    # <group>-001, or <group>-0001-001 with cluster mode (hashicorp/terraform-provider-aws, replication_group_test.go).
    form = re.compile(rf"{re.escape(group_id)}(-\d{{4}})?-\d{{3}}")
    nodes = group.texts("node_ids", form, f"the id of a node of {group_id}, such as {group_id}-001")
    for preset in presets:
        if preset not in PRESETS:
            hint = did_you_mean(preset, PRESETS) or f"; there is {', '.join(PRESETS)}"
            group.refuse("presets", f"{preset!r} is no preset{hint}")
    if presets and not nodes and not group.refused("node_ids"):
        group.refuse("node_ids", f"is missing; preset {presets[0]} watches nodes: give their ids, e.g. {group_id}-001")
    return {preset: nodes for preset in presets if preset in PRESETS}


def _function(checks: Checks) -> dict[str, Any]:
    inner = Checks(checks.mapping("function"))
    inner.known(tuple(FailoverFunction.__annotations__))
    concurrency = inner.whole("reserved_concurrency", 1, -1, 100)
    if concurrency == 0:
        inner.refuse("reserved_concurrency", "0 would let the function never run; use 1, or -1 for no reservation")
    retention = inner.whole("log_retention_days", 30, RETENTIONS[0], RETENTIONS[-1])
    if retention not in RETENTIONS:
        allowed = ", ".join(map(str, RETENTIONS))
        inner.refuse("log_retention_days", f"{retention} is not one of CloudWatch's: {allowed}")
    found = {
        "wait_seconds": inner.whole("wait_seconds", int(DEFAULT_WAIT_SECONDS), 0, int(MOST_WAIT_SECONDS)),
        "reserved_concurrency": concurrency,
        # docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
        "memory_mb": inner.whole("memory_mb", 256, 128, 10_240),
        # botocore, lambda 2015-03-31, MaximumEventAgeInSeconds.
        "max_event_age_seconds": inner.whole("max_event_age_seconds", 3_600, 60, 21_600),
        "log_retention_days": retention,
        "tracing": inner.switch("tracing", default=False),
        "subnet_ids": _listed(inner, "subnet_ids"),
        "security_group_ids": _listed(inner, "security_group_ids"),
    }
    for given, missing in (("subnet_ids", "security_group_ids"), ("security_group_ids", "subnet_ids")):
        if found[given] and not found[missing]:
            inner.refuse(missing, f"is missing; {given} is given, and a function in a VPC needs both")
    checks.problems += inner.under("function")
    return found


def _listed(checks: Checks, argument: str) -> Sequence[Any]:
    value = checks.args.get(argument)
    if value is not None and not isinstance(value, list | tuple):
        checks.refuse(argument, f"{kind_of(value)} is no list; give ids one by one")
        return ()
    return value or ()


def _alarms(checks: Checks, schedule_minutes: int, presets: frozenset[str], told: Notified) -> dict[str, Any]:
    inner = checked_settings(checks.args.get("alarms"), tuple(FailoverAlarms.__annotations__), NAMES)
    rows = () if inner.problems else definitions(inner.args, schedule_minutes, presets)
    check_periods(inner, rows)
    topics = inner.args.get("topic_arns")
    if topics is not None and not isinstance(topics, list | tuple):
        inner.refuse("topic_arns", "is no list; give the topics' ARNs one by one")
    if rows and not topics and not told.emails:
        inner.refuse("topic_arns", NO_TOPIC)
    checks.problems += inner.under("alarms")
    return {"alarms": rows, "alarm_topics": topics or (), "alarm_actions": inner.switch("actions_enabled", default=True)}


def _parameter_path(checks: Checks, name: str) -> str:
    hint = "a path of SSM parameters such as /redis-ha/prod/failover"
    path = checks.text("parameter_path", f"/redis-ha/{name}/failover", PARAMETER_PATH, hint)
    if path.lower().startswith(RESERVED_PATHS):
        checks.refuse("parameter_path", f"{shown(path)} begins with aws or ssm, which AWS keeps for itself; use {hint}")
    return path


def _event_source(checks: Checks) -> str:
    source = checks.text("event_source", DEFAULT_SOURCE, EVENT_SOURCE, f"a source of events such as {DEFAULT_SOURCE}")
    if source.lower().startswith(RESERVED_SOURCE):
        checks.refuse(
            "event_source",
            f"{shown(source)} is a source of AWS's own services, and EventBridge takes no events that claim to be "
            f"theirs; use another such as {DEFAULT_SOURCE}",
        )
    return source
