"""What a failed command means for the caller: it was certainly not executed, or nobody can know."""

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from redis import exceptions
from redis.sentinel import MasterNotFoundError, SlaveNotFoundError

Outcome = Literal["failed", "unknown"]
CommandOutcome = Literal["executed", "failed", "unknown"]

# Replies by which a node says "I did not execute this; another node, or I in a moment, will".
# redis/redis src/server.c processCommand (READONLY, MASTERDOWN, NOREPLICAS) and src/blocked.c (UNBLOCKED: a waiting BLPOP is
# sent away when the master is demoted). LOADING arrives as redis.exceptions.BusyLoadingError and needs no row.
# CLUSTERDOWN: src/cluster.c getNodeByQuery, the shard has no primary at the moment. MISCONF: its disk cannot be written; BUSY:
# a script runs for too long. Both may end in a failover (redis/redis issue 12012), and both come before anything is executed.
# A script's own error may begin with the same word, and the script ran: the server's sentence has to follow (the same sources,
# and valkey-io/valkey's, which names itself). UNBLOCKED by an operator's CLIENT UNBLOCK is the answer that was asked for.
_REFUSED = re.compile(
    r"READONLY You can't write|MASTERDOWN Link with MASTER|NOREPLICAS Not enough|UNBLOCKED force unblock"
    r"|CLUSTERDOWN (The cluster is down|Hash slot not served)"
    r"|MISCONF (\w+ is configured to save|Errors writing to the AOF)|BUSY \w+ is busy running"
)
# redis/redis src/multi.c execCommandAbort: the EXEC itself was refused, and with it the whole transaction.
_ABORT_PREFIX = "Transaction discarded because of: "


class NotExecutedError(exceptions.ConnectionError, exceptions.TimeoutError):
    """The command was certainly not executed: no node accepted it within its time budget. It may safely be issued again."""


class OutcomeUnknownError(exceptions.ConnectionError, exceptions.TimeoutError):
    """The command was sent and no answer came: it was executed, or not (or more than once where it was resent).

    Of a pipeline: that is so of some command, or some were executed and the others were not. `outcomes_of` says which.
    """


class RefusedError(exceptions.ConnectionError):
    """A node answered that it does not execute the command now; only inside the retry, a caller sees NotExecutedError."""


class NotReplicated(exceptions.RedisError):
    """With safe_writes: the master has executed the command, and not all replicas had it in time. A failover may lose it.

    Of a pipeline or transaction: that is so of all its writes. It is never sent again because of that.
    """


class UnconfirmedError(exceptions.ConnectionError):
    """With safe_writes: executed, and the replicas that have it could not be counted; raised inside the retry only."""


class NotTheMasterError(exceptions.ConnectionError):
    """The node that a Sentinel named says by ROLE that it is no master; raised inside the retry only."""


class WriterUnknownError(exceptions.ConnectionError):
    """Nobody says which region of a global datastore takes writes now; raised inside the retry only."""


class WriterForbiddenError(exceptions.AuthorizationError):
    """This process may not read which region takes writes; time does not heal it, so it is told at once. Nothing was sent."""


class EndpointsUnknownError(exceptions.ConnectionError):
    """The SSM parameter with a group's endpoints does not answer now; raised inside the retry only."""


class EndpointsForbiddenError(exceptions.AuthorizationError):
    """This process may not read the SSM parameter with a group's endpoints; told at once, by `connect`. Nothing was sent."""


class WrongKindError(exceptions.ConnectionError):
    """The node is of another kind than `connection.kind` says (cluster mode on or off); told at once, nothing was executed."""


class CertificateError(exceptions.ConnectionError):
    """A server's certificate is not accepted; time does not heal it, so it is told at once. Nothing was sent."""


class ScanInterruptedError(exceptions.RedisError):
    """A scan's cursor is of a node that answers no longer, or of a process that has ended; told before anything was sent."""


class OtherLoopError(RuntimeError):
    """An asyncio client is used in two event loops that run at the same time; told at once, nothing was sent."""


class DocumentError(ValueError):
    """A `connection` or `credentials` document, or an argument beside it, cannot be used. Never shows a secret."""


_CERTAINLY_NOT_EXECUTED = (
    NotExecutedError,
    RefusedError,
    NotTheMasterError,
    WriterUnknownError,
    EndpointsUnknownError,
    WrongKindError,
    CertificateError,
    OtherLoopError,
    DocumentError,
    ScanInterruptedError,
    MasterNotFoundError,
    SlaveNotFoundError,
    exceptions.AuthenticationError,
    exceptions.AuthorizationError,
    exceptions.BusyLoadingError,
    exceptions.MaxConnectionsError,
    exceptions.DataError,
    # The server's own words: an error reply is sent instead of executing (scripts: `says_too_little`).
    exceptions.ResponseError,
    exceptions.WatchError,
)


# Commands that execute others: their error reply may come after writes, which are not rolled back (redis/redis src/script.c).
# The server's own words come before any: EVALSHA of a script that it lacks, and the refusals above.
_RUN_OTHERS = ("EVAL", "EVALSHA", "FCALL")
_NO_SUCH_SCRIPT = "No matching script"


