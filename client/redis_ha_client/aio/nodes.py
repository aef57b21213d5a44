"""What every kind of asyncio client is made of: redis-py's classes with one time budget a command."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import BlockingConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from redis_ha_client.aio.batches import exchange
from redis_ha_client.aio.dialling import Dialling
from redis_ha_client.aio.loops import Home, LeftByLoops, cut, refuse_beside, running_loop
from redis_ha_client.aio.replicating import SafeWrites, confirm_all, prepare
from redis_ha_client.aio.scripts import RegisteredScript, load_scripts
from redis_ha_client.aio.subscribing import NodeSubscriber
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
from redis_ha_client.silence import Socket, Stillness, first_wait, glance, traffic_in, traffic_of
from redis_ha_client.wiring import Settings, busy_pool, pipeline_name
from redis_ha_client.words import command_name


class BudgetRetry(Retry):
    """redis-py's Retry, ended by the command's budget in place of a count; nested calls try once."""

    def __init__(self, policy: FailoverPolicy) -> None:
        super().__init__(NoBackoff(), 0, RETRIED_ERRORS)  # type: ignore[arg-type]
        self.policy = policy
        self.home: Budget | None = None  # the budget under which the connection that has this retry is in somebody's hands

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[Any]],
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
                with attempt(budget):  # whoever interrupts the pause is not part of the command either
                    await asyncio.sleep(budget.pause())


async def unless_silent(
    act: Callable[[], Awaitable[Any]],
    sock: Socket | None,
    seconds: float,
    is_replaced: Callable[[], Awaitable[bool]] | None = None,
) -> Any:
    """Await `act()`; TimeoutError when nothing has moved on the connection for `seconds`, or its silent peer is replaced.

    While something moves `act` is cut and called anew: it goes on where it was.
    """
    seen, began = glance(sock), time.monotonic()
    wait = first_wait(seconds, seen, asks=is_replaced is not None)
    still: Stillness | None = None
    while True:
        try:
            async with asyncio.timeout(wait):
                return await act()
        except TimeoutError:
            still = still or Stillness(seconds, traffic_in(seen), began, asks=is_replaced is not None)
            if still.is_over(traffic_of(sock), time.monotonic()):
                raise
            if is_replaced is not None and still.is_to_ask(time.monotonic()) and await is_replaced():
                raise
            wait = still.wait(time.monotonic())


class Budgeted(Dialling):
    """A connection whose every wait is cut to what is left of the running command's budget."""

    _greeting = False  # the handshake runs: what fails now was never the user's command
    _read_seconds: float | None = None
    _connect_seconds: float | None = None
    _loop: asyncio.AbstractEventLoop | None = None  # to which the socket belongs
    _silence_seconds: float | None = None  # of the read that runs; None for one with a bound of its caller

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
        except RETRIED_ERRORS:
            self.came_to_nothing()
            raise
        finally:
            self._greeting = False

    async def greeted(self) -> None:
        """Look at the node that was logged in to."""

    @property
    def stranded(self) -> bool:
        """Whether the event loop that dialled is not the one that runs: the socket is of no use here."""
        return self._loop is not None and self._loop is not running_loop()

    @property
    def is_connected(self) -> bool:
        """Whether there is a socket that this event loop can use."""
        return bool(super().is_connected) and not self.stranded

    async def _connect(self) -> None:
        await super()._connect()
        self._loop = asyncio.get_running_loop()

    def leave(self) -> None:
        """Let go of the socket if it is stranded. A task that waits for it in a closed loop ends by this."""
        if not self.stranded:
            return
        writer, self._reader, self._writer = self._writer, None, None
        self._parser.on_disconnect()
        self.reset_should_reconnect()
        if writer is not None:
            cut(writer)

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial, with an error of its own for a certificate that does not verify."""
        if self._loop is not None and self.stranded:
            refuse_beside(self._loop)
            self.leave()
        try:
            await super().connect_check_health(check_health, retry_socket_connect)
        except exceptions.ConnectionError as error:
            refused = certificate_refused(f"{self.host}:{self.port}", error)
            if refused is None:
                raise
            raise refused from error

    async def read_response(
        self,
        disable_decoding: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - redis-py's signature
        *,
        disconnect_on_error: bool = True,
        push_request: bool | None = False,
    ) -> Any:
        """Read one reply within the budget, to its end while it keeps arriving; `timeout` is the caller's own bound."""
        self._silence_seconds = self.socket_timeout if timeout is None else None
        return await super().read_response(
            disable_decoding=disable_decoding,
            # redis-py would give the whole reply the time that silence may last.
            timeout=math.inf if timeout is None else timeout,
            disconnect_on_error=disconnect_on_error,
            push_request=push_request,
        )

    @property
    def may_be_replaced(self) -> bool:
        """Whether `is_replaced` can tell anything while a reply is waited for."""
        return False

    async def is_replaced(self) -> bool:
        """Ask others whether the silent peer has been replaced: then nobody waits for the end of its silence."""
        return False

    async def _read_response_from_parser(self, disable_decoding: bool = False, push_request: bool | None = False) -> Any:
        read = partial(self._parse, disable_decoding, push_request=push_request)
        if self._silence_seconds is None:
            return await read()
        try:
            # The parser keeps what has arrived. A big value may still be on its way to the node.
            is_replaced = self.is_replaced if self.may_be_replaced else None
            return await unless_silent(read, self.socket, self._silence_seconds, is_replaced)
        except TimeoutError as error:  # redis-py takes it for an empty reply when it was given a time
            self.drop()
            raise exceptions.TimeoutError(f"Timeout reading from {self.host}:{self.port}") from error

    async def _parse(self, disable_decoding: bool, *, push_request: bool | None) -> Any:
        try:
            return await super()._read_response_from_parser(disable_decoding, push_request)
        except TimeoutError as error:  # the system's, of TCP's keepalive: not the end of the time that a caller set
            raise exceptions.ConnectionError(f"Error while reading from {self.host}:{self.port}: {error}") from error

    def drop(self) -> None:
        """Let go of a silent peer at once: a transport that is closed keeps what it could not send, and waits to send it."""
        if self._writer is not None:
            self._writer.transport.abort()

    @property
    def socket(self) -> Socket | None:
        """The connection's socket, to look at."""
        sock: Socket | None = None if self._writer is None else self._writer.get_extra_info("socket")
        return sock

    async def disconnect(
        self,
        nowait: bool = False,
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,
    ) -> None:
        """Close; inside a command without waiting for the goodbye of a node that may be gone: redis-py may time out on it."""
        if self.stranded:
            self.leave()
            return
        await super().disconnect(nowait or current_budget() is not None, error, failure_count, health_check_failed)


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
        self.greeting: dict[Any, Any] = {}  # the node's answer to HELLO
        super().__init__(
            addresses=redis_ha_settings.addresses,
            **redis_ha_settings.held(kwargs),
            retry=BudgetRetry(redis_ha_settings.policy),
        )

    @property
    def socket_timeout(self) -> float:
        """Longest silence to accept now: a blocking command's own waiting time comes on top."""
        budget = self.counted_budget()
        if budget is None:
            return bounded(self._connect_seconds if self._greeting else self._read_seconds)
        return bounded((self._read_seconds or 0.0) + budget.block_seconds)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float | None) -> None:
        self._read_seconds = seconds

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
        return Origin(self.node_name, number_of(self.greeting, self.host), self._dialled_at)

    @property
    def wanted(self) -> bool:
        """Whether the running command goes on with a scan that began here."""
        budget = current_budget()
        return budget is not None and budget.cursor is not None and self.is_connected and budget.cursor.fits(self.origin)

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in, with an error that says where and as whom."""
        try:
            await super().on_connect_check_health(check_health)
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

    async def ask(self, *words: Any) -> None:
        """Send a question of the client's own: what becomes of it says nothing about a command of the user."""
        self._greeting = True
        try:
            await self.send_command(*words, check_health=False)
        finally:
            self._greeting = False

    async def _send_ping(self) -> None:
        self._greeting = True
        try:
            await super()._send_ping()
        finally:
            self._greeting = False

    def pack_command(self, *args: Any) -> Any:
        """Pack a command, and look at a scan's cursor when the node is known."""
        self._cursors = cursors_in((args,)) if args[0] in COMMANDS else ()
        return super().pack_command(*args)

    def pack_commands(self, commands: Any) -> Any:
        """Pack what a pipeline sends, and look at scans' cursors when the node is known."""
        queued = tuple(commands)
        self._cursors = cursors_in(queued)
        return super().pack_commands(queued)

    async def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Send a command. Whoever uses the pool without a client of this package has told nobody how long it may wait."""
        budget = self.counted_budget()
        if budget is not None and budget.lent:
            budget.block_seconds = block_seconds(args)
            budget.many = False
        await super().send_command(*args, **kwargs)

    async def make_ready(self, *, check_health: bool = True) -> None:
        """Dial if needed, and see whether an idle connection still works."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send, and note from when on the node may execute the command."""
        cursors, self._cursors = self._cursors, ()  # taken now: a dial sends commands of its own
        await self.make_ready(check_health=check_health)
        if cursors:
            check(cursors, self.origin)
        budget = self.counted_budget()
        if budget is not None:
            # A stream hands over to the kernel when it likes: from here on nobody knows what was sent.
            budget.sent = True
        began = time.monotonic()
        await self._write(command)
        if budget is not None:
            budget.took_to_send(time.monotonic() - began)

    async def _write(self, command: Any) -> None:
        """Send as redis-py does, with a bound on silence in place of its bound on the whole."""
        if self._writer is None:
            raise exceptions.ConnectionError("the connection was closed while it was in use")
        try:
            self._writer.writelines([command] if isinstance(command, bytes) else command)
            await unless_silent(self._writer.drain, self.socket, self.socket_timeout)
        except TimeoutError as error:
            self.drop()
            await self.disconnect(nowait=True)
            raise exceptions.TimeoutError("Timeout writing to socket") from error
        except OSError as error:
            await self.disconnect(nowait=True)
            raise exceptions.ConnectionError(f"Error {error.errno} while writing to socket. {error.strerror}.") from error
        except BaseException:
            await self.disconnect(nowait=True)
            raise

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
            refusal = None if self._greeting else self.refusal_of(error)
            if refusal is None:
                self._count_reply()
                raise
            budget = self.counted_budget()
            if budget is None or not budget.piecemeal:  # a pipeline has more answers to read
                self.refused()
                await self.disconnect(nowait=True)  # the next dial looks for the right node anew
            raise refusal from error
        if self._greeting and isinstance(reply, dict):
            self.greeting = reply  # redis-py keeps it in the sync client only
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


