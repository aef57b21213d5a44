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
from typing import Any

from redis import exceptions
from redis.cluster import (
    ClusterNode,
    ClusterPipeline,
    LoadBalancingStrategy,
    PipelineStrategy,
    RedisCluster,
    TransactionStrategy,
)
from redis.connection import Connection, SSLConnection

from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import FINAL_ERRORS, RETRIED_ERRORS, Budget, command_budget, current_budget
from redis_ha_client.documents import ClusterConnection
from redis_ha_client.endpoint import in_cluster_mode
from redis_ha_client.errors import OutcomeUnknownError, RefusedError, is_read_only, wrong_kind
from redis_ha_client.policy import IAM_AGE_SECONDS
from redis_ha_client.routing import (
    OWN_COMMANDS,
    UnreachableError,
    acl_name,
    callers_mistake,
    look_again_at_once,
    not_permitted_here,
    note_not_permitted,
    translated,
)
from redis_ha_client.scans import cursors_in, remember, scanned_at
from redis_ha_client.sync.nodes import BudgetRetry, NodeConnection, NodePool
from redis_ha_client.sync.world import look_up
from redis_ha_client.wiring import PoolBusyError, Settings, command_name, pipeline_name


class ClusterNodeConnection(NodeConnection):
    """A connection to one node of the cluster."""

    _own = False  # the command under way is redis-py's, not the user's

    def __init__(self, *, reads_only: bool = False, follows: bool = False, **kwargs: Any) -> None:
        self.reads_only = reads_only
        self.follows = follows
        super().__init__(**kwargs)

    def refusal_of(self, error: exceptions.ResponseError) -> RefusedError | None:
        """Judge an error reply; a write in a region that is read from is the caller's mistake."""
        if self.reads_only and isinstance(error, exceptions.ReadOnlyError):
            return None
        return (not_permitted_here(error) if self.follows else None) or super().refusal_of(error)

    def connect(self) -> None:
        """Connect if needed; called when the pool hands the connection out."""
        if self.too_old:
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
        except RETRIED_ERRORS as error:
            if budget is not None:
                budget.note_lost(error)
            raise
        finally:
            self._own = self._own and self._greeting


class ClusterNodeTLSConnection(ClusterNodeConnection, SSLConnection):
    """The TLS twin: system CAs unless tls_ca_file is given, certificates verified and compared with the host name."""


class ClusterNodePool(NodePool):
    """The connections to one node. It tries once: which node is next is the cluster client's to say."""

    def __init__(
        self, settings: Settings, *, host: str, port: int, redis_connect_func: Callable[[Any], None], **_: Any
    ) -> None:
        super().__init__(
            settings,
            ClusterNodeTLSConnection if settings.connection.tls else ClusterNodeConnection,
            host=host,
            port=port,
            redis_connect_func=redis_connect_func,
            reads_only=settings.reads_only,
            follows=settings.follows_writer,
            age_seconds=IAM_AGE_SECONDS if settings.login else None,
        )

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Connection:  # noqa: ARG002
        """Hand out a connection. A full pool is no broken node: redis-py tells the two apart by MaxConnectionsError."""
        try:
            return self._take()
        except PoolBusyError as error:
            raise exceptions.MaxConnectionsError(str(error)) from error


