"""Work behind an answer: the group says what is being done to it until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pulumi_emulator.aws.elasticache import events
from pulumi_emulator.aws.elasticache.account import Region
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.elasticache.model import Group

AVAILABLE: Final = "available"
CREATING: Final = "creating"
CREATE_FAILED: Final = "create-failed"
DELETING: Final = "deleting"


def run(region: Region, group: Group, status: str, work: Callable[[], None], done: Callable[[], None]) -> None:
    """Do `work` (the data plane's, seconds long, without the lock), then `done` under it; the group has `status` meanwhile.

    The work is called with nothing, so what it needs of the group is made when it begins: no later change gets in, for a group
    that is not available takes none.
    """
    group.status = status
    account = region.account

    def job() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the group must say that it is not as asked
            account.log(f"{group.group_id}: {status} failed: {type(error).__name__}: {error}")
            with account.lock:
                group.status = CREATE_FAILED if status == CREATING else AVAILABLE
                events.record(region, "replication-group", group.group_id, f"{status} failed in the emulator: {error}")
            return
        with account.lock:
            group.status = AVAILABLE
            done()

    account.background(job)


def check_available(group: Group) -> None:
    """Refuse a change while another one is under way."""
    if group.status != AVAILABLE:
        raise refuse("group-busy", id=group.group_id, status=group.status)
