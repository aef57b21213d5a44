"""A server for each kind of connection, for tests that break none of them, and how clients of both packages reach it.

One Sentinel topology serves three kinds: as itself, and as the endpoint of a group and of a global datastore.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from redis_ha_client import aio, connect
from tests.support.connecting import POLICY
from tests.support.managed_processes import ManagedGroup, Names
from tests.support.redis_processes import ADMIN, DATA_PORT, RedisProcesses

KINDS = ("sentinel", "primary", "worldwide", "cluster")


@dataclass(frozen=True)
class Target:
    """A server as both clients reach it: by documents, and by a host name."""

    connection: dict[str, Any]
    credentials: dict[str, Any]
    host: str

    @property
    def login(self) -> dict[str, Any]:
        return {key: self.credentials[key] for key in ("username", "password")}

    def plain(self, *, asynchronous: bool, **arguments: Any) -> Any:
        """The client that a program had before: redis-py's own, as it comes."""
        place: Any = redis.asyncio if asynchronous else redis
        kind = place.RedisCluster if self.connection["kind"] == "cluster" else place.Redis
        return kind(host=self.host, port=DATA_PORT, **self.login, **arguments)

    def ours(self, *, asynchronous: bool, **arguments: Any) -> Any:
        make: Any = aio.connect if asynchronous else connect
        return make(self.connection, self.credentials, policy=POLICY, **arguments)


class Targets(dict[str, Target]):
    """The target of each of KINDS; what leads to the topology's master leads to the one of today."""

    def __init__(self, topology: RedisProcesses, group: ManagedGroup) -> None:
        self._topology, self._group = topology, group

    def __missing__(self, kind: str) -> Target:
        topology, group = self._topology, self._group
        login = {"username": ADMIN, "password": topology.passwords[ADMIN]}
        if kind == "cluster":
            credentials = {"version": 1, **login, "password": group.passwords[ADMIN]}
            return Target(group.connection, credentials, group.configuration_name)
        host = topology.master().host
        if kind == "sentinel":
            return Target(topology.connection, {**topology.credentials, **login}, host)
        if kind == "primary":
            return Target(endpoint(host), {"version": 1, **login}, host)
        regions = dict.fromkeys(("eu-central-1", "eu-west-1"), endpoint(host))
        worldwide = {"version": 1, "kind": "global", "primary_region": "eu-central-1", "stale_seconds": 5, "writer": None}
        return Target({**worldwide, "regions": regions}, {"version": 1, **login}, host)


@contextmanager
def targets_of(topology: RedisProcesses, directory: Path) -> Iterator[Targets]:
    """Give the targets; their user is the admin, who may say everything."""
    group = ManagedGroup(directory, cluster=True, shards=2, replicas=0, name="targets")
    with pytest.MonkeyPatch.context() as patch, group:
        group.publish(Names(patch))
        yield Targets(topology, group)


def endpoint(host: str) -> dict[str, Any]:
    return {
        "version": 1,
        "kind": "primary",
        "primary": {"host": host, "port": DATA_PORT},
        "reader": None,
        "tls": False,
        "engine": "redis",
        "failover": {"automatic": False, "multi_az": False, "replicas": 0},
    }
