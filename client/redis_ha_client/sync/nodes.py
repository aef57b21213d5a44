"""What every kind of client is made of: redis-py's classes with one time budget a command."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import random
import time
from collections.abc import Callable
from queue import LifoQueue
from threading import Condition, RLock
from typing import Any

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.retry import Retry
from redis.utils import SENTINEL

from redis_ha_client.batches import Batch, Emptied
from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import RETRIED_ERRORS, Budget, attempt, bounded, command_budget, current_budget, interrupts
from redis_ha_client.endpoint import number_of
from redis_ha_client.errors import (
    OutcomeUnknownError,
    RefusedError,
    certificate_refused,
    login_refused,
    name_command,
    refusal_of,
)
from redis_ha_client.freshness import Freshness
from redis_ha_client.policy import AGE_JITTER, FailoverPolicy
from redis_ha_client.published import Published
from redis_ha_client.rebuilding import retries_refused, settings_again
from redis_ha_client.scans import COMMANDS, Cursor, Origin, check, cursor_in, cursors_in, remember
from redis_ha_client.silence import Stillness, first_wait, glance, traffic_in, traffic_of
from redis_ha_client.sync.batches import exchange
from redis_ha_client.sync.dialling import Dialling
from redis_ha_client.sync.replicating import SafeWrites, confirm_all, prepare
from redis_ha_client.sync.scripts import RegisteredScript, load_scripts
from redis_ha_client.sync.sending import send_all
from redis_ha_client.sync.subscribing import NodeSubscriber
from redis_ha_client.wiring import Settings, busy_pool, pipeline_name
from redis_ha_client.words import command_name


class BudgetRetry(Retry):
    """redis-py's Retry, ended by the command's budget in place of a count; nested calls try once."""

    def __init__(self, policy: FailoverPolicy) -> None:
        super().__init__(NoBackoff(), 0, RETRIED_ERRORS)
        self.policy = policy
        self.home: Budget | None = None  # the budget under which the connection that has this retry is in somebody's hands

    def call_with_retry(
        self,
        do: Callable[[], Any],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Any:
        """Call `do` until it succeeds or the budget of the running command is over."""
        # Outside a command: Pub/Sub, which may wait for hours; its clock starts at the first failure. Or a class of redis-py's
        # over the pool, of which only the connection sees whether it sends one command or a pipeline.
        interrupting = self.home is not None and interrupts(self.home)
        with command_budget(self.policy, "command", counting=False, own=interrupting) as budget:
            nested = budget.busy
            if self.home is not None and not nested:
                self.home = budget
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
                with attempt(budget):  # whoever interrupts the pause is not part of the command either
                    time.sleep(budget.pause())


class Budgeted(Dialling):
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
        except RETRIED_ERRORS:
            self.came_to_nothing()
            raise
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

    @property
    def may_be_replaced(self) -> bool:
        """Whether `is_replaced` can tell anything while a reply is waited for."""
        return False

    def is_replaced(self) -> bool:
        """Ask others whether the silent peer has been replaced: then nobody waits for the end of its silence."""
        return False

    def read_response(
        self,
        disable_decoding: bool = False,
        *,
        timeout: float | object = SENTINEL,
        disconnect_on_error: bool | None = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read one reply within the budget, to its end while it keeps arriving; `timeout` is the caller's own bound."""
        own = timeout is SENTINEL
        asks = own and self.may_be_replaced
        seconds, seen, began = self.socket_timeout, glance(self._sock) if own else None, time.monotonic()
        wait: Any = first_wait(seconds, seen, asks=asks) if own else timeout
        still: Stillness | None = None
        try:
            while True:
                try:
                    return super().read_response(
                        disable_decoding=disable_decoding,
                        timeout=wait,
                        disconnect_on_error=False,
                        push_request=push_request,
                    )
                except exceptions.TimeoutError:
                    still = still or Stillness(seconds, traffic_in(seen), began, asks=asks)
                    # The parser has kept what had arrived. A big value may still be on its way to the node.
                    if not own or still.is_over(traffic_of(self._sock), time.monotonic()):
                        raise
                    if still.is_to_ask(time.monotonic()) and self.is_replaced():
                        raise
                    wait = still.wait(time.monotonic())
        except exceptions.ResponseError:
            raise
        except BaseException:
            if disconnect_on_error:
                self.disconnect()
            raise