class ClusterClient(RedisCluster):
    """redis.cluster.RedisCluster, each command under one budget. Made by `connect_cluster`."""

    def __init__(self, settings: Settings) -> None:
        host, port = settings.of_kind(ClusterConnection).configuration
        self.settings = settings
        self.policy = settings.policy
        self._moving = threading.Lock()
        self._permitted: set[str] = set()  # commands that some region has executed, as ACLs call them
        self._pools: weakref.WeakSet[ClusterNodePool] = weakref.WeakSet()
        self._listing = threading.Lock()
        super().__init__(
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

    def __repr__(self) -> str:
        host, port = self.settings.of_kind(ClusterConnection).configuration
        return f"<ClusterClient {host}:{port}>"

    def _pool(self, **arguments: Any) -> ClusterNodePool:
        """Make the pool of one node, and remember it for `close`."""
        made = ClusterNodePool(self.settings, **arguments)
        with self._listing:
            self._pools.add(made)
        return made

    def close(self) -> None:
        """Close the connections to all nodes, also to those that the cluster has no longer. A later command dials anew.

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
        with command_budget(self.policy, command_name(args), block_seconds=block_seconds(args)) as budget:
            budget.cursor = next(iter(cursors_in((args,))), None)
            reply = self.ride(lambda: super(ClusterClient, self).execute_command(*args, **{**kwargs, **self._scanned(args)}))
        self._permitted.add(acl_name(args[0]))
        return remember(args[0], reply, budget.origins, time.monotonic())

    def _scanned(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """Send a scan of one key that goes on to the node where it began."""
        return scanned_at(args, self.nodes_manager.nodes_cache)

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
            self.follow_writer()
            return translating(self.settings, act)

        return self.retry.call_with_retry(once, refresh)

    def refresh(self) -> None:
        """Read the cluster's layout if that is possible now; if not, the next attempt fails and says why."""
        with contextlib.suppress(exceptions.RedisError, exceptions.RedisClusterException):
            self.nodes_manager.initialize()

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
            self.follow_writer()
        mistake = callers_mistake(error, here, writer, self._permitted)
        if mistake is not None:
            raise mistake

    def follow_writer(self) -> None:
        """Move to the region of a global datastore that takes writes, if that is another one by now."""
        writer = self.settings.writer
        if writer is None:
            return
        look_up(writer)
        if writer.known == self.settings.region:
            return
        with self._moving:
            if writer.known == self.settings.region:
                return
            self.settings = self.settings.at(writer.known)
            host, port = self.settings.of_kind(ClusterConnection).configuration
            manager = self.nodes_manager
            with manager._lock:  # noqa: SLF001 - as redis-py does
                left = [*manager.startup_nodes.values(), *manager.nodes_cache.values()]
                startup = ClusterNode(host, port)
                manager.startup_nodes = {startup.name: startup}
                manager.slots_cache = {}  # should the new region not answer yet, nothing is asked of the old one
            for node in left:
                if node.redis_connection is not None:
                    node.redis_connection.connection_pool.disconnect(inuse_connections=False)
            translating(self.settings, manager.initialize)

    def pipeline(self, transaction: bool | None = None, shard_hint: Any = None) -> "BudgetPipeline":
        """Return a pipeline that executes within one budget; a transaction's keys must share a slot."""
        if shard_hint:
            raise exceptions.RedisClusterException("shard_hint is not possible in cluster mode: leave it out")
        return BudgetPipeline(self, transaction=bool(transaction))


def connect_cluster(settings: Settings) -> ClusterClient:
    """Make a client; redis-py dials the configuration endpoint at once, which gets a command's budget."""

    def make() -> ClusterClient:
        here = settings
        if settings.writer is not None:
            look_up(settings.writer)
            here = settings.at(settings.writer.known)
        made: ClusterClient = translating(here, lambda: ClusterClient(here))
        return made

    def doubt(_: Exception) -> None:
        if settings.writer is not None:
            settings.writer.doubted()

    with command_budget(settings.policy, "connect"):
        client: ClusterClient = BudgetRetry(settings.policy).call_with_retry(make, doubt)
    return client


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


class TryAgainAlone(exceptions.RedisError):
    """Marks a command of a pipeline that was redirected, refused or lost."""


class BudgetPipeline(ClusterPipeline):
    """A pipeline over the nodes of a cluster that executes within one budget."""

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
        # redis-py would try them one by one inside this attempt; NodeByNode does it after it, under the budget.
        self.parent_execute_command = _mark

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Execute what was queued; what was sent and stayed unanswered is told from what was not executed."""
        what = pipeline_name(len(self), atomic=self.atomic)
        with command_budget(self.client.policy, what, many=True, atomic=self.atomic) as budget:
            try:
                replies: list[Any] = super().execute(raise_on_error)
            except exceptions.WatchError as error:
                if budget.ambiguous and not budget.policy.resend_ambiguous:
                    raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                raise
        return replies


def _mark(*_: Any, **__: Any) -> None:
    raise TryAgainAlone


class NodeByNode(PipelineStrategy):
    """Commands go to their nodes in one write each; those that a node did not execute follow one by one."""

    _pipe: "BudgetPipeline"

    def send_cluster_commands(self, stack: Any, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        """Send all, then again what must be, then raise the first error if asked to."""
        client = self._pipe.client
        # Whatever this raises, it raises before anything is written.
        client.ride(lambda: self._send_cluster_commands(stack, raise_on_error=False, allow_redirections=allow_redirections))
        ordered = sorted(stack, key=lambda command: command.position)
        for command in ordered:
            if isinstance(command.result, TryAgainAlone):
                command.result = self._alone(client, command)
        for command in ordered:
            if raise_on_error and isinstance(command.result, Exception):
                if isinstance(command.result, exceptions.ResponseError):
                    self.annotate_exception(command.result, command.position + 1, command.args)
                raise command.result
        return [command.result for command in ordered]

    def _alone(self, client: ClusterClient, command: Any) -> Any:
        budget = current_budget()
        name = command_name(command.args)
        if budget is not None and budget.ambiguous and not budget.policy.resend_ambiguous:
            return OutcomeUnknownError(f"{name} in a {budget.what}: a node gave no answer to its part; it is not sent again")
        try:
            return client.ride(lambda: RedisCluster.execute_command(client, *command.args, **command.options))
        except exceptions.RedisError as error:
            return error


class InOneTransaction(TransactionStrategy):
    """MULTI, the commands and EXEC on the node that serves their slot."""

    _pipe: "BudgetPipeline"
    _watched = False

    def _immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        with command_budget(self._pipe.client.policy, command_name(args), block_seconds=block_seconds(args)):
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
        if lost_watch:
            raise exceptions.WatchError("the connection that watched the keys was lost: do the transaction again") from error
        self._pipe.client.look_elsewhere(error)
        self._pipe.client.refresh()

    def annotate_exception(self, exception: Exception, number: int, command: Any) -> None:
        """Let redis-py add the command to error replies only: causes of retries are shown to people, arguments are not."""
        if not isinstance(exception, RETRIED_ERRORS):
            super().annotate_exception(exception, number, command)

    def reset(self) -> None:
        """Forget the queue and the watched keys."""
        super().reset()
        self._watched = False
