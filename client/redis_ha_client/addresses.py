"""Which of a name's addresses is dialled first: plain decisions, shared by the sync and the asyncio client.

A name may lead to several nodes, as a configuration or a reader endpoint does, and resolvers often give them in the same order
each time. The standard library goes on to the next address when one refuses a connect. A frozen node refuses none: its machine
takes the connect, and nobody answers. A node that is gone takes the connect's whole time.
"""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

Place = tuple[str, int]  # a numeric address and a port
Found = TypeVar("Found")

# Longer than any failover takes: until then a lost node costs no second dial. After it a node that is back, as a replica that
# was started again, gets its share of the connections.
REMEMBERED_SECONDS = 60.0


class Addresses:
    """Where a client's dials came to nothing lately. All connections of a client share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[Place, float] = {}  # when

    def __reduce__(self) -> tuple[type["Addresses"], tuple[()]]:
        """Copy or pickle empty: another process may see another network, and its clock is another one."""
        return type(self), ()

    # Threads share this object: each method reads the field once and replaces it whole.
    def best_first(self, found: Iterable[Found], place_of: Callable[[Found], Place]) -> list[Found]:
        """Return what a resolver found, in its order; where a dial failed lately comes last, the longest ago first."""
        failed, now = self._failed, self._clock()

        def when(one: Found) -> float:
            at = failed.get(place_of(one), float("-inf"))
            return at if now - at < REMEMBERED_SECONDS else float("-inf")

        return sorted(found, key=when)

    def failed(self, place: Place) -> None:
        """Note that a dial of `place` came to nothing."""
        now = self._clock()
        kept = {one: at for one, at in self._failed.items() if now - at < REMEMBERED_SECONDS}
        self._failed = {**kept, place: now}
