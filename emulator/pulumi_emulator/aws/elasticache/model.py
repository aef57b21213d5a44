"""A replication group as the emulated service keeps it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

SLOTS: Final = 16384  # docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.Redis-RedisCluster.html: slots of a cluster
FIRST_SHARD: Final = "0001"  # the only node group of a group with cluster mode disabled
CACHE_NODE_ID: Final = "0001"  # of every Valkey or Redis node: a cache cluster of theirs has one


@dataclass(frozen=True)
class Node:
    """One cache cluster of a group (in Valkey and Redis: one node)."""

    node_id: str
    shard: str
    zone: str
    created: datetime


@dataclass
class Group:
    """A replication group. Statuses are AWS's words; a token is only kept as hashes."""

    group_id: str
    description: str
    engine: str
    version: str
    node_type: str
    # AWS's ClusterMode: disabled, compatible or enabled.
    cluster_mode: str
    nodes: list[Node]
    slots: dict[str, str]
    created: datetime
    subnet_group: str
    parameter_group: str
    port: int
    automatic_failover: bool = False
    multi_az: bool = False
    status: str = "creating"
    tls: bool = False
    tls_mode: str | None = None
    at_rest: bool = False
    kms_key: str | None = None
    token_hashes: tuple[str, ...] = field(default=(), repr=False)
    token_changed: datetime | None = None
    user_groups: list[str] = field(default_factory=list)
    security_groups: list[str] = field(default_factory=list)
    topic_arn: str | None = None
    topic_active: bool = True
    auto_minor_version_upgrade: bool = True
    maintenance_window: str = ""
    snapshot_window: str = ""
    retention: int = 0
    snapshotting_cluster: str | None = None
    logs: list[dict[str, Any]] = field(default_factory=list)
    network_type: str = "ipv4"
    ip_discovery: str = "ipv4"
    data_tiering: bool = False
    durability: str | None = None
    # Membership of a Global Datastore: its id, the role (PRIMARY or SECONDARY) and the status in it.
    global_id: str | None = None
    global_role: str | None = None
    global_status: str | None = None
    # Whether node ids name the shard: those of a group that was made with cluster mode enabled do, and stay so.
    sharded_ids: bool = False
    # Members of a ModifyReplicationGroup that wait for the maintenance window.
    pending: dict[str, Any] = field(default_factory=dict)
    # Why the last change did not come about, if it did not.
    failure: str | None = None
    # What the data plane was last told.
    applied: Any = field(default=None, repr=False)
    # The last number given to a node, by shard: numbers are never given twice.
    last_number: dict[str, int] = field(default_factory=dict)

    def encrypt_durable(self) -> None:
        """Encrypt at rest what is durable: AWS does it by itself (dg/Durability.Limitations.html)."""
        self.at_rest = self.at_rest or self.durability in {"sync", "async"}

    @property
    def clustered(self) -> bool:
        """Whether the nodes speak the cluster protocol."""
        return self.cluster_mode != "disabled"

    @property
    def shards(self) -> list[str]:
        """The ids of the node groups."""
        return sorted(self.slots)

    def of_shard(self, shard: str) -> list[Node]:
        """Return a node group's nodes."""
        return [node for node in self.nodes if node.shard == shard]

    def new_node_id(self, shard: str) -> str:
        """Return an id that no node of the group ever had: <group>-00N, in cluster mode <group>-<shard>-00N.

        The only shard of a group that was migrated to cluster mode keeps the short ids; those of shards that it gets
        later name theirs.
        """
        self.last_number[shard] = self.last_number.get(shard, 0) + 1
        middle = f"{shard}-" if self.sharded_ids or shard != FIRST_SHARD else ""
        return f"{self.group_id}-{middle}{self.last_number[shard]:03d}"


@dataclass
class GlobalGroup:
    """A Global Datastore. Its members know it by their `global_id`; what all have alike is the primary's."""

    global_id: str
    suffix: str
    description: str
    # Where it was made: its id's prefix and its ARN are of this Region.
    region: str
    # "creating" or "deleting" while it is; else the status follows from `changes` and from who is in it.
    phase: str | None = None
    # How many changes are under way.
    changes: int = 0
    failure: str | None = None
    # One promotion after another: of several at a time one is the last.
    promoting: threading.Lock = field(default_factory=threading.Lock, repr=False)


def even_slots(count: int) -> dict[str, str]:
    """Return the slots of `count` shards, as evenly as the service divides them: "0001" -> "0-8191"."""
    edges = [index * SLOTS // count for index in range(count + 1)]
    return {f"{index + 1:04d}": f"{edges[index]}-{edges[index + 1] - 1}" for index in range(count)}
