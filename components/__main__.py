"""Hosts the components for programs in other languages: `pulumi package add <this folder>`."""

import sys

import pulumi
from pulumi.provider import main

from redis_ha.elasticache import ElastiCacheHaGroup, GlobalDatastore, ServerlessCache
from redis_ha.hosted import CheckedProvider
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


def provider() -> CheckedProvider:
    """Return the provider of all components. Like component_provider_host's, it is of version 0.0.0: SDKs want one."""
    return CheckedProvider(COMPONENTS, NAME)


if __name__ == "__main__":
    # The first argument is the plugin's folder, for the language runtime; the engine's address follows.
    main(provider(), sys.argv[1:])
