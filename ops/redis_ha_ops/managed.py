"""One look at an ElastiCache group, as an application sees it: through its endpoints, with its own login, reading only.

ElastiCache's nodes have no names in the connection document and no administrator: what is known is what the endpoints answer.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import redis
from redis import exceptions
from rich.console import Console
from rich.table import Table
from rich.text import Text

import redis_ha_client
from redis_ha_client import DocumentError, FailoverPolicy
from redis_ha_client.budget import attempt, command_budget
from redis_ha_client.documents import ClusterConnection, PrimaryConnection, kind_of, read_credentials, read_managed_connection
from redis_ha_client.errors import NotTheMasterError

from .drawing import JSON_VERSION, findings_text, print_whole
from .errors import OpsError
from .findings import Finding, healthy
from .status import COULD_NOT_LOOK, HEALTHY, UNHEALTHY

BLOCK = "elasticache"  # the prefix of the outputs that `__main__.py` exports for an ElastiCacheHaGroup
LOOK = FailoverPolicy(total_seconds=5.0)  # an operator does not wait for a failover to end: what cannot be reached is the news
DIALS_PER_REPLICA = 3  # the reader endpoint gives a replica a connection, in turn: so many dials meet them all, most likely
SLOTS = 16384  # valkey-io/valkey src/cluster.h CLUSTER_SLOTS


@dataclass(frozen=True)
class Managed:
    """A stack's group: the documents as an application gets them, checked."""

    name: str
    emulated: bool
    connection: PrimaryConnection | ClusterConnection
    documents: Mapping[str, Any] = field(repr=False)
    in_world: bool = False  # a member of the stack's Global Datastore: another region may take the writes


@dataclass(frozen=True)
class ManagedNode:
    """A node as it, or its shard, tells of itself. `lag_bytes` None: not told."""

    address: str
    role: str  # primary | replica | secondary: its primary node where it follows another region
    shard: int | None = 0  # 0 with cluster mode off; None: the node serves no shard (a former primary that is gone)
    lag_bytes: int | None = None
    link: str = "up"
    slots: int | None = None  # of the shard, cluster mode on


@dataclass(frozen=True)
class ManagedLook:
    """What one look gave."""

    nodes: tuple[ManagedNode, ...]
    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        """Whether nothing but notes was found."""
        return healthy(self.findings)

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded, 2 when nothing answered."""
        if not self.nodes:
            return COULD_NOT_LOOK
        return HEALTHY if self.healthy else UNHEALTHY


def managed_of(name: str, outputs: Mapping[str, Any], *, emulated: bool) -> Managed:
    """Check the outputs of a stack's group; an error names the key and never a value that may be secret."""
    documents = {key: outputs.get(f"{BLOCK}_{key}") for key in ("connection", "credentials")}
    missing = [f"{BLOCK}_{key}" for key, value in documents.items() if not isinstance(value, Mapping)]
    if missing:
        raise OpsError(f"stack {name}: output {', '.join(missing)} is missing; a stack with an ElastiCacheHaGroup exports it")
    try:
        connection = read_managed_connection(documents["connection"] or {})
        read_credentials(documents["credentials"] or {}, "primary")
    except DocumentError as error:
        raise OpsError(f"stack {name}: {BLOCK}: {error}") from None
    world = outputs.get("global_connection")
    members = world.get("regions") if isinstance(world, Mapping) else None
    in_world = isinstance(members, Mapping) and documents["connection"] in members.values()
    return Managed(name, emulated, connection, documents, in_world)


