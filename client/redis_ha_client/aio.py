"""The asyncio client: the same as `sync`, on redis.asyncio. Use it as `redis_ha_client.aio.connect(...)`."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import BlockingConnectionPool, Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .blocking import block_seconds
from .budget import RETRIED_ERRORS, SHORTEST_WAIT_SECONDS, attempt, bounded, command_budget, current_budget
from .discovery import Address, Answers, SentinelOrder, parse_address, role_of
from .documents import Document
from .errors import NotTheMasterError, OutcomeUnknownError, certificate_refused, login_refused, refusal_of, role_forbidden
from .policy import FailoverPolicy
from .wiring import DEFAULT_POOL_SIZE, Settings, busy_pool, command_name, pipeline_name, read_settings


def connect(
    connection: Document,
    credentials: Document,
    *,
    policy: FailoverPolicy | None = None,
    pool_size: int = DEFAULT_POOL_SIZE,
    database: int = 0,
    decode_responses: bool = False,
    client_name: str | None = None,
    tls_ca_file: str | Path | None = None,
) -> redis.Redis:
    """Return a redis.asyncio client that writes to a stack's master and rides over its failovers.

    Arguments and errors as of `redis_ha_client.connect`. It is no coroutine: nothing is dialled before the first command. Make
    one client an event loop and share it among tasks; `await client.aclose()` at the end closes the connections to the
    Sentinels too.
    """
    settings = read_settings(
        connection,
        credentials,
        policy,
        pool_size=pool_size,
        database=database,
        decode_responses=decode_responses,
        client_name=client_name,
        tls_ca_file=tls_ca_file,
    )
    return MasterClient.from_pool(MasterPool(settings))


class BudgetRetry(Retry):
    """redis-py's Retry, ended by the command's budget in place of a count; nested calls try once."""

    def __init__(self, policy: FailoverPolicy) -> None:
        super().__init__(NoBackoff(), 0, RETRIED_ERRORS)  # type: ignore[arg-type]
        self.policy = policy

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[Any]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Any:
        """Call `do` until it succeeds or the budget of the running command is over."""
        # Outside a command: Pub/Sub, which may wait for hours; its clock starts at the first failure.
        with command_budget(self.policy, "command", counting=False) as budget:
            nested = budget.busy
            failures = 0
            while True:
                caught: Exception
                try:
                    if nested:
                        return await do()
                    budget.begin_attempt()
                    with attempt(budget):
                        return await do()
                except self._supported_errors as error:
                    caught = error
                failures += 1
                over = caught if nested or (is_retryable and not is_retryable(caught)) else budget.judge(caught)
                try:
                    await fail(*((caught, failures) if with_failure_count else (caught,)))
                except self._supported_errors as error:  # Pub/Sub reconnects here; the next attempt does it again
                    caught = error
                if over is not None:
                    raise over from (None if over is caught else caught)
                await asyncio.sleep(budget.pause())


class Budgeted(Connection):
    """A connection whose every wait is cut to what is left of the running command's budget."""

    _greeting = False  # the handshake runs: what fails now was never the user's command
    _read_seconds: float | None = None
    _connect_seconds: float | None = None

    @property
    def socket_timeout(self) -> float:
        """Longest silence to accept now, in seconds."""
        return bounded(self._connect_seconds if self._greeting else self._read_seconds)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float | None) -> None:
        self._read_seconds = seconds

    @property
    def socket_connect_timeout(self) -> float:
        """Longest wait for a connect now, in seconds."""
        return bounded(self._connect_seconds)

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float | None) -> None:
        self._connect_seconds = seconds

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in; called once for each new socket."""
        self._greeting = True
        try:
            await super().on_connect_check_health(check_health)
            await self.greeted()
        finally:
            self._greeting = False

    async def greeted(self) -> None:
        """Look at the node that was logged in to."""

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial, with an error of its own for a certificate that does not verify."""
        try:
            await super().connect_check_health(check_health, retry_socket_connect)
        except exceptions.ConnectionError as error:
            refused = certificate_refused(f"{self.host}:{self.port}", error)
            if refused is None:
                raise
            raise refused from error

    async def disconnect(
        self,
        nowait: bool = False,
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,
    ) -> None:
        """Close; inside a command without waiting for the goodbye of a node that may be gone: redis-py may time out on it."""
        await super().disconnect(nowait or current_budget() is not None, error, failure_count, health_check_failed)


