"""The synchronous client: redis-py's classes, with the master looked up anew at every dial and one budget a command."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import BlockingConnectionPool, Connection, ConnectionPool, SSLConnection
from redis.retry import Retry
from redis.utils import SENTINEL

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
    """Return a redis-py client that writes to a stack's master and rides over its failovers.

    Nothing is dialled before the first command. Make one client a process and share it among threads; `close()` it at the
    end: that closes its connections to the Sentinels too.

    connection, credentials: the stack's outputs as they are, mappings or JSON text.
    policy: time-outs, the total time of a command, and whether an unanswered command is sent again; see FailoverPolicy.
    pool_size: the most connections to the master; a command waits for a free one within its own budget.
    database: number of the database, default 0. decode_responses: replies as str instead of bytes.
    client_name: shown by CLIENT LIST on nodes and Sentinels.
    tls_ca_file: PEM file of the CA when connection.tls is true, default the system's; certificates are always verified.
    Raises DocumentError for anything unusable, before anything is touched.
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
    client: redis.Redis = MasterClient.from_pool(MasterPool(settings))
    return client


class BudgetRetry(Retry):
    """redis-py's Retry, ended by the command's budget in place of a count; nested calls try once."""

    def __init__(self, policy: FailoverPolicy) -> None:
        super().__init__(NoBackoff(), 0, RETRIED_ERRORS)
        self.policy = policy

    def call_with_retry(
        self,
        do: Callable[[], Any],
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
                try:
                    if nested:
                        return do()
                    budget.begin_attempt()
                    with attempt(budget):
                        return do()
                except self._supported_errors as error:
                    caught = error
                failures += 1
                over = caught if nested or (is_retryable and not is_retryable(caught)) else budget.judge(caught)
                try:
                    fail(*((caught, failures) if with_failure_count else (caught,)))
                except self._supported_errors as error:  # Pub/Sub reconnects here; the next attempt does it again
                    caught = error
                if over is not None:
                    raise over from (None if over is caught else caught)
                time.sleep(budget.pause())


class Budgeted(Connection):
    """A connection whose every wait is cut to what is left of the running command's budget."""

    _greeting = False  # the handshake runs: what fails now was never the user's command

    @property  # type: ignore[misc]
    def socket_timeout(self) -> float:
        """Longest silence to accept now, in seconds."""
        return bounded(self._socket_connect_timeout if self._greeting else self._socket_timeout)

    @property  # type: ignore[misc]
    def socket_connect_timeout(self) -> float:
        """Longest wait for a connect now, in seconds."""
        return bounded(self._socket_connect_timeout)

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in; called once for each new socket."""
        self._greeting = True
        try:
            super().on_connect_check_health(check_health)
            self.greeted()
        finally:
            self._greeting = False

    def greeted(self) -> None:
        """Look at the node that was logged in to."""

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial, with an error of its own for a certificate that does not verify."""
        try:
            super().connect_check_health(check_health, retry_socket_connect)
        except exceptions.ConnectionError as error:
            refused = certificate_refused(f"{self.host}:{self.port}", error)
            if refused is None:
                raise
            raise refused from error

    def read_response(
        self,
        disable_decoding: bool = False,
        *,
        timeout: float | object = SENTINEL,
        disconnect_on_error: bool | None = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read one reply within the budget."""
        return super().read_response(
            disable_decoding=disable_decoding,
            timeout=self.socket_timeout if timeout is SENTINEL else timeout,
            disconnect_on_error=disconnect_on_error,
            push_request=push_request,
        )


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

    @property  # type: ignore[misc]
    def socket_timeout(self) -> float:
        """Longest silence to accept now: a blocking command's own waiting time comes on top."""
        budget = current_budget()
        if self._greeting or budget is None:
            return super().socket_timeout
        return bounded((self._socket_timeout or 0.0) + budget.block_seconds)

    def connect(self) -> None:
        """Connect if needed; called when the pool hands the connection out. One to a former master is dropped first."""
        if self.is_connected and (self.host, self.port) != self.finder.address:
            self.disconnect()
        super().connect()

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:  # noqa: ARG002
        """Dial: every way to a new socket comes through here."""
        if self.is_connected:
            return
        (self.host, self.port), sentinel = self.finder.find()
        try:
            # One dial a look-up: the retry is the command's.
            super().connect_check_health(check_health=check_health, retry_socket_connect=False)
        except RETRIED_ERRORS:
            self.finder.order.doubted(sentinel)
            raise

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in, with an error that says where and as whom."""
        try:
            super().on_connect_check_health(check_health)
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise login_refused(f"{self.host}:{self.port}", self.username, error) from error

    def greeted(self) -> None:
        """Refuse a node that is no master: a Sentinel's view may be old, and so may a node's."""
        self.send_command("ROLE", check_health=False)
        try:
            role = role_of(self.read_response())
        except exceptions.NoPermissionError as error:
            raise role_forbidden(f"{self.host}:{self.port}", self.username) from error
        if role != "master":
            raise NotTheMasterError(f"{self.host}:{self.port} was named as the master and says that it is a {role}")

    def _send_ping(self) -> None:
        self._greeting = True
        try:
            super()._send_ping()
        finally:
            self._greeting = False

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send, and note from when on the node may execute the command."""
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        if check_health:
            self.check_health()
        budget = None if self._greeting else current_budget()
        if budget is not None and budget.many:
            budget.sent = True
        if self._sock is not None:
            self._sock.settimeout(self.socket_timeout)  # a send may block as well
        super().send_packed_command(command, check_health=False)
        if budget is not None:
            # A single command that could not be sent whole was not executed: the server has no complete command.
            budget.sent = True

    def read_response(
        self,
        disable_decoding: bool = False,
        *,
        timeout: float | object = SENTINEL,
        disconnect_on_error: bool | None = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read one reply; a refusal by a node that is no (usable) master becomes an error that is tried again elsewhere."""
        try:
            reply = super().read_response(
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
            self.disconnect()  # the next dial asks the Sentinels
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

    def find(self) -> tuple[Address, Address]:
        """Return the master's address and the Sentinel that named it; raise an error that tells each Sentinel's cause."""
        answers = Answers(self.master_name)
        for sentinel in self.order.to_ask():
            budget = current_budget()
            if budget is not None and budget.left() <= SHORTEST_WAIT_SECONDS:
                answers.skipped(sentinel)
                continue
            try:
                answer = self._clients[sentinel].execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master_name)
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

    def close(self) -> None:
        """Close the connections to the Sentinels."""
        for client in self._clients.values():
            client.close()


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
    def timeout(self, seconds: float) -> None:
        self._timeout = seconds

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:  # noqa: ARG002
        """Hand out a connection to the master; all of it may be tried again, not only the connect as in redis-py."""
        with command_budget(self.policy, "connect"):
            connection: Connection = self.retry.call_with_retry(self._take, lambda _: None)
        return connection

    def _take(self) -> Connection:
        try:
            connection: Connection = super().get_connection()
        except exceptions.ConnectionError as error:
            raise busy_pool(self.max_connections, error) from error
        return connection

    def close(self) -> None:
        """Close every connection, those to the Sentinels too."""
        super().close()
        self.finder.close()


class MasterClient(redis.Redis):
    """redis.Redis, each command under one budget. Made by `connect`."""

    connection_pool: MasterPool

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args)):
            return super().execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "MasterPipeline":
        """Return a pipeline that executes within one budget."""
        return MasterPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class MasterPipeline(Pipeline):
    """A pipeline that executes within one budget."""

    connection_pool: MasterPool

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what was queued; a transaction that was sent and stayed unanswered is told from one that was not executed."""
        # redis-py keeps the flag under the name of a method: a pipeline's `transaction` is True or False, never that method.
        atomic = bool(vars(self)["transaction"] or self.explicit_transaction)
        what = pipeline_name(len(self.command_stack), atomic=atomic)
        with command_budget(self.connection_pool.policy, what, many=True, atomic=atomic) as budget:
            try:
                replies: list[Any] = super().execute(raise_on_error)
            except exceptions.WatchError as error:
                # redis-py says "watch error, do it again" also when EXEC was sent and its answer got lost.
                if budget.ambiguous and not budget.policy.resend_ambiguous:
                    raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                raise
        return replies

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command at once (WATCH and what follows it before MULTI)."""
        with command_budget(self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args)):
            return super().immediate_execute_command(*args, **options)

    def reset(self) -> None:  # type: ignore[override]
        """Give the connection back. An UNWATCH that cannot be said is not needed: a closed connection watches nothing."""
        connection = self.connection
        if self.watching and connection is not None:
            try:
                if connection.is_connected:
                    connection.send_command("UNWATCH")
                    connection.read_response()
            except exceptions.RedisError:
                connection.disconnect()
            self.watching = False
        super().reset()
