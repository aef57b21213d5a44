"""A stack's `connection` and `credentials` outputs: checked against the packaged JSON Schemas, never repeating a secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .checking import check
from .errors import DocumentError
from .policy import FailoverClocks, ManagedFailover

VERSION = 1  # of both documents; raised, for the kind that it concerns, with every change of a schema
KINDS = ("sentinel", "primary", "cluster", "global", "ssm")
DURABLE_VERSION = 2  # of kind "cluster", where the group has a durability

Document = Mapping[str, Any] | str | bytes
Address = tuple[str, int]


@dataclass(frozen=True)
class SentinelConnection:
    """A checked `connection` document of kind "sentinel"."""

    master_name: str
    sentinels: tuple[Address, ...]
    tls: bool
    clocks: FailoverClocks


@dataclass(frozen=True)
class PrimaryConnection:
    """A checked `connection` document of kind "primary": a replication group with cluster mode off."""

    primary: Address
    reader: Address | None
    tls: bool
    engine: str
    clocks: ManagedFailover


@dataclass(frozen=True)
class ClusterConnection:
    """A checked `connection` document of kind "cluster": a replication group with cluster mode on, or a serverless cache.

    `durability` is `sync` or `async`; None: a failover may lose what the replicas lack.
    """

    configuration: Address
    tls: bool
    engine: str
    clocks: ManagedFailover
    durability: str | None = None


@dataclass(frozen=True)
class RecordWriter:
    """The writer is a DNS record: a CNAME of the endpoint in the region that takes writes."""

    record: str


@dataclass(frozen=True)
class ParameterWriter:
    """The writer is an SSM parameter that names the region that takes writes."""

    name: str
    region: str


@dataclass(frozen=True)
class GlobalConnection:
    """A checked `connection` document of kind "global": a group in each region, one of which takes writes."""

    primary_region: str
    stale_seconds: float | None
    writer: RecordWriter | ParameterWriter | None
    regions: Mapping[str, PrimaryConnection | ClusterConnection]


# GetParameter is answered 40 times a second for all callers of an account in a region, and costs nothing up to there
# (docs.aws.amazon.com/general/latest/gr/ssm.html, aws.amazon.com/systems-manager/pricing): once a minute, a thousand clients
# take less than half of it. A failover needs no reading: it moves no endpoint's name, and the client finds it by itself.
INTERVAL_SECONDS = 60.0


@dataclass(frozen=True)
class SsmConnection:
    """A checked `connection` document of kind "ssm": the SSM parameter that holds a group's endpoints document."""

    parameter: str
    region: str
    interval_seconds: float = INTERVAL_SECONDS


Connection = SentinelConnection | PrimaryConnection | ClusterConnection
AnyConnection = Connection | GlobalConnection | SsmConnection


@dataclass(frozen=True)
class IamLogin:
    """Where a user who logs in with a signed token does so."""

    region: str
    resource: str
    serverless: bool


@dataclass(frozen=True)
class Credentials:
    """A checked `credentials` document; its repr shows no password."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    iam: IamLogin | None = None


def read_connection(document: Document) -> AnyConnection:
    """Check a stack's `connection` output (a mapping or its JSON text) and return it as plain data; else DocumentError."""
    data = _mapping("connection", document)
    kind = data.get("kind")
    _known("connection", data, DURABLE_VERSION if kind == "cluster" else VERSION)
    if not isinstance(kind, str) or kind not in KINDS:
        said = (
            "has no kind" if kind is None else f"has kind {kind!r}" if isinstance(kind, str) else "has a kind that is no string"
        )
        raise DocumentError(
            f"connection {said}: this redis_ha_client knows {', '.join(KINDS)}. "
            "Pass the stack's `connection` output, or upgrade redis-ha-client"
        )
    if kind == "global":
        return _global_connection(data)
    durable = data["version"] == DURABLE_VERSION
    check("connection", "durable_cluster" if durable else kind, data, show_values=True)
    if kind == "sentinel":
        return _sentinel_connection(data)
    if kind == "ssm":
        return SsmConnection(data["parameter"], data["region"], float(data.get("interval_seconds", INTERVAL_SECONDS)))
    return _managed_connection(kind, data)


