"""What is known of an endpoint and of the node behind it: plain decisions, shared by the sync and the asyncio clients."""

from collections.abc import Mapping
from typing import Any

from .errors import NotTheMasterError, wrong_kind

# redis/redis src/networking.c helloCommand (Valkey: src/networking.c): "mode" is standalone, sentinel or cluster; "role" is
# master or replica.
CLUSTER_MODE = "cluster"
MASTER_ROLE = "master"


class Endpoint:
    """The address at which a primary endpoint's name last led to a primary. Shared by the connections of one pool."""

    def __init__(self, *, writer: bool) -> None:
        self.writer = writer
        self._address: str | None = None

    def reached(self, address: str | None) -> None:
        """Note that a connection to `address` was made and that the primary is there."""
        self._address = address

    def doubted(self) -> None:
        """Note that the node behind the name executes no writes: connections made before are not used again."""
        self._address = None

    def has_moved_from(self, address: str | None) -> bool:
        """Tell whether a connection to `address` leads to a former primary; one to a reader endpoint never does."""
        return self.writer and address != self._address


def check_greeting(greeting: Mapping[Any, Any] | None, address: str, kind: str, *, writer: bool) -> None:
    """Compare a node's answer to HELLO with what `connection.kind` promised; a proxy may leave words out."""
    mode, role = (_word(greeting, name) for name in ("mode", "role"))
    if mode is not None and (mode == CLUSTER_MODE) != (kind == "cluster"):
        raise wrong_kind(address, kind)
    if writer and role is not None and role != MASTER_ROLE:
        raise NotTheMasterError(f"{address} leads to a node that says that it is a {role}: the name has not moved on yet")


def _word(greeting: Mapping[Any, Any] | None, name: str) -> str | None:
    value = (greeting or {}).get(name.encode(), (greeting or {}).get(name))
    return value.decode() if isinstance(value, bytes) else value
