"""Subscribers of a cluster: they leave a silent node, and follow the slots of sharded channels (see sync/)."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import weakref
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from redis import exceptions
from redis.asyncio.cluster import ClusterPubSub, _ClusterNodePoolAdapter

from redis_ha_client.aio.subscribing import NodeSubscriber
from redis_ha_client.budget import RETRIED_ERRORS, command_budget
from redis_ha_client.errors import RefusedError
from redis_ha_client.following import Following
from redis_ha_client.policy import FailoverPolicy
from redis_ha_client.subscribing import for_subscriptions, is_displaced


class ClusterSubscriber(NodeSubscriber, ClusterPubSub):
    """redis.asyncio.cluster.ClusterPubSub. With `node`, or `host` and `port`, it stays with that node."""

    cluster: Any  # a ClusterClient
    node_pubsub_mapping: Any  # node name -> ShardSubscriber

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._settled = True  # every sharded channel is where the layout has its slot
        self._displaced: set[Any] = set()  # sharded channels that their node does not serve any more
        super().__init__(*args, **kwargs)

    @property
    def policy(self) -> FailoverPolicy:
        """The client's policy."""
        policy: FailoverPolicy = self.cluster.policy
        return policy

    @property
    def subscriptions(self) -> int:
        """How many there are on the connection of its own; sharded channels are with their nodes' subscribers."""
        return len(self.channels) + len(self.patterns)

    async def persist(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do `act` until it succeeds or the budget is over, each time with the layout as it is then."""
        return await persist(self.cluster, self, act)

    async def execute_command(self, *args: Any) -> None:
        """Send a command of a subscriber's, by a connection that follows the slot of its first channel."""
        await self.persist(lambda: self._send(*args))

    async def _send(self, *args: Any) -> None:
        if self.connection is None and self.connection_pool is None:
            following = Following(self.cluster, args[1] if len(args) > 1 else None)
            self.connection_pool = self.cluster.subscriber_pool(following)
            self.node = following.node
        await super().execute_command(*args)

    async def ssubscribe(self, *args: Any, **kwargs: Any) -> None:
        """Subscribe to sharded channels at the nodes that serve their slots."""
        await self.persist(lambda: super(ClusterSubscriber, self).ssubscribe(*args, **kwargs))

    async def get_sharded_message(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for a message of a sharded channel."""
        if not self._settled:
            await self.persist(self.settle)
        return await super().get_sharded_message(*args, **kwargs)

    async def on_slots_changed(self) -> None:
        """Note that the layout was read anew."""
        self._settled = False

    def displaced(self, channels: Iterable[Any]) -> None:
        """Note that a node serves the slots of sharded channels no longer."""
        self._displaced.update(channels)
        self._settled = False

    async def settle(self) -> None:
        """Subscribe to each sharded channel where the layout has its slot."""
        if self._settled:
            return
        self._settled = True
        try:
            async with self._shard_state_lock:
                for channel, handler in list(self.shard_channels.items()):
                    node, old = self.cluster.get_node_from_key(channel), self._shard_channel_to_node.get(channel)
                    if old != node.name or channel in self._displaced:
                        await self._migrate_shard_channel(channel, handler, old, node)
                for name, subscriber in list(self.node_pubsub_mapping.items()):
                    if not subscriber.shard_channels:
                        del self.node_pubsub_mapping[name]
                        await subscriber.aclose()
        except BaseException:
            self._settled = False
            raise

    async def _migrate_shard_channel(self, channel: Any, handler: Any, old_name: Any, new_node: Any) -> None:
        old = self.node_pubsub_mapping.get(old_name)
        if old is not None:
            await old.leave(channel, tell=channel not in self._displaced)
        await super()._migrate_shard_channel(channel, handler, None, new_node)
        self._displaced.discard(channel)
        if old is not None:
            self.node_pubsub_mapping[new_node.name].watch.takes_over(old.watch)

    def _get_node_pubsub(self, node: Any) -> Any:
        found = self.node_pubsub_mapping.get(node.name)
        if found is None:
            found = ShardSubscriber(
                self,
                _ClusterNodePoolAdapter(node),
                encoder=self.cluster.encoder,
                push_handler_func=self.push_handler_func,
                on_resubscribed=self.on_resubscribed,
            )
            self.node_pubsub_mapping[node.name] = found
        return found

    async def _resubscribe_shard_channels(self) -> None:
        """Leave sharded channels to their nodes' subscribers."""


class ShardSubscriber(NodeSubscriber):
    """The subscriber to those sharded channels whose slots one node serves."""

    def __init__(self, owner: ClusterSubscriber, *args: Any, **kwargs: Any) -> None:
        self.owner: Any = weakref.proxy(owner)
        super().__init__(*args, **kwargs)

    @property
    def policy(self) -> FailoverPolicy:
        """The client's policy."""
        policy: FailoverPolicy = self.owner.policy
        return policy

    async def persist(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do `act` until it succeeds or the budget is over, each time with the layout as it is then."""
        return await persist(self.owner.cluster, self, act)

    async def hear(self, until: float | None) -> Any:
        """Wait for one message; None when all channels have gone to other nodes."""
        await self.owner.settle()
        if not self.shard_channels:
            return None
        try:
            response = await super().hear(until)
        except exceptions.MovedError as error:
            keyslot = self.owner.cluster.keyslot
            moved = [channel for channel in self.shard_channels if keyslot(channel) == error.slot_id]
            self.watch.refused(len(moved))
            self.owner.displaced(moved)
            raise RefusedError(f"the slot of a sharded channel has moved: {error}") from error
        if is_displaced(response, self.shard_channels, self.pending_unsubscribe_shard_channels):
            self.owner.displaced([response[1]])
            raise RefusedError("the node serves the slot of a sharded channel no longer")
        return response

    async def _resubscribe_shard_channels(self) -> None:
        """Subscribe again, by one command a slot."""
        await ClusterPubSub._resubscribe_shard_channels(self)  # type: ignore[arg-type]  # noqa: SLF001 - as redis-py does

    async def leave(self, channel: Any, *, tell: bool) -> None:
        """Forget a channel, and tell the node so if it can be told."""
        self.shard_channels.pop(channel, None)
        self.pending_unsubscribe_shard_channels.discard(channel)
        connection: Any = self.connection
        if tell and connection is not None and connection.is_connected:
            try:
                await connection.ask("SUNSUBSCRIBE", channel)
            except RETRIED_ERRORS:
                await connection.disconnect(nowait=True)


async def persist(client: Any, subscriber: NodeSubscriber, act: Callable[[], Awaitable[Any]]) -> Any:
    """Let the cluster's client repeat what a subscriber does, unless that is a part of what is repeated already."""

    async def once() -> Any:
        await client.initialize()  # the layout, if it is to be read
        return await subscriber.once(act)

    with command_budget(for_subscriptions(client.policy), "subscription", counting=False, owner=subscriber) as budget:
        if budget.busy:
            return await subscriber.once(act)
        return await client.ride(once)
