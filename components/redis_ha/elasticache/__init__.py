"""Redis and Valkey with Amazon ElastiCache."""

import typing

from redis_ha.loading import on_first_use as _on_first_use

if typing.TYPE_CHECKING:
    from .global_datastore import GlobalDatastore, GlobalDatastoreArgs
    from .group import ElastiCacheHaGroup, ElastiCacheHaGroupArgs
    from .serverless import ServerlessCache, ServerlessCacheArgs

__all__ = [
    "ElastiCacheHaGroup",
    "ElastiCacheHaGroupArgs",
    "GlobalDatastore",
    "GlobalDatastoreArgs",
    "ServerlessCache",
    "ServerlessCacheArgs",
]

__getattr__ = _on_first_use(
    __name__,
    {
        "GlobalDatastore": "global_datastore",
        "GlobalDatastoreArgs": "global_datastore",
        "ElastiCacheHaGroup": "group",
        "ElastiCacheHaGroupArgs": "group",
        "ServerlessCache": "serverless",
        "ServerlessCacheArgs": "serverless",
    },
)
