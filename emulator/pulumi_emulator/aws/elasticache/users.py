"""Users and user groups (role-based access control)."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from pulumi_emulator.aws.elasticache import events
from pulumi_emulator.aws.elasticache.access_strings import check_access
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.engines import REDIS, VALKEY
from pulumi_emulator.aws.elasticache.faults import Fault, refuse
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.elasticache.refusal import VALUE

DEFAULT: Final = "default"
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html and auth.html.
SHORTEST_PASSWORD: Final = 16
LONGEST_PASSWORD: Final = 128
MOST_PASSWORDS: Final = 2
# Of users and of user groups. botocore UserId: letters, digits and hyphens, a letter first; of the length AWS says only in its
# answers (aws/aws-cdk#36459, of users open-constructs/aws-cdk-library src/aws-elasticache/user.ts).
ID: Final = re.compile(r"(?=.{1,40}$)[a-zA-Z][a-zA-Z0-9-]*")
MINIMUM_VERSION: Final = {REDIS: "6.0", VALKEY: "7.2"}  # Clusters.RBAC.html: Redis OSS 6.0 onward, Valkey 7.2 onward


@operation("CreateUser", "UserId UserName Engine Passwords AccessString NoPasswordRequired Tags AuthenticationMode")
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a user."""
    user_id = given["UserId"].lower()
    engine = check_engine(given["Engine"])
    if ID.fullmatch(user_id) is None:
        raise refuse("user-id", id=user_id)
    if user_id == DEFAULT:
        raise refuse("user-default-id")
    if user_id in region.users:
        raise refuse("user-exists", id=user_id)
    kind, hashes = _authentication(given, None)
    _check_kind(kind, engine, user_id, given["UserName"])
    region.users[user_id] = {
        "id": user_id,
        "name": given["UserName"],
        "engine": engine,
        "access": check_access(given["AccessString"]),
        "kind": kind,
        "hashes": hashes,
        "status": "active",
    }
    region.put_tags(region.arn("user", user_id), given.get("Tags"))
    events.record(region, "user", user_id, "User created")
    return shape(region, region.users[user_id])


@operation("DescribeUsers", "UserId Engine Filters")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one user or all."""
    if "UserId" in given:
        return {"Users": [shape(region, find(region, given["UserId"]))]}
    rows = [shape(region, user) for user in [default(region), *region.users.values()]]
    rows = [row for row in rows if given.get("Engine") in (None, row["Engine"])]
    for entry in given.get("Filters", []):
        key = {"user-id": "UserId", "user-name": "UserName", "engine": "Engine"}.get(entry["Name"])
        if key is None:
            raise Fault(VALUE, f"the emulator does not know the filter {entry['Name']}")
        rows = [row for row in rows if row[key] in entry["Values"]]
    return {"Users": rows}


@operation("ModifyUser", "UserId AccessString AppendAccessString Passwords NoPasswordRequired AuthenticationMode Engine")
def modify(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Change a user's access or passwords, in every cache that has it."""
    user = find(region, given["UserId"])
    if user["id"] == DEFAULT:
        raise refuse("user-default-change")
    access = given.get("AccessString", user["access"])
    if "AppendAccessString" in given:
        access = f"{access} {given['AppendAccessString']}"
    new: dict[str, Any] = {"access": check_access(access)}
    if "Engine" in given:
        new["engine"] = check_engine(given["Engine"])
    if {"Passwords", "NoPasswordRequired", "AuthenticationMode"} & given.keys():
        new["kind"], new["hashes"] = _authentication(given, user)
    _check_kind(new.get("kind", user["kind"]), new.get("engine", user["engine"]), user["id"], user["name"])
    user.update(new)
    events.record(region, "user", user["id"], "User modified")
    return shape(region, user)


