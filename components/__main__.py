"""Hosts the components for programs in other languages: `pulumi package add <this folder>`."""

import gc
import sys

# The SDKs are 270,000 objects that stay: looking through them for cycles again and again is a quarter of the start's time.
gc.set_threshold(100_000)

import pulumi  # noqa: E402
from pulumi.provider import main  # noqa: E402

from redis_ha.elasticache import ElastiCacheHaGroup, GlobalDatastore, ServerlessCache  # noqa: E402
from redis_ha.failover import FailoverAutomation  # noqa: E402
from redis_ha.hosted import CheckedProvider  # noqa: E402
from redis_ha.network import PrivateNetwork  # noqa: E402
from redis_ha.sentinel import SentinelCluster  # noqa: E402
from redis_ha.traffic import AlbBlueGreen, LiveColourRecord, WeightedBlueGreen  # noqa: E402

NAME = "redis-ha"
COMPONENTS: list[type[pulumi.ComponentResource]] = [
    AlbBlueGreen,
    ElastiCacheHaGroup,
    FailoverAutomation,
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
