"""What is known of an endpoint and of the node behind it: plain decisions, shared by the sync and the asyncio clients."""

from collections.abc import Mapping
from typing import Any

from .documents import Address, PrimaryConnection
from .errors import NotTheMasterError
from .published import Published
from .world import NO_WRITER, Writer

# redis/redis src/networking.c helloCommand (Valkey: src/networking.c): "mode" is standalone, sentinel or cluster; "role" is
# master or replica.
CLUSTER_MODE = "cluster"
MASTER_ROLE = "master"
# docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html: a serverless cache's name has this label.
PROXIED = ".serverless."
NAME_NOT_MOVED = "the name has not moved on yet"


class Endpoint:
    """Where to dial, and the address at which a primary was last reached. Shared by the connections of one pool.

    writer: refuse a node that is no primary. A reader dials the reader endpoint, and the primary after a failed dial: reads go
    on when no replica is left.
    """

    def __init__(self, primary: Address, reader: Address | None = None, *, writer: bool) -> None:
        self.writer = writer
        self._ends = primary, reader
        self._next = 0
        self._address: str | None = None

    @property
    def ends(self) -> tuple[Address, Address | None]:
        """The primary endpoint, and the reader endpoint where there is one."""
        return self._ends

    @property
    def _names(self) -> tuple[Address, ...]:
        primary, reader = self.ends
        return (primary,) if self.writer or reader is None else (reader, primary)

    @property
    def name(self) -> Address:
        """The endpoint to dial now."""
        names = self._names
        return names[self._next % len(names)]

    @property
    def not_yet(self) -> str:
        """Why a name may lead to a replica, for errors."""
        return NAME_NOT_MOVED

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


class PublishedEndpoint(Endpoint):
    """The endpoints that an SSM parameter names now."""

    def __init__(self, published: Published, *, writer: bool) -> None:
        self.published = published
        super().__init__(*self.ends, writer=writer)

    @property
    def ends(self) -> tuple[Address, Address | None]:
        """The primary endpoint, and the reader endpoint where there is one."""
        connection = self.published.current
        if not isinstance(connection, PrimaryConnection):
            raise TypeError(f"{self.published.source} is followed as {type(connection).__name__}, not PrimaryConnection")
        return connection.primary, connection.reader

    @property
    def not_yet(self) -> str:
        """Why a name may lead to a replica, for errors."""
        if self.published.known.endpoints.secondary:
            return (
                f"{self.published.source} says that the group is a secondary of a Global Datastore, which takes no writes: "
                "write to the primary region's group, or promote this one"
            )
        return NAME_NOT_MOVED


class WriterEndpoint(Endpoint):
    """The primary endpoint of the region that takes writes now, in a global datastore."""

    def __init__(self, writer: Writer) -> None:
        self.world = writer
        self._region = writer.region
        super().__init__(self._primary_of(writer.region or writer.connection.primary_region), writer=True)

    @property
    def name(self) -> Address:
        """The endpoint to dial now."""
        return self._primary_of(self.world.known)

    @property
    def not_yet(self) -> str:
        """Why the region's primary may be a replica, for errors."""
        if self.world.connection.writer is None:
            return f"region {self.world.region} does not take writes now; {NO_WRITER}"
        return (
            f"{self.world.source} names {self.world.region}; its endpoint has not moved on yet, or another region takes writes"
        )

    def reached(self, address: str | None) -> None:
        """Note that the primary of the region was reached at `address`."""
        super().reached(address)
        self._region = self.world.region

    def has_moved_from(self, address: str | None) -> bool:
        """Tell whether a connection to `address` leads to a former primary, or to a region that takes writes no longer."""
        if self._region != self.world.region:
            self._region = self.world.region
            super().doubted()
        return super().has_moved_from(address)

    def missed(self) -> None:
        """Note that a dial failed: the region may be gone, or no longer the one that takes writes."""
        self.world.doubted()

    def doubted(self) -> None:
        """Note that the node behind the name executes no writes: connections made before are not used again."""
        super().doubted()
        self.world.doubted(refused=True)

    def _primary_of(self, region: str) -> Address:
        connection = self.world.connection.regions[region]
        if not isinstance(connection, PrimaryConnection):
            raise TypeError(f"connection of {region} is {type(connection).__name__}, not PrimaryConnection")
        return connection.primary


def in_cluster_mode(greeting: Mapping[Any, Any] | None) -> bool | None:
    """Read from a node's answer to HELLO whether it is in cluster mode; None where a proxy leaves the word out."""
    mode = _word(greeting, "mode")
    return None if mode is None else mode == CLUSTER_MODE


def check_role(greeting: Mapping[Any, Any] | None, address: str, not_yet: str = NAME_NOT_MOVED) -> None:
    """Refuse a node that is no primary."""
    role = _word(greeting, "role")
    if role is not None and role != MASTER_ROLE:
        raise NotTheMasterError(f"{address} leads to a node that says that it is a {role}: {not_yet}")


def number_of(greeting: Mapping[Any, Any] | None, host: str) -> int | None:
    """Read from a node's answer to HELLO which number it gave the connection; None where it does not say.

    Behind a name of ElastiCache Serverless there are proxies, each of which numbers for itself.
    """
    value = (greeting or {}).get(b"id", (greeting or {}).get("id"))
    return value if isinstance(value, int) and PROXIED not in host else None


def shards_of(cluster_info: object) -> int:
    """Read from CLUSTER INFO how many shards there are; 1 where it does not say."""
    text = cluster_info.decode() if isinstance(cluster_info, bytes) else str(cluster_info)
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(rows.get("cluster_size", "1"))


def _word(greeting: Mapping[Any, Any] | None, name: str) -> str | None:
    value = (greeting or {}).get(name.encode(), (greeting or {}).get(name))
    return value.decode() if isinstance(value, bytes) else value
