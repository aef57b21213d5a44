"""Making an asyncio client of checked settings."""

import redis.asyncio as redis
from redis.asyncio.cluster import RedisCluster

from redis_ha_client.aio.cluster import ClusterClient
from redis_ha_client.aio.nodes import NodeClient
from redis_ha_client.aio.pools import pool_of
from redis_ha_client.documents import ClusterConnection
from redis_ha_client.wiring import Settings


def client_of(settings: Settings) -> redis.Redis | RedisCluster:
    """Return the client for these settings; nothing is dialled yet."""
    if isinstance(settings.connection, ClusterConnection):
        return ClusterClient(settings)
    return NodeClient.from_pool(pool_of(settings))
