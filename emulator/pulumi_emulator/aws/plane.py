"""What the API needs of the data plane: real cache nodes behind names, as pulumi_emulator.caches serves them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pulumi_emulator.aws import zone_names
from pulumi_emulator.aws.nodes import NODES
from pulumi_emulator.caches.host import CacheHost
from pulumi_emulator.caches.measure import Reading
from pulumi_emulator.caches.spec import GroupSpec

# Tells of a group's events: group, source type and identifier as DescribeEvents has them, text, name of the SNS event or None.
Emit = Callable[[str, str, str, str, "str | None"], None]


class Plane(Protocol):
    """The nodes of every group of one stack."""

    def create(self, spec: GroupSpec) -> None:
        """Start a group's nodes; returns when they answer."""

    def change(self, spec: GroupSpec) -> None:
        """Bring a group's nodes to another specification without losing its data."""

    def delete(self, group_id: str) -> None:
        """End a group's nodes."""

    def roles(self, group_id: str) -> Mapping[str, str]:
        """Return node id -> "primary", "replica" or "gone"."""
        ...

    def readings(self, group_id: str) -> Mapping[str, Reading]:
        """Return what each node says of itself now, by its id; one that is gone, or does not answer, is left out."""
        ...

    def test_failover(self, group_id: str, shard: str) -> None:
        """Kill the shard's primary; returns when a replica is promoted."""

    def hand_over(self, group_id: str, node_id: str) -> None:
        """Make a replica its shard's primary without a loss; the old one follows it."""

    def whole(self, group_id: str) -> bool:
        """Tell whether every node of a group serves and none is being recovered."""
        ...

    def addresses(self, group_id: str) -> Mapping[str, str]:
        """Return the group's host names and the address that each has now."""
        ...

    def zone_down(self, zone: str, groups: Sequence[str] | None = None) -> None:
        """Take the power from the nodes in a zone: all, or those of some groups; returns when replicas are promoted."""

    def zone_up(self, zone: str) -> None:
        """Give it back."""

    def follow(self, group_id: str, leader_id: str) -> None:
        """Replace a group's data by the leader's, and let it follow from then on; returns when the first copy is done."""

    def lead(self, group_id: str) -> None:
        """End following: the group takes writes, with the data that had arrived."""

    def promote(self, group_id: str, followers: Sequence[str]) -> None:
        """Let a group lead and the others follow it, also the one that led, when it is alive."""

    def lag(self, group_id: str) -> float | None:
        """Return the seconds since the last word of the leader; None when the link is down, or the group follows nobody."""
        ...

    def listen(self, port: int) -> socket.socket:
        """Return a listening socket at 127.0.0.1:port where commands run for which the names resolve."""
        ...


def make_plane(folder: Path, home: Path, emit: Emit, log: Callable[[str], None]) -> Plane:
    """Return the data plane of a stack; its software is made when it is not there."""
    host = CacheHost(folder / NODES, home, emit, zone_names.alias)
    host.ensure_software(log)
    return host
