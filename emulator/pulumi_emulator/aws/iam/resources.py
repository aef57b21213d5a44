"""Which resources a request names, by the service and the type that the Service Authorization Reference has for its action.

An ARN in the input is the resource when it has the type's form. Else the name is in a parameter that is called as the place in
that form (ReplicationGroupId), or it stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import jmespath

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.iam import kept
from pulumi_emulator.aws.iam.asked import Asked
from pulumi_emulator.aws.iam.reference import Kind, filled, pattern, places
from pulumi_emulator.aws.roles import PARTITION

Finder = Callable[[Asked], list[str]]


def _at(expression: str, begin: str, change: Callable[[str], str] = str) -> Finder:
    """Return what finds names in the input, by JMESPath, and makes of them what follows the account in an ARN."""
    compiled = jmespath.compile(f"[{expression}][] | []")

    def find(asked: Asked) -> list[str]:
        names = [name for name in compiled.search(asked.given) or [] if name]
        return [name if name.startswith("arn:") else begin + change(name) for name in names]

    return find


def _parameter(name: str) -> str:
    """Return the reference's ParameterNameWithoutLeadingSlash, without the version or label that a look-up may name."""
    return name.removeprefix("/").partition(":")[0]


def _bus(asked: Asked) -> list[str]:
    """Return the buses: every entry has one of its own; the default one where none is named (botocore, events)."""
    given = asked.given
    arns = jmespath.search("[ResourceARN, EventSourceArn, Destination.Arn][] | []", given)
    if arns:
        return [arn for arn in arns if ":event-bus/" in arn]
    names = {entry.get("EventBusName") or entry.get("Name") or "default" for entry in given.get("Entries") or [given]}
    return [name if name.startswith("arn:") else f"event-bus/{name}" for name in names]


def _rule(asked: Asked) -> list[str]:
    if "ResourceARN" in asked.given:
        return [arn for arn in (asked.given["ResourceARN"],) if ":rule/" in arn]
    bus = (asked.given.get("EventBusName") or "default").rpartition("/")[2]
    name = asked.given.get("Rule") or asked.given.get("Name") or "*"
    return [f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}"]


def _log_group(asked: Asked) -> list[str]:
    """Return a group's ARN as all actions but those on tags have it: with a colon and more at its end.

    docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html, "CloudWatch Logs resources"; as
    CloudWatch Logs names it in what it refuses: log-group:NAME:log-stream:STREAM, with nothing where no stream is meant.
    """
    if "resourceArn" in asked.given:
        return [asked.given["resourceArn"]]
    names = jmespath.search(
        "[logGroupName, logGroupIdentifier, logGroupNamePrefix, logGroupNames, logGroupIdentifiers][] | []", asked.given
    )
    stream = asked.given.get("logStreamName") or ""
    groups = [name.partition(":log-group:")[2].removesuffix(":*") if name.startswith("arn:") else name for name in names or []]
    return [f"log-group:{name}:log-stream:{stream}" for name in groups or [""]]


def _function(asked: Asked) -> list[str]:
    """Return a function by its name, part of its ARN (ACCOUNT:function:NAME) or ARN, with or without a version (botocore)."""
    name = asked.given.get("FunctionName")
    if not name:
        return []
    short = name.partition("function:")[2] or name
    invoked, qualifier = asked.operation.startswith("Invoke"), asked.given.get("Qualifier")
    function, _, own = short.partition(":")
    version = own or qualifier
    return [f"function:{function}:{version}" if invoked and version else f"function:{function}"]


def _topic(asked: Asked) -> list[str]:
    """Return the topic. A subscription is its topic's; who sends to a telephone asks for its number (as SNS words it)."""
    given = asked.given
    arn = given.get("TopicArn") or given.get("TargetArn") or given.get("ResourceArn") or given.get("SubscriptionArn")
    if arn:
        return [":".join(arn.split(":")[:6])]
    return [name for name in (given.get("Name"), given.get("PhoneNumber")) if name]


def _lower(name: str) -> str:
    """Return an id as ElastiCache keeps ids (botocore, CreateReplicationGroupMessage)."""
    return name.lower()


def _cache(kind: str, *names: str) -> tuple[tuple[str, str], Finder]:
    return ("elasticache", kind), _at(", ".join(names), f"{kind}:", _lower)


def _zone_id(name: str) -> str:
    return name.rpartition("/")[2]


def _scalable_target(_: Asked) -> list[str]:
    """Return any: its ARN holds an id that no input names (Application Auto Scaling API Reference, ScalableTargetARN)."""
    return ["scalable-target/*"]


