"""Failover automation: from what ElastiCache tells to the application's endpoint, without a person."""

__all__: list[str] = []