@operation("DeleteUser", "UserId")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a user; its groups lose it, so a group's `default` user stays."""
    user = find(region, given["UserId"])
    if user["id"] == DEFAULT:
        raise refuse("user-default-change")
    groups = [group for group in region.user_groups.values() if user["id"] in group["users"]]
    if groups and user["name"] == DEFAULT:
        raise refuse("default-in-group", id=user["id"], group=groups[0]["id"])
    for group in groups:
        group["users"].remove(user["id"])
    del region.users[user["id"]]
    region.tags.pop(region.arn("user", user["id"]), None)
    events.record(region, "user", user["id"], "User deleted")
    return {**shape(region, user), "Status": "deleting"}


def find(region: Region, user_id: str) -> dict[str, Any]:
    """Return a user; UserNotFoundFault when there is none."""
    if user_id.lower() == DEFAULT:
        return default(region)
    user = region.users.get(user_id.lower())
    if user is None:
        raise refuse("user-unknown", id=user_id)
    return user


def default(region: Region) -> dict[str, Any]:
    """Return the user that the service makes: name and id `default`, no password, all rights (Clusters.RBAC.html)."""
    del region
    return {
        "id": DEFAULT,
        "name": DEFAULT,
        "engine": REDIS,
        "access": "on ~* +@all",
        "kind": "no-password",
        "hashes": (),
        "status": "active",
    }


def acl_line(user: dict[str, Any]) -> str:
    """Return a user's line of an ACL file. A user with IAM authentication gets no password: the emulator checks no tokens."""
    secret = " ".join(f"#{value}" for value in user["hashes"]) or ("nopass" if user["kind"] == "no-password" else "")
    return f"user {user['name']} reset {user['access']} {secret}".strip()


def password_hash(password: str) -> str:
    """Return a password as ACL files keep it."""
    return hashlib.sha256(password.encode()).hexdigest()


def check_engine(engine: str) -> str:
    """Return an engine of users."""
    if engine.lower() not in MINIMUM_VERSION:
        raise refuse("engine", engine=engine)
    return engine.lower()


def shape(region: Region, user: dict[str, Any]) -> dict[str, Any]:
    """Return a user as the API answers it."""
    return {
        "UserId": user["id"],
        "UserName": user["name"],
        "Status": user["status"],
        "Engine": user["engine"],
        "MinimumEngineVersion": MINIMUM_VERSION[user["engine"]],
        "AccessString": user["access"],
        "UserGroupIds": [group["id"] for group in region.user_groups.values() if user["id"] in group["users"]],
        "Authentication": {"Type": user["kind"], "PasswordCount": len(user["hashes"])},
        "ARN": region.arn("user", user["id"]),
    }


def _check_kind(kind: str, engine: str, user_id: str, name: str) -> None:
    if kind == "iam" and user_id != name:
        raise refuse("user-iam-name")
    if kind == "no-password" and engine == VALKEY:
        raise refuse("user-valkey-password", id=user_id)


def _authentication(given: dict[str, Any], old: dict[str, Any] | None) -> tuple[str, tuple[str, ...]]:
    """Return how a user proves who it is, and the hashes of its passwords."""
    mode = given.get("AuthenticationMode", {})
    passwords = given.get("Passwords") or mode.get("Passwords") or []
    if given.get("Passwords") and mode.get("Passwords"):
        raise refuse("user-password", why="given as Passwords and in AuthenticationMode")
    kind = {"no-password-required": "no-password"}.get(mode.get("Type"), mode.get("Type"))
    if kind is None:
        kind = "no-password" if given.get("NoPasswordRequired") else "password"
    if kind == "password" and not passwords:
        if old is not None and old["kind"] == "password" and not mode:
            return "password", old["hashes"]
        raise refuse("user-password", why="none is given; set NoPasswordRequired for a user without one")
    if kind != "password" and passwords:
        raise refuse("user-password", why=f"not taken with authentication {kind}")
    if len(passwords) > MOST_PASSWORDS:
        raise refuse("user-password", why=f"at most {MOST_PASSWORDS}")
    if any(not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD for password in passwords):
        raise refuse("user-password", why=f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters each")
    return kind, tuple(password_hash(password) for password in passwords)