class BudgetedTLS(Budgeted, SSLConnection):
    """The TLS twin."""


class MasterConnection(Budgeted):
    """A connection that asks the Sentinels for the master at every dial, and the node whether it is one.

    redis-py's own SentinelManagedConnection asks only when a connection is taken from the pool, so that all attempts of one
    command dial the master that has just died (redis/redis-py#3874).
    """

    def __init__(self, *, finder: "MasterFinder", **kwargs: Any) -> None:
        self.finder = finder
        super().__init__(**kwargs)

    @property
    def socket_timeout(self) -> float:
        """Longest silence to accept now: a blocking command's own waiting time comes on top."""
        budget = current_budget()
        if self._greeting or budget is None:
            return bounded(self._connect_seconds if self._greeting else self._read_seconds)
        return bounded((self._read_seconds or 0.0) + budget.block_seconds)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float | None) -> None:
        self._read_seconds = seconds

    async def connect(self) -> None:
        """Connect if needed; called when the pool hands the connection out. One to a former master is dropped first."""
        if self.is_connected and (self.host, self.port) != self.finder.address:
            await self.disconnect()
        await super().connect()

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:  # noqa: ARG002
        """Dial: every way to a new socket comes through here."""
        if self.is_connected:
            return
        (self.host, self.port), sentinel = await self.finder.find()
        try:
            # One dial a look-up: the retry is the command's.
            await super().connect_check_health(check_health=check_health, retry_socket_connect=False)
        except RETRIED_ERRORS:
            self.finder.order.doubted(sentinel)
            raise

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in, with an error that says where and as whom."""
        try:
            await super().on_connect_check_health(check_health)
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise login_refused(f"{self.host}:{self.port}", self.username, error) from error

    async def greeted(self) -> None:
        """Refuse a node that is no master: a Sentinel's view may be old, and so may a node's."""
        await self.send_command("ROLE", check_health=False)
        try:
            role = role_of(await self.read_response())
        except exceptions.NoPermissionError as error:
            raise role_forbidden(f"{self.host}:{self.port}", self.username) from error
        if role != "master":
            raise NotTheMasterError(f"{self.host}:{self.port} was named as the master and says that it is a {role}")

    async def _send_ping(self) -> None:
        self._greeting = True
        try:
            await super()._send_ping()
        finally:
            self._greeting = False

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send, and note from when on the node may execute the command."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()
        budget = current_budget()
        if budget is not None and not self._greeting:
            # A stream hands over to the kernel when it likes: from here on nobody knows what was sent.
            budget.sent = True
        await super().send_packed_command(command, check_health=False)

    async def read_response(
        self,
        disable_decoding: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - redis-py's signature
        *,
        disconnect_on_error: bool = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read one reply; a refusal by a node that is no (usable) master becomes an error that is tried again elsewhere."""
        try:
            reply = await super().read_response(
                disable_decoding=disable_decoding,
                timeout=timeout,
                disconnect_on_error=disconnect_on_error,
                push_request=push_request,
            )
        except exceptions.ResponseError as error:
            refusal = None if self._greeting else refusal_of(error)
            if refusal is None:
                self._count_reply()
                raise
            await self.disconnect(nowait=True)  # the next dial asks the Sentinels
            raise refusal from error
        self._count_reply()
        return reply

    def _count_reply(self) -> None:
        budget = current_budget()
        if budget is not None and not self._greeting:
            budget.replies += 1


class MasterTLSConnection(MasterConnection, SSLConnection):
    """The TLS twin."""


