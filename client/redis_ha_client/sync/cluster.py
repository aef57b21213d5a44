"""The client of a cluster: redis-py's RedisCluster, whose retries last as long as the command's budget.

RedisCluster ignores the back-off of its Retry: all its attempts are spent within milliseconds of a primary's death, long before
a replica is promoted (redis-py 8.1.0 cluster.py). So it makes one attempt here, and the budget makes the others.
"""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import contextlib
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from redis import exceptions
from redis._parsers.commands import RequestPolicy
from redis.cluster import (
    ClusterNode,
    ClusterPipeline,
    LoadBalancingStrategy,
    PipelineStrategy,
    RedisCluster,
    TransactionStrategy,
    get_connection,
)
from redis.connection import Connection, SSLConnection
from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from redis_ha_client.batches import REFUSED, REFUSED_IN_CLUSTER, Batch, Emptied, not_sent_again
from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import FINAL_ERRORS, RETRIED_ERRORS, Budget, alone, command_budget, current_budget, dialling_once
from redis_ha_client.clocks import moment, seconds_since
from redis_ha_client.documents import ClusterConnection
from redis_ha_client.endpoint import in_cluster_mode
from redis_ha_client.errors import OutcomeUnknownError, RefusedError, is_read_only, name_command, wrong_kind
from redis_ha_client.following import Following
from redis_ha_client.policy import IAM_AGE_SECONDS
from redis_ha_client.rebuilding import retries_refused, settings_again
from redis_ha_client.routing import (
    OWN_COMMANDS,
    ReadsOnElsewhere,
    UnreachableError,
    acl_name,
    callers_mistake,
    look_again_at_once,
    not_permitted_here,
    note_not_permitted,
    translated,
)
from redis_ha_client.scans import cursor_in, remember, scanned_at
from redis_ha_client.sync.batches import pack, read, write
from redis_ha_client.sync.cluster_subscribing import ClusterSubscriber
from redis_ha_client.sync.nodes import BudgetRetry, ByDocument, NodeConnection, NodePool
from redis_ha_client.sync.scripts import RegisteredScript
from redis_ha_client.sync.world import look_up
from redis_ha_client.wiring import SETTINGS, PoolBusyError, Settings, pipeline_name
from redis_ha_client.words import command_name


class ClusterNodeConnection(NodeConnection):
    """A connection to one node of the cluster."""

    _own = False  # the command under way is redis-py's, not the user's

    def __init__(
        self, *, reads_only: bool = False, follows: bool = False, following: Following | None = None, **kwargs: Any
    ) -> None:
        self.reads_only = reads_only
        self.follows = follows
        self.following = following  # of a subscriber
        super().__init__(**kwargs)

    @property
    def left_behind(self) -> bool:
        """Whether the cluster has a subscriber's node no longer."""
        return self.outdated or (self.following is not None and not self.following.knows(self.host, self.port))

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial; a subscriber's node is chosen now."""
        if not self.is_connected:
            self.up_to_date()
        if self.following is not None and not self.is_connected:
            node = self.following.choose()
            self.host, self.port = node.host, node.port
        super().connect_check_health(check_health, retry_socket_connect)

    def refusal_of(self, error: exceptions.ResponseError) -> RefusedError | None:
        """Judge an error reply; a write in a region that is read from is the caller's mistake."""
        if self.reads_only and isinstance(error, exceptions.ReadOnlyError):
            return None
        return (not_permitted_here(error) if self.follows else None) or super().refusal_of(error)

    def connect(self) -> None:
        """Connect if needed; called when the pool hands the connection out."""
        if self.too_old or self.outdated:
            self.disconnect()
        super().connect()

    def greeted(self) -> None:
        """Refuse a node without cluster mode."""
        if in_cluster_mode(self.handshake_metadata) is False:
            raise wrong_kind(f"{self.host}:{self.port}", "cluster")

    def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Send a command; redis-py's own are kept out of the story of the user's."""
        if not self._greeting:
            self._own = str(args[0]) in OWN_COMMANDS
        try:
            super().send_command(*args, **kwargs)
        except BaseException:
            self._own = False
            raise

    def counted_budget(self) -> Budget | None:
        """Return the running budget; None for what is no command of the user."""
        return None if self._own else super().counted_budget()

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read one reply; MOVED, ASK and TRYAGAIN mean that this node did not execute."""
        budget = self.counted_budget()
        try:
            return super().read_response(*args, **kwargs)
        except (exceptions.AskError, exceptions.TryAgainError):
            if budget is not None and not budget.many:
                budget.redirected()
            raise
        finally:
            self._own = self._own and self._greeting


