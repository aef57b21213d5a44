"""Which pool a topology without cluster mode has."""

from redis_ha_client.documents import SentinelConnection
from redis_ha_client.sync.endpoint import EndpointPool
from redis_ha_client.sync.nodes import NodePool
from redis_ha_client.sync.sentinel import MasterPool
from redis_ha_client.wiring import Settings


def pool_of(settings: Settings) -> NodePool:
    """Return the pool for these settings."""
    return MasterPool(settings) if isinstance(settings.connection, SentinelConnection) else EndpointPool(settings)
