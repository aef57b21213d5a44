"""Real processes for every kind of connection at once, for tests of what all kinds of client have in common."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.connecting import Documents
from tests.support.global_processes import HOME, GlobalGroups, WorldNames
from tests.support.redis_processes import Node, RedisProcesses, Started

CLUSTERS = ("cluster", "cluster reader", "global cluster")
KINDS = ("sentinel", "primary", "reader", "global", *CLUSTERS)


@dataclass
class EveryKind(Started):
    """A Sentinel topology that others run, and a global datastore with cluster mode off and one with it on."""

    directory: Path
    topology: RedisProcesses

    def __post_init__(self) -> None:
        self.plain = GlobalGroups(self.directory / "plain")
        self.sharded = GlobalGroups(self.directory / "sharded", cluster=True)

    def start(self) -> None:
        self.plain.start()
        self.sharded.start()

    def stop(self) -> None:
        self.plain.stop()
        self.sharded.stop()

    def publish(self, names: WorldNames) -> None:
        """Publish all names. Both datastores have the same: nodes' names are those of the one with cluster mode on."""
        self.plain.publish(names)
        self.sharded.publish(names)

    def documents(self, kind: str) -> tuple[Documents, dict[str, Any]]:
        """What a client of `kind` is made from, and the arguments beside."""
        if kind == "sentinel":
            return self.topology, {}
        whole = self.sharded if kind in CLUSTERS else self.plain
        if kind.startswith("global"):
            return whole, {}
        return whole.groups[HOME], {"reader": True} if kind.endswith("reader") else {}

    def listed(self, name: str, *, blocked: bool = False) -> list[str]:
        """The connections that have this name, each by its node, on all nodes and Sentinels; `blocked`: those that wait."""
        groups = [*self.plain.groups.values(), *self.sharded.groups.values()]
        nodes: list[tuple[Any, Node]] = [(group, node) for group in groups for node in group.nodes]
        nodes += [(self.topology, node) for node in self.topology.nodes]
        rows = [(node, row) for owner, node in nodes for row in str(owner.command(node, "CLIENT", "LIST")).splitlines()]
        return [node.name for node, row in rows if f" name={name} " in row and (" flags=b" in row or not blocked)]
