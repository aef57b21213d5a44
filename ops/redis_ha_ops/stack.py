"""A stack's outputs, checked and turned into plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from redis_ha_client import DocumentError
from redis_ha_client.documents import read_credentials, read_sentinel_connection

from .errors import OpsError

BLOCK = "sentinel"  # the prefix of the outputs that `__main__.py` exports for a SentinelCluster
DESIRED_VERSION = 1  # of the `desired` output; another version is refused

Kind = Literal["data", "sentinel"]


@dataclass(frozen=True)
class Slot:
    """One numbered place of the cluster and the node that fills it."""

    name: str
    kind: Kind
    slot: int
    private_ip: str
    public_ip: str
    port: int
    sentinel_id: str | None = None
    droplet_id: str | None = None

    @property
    def address(self) -> str:
        """Address as Redis and Sentinel announce it: "host:port"."""
        return f"{self.private_ip}:{self.port}"


@dataclass(frozen=True)
class Stack:
    """What operators know of a stack. `connection` and `credentials` are the documents as an application gets them."""

    name: str
    emulated: bool
    master_name: str
    quorum: int
    slots: tuple[Slot, ...]
    admin_username: str
    admin_password: str = field(repr=False)
    connection: Mapping[str, Any]
    credentials: Mapping[str, Any] = field(repr=False)
    redis_settings: Mapping[str, Any] = field(
        repr=False, default_factory=dict
    )  # may hold secrets: shown through `settings.shown`
    sentinel_settings: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def of_kind(self, kind: Kind) -> tuple[Slot, ...]:
        """Return the slots of one kind in the order of their numbers."""
        return tuple(sorted((one for one in self.slots if one.kind == kind), key=lambda one: one.slot))


def stack_of(name: str, outputs: Mapping[str, Any], *, emulated: bool) -> Stack:
    """Check the outputs and turn them into a Stack; an error names the key and never a value that may be secret."""
    documents = {key: outputs.get(f"{BLOCK}_{key}") for key in ("connection", "credentials", "desired")}
    missing = [f"{BLOCK}_{key}" for key, value in documents.items() if not isinstance(value, Mapping)]
    if missing:
        raise OpsError(
            f"stack {name}: output {', '.join(missing)} is missing; a stack with a SentinelCluster exports it "
            f"(is `redis-ha:{BLOCK}` set in Pulumi.{name}.yaml, and is the stack up?)"
        )
    try:
        connection = read_sentinel_connection(documents["connection"] or {})
        read_credentials(documents["credentials"] or {})
    except DocumentError as error:
        raise OpsError(f"stack {name}: {error}") from None
    if connection.tls:
        raise OpsError(f"stack {name}: connection.tls is true; this version of redis-ha speaks to nodes without TLS only")
    desired: Mapping[str, Any] = documents["desired"] or {}
    if desired.get("version") != DESIRED_VERSION:
        raise OpsError(
            f"stack {name}: {BLOCK}_desired is not of version {DESIRED_VERSION}; use the redis-ha of the stack's own release"
        )
    try:
        return Stack(
            name=name,
            emulated=emulated,
            master_name=str(desired["master_name"]),
            quorum=int(desired["quorum"]),
            slots=tuple(_slot(row) for row in desired["slots"]),
            admin_username=str(desired["admin"]["username"]),
            admin_password=str(desired["admin"]["password"]),
            connection=dict(documents["connection"] or {}),
            credentials=dict(documents["credentials"] or {}),
            redis_settings=dict(desired.get("redis") or {}),
            sentinel_settings=dict(desired.get("sentinel") or {}),
        )
    except KeyError as error:
        raise OpsError(f"stack {name}: {BLOCK}_desired lacks {error.args[0]!r}") from None
    except (TypeError, ValueError, AttributeError):
        raise OpsError(f"stack {name}: {BLOCK}_desired has a key of a wrong type; run `up` with this release") from None


def _slot(row: Mapping[str, Any]) -> Slot:
    kind = row["kind"]
    if kind not in ("data", "sentinel"):
        raise ValueError(kind)
    return Slot(
        name=str(row["name"]),
        kind=kind,
        slot=int(row["slot"]),
        private_ip=str(row["private_ip"]),
        public_ip=str(row.get("public_ip") or ""),
        port=int(row["port"]),
        sentinel_id=row.get("sentinel_id"),
        droplet_id=row.get("droplet_id"),
    )
