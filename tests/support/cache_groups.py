"""What tests of cache nodes share: groups as plain data, what a host told, waiting."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi_emulator.caches.host import CacheHost
from pulumi_emulator.caches.names import configuration_name, primary_name, reader_name
from pulumi_emulator.caches.spec import Access, GroupSpec, NodeSpec
from tests.support.cache_clients import Clients
from tests.support.waiting import wait_until

ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")
TOKEN = "only-for-this-test-0123456789"  # of nodes that live for a second


def split_slots(shards: int) -> dict[str, str]:
    edges = [round(16384 * number / shards) for number in range(shards + 1)]
    return {f"{number:04d}": f"{first}-{end - 1}" for number, (first, end) in enumerate(itertools.pairwise(edges), start=1)}


def group_spec(group_id: str, nodes: int = 2, **given: Any) -> GroupSpec:
    """A group with cluster mode off."""
    members = tuple(NodeSpec(f"{group_id}-{n + 1:03d}", "0001", ZONES[n % 3]) for n in range(nodes))
    return GroupSpec(
        **({"engine": "valkey", "engine_version": "8.1"} | _common(group_id) | given | {"nodes": members}), cluster=False
    )


def cluster_spec(group_id: str, shards: int = 3, replicas: int = 1, **given: Any) -> GroupSpec:
    """A group with cluster mode on."""
    members = tuple(
        NodeSpec(f"{group_id}-{s + 1:04d}-{n + 1:03d}", f"{s + 1:04d}", ZONES[(s + n) % 3])
        for s in range(shards)
        for n in range(1 + replicas)
    )
    fixed = {"nodes": members, "slots": split_slots(shards)}
    return GroupSpec(**({"engine": "valkey", "engine_version": "8.1"} | _common(group_id) | fixed | given), cluster=True)


def in_region(spec: GroupSpec, region: str, **given: Any) -> GroupSpec:
    """The same group elsewhere: zone a, b, c of that region instead of this one's."""
    nodes = tuple(replace(node, zone=f"{region}{node.zone[-1]}") for node in given.pop("nodes", spec.nodes))
    return replace(spec, region=region, nodes=nodes, **given)


def _common(group_id: str) -> dict[str, Any]:
    return {"group_id": group_id, "region": "eu-central-1", "hash": "abc123", "access": Access(TOKEN)}


@dataclass
class Told:
    """What the host told, in order."""

    events: list[tuple[str, str, str, str, str | None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, group_id: str, source_type: str, source: str, message: str, sns_event: str | None) -> None:
        with self._lock:
            self.events.append((group_id, source_type, source, message, sns_event))

    def of(self, group_id: str) -> list[tuple[str, str, str, str | None]]:
        with self._lock:
            return [event[1:] for event in self.events if event[0] == group_id]


@dataclass
class World:
    """A host, what it told, and clients in its network."""

    host: CacheHost
    told: Told
    clients: Clients
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self) -> str:
        return f"g{next(self.numbers)}"

    def wait_whole(self, group_id: str) -> None:
        wait_until(
            lambda: self.host.whole(group_id),
            lambda: f"{group_id} is whole: {self.host.roles(group_id)}, {self.host.trouble(group_id)}",
        )

    def writes(self) -> int:
        """Return how many writes of the clients' writer are acknowledged."""
        return int(self.clients.run("result = len(kept['w'].acknowledged)"))

    def wait_copied(self, group_id: str, shard: str) -> None:
        """Wait until every replica of a shard has what its primary had acknowledged before."""
        group = self.host._group(group_id)
        offset = int(group.primary(shard).info()["master_repl_offset"])
        wait_until(
            lambda: all(int(node.info()["slave_repl_offset"]) >= offset for node in group.replicas(shard)),
            f"shard {shard} of {group_id} is copied",
        )

    def primaries(self, group_id: str) -> list[str]:
        return [node for node, role in self.host.roles(group_id).items() if role == "primary"]


def arguments(spec: GroupSpec, *, tls: bool | None = None) -> dict[str, Any]:
    """What a client needs: the names and its keyword arguments."""
    tls = spec.tls if tls is None else tls
    form = spec.tls
    names = {"configuration": configuration_name(spec, tls=form)} if spec.cluster else {}
    if not spec.cluster:
        names = {"primary": primary_name(spec, tls=form), "reader": reader_name(spec, tls=form)}
    password = {"password": spec.access.auth_token} if spec.access.auth_token else {}
    return {**names, "given": {"ssl": tls, **password}}
