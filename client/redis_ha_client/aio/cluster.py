"""The asyncio client of a cluster (see sync/cluster.py)."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

from redis.asyncio.cluster import RedisCluster

from redis_ha_client.wiring import Settings


class ClusterClient(RedisCluster):
    """Not made yet."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        raise NotImplementedError