def look(managed: Managed) -> ManagedLook:
    """Ask the endpoints once and judge what they answer."""
    trouble: list[Finding] = []
    nodes: tuple[ManagedNode, ...] = ()
    if isinstance(managed.connection, ClusterConnection):
        with _reported(trouble, "connection"):
            nodes = tuple(_shards(managed))
        return ManagedLook(nodes, trouble or judge(managed, nodes))
    primary: _Told | None = None
    try:
        with _reported(trouble, "primary"), _connected(managed) as client:
            primary = _told(client.connection_pool, "primary")
            nodes = (primary.node,)
    except _DemotedError:
        nodes = (ManagedNode(endpoints(managed)["primary"], "secondary"),)
    found = [*trouble, *([Finding("note", "not-told", "primary", primary.note)] if primary and primary.note else [])]
    if managed.connection.reader is not None:
        unreachable: list[Finding] = []
        with _reported(unreachable, "reader"), _connected(managed, reader=True) as client:
            nodes += tuple(_replicas(client, managed, primary))
        found += unreachable
    return ManagedLook(nodes, [*found, *judge(managed, nodes)])


def judge(managed: Managed, nodes: tuple[ManagedNode, ...]) -> list[Finding]:
    """Say what is not as the connection document promises."""
    return [finding for rule in RULES for finding in rule(managed, nodes)]


def _no_primary(managed: Managed, nodes: tuple[ManagedNode, ...]) -> Iterator[Finding]:
    shards = _shard_numbers(nodes) or {0}
    leading = {"primary", "secondary"}
    for shard in sorted(shards - {node.shard for node in nodes if node.role in leading and node.link == "up"}):
        where = f"shard {shard}" if isinstance(managed.connection, ClusterConnection) else "primary"
        yield Finding("broken", "no-primary", where, "no primary answers: writes are not taken")


def _shard_numbers(nodes: tuple[ManagedNode, ...]) -> set[int]:
    return {node.shard for node in nodes if node.shard is not None}


def _coverage(managed: Managed, nodes: tuple[ManagedNode, ...]) -> Iterator[Finding]:
    if isinstance(managed.connection, ClusterConnection) and nodes:
        covered = sum(node.slots or 0 for node in nodes if node.role == "primary")
        if covered != SLOTS:
            yield Finding("broken", "slots-uncovered", "cluster", f"{covered} of {SLOTS} slots are served")


def _replica_count(managed: Managed, nodes: tuple[ManagedNode, ...]) -> Iterator[Finding]:
    promised = managed.connection.clocks.replicas
    for shard in sorted(_shard_numbers(nodes)):
        up = sum(node.role == "replica" and node.link == "up" and node.shard == shard for node in nodes)
        if up < promised:
            where = f"shard {shard}" if isinstance(managed.connection, ClusterConnection) else "reader"
            yield Finding("degraded", "replicas-missing", where, f"{up} of {promised} replicas answer")


def _links(_: Managed, nodes: tuple[ManagedNode, ...]) -> Iterator[Finding]:
    for node in nodes:
        if node.link != "up":
            yield Finding("degraded", "link-down", node.address, f"{node.role}: {node.link}")


def _no_failover(managed: Managed, _: tuple[ManagedNode, ...]) -> Iterator[Finding]:
    clocks = managed.connection.clocks
    if not clocks.promotes:
        why = "automatic failover is off" if clocks.replicas else "there is no replica"
        yield Finding("note", "no-failover", "group", f"{why}: a lost primary is replaced in minutes, and it comes back empty")
    elif not clocks.multi_az:
        yield Finding("note", "one-zone", "group", "Multi-AZ is off: one zone's loss may take every node")


def _in_world(managed: Managed, nodes: tuple[ManagedNode, ...]) -> Iterator[Finding]:
    if managed.in_world and any(node.role == "secondary" for node in nodes):
        text = "a member of a Global Datastore, and another region takes the writes; see --block global"
        yield Finding("note", "in-world", "group", text)


RULES = (_no_primary, _coverage, _replica_count, _links, _no_failover, _in_world)


# --- asking ---


@contextlib.contextmanager
def _reported(trouble: list[Finding], subject: str) -> Iterator[None]:
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        trouble.append(Finding("broken", "unreachable", subject, str(error) or type(error).__name__))


