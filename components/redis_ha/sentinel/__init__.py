"""Redis with Sentinel on DigitalOcean droplets."""

import typing

from redis_ha.loading import on_first_use as _on_first_use

if typing.TYPE_CHECKING:
    from .cluster import SentinelCluster, SentinelClusterArgs

__all__ = [
    "SentinelCluster",
    "SentinelClusterArgs",
]

__getattr__ = _on_first_use(
    __name__,
    {
        "SentinelCluster": "cluster",
        "SentinelClusterArgs": "cluster",
    },
)