class PublishedNodeConnection(ClusterNodeConnection, ByDocument):
    """The twin that uses TLS if the endpoints document says so."""


class ClusterNodeTLSConnection(ClusterNodeConnection, SSLConnection):
    """The TLS twin: system CAs unless tls_ca_file is given, certificates verified and compared with the host name."""


def _connection_class(settings: Settings) -> type[ClusterNodeConnection]:
    if settings.published is not None:
        return PublishedNodeConnection
    return ClusterNodeTLSConnection if settings.connection.tls else ClusterNodeConnection


class ClusterNodePool(NodePool):
    """The connections to one node. It tries once: which node is next is the cluster client's to say."""

    def __init__(
        self,
        settings: Settings,
        *,
        host: str,
        port: int,
        redis_connect_func: Callable[[Any], None],
        following: Following | None = None,
        **_: Any,
    ) -> None:
        super().__init__(
            settings,
            _connection_class(settings),
            host=host,
            port=port,
            redis_connect_func=redis_connect_func,
            reads_only=settings.reads_only,
            follows=settings.follows_writer,
            following=following,
            age_seconds=IAM_AGE_SECONDS if settings.login else None,
        )

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:  # noqa: ARG002
        """Hand out a connection. A full pool is no broken node: redis-py tells the two apart by MaxConnectionsError."""
        try:
            return self._take()
        except PoolBusyError as error:
            raise exceptions.MaxConnectionsError(str(error)) from error


