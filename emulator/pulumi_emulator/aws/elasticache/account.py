"""The emulated account: what ElastiCache keeps in each of its Regions."""

from __future__ import annotations

import contextlib
import queue
import secrets
import string
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_emulator.aws.access import Endpoint
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.clock import Clock
from pulumi_emulator.aws.elasticache.faults import refuse
from pulumi_emulator.aws.outbox import Outbox
from pulumi_emulator.aws.plane import Plane
from pulumi_emulator.aws.roles import Roles

if TYPE_CHECKING:
    from pulumi_emulator.aws.elasticache.events import Event
    from pulumi_emulator.aws.elasticache.model import GlobalGroup, Group
    from pulumi_emulator.aws.event_bus.service import Buses
    from pulumi_emulator.aws.functions.service import Functions

# Length of the part of a host name that tells accounts apart, as in AWS's examples (prod.abc123.ng.0001.use1...).
HASH_LENGTH: Final = 6


class Account:
    """One account: its Regions, the data plane they share, and the lock that every operation holds."""

    def __init__(self, plane: Callable[[], Plane], log: Callable[[str], None], folder: Path) -> None:
        """`plane` returns the data plane when the first group needs it (only then root and images are needed).

        `folder` gets the files of functions.
        """
        self.lock = threading.RLock()
        self.log = log
        self.clock = Clock()
        self.roles = Roles(self.clock.now)
        # A fixed letter first: a label of a host name.
        self.hash = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(HASH_LENGTH))
        self.regions: dict[str, Region] = {}
        # Global Datastores by id: calls about them can be made in any Region (terraform-provider-aws replication_group.go).
        self.globals: dict[str, GlobalGroup] = {}
        # Told of the data plane when it is there.
        self.on_plane: Callable[[Plane], None] = lambda _: None
        # Keeps metrics: Region, namespace, and data as PutMetricData has them.
        self.publish: Callable[[str, str, Sequence[Mapping[str, Any]]], None] = lambda *_: None
        # Where the account answers, once it does; its files; how a command gets to where the caches' names resolve.
        self.endpoint: Endpoint | None = None
        self.folder = folder
        self.inside: Callable[[list[str]], list[str]] = lambda argv: argv
        # There from the first request to Lambda and to EventBridge on.
        self.functions: Functions | None = None
        self.buses: Buses | None = None
        # What would have been sent to the world.
        self.outbox = Outbox()
        self._plane_of = plane
        self._plane: Plane | None = None
        self._plane_lock = threading.Lock()
        self._notices: queue.SimpleQueue[tuple[Callable[[], object], contextlib.ExitStack]] = queue.SimpleQueue()
        threading.Thread(target=self._notify, name="notices", daemon=True).start()

    @property
    def plane(self) -> Plane:
        """The data plane."""
        with self._plane_lock:
            if self._plane is None:
                self._plane = self._plane_of()
                self.on_plane(self._plane)
            return self._plane

    @property
    def has_plane(self) -> bool:
        """Whether a group ever needed nodes."""
        return self._plane is not None

    def endpoint_as(self, role_arn: str, session_name: str, seconds: int) -> Endpoint:
        """Return where the account answers, with a key of a role that holds for some seconds of the account's time."""
        if self.endpoint is None:
            raise AssertionError("the account is not served")
        return Endpoint(self.endpoint.url, self.roles.issue(role_arn, session_name, seconds).key)

    def close(self) -> None:
        """End the processes of functions."""
        if self.functions is not None:
            self.functions.runtime.end()

    def later(self, notice: Callable[[], object]) -> None:
        """Deliver a notice in its turn and without the lock: a subscriber may call the API."""
        under_way = contextlib.ExitStack()
        under_way.enter_context(self.clock.at_work())
        self._notices.put((notice, under_way))

    def _notify(self) -> None:
        while True:
            notice, under_way = self._notices.get()
            with under_way:
                try:
                    notice()
                except Exception as error:  # noqa: BLE001 - a subscriber's failure is not the service's
                    self.log(f"a notice could not be delivered: {type(error).__name__}")

    def under_way(self, work: Callable[[], None]) -> None:
        """Do something in a thread of its own; the clock is not advanced before it is done."""
        waiting = contextlib.ExitStack()
        waiting.enter_context(self.clock.at_work())

        def all_of_it() -> None:
            with waiting:
                try:
                    work()
                except Exception as error:  # noqa: BLE001 - nobody waits for it
                    self.log(f"what was under way failed: {type(error).__name__}: {error}")

        threading.Thread(target=all_of_it, name="under way", daemon=True).start()

    def background(self, work: Callable[[], None]) -> None:
        """Do what takes time behind the answer."""
        threading.Thread(target=work, name="work", daemon=True).start()

    def region(self, name: str) -> Region:
        """Return a Region, empty at first."""
        with self.lock:
            if name not in self.regions:
                self.regions[name] = Region(self, name)
            return self.regions[name]

    def group(self, group_id: str) -> tuple[Region, Group] | None:
        """Return a replication group of any Region."""
        with self.lock:
            for region in self.regions.values():
                if group_id in region.groups:
                    return region, region.groups[group_id]
        return None

    def members(self, global_id: str) -> list[tuple[Region, Group]]:
        """Return the members of a Global Datastore, the primary first."""
        with self.lock:
            found = [
                (region, group)
                for region in self.regions.values()
                for group in region.groups.values()
                if group.global_id == global_id
            ]
        return sorted(found, key=lambda member: (member[1].global_role or "", member[0].name))


@dataclass
class Region:
    """What is in one Region. Keys are ids or names in lower case, as AWS stores them."""

    account: Account
    name: str
    subnet_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameter_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    user_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    serverless: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    serverless_snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    # When TestFailover was called, by the node group it was called for.
    test_failovers: list[tuple[datetime, str]] = field(default_factory=list)

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of an object: `kind` is AWS's word in it ("replicationgroup", "usergroup" ...)."""
        return f"arn:aws:elasticache:{self.name}:{ACCOUNT_ID}:{kind}:{name}"

    def now(self) -> datetime:
        """Return the account's time, in UTC."""
        return self.account.clock.now()

    def put_tags(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Give a new object its tags; it has none of an earlier one with its name."""
        self.tags[arn] = {tag["Key"]: tag.get("Value", "") for tag in tags or []}

    def group(self, group_id: str) -> Group:
        """Return a replication group; ReplicationGroupNotFoundFault when there is none."""
        found = self.groups.get(group_id.lower())
        if found is None:
            raise refuse("group-unknown", id=group_id)
        return found