def _managed_connection(kind: str, data: Mapping[str, Any]) -> PrimaryConnection | ClusterConnection:
    failover = data["failover"]
    clocks = ManagedFailover(failover["automatic"], failover["multi_az"], int(failover["replicas"]))
    _suits_its_name(kind, data)
    if kind == "primary":
        reader = None if data["reader"] is None else _address(data["reader"])
        return PrimaryConnection(_address(data["primary"]), reader, data["tls"], data["engine"], clocks)
    return ClusterConnection(_address(data["configuration"]), data["tls"], data["engine"], clocks, data.get("durability"))


def read_sentinel_connection(document: Document) -> SentinelConnection:
    """Check a `connection` document of kind "sentinel"; one of another kind is a DocumentError as well."""
    checked = read_connection(document)
    if not isinstance(checked, SentinelConnection):
        raise DocumentError(f"connection has kind {_mapping('connection', document)['kind']!r}: this wants kind 'sentinel'")
    return checked


def read_managed_connection(document: Document) -> PrimaryConnection | ClusterConnection:
    """Check a `connection` document of kind "primary" or "cluster"; one of another kind is a DocumentError as well."""
    checked = read_connection(document)
    if not isinstance(checked, PrimaryConnection | ClusterConnection):
        raise DocumentError(f"connection has kind {kind_of(checked)!r}: this wants kind 'primary' or 'cluster'")
    return checked


def read_global_connection(document: Document) -> GlobalConnection:
    """Check a `connection` document of kind "global"; one of another kind is a DocumentError as well."""
    checked = read_connection(document)
    if not isinstance(checked, GlobalConnection):
        raise DocumentError(f"connection has kind {kind_of(checked)!r}: this wants kind 'global'")
    return checked


def read_credentials(document: Document, kind: str = "sentinel") -> Credentials:
    """Check a stack's `credentials` output for a `connection` of `kind` and return it as plain data; else DocumentError."""
    data = _mapping("credentials", document)
    _known("credentials", data, VERSION)
    try:
        check("credentials", kind if kind == "sentinel" else _managed_form(data), data, show_values=False)
    except DocumentError as error:
        if kind == "sentinel":
            raise
        raise DocumentError(f"{error}. Pass the `credentials` output of the same block as `connection`") from None
    login = data.get("iam")
    return Credentials(
        **{key: data.get(key) for key in ("username", "password", "sentinel_username", "sentinel_password")},
        iam=None if login is None else IamLogin(login["region"], login["resource"], login["serverless"]),
    )


# ElastiCache's own names say what they lead to: docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html.
_SERVICE_NAME = ".cache.amazonaws.com"


def _suits_its_name(kind: str, data: Mapping[str, Any]) -> None:
    """Refuse ElastiCache's endpoint of one mode under the kind of the other, before anything is dialled."""
    key = "primary" if kind == "primary" else "configuration"
    host = str(data[key]["host"]).lower()
    labels = host.split(".") if host.endswith((_SERVICE_NAME, f"{_SERVICE_NAME}.cn")) else []
    if kind == "primary" and "clustercfg" in labels:
        what, other = "the configuration endpoint of a group with cluster mode on", "cluster"
    elif kind == "cluster" and (labels[:1] in (["master"], ["replica"]) or "ng" in labels):
        what, other = "the primary or reader endpoint of a group with cluster mode off", "primary"
    else:
        return
    raise DocumentError(f"connection.{key}.host is {host!r}, {what}: pass the stack's own `connection` output (kind {other!r})")


