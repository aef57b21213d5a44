"""What monitoring has to know about a replication group, and how CloudWatch names what its nodes report."""

import re
from dataclasses import dataclass

from .topology import Topology

# docs.aws.amazon.com, AmazonElastiCache/latest/dg, CacheMetrics.
NAMESPACE = "AWS/ElastiCache"
# A node of Redis or Valkey is a cache cluster of one cache node, and that is always called this. Every metric of a node is
# published under (CacheClusterId, CacheNodeId), the latencies under nothing else (docs.aws.amazon.com, AmazonCloudWatch,
# "Supported metrics for resource tags for telemetry", AWS/ElastiCache).
CACHE_NODE_ID = "0001"
# Tag of the group by which Metrics Insights queries and fault injection find it. ElastiCache puts a group's tags on its member
# clusters too (pulumi-aws, ReplicationGroup `tags`). Letters and underscores only, so that a query needs no quotes
# (docs.aws.amazon.com, AmazonCloudWatch, "Query components and syntax in CloudWatch Metrics Insights").
GROUP_TAG = "redis_ha_group"

# vCPUs by size (docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Supported node types"; aws.amazon.com/ec2/instance-types):
# these sizes are the same in all families that take new groups, N times xlarge has N times four.
_VCPUS_OF_SIZE = {"micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
_SIZE = re.compile(r"cache\.[a-z0-9]+\.(?:(\d+)xlarge|([a-z]+))")


@dataclass(frozen=True)
class Watched:
    """A replication group as its alarms and its dashboard see it.

    `autoscaled` is what Application Auto Scaling moves (`shards` or `replicas`; None: nothing), `least_shards` the fewest
    shards that it may leave (None: those declared). `durability` is that of the group.
    """

    topology: Topology
    node_type: str
    autoscaled: str | None = None
    least_shards: int | None = None
    durability: str | None = None

    @property
    def fewest_shards(self) -> int:
        """Return how many primaries there are at least."""
        return self.topology.shards if self.least_shards is None else self.least_shards


def node_dimensions(node_id: str) -> dict[str, str]:
    """Return the dimensions of a node's metrics."""
    return {"CacheClusterId": node_id, "CacheNodeId": CACHE_NODE_ID}


def vcpus(node_type: str) -> int | None:
    """Return how many vCPUs a node type has; None when its size is not known."""
    found = _SIZE.fullmatch(node_type)
    if found is None:
        return None
    return 4 * int(found[1]) if found[1] else _VCPUS_OF_SIZE.get(found[2])