class NodePool(BlockingConnectionPool):
    """A blocking pool whose waiting counts in the command's budget."""

    def __init__(self, settings: Settings, connection_class: type[NodeConnection], **arguments: Any) -> None:
        self.settings = settings
        self.policy = settings.policy
        self.retry = BudgetRetry(settings.policy)
        self.home = Home()
        self._epoch = 0 if settings.published is None else settings.published.known.epoch
        super().__init__(
            max_connections=settings.pool_size,
            timeout=settings.policy.budget_seconds,
            connection_class=connection_class,
            retry=self.retry,
            **settings.node_arguments(),
            **arguments,
        )

    @property
    def timeout(self) -> float:
        """Longest wait for a free connection now, in seconds."""
        return bounded(self._timeout)

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def set_retry(self, retry: Any) -> None:  # noqa: ARG002
        """Refuse: the policy says how often a command is tried."""
        raise retries_refused()

    def move(self) -> None:
        """Leave an event loop that has ended: its locks, its sockets, and the connections of commands that it left behind."""
        self._lock = asyncio.Lock()
        self._condition = asyncio.Condition()
        left, self._in_use_connections = self._in_use_connections, set()
        for connection in (*self._available_connections, *left):
            connection.leave()  # type: ignore[attr-defined]
        if self.settings.writer is not None:
            self.settings.writer.turn = asyncio.Lock()

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:  # noqa: ARG002
        """Hand out a connection; all of it may be tried again, not only the connect as in redis-py."""
        if self.home.moved():
            self.move()
        with command_budget(self.policy, "connect", own=interrupts()) as budget:
            if self.settings.published is not None:
                await self._follow_published(self.settings.published)
            connection = await self.retry.call_with_retry(self._take, lambda _: asyncio.sleep(0))
            connection.retry.home = budget
            return connection

    async def _follow_published(self, published: Published) -> None:
        """Read what is published if it is time, and close the connections that nobody uses and that are to be made anew.

        Those in use are closed when they come back.
        """
        published.look()
        if self._epoch != published.known.epoch:
            self._epoch = published.known.epoch
            for connection in tuple(self._available_connections):
                await connection.disconnect(nowait=True)

    async def aclose(self) -> None:
        """Close every connection; without their loop if that has ended."""
        if self.home.ended():
            self.move()
        else:
            await super().aclose()

    async def release(self, connection: Any) -> None:
        """Take a connection back; nothing is waited for where no loop runs, and one from an earlier loop is not wanted."""
        connection.retry.home = None
        if connection not in self._in_use_connections:
            return
        if connection.stranded:
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)
        else:
            if connection.outdated:
                await connection.disconnect(nowait=True)
            await super().release(connection)

    async def _take(self) -> Any:
        budget = current_budget()
        if budget is not None and budget.cursor is not None:  # a scan goes on where it began, if that connection is free
            self._available_connections.sort(key=lambda one: one.wanted)  # type: ignore[attr-defined]  # the last one is taken
        try:
            return await super().get_connection()
        except exceptions.ConnectionError as error:
            raise busy_pool(self.max_connections, error) from error


