"""Rules that hold for a replication group however it came to be: asked both when one is made and when one is changed."""

from __future__ import annotations

import re
from typing import Any, Final

from moto.kms.models import kms_backends
from moto.logs.models import logs_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache import events, parameters
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.engines import CLUSTER_MODE_FROM, DURABLE_FAMILIES, DURABLE_FROM, VALKEY, family, numbers
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.model import Group

# botocore CreateReplicationGroup ReplicationGroupId; hyphens as in hashicorp/terraform-provider-aws's check of it.
GROUP_ID: Final = re.compile(r"(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
TOKEN: Final = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")  # docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
MOST_RETENTION: Final = 35  # days; hashicorp/terraform-provider-aws replication_group.go
SHORTEST_WINDOW: Final = 60  # minutes; botocore PreferredMaintenanceWindow
DAY: Final = 24 * 60
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/Log_Delivery.html.
LOG_TYPES: Final = ("slow-log", "engine-log")
_TIME: Final = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY: Final = re.compile(rf"{_TIME}-{_TIME}")
WEEKLY: Final = re.compile(rf"({'|'.join(DAYS)}):{_TIME}-({'|'.join(DAYS)}):{_TIME}")


def check_group(region: Region, group: Group) -> None:
    """Refuse a group that could not be as it is described; nothing of it is made or changed then."""
    replicas = min(len(group.of_shard(shard)) for shard in group.shards) - 1
    if group.multi_az and not group.automatic_failover:
        raise refuse("multi-az-needs-failover")
    if group.cluster_mode == "enabled" and not group.automatic_failover:
        raise refuse("cluster-mode-needs-failover")
    if group.automatic_failover and not group.clustered and replicas < 1:
        raise refuse("failover-needs-replica", count=len(group.nodes))
    if group.multi_az and replicas < 1:
        raise refuse("multi-az-needs-replica")
    if group.cluster_mode == "compatible" and (replicas < 1 or not group.automatic_failover):
        raise refuse("mode-needs-replica")
    if group.data_tiering != group.node_type.startswith("cache.r6gd."):
        raise refuse("data-tiering")
    check_access(group)
    if not 0 <= group.retention <= MOST_RETENTION:
        raise refuse("retention", most=MOST_RETENTION, days=group.retention)
    check_engine_features(group)
    check_parameter_group(region, group)
    check_windows(group.snapshot_window, group.maintenance_window)


def check_engine_features(group: Group) -> None:
    """Refuse what the engine's version cannot do."""
    version = numbers(group.version)
    if group.cluster_mode == "compatible" and version < CLUSTER_MODE_FROM[group.engine]:
        raise refuse("mode-version", mode=group.cluster_mode)
    durable = group.durability in {"sync", "async"}
    if durable and not (group.engine == VALKEY and version >= DURABLE_FROM and group.cluster_mode == "enabled"):
        raise refuse("durability", durability=group.durability)
    if durable and not (group.tls_mode == "required" and group.multi_az and group.node_type.split(".")[1] in DURABLE_FAMILIES):
        raise refuse("durability-needs", durability=group.durability, families=", ".join(DURABLE_FAMILIES))


def check_access(group: Group) -> None:
    """Refuse tokens and users that go with neither each other nor a group without encryption in transit."""
    if group.token_hashes and not group.tls:
        raise refuse("token-needs-tls")
    if group.user_groups and not group.tls:
        raise refuse("users-need-tls")
    if group.tls_mode == "preferred" and (group.token_hashes or group.user_groups):
        raise refuse("access-needs-required")
    if group.token_hashes and group.user_groups:
        raise refuse("token-or-users")
    if group.tls_mode is not None and not group.tls:
        raise refuse("mode-needs-tls")


def check_parameter_group(region: Region, group: Group) -> None:
    """Refuse a parameter group of another family or for the other cluster mode."""
    record = parameters.find(region, group.parameter_group)
    expected = family(group.engine, group.version)
    if record["family"] != expected:
        raise refuse("parameter-family", expected=expected, found=record["family"])
    if parameters.has_cluster_enabled(record) != group.clustered:
        found, needed = ("yes", "no") if not group.clustered else ("no", "yes")
        raise refuse("parameter-mode", name=record["name"], found=found, needed=needed)


def check_token(token: str) -> str:
    """Return an AUTH token; its text is in no error."""
    if TOKEN.fullmatch(token) is None:
        raise refuse("token-form")
    return token


def check_topic(region: Region, arn: str) -> str:
    """Return a topic's ARN; refused when the topic is not in this Region and account."""
    if events.find_topic(region, arn) is None:
        raise refuse("topic", arn=arn)
    return arn


def check_key(region: Region, key: str) -> str:
    """Return a KMS key as it was named; refused when the emulated KMS has no such key."""
    backend = kms_backends[ACCOUNT_ID][region.name]
    key_id = key.rpartition("/")[2]
    if backend.any_id_to_key_id(key) not in backend.keys and key_id not in backend.keys:
        raise refuse("kms-key", key=key)
    return key


def check_logs(region: Region, given: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the log deliveries after a change, as the API answers them."""
    kept = {entry["LogType"]: entry for entry in old}
    types = [entry.get("LogType") for entry in given]
    if len(set(types)) != len(types) or any(name not in LOG_TYPES for name in types):
        raise refuse("logs")
    for entry in given:
        if entry.get("Enabled") is False:
            kept.pop(entry["LogType"], None)
            continue
        _check_destination(region, entry)
        kept[entry["LogType"]] = {
            "LogType": entry["LogType"],
            "DestinationType": entry["DestinationType"],
            "DestinationDetails": entry["DestinationDetails"],
            "LogFormat": entry.get("LogFormat", "json"),
            "Status": "active",
        }
    return [kept[name] for name in sorted(kept)]


def _check_destination(region: Region, entry: dict[str, Any]) -> None:
    details = entry.get("DestinationDetails", {})
    if entry.get("DestinationType") == "cloudwatch-logs" and "CloudWatchLogsDetails" in details:
        name = details["CloudWatchLogsDetails"].get("LogGroup", "")
        if name not in logs_backends[ACCOUNT_ID][region.name].groups:
            raise refuse("log-group", name=name)
    elif entry.get("DestinationType") != "kinesis-firehose" or "KinesisFirehoseDetails" not in details:
        raise refuse("logs")


def check_windows(snapshot: str, maintenance: str) -> None:
    """Refuse windows that are none, too short, or that overlap."""
    if overlap(snapshot, maintenance):
        raise refuse("windows-overlap", snapshot=snapshot, maintenance=maintenance)


def overlap(snapshot: str, maintenance: str) -> bool:
    """Tell whether a daily and a weekly window have a minute in common."""
    begin, daily = _daily(snapshot)
    start, weekly = _weekly(maintenance)
    days = [day * DAY + begin for day in range(-1, 8)]
    # A window over the end of the week goes on at its beginning.
    weeks = [start, start - 7 * DAY]
    return any(day < week + weekly and week < day + daily for day in days for week in weeks)


def _daily(text: str) -> tuple[int, int]:
    """Return when a daily window begins, and how long it is, in minutes."""
    match = DAILY.fullmatch(text)
    if match is None:
        raise refuse("window", name="SnapshotWindow", value=text, form="hh:mm-hh:mm")
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    length = (end - begin) % DAY
    if length < SHORTEST_WINDOW:
        raise refuse("window", name="SnapshotWindow", value=text, form="hh:mm-hh:mm")
    return begin, length


def _weekly(text: str) -> tuple[int, int]:
    """Return when a weekly window begins, and how long it is, in minutes."""
    match = WEEKLY.fullmatch(text.lower())
    if match is None:
        raise refuse("window", name="PreferredMaintenanceWindow", value=text, form="ddd:hh:mm-ddd:hh:mm")
    begin = DAYS.index(match[1]) * DAY + int(match[2]) * 60 + int(match[3])
    end = DAYS.index(match[4]) * DAY + int(match[5]) * 60 + int(match[6])
    length = (end - begin) % (7 * DAY)
    if length < SHORTEST_WINDOW:
        raise refuse("window", name="PreferredMaintenanceWindow", value=text, form="ddd:hh:mm-ddd:hh:mm")
    return begin, length