class ClusterClient(ReadsOnElsewhere, RedisCluster):
    """redis.cluster.RedisCluster, each command under one budget. Made by `connect`; dials at once."""

    runs_scripts = True

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        settings = settings_again(type(self), settings, given).now
        self.settings = settings
        self.policy = settings.policy
        self._epoch = 0 if settings.published is None else settings.published.known.epoch
        self._used_at = moment()
        self._moving = threading.Lock()
        self._permitted: set[str] = set()  # commands that some region has executed, as ACLs call them
        self._pools: weakref.WeakSet[ClusterNodePool] = weakref.WeakSet()
        self._listing = threading.Lock()
        self._made = False  # redis-py executes commands on the client while it makes it
        with command_budget(settings.policy, "connect", own=True):
            BudgetRetry(settings.policy).call_with_retry(self._make, self._doubt)
        self.nodes_manager.connection_kwargs[SETTINGS] = settings  # for who makes the client again
        self._made = True

    def _make(self) -> None:
        """Read the slots once, which redis-py does as soon as its client is made."""
        if self.settings.writer is not None:
            look_up(self.settings.writer)
            self.settings = self.settings.at(self.settings.writer.known)
        settings = self.settings
        host, port = settings.of_kind(ClusterConnection).configuration
        make = partial(
            super().__init__,
            # The one way by which redis-py takes a pool class; TLS is the connection class's own.
            url=f"redis://[{host}]:{port}" if ":" in host else f"redis://{host}:{port}",
            connection_pool_class=self._pool,
            retry=BudgetRetry(settings.policy),
            # Nodes come and go; the configuration endpoint stays (redis/redis-py#3310).
            dynamic_startup_nodes=False,
            # A shard without a primary fails its own keys, not all.
            require_full_coverage=False,
            load_balancing_strategy=LoadBalancingStrategy.ROUND_ROBIN_REPLICAS if settings.reader else None,
            **settings.cluster_arguments(),
        )
        translating(settings, make)

    def _doubt(self, _: Exception) -> None:
        if self.settings.writer is not None:
            self.settings.writer.doubted()

    def set_retry(self, retry: Any) -> None:  # noqa: ARG002
        """Refuse: the policy says how often a command is tried."""
        raise retries_refused()

    def __repr__(self) -> str:
        host, port = self.settings.of_kind(ClusterConnection).configuration
        return f"<ClusterClient {host}:{port}>"

    def _pool(self, **arguments: Any) -> ClusterNodePool:
        """Make a pool, and remember it for `close`."""
        made = ClusterNodePool(self.settings, **arguments)
        with self._listing:
            self._pools.add(made)
        return made

    def close(self) -> None:
        """Close the connections to all nodes, also to those that the cluster has no longer, and those of subscribers.

        A later command dials anew.

        redis-py closes none: its nodes' clients leave a pool that they were given to the caller (redis-py 8.1.0 client.py).
        """
        if not hasattr(self, "_pools"):  # redis-py calls this from __del__, whatever became of __init__
            return
        with self._listing:
            pools = list(self._pools)
        for pool in pools:
            pool.disconnect()

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(self.policy, command_name(args), block_seconds=block_seconds(args), own=self._made) as budget:
            budget.cursor = cursor_in(args)
            reply = self.ride(
                lambda: super(ClusterClient, self).execute_command(*args, **{**kwargs, **self._scanned(args, budget)})
            )
        self._permitted.add(acl_name(args[0]))
        return remember(args[0], reply, budget.origins, time.monotonic())

    def _scanned(self, args: tuple[Any, ...], budget: Budget) -> dict[str, Any]:
        """Send a scan of one key that goes on to the node where it began."""
        return scanned_at(args, self.nodes_manager.nodes_cache, budget.attempts)

    def ride(self, act: Callable[[], Any]) -> Any:
        """Do `act` until it succeeds or the running budget is over, each time with the layout as it is then."""
        epoch = self.nodes_manager._get_epoch()  # noqa: SLF001 - redis-py has no other word for "was read anew"

        def refresh(error: Exception) -> None:
            nonlocal epoch
            self.look_elsewhere(error)
            if not isinstance(error, (UnreachableError, *FINAL_ERRORS)) and epoch == self.nodes_manager._get_epoch():  # noqa: SLF001
                self.refresh()
            epoch = self.nodes_manager._get_epoch()  # noqa: SLF001

        def once() -> Any:
            self.follow()
            reply = translating(self.settings, act)
            self._used_at = moment()
            return reply

        return self.retry.call_with_retry(once, refresh)

    def refresh(self) -> None:
        """Read the cluster's layout if that is possible now; if not, the next attempt fails and says why."""
        with contextlib.suppress(exceptions.RedisError, exceptions.RedisClusterException), dialling_once(current_budget()):
            self.nodes_manager.initialize()

    def whole_layout(self) -> Any:
        """Return the nodes by slot; read anew while some slots have none. Commands read it by themselves when they fail."""
        if len(self.nodes_manager.slots_cache) < REDIS_CLUSTER_HASH_SLOTS:
            with command_budget(self.policy, "CLUSTER SLOTS", own=True):
                self.ride(self.nodes_manager.initialize)
        return self.nodes_manager.slots_cache

    def look_elsewhere(self, error: Exception) -> None:
        """Move on if another region of a global datastore takes writes by now.

        If none does, NOPERM is the caller's mistake.
        """
        writer, here = self.settings.writer, self.settings.region
        if writer is None or isinstance(error, FINAL_ERRORS):
            return
        note_not_permitted(error, here)
        writer.doubted(refused=is_read_only(error), at_once=look_again_at_once(error, self._permitted))
        with contextlib.suppress(exceptions.RedisError, exceptions.RedisClusterException):  # the next attempt says why
            self.follow()
        mistake = callers_mistake(error, here, writer, self._permitted)
        if mistake is not None:
            raise mistake

    def follow(self) -> None:
        """Go to the region of a global datastore that takes writes, or by what is published, if that is another by now.

        After a rest the layout is read anew.
        """
        if self.settings.writer is not None:
            look_up(self.settings.writer)
        published = self.settings.published
        if published is not None:
            published.look()
        if not self._left_behind():
            return
        with self._moving:
            if not self._left_behind():
                return
            if published is not None:
                self._epoch = published.known.epoch
            self._used_at = moment()
            before = self.settings
            self.settings = before.now if before.writer is None else before.at(before.writer.known)
            self._begin_again(stays=self.settings.connection == before.connection)

    def _left_behind(self) -> bool:
        writer, published, idle = self.settings.writer, self.settings.published, self.policy.idle_seconds
        if writer is not None and writer.known != self.settings.region:
            return True
        if published is not None and published.known.epoch != self._epoch:
            return True
        return idle is not None and seconds_since(self._used_at) > idle

    def _begin_again(self, *, stays: bool) -> None:
        """Make all connections anew, and read the layout. stays: of the same endpoint, whose layout holds until then."""
        host, port = self.settings.of_kind(ClusterConnection).configuration
        manager = self.nodes_manager
        with manager._lock:  # noqa: SLF001 - as redis-py does
            left = [*manager.startup_nodes.values(), *manager.nodes_cache.values()]
            startup = ClusterNode(host, port)
            manager.startup_nodes = {startup.name: startup}
            if not stays:  # should the new one not answer yet, nothing is asked of the old one
                manager.slots_cache = {}
        for node in left:
            if node.redis_connection is not None:
                node.redis_connection.connection_pool.close_idle()
        translating(self.settings, manager.initialize)

    def register_script(self, script: Any) -> RegisteredScript:
        """Return redis-py's script object, which sends the whole text where it is not loaded."""
        return RegisteredScript(self, script)

    def pipeline(self, transaction: bool | None = None, shard_hint: Any = None) -> "BudgetPipeline":
        """Return a pipeline that executes within one budget; a transaction's keys must share a slot."""
        if shard_hint:
            raise exceptions.RedisClusterException("shard_hint is not possible in cluster mode: leave it out")
        return BudgetPipeline(self, transaction=bool(transaction))

    def pubsub(self, node: Any = None, host: str | None = None, port: int | None = None, **kwargs: Any) -> ClusterSubscriber:
        """Return a subscriber, which leaves a silent node; on_resubscribed as NodeSubscriber says."""
        return ClusterSubscriber(self, node=node, host=host, port=port, **kwargs)

    def subscriber_pool(self, following: Following) -> ClusterNodePool:
        """Return a pool for a subscriber's connection, which is to no fixed node."""
        node = following.choose()
        return self._pool(host=node.host, port=node.port, redis_connect_func=self.on_connect, following=following)


