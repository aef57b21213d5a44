"""How the asyncio cluster client sends what a pipeline has queued: node by node, or as one transaction."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
from typing import TYPE_CHECKING, Any

from redis import exceptions
from redis._parsers.commands import RequestPolicy
from redis.asyncio.cluster import AbstractStrategy, ClusterNode, PipelineStrategy, TransactionStrategy

from redis_ha_client.aio.batches import pack, read, write
from redis_ha_client.aio.nodes import NodeConnection
from redis_ha_client.batches import REFUSED, REFUSED_IN_CLUSTER, Batch, not_sent_again
from redis_ha_client.blocking import block_seconds
from redis_ha_client.budget import RETRIED_ERRORS, alone, command_budget
from redis_ha_client.errors import name_command
from redis_ha_client.words import command_name

if TYPE_CHECKING:
    from redis_ha_client.aio.cluster import BudgetPipeline, ClusterClient


class NodeByNode(PipelineStrategy):
    """Commands go to their nodes in one write each; those that a node did not execute follow one by one.

    redis-py's own would go on sending to the other nodes while it reports the first that cannot be dialled: a second attempt
    would meet the first one's commands. Here every node is dialled before anything is written.
    """

    _pipe: "BudgetPipeline"

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:  # noqa: ARG002
        """Send all, then again what must be, then raise the first error if asked to."""
        client, batch = self._pipe.client, self._pipe.batch
        await client.ride(lambda: self._send(client, batch))
        if batch.waiting():
            client._initialize = True  # noqa: SLF001 - redis-py's mark: the next command reads the layout first
            batch.forget_counts()
        for position in batch.waiting():
            batch.answered(position, await self._alone(client, batch, position))
        replies = batch.in_order()
        for position, reply in enumerate(replies):
            if raise_on_error and isinstance(reply, Exception):
                if isinstance(reply, exceptions.ResponseError):
                    name_command(reply, position + 1, command_name(batch.commands[position][0]))
                raise reply
        return replies

    async def _send(self, client: "ClusterClient", batch: Batch) -> None:
        await client.initialize()
        parts: dict[str, tuple[ClusterNode, list[int]]] = {}
        for position in batch.waiting():
            node = await _node_of(client, *batch.commands[position])
            parts.setdefault(node.name, (node, []))[1].append(position)
        taken: list[tuple[ClusterNode, Any, list[int]]] = []
        try:
            for node, positions in parts.values():
                connection: Any = node.acquire_connection()
                taken.append((node, connection, positions))
                await node.disconnect_if_needed(connection)
                await connection.connect()
            packed = [pack(connection, batch, positions) for _, connection, positions in taken]
            exchanges = (_exchange(*part, batch, whole) for part, whole in zip(taken, packed, strict=True))
            # To the end also if an answer cannot be decoded: no connection goes back while it is used.
            for failed in await asyncio.gather(*exchanges, return_exceptions=True):
                if failed is not None:
                    raise failed
        finally:
            for node, connection, _ in taken:
                node.release(connection)

    async def _alone(self, client: "ClusterClient", batch: Batch, position: int) -> Any:
        args, options = batch.commands[position]
        in_doubt = batch.in_doubt(position)
        if in_doubt and not client.policy.resend_ambiguous:
            return not_sent_again(command_name(args))
        batch.sending([position])
        try:
            with alone(command_name(args), in_doubt=in_doubt):
                return await client.ride(lambda: client.once(*args, **options))
        except exceptions.RedisError as error:
            return error


async def _node_of(client: "ClusterClient", args: Any, options: Any) -> ClusterNode:
    """Choose the node as RedisCluster.execute_command does; a pipeline has no command for several nodes."""
    policies = await client._policy_resolver.resolve(args[0].lower())  # noqa: SLF001
    policy = policies.request_policy if policies else RequestPolicy.DEFAULT_KEYLESS
    flag = options.get("target_nodes")
    if flag is not None and not client._is_node_flag(flag):  # noqa: SLF001
        nodes = client._parse_target_nodes(flag)  # noqa: SLF001
    else:
        if not policies and flag is None and not client.command_flags.get(args[0]):
            policy = RequestPolicy.DEFAULT_KEYED
        nodes = await client._determine_nodes(*args, request_policy=policy, node_flag=flag)  # noqa: SLF001
    if len(nodes) != 1:
        raise exceptions.RedisClusterException(
            f"{command_name(args)} goes to {len(nodes)} nodes: a pipeline takes commands for one node each"
        )
    node: ClusterNode = nodes[0]
    return node


async def _exchange(node: ClusterNode, connection: NodeConnection, positions: list[int], batch: Batch, packed: Any) -> None:
    """Write one node's part and read its answers; what was not executed, or is not known to be, waits."""
    try:
        await write(connection, batch, positions, packed)
        refusal = await read(connection, node.parse_response, batch, positions, REFUSED_IN_CLUSTER)
    except RETRIED_ERRORS:
        await connection.disconnect(nowait=True)
    except BaseException:
        await connection.disconnect(nowait=True)  # replies that nobody will read
        raise
    else:
        if isinstance(refusal, REFUSED):
            connection.refused()
            await connection.disconnect(nowait=True)  # the next dial looks for the right node anew


