"""A redis-ha stack's `connection` and `credentials` in, a rightly set redis-py client out."""

from .errors import DocumentError, NotExecutedError, OutcomeUnknownError, outcome_of
from .policy import FailoverPolicy
from .sync import connect

__all__ = ["DocumentError", "FailoverPolicy", "NotExecutedError", "OutcomeUnknownError", "connect", "outcome_of"]
