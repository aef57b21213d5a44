"""Hosts the components for programs in other languages: `pulumi package add <this folder>`."""

import pulumi
from pulumi.provider.experimental import component_provider_host

from redis_ha.elasticache import ElastiCacheHaGroup, ServerlessCache
from redis_ha.network import PrivateNetwork
from redis_ha.sentinel import SentinelCluster

NAME = "redis-ha"
COMPONENTS: list[type[pulumi.ComponentResource]] = [ElastiCacheHaGroup, PrivateNetwork, SentinelCluster, ServerlessCache]

if __name__ == "__main__":
    component_provider_host(name=NAME, components=COMPONENTS)
