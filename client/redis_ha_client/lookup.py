"""Asking the world: a DNS record's canonical name, or an SSM parameter's text."""

import os
import socket
import threading
from functools import partial
from importlib.util import find_spec
from typing import Any

from redis import exceptions as redis_exceptions

from .documents import GlobalConnection, RecordWriter
from .errors import DocumentError, WriterForbiddenError, WriterUnknownError
from .policy import FailoverPolicy
from .world import Ask

# Errors of SSM that time does not heal (docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html).
_FORBIDDEN = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "OptInRequired")


def canonical_name(record: str) -> str:
    """Return the last name of a record's chain of CNAMEs, as the system's resolver follows it.

    getaddrinfo(3), AI_CANONNAME. Python cannot cut it off: the resolver's own time-outs hold.
    """
    try:
        rows = socket.getaddrinfo(record, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except OSError as error:
        raise WriterUnknownError(
            f"record {record} cannot be looked up ({error}): it must resolve where this client runs"
        ) from None
    return next((row[3] for row in rows if row[3]), record)


class Parameter:
    """Reads an SSM parameter with the AWS credentials of this process. Needs botocore: `pip install 'redis-ha-client[ssm]'`.

    wanted_by: what of the connection says that there is one, for errors. unknown, forbidden: what is raised when it cannot be
    read now, and when it may not be.
    """

    def __init__(
        self,
        name: str,
        region: str,
        policy: FailoverPolicy,
        *,
        wanted_by: str = "connection.writer",
        unknown: type[redis_exceptions.ConnectionError] = WriterUnknownError,
        forbidden: type[redis_exceptions.AuthorizationError] = WriterForbiddenError,
    ) -> None:
        self.name = name
        self.region = region
        self.policy = policy
        self.wanted_by, self._unknown, self._forbidden = wanted_by, unknown, forbidden
        self._lock = threading.Lock()
        self._client: Any = None
        self._process: int | None = None
        if find_spec("botocore") is None:
            raise DocumentError(
                f"{wanted_by} is an SSM parameter, but botocore, which reads it, is not installed: "
                "pip install 'redis-ha-client[ssm]'"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle without the client of SSM, which is made anew."""
        make = partial(type(self), wanted_by=self.wanted_by, unknown=self._unknown, forbidden=self._forbidden)
        return make, (self.name, self.region, self.policy)

    def __str__(self) -> str:
        return f"SSM parameter {self.name} in {self.region}"

    def __call__(self) -> str | None:
        """Return the parameter's text, None when there is no such parameter; one try, whoever asks makes the others."""
        from botocore import exceptions  # noqa: PLC0415 - clients without a parameter never load it

        try:
            answer = self._connected().get_parameter(Name=self.name)
        except exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code == "ParameterNotFound":
                return None
            if code in _FORBIDDEN:
                raise self._forbidden(f"{self} may not be read ({code}): allow this process ssm:GetParameter on it") from None
            raise self._unknown(f"{self} cannot be read now ({code})") from None
        except exceptions.NoCredentialsError:
            raise self._forbidden(
                f"{self} cannot be read without AWS credentials: give this process some that may ssm:GetParameter on it "
                "(a role, AWS_PROFILE or AWS_ACCESS_KEY_ID)"
            ) from None
        except exceptions.BotoCoreError as error:
            raise self._unknown(f"{self} cannot be read now ({type(error).__name__})") from None
        return str(answer["Parameter"]["Value"])

    def _connected(self) -> Any:
        import botocore.session  # noqa: PLC0415 - as above
        from botocore.config import Config  # noqa: PLC0415 - as above

        with self._lock:
            if self._client is None or self._process != os.getpid():  # two processes cannot share a TLS connection
                limits = Config(
                    connect_timeout=self.policy.connect_seconds,
                    read_timeout=self.policy.read_seconds,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                )
                self._client = botocore.session.get_session().create_client("ssm", region_name=self.region, config=limits)
                self._process = os.getpid()
            return self._client


def ask_of(connection: GlobalConnection, policy: FailoverPolicy) -> Ask | None:
    """Return how a connection's writer is asked; None where there is none."""
    writer = connection.writer
    if isinstance(writer, RecordWriter):
        return partial(canonical_name, writer.record)
    return None if writer is None else Parameter(writer.name, writer.region, policy)
