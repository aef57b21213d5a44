"""A redis-ha stack's `connection` and `credentials` in, a rightly set redis-py client out.

`connect` makes a synchronous client, `aio.connect` one for asyncio.
"""

from . import aio as aio
from .effective import describe
from .errors import DocumentError, NotExecutedError, OutcomeUnknownError, outcome_of
from .policy import FailoverPolicy
from .sync import connect

__all__ = [
    "DocumentError",
    "FailoverPolicy",
    "NotExecutedError",
    "OutcomeUnknownError",
    "connect",
    "describe",
    "outcome_of",
]
