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


def run(region: Region, group: Group, status: str, work: Callable[[], None], done: Callable[[], None]) -> None:
    """Do `work` (the data plane's, seconds long, without the lock), then `done` under it; the group has `status` meanwhile."""
    group.status = status
    account = region.account

    def job() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the group must say that it is not as asked
            account.log(f"{group.group_id}: {status} failed: {type(error).__name__}: {error}")
            with account.lock:
                group.status = CREATE_FAILED if status == CREATING else AVAILABLE
                message = f"{status} failed in the emulator: {error}"
                events.record(region, "replication-group", group.group_id, message)
            return
        with account.lock:
            group.status = AVAILABLE
            done()
            if region.groups.get(group.group_id) is group:
                catch_up(region, group)

    account.background(job)


def apply_spec(region: Region, group: Group, done: Callable[[], None], status: str = MODIFYING) -> None:
    """Bring the nodes to what the group now is."""
    spec = group.applied = group_spec(region, group)
    plane = region.account.plane
    run(region, group, status, lambda: plane.change(spec), done)


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

    apply_spec(region, group, done)


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
