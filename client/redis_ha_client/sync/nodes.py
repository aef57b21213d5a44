"""What every kind of client is made of: redis-py's classes with one time budget a command."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import random
import time
from collections.abc import Callable
from queue import LifoQueue
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.retry import Retry
from redis.utils import SENTINEL

from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import RETRIED_ERRORS, Budget, attempt, bounded, command_budget, current_budget
from redis_ha_client.endpoint import number_of
from redis_ha_client.errors import (
    OutcomeUnknownError,
    RefusedError,
    certificate_refused,
    login_refused,
    refusal_of,
)
from redis_ha_client.policy import AGE_JITTER, FailoverPolicy
from redis_ha_client.scans import Cursor, Origin, check, cursors_in, remember
from redis_ha_client.wiring import Settings, busy_pool, command_name, pipeline_name


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


class NodeConnection(Budgeted):
    """A connection to a data node: what may have been executed is noted, refusals become errors that are tried again.

    age_seconds: renewed at the first use after this time (less up to a fifth); default: kept as long as it works.
    """

    def __init__(self, *, age_seconds: float | None = None, **kwargs: Any) -> None:
        self.age_seconds = age_seconds
        self._renewed_at = float("inf")
        self._dialled_at = float("-inf")
        self._cursors: tuple[Cursor, ...] = ()  # in what is sent next
        super().__init__(**kwargs)

    @property  # type: ignore[misc]
    def socket_timeout(self) -> float:
        """Longest silence to accept now: a blocking command's own waiting time comes on top."""
        budget = self.counted_budget()
        if budget is None:
            return super().socket_timeout
        return bounded((self._socket_timeout or 0.0) + budget.block_seconds)

    def counted_budget(self) -> Budget | None:
        """Return the running command's budget; None in a handshake, which tells nothing about the command."""
        return None if self._greeting else current_budget()

    @property
    def too_old(self) -> bool:
        """Whether the next use should dial anew; not while a scan goes on with what it gave."""
        return self.is_connected and time.monotonic() > self._renewed_at and not self.wanted

    @property
    def node_name(self) -> str:
        """The node at the other end."""
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> Origin:
        """What a cursor remembers of this connection."""
        return Origin(self.node_name, number_of(self.handshake_metadata, self.host), self._dialled_at)

    @property
    def wanted(self) -> bool:
        """Whether the running command goes on with a scan that began here."""
        budget = current_budget()
        return budget is not None and budget.cursor is not None and self.is_connected and budget.cursor.fits(self.origin)

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in, with an error that says where and as whom."""
        try:
            super().on_connect_check_health(check_health)
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise login_refused(f"{self.host}:{self.port}", self.login_name, error) from error
        self._dialled_at = time.monotonic()
        if self.age_seconds is not None:
            self._renewed_at = time.monotonic() + random.uniform(1 - AGE_JITTER, 1) * self.age_seconds  # noqa: S311 - jitter

    @property
    def login_name(self) -> str | None:
        """Who logs in, for errors."""
        return self.username or getattr(self.credential_provider, "username", None)

    def refusal_of(self, error: exceptions.ResponseError) -> RefusedError | None:
        """Return what an error reply refuses to do now; None for a reply that is the caller's to judge."""
        return refusal_of(error)

    def refused(self) -> None:
        """Take note that the node executes no (write) command now; the connection is closed next."""

    def _send_ping(self) -> None:
        self._greeting = True
        try:
            super()._send_ping()
        finally:
            self._greeting = False

    def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Send a command, and look at a scan's cursor when the node is known."""
        self._cursors = cursors_in((args,))
        super().send_command(*args, **kwargs)

    def pack_commands(self, commands: Any) -> Any:
        """Pack what a pipeline sends, and look at scans' cursors when the node is known."""
        queued = tuple(commands)
        self._cursors = cursors_in(queued)
        return super().pack_commands(queued)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send, and note from when on the node may execute the command."""
        cursors, self._cursors = self._cursors, ()  # taken now: a dial sends commands of its own
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        if check_health:
            self.check_health()
        if cursors:
            check(cursors, self.origin)
        budget = self.counted_budget()
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
            refusal = None if self._greeting else self.refusal_of(error)
            if refusal is None:
                self._count_reply()
                raise
            self.refused()
            self.disconnect()  # the next dial looks for the right node anew
            raise refusal from error
        self._count_reply()
        return reply

    def _count_reply(self) -> None:
        budget = self.counted_budget()
        if budget is not None:
            budget.replies += 1
            if budget.scans:
                budget.note_origin(f"{self.host}:{self.port}", self.origin)


class NodeTLSConnection(NodeConnection, SSLConnection):
    """The TLS twin."""


class NodeQueue(LifoQueue[Any]):
    """The free connections of a pool, the last one first; a scan goes on where it began, if that connection is free."""

    def _get(self) -> Any:
        for index in range(len(self.queue) - 1, -1, -1) if scan_goes_on() else ():
            if self.queue[index] is not None and self.queue[index].wanted:
                return self.queue.pop(index)
        return super()._get()


def scan_goes_on() -> bool:
    """Tell whether the running command has a cursor that remembers its node."""
    budget = current_budget()
    return budget is not None and budget.cursor is not None


class NodePool(BlockingConnectionPool):
    """A blocking pool whose waiting counts in the command's budget."""

    def __init__(self, settings: Settings, connection_class: type[NodeConnection], **arguments: Any) -> None:
        self.settings = settings
        self.policy = settings.policy
        self.retry = BudgetRetry(settings.policy)
        super().__init__(
            max_connections=settings.pool_size,
            timeout=settings.policy.budget_seconds,
            connection_class=connection_class,
            queue_class=NodeQueue,
            retry=self.retry,
            **settings.node_arguments(),
            **arguments,
        )

    @property
    def timeout(self) -> float:
        """Longest wait for a free connection now, in seconds."""
        return bounded(self._timeout)

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._timeout = seconds

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:  # noqa: ARG002
        """Hand out a connection; all of it may be tried again, not only the connect as in redis-py."""
        with command_budget(self.policy, "connect"):
            connection: Connection = self.retry.call_with_retry(self._take, lambda _: None)
        return connection

    def _take(self) -> Connection:
        try:
            connection: Connection = super().get_connection()
        except exceptions.ConnectionError as error:
            raise busy_pool(self.max_connections, error) from error
        return connection


class NodeClient(redis.Redis):
    """redis.Redis, each command under one budget."""

    connection_pool: NodePool

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args)) as budget:
            budget.cursor = next(iter(cursors_in((args,))), None)
            reply = super().execute_command(*args, **options)
        return remember(args[0], reply, budget.origins, time.monotonic())

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "NodePipeline":
        """Return a pipeline that executes within one budget."""
        return NodePipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class NodePipeline(Pipeline):
    """A pipeline that executes within one budget."""

    connection_pool: NodePool

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
