"""A global datastore as AWS would run it: a group of real processes in each of two regions, and a record that names the writer.

Cluster mode off: the secondary's primary node replicates from the primary's, its own replicas from it; a promotion turns that
round. Cluster mode on: servers in cluster mode replicate from no other cluster, so each region has data of its own here, and
the one that does not take writes refuses them by its ACL (NOPERM).
"""

import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.managed_processes import APPLICATION, ManagedGroup, Names
from tests.support.redis_processes import ADMIN, DATA_PORT, Node, Started
from tests.support.waiting import wait_until

HOME, AWAY = "eu-central-1", "eu-west-1"
PLACES = {HOME: "euc1", AWAY: "euw1"}
RECORD = "writer.shop.internal"


class WorldNames(Names):
    """Names that also lead on: a record is a CNAME of another name, as the system's resolver would answer."""

    aliases: dict[str, str]

    def __init__(self, monkeypatch: Any) -> None:
        super().__init__(monkeypatch)
        self.aliases = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.get("flags", 0) & socket.AI_CANONNAME:
            return super().getaddrinfo(host, port, *args, **kwargs)
        self.asked.append(host)
        if host not in self.aliases:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, self.aliases[host], ("127.0.0.1", 0))]


@dataclass
class GlobalGroups(Started):
    """A group in each of two regions; `home` takes writes first."""

    directory: Path
    cluster: bool = False
    replicas: int = 1
    writer: dict[str, Any] | None = field(default_factory=lambda: {"record": RECORD})
    tls_directory: Path | None = None
    groups: dict[str, ManagedGroup] = field(default_factory=dict)
    primary: str = HOME

    def __post_init__(self) -> None:
        passwords = {user: secrets.token_hex(16) for user in (ADMIN, APPLICATION)}
        for region, place in PLACES.items():
            self.groups[region] = ManagedGroup(
                self.directory / place,
                cluster=self.cluster,
                replicas=self.replicas,
                name=f"shop-{place}",
                place=place,
                passwords=passwords,
                tls_directory=self.tls_directory,
            )

    @property
    def connection(self) -> dict[str, Any]:
        return {
            "version": 1,
            "kind": "global",
            "primary_region": HOME,
            "stale_seconds": 5,
            "writer": self.writer,
            "regions": {region: group.connection for region, group in self.groups.items()},
        }

    @property
    def credentials(self) -> dict[str, Any]:
        return self.groups[HOME].credentials

    def first(self, region: str) -> Node:
        """A region's primary node: the one that its primary endpoint leads to."""
        return self.groups[region].nodes[0]

    def publish(self, names: WorldNames) -> None:
        """Let the regions' names lead to their nodes, and the record to the region that takes writes."""
        for region, group in self.groups.items():
            if self.cluster:
                group.publish(names)
                continue
            names.addresses[group.primary_name] = [self.first(region).host]
            names.addresses[group.reader_name] = [node.host for node in group.nodes[1:]] or [self.first(region).host]
        self.point(names)

    def point(self, names: WorldNames) -> None:
        """Let the record lead to the region that takes writes: the last name of the chain is a node's."""
        group = self.groups[self.primary]
        names.aliases[RECORD] = group.node_name(group.nodes[0])

    def promote(self, region: str) -> None:
        """Let `region` take writes and the other one follow it, if it answers; names stay as they are."""
        self.primary = region
        other = next(one for one in self.groups if one != region)
        if self.cluster:
            self._take_writes(region, taken=True)
            self._take_writes(other, taken=False)
            return
        ahead, behind = self.first(region), self.first(other)
        self.groups[region].command(ahead, "REPLICAOF", "NO", "ONE")
        if behind.running and not behind.frozen:
            self.groups[other].command(behind, "REPLICAOF", ahead.host, str(DATA_PORT))

    def heal(self) -> None:
        """Bring back what a test broke, with `home` as the region that takes writes."""
        for region, group in self.groups.items():
            for node in group.nodes:
                if node.running:
                    node.thaw()
                else:
                    node.start()
                wait_until(lambda group=group, node=node: bool(group.command(node, "PING")), f"{node.name} answers")  # type: ignore[misc]
            if not self.cluster:
                for node in group.nodes[1:]:
                    group.command(node, "REPLICAOF", self.first(region).host, str(DATA_PORT))
        self.promote(HOME)
        if self.cluster:
            for group in self.groups.values():
                group.wait_whole()
            return
        for region, group in self.groups.items():
            links = group.nodes[1:] if region == HOME else group.nodes
            for node in links:
                wait_until(lambda group=group, node=node: group.command(node, "ROLE")[3] == "connected", f"{node.name} follows")  # type: ignore[misc]

    def start(self) -> None:
        for group in self.groups.values():
            group.start()
        self.heal()

    def stop(self) -> None:
        for group in self.groups.values():
            group.stop()

    def _take_writes(self, region: str, *, taken: bool) -> None:
        group = self.groups[region]
        for node in group.nodes:
            if node.running and not node.frozen:
                rules = ["+@all", *([] if taken else ["-@write"]), "-@admin", "-@dangerous"]
                group.command(node, "ACL", "SETUSER", APPLICATION, *rules)
