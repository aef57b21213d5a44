"""A redis-py client for redis-ha stacks: it finds the new primary after a failover and retries within one time budget.

It is made from a stack's outputs `connection` and `credentials`. `connect` makes a synchronous client, `aio.connect` one
for asyncio.
"""

from . import aio as aio
from .effective import describe
from .errors import DocumentError, NotExecutedError, OutcomeUnknownError, ScanInterruptedError, outcome_of, outcomes_of
from .policy import FailoverPolicy
from .sync import connect, connect_from_env

__all__ = [
    "DocumentError",
    "FailoverPolicy",
    "NotExecutedError",
    "OutcomeUnknownError",
    "ScanInterruptedError",
    "connect",
    "connect_from_env",
    "describe",
    "outcome_of",
    "outcomes_of",
]
