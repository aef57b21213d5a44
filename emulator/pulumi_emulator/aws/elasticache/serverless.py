"""Serverless caches and their snapshots: the API alone. No nodes run behind a serverless cache's name."""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from pulumi_emulator.aws.elasticache import events, subnets, user_groups
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.checks import MOST_RETENTION, check_key
from pulumi_emulator.aws.elasticache.engines import VERSIONS, numbers
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.caches.names import DOMAIN, short_region

# botocore CreateServerlessCache, and docs.aws.amazon.com/AmazonElastiCache/latest/dg/Scaling-serverless.html.
NAME: Final = re.compile(r"(?=.{1,40}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
STORAGE: Final = (1, 5000)  # GB
ECPU: Final = (1000, 15_000_000)  # ElastiCache processing units a second
DAILY: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
MAJORS: Final = {"valkey": ("7", "8", "9"), "redis": ("7",)}
DEFAULT_MAJOR: Final = {"valkey": "8", "redis": "7"}
PORT: Final = 6379
READER_PORT: Final = (
    6380  # docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html: the reader's port of serverless caches
)


@operation(
    "CreateServerlessCache",
    "ServerlessCacheName Description Engine MajorEngineVersion CacheUsageLimits KmsKeyId SecurityGroupIds "
    "SnapshotArnsToRestore Tags UserGroupId SubnetIds SnapshotRetentionLimit DailySnapshotTime NetworkType",
)
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a serverless cache."""
    name = given["ServerlessCacheName"].lower()
    if NAME.fullmatch(name) is None:
        raise refuse("serverless-name", name=name)
    if name in region.serverless:
        raise refuse("serverless-exists", name=name)
    engine = given["Engine"].lower()
    if engine not in MAJORS:
        raise refuse("engine", engine=engine)
    record: dict[str, Any] = {
        "name": name,
        "engine": engine,
        "description": given.get("Description", " "),
        "major": _major(engine, given.get("MajorEngineVersion")),
        "limits": _limits(given.get("CacheUsageLimits")),
        "kms_key": check_key(region, given["KmsKeyId"]) if "KmsKeyId" in given else None,
        "security_groups": list(given.get("SecurityGroupIds", [])),
        "subnets": list(given.get("SubnetIds", [])) or _default_subnets(region),
        "user_group": user_groups.check_for_cache(region, given["UserGroupId"], engine) if given.get("UserGroupId") else None,
        "retention": given.get("SnapshotRetentionLimit", 0),
        "daily": given.get("DailySnapshotTime"),
        "network_type": given.get("NetworkType", "ipv4"),
        "created": region.now(),
        "status": "available",
    }
    for arn in given.get("SnapshotArnsToRestore", []):
        if arn not in {entry["ARN"] for entry in region.serverless_snapshots.values()}:
            raise refuse("serverless-snapshot-unknown", name=arn)
    _check(region, record)
    region.serverless[name] = record
    region.put_tags(region.arn("serverlesscache", name), given.get("Tags"))
    events.record(region, "serverless-cache", name, f"Serverless cache {name} created")
    return {"ServerlessCache": {**shape(region, record), "Status": "creating"}}


@operation("DescribeServerlessCaches", "ServerlessCacheName")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one serverless cache or all."""
    name = given.get("ServerlessCacheName")
    return {
        "ServerlessCaches": [shape(region, record) for record in ([find(region, name)] if name else region.serverless.values())]
    }


@operation(
    "ModifyServerlessCache",
    "ServerlessCacheName Description CacheUsageLimits RemoveUserGroup UserGroupId SecurityGroupIds SnapshotRetentionLimit "
    "DailySnapshotTime Engine MajorEngineVersion",
)
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Change one field of a serverless cache."""
    record = find(region, given["ServerlessCacheName"])
    _check_fields(given.keys() - {"ServerlessCacheName"})
    new = copy.deepcopy(record)
    engine = given.get("Engine", record["engine"]).lower()
    if engine not in MAJORS:
        raise refuse("engine", engine=engine)
    if (record["engine"], engine) == ("valkey", "redis"):
        raise refuse("engine-back")
    new["engine"] = engine
    if "MajorEngineVersion" in given:
        new["major"] = _major(engine, given["MajorEngineVersion"])
        if engine == record["engine"] and int(new["major"]) < int(record["major"]):
            raise refuse("downgrade", old=record["major"], new=new["major"])
    if "CacheUsageLimits" in given:
        new["limits"] = _limits(_without_zeros(given["CacheUsageLimits"]))
    if given.get("RemoveUserGroup"):
        new["user_group"] = None
    if given.get("UserGroupId"):
        new["user_group"] = user_groups.check_for_cache(region, given["UserGroupId"], engine)
    simple = {
        "Description": "description",
        "SecurityGroupIds": "security_groups",
        "SnapshotRetentionLimit": "retention",
        "DailySnapshotTime": "daily",
    }
    new |= {key: given[member] for member, key in simple.items() if member in given}
    _check(region, new)
    record.update(new)
    events.record(region, "serverless-cache", record["name"], f"Serverless cache {record['name']} modified")
    return {"ServerlessCache": {**shape(region, record), "Status": "modifying"}}


@operation("DeleteServerlessCache", "ServerlessCacheName FinalSnapshotName")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a serverless cache."""
    record = find(region, given["ServerlessCacheName"])
    if "FinalSnapshotName" in given:
        _take(region, record, given["FinalSnapshotName"], [])
    del region.serverless[record["name"]]
    region.tags.pop(region.arn("serverlesscache", record["name"]), None)
    events.record(region, "serverless-cache", record["name"], f"Serverless cache {record['name']} deleted")
    return {"ServerlessCache": {**shape(region, record), "Status": "deleting"}}


@operation("CreateServerlessCacheSnapshot", "ServerlessCacheSnapshotName ServerlessCacheName KmsKeyId Tags")
def create_snapshot(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Keep a record of a serverless cache."""
    record = find(region, given["ServerlessCacheName"])
    return {"ServerlessCacheSnapshot": _take(region, record, given["ServerlessCacheSnapshotName"], given.get("Tags", []))}


@operation("DescribeServerlessCacheSnapshots", "ServerlessCacheName ServerlessCacheSnapshotName SnapshotType")
def describe_snapshots(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return snapshots of serverless caches."""
    found = [
        entry
        for entry in region.serverless_snapshots.values()
        if given.get("ServerlessCacheSnapshotName") in (None, entry["ServerlessCacheSnapshotName"])
        and given.get("ServerlessCacheName") in (None, entry["ServerlessCacheConfiguration"]["ServerlessCacheName"])
    ]
    if "ServerlessCacheSnapshotName" in given and not found:
        raise refuse("serverless-snapshot-unknown", name=given["ServerlessCacheSnapshotName"])
    return {"ServerlessCacheSnapshots": found}


@operation("DeleteServerlessCacheSnapshot", "ServerlessCacheSnapshotName")
def delete_snapshot(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a snapshot of a serverless cache."""
    entry = region.serverless_snapshots.pop(given["ServerlessCacheSnapshotName"].lower(), None)
    if entry is None:
        raise refuse("serverless-snapshot-unknown", name=given["ServerlessCacheSnapshotName"])
    region.tags.pop(entry["ARN"], None)
    return {"ServerlessCacheSnapshot": {**entry, "Status": "deleting"}}


def find(region: Region, name: str) -> dict[str, Any]:
    """Return a serverless cache; ServerlessCacheNotFoundFault when there is none."""
    record = region.serverless.get(name.lower())
    if record is None:
        raise refuse("serverless-unknown", name=name)
    return record


def shape(region: Region, record: dict[str, Any]) -> dict[str, Any]:
    """Return a serverless cache as the API answers it."""
    # docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html: NAME-ACCOUNT.serverless.REGION.cache.amazonaws.com
    host = f"{record['name']}-{region.account.hash}.serverless.{short_region(region.name)}.{DOMAIN}"
    values = {
        "ServerlessCacheName": record["name"],
        "Description": record["description"],
        "CreateTime": record["created"],
        "Status": record["status"],
        "Engine": record["engine"],
        "MajorEngineVersion": record["major"],
        "FullEngineVersion": _full(record["engine"], record["major"]),
        "CacheUsageLimits": record["limits"],
        "KmsKeyId": record["kms_key"],
        "SecurityGroupIds": record["security_groups"],
        "Endpoint": {"Address": host, "Port": PORT},
        "ReaderEndpoint": {"Address": host, "Port": READER_PORT},
        "ARN": region.arn("serverlesscache", record["name"]),
        "UserGroupId": record["user_group"],
        "SubnetIds": record["subnets"],
        "SnapshotRetentionLimit": record["retention"],
        "DailySnapshotTime": record["daily"],
        "NetworkType": record["network_type"],
    }
    return {name: value for name, value in values.items() if value is not None}


def _check_fields(names: set[str]) -> None:
    """Refuse a change of several fields, also when one names what is there already; an engine goes with its version."""
    # serverless_cache.go, Update: the engine alone is no modification to AWS.
    if names <= {"Engine"}:
        raise refuse("serverless-unchanged")
    if len(names) > 1 and names != {"Engine", "MajorEngineVersion"}:
        raise refuse("serverless-fields", names=", ".join(sorted(names)))


def _without_zeros(limits: dict[str, Any]) -> dict[str, Any] | None:
    """Return limits without those that a 0 takes away (serverless_cache.go, Update: removing CacheUsageLimits)."""
    kept = {key: {name: value for name, value in entry.items() if value != 0} for key, entry in limits.items()}
    return {key: entry for key, entry in kept.items() if entry.keys() - {"Unit"}} or None


def _check(region: Region, record: dict[str, Any]) -> None:
    subnets.check_subnets(region, record["subnets"])
    subnets.check_security_groups(region, record["security_groups"])
    if not 0 <= record["retention"] <= MOST_RETENTION:
        raise refuse("retention", most=MOST_RETENTION, days=record["retention"])
    if record["daily"] and DAILY.fullmatch(record["daily"]) is None:
        raise refuse("daily", value=record["daily"])


def _limits(limits: dict[str, Any] | None) -> dict[str, Any] | None:
    rows = {"DataStorage": ("GB", STORAGE), "ECPUPerSecond": ("units a second", ECPU)}
    for key, (unit, (least, most)) in rows.items():
        entry = (limits or {}).get(key, {})
        given = [entry[bound] for bound in ("Minimum", "Maximum") if bound in entry]
        if any(not least <= value <= most for value in given):
            raise refuse("serverless-limits", why=f"{key} is {least} to {most} {unit}")
        if len(given) == 2 and given[0] > given[1]:
            raise refuse("serverless-limits", why=f"{key} has a minimum above its maximum")
        if key == "DataStorage" and entry and entry.get("Unit") != "GB":
            raise refuse("serverless-limits", why="the unit of DataStorage is GB")
    return limits


def _major(engine: str, asked: str | None) -> str:
    major = asked or DEFAULT_MAJOR[engine]
    if major not in MAJORS[engine]:
        raise refuse("engine-version", version=major, engine=engine)
    return major


def _full(engine: str, major: str) -> str:
    """Return the newest version of a major one, as the service runs it."""
    return max((full for full in VERSIONS[engine].values() if full.startswith(f"{major}.")), key=numbers)


def _default_subnets(region: Region) -> list[str]:
    record = subnets.find(region, subnets.default_name(region))
    return [subnet["SubnetIdentifier"] for subnet in record["Subnets"]]


def _take(region: Region, record: dict[str, Any], name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    key = name.lower()
    if key in region.serverless_snapshots:
        raise refuse("serverless-snapshot-exists", name=name)
    arn = region.arn("serverlesscachesnapshot", key)
    region.serverless_snapshots[key] = {
        "ServerlessCacheSnapshotName": key,
        "ARN": arn,
        "SnapshotType": "manual",
        "Status": "available",
        "CreateTime": region.now(),
        "BytesUsedForCache": "0",
        "ServerlessCacheConfiguration": {
            "ServerlessCacheName": record["name"],
            "Engine": record["engine"],
            "MajorEngineVersion": record["major"],
        },
    }
    region.put_tags(arn, tags)
    return region.serverless_snapshots[key]
