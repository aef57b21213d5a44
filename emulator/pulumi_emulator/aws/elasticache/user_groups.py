"""User groups: who may enter the caches that have them."""

from __future__ import annotations

from typing import Any

from pulumi_emulator.aws.elasticache import events, users
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.engines import REDIS
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.operations import operation


@operation("CreateUserGroup", "UserGroupId Engine UserIds Tags")
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a user group; it needs a user whose name is `default` (its id may be another)."""
    group_id = given["UserGroupId"].lower()
    if users.ID.fullmatch(group_id) is None:
        raise refuse("user-group-id", id=group_id)
    if group_id in region.user_groups:
        raise refuse("user-group-exists", id=group_id)
    engine = users.check_engine(given["Engine"])
    ids = [user_id.lower() for user_id in given.get("UserIds", [])]
    _check(region, engine, ids)
    region.user_groups[group_id] = {"id": group_id, "engine": engine, "users": ids, "status": "active"}
    region.put_tags(region.arn("usergroup", group_id), given.get("Tags"))
    events.record(region, "user-group", group_id, "User group created")
    return shape(region, region.user_groups[group_id])


@operation("DescribeUserGroups", "UserGroupId")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one user group or all."""
    found = [find(region, given["UserGroupId"])] if "UserGroupId" in given else list(region.user_groups.values())
    return {"UserGroups": [shape(region, group) for group in found]}


@operation("ModifyUserGroup", "UserGroupId UserIdsToAdd UserIdsToRemove Engine")
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Add and remove users, in every cache that has the group."""
    group = find(region, given["UserGroupId"])
    ids = list(group["users"])
    for user_id in given.get("UserIdsToRemove", []):
        if user_id.lower() not in ids:
            raise refuse("user-not-in-group", id=user_id)
        ids.remove(user_id.lower())
    ids += [user_id.lower() for user_id in given.get("UserIdsToAdd", []) if user_id.lower() not in ids]
    engine = users.check_engine(given["Engine"]) if "Engine" in given else group["engine"]
    _check(region, engine, ids)
    group.update(users=ids, engine=engine)
    events.record(region, "user-group", group["id"], "User group modified")
    return shape(region, group)


@operation("DeleteUserGroup", "UserGroupId")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a user group that no cache has."""
    group = find(region, given["UserGroupId"])
    used_by = [*_replication_groups(region, group["id"]), *_serverless(region, group["id"])]
    if used_by:
        raise refuse("user-group-in-use", id=group["id"], users=", ".join(used_by))
    answer = {**shape(region, group), "Status": "deleting"}
    del region.user_groups[group["id"]]
    region.tags.pop(region.arn("usergroup", group["id"]), None)
    events.record(region, "user-group", group["id"], "User group deleted")
    return answer


def find(region: Region, group_id: str) -> dict[str, Any]:
    """Return a user group; UserGroupNotFoundFault when there is none."""
    group = region.user_groups.get(group_id.lower())
    if group is None:
        raise refuse("user-group-unknown", id=group_id)
    return group


def check_for_cache(region: Region, group_id: str, engine: str) -> str:
    """Return the id of a user group that a cache of this engine may have."""
    group = find(region, group_id)
    if group["engine"] != engine and group["engine"] != REDIS:
        # A Redis user group enters Valkey caches, not the other way round (Clusters.RBAC.html).
        raise refuse("user-group-engine", id=group["id"], group=group["engine"], engine=engine)
    return str(group["id"])


def acl(region: Region, group_ids: list[str]) -> tuple[str, ...]:
    """Return the complete ACL of caches with these user groups."""
    ids = dict.fromkeys(user_id for group_id in group_ids for user_id in find(region, group_id)["users"])
    return tuple(users.acl_line(users.find(region, user_id)) for user_id in ids)


def shape(region: Region, group: dict[str, Any]) -> dict[str, Any]:
    """Return a user group as the API answers it."""
    return {
        "UserGroupId": group["id"],
        "Status": group["status"],
        "Engine": group["engine"],
        "UserIds": list(group["users"]),
        "MinimumEngineVersion": users.MINIMUM_VERSION[group["engine"]],
        "ReplicationGroups": _replication_groups(region, group["id"]),
        "ServerlessCaches": _serverless(region, group["id"]),
        "ARN": region.arn("usergroup", group["id"]),
    }


def _check(region: Region, engine: str, ids: list[str]) -> None:
    names: set[str] = set()
    for user_id in ids:
        user = users.find(region, user_id)
        if user["name"] in names:
            raise refuse("user-name-twice", name=user["name"])
        if user["engine"] != engine and not (engine != REDIS and user["engine"] == REDIS):
            raise refuse("user-engine", id=user_id, user=user["engine"], group=engine)
        if engine != REDIS and user["kind"] == "no-password":
            raise refuse("user-valkey-password", id=user_id)
        names.add(user["name"])
    # Whether a Valkey group could do without one is not settled by the sources: the stricter reading.
    if users.DEFAULT not in names:
        raise refuse("default-required")


def _replication_groups(region: Region, group_id: str) -> list[str]:
    return [group.group_id for group in region.groups.values() if group_id in group.user_groups]


def _serverless(region: Region, group_id: str) -> list[str]:
    return [cache["name"] for cache in region.serverless.values() if cache.get("user_group") == group_id]
