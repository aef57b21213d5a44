"""To which node of a cluster a subscriber listens: the one that serves its first channel's slot, as the layout is at each dial.

Any node of a cluster hears what is published on any other. redis-py's subscriber waits until the same node answers again.
"""

from typing import Any


class Following:
    """One subscriber's choice among the nodes that its client knows. The client is redis-py's, synchronous or asyncio."""

    def __init__(self, client: Any, channel: Any) -> None:
        self._client = client
        self._slot: int | None = None if channel is None else client.keyslot(channel)
        self.node: Any = None

    def choose(self) -> Any:
        """Return the node to dial now; SlotNotCoveredError when the layout has none for the slot."""
        client = self._client
        if self._slot is None:
            self.node = client.get_random_node()
        else:
            self.node = client.nodes_manager.get_node_from_slot(
                self._slot, client.read_from_replicas, client.load_balancing_strategy
            )
        return self.node

    def knows(self, host: str, port: int) -> bool:
        """Tell whether the cluster, or the region that takes writes by now, still has the node."""
        return any((node.host, node.port) == (host, port) for node in list(self._client.nodes_manager.nodes_cache.values()))
