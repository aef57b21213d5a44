"""Global Datastores: made, described, promoted, left and deleted. What is changed on all members is in global_changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from pulumi_emulator.aws.elasticache import events, global_members, parameters
from pulumi_emulator.aws.elasticache.account import Account, Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.global_members import (
    ASSOCIATED,
    DELETING,
    DISASSOCIATING,
    PREFIXES,
    PRIMARY,
    PRIMARY_ONLY,
    SECONDARY,
    shape,
)
from pulumi_emulator.aws.elasticache.jobs import AVAILABLE, MODIFYING, catch_up, check_available
from pulumi_emulator.aws.elasticache.model import GlobalGroup, Group
from pulumi_emulator.aws.elasticache.operations import operation
from pulumi_emulator.aws.plane import Plane

CREATING: Final = "creating"
# What AWS keeps as the description when none is given (hashicorp/terraform-provider-aws global_replication_group.go).
NO_DESCRIPTION: Final = " "
# Seconds that a promotion waits for the other members' first copies, and between two looks at them.
FOLLOW_SECONDS: Final = 60.0
FOLLOW_PAUSE: Final = 0.2


@operation(
    "CreateGlobalReplicationGroup",
    "GlobalReplicationGroupIdSuffix GlobalReplicationGroupDescription PrimaryReplicationGroupId Tags",
)
def create(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Make a group of this Region the primary of a new Global Datastore; the group stays as it is, and takes writes."""
    primary = region.group(given["PrimaryReplicationGroupId"])
    if region.name not in PREFIXES:
        raise refuse("global-region", region=region.name)
    suffix = given["GlobalReplicationGroupIdSuffix"]
    global_id = f"{PREFIXES[region.name]}-{suffix}".lower()
    if global_id in region.account.globals:
        raise refuse("global-exists", id=global_id)
    global_members.check_primary(primary)
    check_available(region, primary)
    description = given.get("GlobalReplicationGroupDescription") or NO_DESCRIPTION
    found = GlobalGroup(global_id, suffix, description, region.name, phase=CREATING)
    region.account.globals[global_id] = found
    global_members.enter(primary, found, PRIMARY)
    # What the program gave stays as it is; the members use copies (pulumi_aws GlobalReplicationGroup parameter_group_name).
    own = parameters.find(region, primary.parameter_group)
    primary.parameter_group = global_members.copy_parameters(own, region, found)
    region.put_tags(shape(region, found, members=False)["ARN"], given.get("Tags"))

    def done() -> None:
        found.phase = None
        primary.global_status = ASSOCIATED
        _tell(region, primary, f"is the primary of global datastore {global_id}")

    work_on(region.account, found, [(region, primary)], lambda: None, done)
    return {"GlobalReplicationGroup": shape(region, found, members=True)}


