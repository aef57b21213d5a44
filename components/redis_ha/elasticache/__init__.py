"""Redis and Valkey with Amazon ElastiCache."""

from .group import ElastiCacheHaGroup, ElastiCacheHaGroupArgs
from .serverless import ServerlessCache, ServerlessCacheArgs

__all__ = ["ElastiCacheHaGroup", "ElastiCacheHaGroupArgs", "ServerlessCache", "ServerlessCacheArgs"]
