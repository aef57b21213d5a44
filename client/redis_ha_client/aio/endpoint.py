"""The asyncio client of a primary or reader endpoint: a name that follows a failover, looked up anew at every dial."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

from typing import Any

from redis import exceptions
from redis.asyncio.connection import SSLConnection

from redis_ha_client.aio.nodes import ByDocument, NodeConnection, NodePool
from redis_ha_client.aio.world import look_up
from redis_ha_client.budget import RETRIED_ERRORS
from redis_ha_client.documents import PrimaryConnection
from redis_ha_client.endpoint import Endpoint, PublishedEndpoint, WriterEndpoint, check_role, in_cluster_mode, shards_of
from redis_ha_client.errors import RefusedError, wrong_kind
from redis_ha_client.policy import IAM_AGE_SECONDS, READER_AGE_SECONDS
from redis_ha_client.rebuilding import settings_again
from redis_ha_client.wiring import Settings


class EndpointConnection(NodeConnection):
    """A connection to an endpoint; one to the primary endpoint refuses a replica, to which the name still points.

    A demoted primary keeps its connections and answers READONLY, and reads on it would be stale: the connection is closed, and
    so are all others that lead to the same address, when they are next taken.
    """

    def __init__(self, *, endpoint: Endpoint, **kwargs: Any) -> None:
        self.endpoint = endpoint
        self._peer: str | None = None
        super().__init__(**kwargs)

    @property
    def left_behind(self) -> bool:
        """Whether the primary was found elsewhere since, or this one was seen to refuse."""
        return self.outdated or self.endpoint.has_moved_from(self._peer)

    @property
    def node_name(self) -> str:
        """The node at the other end: behind a name there are several, in turn."""
        return f"{self._peer}:{self.port}"

    async def connect(self) -> None:
        """Connect if needed; called when the pool hands the connection out. One to a former primary is dropped first."""
        if self.is_connected and (self.too_old or self.left_behind):
            await self.disconnect()
        await super().connect()

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial the endpoint whose turn it is."""
        if self.is_connected:
            return
        self.up_to_date()
        self.host, self.port = self.endpoint.name
        try:
            await super().connect_check_health(check_health, retry_socket_connect)
        except RETRIED_ERRORS:
            self.endpoint.missed()
            raise

    async def greeted(self) -> None:
        """Refuse a node of the wrong mode or role; both are in the answer to HELLO."""
        address = f"{self.host}:{self.port}"
        if in_cluster_mode(self.greeting):
            await self._fits_in_one_shard(address)
        if self.endpoint.writer:
            check_role(self.greeting, address, self.endpoint.not_yet)
        self._peer = self._writer.get_extra_info("peername")[0] if self._writer else None
        self.endpoint.reached(self._peer)

    async def _fits_in_one_shard(self, address: str) -> None:
        """Refuse a node in cluster mode unless it has all keys, as in ElastiCache's mode "compatible" while clients migrate."""
        await self.send_command("CLUSTER", "INFO", check_health=False)
        try:
            shards = shards_of(await self.read_response())
        except exceptions.NoPermissionError:
            shards = 1  # MOVED will tell
        if shards > 1:
            raise wrong_kind(address, "primary")
        if not self.endpoint.writer:  # else a replica in cluster mode sends every read to the primary
            await self.send_command("READONLY", check_health=False)
            await self.read_response()

    def refusal_of(self, error: exceptions.ResponseError) -> RefusedError | None:
        """Judge an error reply; a reader's write is the caller's mistake, no other replica would take it either."""
        if isinstance(error, exceptions.ReadOnlyError) and not self.endpoint.writer:
            return None
        return super().refusal_of(error)

    def refused(self) -> None:
        """Drop every connection to this node when it is next taken."""
        self.endpoint.doubted()

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read one reply; MOVED means that this is no endpoint of the kind that was promised."""
        try:
            return await super().read_response(*args, **kwargs)
        except exceptions.MovedError as error:
            raise wrong_kind(f"{self.host}:{self.port}", "primary") from error


class EndpointTLSConnection(EndpointConnection, SSLConnection):
    """The TLS twin: system CAs unless tls_ca_file is given, certificates verified and compared with the host name."""


class PublishedConnection(EndpointConnection, ByDocument):
    """A connection to the endpoint that an SSM parameter names, by TLS if it says so."""


class WriterConnection(EndpointConnection):
    """A connection to the region of a global datastore that takes writes, looked up when it is due."""

    endpoint: WriterEndpoint

    async def connect(self) -> None:
        """Connect if needed; one to a region that takes writes no longer is dropped first."""
        await look_up(self.endpoint.world)
        await super().connect()

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial the region that takes writes."""
        if self.is_connected:
            return
        await look_up(self.endpoint.world)
        await super().connect_check_health(check_health, retry_socket_connect)


class WriterTLSConnection(WriterConnection, SSLConnection):
    """The TLS twin: the host name is the region's own endpoint, whatever the writer's record is called."""


class EndpointPool(NodePool):
    """The pool of connections to the primary endpoint, or to the reader endpoint for a client made with reader=True."""

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        settings = settings_again(type(self), settings, given).now
        connection = settings.of_kind(PrimaryConnection)
        endpoint = Endpoint(connection.primary, connection.reader, writer=not settings.reader)
        host, port = endpoint.name
        plain: type[EndpointConnection] = EndpointConnection
        secure: type[EndpointConnection] = EndpointTLSConnection
        if settings.published is not None:
            endpoint = PublishedEndpoint(settings.published, writer=not settings.reader)
            plain = secure = PublishedConnection
        if settings.writer is not None:
            endpoint, plain, secure = WriterEndpoint(settings.writer), WriterConnection, WriterTLSConnection
        super().__init__(
            settings,
            secure if connection.tls else plain,
            host=host,
            port=port,
            endpoint=endpoint,
            age_seconds=READER_AGE_SECONDS if settings.reader else IAM_AGE_SECONDS if settings.login else None,
        )
