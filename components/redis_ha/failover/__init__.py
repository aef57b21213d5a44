"""Failover automation: from what ElastiCache tells to the application's endpoint, without a person."""

import typing

from redis_ha.loading import on_first_use as _on_first_use

if typing.TYPE_CHECKING:
    from .automation import FailoverAutomation, FailoverAutomationArgs

__all__ = ["FailoverAutomation", "FailoverAutomationArgs"]

__getattr__ = _on_first_use(__name__, {"FailoverAutomation": "automation", "FailoverAutomationArgs": "automation"})