class NodeClient(SafeWrites, LeftByLoops, redis.Redis):  # type: ignore[misc]  # redis-py's own bases differ in command_info
    """redis.asyncio.Redis, each command under one budget."""

    connection_pool: NodePool
    runs_scripts = True

    def __init__(
        self, *places: Any, connection_pool: Any = None, single_connection_client: bool = False, **arguments: Any
    ) -> None:
        own = isinstance(connection_pool, NodePool)
        if not own:  # a library makes the client again
            from redis_ha_client.aio.pools import pool_of  # noqa: PLC0415 - its pools are made of what is above

            given = arguments if connection_pool is None else connection_pool.connection_kwargs
            connection_pool = pool_of(settings_again(type(self), None, {} if places else given))
        super().__init__(connection_pool=connection_pool, single_connection_client=single_connection_client)
        if not own:
            self.auto_close_connection_pool = True
        self._home = connection_pool.home

    def set_retry(self, retry: Any) -> None:
        """Refuse: the policy says how often a command is tried."""
        self.connection_pool.set_retry(retry)

    def register_script(self, script: Any) -> RegisteredScript:  # type: ignore[override]  # redis-py names the sync one
        """Return redis-py's script object, which sends the whole text where it is not loaded."""
        return RegisteredScript(self, script)

    def _move(self) -> None:
        """Leave an event loop that has ended."""
        self.connection_pool.move()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(
            self.connection_pool.policy, command_name(args), block_seconds=block_seconds(args), own=True
        ) as budget:
            budget.cursor = cursor_in(args)
            reply = await super().execute_command(*args, **options)
        return remember(args[0], reply, budget.origins, time.monotonic())

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "NodePipeline":
        """Return a pipeline that executes within one budget."""
        return NodePipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def pubsub(self, **kwargs: Any) -> NodeSubscriber:
        """Return a subscriber, which notices a silent node; on_resubscribed as NodeSubscriber says."""
        return NodeSubscriber(self.connection_pool, event_dispatcher=self._event_dispatcher, **kwargs)


