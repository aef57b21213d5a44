"""What a group of cache nodes is to be, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from pulumi_emulator.errors import EmulatorError

ENGINES: Final = ("valkey", "redis")
SLOTS: Final = 16384  # of a cluster (valkey.io/topics/cluster-spec)
# Where a node of a group that takes TLS and plain text on one port really listens for each; a relay listens on the port itself.
PLAIN_OFFSET: Final = 1
TLS_OFFSET: Final = 2


@dataclass(frozen=True)
class NodeSpec:
    """One node: `node_id` as ElastiCache names it ("prod-001", "prod-0001-001"), its shard ("0001") and zone."""

    node_id: str
    shard: str
    zone: str


@dataclass(frozen=True)
class Access:
    """Who may connect: a token for the user `default`, or complete lines of an ACL file; with neither, everybody."""

    auth_token: str | None = field(default=None, repr=False)
    acl: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class GroupSpec:
    """One replication group.

    `hash` is the part of its host names that is an account's own; `slots` gives each shard its ranges ("0-8191,9000-9100") and
    is not read with cluster mode off; `tls` serves TLS, `plain` plain text, both together on one port; `maxmemory_bytes` None
    is no limit; `parameters` that the engine does not know are kept and have no effect; `durable` loses no acknowledged write
    when the emulator takes a primary down.
    """

    group_id: str
    region: str
    hash: str
    engine: Literal["valkey", "redis"]
    engine_version: str
    cluster: bool
    nodes: tuple[NodeSpec, ...]
    slots: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tls: bool = True
    plain: bool = False
    port: int = 6379
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    maxmemory_bytes: int | None = None
    access: Access = Access()
    automatic_failover: bool = True
    durable: bool = False

    @property
    def shards(self) -> tuple[str, ...]:
        """The shards in order."""
        return tuple(sorted({node.shard for node in self.nodes}))

    def of_shard(self, shard: str) -> tuple[NodeSpec, ...]:
        """Return a shard's nodes in order."""
        return tuple(node for node in self.nodes if node.shard == shard)

    @property
    def mixed(self) -> bool:
        """Whether TLS and plain text are served on one port."""
        return self.tls and self.plain

    @property
    def plain_port(self) -> int | None:
        """The port on which a node itself serves plain text, if it does."""
        if self.mixed:
            return self.port + PLAIN_OFFSET
        return None if self.tls else self.port

    @property
    def tls_port(self) -> int | None:
        """The port on which a node itself serves TLS, if it does."""
        if self.mixed:
            return self.port + TLS_OFFSET
        return self.port if self.tls else None

    @property
    def node_port(self) -> int:
        """The port that nodes use among themselves."""
        return self.tls_port or self.port

    @property
    def client_ports(self) -> tuple[int, ...]:
        """The ports that a node has for clients."""
        return tuple(sorted({self.port, *(port for port in (self.plain_port, self.tls_port) if port is not None)}))


def ranges(text: str) -> list[tuple[int, int]]:
    """Return "0-99,200" as [(0, 99), (200, 200)]."""
    pairs = (part.strip().partition("-") for part in text.split(",") if part.strip())
    return [(int(first), int(last or first)) for first, _, last in pairs]


def as_ranges(slots: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted slots as ranges: [0, 1, 2, 7] as [(0, 2), (7, 7)]."""
    found: list[tuple[int, int]] = []
    for slot in slots:
        if found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        else:
            found.append((slot, slot))
    return found


def slots_of(text: str) -> set[int]:
    """Return the slots of a text like "0-99,200"."""
    return {slot for first, last in ranges(text) for slot in range(first, last + 1)}


def check(spec: GroupSpec) -> None:
    """Raise EmulatorError for a specification that cannot be run."""
    where = f"cache group {spec.group_id}"
    if spec.engine not in ENGINES:
        raise EmulatorError(f"{where}: engine {spec.engine!r} is none of {', '.join(ENGINES)}")
    if not spec.nodes:
        raise EmulatorError(f"{where}: it has no nodes")
    if len({node.node_id for node in spec.nodes}) != len(spec.nodes):
        raise EmulatorError(f"{where}: two nodes have one node_id")
    if not spec.cluster and len(spec.shards) != 1:
        raise EmulatorError(f"{where}: {len(spec.shards)} shards need cluster mode")
    if spec.cluster:
        if set(spec.slots) != set(spec.shards):
            raise EmulatorError(f"{where}: slots are given for {sorted(spec.slots)} and shards are {list(spec.shards)}")
        given = [slot for text in spec.slots.values() for slot in slots_of(text)]
        if sorted(given) != list(range(SLOTS)):
            raise EmulatorError(f"{where}: the shards' slots must be 0-{SLOTS - 1}, each once")
    if spec.access.auth_token and spec.access.acl:
        raise EmulatorError(f"{where}: it has an AUTH token and users; give one of them")