@operation("DescribeGlobalReplicationGroups", "GlobalReplicationGroupId ShowMemberInfo")
def describe(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Return one Global Datastore or all."""
    if "GlobalReplicationGroupId" in given:
        found = [global_members.find(region, given["GlobalReplicationGroupId"])]
    else:
        found = list(region.account.globals.values())
    members = bool(given.get("ShowMemberInfo"))
    return {"GlobalReplicationGroups": [shape(region, entry, members=members) for entry in found]}


@operation("DeleteGlobalReplicationGroup", "GlobalReplicationGroupId RetainPrimaryReplicationGroup")
def delete(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Delete a Global Datastore without secondaries; its primary goes on as a group of its own."""
    found = global_members.find(region, given["GlobalReplicationGroupId"])
    if not given["RetainPrimaryReplicationGroup"]:
        raise refuse("global-retain")
    now = global_members.status(region, found)
    if now != PRIMARY_ONLY:
        raise refuse("global-state", action="delete", status=now)
    found.phase = DELETING
    account = region.account
    members = account.members(found.global_id)
    arn = shape(region, found, members=False)["ARN"]

    def done() -> None:
        for place, group in members:
            global_members.leave(group)
            _tell(place, group, f"is no longer in global datastore {found.global_id}")
        account.globals.pop(found.global_id, None)
        region.tags.pop(arn, None)

    work_on(account, found, members, lambda: None, done)
    return {"GlobalReplicationGroup": shape(region, found, members=True)}


@operation("DisassociateGlobalReplicationGroup", "GlobalReplicationGroupId ReplicationGroupId ReplicationGroupRegion")
def disassociate(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Take a secondary out: it keeps the data that had arrived, and takes writes from then on."""
    found = global_members.find(region, given["GlobalReplicationGroupId"])
    place, group = _member(region, found, given["ReplicationGroupId"], given["ReplicationGroupRegion"])
    if group.global_role == PRIMARY:
        raise refuse("global-disassociate-primary", group=group.group_id, id=found.global_id)
    global_members.check_settled(region, found, "disassociate a member of")
    group.global_status = DISASSOCIATING
    plane = region.account.plane

    def done() -> None:
        global_members.leave(group)
        _tell(place, group, f"disassociated from global datastore {found.global_id}")

    def undo(_: str) -> None:
        group.global_status = ASSOCIATED

    work_on(region.account, found, [(place, group)], lambda: plane.lead(group.group_id), done, undo)
    return {"GlobalReplicationGroup": shape(region, found, members=True)}


@operation("FailoverGlobalReplicationGroup", "GlobalReplicationGroupId PrimaryRegion PrimaryReplicationGroupId")
def failover(region: Region, given: dict[str, Any]) -> dict[str, Any]:
    """Promote a secondary: all others follow it then, the former primary as well.

    It is taken while other changes run; of several promotions one is the last (docs.aws.amazon.com,
    Redis-Global-Datastores-Console.html). Nobody does this but the operator: there is no failover between Regions by itself.
    """
    account = region.account
    found = global_members.find(region, given["GlobalReplicationGroupId"])
    place, group = _member(region, found, given["PrimaryReplicationGroupId"], given["PrimaryRegion"])
    now = global_members.status(region, found)
    if now not in {AVAILABLE, MODIFYING} or group.global_status != ASSOCIATED:
        raise refuse("global-state", action="fail over", status=now)
    if group.global_role == PRIMARY:
        raise refuse("global-primary-already", group=group.group_id, region=place.name, id=found.global_id)
    members = [member for member in account.members(found.global_id) if member[1].global_status == ASSOCIATED]
    others = [other.group_id for _, other in members if other is not group]

    def work() -> None:
        with found.promoting:
            account.plane.promote(group.group_id, others)
            with account.lock:
                for _, other in members:
                    other.global_role = SECONDARY
                group.global_role = PRIMARY
            _wait_following(account.plane, others)

    def done() -> None:
        _tell(place, group, f"is the primary of global datastore {found.global_id}")

    work_on(account, found, members, work, done)
    return {"GlobalReplicationGroup": shape(region, found, members=True)}


def _wait_following(plane: Plane, groups: Sequence[str]) -> None:
    """Wait until the other members follow the new primary: those that live; one that comes back later does it then."""
    deadline = time.monotonic() + FOLLOW_SECONDS
    waiting = list(groups)
    while waiting and time.monotonic() < deadline:
        waiting = [group_id for group_id in waiting if plane.whole(group_id) and plane.lag(group_id) is None]
        if waiting:
            time.sleep(FOLLOW_PAUSE)


def work_on(
    account: Account,
    found: GlobalGroup,
    members: Sequence[tuple[Region, Group]],
    work: Callable[[], None],
    done: Callable[[], None],
    undo: Callable[[str], None] = lambda _: None,
) -> None:
    """Do `work` (the data plane's, without the lock), then under it `done`, or `undo` with the reason when the work failed.

    The Global Datastore is "modifying" meanwhile, and so is each of these members that was available.
    """
    found.changes += 1
    busy = [(region, group) for region, group in members if group.status == AVAILABLE]
    for _, group in busy:
        group.status = MODIFYING

    def job() -> None:
        failure: str | None = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the datastore must say that it is not as asked
            account.log(f"{found.global_id}: a change failed: {type(error).__name__}: {error}")
            failure = f"a change of global datastore {found.global_id} failed in the emulator: {error}"
        with account.lock:
            found.changes -= 1
            found.failure = failure
            for _, group in busy:
                group.status = AVAILABLE
            if failure is None:
                done()
            else:
                undo(failure)
                for region, group in members:
                    events.record(region, "replication-group", group.group_id, failure)
            for region, group in members:
                if region.groups.get(group.group_id) is group:
                    catch_up(region, group)

    account.background(job)


def _member(region: Region, found: GlobalGroup, group_id: str, place: str) -> tuple[Region, Group]:
    for member_region, group in region.account.members(found.global_id):
        if (member_region.name, group.group_id) == (place, group_id.lower()):
            return member_region, group
    raise refuse("global-not-member", group=group_id, region=place, id=found.global_id)


def _tell(region: Region, group: Group, what: str) -> None:
    events.record(region, "replication-group", group.group_id, f"Replication group {group.group_id} {what}")