def kind_of(connection: AnyConnection) -> str:
    """Return the kind of a checked `connection`."""
    kinds: dict[type, str] = {
        SentinelConnection: "sentinel",
        PrimaryConnection: "primary",
        ClusterConnection: "cluster",
        GlobalConnection: "global",
        SsmConnection: "ssm",
    }
    return kinds[type(connection)]


def _managed_form(data: Mapping[str, Any]) -> str:
    if "iam" in data:
        return "iam"
    if "username" in data:
        return "user"
    return "none" if set(data) <= {"version"} else "token"


def _address(data: Mapping[str, Any]) -> Address:
    return data["host"], int(data["port"])


def _global_connection(data: Mapping[str, Any]) -> GlobalConnection:
    regions = data.get("regions")
    if isinstance(regions, Mapping):  # first, and one by one: the whole's problem would be "is none of the two forms"
        for region, one in regions.items():
            _check_member(f"connection.regions.{region}", one)
    check("connection", "global", data, show_values=True)
    read = {str(region): _managed_connection(one["kind"], one) for region, one in data["regions"].items()}
    primary_region = data["primary_region"]
    if primary_region not in read:
        raise DocumentError(
            f"connection.primary_region is {primary_region!r}, which is not in connection.regions ({', '.join(read)}): "
            "pass the stack's output as it is"
        )
    for what, values in (("kind", {kind_of(one) for one in read.values()}), ("tls", {one.tls for one in read.values()})):
        if len(values) > 1:
            raise DocumentError(
                f"connection.regions differ in {what}: the members of a global datastore have it in common. "
                "Pass the stack's output as it is"
            )
    return GlobalConnection(primary_region, data["stale_seconds"], _writer(data["writer"]), read)


def _check_member(where: str, data: Any) -> None:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind not in ("primary", "cluster"):
        raise DocumentError(f"{where} is no connection of kind 'primary' or 'cluster': pass the stack's output as it is")
    check(where, kind, data, show_values=True)


def _writer(data: Mapping[str, Any] | None) -> RecordWriter | ParameterWriter | None:
    if data is None:
        return None
    if "record" in data:
        return RecordWriter(data["record"])
    return ParameterWriter(data["parameter"]["name"], data["parameter"]["region"])


def _sentinel_connection(data: Mapping[str, Any]) -> SentinelConnection:
    clocks = data["failover"]
    return SentinelConnection(
        master_name=data["master_name"],
        sentinels=tuple(_address(row) for row in data["sentinels"]),
        tls=data["tls"],
        clocks=FailoverClocks(
            down_after_seconds=clocks["down_after_ms"] / 1000,
            failover_timeout_seconds=clocks["failover_timeout_ms"] / 1000,
            min_replicas_to_write=int(clocks["min_replicas_to_write"]),
        ),
    )


def _mapping(name: str, document: Document) -> Mapping[str, Any]:
    data: object = document
    if isinstance(document, str | bytes):
        try:
            data = json.loads(document)
        except ValueError:
            # The text is not repeated and the cause is cut off: both would show what may be a secret.
            raise DocumentError(
                f"{name} is text that is no JSON: pass `pulumi stack output {_OUTPUTS[name]}` as it is"
            ) from None
    if not isinstance(data, Mapping):
        raise DocumentError(f"{name} is a {type(data).__name__}: must be a mapping or its JSON text")
    return data


_OUTPUTS = {
    "connection": "<block>_connection --json",
    "credentials": "<block>_credentials --json --show-secrets",
}


def _known(name: str, data: Mapping[str, Any], newest: int) -> None:
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int | float):
        raise DocumentError(f"{name} has no usable version: pass the stack's output as it is")
    known = range(VERSION, newest + 1)
    if version not in known:
        remedy = "upgrade redis-ha-client" if version > newest else "pass the stack's output as it is"
        listed = " and ".join(str(one) for one in known)
        raise DocumentError(f"{name} has version {version}, this redis_ha_client knows version {listed}: {remedy}")
