"""What the client overrides in redis-py must be there and be called: an upgrade that changes it is noticed here."""

import inspect
from typing import Any

import pytest
import redis
import redis.asyncio
from redis import cluster, exceptions
from redis._parsers.base import _AsyncRESPBase
from redis._parsers.resp2 import _RESP2Parser
from redis._parsers.resp3 import _RESP3Parser
from redis.asyncio import client as async_client
from redis.asyncio import cluster as async_cluster
from redis.asyncio import connection as async_connection
from redis.asyncio import retry as async_retry
from redis.client import Pipeline, PubSub
from redis.commands.cluster import READ_COMMANDS
from redis.commands.core import DataAccessCommands
from redis.connection import AbstractConnection, BlockingConnectionPool, Connection, SSLConnection
from redis.retry import Retry

from redis_ha_client import aio, sync, wiring
from redis_ha_client.routing import UNREACHABLE
from redis_ha_client.wiring import keepalive_options
from tests.client.test_documents import CONNECTION, CREDENTIALS, changed
from tests.client.test_managed_documents import CLUSTER, PRIMARY, USER

PIPELINE_METHODS = [
    "execute",
    "immediate_execute_command",
    "reset",
    "load_scripts",
    "raise_first_error",
    "_execute_pipeline",
    "_execute_transaction",
]


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_version_is_one_that_was_read() -> None:
    """8.1.0 gives pool slots back after a switch (#4187). A newer minor: read the classes below again, then raise this line."""
    assert tuple(int(part) for part in redis.__version__.split(".")[:2]) == (8, 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        (sync.nodes.BudgetRetry, Retry, ["call_with_retry"]),
        (aio.nodes.BudgetRetry, async_retry.Retry, ["call_with_retry"]),
        (
            sync.sentinel.MasterConnection,
            Connection,
            [
                "connect",
                "connect_check_health",
                "on_connect_check_health",
                "send_command",
                "send_packed_command",
                "read_response",
                "_send_ping",
            ],
        ),
        (
            aio.sentinel.MasterConnection,
            async_connection.Connection,
            [
                "connect",
                "connect_check_health",
                "disconnect",
                "on_connect_check_health",
                "send_command",
                "send_packed_command",
                "read_response",
                "_read_response_from_parser",
                "_send_ping",
            ],
        ),
        (sync.sentinel.MasterPool, BlockingConnectionPool, ["get_connection", "release", "set_retry", "close"]),
        (
            aio.sentinel.MasterPool,
            async_connection.BlockingConnectionPool,
            ["get_connection", "release", "set_retry", "aclose"],
        ),
        (sync.nodes.NodeClient, redis.Redis, ["execute_command", "pipeline", "pubsub", "register_script", "set_retry"]),
        (aio.nodes.NodeClient, redis.asyncio.Redis, ["execute_command", "pipeline", "pubsub", "register_script", "set_retry"]),
        (sync.subscribing.NodeSubscriber, PubSub, ["execute_command", "parse_response", "check_health", "on_connect"]),
        (
            aio.subscribing.NodeSubscriber,
            async_client.PubSub,
            ["connect", "execute_command", "parse_response", "check_health", "on_connect"],
        ),
        (sync.nodes.NodePipeline, Pipeline, PIPELINE_METHODS),
        (aio.nodes.NodePipeline, async_client.Pipeline, PIPELINE_METHODS),
        (sync.cluster.ClusterNodeConnection, Connection, ["connect", "send_command"]),
        (sync.cluster.ClusterNodePool, BlockingConnectionPool, ["get_connection"]),
        (sync.cluster.ClusterClient, cluster.RedisCluster, ["execute_command", "pipeline", "pubsub", "register_script"]),
        (
            sync.cluster_subscribing.ClusterSubscriber,
            cluster.ClusterPubSub,
            ["execute_command", "on_slots_changed", "_migrate_shard_channel", "_get_node_pubsub"],
        ),
        (sync.cluster.BudgetPipeline, cluster.ClusterPipeline, ["execute", "reset"]),
        (sync.cluster.NodeByNode, cluster.PipelineStrategy, ["send_cluster_commands", "annotate_exception"]),
        (
            sync.cluster.InOneTransaction,
            cluster.TransactionStrategy,
            [
                "_immediate_execute_command",
                "_execute_transaction",
                "_raise_first_error",
                "_reinitialize_on_error",
                "annotate_exception",
                "reset",
            ],
        ),
        (aio.cluster.ClusterNodeConnection, async_connection.Connection, ["should_reconnect"]),
        (aio.cluster.ClusterClient, async_cluster.RedisCluster, ["aclose", "pipeline", "pubsub", "register_script"]),
        (
            aio.cluster_subscribing.ClusterSubscriber,
            async_cluster.ClusterPubSub,
            ["on_slots_changed", "_migrate_shard_channel", "_get_node_pubsub"],
        ),
        (aio.cluster.BudgetPipeline, async_cluster.ClusterPipeline, ["initialize", "execute", "reset"]),
        (aio.cluster_pipelines.NodeByNode, async_cluster.PipelineStrategy, ["execute"]),
        (
            aio.cluster_pipelines.InOneTransaction,
            async_cluster.TransactionStrategy,
            [
                "execute_command",
                "execute",
                "_immediate_execute_command",
                "_execute_transaction",
                "_raise_first_error",
                "_reinitialize_on_error",
                "_annotate_exception",
                "reset",
            ],
        ),
    ],
)
def test_every_overridden_method_has_redis_pys_parameters(ours: type, theirs: type, names: list[str]) -> None:
    for name in names:
        assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name)), f"{theirs.__name__}.{name}"


