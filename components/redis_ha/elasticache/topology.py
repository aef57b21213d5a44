"""The shape of a replication group as plain data: how many shards and replicas, and what AWS calls their nodes. No Pulumi."""

import re
from dataclasses import dataclass

# docs.aws.amazon.com, AmazonElastiCache CLI reference, modify-replication-group --cluster-mode.
CLUSTER_MODES = ("disabled", "compatible", "enabled")
# The number of the only shard where ids carry none (DescribeReplicationGroups calls that node group 0001 as well).
ONLY_SHARD = "0001"
# <group>-0001-002 with cluster mode, <group>-002 without it (hashicorp/terraform-provider-aws, replication_group_test.go;
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Finding connection endpoints").
_SHARD_OF_NODE = re.compile(r"-(\d{4})-\d{3}$")


@dataclass(frozen=True)
class Topology:
    """Shards and replicas of one replication group.

    `known_node_ids` are the ids that the account really has, for groups whose nodes were replaced or whose cluster mode was
    migrated: AWS keeps the names nodes were born with (hashicorp/terraform-provider-aws issue 41567). Empty: as newly made.
    `multi_az_off` is the step before the last replica goes.
    """

    group_id: str
    cluster_mode: str
    shards: int
    replicas: int
    known_node_ids: tuple[str, ...] = ()
    multi_az_off: bool = False

    @property
    def clustered(self) -> bool:
        """Whether clients use the cluster protocol and the configuration endpoint."""
        return self.cluster_mode == "enabled"

    @property
    def automatic_failover(self) -> bool:
        """Whether a lost primary is replaced by a replica: together with Multi-AZ, and cluster mode cannot be without it."""
        return self.multi_az or self.clustered

    @property
    def multi_az(self) -> bool:
        """Whether nodes of a shard live in several zones: wherever there is a replica, unless switched off."""
        return self.replicas > 0 and not self.multi_az_off

    @property
    def nodes(self) -> int:
        """Return the number of nodes of the group."""
        return self.shards * (1 + self.replicas)

    def node_ids_by_shard(self) -> dict[str, tuple[str, ...]]:
        """Return the ids of each shard's nodes (CloudWatch's CacheClusterId), primary or replica alike."""
        if self.known_node_ids:
            found: dict[str, tuple[str, ...]] = {}
            for node_id in self.known_node_ids:
                match = _SHARD_OF_NODE.search(node_id)
                shard = match[1] if match else ONLY_SHARD
                found[shard] = (*found.get(shard, ()), node_id)
            return found
        members = range(1, self.replicas + 2)
        if not self.clustered:
            return {ONLY_SHARD: tuple(f"{self.group_id}-{member:03d}" for member in members)}
        return {
            f"{shard:04d}": tuple(f"{self.group_id}-{shard:04d}-{member:03d}" for member in members)
            for shard in range(1, self.shards + 1)
        }

    def node_ids(self) -> tuple[str, ...]:
        """Return the ids of all nodes, shard by shard."""
        return tuple(node_id for ids in self.node_ids_by_shard().values() for node_id in ids)
