"""The asyncio client of a cluster: RedisCluster makes one attempt, the budget the others (see sync/cluster.py)."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
import contextlib
import time
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self

from redis import exceptions
from redis.asyncio.cluster import ClusterNode, ClusterPipeline, RedisCluster, _ClusterNodePoolAdapter
from redis.asyncio.connection import SSLConnection
from redis.cluster import PRIMARY, LoadBalancingStrategy
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.maint_notifications import MaintNotificationsConfig

from redis_ha_client.aio.cluster_pipelines import InOneTransaction, NodeByNode
from redis_ha_client.aio.cluster_subscribing import ClusterSubscriber
from redis_ha_client.aio.loops import Home, LeftByLoops
from redis_ha_client.aio.nodes import BudgetRetry, ByDocument, NodeConnection
from redis_ha_client.aio.scripts import RegisteredScript
from redis_ha_client.aio.world import look_up
from redis_ha_client.batches import Batch, Emptied
from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import FINAL_ERRORS, command_budget, current_budget, dialling_once
from redis_ha_client.clocks import moment, seconds_since
from redis_ha_client.documents import ClusterConnection
from redis_ha_client.endpoint import in_cluster_mode
from redis_ha_client.errors import OutcomeUnknownError, RefusedError, is_read_only, wrong_kind
from redis_ha_client.following import Following
from redis_ha_client.policy import IAM_AGE_SECONDS
from redis_ha_client.rebuilding import retries_refused, settings_again
from redis_ha_client.routing import (
    ReadsOnElsewhere,
    acl_name,
    callers_mistake,
    look_again_at_once,
    not_permitted_here,
    note_not_permitted,
    translated,
)
from redis_ha_client.scans import cursor_in, remember, scanned_at
from redis_ha_client.wiring import SETTINGS, Settings, full_pool, pipeline_name
from redis_ha_client.words import command_name


class ClusterNodeConnection(NodeConnection):
    """A connection to one node of the cluster."""

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

    async def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        """Dial; a subscriber's node is chosen now."""
        if not self.is_connected:
            self.up_to_date()
        if self.following is not None and not self.is_connected:
            node = self.following.choose()
            self.host, self.port = node.host, node.port
        await super().connect_check_health(check_health, retry_socket_connect)

    def refusal_of(self, error: exceptions.ResponseError) -> RefusedError | None:
        """Judge an error reply; a write in a region that is read from is the caller's mistake."""
        if self.reads_only and isinstance(error, exceptions.ReadOnlyError):
            return None
        return (not_permitted_here(error) if self.follows else None) or super().refusal_of(error)

    def should_reconnect(self) -> bool:
        """Tell whether to dial anew before the next use."""
        return super().should_reconnect() or self.too_old or self.outdated

    async def greeted(self) -> None:
        """Refuse a node without cluster mode."""
        if in_cluster_mode(self.greeting) is False:
            raise wrong_kind(f"{self.host}:{self.port}", "cluster")

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read one reply; MOVED, ASK and TRYAGAIN mean that this node did not execute."""
        budget = self.counted_budget()
        try:
            return await super().read_response(*args, **kwargs)
        except (exceptions.AskError, exceptions.TryAgainError) as error:
            if budget is not None:
                budget.moved = budget.moved or isinstance(error, exceptions.MovedError)
                if not budget.many:
                    budget.redirected()
            raise


class PublishedNodeConnection(ClusterNodeConnection, ByDocument):
    """The twin that uses TLS if the endpoints document says so."""


class ClusterNodeTLSConnection(ClusterNodeConnection, SSLConnection):
    """The TLS twin: system CAs unless tls_ca_file is given, certificates verified and compared with the host name."""


class Slots(dict[int, list[ClusterNode]]):
    """Which nodes serve a slot. redis-py's asyncio client lets the KeyError of a slot without any through to the caller."""

    def __missing__(self, slot: int) -> list[ClusterNode]:
        raise exceptions.SlotNotCoveredError(f"slot {slot}")


