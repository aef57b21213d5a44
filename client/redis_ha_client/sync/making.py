"""Making a client of checked settings."""

import redis
from redis.cluster import RedisCluster

from redis_ha_client.documents import ClusterConnection
from redis_ha_client.sync.cluster import ClusterClient
from redis_ha_client.sync.nodes import NodeClient
from redis_ha_client.sync.pools import pool_of
from redis_ha_client.wiring import Settings


def client_of(settings: Settings) -> redis.Redis | RedisCluster:
    """Return the client for these settings; a cluster's dials at once."""
    if isinstance(settings.connection, ClusterConnection):
        return ClusterClient(settings)
    client: redis.Redis = NodeClient.from_pool(pool_of(settings))
    return client