def translating(settings: Settings, act: Callable[[], Any]) -> Any:
    """Do `act`; an error of redis-py's that says too little becomes one that says what is wrong."""
    host, port = settings.of_kind(ClusterConnection).configuration
    try:
        return act()
    except Exception as error:
        told = translated(error, f"{host}:{port}", settings.login_name)
        if told is error:
            raise
        raise told from (told.__cause__ if told.__traceback__ else error)  # no circles


class BudgetPipeline(ReadsOnElsewhere, ClusterPipeline):
    """A pipeline over the nodes of a cluster that executes within one budget."""

    batch: Batch
    _emptied: Emptied | None = None

    def __init__(self, client: ClusterClient, *, transaction: bool) -> None:
        self.client = client
        super().__init__(
            nodes_manager=client.nodes_manager,
            commands_parser=client.commands_parser,
            startup_nodes=list(client.nodes_manager.startup_nodes.values()),
            result_callbacks=client.result_callbacks,
            cluster_response_callbacks=client.cluster_response_callbacks,
            read_from_replicas=client.read_from_replicas,
            load_balancing_strategy=client.load_balancing_strategy,
            reinitialize_steps=client.reinitialize_steps,
            retry=client.retry,
            lock=client._lock,  # noqa: SLF001 - as RedisCluster.pipeline does
            transaction=transaction,
        )
        self.atomic = transaction
        self._execution_strategy = InOneTransaction(self) if transaction else NodeByNode(self)

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what was queued, and empty the pipeline.

        What was sent and stayed unanswered is told from what was not executed.
        """
        strategy = self._execution_strategy
        if self._emptied is not None and not len(self) and not getattr(strategy, "_watching", False):
            raise self._emptied.error()
        queue = [(command.args, command.options) for command in strategy.command_queue]
        self.batch = Batch(queue, atomic=self.atomic)
        what = pipeline_name(len(queue), atomic=self.atomic)
        try:
            with command_budget(
                self.client.policy, what, block_seconds=self.batch.block_seconds, batch=self.batch, owner=self
            ) as budget:
                try:
                    replies: list[Any] = super().execute(raise_on_error)
                except exceptions.WatchError as error:
                    if budget.ambiguous and not budget.policy.resend_ambiguous:
                        raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                    raise
        except BaseException as error:
            self._emptied = Emptied.by(error)
            raise
        return replies

    def reset(self) -> None:  # type: ignore[override]
        """Forget the queue and the watched keys."""
        self._emptied = None
        super().reset()


class NodeByNode(PipelineStrategy):
    """Commands go to their nodes in one write each; those that a node did not execute follow one by one.

    redis-py's own forgets the answers that came before a connection was lost, and would send those commands again.
    """

    _pipe: "BudgetPipeline"

    def send_cluster_commands(self, stack: Any, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:  # noqa: ARG002
        """Send all, then again what must be, then raise the first error if asked to."""
        client, batch = self._pipe.client, self._pipe.batch
        # Whatever this raises, it raises before anything is written.
        client.ride(lambda: self._send(batch))
        if batch.waiting():
            client.refresh()
            batch.forget_counts()
        for position in batch.waiting():
            batch.answered(position, self._alone(client, batch, position))
        replies = [self._read_by_redis_py(command, batch.replies[command.position]) for command in stack]
        for command, reply in zip(stack, replies, strict=True):
            if raise_on_error and isinstance(reply, Exception):
                if isinstance(reply, exceptions.ResponseError):
                    name_command(reply, command.position + 1, command_name(command.args))
                raise reply
        return replies

    def _send(self, batch: Batch) -> None:
        parts: dict[str, tuple[ClusterNode, list[int]]] = {}
        for position in batch.waiting():
            node = self._node_of(*batch.commands[position])
            parts.setdefault(node.name, (node, []))[1].append(position)
        taken: list[tuple[Any, Any, list[int]]] = []
        unread: list[Any] = []
        try:
            for node, positions in parts.values():
                taken.append((*self._dialled(node), positions))
            for redis_node, connection, positions in taken:
                self._himport_prepare_pipeline(redis_node, connection, [batch.commands[position] for position in positions])
            packed = [pack(connection, batch, positions) for _, connection, positions in taken]
            for (_, connection, positions), whole in zip(taken, packed, strict=True):
                unread.append(connection)
                with contextlib.suppress(*RETRIED_ERRORS):  # what cannot be written is not answered
                    write(connection, batch, positions, whole)
            unread = [part[1] for part in taken if not _read(*part, batch)]
        finally:
            for connection in unread:
                connection.disconnect()  # replies that nobody will read
            for redis_node, connection, _ in taken:
                redis_node.connection_pool.release(connection)

    def _dialled(self, node: ClusterNode) -> tuple[Any, Any]:
        redis_node = self._pipe.get_redis_connection(node)
        try:
            return redis_node, get_connection(redis_node)
        except RETRIED_ERRORS:
            if node == self._pipe.get_default_node():
                self._pipe.replace_default_node()
            raise

    def _node_of(self, args: Any, options: Any) -> ClusterNode:
        """Choose the node as redis-py's pipeline does; a pipeline has no command for several nodes."""
        flag = options.get("target_nodes")
        if flag and not self._is_nodes_flag(flag):
            nodes = list(self._parse_target_nodes(flag))
        else:
            nodes = self._determine_nodes(*args, request_policy=self._request_policy(args), nodes_flag=flag)
        if len(nodes) != 1:
            raise exceptions.RedisClusterException(
                f"{command_name(args)} goes to {len(nodes)} nodes: a pipeline takes commands for one node each"
            )
        node: ClusterNode = nodes[0]
        return node

    def _request_policy(self, args: Any) -> RequestPolicy:
        policies = self._pipe._policy_resolver.resolve(args[0].lower())  # noqa: SLF001
        if policies:
            found: RequestPolicy = policies.request_policy
            return found
        words = " ".join(str(word) for word in args[:2]).upper()
        name = words if words in self.command_flags else args[0].upper()
        keyed = not self.command_flags.get(name) and self._pipe._get_command_keys(*args)  # noqa: SLF001
        return RequestPolicy.DEFAULT_KEYED if keyed else RequestPolicy.DEFAULT_KEYLESS

    def _read_by_redis_py(self, command: Any, reply: Any) -> Any:
        """Turn a reply into what redis-py's callbacks for a cluster make of it."""
        callback = self._pipe.cluster_response_callbacks.get(command.args[0])
        return reply if callback is None or isinstance(reply, Exception) else callback(reply, **command.options)

    def _alone(self, client: ClusterClient, batch: Batch, position: int) -> Any:
        args, options = batch.commands[position]
        in_doubt = batch.in_doubt(position)
        if in_doubt and not client.policy.resend_ambiguous:
            return not_sent_again(command_name(args))
        batch.sending([position])
        try:
            with alone(command_name(args), in_doubt=in_doubt):
                return client.ride(lambda: RedisCluster.execute_command(client, *args, **options))
        except exceptions.RedisError as error:
            return error