class ClusterClient(LeftByLoops, ReadsOnElsewhere, RedisCluster):  # type: ignore[misc]  # redis-py's own bases differ in command_info
    """redis.asyncio.cluster.RedisCluster, each command under one budget. Made by `connect`; dials at the first command."""

    runs_scripts = True

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        settings = settings_again(type(self), settings, given).now
        host, port = settings.of_kind(ClusterConnection).configuration
        self.settings = settings
        self.policy = settings.policy
        self._epoch = 0 if settings.published is None else settings.published.known.epoch
        self._used_at = moment()
        self._home = Home()
        self._knows_commands = False
        self._permitted: set[str] = set()  # commands that some region has executed, as ACLs call them
        self._subscribers_pools: weakref.WeakSet[_ClusterNodePoolAdapter] = weakref.WeakSet()  # which the layout does not know
        arguments = settings.node_arguments()
        # What follows goes to the nodes below: RedisCluster's own is for its handler, and it has no argument for settings.
        del arguments["maint_notifications_config"], arguments[SETTINGS]
        super().__init__(
            host=host,
            port=port,
            ssl=settings.connection.tls,
            max_connections=settings.pool_size,
            retry=BudgetRetry(settings.policy),
            # Nodes come and go; the configuration endpoint stays (redis/redis-py#3310).
            dynamic_startup_nodes=False,
            # A shard without a primary fails its own keys, not all.
            require_full_coverage=False,
            # redis-py would close every connection, those in use as well; `moved` below reads the layout beside them.
            reinitialize_steps=0,
            load_balancing_strategy=LoadBalancingStrategy.ROUND_ROBIN_REPLICAS if settings.reader else None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            **arguments,
        )
        node_class = ClusterNodeTLSConnection if settings.connection.tls else ClusterNodeConnection
        if settings.published is not None:
            node_class = PublishedNodeConnection
        extra = {
            SETTINGS: settings,
            "age_seconds": IAM_AGE_SECONDS if settings.login else None,
            "reads_only": settings.reads_only,
            "follows": settings.follows_writer,
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
            # redis-py hands it on only where TLS is used from the start.
            **({"ssl_ca_certs": settings.tls_ca_file} if settings.may_use_tls else {}),
        }
        self.nodes_manager.connection_kwargs.update(extra, connection_class=node_class)
        for startup in self.nodes_manager.startup_nodes.values():  # made by now, with arguments of their own
            startup.connection_class = node_class
            startup.connection_kwargs.update(extra)

    def __repr__(self) -> str:
        host, port = self.settings.of_kind(ClusterConnection).configuration
        return f"<ClusterClient {host}:{port}>"

    def set_retry(self, retry: Any) -> None:  # noqa: ARG002
        """Refuse: the policy says how often a command is tried."""
        raise retries_refused()

    async def initialize(self, *args: Any, **kwargs: Any) -> Self:
        """Read the cluster's layout if it is not known; within a command it counts in the command's budget."""
        if self._initialize:
            with command_budget(self.policy, "connect"):
                await self.ride(lambda: self._read_layout(*args, **kwargs))
        return self

    async def _read_layout(self, *args: Any, **kwargs: Any) -> None:
        budget = current_budget()
        story = (budget.sent, budget.replies) if budget else None
        try:
            # redis-py's own initialize closes all connections when it fails, also those that serve other commands.
            await self.nodes_manager.initialize(*args, **kwargs)
            self.nodes_manager.slots_cache = Slots(self.nodes_manager.slots_cache)
            if not self._knows_commands:  # a hundred kilobytes: once is enough
                await self.commands_parser.initialize(self.nodes_manager.default_node)
                self._knows_commands = True
            self.commands_parser.node = self.nodes_manager.default_node
            self._initialize = False
        except GeneratorExit:  # the garbage collector ends what a closed loop has left behind: nothing can be waited for
            raise
        except BaseException:
            await self._leave_endpoint()
            raise
        else:
            await self._leave_endpoint()
        finally:
            if budget and story:
                budget.sent, budget.replies = story  # what was sent here was not the user's

    async def _leave_endpoint(self) -> None:
        """Let the next time look the endpoint's name up anew, which leads to another node."""
        for startup in self.nodes_manager.startup_nodes.values():
            await close_all(startup)

    async def aclose(self) -> None:
        """Close all connections; without their loop if that has ended."""
        if self._home.ended():
            self._move()
            return
        self._initialize = False  # redis-py closes nothing while this is set
        await super().aclose()
        for pool in list(self._subscribers_pools):
            await pool._node.disconnect()  # noqa: SLF001 - its own disconnect does nothing

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Execute one command within its budget."""
        with command_budget(self.policy, command_name(args), block_seconds=block_seconds(args), own=True) as budget:
            budget.cursor = cursor_in(args)
            reply = await self.ride(lambda: self.once(*args, **kwargs))
        self._permitted.add(acl_name(args[0]))
        return remember(args[0], reply, budget.origins, time.monotonic())

    async def once(self, *args: Any, **kwargs: Any) -> Any:
        """Execute one command, in one attempt of whatever budget runs."""
        await self.initialize()  # before redis-py chooses a node
        budget = current_budget()
        kwargs.update(scanned_at(args, self.nodes_manager.nodes_cache, budget.attempts if budget else 1))
        return await super().execute_command(*args, **kwargs)

    async def ride(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do `act` until it succeeds or the running budget is over, each time with the layout as it is then."""
        if self._home.moved():
            self._move()
        reply = await self.retry.call_with_retry(partial(self._translating, act), self._look_again)
        budget = current_budget()
        if budget is not None and budget.moved:
            budget.moved = False
            self._initialize = True
        return reply

    def _move(self) -> None:
        """Leave an event loop that has ended: its locks, its sockets, and the nodes, of whose connections some are not back."""
        manager = self.nodes_manager
        self._lock = None
        manager._initialize_lock = asyncio.Lock()  # noqa: SLF001 - redis-py has no way to make it anew
        if self.settings.writer is not None:
            self.settings.writer.turn = asyncio.Lock()
        left = (*manager.nodes_cache.values(), *manager.startup_nodes.values())
        manager.nodes_cache = {}
        self._start_at_the_endpoint()
        left = (*left, *(pool._node for pool in self._subscribers_pools))  # noqa: SLF001 - redis-py shows it nowhere
        for node in left:
            for connection in tuple(node._connections):  # noqa: SLF001 - nor to list these
                connection.leave()  # type: ignore[attr-defined]

    def _start_at_the_endpoint(self) -> None:
        """Let the next command read the layout from the configuration endpoint, and ask nobody else until then."""
        host, port = self.settings.of_kind(ClusterConnection).configuration
        manager = self.nodes_manager
        startup = ClusterNode(host, port, PRIMARY, **manager.connection_kwargs)
        manager.startup_nodes = {startup.name: startup}
        manager.slots_cache = Slots()
        self._initialize = True

    async def _look_again(self, error: Exception) -> None:
        """Let the next attempt read the layout first."""
        await self.look_elsewhere(error)
        self._initialize = True

    async def refresh(self) -> None:
        """Read the layout if that is possible now, as in sync/cluster.py; if not, the next attempt fails and says why."""
        self._initialize = True
        with contextlib.suppress(exceptions.RedisError, exceptions.RedisClusterException), dialling_once(current_budget()):
            await self._read_layout()

    async def whole_layout(self) -> Any:
        """Return the nodes by slot, as in sync/cluster.py."""
        if len(self.nodes_manager.slots_cache) < REDIS_CLUSTER_HASH_SLOTS:
            self._initialize = True
            await self.initialize()
        return self.nodes_manager.slots_cache

    async def look_elsewhere(self, error: Exception) -> None:
        """Move on if another region of a global datastore takes writes by now; NOPERM as in sync/cluster.py."""
        writer, here = self.settings.writer, self.settings.region
        if writer is None or isinstance(error, FINAL_ERRORS):
            return
        note_not_permitted(error, here)
        writer.doubted(refused=is_read_only(error), at_once=look_again_at_once(error, self._permitted))
        with contextlib.suppress(exceptions.RedisError):  # the next attempt says why
            await self.follow()
        mistake = callers_mistake(error, here, writer, self._permitted)
        if mistake is not None:
            raise mistake

    async def follow(self) -> None:
        """Go to the region of a global datastore that takes writes, or by what is published, if that is another by now.

        After a rest the layout is read anew.
        """
        writer, published = self.settings.writer, self.settings.published
        idle = self.policy.idle_seconds
        if published is not None:
            published.look()
        moved = published is not None and published.known.epoch != self._epoch
        if moved or (idle is not None and seconds_since(self._used_at) > idle):
            self._epoch = 0 if published is None else published.known.epoch
            self._used_at = moment()
            self.settings = self.settings.now
            # Out of redis-py's sight, which would cut the commands under way. These close their connections when they end.
            left, self.nodes_manager.nodes_cache = self.nodes_manager.nodes_cache, {}
            await self._begin_again()
            for node in left.values():
                for connection in tuple(node._free):  # noqa: SLF001 - redis-py shows it nowhere
                    await connection.disconnect(nowait=True)
        if writer is not None:
            await look_up(writer)
            if writer.known == self.settings.region:
                return
            self.settings = self.settings.at(writer.known)
            await self._begin_again()

    async def _begin_again(self) -> None:
        """Let the layout be read from the configuration endpoint that is the one now."""
        left = list(self.nodes_manager.startup_nodes.values())
        self._start_at_the_endpoint()  # should the new one not answer yet, nothing is asked of the old one
        for node in left:
            await close_all(node)

    async def _translating(self, act: Callable[[], Awaitable[Any]]) -> Any:
        host, port = self.settings.of_kind(ClusterConnection).configuration
        try:
            await self.follow()
            reply = await act()
        except exceptions.MaxConnectionsError as error:
            # redis-py's nodes do not wait for a connection: the budget does.
            raise full_pool(self.settings.pool_size) from error
        except Exception as error:
            told = translated(error, f"{host}:{port}", self.settings.login_name)
            if told is error:
                raise
            raise told from (told.__cause__ if told.__traceback__ else error)  # no circles
        self._used_at = moment()
        return reply

    def register_script(self, script: Any) -> RegisteredScript:  # type: ignore[override]  # redis-py names the sync one
        """Return redis-py's script object, which sends the whole text where it is not loaded."""
        return RegisteredScript(self, script)

    def pipeline(self, transaction: Any | None = None, shard_hint: Any | None = None) -> "BudgetPipeline":
        """Return a pipeline that executes within one budget; a transaction's keys must share a slot."""
        if shard_hint:
            raise exceptions.RedisClusterException("shard_hint is not possible in cluster mode: leave it out")
        return BudgetPipeline(self, transaction=bool(transaction))  # type: ignore[abstract]  # redis-py's own is as abstract

    def pubsub(self, node: Any = None, host: str | None = None, port: int | None = None, **kwargs: Any) -> ClusterSubscriber:
        """Return a subscriber, which leaves a silent node; on_resubscribed as NodeSubscriber says."""
        return ClusterSubscriber(self, node=node, host=host, port=port, **kwargs)

    def subscriber_pool(self, following: Following) -> _ClusterNodePoolAdapter:
        """Return a pool for a subscriber's connection, which is to no fixed node."""
        node = following.choose()
        own = ClusterNode(node.host, node.port, **{**self.nodes_manager.connection_kwargs, "following": following})
        pool = _ClusterNodePoolAdapter(own)
        self._subscribers_pools.add(pool)
        return pool