def outcome_of(exception: BaseException) -> Outcome:
    """Tell what is known about the command, or the whole pipeline, that raised `exception`.

    "failed": certainly not executed (refused, never sent, or answered with an error), no command of a pipeline was. "unknown":
    it was or may have been sent and no answer came, or a script ended with an error, or a part of a pipeline was executed; also
    everything this function does not know, because a wrong "failed" would hide an executed write.
    Works for exceptions of this package's clients and, more cautiously, of plain redis-py.
    """
    return "failed" if all(one == "failed" for one in outcomes_of(exception)) else "unknown"


def outcomes_of(exception: BaseException) -> list[CommandOutcome]:
    """Tell what is known about each command of the pipeline or transaction whose `execute` raised `exception`, in their order.

    "executed": answered without an error. "failed": certainly not executed. "unknown": as `outcome_of` says. One item for an
    exception of a single command. With `execute(raise_on_error=False)`, ask `outcome_of` about each exception in its list.
    """
    noted: Sequence[CommandOutcome] | None = getattr(exception, "redis_ha_outcomes", None)
    if noted:
        return list(noted)
    return ["failed" if isinstance(exception, _CERTAINLY_NOT_EXECUTED) else "unknown"]


def note_outcomes(exception: BaseException, outcomes: Sequence[CommandOutcome]) -> None:
    """Note on `exception` what is known about each command that it tells of."""
    exception.redis_ha_outcomes = tuple(outcomes)  # type: ignore[attr-defined]


def mark_unknown(exception: BaseException) -> None:
    """Note on `exception` that its command may have been executed all the same."""
    note_outcomes(exception, ["unknown"])


@contextmanager
def like(first: BaseException) -> Iterator[None]:
    """Let an error of the block be as unknown as `first`, after which the same is done in another way."""
    try:
        yield
    except Exception as error:
        if outcome_of(first) == "unknown":
            mark_unknown(error)
        raise


def says_too_little(command: str, error: BaseException) -> bool:
    """Tell whether an error reply leaves open what the command did before."""
    if command.upper() not in _RUN_OTHERS or not isinstance(error, exceptions.ResponseError):
        return False
    return refusal_of(error) is None and _NO_SUCH_SCRIPT not in str(error)


def refusal_of(error: exceptions.ResponseError) -> RefusedError | None:
    """Return the refusal that an error reply means ("not executed, try again"), or None for any other error reply."""
    text = str(error)
    if text.startswith(_ABORT_PREFIX):
        text = text.removeprefix(_ABORT_PREFIX)
    elif error.status_code and not text.startswith(f"{error.status_code} "):
        text = f"{error.status_code} {text}"  # redis-py cuts the code off the text of the classes it knows
    return RefusedError(text) if _REFUSED.match(text) else None


def name_command(error: Exception, number: int, name: str) -> None:
    """Say in a pipeline's error which command it is about: its number and name, never its arguments."""
    error.args = (
        f"Command # {number} ({name}) of pipeline caused error: {error.args[0] if error.args else ''}",
        *error.args[1:],
    )


def is_read_only(error: Exception) -> bool:
    """Tell whether an error, or the refusal made of it, is a replica's READONLY."""
    return isinstance(error, RefusedError) and str(error).startswith("READONLY")


def login_refused(address: str, username: str | None, error: Exception) -> exceptions.AuthenticationError:
    """Build the error of a login that a data node refused; never repeats the password."""
    return exceptions.AuthenticationError(
        f"{address} refuses user {username!r} ({error}): take `credentials` from the stack's outputs again (username, password)"
    )


def certificate_refused(address: str, error: exceptions.ConnectionError) -> CertificateError | None:
    """Build the error of a certificate that does not verify; None when something else kept the client from connecting."""
    reason = error.__context__
    if not isinstance(reason, ssl.SSLCertVerificationError):
        return None
    return CertificateError(
        f"the certificate of {address} is not accepted ({reason.verify_message}): "
        "tls_ca_file must hold the CA that signed it, and the certificate must name this very address (subjectAltName)"
    )


def wrong_kind(address: str, kind: str) -> WrongKindError:
    """Build the error of a `connection` of `kind` whose endpoint belongs to the other mode."""
    if kind == "primary":
        return WrongKindError(
            f"{address} is a node in cluster mode, but connection.kind is 'primary': a client without cluster mode reaches one "
            "shard's keys only. Pass the stack's own `connection` output (kind 'cluster', the configuration endpoint)"
        )
    return WrongKindError(
        f"{address} is a node without cluster mode, but connection.kind is 'cluster': it has no configuration endpoint and no "
        "slots. Pass the stack's own `connection` output (kind 'primary', the primary and reader endpoints)"
    )


def counting_forbidden(address: str, username: str | None, error: Exception) -> exceptions.NoPermissionError:
    """Build the error of a user who may not find out which replicas have a write; nothing was written."""
    return exceptions.NoPermissionError(
        f"safe_writes=True, but user {username!r} may not count replicas on {address} ({error}): allow it "
        "(ACL: +command +role +wait)"
    )


def role_forbidden(address: str, username: str | None) -> exceptions.NoPermissionError:
    """Build the error of a user who may not ask a node for its role."""
    return exceptions.NoPermissionError(
        f"user {username!r} may not say ROLE on {address}, so nobody can tell a master from a replica: allow it (ACL: +role)"
    )