class _DemotedError(Exception):
    """The primary endpoint leads to a node that follows another region, as it should."""


def _raise_if_demoted(client: Any) -> None:
    """Dial once: a member that another region was promoted over says so at once, and goes on saying so."""
    connection = client.connection_pool.make_connection()
    with command_budget(LOOK, "connect") as budget, attempt(budget):  # tries inside an attempt are not repeated
        try:
            connection.connect()
        except NotTheMasterError:
            raise _DemotedError from None
        except (exceptions.RedisError, OSError):
            return  # the look itself has more patience, and says why
        finally:
            connection.disconnect()


@contextlib.contextmanager
def _connected(managed: Managed, *, reader: bool = False) -> Iterator[Any]:
    documents = managed.documents
    try:
        client = redis_ha_client.connect(
            documents["connection"],
            documents["credentials"],
            policy=LOOK,
            decode_responses=True,
            client_name="redis-ha-status",
            reader=reader,
        )
    except DocumentError as error:
        raise OpsError(f"stack {managed.name}: {error}") from None
    with contextlib.closing(client):
        if managed.in_world and not reader and isinstance(managed.connection, PrimaryConnection):
            _raise_if_demoted(client)
        try:
            yield client
        except exceptions.ConnectionError as error:
            if managed.in_world and isinstance(error.__cause__, NotTheMasterError):
                raise _DemotedError from None
            raise


@dataclass(frozen=True)
class _Told:
    node: ManagedNode
    offset: int | None
    note: str = ""


def _told(pool: Any, role: str) -> _Told:
    """Take one connection and ask the node behind it about its replication."""
    connection = pool.get_connection()
    try:
        peer = connection._sock.getpeername()  # noqa: SLF001 - redis-py has no other word for the node behind a name
        address = f"{peer[0]}:{peer[1]}"
        connection.send_command("INFO", "replication")
        try:
            rows: dict[str, str] = dict(line.split(":", 1) for line in connection.read_response().splitlines() if ":" in line)
        except exceptions.NoPermissionError:
            note = "the application's user may not ask for INFO (ACL +info): lag and links are not known"
            return _Told(ManagedNode(address, role), None, note)
    finally:
        pool.release(connection)
    role = {"master": "primary", "slave": "replica"}.get(rows.get("role", ""), role)
    link = "up" if role == "primary" or rows.get("master_link_status") == "up" else "its link to the primary is down"
    offset = rows.get("master_repl_offset" if role == "primary" else "slave_repl_offset")
    return _Told(ManagedNode(address, role, link=link), int(offset) if offset and offset.isdigit() else None)


def _replicas(client: Any, managed: Managed, primary: _Told | None) -> Iterator[ManagedNode]:
    """Dial the reader endpoint until all replicas were met, or often enough; an endpoint that leads to the primary has none."""
    seen: dict[str, ManagedNode] = {}
    wanted = managed.connection.clocks.replicas
    for _ in range(DIALS_PER_REPLICA * max(wanted, 1)):
        told = _told(client.connection_pool, "replica")
        behind = None if primary is None or primary.offset is None or told.offset is None else primary.offset - told.offset
        node = told.node
        seen[node.address] = replace(node, lag_bytes=None if behind is None else max(behind, 0))
        client.connection_pool.disconnect()
        if len(seen) >= wanted:
            break
    yield from (node for node in seen.values() if node.role == "replica")


def _shards(managed: Managed) -> Iterator[ManagedNode]:
    """Ask one node for all shards; CLUSTER SHARDS tells offsets as that node has heard of them."""
    with _connected(managed) as client:
        shards = client.execute_command("CLUSTER SHARDS", target_nodes=redis.RedisCluster.RANDOM)
    rows = [([int(bound) for bound in _flat(row["slots"])], row["nodes"]) for row in _values(shards, managed.name)]
    serving = sorted((row for row in rows if row[0]), key=lambda row: row[0][0])
    for number, (bounds, nodes) in enumerate(serving, 1):
        slots = sum(last - first + 1 for first, last in zip(bounds[::2], bounds[1::2], strict=True))
        yield from _shard_nodes(nodes, number, slots)
    for _, nodes in (row for row in rows if not row[0]):
        yield from _shard_nodes(nodes, None, None)


