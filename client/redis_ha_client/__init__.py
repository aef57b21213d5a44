"""A redis-py client for redis-ha stacks: it finds the new primary after a failover and retries within one time budget.

It is made from a stack's outputs `connection` and `credentials`. `connect` makes a synchronous client, `aio.connect` one
for asyncio. `HealthMonitor` tells whether the deployment takes writes.
"""

from . import aio as aio
from .effective import describe
from .errors import (
    DocumentError,
    NotExecutedError,
    NotReplicated,
    OutcomeUnknownError,
    ScanInterruptedError,
    outcome_of,
    outcomes_of,
)
from .health import HealthPreset
from .health_http import health_asgi, health_wsgi
from .policy import FailoverPolicy
from .sync import connect, connect_from_env
from .sync.health import HealthMonitor
from .webhook import Webhook

__all__ = [
    "DocumentError",
    "FailoverPolicy",
    "HealthMonitor",
    "HealthPreset",
    "NotExecutedError",
    "NotReplicated",
    "OutcomeUnknownError",
    "ScanInterruptedError",
    "Webhook",
    "connect",
    "connect_from_env",
    "describe",
    "health_asgi",
    "health_wsgi",
    "outcome_of",
    "outcomes_of",
]