class BudgetedTLS(Budgeted, SSLConnection):
    """The TLS twin."""


class NodeConnection(Freshness, Budgeted):
    """A connection to a data node: what may have been executed is noted, refusals become errors that are tried again.

    redis_ha_settings: what `connect` was told; time-outs and retries come from there, whatever else is passed.
    age_seconds: renewed at the first use after this time (less up to a fifth); default: kept as long as it works.
    """

    retry: BudgetRetry

    def __init__(self, *, redis_ha_settings: Settings, age_seconds: float | None = None, **kwargs: Any) -> None:
        self.age_seconds = age_seconds
        self._renewed_at = float("inf")
        self._dialled_at = float("-inf")
        self._cursors: tuple[Cursor, ...] = ()  # in what is sent next
        self.begin(redis_ha_settings)
        super().__init__(
            addresses=redis_ha_settings.addresses,
            **redis_ha_settings.held(kwargs),
            retry=BudgetRetry(redis_ha_settings.policy),
        )

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
        return self.is_connected and (time.monotonic() > self._renewed_at or self.rested) and not self.wanted

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

    @property
    def left_behind(self) -> bool:
        """Whether the client knows by now that another node is the one to talk to."""
        return self.outdated

    def ask(self, *words: Any) -> None:
        """Send a question of the client's own: what becomes of it says nothing about a command of the user."""
        self._greeting = True
        try:
            self.send_command(*words, check_health=False)
        finally:
            self._greeting = False

    def _send_ping(self) -> None:
        self._greeting = True
        try:
            super()._send_ping()
        finally:
            self._greeting = False

    def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Send a command. Whoever uses the pool without a client of this package has told nobody how long it may wait."""
        self._cursors = cursors_in((args,)) if args[0] in COMMANDS else ()  # looked at when the node is known
        budget = self.counted_budget()
        if budget is not None and budget.lent:
            budget.block_seconds = block_seconds(args)
            budget.many = False
        super().send_command(*args, **kwargs)

    def pack_commands(self, commands: Any) -> Any:
        """Pack what a pipeline sends, and look at scans' cursors when the node is known."""
        queued = tuple(commands)
        self._cursors = cursors_in(queued)
        return super().pack_commands(queued)

    def make_ready(self, *, check_health: bool = True) -> None:
        """Dial if needed, and see whether an idle connection still works."""
        if not self.is_connected:
            self.connect_check_health(check_health=False)
        if check_health:
            self.check_health()

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send, and note from when on the node may execute the command."""
        cursors, self._cursors = self._cursors, ()  # taken now: a dial sends commands of its own
        self.make_ready(check_health=check_health)
        if cursors:
            check(cursors, self.origin)
        budget = self.counted_budget()
        if budget is not None and budget.many:
            budget.sent = True
        began = time.monotonic()
        self._write(command)
        if budget is not None:
            budget.took_to_send(time.monotonic() - began)
            # A single command that could not be sent whole was not executed: the server has no complete command.
            budget.sent = True

    def _write(self, command: Any) -> None:
        """Send as redis-py does, with a bound on silence in place of its bound on the whole."""
        if self._sock is None:
            raise exceptions.ConnectionError("the connection was closed while it was in use")
        try:
            send_all(self._sock, [command] if isinstance(command, bytes) else command, self.socket_timeout)
        except TimeoutError as error:
            self.disconnect()
            raise exceptions.TimeoutError("Timeout writing to socket") from error
        except OSError as error:
            self.disconnect()
            raise exceptions.ConnectionError(f"Error {error.errno} while writing to socket. {error.strerror}.") from error
        except BaseException:
            self.disconnect()
            raise

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
            budget = self.counted_budget()
            if budget is None or not budget.piecemeal:  # a pipeline has more answers to read
                self.refused()
                self.disconnect()  # the next dial looks for the right node anew
            raise refusal from error
        self._count_reply()
        self.used()
        return reply

    def _count_reply(self) -> None:
        budget = self.counted_budget()
        if budget is not None:
            budget.replies += 1
            if budget.scans:
                budget.note_origin(f"{self.host}:{self.port}", self.origin)


class ByDocument(NodeConnection, SSLConnection):
    """A connection that uses TLS if what is published says so when it dials."""

    @property
    def uses_tls(self) -> bool:
        """Whether the next dial uses TLS."""
        return self.published is None or self.published.current.tls


class Places(LifoQueue[Any]):
    """The pool's places, the last connection first; a scan goes on where it began, if that connection is free.

    A signal handler may ask for a place while its thread is just taking or giving back another.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.mutex = RLock()  # type: ignore[assignment]  # queue.Queue's own lock would wait for itself for ever
        self.not_empty, self.not_full, self.all_tasks_done = (Condition(self.mutex) for _ in range(3))

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
        self._epoch = 0 if settings.published is None else settings.published.known.epoch
        super().__init__(
            max_connections=settings.pool_size,
            timeout=settings.policy.budget_seconds,
            connection_class=connection_class,
            queue_class=Places,
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

    def set_retry(self, retry: Any) -> None:  # noqa: ARG002
        """Refuse: the policy says how often a command is tried."""
        raise retries_refused()

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:  # noqa: ARG002
        """Hand out a connection; all of it may be tried again, not only the connect as in redis-py."""
        with command_budget(self.policy, "connect", own=interrupts()) as budget:
            if self.settings.published is not None:
                self._follow_published(self.settings.published)
            connection: NodeConnection = self.retry.call_with_retry(self._take, lambda _: None)
            connection.retry.home = budget
        return connection

    def _follow_published(self, published: Published) -> None:
        """Read what is published if it is time, and close the connections that nobody uses and that are to be made anew.

        Those in use are closed when they come back.
        """
        published.look()
        if self._epoch != published.known.epoch:
            self._epoch = published.known.epoch
            self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that nobody uses. Meanwhile nobody takes one."""
        with self.pool.mutex:
            for connection in self.pool.queue:
                if connection is not None:
                    connection.disconnect()

    def release(self, connection: Any) -> None:
        """Take a connection back."""
        connection.retry.home = None
        if connection.outdated:
            connection.disconnect()
        super().release(connection)

    def _take(self) -> Connection:
        try:
            connection: Connection = super().get_connection()
        except exceptions.ConnectionError as error:
            raise busy_pool(self.max_connections, error) from error
        return connection


class NodeClient(SafeWrites, redis.Redis):
    """redis.Redis, each command under one budget."""

    connection_pool: NodePool
    runs_scripts = True

    def __init__(
        self, *places: Any, connection_pool: Any = None, single_connection_client: bool = False, **arguments: Any
    ) -> None:
        own = isinstance(connection_pool, NodePool)
        if not own:  # a library makes the client again
            from redis_ha_client.sync.pools import pool_of  # noqa: PLC0415 - its pools are made of what is above

            given = arguments if connection_pool is None else connection_pool.connection_kwargs
            connection_pool = pool_of(settings_again(type(self), None, {} if places else given))
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        if not own:
            self.auto_close_connection_pool = True

    def set_retry(self, retry: Any) -> None:
        """Refuse: the policy says how often a command is tried."""
        self.connection_pool.set_retry(retry)

    def register_script(self, script: Any) -> RegisteredScript:
        """Return redis-py's script object, which sends the whole text where it is not loaded."""
        return RegisteredScript(self, script)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(
            self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args), own=True
        ) as budget:
            budget.cursor = cursor_in(args)
            reply = super().execute_command(*args, **options)
        return remember(args[0], reply, budget.origins, time.monotonic())

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "NodePipeline":
        """Return a pipeline that executes within one budget."""
        return NodePipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def pubsub(self, **kwargs: Any) -> NodeSubscriber:
        """Return a subscriber, which notices a silent node; on_resubscribed as NodeSubscriber says."""
        return NodeSubscriber(self.connection_pool, event_dispatcher=self._event_dispatcher, **kwargs)


