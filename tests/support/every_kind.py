"""Real processes for every kind of connection at once, for tests of what all kinds of client have in common."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from redis_ha_client import aio, published, sync
from tests.support.connecting import Documents
from tests.support.global_processes import HOME, GlobalGroups, WorldNames
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.published import CONNECTION, document_of
from tests.support.redis_processes import ADMIN, Node, RedisProcesses, Started
from tests.support.relay import Relay

CLUSTERS = ("cluster", "cluster reader", "global cluster", "ssm cluster")
KINDS = ("sentinel", "primary", "reader", "global", "ssm", *CLUSTERS)
WRITING_KINDS = tuple(kind for kind in KINDS if not kind.endswith("reader"))


@dataclass
class Published:
    """A group whose endpoints stand in a parameter. Its client is made from the parameter's name."""

    group: ManagedGroup
    name: str

    @property
    def connection(self) -> dict[str, Any]:
        return {**CONNECTION, "parameter": self.name}

    @property
    def credentials(self) -> dict[str, Any]:
        return self.group.credentials


class Parameter:
    """Takes the place of what reads the parameter from SSM."""

    def __init__(self, published: Published) -> None:
        self._published = published

    def __str__(self) -> str:
        return f"SSM parameter {self._published.name}"

    def __call__(self) -> str:
        return json.dumps(document_of(self._published.group))


@dataclass
class EveryKind(Started):
    """A Sentinel topology that others run, and a global datastore with cluster mode off and one with it on."""

    directory: Path
    topology: RedisProcesses

    def __post_init__(self) -> None:
        self.plain = GlobalGroups(self.directory / "plain")
        self.sharded = GlobalGroups(self.directory / "sharded", cluster=True)

    def start(self) -> None:
        self.plain.start()
        self.sharded.start()

    def stop(self) -> None:
        self.plain.stop()
        self.sharded.stop()

    def publish(self, names: WorldNames) -> None:
        """Publish all names. Both datastores have the same: nodes' names are those of the one with cluster mode on."""
        self.plain.publish(names)
        self.sharded.publish(names)

    def documents(self, kind: str) -> tuple[Documents, dict[str, Any]]:
        """What a client of `kind` is made from, and the arguments beside."""
        if kind == "sentinel":
            return self.topology, {}
        whole = self.sharded if kind in CLUSTERS else self.plain
        if kind.startswith("global"):
            return whole, {}
        if kind.startswith("ssm"):
            return self.published()[kind], {}
        return whole.groups[HOME], {"reader": True} if kind.endswith("reader") else {}

    def published(self) -> dict[str, Published]:
        """The groups of the kinds whose endpoints stand in a parameter."""
        kinds = {"ssm": self.plain, "ssm cluster": self.sharded}
        return {
            kind: Published(whole.groups[HOME], f"/test/{kind.replace(' ', '-')}/endpoints") for kind, whole in kinds.items()
        }

    def write_parameters(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the parameters hold the endpoints."""
        by_name = {one.name: one for one in self.published().values()}
        monkeypatch.setattr(published, "Parameter", lambda name, *_, **__: Parameter(by_name[name]))

    def listed(self, name: str, *, blocked: bool = False) -> list[str]:
        """The connections that have this name, each by its node, on all nodes and Sentinels; `blocked`: those that wait."""
        groups = [*self.plain.groups.values(), *self.sharded.groups.values()]
        nodes: list[tuple[Any, Node]] = [(group, node) for group in groups for node in group.nodes]
        nodes += [(self.topology, node) for node in self.topology.nodes]
        rows = [(node, row) for owner, node in nodes for row in str(owner.command(node, "CLIENT", "LIST")).splitlines()]
        return [node.name for node, row in rows if f" name={name} " in row and (" flags=b" in row or not blocked)]

    def allow_channels(self, kind: str) -> None:
        """Let applications of a kind's nodes use channels. A Sentinel topology's do not; see as_admin."""
        if kind == "sentinel":
            return
        for group in (self.sharded if kind in CLUSTERS else self.plain).groups.values():
            for node in group.nodes:
                group.command(node, "ACL", "SETUSER", "application", "&*")

    def as_admin(self, kind: str) -> dict[str, Any]:
        """Credentials of a user that may use channels: those of a Sentinel topology's applications may not."""
        credentials = self.documents(kind)[0].credentials
        if kind != "sentinel":
            return credentials
        return credentials | {"username": ADMIN, "password": self.topology.passwords[ADMIN]}

    def node(self, kind: str) -> tuple[Any, Node]:
        """The node that a client of `kind` writes to while all is well, and the processes that it is of."""
        if kind == "sentinel":
            return self.topology, self.topology.master()
        group = (self.sharded if kind in CLUSTERS else self.plain).groups[HOME]
        return group, group.nodes[0]

    def replicated(self) -> list[tuple[Any, Node]]:
        """All nodes that get what is written with cluster mode off, each with its group."""
        return [(group, node) for group in self.plain.groups.values() for node in group.nodes]

    @contextlib.contextmanager
    def behind_relay(self, names: Names, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
        """Let whatever a client of `kind` dials lead to that node through a relay, and what Sentinels name too."""
        _, node = self.node(kind)
        with Relay(node) as relay:
            for name in names.addresses:
                names.addresses[name] = [relay.host]
            for half in (sync.sentinel, aio.sentinel) if kind == "sentinel" else ():
                monkeypatch.setattr(half, "parse_address", lambda _: relay.address)
            yield relay


class Named:
    """Documents whose Sentinels have names."""

    def __init__(self, whole: Documents, names: Names) -> None:
        self.credentials, self.connection = whole.credentials, whole.connection
        sentinels = self.connection.get("sentinels", [])
        if sentinels:
            rows = {f"sentinel-{number}.shop.internal": one for number, one in enumerate(sentinels)}
            names.addresses.update({host: [one["host"]] for host, one in rows.items()})
            self.connection = self.connection | {"sentinels": [{**one, "host": host} for host, one in rows.items()]}
