"""Redis and Valkey with Amazon ElastiCache."""

__all__: list[str] = []