class InOneTransaction(TransactionStrategy):
    """MULTI, the commands and EXEC on the node that serves their slot.

    redis-py finds the slot of each command while it is queued, in an event loop and a thread of its own. Here it is found when
    the command is sent.
    """

    _pipe: "BudgetPipeline"
    _watched = False

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Queue a command; WATCH and what follows it before MULTI is to be awaited."""
        if (self._watching or args[0] in self.IMMEDIATE_EXECUTE_COMMANDS) and not self._explicit_transaction:
            if args[0] == "WATCH":
                self._validate_watch()
            return self._immediate_execute_command(*args, **kwargs)
        return AbstractStrategy.execute_command(self, *args, **kwargs)

    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        """Find the slot, then send."""
        if self._command_queue:
            await self._find_slots([command.args for command in self._command_queue])
        replies: list[Any] = await super().execute(raise_on_error, allow_redirections)
        return replies

    async def _immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        policy, name, waits = self._pipe.client.policy, command_name(args), block_seconds(args)
        with command_budget(policy, name, block_seconds=waits, owner=self._pipe):
            if args[0] not in self.NO_SLOTS_COMMANDS:
                await self._find_slots([args])
            if len(self._pipeline_slots) > 1:
                raise exceptions.CrossSlotTransactionError("Cannot watch or send commands on different slots")
            reply = await super()._immediate_execute_command(*args, **options)
        self._watched = self._watched or args[0] == "WATCH"
        return reply

    def _get_client_and_connection_for_transaction(self) -> tuple[ClusterNode, Any]:
        """Keep the node with its connection until both are let go.

        redis-py looks the node up anew each time. If the layout was read meanwhile, and names another one, the connection to
        the old node would go to the new one's pool, and be taken from there (findings/cluster-watch-pool.sh).
        """
        if self._transaction_node is None or self._transaction_connection is None:
            found: tuple[ClusterNode, Any] = super()._get_client_and_connection_for_transaction()
            return found
        return self._transaction_node, self._transaction_connection

    async def _find_slots(self, commands: list[tuple[Any, ...]]) -> None:
        client = self._pipe.client

        async def find() -> None:
            await client.initialize()
            for args in commands:
                self._pipeline_slots.add(await client._determine_slot(*args))  # noqa: SLF001

        await client.ride(find)

    async def _reinitialize_on_error(self, error: Exception, failure_count: int) -> None:  # noqa: ARG002
        """Let go of the connection and read the layout anew; what was watched on it is watched no longer."""
        lost_watch = self._watching and self._watched
        connection, self._transaction_connection = self._transaction_connection, None
        self._executing = False
        if connection is not None:
            await connection.disconnect(nowait=True)
            if self._transaction_node is not None:
                self._transaction_node.release(connection)
        await self._pipe.client.look_elsewhere(error)  # also for whoever does the transaction again
        if lost_watch:
            raise exceptions.WatchError("the connection that watched the keys was lost: do the transaction again") from error
        await self._pipe.client.refresh()

    def _annotate_exception(self, exception: Exception, number: int, command: Any) -> None:
        """Name the command in error replies by its first word; redis-py would show its arguments."""
        if not isinstance(exception, RETRIED_ERRORS):
            name_command(exception, number, command_name(tuple(command)))

    async def _raise_first_error(self, responses: Any, stack: Any, start_time: float) -> None:
        """Raise the first error among the replies, after noting them all: the other commands were executed."""
        await self._note(responses)
        await super()._raise_first_error(responses, stack, start_time)

    async def _execute_transaction(self, stack: Any, raise_on_error: bool) -> list[Any]:
        replies: list[Any] = await super()._execute_transaction(stack, raise_on_error)
        await self._note(replies)
        return replies

    async def _note(self, replies: Any) -> None:
        """Note the replies of all commands. A refusal among them ends the connection, and is tried again if nothing changed."""
        connection: Any = self._transaction_connection
        if connection is not None:
            refusal, nothing_changed = self._pipe.batch.refusal_in(replies, connection.refusal_of)
            if refusal is not None:
                connection.refused()
                await connection.disconnect(nowait=True)
                if nothing_changed:
                    raise refusal
        self._pipe.batch.answered_all(replies)

    async def reset(self) -> None:
        """Forget the queue and the watched keys."""
        connection: Any = self._transaction_connection
        if connection is not None and connection.stranded and self._transaction_node is not None:
            connection.leave()
            self._transaction_node.release(connection)
            self._transaction_connection = None
        await super().reset()
        self._watched = False