FINDERS: Final[Mapping[tuple[str, str], Finder]] = {
    **dict(
        [
            _cache("cluster", "CacheClusterId", "CacheClusterIds", "PrimaryClusterId", "CacheClusterIdsToRemove"),
            _cache("replicationgroup", "ReplicationGroupId", "ReplicationGroupIds", "PrimaryReplicationGroupId"),
            _cache("globalreplicationgroup", "GlobalReplicationGroupId"),
            _cache("parametergroup", "CacheParameterGroupName"),
            _cache("subnetgroup", "CacheSubnetGroupName"),
            _cache("serverlesscache", "ServerlessCacheName"),
            _cache("snapshot", "SnapshotName", "SourceSnapshotName", "TargetSnapshotName"),
            _cache("serverlesscachesnapshot", "ServerlessCacheSnapshotName", "SourceServerlessCacheSnapshotName"),
            _cache("user", "UserId", "UserIds", "UserIdsToAdd", "UserIdsToRemove"),
            _cache("usergroup", "UserGroupId", "UserGroupIds", "UserGroupIdsToAdd", "UserGroupIdsToRemove"),
        ]
    ),
    ("ssm", "parameter"): _at("Name, Names, Path, ResourceType == 'Parameter' && ResourceId", "parameter/", _parameter),
    ("events", "event-bus"): _bus,
    ("events", "rule"): _rule,
    ("sns", ""): _topic,
    ("sqs", ""): _at("QueueUrl, QueueName, SourceArn", "", lambda name: urlsplit(name).path.rpartition("/")[2]),
    ("logs", "log-group"): _log_group,
    ("lambda", "function"): _function,
    ("cloudwatch", "alarm"): _at("AlarmName, AlarmNames", "alarm:"),
    ("cloudwatch", "dashboard"): _at("DashboardName, DashboardNames", "dashboard/"),
    ("secretsmanager", "secret"): lambda asked: kept.secrets(asked.region, asked.given),
    ("route53", "hostedzone"): _at("HostedZoneId, Id, ResourceType == 'hostedzone' && ResourceId", "hostedzone/", _zone_id),
    ("route53", "change"): _at("Id", "change/", _zone_id),
    ("route53", "healthcheck"): _at("HealthCheckId, ResourceType == 'healthcheck' && ResourceId", "healthcheck/", _zone_id),
    ("kms", "key"): lambda asked: kept.keys(asked.region, asked.given),
    ("kms", "alias"): _at("AliasName", ""),
    ("iam", "role"): lambda asked: kept.roles(asked.given),
    ("iam", "user"): _at("UserName", "user/"),
    ("fis", "action"): _at("actions.*.actionId", "action/"),
    ("fis", "experiment-template"): _at("experimentTemplateId, id", "experiment-template/"),
    ("fis", "experiment"): _at("experimentId, id", "experiment/"),
    # The reference has one name for two APIs, and of some actions the classic one's types alone: hence all that may be tagged.
    ("elasticloadbalancing", "loadbalancer"): _at(
        "LoadBalancerArn, ResourceArns, Name", "loadbalancer/app/", lambda name: f"{name}/*"
    ),
    ("elasticloadbalancing", "targetgroup"): _at("TargetGroupArn, Name", "targetgroup/", lambda name: f"{name}/*"),
    ("application-autoscaling", "scalable-target"): _scalable_target,
}


# Parameters whose type another one tells (botocore, ssm, AddTagsToResource).
UNTOLD: Final = frozenset({"ResourceId"})


def named(asked: Asked, kind: Kind, prefix: str) -> list[str]:
    """Return the ARNs of the resources of a type that a request names."""
    known = {"Partition": PARTITION, "Region": asked.given.get("ReplicationGroupRegion") or asked.region, "Account": ACCOUNT_ID}
    finder = FINDERS.get((prefix, kind.stem))
    if finder is not None:
        head = filled(":".join(kind.form.split(":")[:5]), known)
        found = [tail if tail.startswith("arn:") else f"{head}:{tail}" for tail in finder(asked)]
        if found:
            return sorted(set(found))
    given = sorted({text for text in _texts(asked.given) if text.startswith("arn:") and pattern(kind.form).fullmatch(text)})
    if given:
        return given
    (*_, last) = places(kind.form) or [""]
    value = None if last in UNTOLD else asked.given.get(last)
    return [filled(kind.form, {**known, last: value})] if isinstance(value, str) else []


def any_of(kind: Kind, region: str) -> str:
    """Return what stands for a resource of a type that a request does not name: the form with "*" in it."""
    return filled(kind.form, {"Partition": PARTITION, "Region": region, "Account": ACCOUNT_ID})


def _texts(given: Mapping[str, Any]) -> Iterator[str]:
    for value in given.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield one
