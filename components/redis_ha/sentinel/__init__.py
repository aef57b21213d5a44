"""Redis with Sentinel on DigitalOcean droplets."""

from .cluster import SentinelCluster, SentinelClusterArgs

__all__ = ["SentinelCluster", "SentinelClusterArgs"]
