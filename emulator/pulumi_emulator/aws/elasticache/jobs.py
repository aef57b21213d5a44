"""Work behind an answer: the group says what is being done to it until it is done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from pulumi_emulator.aws.elasticache import events
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.model import Group
from pulumi_emulator.aws.elasticache.specs import group_spec
from pulumi_emulator.errors import EmulatorError

AVAILABLE: Final = "available"
CREATING: Final = "creating"
CREATE_FAILED: Final = "create-failed"
DELETING: Final = "deleting"
MODIFYING: Final = "modifying"
# What a promotion may change while a change of the group is under way; an undone change leaves it.
MEMBERSHIP: Final = frozenset({"global_id", "global_role", "global_status"})


def run(
    region: Region,
    group: Group,
    status: str,
    work: Callable[[], None],
    done: Callable[[], None],
    undo: Callable[[], None] = lambda: None,
) -> None:
    """Do `work` (the data plane's, seconds long, without the lock), then under it `done`, or `undo` when the work failed.

    The group has `status` meanwhile. AWS has no word for a change that failed as here, so it is told in the group's events and
    kept as its `failure` until a change succeeds.
    """
    group.status = status
    account = region.account

    def job() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the group must say that it is not as asked
            account.log(f"{group.group_id}: {status} failed: {type(error).__name__}: {error}")
            with account.lock:
                undo()
                group.status = CREATE_FAILED if status == CREATING else AVAILABLE
                group.failure = f"{status} failed in the emulator: {error}"
                events.record(region, "replication-group", group.group_id, group.failure)
            return
        with account.lock:
            group.status, group.failure = AVAILABLE, None
            done()
            if region.groups.get(group.group_id) is group:
                catch_up(region, group)

    account.background(job)


def become(region: Region, group: Group, new: Group, done: Callable[[], None]) -> None:
    """Make a group what `new` is, and its nodes too where they notice; it stays as it was when they cannot."""
    before = {name: value for name, value in vars(group).items() if name not in MEMBERSHIP}
    vars(group).update(vars(new))
    if group.applied == group_spec(region, group):
        done()
    else:
        _apply(region, group, done, lambda: vars(group).update(before))


def _apply(region: Region, group: Group, done: Callable[[], None], undo: Callable[[], None]) -> None:
    """Bring the nodes to what the group now is."""
    spec = group.applied = group_spec(region, group)
    plane = region.account.plane
    run(region, group, MODIFYING, lambda: plane.change(spec), done, undo)


def catch_up(region: Region, group: Group) -> None:
    """Bring to the nodes what changed beside the group itself: users, user groups, parameters."""
    if group.status != AVAILABLE or group.applied is None:
        return
    before, after = group.applied, group_spec(region, group)
    if before == after:
        return

    def done() -> None:
        if before.parameters != after.parameters:
            for node in group.nodes:
                events.publish(region, group, "CacheClusterParametersChanged", node.node_id)

    def undo() -> None:
        group.applied = before

    _apply(region, group, done, undo)


def current_status(region: Region, group: Group) -> str:
    """Return a group's status; one that lacks a node, or gets one back, is being modified as well."""
    if group.status == AVAILABLE and region.account.has_plane:
        with contextlib.suppress(EmulatorError):  # nodes are not there yet, or not any more
            return AVAILABLE if region.account.plane.whole(group.group_id) else MODIFYING
    return group.status


def check_available(region: Region, group: Group) -> None:
    """Refuse a change while another one is under way, or a node is missing."""
    status = current_status(region, group)
    if status != AVAILABLE:
        raise refuse("group-busy", id=group.group_id, status=status)