def test_what_scans_loops_and_closing_override_has_redis_pys_parameters() -> None:
    pairs = [
        (sync.nodes.NodeConnection, Connection, ["send_command", "pack_commands", "_connect"]),
        (
            aio.nodes.NodeConnection,
            async_connection.Connection,
            ["pack_command", "pack_commands", "_connect", "_connection_arguments"],
        ),
        (aio.nodes.NodePool, async_connection.BlockingConnectionPool, ["release"]),
        (sync.cluster.ClusterClient, cluster.RedisCluster, ["close"]),
    ]
    for ours, theirs, names in pairs:
        for name in names:
            assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name)), f"{theirs.__name__}.{name}"


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        # Every new socket comes through connect_check_health, and every handshake through on_connect_check_health.
        (AbstractConnection.connect, ["self.retry.call_with_retry", "self.connect_check_health"]),
        (
            AbstractConnection.connect_check_health,
            ["self._connect()", "self.on_connect_check_health(check_health=check_health)"],
        ),
        # Sending is done anew, with a bound on silence.
        (AbstractConnection.send_packed_command, ["for item in command: self._sock.sendall(item)", "except BaseException:"]),
        (AbstractConnection.check_health, ["self.retry.call_with_retry", "self._send_ping"]),
        # Dialling is done anew, with another order of addresses.
        (
            Connection._connect,
            [
                "sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)",
                "sock.setsockopt(socket.IPPROTO_TCP, k, v)",
                "sock.settimeout(self.socket_connect_timeout)",
                "sock.settimeout(self.socket_timeout)",
            ],
        ),
        (SSLConnection._connect, ["super()._connect()", "self._wrap_socket_with_ssl(sock)"]),
        (SSLConnection._wrap_socket_with_ssl, ["server_hostname=self.host"]),
        (async_connection.AbstractConnection.connect_check_health, ["await self._connect()", "self.on_connect_check_health("]),
        (async_connection.AbstractConnection.send_packed_command, ["self._send_packed_command(command), self.socket_timeout"]),
        (async_connection.AbstractConnection._send_packed_command, ["writelines(command) await self._writer.drain()"]),
        # A read without a bound of redis-py's own, and what it reads by.
        (
            async_connection.AbstractConnection.read_response,
            ["if timeout == math.inf: read_timeout = None", "else: response = await self._read_response_from_parser("],
        ),
        # What has arrived of a reply is kept when a read is cut.
        (AbstractConnection.read_response, ["if disconnect_on_error: self.disconnect()"]),
        (_RESP3Parser.read_response, ["self._buffer.rewind(pos)"]),
        (_RESP2Parser.read_response, ["self._buffer.rewind(pos)"]),
        (_AsyncRESPBase._read, ["self._stream.readexactly(", "self._chunks.append(data)"]),
        (
            async_connection.Connection._connect,
            ["async_timeout(self.socket_connect_timeout)", "open_connection( **self._connection_arguments() )"],
        ),
        # The pool: its time-out is read for every wait, and its words for "no free connection".
        # A connection in somebody's hands is told from one in the pool by these two.
        (BlockingConnectionPool.reset, ["self.queue_class(self.max_connections)"]),
        (BlockingConnectionPool.get_connection, ["timeout=self.timeout", '"No connection available."', "connection.connect()"]),
        (
            async_connection.BlockingConnectionPool.get_connection,
            ["async_timeout(self.timeout)", '"No connection available."', "self.ensure_connection(connection)"],
        ),
        # Commands and pipelines repeat through the connection's Retry and nothing else.
        (redis.Redis._execute_command, ["conn.retry.call_with_retry", "pool.get_connection()"]),
        (redis.asyncio.Redis.execute_command, ["conn.retry.call_with_retry", "pool.get_connection()"]),
        (Pipeline.execute, ["conn.retry.call_with_retry", "self.connection_pool.get_connection()"]),
        (async_client.Pipeline.execute, ["conn.retry.call_with_retry", "self.connection_pool.get_connection()"]),
        # Subscribers: who reads and who dials.
        (PubSub.get_message, ["self.parse_response(block=(timeout is None), timeout=timeout)"]),
        (PubSub.listen, ["self.parse_response(block=True)"]),
        (PubSub._execute, ["conn.retry.call_with_retry", "self._reconnect(conn, error"]),
        (async_client.PubSub.get_message, ["self.parse_response(block=(timeout is None), timeout=timeout)"]),
        (async_client.PubSub.listen, ["self.parse_response(block=True)"]),
        (async_client.PubSub._execute, ["conn.retry.call_with_retry", "self._reconnect(conn, error"]),
        (cluster.ClusterPubSub.execute_command, ["if self.connection_pool is None", "self.connection_pool.get_connection()"]),
        (async_cluster.ClusterPubSub.execute_command, ["if self.connection_pool is None", "super().execute_command("]),
        (cluster.ClusterPubSub.ssubscribe, ["self.cluster.get_node_from_key(s_channel)", "self._get_node_pubsub(node)"]),
        (async_cluster.ClusterPubSub.ssubscribe, ["self.cluster.get_node_from_key(s_channel)", "self._get_node_pubsub(node)"]),
        (cluster.ClusterPubSub._migrate_shard_channel, ["if old_name and", "self._get_node_pubsub(new_node)"]),
        (async_cluster.ClusterPubSub._migrate_shard_channel, ["if old_name and", "self._get_node_pubsub(new_node)"]),
        (async_cluster._ClusterNodePoolAdapter.get_connection, ["self._node.acquire_connection()"]),
        (AbstractConnection.connect_check_health, ["for ref in self._connect_callbacks"]),
        (async_connection.AbstractConnection.connect_check_health, ["for ref in self._connect_callbacks"]),
        # The cluster: how its pool class is taken, how often it tries, what it says, what it does after an error.
        (cluster.NodesManager.create_redis_node, ["if self.from_url", "self.connection_pool_class(**kwargs)"]),
        (cluster.NodesManager.initialize, ['r.execute_command("CLUSTER SLOTS")', "self._epoch += 1", *UNREACHABLE]),
        (cluster.RedisCluster._internal_execute_command, ["else self.retry.get_retries()"]),
        (cluster.RedisCluster.get_nodes_from_slot, ["self.load_balancing_strategy if command in READ_COMMANDS else None"]),
        (
            async_cluster.RedisCluster.get_nodes_from_slot,
            ["self.load_balancing_strategy if command in READ_COMMANDS else None"],
        ),
        (cluster.RedisCluster._execute_command, ["except MaxConnectionsError", 'ClusterError("TTL exhausted.")']),
        # A pipeline: who executes it, who is told the errors among the replies, what says that a transaction was discarded.
        (Pipeline.execute, ["self.load_scripts()", "execute = self._execute_pipeline", "execute(conn, stack, raise_on_error)"]),
        (async_client.Pipeline.execute, ["await self.load_scripts()", "execute = self._execute_pipeline"]),
        (Pipeline._execute_transaction, ["self.raise_first_error(commands, response)", "raise errors[0][1]"]),
        (
            async_client.Pipeline._execute_transaction,
            ["self.raise_first_error(commands, response)", "raise errors[0][1] from err"],
        ),
        (cluster.TransactionStrategy._execute_transaction, ["self._raise_first_error(", "raise errors[0]"]),
        (async_cluster.TransactionStrategy._execute_transaction, ["self._raise_first_error(", "raise errors[0]"]),
        (cluster.PipelineStrategy.execute, ["self.send_cluster_commands(stack, raise_on_error)"]),
        (cluster.PipelineStrategy._send_cluster_commands, ["get_connection(redis_node)", "self._himport_prepare_pipeline("]),
        (
            cluster.TransactionStrategy._immediate_execute_command,
            ["self._retry.call_with_retry", "self._reinitialize_on_error"],
        ),
        (cluster.TransactionStrategy.__init__, ["copy(self._pipe.retry)"]),
        (cluster.RedisCluster.on_connect, ["connection.on_connect()", 'send_command("READONLY")']),
        (async_cluster.NodesManager.initialize, ['execute_command( "CLUSTER SLOTS" )', *UNREACHABLE]),
        (async_cluster.RedisCluster.execute_command, ["self.retry.get_retries()", "if self._initialize"]),
        (async_cluster.RedisCluster._execute_command, ["self._initialize = True", 'ClusterError("TTL exhausted.")']),
        (
            async_cluster.ClusterNode.acquire_connection,
            ["self.connection_class(**", "raise MaxConnectionsError"],
        ),
        (async_cluster.ClusterNode.release, ["connection.should_reconnect()"]),
        (async_cluster.TransactionStrategy.__init__, ["copy(self._pipe.cluster_client.retry)"]),
        # A scan's cursor comes back as it was given, and goes through these; the free connections of a pool are chosen there.
        (DataAccessCommands.scan_iter, ["self.scan( cursor=cursor,"]),
        (DataAccessCommands.hscan_iter, ["self.hscan( name, cursor=cursor,"]),
        (AbstractConnection.send_command, ["self.send_packed_command( self._command_packer.pack(*args)"]),
        (async_connection.AbstractConnection.send_command, ["self.send_packed_command( self.pack_command(*args)"]),
        (async_cluster.ClusterNode.execute_command, ["connection.pack_command(*args)"]),
        (BlockingConnectionPool.reset, ["self.pool = self.queue_class(self.max_connections)"]),
        (BlockingConnectionPool.get_connection, ["self.pool.get(block=True"]),
        (async_connection.ConnectionPool.get_available_connection, ["self._available_connections.pop()"]),
        # close() of a cluster leaves a pool that was given to it, and forgets the default node.
        (cluster.NodesManager.close, ["self.default_node = None", "node.redis_connection.close()"]),
        # What belongs to an event loop, and is made anew in the next one.
        (async_connection.AbstractConnection.disconnect, ["asyncio.current_task() is None"]),
        (async_connection.BlockingConnectionPool.__init__, ["self._condition = asyncio.Condition()"]),
        (async_connection.ConnectionPool.__init__, ["self._lock = asyncio.Lock()", "self._in_use_connections: Set["]),
        (async_cluster.NodesManager.__init__, ["self._initialize_lock: asyncio.Lock = asyncio.Lock()"]),
        (
            async_cluster.RedisCluster.__init__,
            ["self._usage_lock = asyncio.Lock()", "self._lock: Optional[asyncio.Lock] = None"],
        ),
    ],
)
def test_redis_py_still_goes_the_way_that_is_overridden(function: Any, calls: list[str]) -> None:
    text = " ".join(inspect.getsource(function).split())
    for call in calls:
        assert " ".join(call.split()) in text, f"{function.__qualname__} has no {call}"


