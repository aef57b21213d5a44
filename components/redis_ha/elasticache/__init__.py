"""Redis and Valkey with Amazon ElastiCache."""

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
