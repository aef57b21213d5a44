"""What the sync and the asyncio client tell redis-py alike: every setting that matters, none is left to a default."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.maint_notifications import MaintNotificationsConfig

from .addresses import Addresses
from .documents import (
    AnyConnection,
    ClusterConnection,
    Connection,
    Credentials,
    Document,
    GlobalConnection,
    PrimaryConnection,
    SentinelConnection,
    SsmConnection,
    kind_of,
    read_connection,
    read_credentials,
)
from .endpoints import CLOCKS
from .errors import DocumentError
from .iam import SignedLogin
from .lookup import ask_of
from .policy import (
    HEALTH_CHECK_SECONDS,
    KEEPALIVE_IDLE_SECONDS,
    KEEPALIVE_INTERVAL_SECONDS,
    KEEPALIVE_PROBES,
    FailoverPolicy,
)
from .presets import policy_of
from .published import Published, published_of
from .replicating import Safety, safety_of
from .world import Writer

# The settings as an argument of every pool and connection: a library that makes a client again from a pool's arguments hands
# them back. The name tells whoever meets it in an error where it comes from.
SETTINGS = "redis_ha_settings"
# Arguments of a connection that the settings alone decide, whatever the pool's arguments say by then: libraries alter them
# (RQ raises socket_timeout to more than 400 s), and the budget and describe() would hold no longer.
_DROPPED = frozenset({"retry", "retry_on_timeout", "retry_on_error", "protocol"})

DEFAULT_POOL_SIZE = 50  # redis-py's own default of a blocking pool; set it to the peak of concurrent commands

OneKind = TypeVar("OneKind")


@dataclass(frozen=True)
class Settings:
    """Everything that `connect` was told, checked.

    Of a global datastore `connection` is one region's: the reader's own, or the one that takes writes as far as is known
    (`region`); `whole` is the document, and `writer` follows the region that takes writes (None for a reader). Of kind "ssm"
    `connection` is what the endpoints document named when the settings were made, and `published` follows it. `addresses` is
    what the client's dials have found out about its names, `safety` what safe writes have to know (None without them).
    """

    connection: Connection
    credentials: Credentials
    policy: FailoverPolicy
    pool_size: int
    database: int
    decode_responses: bool
    client_name: str | None
    tls_ca_file: str | None
    reader: bool = False
    login: redis.CredentialProvider | None = field(default=None, repr=False)
    region: str | None = None
    whole: GlobalConnection | None = None
    writer: Writer | None = None
    published: Published | None = None
    addresses: Addresses = field(default_factory=Addresses, repr=False, compare=False)
    safety: Safety | None = field(default=None, compare=False)

    @property
    def now(self) -> "Settings":
        """Return the settings with the connection that the endpoints document names by now."""
        return self if self.published is None else replace(self, connection=self.published.current)

    @property
    def may_use_tls(self) -> bool:
        """Whether TLS is used, or may be later."""
        return self.connection.tls or self.published is not None

    def at(self, region: str) -> "Settings":
        """Return the settings for another region of a global datastore."""
        if self.whole is None:
            raise TypeError("only a global datastore has regions")
        return replace(self, connection=self.whole.regions[region], region=region)

    @property
    def follows_writer(self) -> bool:
        """Whether another region may take writes, and somebody says which."""
        return self.whole is not None and self.whole.writer is not None and not self.reader

    @property
    def reads_only(self) -> bool:
        """Whether a write is the caller's mistake: a reader of a global datastore stays in its region, whoever is primary."""
        return self.reader and self.whole is not None

    def of_kind(self, kind: type[OneKind]) -> OneKind:
        """Return the connection, which is of this kind."""
        if not isinstance(self.connection, kind):
            raise TypeError(f"connection is {type(self.connection).__name__}, not {kind.__name__}")
        return self.connection

    def node_arguments(self) -> dict[str, Any]:
        """Return redis-py's connection arguments for data nodes."""
        return {
            SETTINGS: self,
            **_common(self),
            **self._login(),
            "db": self.database,
            "decode_responses": self.decode_responses,
            **self._waits(),
        }

    def _waits(self) -> dict[str, Any]:
        return {
            "socket_timeout": self.policy.read_seconds,
            "socket_connect_timeout": self.policy.connect_seconds,
            "health_check_interval": HEALTH_CHECK_SECONDS,
            **_keepalive(),
        }

    def held(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return a connection's arguments with the time-outs that were set once, and without what repeats or reshapes."""
        return {**{name: value for name, value in arguments.items() if name not in _DROPPED}, **self._waits()}

    def cluster_arguments(self) -> dict[str, Any]:
        """Return what redis-py's cluster client reads itself; its nodes get node_arguments()."""
        return {
            "decode_responses": self.decode_responses,
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        }

    @property
    def login_name(self) -> str | None:
        """Who logs in, for errors."""
        return self.credentials.username

    def _login(self) -> dict[str, Any]:
        if self.login is not None:
            return {"credential_provider": self.login}
        return {"username": self.credentials.username, "password": self.credentials.password}

    def sentinel_arguments(self) -> dict[str, Any]:
        """Return redis-py's connection arguments for Sentinels: redis-py hands on none of the data nodes' by itself."""
        return {
            "addresses": self.addresses,
            **_common(self),
            "username": self.credentials.sentinel_username,
            "password": self.credentials.sentinel_password,
            "socket_timeout": self.policy.sentinel_seconds,
            "socket_connect_timeout": self.policy.sentinel_seconds,
        }


def read_settings(  # noqa: PLR0913 - as connect
    connection: Document,
    credentials: Document,
    policy: FailoverPolicy | str | None,
    *,
    pool_size: int,
    database: int,
    decode_responses: bool,
    client_name: str | None,
    tls_ca_file: str | Path | None,
    reader: bool,
    region: str | None = None,
    safe_writes: bool = False,
) -> Settings:
    """Check every argument of `connect` before anything is touched."""
    told = read_connection(connection)
    logins = read_credentials(credentials, kind_of(told))
    _whole("pool_size", pool_size, 1)
    _whole("database", database, 0)
    _region_suits(told, region, reader=reader)
    chosen = policy_of(policy)
    published: Published | None = None
    if isinstance(told, SsmConnection):
        _ca_file_suits(tls_ca_file, tls=True)  # now or later
        published = published_of(told, chosen.for_clocks(CLOCKS))
        checked: Connection = published.current
    else:
        checked = _in_region(told, region, reader=reader)
        _ca_file_suits(tls_ca_file, tls=checked.tls)
    whole = told if isinstance(told, GlobalConnection) else None
    _suits(checked, logins, database=database, reader=reader, in_world=whole is not None)
    completed = chosen.for_clocks(checked.clocks)
    return Settings(
        connection=checked,
        credentials=logins,
        policy=completed,
        pool_size=pool_size,
        database=database,
        decode_responses=decode_responses,
        client_name=client_name,
        tls_ca_file=None if tls_ca_file is None else str(tls_ca_file),
        reader=reader,
        login=None if logins.iam is None or logins.username is None else SignedLogin(logins.username, logins.iam),
        region=None if whole is None else region if reader else whole.primary_region,
        whole=whole,
        writer=None if whole is None or reader else Writer(whole, ask_of(whole, completed)),
        published=published,
        safety=safety_of(checked, safe_writes=safe_writes, reader=reader, whole=whole),
    )


def validated(settings: Settings) -> Settings:
    """Return settings that a library has changed if they can be used; raise DocumentError if not."""
    _whole("pool_size", settings.pool_size, 1)
    _whole("database", settings.database, 0)
    _suits(
        settings.connection,
        settings.credentials,
        database=settings.database,
        reader=settings.reader,
        in_world=settings.whole is not None,
    )
    return settings


def _region_suits(connection: AnyConnection, region: str | None, *, reader: bool) -> None:
    """Refuse a region that the connection does not have."""
    if not isinstance(reader, bool):
        raise DocumentError(f"reader is {reader!r}: must be True or False")
    if not isinstance(connection, GlobalConnection):
        if region is not None:
            raise DocumentError(
                f"region is {region!r}, but connection.kind is {kind_of(connection)!r}, which has one region: leave it out"
            )
        return
    known = ", ".join(connection.regions)
    if region is not None and region not in connection.regions:
        raise DocumentError(f"region is {region!r}: the global datastore is in {known}; give the one where this process runs")
    if reader and region is None:
        raise DocumentError(f"reader=True, but no region: local reads need region=, the one where this process runs ({known})")


def _ca_file_suits(path: str | Path | None, *, tls: bool) -> None:
    if path is None:
        return
    if not tls:
        raise DocumentError("tls_ca_file is given, but connection.tls is false: leave it out")
    if not Path(path).is_file():
        raise DocumentError(f"tls_ca_file {str(path)!r} is no file: give the path of the CA certificate (PEM)")


def _in_region(connection: Connection | GlobalConnection, region: str | None, *, reader: bool) -> Connection:
    """Return the connection of the region where this client begins."""
    if not isinstance(connection, GlobalConnection):
        return connection
    return connection.regions[region if reader and region is not None else connection.primary_region]


def _suits(connection: Connection, credentials: Credentials, *, database: int, reader: bool, in_world: bool) -> None:
    """Refuse what is right by itself and makes no sense together."""
    if reader and isinstance(connection, SentinelConnection):
        raise DocumentError("reader=True, but connection.kind is 'sentinel', which has no reader endpoint: leave it out")
    # A region without replicas reads from its primary node all the same: it is local.
    if reader and isinstance(connection, PrimaryConnection) and connection.reader is None and not in_world:
        raise DocumentError("reader=True, but connection.reader is null (the group has no replica): leave it out")
    if in_world and credentials.iam is not None:
        raise DocumentError(
            "credentials.iam is given, but a token is signed for one region's group, and this client goes where the writes go: "
            "give a user with a password"
        )
    if database and isinstance(connection, ClusterConnection):
        raise DocumentError(f"database is {database}, but cluster mode has database 0 only: leave it out")
    if credentials.iam is not None and not connection.tls:
        raise DocumentError("credentials.iam is given, but connection.tls is false: AWS takes IAM logins over TLS only")


def pipeline_name(count: int, *, atomic: bool) -> str:
    """Return what errors call a pipeline: never its commands, which are the user's data."""
    return f"{'transaction' if atomic else 'pipeline'} of {count} commands"


class PoolBusyError(exceptions.ConnectionError):
    """No connection became free in time."""


def busy_pool(size: int, error: exceptions.ConnectionError) -> exceptions.ConnectionError:
    """Say what to do about a pool without a free connection; any other error comes back as it is."""
    return full_pool(size) if str(error) == "No connection available." else error


def full_pool(size: int) -> PoolBusyError:
    """Build the error of a pool that is too small."""
    return PoolBusyError(
        f"all {size} connections of this client are in use: raise pool_size to the peak of concurrent commands"
    )


def _whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DocumentError(f"{name} is {value!r}: must be a whole number of at least {least}")


def _common(settings: Settings) -> dict[str, Any]:
    return {
        # No `protocol`: redis-py speaks RESP3 by itself (HELLO 3 AUTH, one round trip to log in), and keeps the shapes that
        # replies have had since RESP2 only for who left it out (redis-py 8.1.0 _parsers/response_callbacks.py).
        "client_name": settings.client_name,
        **_keepalive(),
        # CLIENT SETINFO costs two round trips at every connect, unknown before Redis 7.2.
        "driver_info": None,
        # A feature of Redis Cloud and Redis Software: elsewhere one wasted round trip at every connect.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        **({"ssl_ca_certs": settings.tls_ca_file} if settings.may_use_tls else {}),
    }


def _keepalive() -> dict[str, Any]:
    return {"socket_keepalive": True, "socket_keepalive_options": keepalive_options()}


def keepalive_options() -> dict[int, int]:
    """Return TCP keepalive options of this platform (macOS has no TCP_KEEPIDLE)."""
    wanted = {
        "TCP_KEEPIDLE": KEEPALIVE_IDLE_SECONDS,
        "TCP_KEEPINTVL": KEEPALIVE_INTERVAL_SECONDS,
        "TCP_KEEPCNT": KEEPALIVE_PROBES,
    }
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
