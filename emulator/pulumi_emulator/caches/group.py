"""One replication group's nodes as they are now: who is primary, who is gone, and the way from one to the other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pulumi_emulator.caches import names, users
from pulumi_emulator.caches.admin import ReplyError
from pulumi_emulator.caches.certificates import Authority
from pulumi_emulator.caches.link import Link
from pulumi_emulator.caches.node import SYNC_TIMEOUT, Node, wait_until
from pulumi_emulator.caches.relay import Relay
from pulumi_emulator.caches.site import Site
from pulumi_emulator.caches.software import SOFTWARE
from pulumi_emulator.caches.spec import GroupSpec, NodeSpec, slots_of
from pulumi_emulator.errors import EmulatorError

# Group, source type and source id as DescribeEvents has them, message, and the SNS event's name without "ElastiCache:".
Emit = Callable[[str, str, str, str, "str | None"], None]
CACHE_NODE: Final = "0001"  # the cache node id of every Redis or Valkey node (docs.aws.amazon.com, API_CacheNode)
PING_TIMEOUT: Final = 1.0  # seconds
# So many PINGs in a row without an answer make a running process count as dead: it hangs. They take 1.5 s each with the pause
# between; one that runs a long script answers, with BUSY, after 5 s (valkey.conf, busy-reply-threshold), which is sooner.
PINGS_TO_DEATH: Final = 4
# Seconds that a durable group's replicas have to get what was acknowledged last; on this machine they are milliseconds behind.
ARRIVAL_TIMEOUT: Final = 10.0
# No write is acknowledged any more before the primary ends.
PAUSE_MS: Final = 60_000


@dataclass(frozen=True)
class Place:
    """What all groups of a stack share: folder, network, authority, where programs are, who starts processes, who listens."""

    folder: Path
    site: Site
    authority: Authority
    root: Callable[[str], Path]
    spawn: Callable[[Callable[[], None]], None]
    take_address: Callable[[], str]
    emit: Emit
    relay: Callable[[], Relay]


@dataclass
class Group:
    """The nodes of one group. Whoever changes it holds `lock`; reading `roles` needs none."""

    place: Place
    spec: GroupSpec
    password: str = field(repr=False)
    nodes: dict[str, Node] = field(default_factory=dict)
    primaries: dict[str, str] = field(default_factory=dict)  # of each shard
    cluster_ids: dict[str, str] = field(default_factory=dict)  # of each node, cluster mode on
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    unanswered: dict[str, int] = field(default_factory=dict)
    recovering: set[str] = field(default_factory=set)
    trouble: dict[str, str] = field(default_factory=dict)  # why the last look at a node, or at the group, did not bring it back
    leader: Group | None = field(default=None, repr=False)  # of another region, whose data this group follows
    links: dict[str, Link] = field(default_factory=dict, repr=False)  # to the leader, of each shard, cluster mode on
    resharding: bool = False  # its slots move: nobody follows it now, and it follows nobody
    _certificate: tuple[str, str] | None = field(default=None, repr=False)

    def roles(self) -> dict[str, str]:
        """Return node id -> "primary", "replica" or "gone"."""
        primaries = set(self.primaries.values())
        return {
            node_id: "gone" if not (node.alive and node.serving) else "primary" if node_id in primaries else "replica"
            for node_id, node in list(self.nodes.items())
        }

    def primary(self, shard: str) -> Node:
        """Return a shard's primary, dead or alive."""
        return self.nodes[self.primaries[shard]]

    def source(self, shard: str) -> Node | None:
        """Return the leader's primary that this shard's primary follows: the one with the same slots, dead or alive.

        None when the group follows nobody, or one of the two has got other shards and the other not yet.
        """
        if self.leader is None or self.resharding or self.leader.resharding:
            return None
        spec = self.leader.spec
        if not spec.cluster:
            return self.leader.primary(spec.shards[0])
        wanted = self.spec.slots[shard]
        same = [other for other, text in spec.slots.items() if text == wanted]  # as a rule; sets take their time
        same = same or [other for other, text in spec.slots.items() if slots_of(text) == slots_of(wanted)]
        return self.leader.primary(same[0]) if same and same[0] in self.leader.primaries else None

    @property
    def copies(self) -> bool:
        """Whether its primaries take their leader's writes as a client's: in cluster mode a server follows nobody by itself."""
        return self.leader is not None and self.spec.cluster

    def replicas(self, shard: str) -> list[Node]:
        """Return a shard's live replicas that have its data."""
        primary = self.primaries[shard]
        shard_nodes = [node for node in self.nodes.values() if node.spec.shard == shard and node.spec.node_id != primary]
        return [node for node in shard_nodes if node.alive and node.serving]

    def most_advanced(self, shard: str) -> Node | None:
        """Return the replica with the least lag, which ElastiCache promotes (AutoFailover.html); None when there is none."""
        offsets: list[tuple[int, str]] = []
        for node in self.replicas(shard):
            try:
                offsets.append((int(node.info(timeout=PING_TIMEOUT).get("slave_repl_offset", -1)), node.spec.node_id))
            except (OSError, ReplyError):
                continue
        return self.nodes[max(offsets)[1]] if offsets else None

    def add(self, specs: Sequence[NodeSpec]) -> list[Node]:
        """Start new, empty nodes that answer nobody but the administrator's questions yet; return when all run."""
        added = []
        for spec in specs:
            node = Node(spec, self.place.take_address(), self.place.folder / self.spec.group_id / spec.node_id, self.password)
            self.nodes[spec.node_id] = node
            self.place.site.add_address(node.address)
            self.write_files(node)
            self.launch(node)
            added.append(node)
        for node in added:
            self.started(node)
        return added

    def write_files(self, node: Node) -> None:
        """Write a node's files as the group is now."""
        if self._certificate is None:
            self._certificate = self.place.authority.issue(names.certificate_names(self.spec))
        node.write_files(self.spec, self.acl(), self._certificate, self.place.authority.pem)

    def acl(self) -> str:
        """Return the group's ACL file."""
        return users.acl_file(self.spec.access, self.password, read_only=self.copies)

    def launch(self, node: Node, *, keep_data: bool = False) -> None:
        """Start a node's process, empty unless told otherwise."""
        root, server = self.place.root(self.spec.engine), SOFTWARE[self.spec.engine].server
        self.place.spawn(lambda: node.start(self.place.site, root, server, keep_data=keep_data))

    def started(self, node: Node) -> None:
        """Wait until a launched node runs as the group wants it."""
        node.wait_started()
        self.set_parameters(node)
        if self.spec.plain_port and self.spec.tls_port:
            self.place.relay().open(node.address, self.spec.port, self.spec.plain_port, self.spec.tls_port)

    def set_parameters(self, node: Node) -> None:
        """Set the group's parameters on a running node.

        What copies a leader throws nothing away by itself, as replicas do not: it has no limit of memory, and Valkey expires
        nothing ("import-mode", valkey.conf; Redis does not know it, and expires a key a moment before its leader says so).
        """
        spec = self.spec
        if self.copies:
            spec = replace(spec, maxmemory_bytes=None, parameters={**spec.parameters, "import-mode": "yes"})
        node.set_parameters(spec)

    def close(self, node: Node) -> None:
        """Take no more connections for a node on the port that takes TLS and plain text."""
        if self.spec.mixed:
            self.place.relay().close(node.address)

    def linked(self, node: Node) -> bool:
        """Tell whether a replica follows its shard's primary with all its data."""
        return node.follows(self.primary(node.spec.shard))

    def wait_linked(self, nodes: Sequence[Node]) -> None:
        """Wait until these replicas have their primary's data."""
        for node in nodes:
            wait_until(
                lambda node=node: self.linked(node),  # type: ignore[misc]
                SYNC_TIMEOUT,
                f"cache node {node.spec.node_id} has its primary's data",
            )
            node.serving = True

    def take_down(self, nodes: Sequence[Node]) -> None:
        """Let nodes vanish: first their packets, then their processes, so nobody is told."""
        if self.spec.durable:
            self._save_acknowledged(nodes)
        self.place.site.darken(node.address for node in nodes)
        for node in nodes:
            node.kill()

    def _save_acknowledged(self, leaving: Sequence[Node]) -> None:
        """Let primaries that leave acknowledge no more writes, and wait until the replicas that stay have all they did.

        AWS keeps each write in a log in two zones before it is acknowledged (dg/Durability.html). There is no such log here: a
        primary that hangs, died by itself or has no replica takes its last writes with it.
        """
        for shard in self.primaries:
            primary = self.primary(shard)
            staying = [node for node in self.replicas(shard) if node not in leaving]
            if primary not in leaving or not primary.alive or not staying:
                continue
            try:
                with primary.admin(PING_TIMEOUT) as connection:
                    connection("CLIENT", "PAUSE", PAUSE_MS, "WRITE")
                written = int(primary.info()["master_repl_offset"])
                wait_until(
                    lambda staying=staying, written=written: all(_arrived(node) >= written for node in staying),  # type: ignore[misc]
                    ARRIVAL_TIMEOUT,
                    f"the replicas of node group {shard} of {self.spec.group_id} have all of its writes",
                )
            except (OSError, EmulatorError) as error:
                self.trouble[primary.spec.node_id] = str(error) or type(error).__name__

    def drop(self, node: Node) -> None:
        """Forget a node: its process, address and files."""
        node.kill()
        self.close(node)
        self.nodes.pop(node.spec.node_id, None)
        self.place.site.remove_address(node.address)
        self.place.site.lighten([node.address])
        self.place.site.open(node.address, self.spec.client_ports)

    def hangs_or_died(self, node: Node) -> bool:
        """Tell whether a node is dead: its process ended, or did not answer several times in a row."""
        if not node.alive:
            return True
        try:
            with node.admin(PING_TIMEOUT) as connection:
                connection("PING")
        except ReplyError:
            pass  # busy, or loading: it lives
        except OSError:
            self.unanswered[node.spec.node_id] = self.unanswered.get(node.spec.node_id, 0) + 1
            return self.unanswered[node.spec.node_id] >= PINGS_TO_DEATH
        self.unanswered.pop(node.spec.node_id, None)
        return False

    def tell(self, source_type: str, source: str, message: str, sns_event: str | None = None) -> None:
        """Say what happened."""
        self.place.emit(self.spec.group_id, source_type, source, message, sns_event)


def _arrived(replica: Node) -> int:
    """Return how far a replica is in its primary's history; one that ends meanwhile is promoted by nobody."""
    return int(replica.info()["slave_repl_offset"]) if replica.alive else sys.maxsize
