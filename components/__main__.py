"""Hosts the components for programs in other languages: `pulumi package add <this folder>`."""

import pulumi
from pulumi.provider.experimental import component_provider_host

from redis_ha.elasticache import ElastiCacheHaGroup, GlobalDatastore, ServerlessCache
from redis_ha.network import PrivateNetwork
from redis_ha.sentinel import SentinelCluster
from redis_ha.traffic import AlbBlueGreen, LiveColourRecord, WeightedBlueGreen

NAME = "redis-ha"
COMPONENTS: list[type[pulumi.ComponentResource]] = [
    AlbBlueGreen,
    ElastiCacheHaGroup,
    GlobalDatastore,
    LiveColourRecord,
    PrivateNetwork,
    SentinelCluster,
    ServerlessCache,
    WeightedBlueGreen,
]

if __name__ == "__main__":
    component_provider_host(name=NAME, components=COMPONENTS)