async def close_all(node: ClusterNode) -> None:
    """Close a node's connections. redis-py begins a task for each: asyncio complains of one that its loop closes before."""
    for connection in tuple(node._connections):  # noqa: SLF001 - redis-py has no way to list these
        await connection.disconnect(nowait=True)


class BudgetPipeline(ClusterPipeline):
    """A pipeline over the nodes of a cluster that executes within one budget."""

    def __init__(self, client: ClusterClient, *, transaction: bool) -> None:
        super().__init__(client, transaction)
        self.client = client
        self.atomic = transaction
        self.batch = Batch([])
        self._emptied: Emptied | None = None
        self._execution_strategy = InOneTransaction(self) if transaction else NodeByNode(self)

    async def initialize(self) -> Self:
        """Start with an empty queue; the layout is read when it is needed, under a budget."""
        await self.reset()
        return self

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        """Execute what was queued, and empty the pipeline.

        What was sent and stayed unanswered is told from what was not executed.
        """
        strategy: Any = self._execution_strategy
        if self._emptied is not None and not len(self) and not getattr(strategy, "_watching", False):
            raise self._emptied.error()
        queue = [(command.args, command.kwargs) for command in strategy._command_queue]  # noqa: SLF001 - no other word for it
        self.batch = Batch(queue, atomic=self.atomic)
        what = pipeline_name(len(queue), atomic=self.atomic)
        try:
            with command_budget(
                self.client.policy, what, block_seconds=self.batch.block_seconds, batch=self.batch, owner=self
            ) as budget:
                try:
                    return await super().execute(raise_on_error, allow_redirections)
                except exceptions.WatchError as error:
                    if budget.ambiguous and not budget.policy.resend_ambiguous:
                        raise OutcomeUnknownError(f"{what}: EXEC was sent and no answer came; it is not sent again") from error
                    raise
        except BaseException as error:
            self._emptied = Emptied.by(error)
            raise

    async def reset(self) -> None:  # type: ignore[override]
        """Forget the queue and the watched keys."""
        self._emptied = None
        await super().reset()
