"""The endpoints document of a group, checked, as plain data. The failover automation's function writes it into SSM.

Its schema is endpoints.schema.json. components/redis_ha/failover/README.md says when its generation grows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .checking import check
from .documents import Address, ClusterConnection, PrimaryConnection
from .errors import DocumentError
from .policy import ManagedFailover

VERSION = 1
GONE = "not-found"  # the state of a group that is there no longer
SECONDARY = "secondary"
# The document names no replicas. Whoever lets an automation follow a group's failovers has something to promote.
CLOCKS = ManagedFailover(automatic=True, multi_az=True, replicas=1)


@dataclass(frozen=True)
class Endpoints:
    """A checked endpoints document. `connection` is of the configuration endpoint where there is one, as a stack's own is."""

    group_id: str
    generation: int
    state: str
    secondary: bool
    connection: PrimaryConnection | ClusterConnection

    def differs_from(self, other: "Endpoints") -> bool:
        """Tell whether connections that were made by `other` have to be made anew.

        A deleted parameter begins again at generation 1: then the endpoints tell.
        """
        return self.generation > other.generation or _reached(self.connection) != _reached(other.connection)


def read_endpoints(text: str | None, source: str, known: Endpoints | None = None) -> Endpoints:
    """Check the text of a parameter and return it as plain data; else DocumentError.

    text: None when there is no such parameter. known: what a client goes by; a group on its way to cluster mode has endpoints
    of both modes, and the client stays with its own.
    """
    if text is None:
        raise DocumentError(
            f"{source} is not there: look at connection.parameter and connection.region; the failover function "
            "writes it at its first run"
        )
    data = _mapping(text, source)
    version = data.get("version")
    if isinstance(version, int) and version > VERSION:
        raise DocumentError(
            f"{source} has version {version}, this redis_ha_client knows version {VERSION}: upgrade redis-ha-client"
        )
    check("endpoints", None, data, show_values=True, where=source)
    if data["state"] == GONE:
        raise DocumentError(
            f"{source} says that group {data['group_id']} is gone (state {GONE}): make the group again, or connect with "
            "another group's `connection`"
        )
    stays = known is not None and isinstance(known.connection, PrimaryConnection)
    read = Endpoints(
        group_id=data["group_id"],
        generation=data["generation"],
        state=data["state"],
        secondary=data["global_role"] == SECONDARY,
        connection=_connection(data, stays=stays),
    )
    return read if known is None else _followed(read, known, source)


def _followed(new: Endpoints, known: Endpoints, source: str) -> Endpoints:
    """Return what a client that goes by `known` goes by from now on; DocumentError for what it cannot follow."""
    if new.group_id != known.group_id:
        raise DocumentError(
            f"{source} is of group {new.group_id} by now, and this client was made for {known.group_id}: make the client anew"
        )
    if known.connection.tls and not new.connection.tls:
        raise DocumentError(
            f"{source} says that the group is reached without TLS by now: this client sends no password in plain text where it "
            "did not before; make the client anew if that is meant"
        )
    if isinstance(known.connection, PrimaryConnection) and not isinstance(new.connection, PrimaryConnection):
        raise DocumentError(
            f"{source} names a configuration endpoint by now, and this client was made for a primary endpoint: make the client "
            "anew (connect() returns a redis.RedisCluster then)"
        )
    if isinstance(known.connection, ClusterConnection) and not isinstance(new.connection, ClusterConnection):
        raise DocumentError(
            f"{source} names a primary endpoint by now, and this client was made for a configuration endpoint: make the client "
            "anew (connect() returns a redis.Redis then)"
        )
    return new


def _mapping(text: str, source: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, Mapping):
        raise DocumentError(
            f"{source} holds no JSON object: it must be an endpoints document; the failover function writes it "
            "anew at its next run"
        )
    return data


def _connection(data: Mapping[str, Any], *, stays: bool) -> PrimaryConnection | ClusterConnection:
    """Return the connection to the configuration endpoint, if there is one: as a stack's own (or the primary's, to stay)."""
    ends = {name: (one["host"], int(one["port"])) for name, one in data["endpoints"].items()}
    if "configuration" in ends and not (stays and "primary" in ends):
        return ClusterConnection(ends["configuration"], data["tls"], data["engine"], CLOCKS)
    return PrimaryConnection(ends["primary"], ends.get("reader"), data["tls"], data["engine"], CLOCKS)


def _reached(connection: PrimaryConnection | ClusterConnection) -> tuple[Address | bool | None, ...]:
    if isinstance(connection, ClusterConnection):
        return connection.configuration, connection.tls
    return connection.primary, connection.reader, connection.tls