def _read(redis_node: Any, connection: Any, positions: list[int], batch: Batch) -> bool:
    """Read one node's answers, and tell whether its connection may be used again. What was not executed waits."""
    if not connection.is_connected:
        return False
    try:
        refusal = read(connection, redis_node.parse_response, batch, positions, REFUSED_IN_CLUSTER)
    except RETRIED_ERRORS:
        return False
    if isinstance(refusal, REFUSED):
        connection.refused()
        return False  # the next dial looks for the right node anew
    return True


class InOneTransaction(TransactionStrategy):
    """MULTI, the commands and EXEC on the node that serves their slot."""

    _pipe: "BudgetPipeline"
    _watched = False

    def _immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        policy, name, waits = self._pipe.client.policy, command_name(args), block_seconds(args)
        with command_budget(policy, name, block_seconds=waits, owner=self._pipe):
            reply = super()._immediate_execute_command(*args, **options)
        self._watched = self._watched or args[0] == "WATCH"
        return reply

    def _reinitialize_on_error(self, error: Exception, failure_count: int) -> None:  # noqa: ARG002
        """Let go of the connection and read the layout anew; what was watched on it is watched no longer."""
        lost_watch = self._watching and self._watched
        connection, self._transaction_connection = self._transaction_connection, None
        self._executing = False
        if connection is not None:
            connection.disconnect()
            node = self._nodes_manager.find_connection_owner(connection)
            if node is not None and node.redis_connection is not None:
                node.redis_connection.connection_pool.release(connection)
        self._pipe.client.look_elsewhere(error)  # also for whoever does the transaction again
        if lost_watch:
            raise exceptions.WatchError("the connection that watched the keys was lost: do the transaction again") from error
        self._pipe.client.refresh()

    def _raise_first_error(self, responses: Any, stack: Any, start_time: float) -> None:
        """Raise the first error among the replies, after noting them all: the other commands were executed."""
        self._note(responses)
        super()._raise_first_error(responses, stack, start_time)

    def _execute_transaction(self, stack: Any, raise_on_error: bool) -> list[Any]:
        replies: list[Any] = super()._execute_transaction(stack, raise_on_error)
        self._note(replies)
        return replies

    def _note(self, replies: Any) -> None:
        """Note the replies of all commands. A refusal among them ends the connection, and is tried again if nothing changed."""
        connection: Any = self._transaction_connection
        if connection is not None:
            refusal, nothing_changed = self._pipe.batch.refusal_in(replies, connection.refusal_of)
            if refusal is not None:
                connection.refused()
                connection.disconnect()
                if nothing_changed:
                    raise refusal
        self._pipe.batch.answered_all(replies)

    def annotate_exception(self, exception: Exception, number: int, command: Any) -> None:
        """Name the command in error replies by its first word; redis-py would show its arguments."""
        if not isinstance(exception, RETRIED_ERRORS):
            name_command(exception, number, command_name(tuple(command)))

    def reset(self) -> None:
        """Forget the queue and the watched keys."""
        connection: Any = self._transaction_connection
        if connection is not None and self._nodes_manager.find_connection_owner(connection) is None:
            connection.disconnect()  # its node is in the layout no longer: redis-py would leave it open
            self._transaction_connection = None
        super().reset()
        self._watched = False
