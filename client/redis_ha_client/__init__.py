"""A redis-ha stack's `connection` and `credentials` in, a rightly set redis-py client out.

`connect` makes a synchronous client, `aio.connect` one for asyncio.
"""

from . import aio
from .describe import describe
from .errors import DocumentError, NotExecutedError, OutcomeUnknownError, outcome_of
from .policy import FailoverPolicy
from .sync import connect

__all__ = [
    "DocumentError",
    "FailoverPolicy",
    "NotExecutedError",
    "OutcomeUnknownError",
    "aio",
    "connect",
    "describe",
    "outcome_of",
]
