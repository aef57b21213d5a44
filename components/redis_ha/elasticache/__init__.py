"""Redis and Valkey with Amazon ElastiCache."""

from .group import ElastiCacheHaGroup, ElastiCacheHaGroupArgs

__all__ = ["ElastiCacheHaGroup", "ElastiCacheHaGroupArgs"]