def test_redis_pys_errors_are_related_as_the_decisions_expect() -> None:
    connection: tuple[type[Exception], ...] = (
        exceptions.AuthenticationError,
        exceptions.BusyLoadingError,
        exceptions.MaxConnectionsError,
    )
    replies: tuple[type[Exception], ...] = (
        exceptions.ReadOnlyError,
        exceptions.MasterDownError,
        exceptions.NoPermissionError,
        exceptions.ExecAbortError,
    )
    assert all(issubclass(kind, exceptions.ConnectionError) for kind in connection)
    assert all(issubclass(kind, exceptions.ResponseError) for kind in replies)
    assert not issubclass(exceptions.TimeoutError, exceptions.ConnectionError)


def test_redis_pys_reads_are_reads() -> None:
    """A pipeline may ask them twice."""
    assert {"GET", "HGETALL", "LRANGE", "TTL", "EVAL_RO"} <= READ_COMMANDS
    assert not {"SET", "GETDEL", "GETEX", "BLPOP", "EVAL", "SORT", "XREADGROUP"} & READ_COMMANDS


@pytest.mark.parametrize("make", [sync.connect, aio.connect])
@pytest.mark.parametrize("tls", [False, True])
def test_every_connection_has_explicit_settings(make: Any, *, tls: bool) -> None:
    """No default of redis-py decides: retries, time-outs, keepalive, protocol, health checks, maintenance notifications."""
    client = make(changed(CONNECTION, "tls", tls), CREDENTIALS, pool_size=7)
    pool = client.connection_pool
    node = pool.make_connection()
    assert pool.max_connections == 7
    assert isinstance(node.retry, sync.nodes.BudgetRetry | aio.nodes.BudgetRetry)
    assert (node.socket_timeout, node.socket_connect_timeout, node.health_check_interval) == (2.0, 1.0, 15)
    assert type(node).__name__ == ("MasterTLSConnection" if tls else "MasterConnection")
    clients = pool.finder._clients.values()
    assert len(clients) == 3
    for sentinel in (one.connection_pool.make_connection() for one in clients):
        assert sentinel.retry.get_retries() == 0
        assert (sentinel.socket_timeout, sentinel.socket_connect_timeout) == (0.5, 0.5)
        assert (sentinel.username, sentinel.password) == ("application", "hunter2-sentinel")
        assert isinstance(sentinel, SSLConnection | async_connection.SSLConnection) is tls
        assert_common(sentinel)
    assert (node.username, node.password) == ("application", "hunter2-data")
    assert isinstance(node, SSLConnection | async_connection.SSLConnection) is tls
    assert_common(node)
    assert not pool.maint_notifications_enabled()


