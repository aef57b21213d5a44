"""What is known of an endpoint and of the node behind it: plain decisions, shared by the sync and the asyncio clients."""

from collections.abc import Mapping
from typing import Any

from .documents import Address
from .errors import NotTheMasterError

# redis/redis src/networking.c helloCommand (Valkey: src/networking.c): "mode" is standalone, sentinel or cluster; "role" is
# master or replica.
CLUSTER_MODE = "cluster"
MASTER_ROLE = "master"


class Endpoint:
    """Where to dial, and the address at which a primary was last reached. Shared by the connections of one pool.

    writer: refuse a node that is no primary. A reader dials the reader endpoint, and the primary after a failed dial: reads go
    on when no replica is left.
    """

    def __init__(self, primary: Address, reader: Address | None = None, *, writer: bool) -> None:
        self.writer = writer
        self._names = (primary,) if writer or reader is None else (reader, primary)
        self._next = 0
        self._address: str | None = None

    @property
    def name(self) -> Address:
        """The endpoint to dial now."""
        return self._names[self._next]

    def reached(self, address: str | None) -> None:
        """Note that a connection to `address` was made, and that the primary is there if this is for writing."""
        self._next = 0
        self._address = address

    def missed(self) -> None:
        """Note that a dial failed: the next one goes to the other endpoint, if there is one."""
        self._next = (self._next + 1) % len(self._names)

    def doubted(self) -> None:
        """Note that the node behind the name executes no writes: connections made before are not used again."""
        self._address = None

    def has_moved_from(self, address: str | None) -> bool:
        """Tell whether a connection to `address` leads to a former primary; a reader does not mind."""
        return self.writer and address != self._address


def in_cluster_mode(greeting: Mapping[Any, Any] | None) -> bool | None:
    """Read from a node's answer to HELLO whether it is in cluster mode; None where a proxy leaves the word out."""
    mode = _word(greeting, "mode")
    return None if mode is None else mode == CLUSTER_MODE


def check_role(greeting: Mapping[Any, Any] | None, address: str) -> None:
    """Refuse a node that is no primary."""
    role = _word(greeting, "role")
    if role is not None and role != MASTER_ROLE:
        raise NotTheMasterError(f"{address} leads to a node that says that it is a {role}: the name has not moved on yet")


def shards_of(cluster_info: object) -> int:
    """Read from CLUSTER INFO how many shards there are; 1 where it does not say."""
    text = cluster_info.decode() if isinstance(cluster_info, bytes) else str(cluster_info)
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(rows.get("cluster_size", "1"))


def _word(greeting: Mapping[Any, Any] | None, name: str) -> str | None:
    value = (greeting or {}).get(name.encode(), (greeting or {}).get(name))
    return value.decode() if isinstance(value, bytes) else value