class NodePipeline(SafeWrites, Pipeline):  # type: ignore[misc]  # as above
    """A pipeline that executes within one budget."""

    connection_pool: NodePool
    _batch: Batch
    _emptied: Emptied | None = None

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what was queued, and empty the pipeline.

        A transaction that was sent and stayed unanswered is told from one that was not executed.
        """
        if self._emptied is not None and not self.command_stack and not self.watching:
            raise self._emptied.error()
        self._batch = batch = Batch(self.command_stack, atomic=bool(self.is_transaction or self.explicit_transaction))
        what = pipeline_name(len(batch.commands), atomic=batch.atomic)
        try:
            with command_budget(
                self.connection_pool.policy, what, block_seconds=batch.block_seconds, batch=batch, owner=self
            ) as budget:
                try:
                    return await super().execute(raise_on_error)
                except exceptions.WatchError as error:
                    # redis-py says "watch error, do it again" also when EXEC was sent and its answer got lost.
                    if budget.ambiguous and not budget.policy.resend_ambiguous:
                        raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                    raise
        except BaseException as error:
            await self.reset()  # redis-py's own does not when no connection was to be had
            self._emptied = Emptied.by(error)
            raise

    async def load_scripts(self) -> None:
        """Do nothing before the first attempt: every attempt loads them on the connection that it uses."""

    async def _execute_transaction(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        await load_scripts(connection, self.scripts)
        await prepare(connection, self.connection_pool.settings.safety, self._batch)
        replies: list[Any] = await super()._execute_transaction(connection, commands, False)
        refusal, nothing_changed = self._batch.refusal_in(replies, connection.refusal_of)
        if refusal is not None:
            connection.refused()
            await connection.disconnect(nowait=True)  # the next dial looks for the right node anew
            if nothing_changed:
                raise refusal
        self._batch.answered_all(replies)
        await confirm_all(connection, self.connection_pool.settings.safety, self._batch)
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    async def _execute_pipeline(self, connection: Any, commands: Any, raise_on_error: bool) -> list[Any]:
        await load_scripts(connection, self.scripts)
        await self._himport_prepare_pipeline(connection, commands)
        await prepare(connection, self.connection_pool.settings.safety, self._batch)
        await exchange(connection, self.parse_response, self._batch)
        await confirm_all(connection, self.connection_pool.settings.safety, self._batch)
        replies = self._batch.in_order()
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    def annotate_exception(self, exception: Exception, number: int, command: Any) -> None:
        """Name the command by its first word; redis-py would show its arguments."""
        name_command(exception, number, command_name(tuple(command)))

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute one command at once (WATCH and what follows it before MULTI)."""
        policy, name, waits = self.connection_pool.policy, command_name(args), block_seconds(args)
        with command_budget(policy, name, block_seconds=waits, owner=self):
            return await super().immediate_execute_command(*args, **options)

    async def reset(self) -> None:  # type: ignore[override]
        """Give the connection back. An UNWATCH that cannot be said is not needed: a closed connection watches nothing."""
        connection = self.connection
        if connection is not None and connection.stranded:  # type: ignore[attr-defined]
            self.connection = None
            await self.connection_pool.release(connection)
        elif self.watching and connection is not None:
            try:
                # A finalizer may do this while another command runs.
                with command_budget(self.connection_pool.policy, "UNWATCH", owner=self):
                    if connection.is_connected:
                        await connection.send_command("UNWATCH")
                        await connection.read_response()
            except exceptions.RedisError:
                await connection.disconnect(nowait=True)
            self.watching = False
        self._emptied = None
        await super().reset()