class MasterFinder:
    """Asks the Sentinels who the master is; owns the connections to them."""

    def __init__(self, settings: Settings) -> None:
        self.master_name = settings.connection.master_name
        self.username = settings.credentials.sentinel_username
        self.order = SentinelOrder(settings.connection.sentinels)
        self.address: Address | None = None
        self._clients: dict[Address, redis.Redis] = {}
        for host, port in settings.connection.sentinels:
            pool = ConnectionPool(
                connection_class=BudgetedTLS if settings.connection.tls else Budgeted,
                host=host,
                port=port,
                # Not redis-py's ten: a Sentinel that does not answer is passed over, the next one is asked.
                retry=Retry(NoBackoff(), 0),
                **settings.sentinel_arguments(),
            )
            self._clients[host, port] = redis.Redis.from_pool(pool)

    def __repr__(self) -> str:
        return f"<MasterFinder {self.master_name} at {', '.join(f'{host}:{port}' for host, port in self._clients)}>"

    async def find(self) -> tuple[Address, Address]:
        """Return the master's address and the Sentinel that named it; raise an error that tells each Sentinel's cause."""
        answers = Answers(self.master_name)
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
            self.order.answered(sentinel)
            self.address = address
            return address, sentinel
        raise answers.error(self.username)

    async def aclose(self) -> None:
        """Close the connections to the Sentinels."""
        for client in self._clients.values():
            await client.aclose()


class MasterPool(BlockingConnectionPool):
    """A blocking pool whose waiting counts in the command's budget; closed together with the connections to the Sentinels."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.policy = settings.policy
        self.finder = MasterFinder(settings)
        self.retry = BudgetRetry(settings.policy)
        super().__init__(
            max_connections=settings.pool_size,
            timeout=settings.policy.budget_seconds,
            connection_class=MasterTLSConnection if settings.connection.tls else MasterConnection,
            finder=self.finder,
            retry=self.retry,
            **settings.node_arguments(),
        )

    @property
    def timeout(self) -> float:
        """Longest wait for a free connection now, in seconds."""
        return bounded(self._timeout)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:  # noqa: ARG002
        """Hand out a connection to the master; all of it may be tried again, not only the connect as in redis-py."""
        with command_budget(self.policy, "connect"):
            return await self.retry.call_with_retry(self._take, lambda _: asyncio.sleep(0))

    async def _take(self) -> Any:
        try:
            return await super().get_connection()
        except exceptions.ConnectionError as error:
            raise busy_pool(self.max_connections, error) from error

    async def aclose(self) -> None:
        """Close every connection, those to the Sentinels too."""
        await super().aclose()
        await self.finder.aclose()


class MasterClient(redis.Redis):
    """redis.asyncio.Redis, each command under one budget. Made by `connect`."""

    connection_pool: MasterPool

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args)):
            return await super().execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "MasterPipeline":
        """Return a pipeline that executes within one budget."""
        return MasterPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class MasterPipeline(Pipeline):
    """A pipeline that executes within one budget."""

    connection_pool: MasterPool

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what was queued; a transaction that was sent and stayed unanswered is told from one that was not executed."""
        atomic = bool(self.is_transaction or self.explicit_transaction)
        what = pipeline_name(len(self.command_stack), atomic=atomic)
        with command_budget(self.connection_pool.policy, what, many=True, atomic=atomic) as budget:
            try:
                return await super().execute(raise_on_error)
            except exceptions.WatchError as error:
                # redis-py says "watch error, do it again" also when EXEC was sent and its answer got lost.
                if budget.ambiguous and not budget.policy.resend_ambiguous:
                    raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                raise

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command at once (WATCH and what follows it before MULTI)."""
        with command_budget(self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args)):
            return await super().immediate_execute_command(*args, **options)

    async def reset(self) -> None:  # type: ignore[override]
        """Give the connection back. An UNWATCH that cannot be said is not needed: a closed connection watches nothing."""
        connection = self.connection
        if self.watching and connection is not None:
            try:
                if connection.is_connected:
                    await connection.send_command("UNWATCH")
                    await connection.read_response()
            except exceptions.RedisError:
                await connection.disconnect(nowait=True)
            self.watching = False
        await super().reset()