def _shard_nodes(rows: Any, number: int | None, slots: int | None) -> Iterator[ManagedNode]:
    told = sorted((dict(row) for row in rows), key=lambda row: row["role"] != "master")
    offsets = [int(row["replication-offset"]) for row in told if row["role"] == "master"]
    for row in told:
        primary = row["role"] == "master"
        host = row.get("hostname") or row.get("endpoint") or row.get("ip")
        yield ManagedNode(
            f"{host}:{row.get('tls-port') or row.get('port')}",
            "primary" if primary else "replica",
            number,
            None if primary or not offsets else max(offsets[0] - int(row["replication-offset"]), 0),
            "up" if row["health"] == "online" else str(row["health"]),
            slots,
        )


def _flat(slots: Any) -> Iterator[Any]:
    for one in slots:
        if isinstance(one, list | tuple):
            yield from one
        else:
            yield one


def _values(shards: Any, name: str) -> list[Any]:
    found = next(iter(shards.values())) if isinstance(shards, Mapping) else shards
    if not isinstance(found, list):
        raise OpsError(f"stack {name}: CLUSTER SHARDS gave no list")
    return found


# --- showing ---


def draw(managed: Managed, seen: ManagedLook, console: Console) -> None:
    """Print the group, its endpoints, the findings and the verdict."""
    where = "emulated on this machine" if managed.emulated else "real"
    connection = managed.connection
    kind = "cluster mode on" if isinstance(connection, ClusterConnection) else "cluster mode off"
    tls = "TLS" if connection.tls else "no TLS"
    console.print(
        Text.assemble((f"stack {managed.name}", "bold"), f" ({where}), ElastiCache, {connection.engine}, {kind}, {tls}"),
        highlight=False,
    )
    for name, address in endpoints(managed).items():
        console.print(f"  {name:<13} {address}", highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 1), header_style="dim")
    clustered = isinstance(connection, ClusterConnection)
    for heading in (*(("shard", "slots") if clustered else ()), "node", "role", "lag", "link"):
        table.add_column(heading, no_wrap=True)
    for node in seen.nodes:
        lag = "" if node.lag_bytes is None else f"{node.lag_bytes} B"
        shard = (str(node.shard or "-"), str(node.slots or "")) if clustered else ()
        table.add_row(*shard, node.address, node.role.upper() if node.role == "primary" else node.role, lag, node.link)
    if seen.nodes:
        print_whole(table, console)
    console.print(findings_text(seen.findings, "healthy: the endpoints answer as the stack promises"))


def endpoints(managed: Managed) -> dict[str, str]:
    """Return the endpoints by name, as host:port."""
    connection = managed.connection
    if isinstance(connection, ClusterConnection):
        known = {"configuration": connection.configuration}
    else:
        known = {"primary": connection.primary, **({"reader": connection.reader} if connection.reader else {})}
    return {name: f"{host}:{port}" for name, (host, port) in known.items()}


def as_json(managed: Managed, seen: ManagedLook) -> dict[str, Any]:
    """Return the look for machines; no secrets."""
    connection = managed.connection
    return {
        "version": JSON_VERSION,
        "stack": managed.name,
        "emulated": managed.emulated,
        "kind": kind_of(connection),
        "engine": connection.engine,
        "tls": connection.tls,
        "endpoints": endpoints(managed),
        "healthy": seen.healthy,
        "nodes": [asdict(node) for node in seen.nodes],
        "findings": [asdict(finding) for finding in seen.findings],
    }