def assert_common(connection: Any) -> None:
    assert connection.protocol == 3
    assert connection.socket_keepalive is True
    assert connection.socket_keepalive_options == keepalive_options() != {}
    assert connection.driver_info is None
    if hasattr(connection, "check_hostname"):
        assert connection.check_hostname is True


@pytest.mark.parametrize("make", [sync.connect, aio.connect])
@pytest.mark.parametrize("reader", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_every_connection_to_an_endpoint_has_explicit_settings(make: Any, *, tls: bool, reader: bool) -> None:
    pool = make(changed(PRIMARY, "tls", tls), USER, pool_size=7, reader=reader).connection_pool
    node = pool.make_connection()
    assert pool.max_connections == 7
    assert isinstance(node.retry, sync.nodes.BudgetRetry | aio.nodes.BudgetRetry)
    assert type(node).__name__ == ("EndpointTLSConnection" if tls else "EndpointConnection")
    assert node.host == PRIMARY["reader" if reader else "primary"]["host"]
    assert node.age_seconds == (60.0 if reader else None)
    assert_node(node, tls=tls)
    assert not pool.maint_notifications_enabled()


@pytest.mark.parametrize("tls", [False, True])
def test_every_connection_to_a_clusters_node_has_explicit_settings(*, tls: bool) -> None:
    document = changed(CLUSTER, "tls", tls)
    settings = wiring.read_settings(
        document,
        USER,
        None,
        pool_size=7,
        database=0,
        decode_responses=False,
        client_name=None,
        tls_ca_file=None,
        reader=False,
    )
    pool = sync.cluster.ClusterNodePool(settings, host="node", port=6379, redis_connect_func=lambda _: None)
    assert pool.max_connections == 7
    client: Any = aio.connect(document, USER, pool_size=7)
    (startup,) = client.nodes_manager.startup_nodes.values()
    later = async_cluster.ClusterNode("node", 6379, **client.nodes_manager.connection_kwargs)
    assert {startup.max_connections, later.max_connections} == {7}
    sync_pool: Any = pool
    made: list[Any] = [sync_pool.make_connection(), startup.acquire_connection(), later.acquire_connection()]
    for node in made:
        assert type(node).__name__ == ("ClusterNodeTLSConnection" if tls else "ClusterNodeConnection")
        assert node.retry.get_retries() == 0
        assert_node(node, tls=tls)
    assert not sync_pool.maint_notifications_enabled()
    assert isinstance(client.retry, aio.nodes.BudgetRetry)
    assert client.reinitialize_steps == 0


def assert_node(node: Any, *, tls: bool) -> None:
    assert (node.socket_timeout, node.socket_connect_timeout, node.health_check_interval) == (2.0, 1.0, 15)
    assert (node.username, node.password) == ("application", "hunter2-rbac")
    assert isinstance(node, SSLConnection | async_connection.SSLConnection) is tls
    assert_common(node)


@pytest.mark.parametrize("make", [sync.connect, aio.connect])
def test_a_retry_is_never_shared_with_a_count(make: Any) -> None:
    """from_pool takes the pool's retry: without it a Sentinel client of redis-py has none at all."""
    client = make(CONNECTION, CREDENTIALS)
    assert isinstance(client.get_retry(), sync.nodes.BudgetRetry | aio.nodes.BudgetRetry)
