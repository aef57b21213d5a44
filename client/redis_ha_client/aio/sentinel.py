"""The asyncio client of a Sentinel topology: the master is looked up anew at every dial."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
import time
from typing import Any

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from redis_ha_client.aio.nodes import Budgeted, BudgetedTLS, NodeConnection, NodePool
from redis_ha_client.budget import RETRIED_ERRORS, SHORTEST_WAIT_SECONDS, current_budget
from redis_ha_client.discovery import Address, Answers, SentinelOrder, parse_address, role_of
from redis_ha_client.documents import SentinelConnection
from redis_ha_client.errors import NotTheMasterError, role_forbidden
from redis_ha_client.promotion import Ahead, Evidence, LastWord, to_ask
from redis_ha_client.rebuilding import settings_again
from redis_ha_client.wiring import Settings


class MasterConnection(NodeConnection):
    """A connection that asks the Sentinels for the master at every dial, and the node whether it is one.

    redis-py's own SentinelManagedConnection asks only while a connection is taken from the pool. A command that was under way
    when the master died is tried again at the dead one only (redis/redis-py#3874); test_redis_py_sentinel.py shows both.
    """

    def __init__(self, *, finder: "MasterFinder", **kwargs: Any) -> None:
        self.finder = finder
        self._named_by: Address | None = None
        super().__init__(**kwargs)

    @property
    def left_behind(self) -> bool:
        """Whether the Sentinels have named another master since."""
        return (self.host, self.port) != self.finder.address

    async def connect(self) -> None:
        """Connect if needed; called when the pool hands the connection out. One to a former master is dropped first."""
        if self.is_connected and (self.too_old or self.left_behind):
            await self.disconnect()
        await super().connect()

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:  # noqa: ARG002
        """Dial: every way to a new socket comes through here."""
        if self.is_connected:
            return
        (self.host, self.port), self._named_by = await self.finder.find()
        try:
            # One dial a look-up: the retry is the command's.
            await super().connect_check_health(check_health=check_health, retry_socket_connect=False)
        except NotTheMasterError:
            self.refused()
            raise
        except RETRIED_ERRORS:
            self.finder.order.doubted(self._named_by)
            raise

    def refused(self) -> None:
        """Doubt the Sentinel that named this node: a majority has to name the next one."""
        if self._named_by is not None:
            self.finder.order.refused(self._named_by, (self.host, self.port))

    @property
    def may_be_replaced(self) -> bool:
        """Whether to ask the Sentinels while the master is silent. A blocking command is silent for as long as it may block."""
        budget = self.counted_budget()
        return budget is not None and not budget.block_seconds

    async def is_replaced(self) -> bool:
        """Ask the Sentinels whether another node has taken this one's place."""
        return await self.finder.replaced((self.host, self.port))

    async def read_response(
        self,
        disable_decoding: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - redis-py's signature
        *,
        disconnect_on_error: bool = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read one reply; a node that reads its data from disk refuses as well, in redis-py's own class."""
        try:
            return await super().read_response(
                disable_decoding, timeout=timeout, disconnect_on_error=disconnect_on_error, push_request=push_request
            )
        except exceptions.BusyLoadingError:
            self.refused()
            raise

    async def greeted(self) -> None:
        """Refuse a node that is no master: a Sentinel's view may be old, and so may a node's."""
        await self.send_command("ROLE", check_health=False)
        try:
            role = role_of(await self.read_response())
        except exceptions.NoPermissionError as error:
            raise role_forbidden(f"{self.host}:{self.port}", self.username) from error
        if role != "master":
            raise NotTheMasterError(f"{self.host}:{self.port} was named as the master and says that it is a {role}")


class MasterTLSConnection(MasterConnection, SSLConnection):
    """The TLS twin."""


class MasterFinder:
    """Asks the Sentinels who the master is; owns the connections to them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        connection = settings.of_kind(SentinelConnection)
        self.master_name = connection.master_name
        self.username = settings.credentials.sentinel_username
        self.order = SentinelOrder(connection.sentinels)
        self.address: Address | None = None
        self.ahead = Ahead()
        self.last_word = LastWord()
        self._clients: dict[Address, redis.Redis] = {}
        for host, port in connection.sentinels:
            pool = ConnectionPool(
                connection_class=BudgetedTLS if connection.tls else Budgeted,
                host=host,
                port=port,
                # Not redis-py's ten: a Sentinel that does not answer is passed over, the next one is asked.
                retry=Retry(NoBackoff(), 0),
                **settings.sentinel_arguments(),
            )
            self._clients[host, port] = redis.Redis.from_pool(pool)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle without connections, which belong to this process."""
        return type(self), (self.settings,)

    def __repr__(self) -> str:
        return f"<MasterFinder {self.master_name} at {', '.join(f'{host}:{port}' for host, port in self._clients)}>"

    async def find(self) -> tuple[Address, Address]:
        """Return the master's address and the Sentinel that named it; raise an error that tells each Sentinel's cause."""
        answers, poll = Answers(self.master_name), self.order.poll()
        for sentinel in self.order.to_ask():
            budget = current_budget()
            if budget is not None and budget.left() <= SHORTEST_WAIT_SECONDS:
                answers.skipped(sentinel)
                continue
            try:
                answer = await self._clients[sentinel].execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master_name)
            except exceptions.RedisError as error:
                answers.failed(sentinel, error)
                self.order.silent(sentinel)
                continue
            address = parse_address(answer)
            if address is None:
                answers.unknown(sentinel)
                continue
            self.order.spoke(sentinel)
            if poll.heard(sentinel, address):
                break
        elected = poll.elected()
        if elected is None:
            raise answers.error(self.username)
        ahead = (await self._evidence(elected[0])).found if self.ahead.wanted(elected[0]) else None
        elected = self.ahead.instead_of(elected, ahead)
        self.address, sentinel = elected
        self.order.answered(sentinel)
        return elected

    async def replaced(self, master: Address) -> bool:
        """Tell whether it is certain by now that `master` is one no longer."""
        if self.last_word.is_due(master, time.monotonic()):
            self.last_word.said(master, replaced=(await self._evidence(master)).replaced)
        return self.last_word.tells(master)

    async def _evidence(self, master: Address) -> Evidence:
        """Ask what the Sentinels know about `master`, until it is decided whether another node has taken its place."""
        evidence = Evidence(master, len(self.order.sentinels))
        for sentinel in to_ask(self.order):
            budget = current_budget()
            if evidence.is_decided or (budget is not None and budget.left() <= SHORTEST_WAIT_SECONDS):
                break
            client = self._clients[sentinel]
            try:
                if evidence.shows(sentinel, await client.execute_command("SENTINEL", "MASTER", self.master_name)):
                    evidence.chooses(sentinel, await client.execute_command("SENTINEL", "REPLICAS", self.master_name))
            except exceptions.ResponseError:  # a user who may not ask for it: the Sentinels' word counts
                evidence.heard.add(sentinel)
            except exceptions.RedisError:
                evidence.heard.add(sentinel)
                self.order.silent(sentinel)
            else:
                self.order.spoke(sentinel)
        return evidence

    def move(self) -> None:
        """Leave an event loop that has ended."""
        for client in self._clients.values():
            pool = client.connection_pool
            pool._lock = asyncio.Lock()  # noqa: SLF001 - redis-py has no way to make it anew
            for connection in (*pool._available_connections, *pool._in_use_connections):  # noqa: SLF001 - nor to list these
                connection.leave()  # type: ignore[attr-defined]

    async def aclose(self) -> None:
        """Close the connections to the Sentinels."""
        for client in self._clients.values():
            await client.aclose()


class MasterPool(NodePool):
    """The pool of connections to the master; closed together with the connections to the Sentinels."""

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        settings = settings_again(type(self), settings, given)
        self.finder = MasterFinder(settings)
        super().__init__(settings, MasterTLSConnection if settings.connection.tls else MasterConnection, finder=self.finder)

    def move(self) -> None:
        """Leave an event loop that has ended, with the connections to the Sentinels too."""
        super().move()
        self.finder.move()

    async def aclose(self) -> None:
        """Close every connection, those to the Sentinels too."""
        await super().aclose()
        if not self.home.ended():
            await self.finder.aclose()
