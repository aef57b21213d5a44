"""What the sync and the asyncio client tell redis-py alike: every setting that matters, none is left to a default."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.maint_notifications import MaintNotificationsConfig

from .documents import Credentials, Document, SentinelConnection, read_connection, read_credentials
from .errors import DocumentError
from .policy import (
    HEALTH_CHECK_SECONDS,
    KEEPALIVE_IDLE_SECONDS,
    KEEPALIVE_INTERVAL_SECONDS,
    KEEPALIVE_PROBES,
    RESP_PROTOCOL,
    FailoverPolicy,
)

DEFAULT_POOL_SIZE = 50  # redis-py's own default of a blocking pool; set it to the peak of concurrent commands


@dataclass(frozen=True)
class Settings:
    """Everything that `connect` was told, checked."""

    connection: SentinelConnection
    credentials: Credentials
    policy: FailoverPolicy
    pool_size: int
    database: int
    decode_responses: bool
    client_name: str | None
    tls_ca_file: str | None

    def node_arguments(self) -> dict[str, Any]:
        """Return redis-py's connection arguments for data nodes."""
        return {
            **_common(self),
            "username": self.credentials.username,
            "password": self.credentials.password,
            "db": self.database,
            "decode_responses": self.decode_responses,
            "socket_timeout": self.policy.read_seconds,
            "socket_connect_timeout": self.policy.connect_seconds,
            "health_check_interval": HEALTH_CHECK_SECONDS,
        }

    def sentinel_arguments(self) -> dict[str, Any]:
        """Return redis-py's connection arguments for Sentinels: redis-py hands on none of the data nodes' by itself."""
        return {
            **_common(self),
            "username": self.credentials.sentinel_username,
            "password": self.credentials.sentinel_password,
            "socket_timeout": self.policy.sentinel_seconds,
            "socket_connect_timeout": self.policy.sentinel_seconds,
        }


def read_settings(
    connection: Document,
    credentials: Document,
    policy: FailoverPolicy | None,
    *,
    pool_size: int,
    database: int,
    decode_responses: bool,
    client_name: str | None,
    tls_ca_file: str | Path | None,
) -> Settings:
    """Check every argument of `connect` before anything is touched."""
    checked = read_connection(connection)
    _whole("pool_size", pool_size, 1)
    _whole("database", database, 0)
    if tls_ca_file is not None:
        if not checked.tls:
            raise DocumentError("tls_ca_file is given, but connection.tls is false: leave it out")
        if not Path(tls_ca_file).is_file():
            raise DocumentError(f"tls_ca_file {str(tls_ca_file)!r} is no file: give the path of the CA certificate (PEM)")
    return Settings(
        connection=checked,
        credentials=read_credentials(credentials),
        policy=(policy or FailoverPolicy()).for_clocks(checked.clocks),
        pool_size=pool_size,
        database=database,
        decode_responses=decode_responses,
        client_name=client_name,
        tls_ca_file=None if tls_ca_file is None else str(tls_ca_file),
    )


def command_name(args: tuple[Any, ...]) -> str:
    """Return the command's first word for errors: never its arguments, which are the user's data."""
    first = args[0].decode("utf-8", "replace") if isinstance(args[0], bytes) else str(args[0])
    return first.split(" ", 1)[0]


def pipeline_name(count: int, *, atomic: bool) -> str:
    """Return what errors call a pipeline: never its commands, which are the user's data."""
    return f"{'transaction' if atomic else 'pipeline'} of {count} commands"


def busy_pool(size: int, error: exceptions.ConnectionError) -> exceptions.ConnectionError:
    """Say what to do about a pool without a free connection; any other error comes back as it is."""
    if str(error) != "No connection available.":
        return error
    return exceptions.ConnectionError(
        f"all {size} connections of this client are in use: raise pool_size to the peak of concurrent commands"
    )


def _whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DocumentError(f"{name} is {value!r}: must be a whole number of at least {least}")


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "protocol": RESP_PROTOCOL,
        "client_name": settings.client_name,
        "socket_keepalive": True,
        "socket_keepalive_options": keepalive_options(),
        # CLIENT SETINFO costs two round trips at every connect, unknown before Redis 7.2.
        "driver_info": None,
        # A feature of Redis Cloud and Redis Software: elsewhere one wasted round trip at every connect.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        **({"ssl_ca_certs": settings.tls_ca_file} if settings.connection.tls else {}),
    }


def keepalive_options() -> dict[int, int]:
    """Return TCP keepalive options of this platform (macOS has no TCP_KEEPIDLE)."""
    wanted = {
        "TCP_KEEPIDLE": KEEPALIVE_IDLE_SECONDS,
        "TCP_KEEPINTVL": KEEPALIVE_INTERVAL_SECONDS,
        "TCP_KEEPCNT": KEEPALIVE_PROBES,
    }
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