class NodePipeline(SafeWrites, Pipeline):
    """A pipeline that executes within one budget."""

    connection_pool: NodePool
    _batch: Batch
    _emptied: Emptied | None = None

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what was queued, and empty the pipeline.

        A transaction that was sent and stayed unanswered is told from one that was not executed.
        """
        if self._emptied is not None and not self.command_stack and not self.watching:
            raise self._emptied.error()
        # redis-py keeps the flag under the name of a method: a pipeline's `transaction` is True or False, never that method.
        self._batch = batch = Batch(self.command_stack, atomic=bool(vars(self)["transaction"] or self.explicit_transaction))
        what = pipeline_name(len(batch.commands), atomic=batch.atomic)
        try:
            with command_budget(
                self.connection_pool.policy, what, block_seconds=batch.block_seconds, batch=batch, owner=self
            ) as budget:
                try:
                    replies: list[Any] = super().execute(raise_on_error)
                except exceptions.WatchError as error:
                    # redis-py says "watch error, do it again" also when EXEC was sent and its answer got lost.
                    if budget.ambiguous and not budget.policy.resend_ambiguous:
                        raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                    raise
        except BaseException as error:
            self.reset()  # redis-py's own does not when no connection was to be had
            self._emptied = Emptied.by(error)
            raise
        return replies

    def load_scripts(self) -> None:
        """Do nothing before the first attempt: every attempt loads them on the connection that it uses."""

    def _execute_transaction(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        load_scripts(connection, self.scripts)
        prepare(connection, self.connection_pool.settings.safety, self._batch)
        replies: list[Any] = super()._execute_transaction(connection, commands, False)
        refusal, nothing_changed = self._batch.refusal_in(replies, connection.refusal_of)
        if refusal is not None:
            connection.refused()
            connection.disconnect()  # the next dial looks for the right node anew
            if nothing_changed:
                raise refusal
        self._batch.answered_all(replies)
        confirm_all(connection, self.connection_pool.settings.safety, self._batch)
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    def _execute_pipeline(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        load_scripts(connection, self.scripts)
        self._himport_prepare_pipeline(connection, commands)
        prepare(connection, self.connection_pool.settings.safety, self._batch)
        exchange(connection, self.parse_response, self._batch)
        confirm_all(connection, self.connection_pool.settings.safety, self._batch)
        replies = self._batch.in_order()
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    def annotate_exception(self, exception: Exception, number: int, command: Any) -> None:
        """Name the command by its first word; redis-py would show its arguments."""
        name_command(exception, number, command_name(tuple(command)))

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command at once (WATCH and what follows it before MULTI)."""
        policy, name, waits = self.connection_pool.policy, command_name(args), block_seconds(args)
        with command_budget(policy, name, block_seconds=waits, owner=self):
            return super().immediate_execute_command(*args, **options)

    def reset(self) -> None:  # type: ignore[override]
        """Give the connection back. An UNWATCH that cannot be said is not needed: a closed connection watches nothing."""
        connection = self.connection
        if self.watching and connection is not None:
            try:
                # A finalizer may do this while another command runs.
                with command_budget(self.connection_pool.policy, "UNWATCH", owner=self):
                    if connection.is_connected:
                        connection.send_command("UNWATCH")
                        connection.read_response()
            except exceptions.RedisError:
                connection.disconnect()
            self.watching = False
        self._emptied = None
        super().reset()
