"""A replication group as ElastiCache would run it, from plain redis-server processes on the loopback range, with its names.

Cluster mode off: a primary and replicas; the tests play ElastiCache's part and promote one. Cluster mode on: the cluster elects
by itself. The endpoints' names are answered by `Names`, which takes getaddrinfo's place in this process.
"""

import itertools
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.certificates import issue
from tests.support.loopback import next_subnet
from tests.support.redis_processes import ADMIN, DATA_PORT, Node, Started, admin_client, tls_lines
from tests.support.waiting import wait_until

SLOTS = 16384
NODE_TIMEOUT_MS = 1000  # cluster-node-timeout: how long a cluster waits before it calls a silent node failed
APPLICATION = "application"


class Names:
    """Host names that lead where a test says; everything else is looked up as always."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.looked_up: list[str] = []
        self.in_turn = True
        self._turn = itertools.count()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in self.addresses:
            return self._real(host, port, *args, **kwargs)
        self.looked_up.append(host)
        known = self.addresses[host]
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        # Round robin, as the service's names; or always in the same order, as resolvers on the way to a client make it.
        turn = next(self._turn) % len(known) if self.in_turn else 0
        rows = [self._real(address, port, *args, **kwargs) for address in known[turn:] + known[:turn]]
        return [row for found in rows for row in found]


@dataclass
class ManagedGroup(Started):
    """`shards` primaries with `replicas` each. `start` returns when replication is up (and the cluster covers all slots)."""

    directory: Path
    cluster: bool = False
    shards: int = 1
    replicas: int = 1
    name: str = "group"
    place: str = "euc1"  # the region, as host names have it
    tls_directory: Path | None = None  # holds ca.crt, node.crt, node.key
    token: str | None = None  # AUTH token in place of users
    passwords: dict[str, str] = field(
        default_factory=lambda: {user: secrets.token_hex(16) for user in (ADMIN, APPLICATION)}, repr=False
    )
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        subnet = next_subnet()
        for slot in range(self.shards * (1 + self.replicas)):
            directory = self.directory / f"{self.name}-{slot + 1:03}"
            directory.mkdir(parents=True, mode=0o700)
            self.nodes.append(Node(directory.name, "data", slot, f"{subnet}.{2 + slot}", DATA_PORT, directory))

    # --- the stack's outputs (same shape as ElastiCacheHaGroup's) and names ---

    @property
    def primary_name(self) -> str:
        return f"master.{self.name}.abc123.{self.place}.cache.amazonaws.com"

    @property
    def reader_name(self) -> str:
        return f"replica.{self.name}.abc123.{self.place}.cache.amazonaws.com"

    @property
    def configuration_name(self) -> str:
        return f"clustercfg.{self.name}.abc123.{self.place}.cache.amazonaws.com"

    def node_name(self, node: Node) -> str:
        return f"{node.name}.{self.name}.abc123.{self.place}.cache.amazonaws.com"

    @property
    def connection(self) -> dict[str, Any]:
        reader = {"host": self.reader_name, "port": DATA_PORT} if self.replicas else None
        ends: dict[str, Any] = {"primary": {"host": self.primary_name, "port": DATA_PORT}, "reader": reader}
        if self.cluster:
            ends = {"configuration": {"host": self.configuration_name, "port": DATA_PORT}}
        return {
            "version": 1,
            "kind": "cluster" if self.cluster else "primary",
            **ends,
            "tls": self.tls_directory is not None,
            "engine": "redis",
            "failover": {"automatic": True, "multi_az": True, "replicas": self.replicas},
        }

    @property
    def credentials(self) -> dict[str, Any]:
        if self.token:
            return {"version": 1, "password": self.token}
        return {"version": 1, "username": APPLICATION, "password": self.passwords[APPLICATION]}

    def publish(self, names: Names) -> None:
        """Let the names lead to the nodes as they are now."""
        for node in self.nodes:
            names.addresses[self.node_name(node)] = [node.host]
        if self.cluster:
            names.addresses[self.configuration_name] = [node.host for node in self.nodes]
            return
        primaries = [node.host for node in self.nodes if node.running and self.role(node) == "master"]
        names.addresses[self.primary_name] = primaries
        replicas = [node.host for node in self.nodes if node.running and node.host not in primaries]
        names.addresses[self.reader_name] = replicas or primaries

    # --- life ---

    def use_tls(self) -> None:
        """Let the nodes speak TLS only, with a certificate for their addresses and the group's names; called before `start`."""
        wildcard = f"*.{self.primary_name.partition('.')[2]}"
        self.tls_directory = issue(self.directory / "tls", [*(node.host for node in self.nodes), wildcard])

    def start(self) -> None:
        for node in self.nodes:
            path = node.directory / "redis.conf"
            path.touch(mode=0o600)
            path.write_text("\n".join(self._lines(node)) + "\n")
            node.start()
        for node in self.nodes:
            wait_until(lambda node=node: bool(self.command(node, "PING")), f"{node.name} answers")  # type: ignore[misc]
        if self.cluster:
            self._join()
        else:
            for node in self.nodes[1:]:
                self.command(node, "REPLICAOF", self.nodes[0].host, str(DATA_PORT))
        self.wait_whole()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def heal(self) -> None:
        """Bring back what a test broke: nodes that are gone come back empty, as replicas."""
        for node in self.nodes:
            if node.running:
                node.thaw()
        if not self.cluster:
            running = [node for node in self.nodes if node.running]
            primary = next((node for node in running if self.role(node) == "master"), running[0])
            self.command(primary, "REPLICAOF", "NO", "ONE")
            for node in self.nodes:
                if node is not primary:
                    if not node.running:
                        node.start()
                        wait_until(lambda node=node: bool(self.command(node, "PING")), f"{node.name} answers")  # type: ignore[misc]
                    self.command(node, "REPLICAOF", primary.host, str(DATA_PORT))
        for node in self.nodes:
            if not node.running:
                node.start()
        self.wait_whole()

    def promote(self, node: Node) -> None:
        """Make `node` the primary and all other nodes that answer its replicas (cluster mode off)."""
        self.command(node, "REPLICAOF", "NO", "ONE")
        for other in self.nodes:
            if other is not node and other.running and not other.frozen:
                self.command(other, "REPLICAOF", node.host, str(DATA_PORT))

    def fail_over(self, node: Node) -> None:
        """Make the replica `node` its shard's primary by hand, without a loss, and wait until the old one follows it.

        Asks again: a replica that was elected less than twice the node time-out ago takes that election for the new one, and
        gives way at once to the primary, whose epoch is newer (findings/cluster-failover-twice.sh).
        """
        old = next(one for one in self.nodes if one.host == self.command(node, "ROLE")[1])
        asked = itertools.count()

        def followed() -> object:
            if next(asked) % 120 == 0 and self.role(node) != "master":  # each 6 s: a request ends after 5 s
                self.command(node, "CLUSTER", "FAILOVER")
            return self.role(node) == "master" and self.command(old, "ROLE")[:4] == ["slave", node.host, DATA_PORT, "connected"]

        wait_until(followed, f"{node.name} is the primary, and {old.name} follows it", every=0.05)

    def wait_whole(self) -> None:
        try:
            wait_until(self._whole, "the group is whole")
        except AssertionError as error:
            told = {node.name: self.command(node, *(["CLUSTER NODES"] if self.cluster else ["ROLE"])) for node in self.nodes}
            raise AssertionError(f"{error}: {told}") from None

    # --- looking ---

    def command(self, node: Node, *args: str) -> Any:
        with admin_client(node, self.passwords[ADMIN], self.tls_directory) as client:
            return client.execute_command(*args)

    def role(self, node: Node) -> str:
        return str(self.command(node, "ROLE")[0])

    def primaries(self) -> list[Node]:
        return self.primaries_but()

    def primaries_but(self, *silent: Node) -> list[Node]:
        """The primaries among the nodes that answer."""
        return [node for node in self.nodes if node.running and node not in silent and self.role(node) == "master"]

    def primary_of(self, key: str) -> Node:
        """The node that serves `key` as a cluster sees it."""
        witness = next(node for node in self.nodes if node.running and not node.frozen)
        slot = int(self.command(witness, "CLUSTER", "KEYSLOT", key))
        for first, last, primary, *_ in self.command(witness, "CLUSTER", "SLOTS"):
            if int(first) <= slot <= int(last):
                return next(node for node in self.nodes if self.node_name(node) in primary[0] or node.host in _strings(primary))
        raise redis.RedisError(f"slot {slot} is not covered")  # whoever waits for a failover looks again

    def wait_copied(self, primary: Node) -> None:
        """Wait until every replica of `primary` has what it had acknowledged before."""
        info = self.command(primary, "INFO", "replication")
        replicas = [info[f"slave{number}"] for number in range(info["connected_slaves"])]
        nodes = [next(node for node in self.nodes if node.host == replica["ip"]) for replica in replicas]
        wait_until(
            lambda: all(
                self.command(node, "INFO", "replication")["slave_repl_offset"] >= info["master_repl_offset"] for node in nodes
            ),
            f"the replicas of {primary.name} have all that it had",
        )

    def replica_of(self, primary: Node) -> Node:
        """A replica of `primary`, as it says itself."""
        return next(
            node
            for node in self.nodes
            if node.running and node is not primary and self.command(node, "ROLE")[:2] == ["slave", primary.host]
        )

    def _whole(self) -> bool:
        if not self.cluster:
            primary = self.primaries()[0]
            return len([row for row in self.command(primary, "ROLE")[2] if int(row[2]) > 0]) == len(self.nodes) - 1
        for node in self.nodes:
            info = self.command(node, "CLUSTER INFO")
            if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) != len(self.nodes):
                return False
            flags = [row["flags"] for row in self.command(node, "CLUSTER NODES").values()]
            if any("fail" in flag or "handshake" in flag for flag in flags):
                return False
            rows = self.command(node, "CLUSTER", "SLOTS")
            # With cluster-require-full-coverage no, the state is ok without some slots as well.
            if sum(int(row[1]) - int(row[0]) + 1 for row in rows) != SLOTS or {len(row) for row in rows} != {3 + self.replicas}:
                return False
        linked = [self.command(node, "ROLE") for node in self.nodes]
        return all(role[0] == "master" or role[3] == "connected" for role in linked)

    # --- configuration ---

    def _join(self) -> None:
        primaries = self.nodes[: self.shards]
        for index, node in enumerate(primaries):
            bounds = [index * SLOTS // self.shards, (index + 1) * SLOTS // self.shards - 1]
            self.command(node, "CLUSTER", "ADDSLOTSRANGE", *map(str, bounds))
            self.command(node, "CLUSTER", "SET-CONFIG-EPOCH", str(index + 1))
        ids = {node.name: str(self.command(node, "CLUSTER", "MYID")) for node in self.nodes}
        wait_until(lambda: self._met(ids), "every node knows every other")
        for index, node in enumerate(self.nodes[self.shards :]):
            self.command(node, "CLUSTER", "REPLICATE", ids[primaries[index % self.shards].name])

    def _met(self, ids: dict[str, str]) -> bool:
        """Tell whether all know each other; whom the first does not know it greets again: a handshake may come to nothing."""
        first = self.nodes[0]
        for node in self.nodes[1:]:
            if ids[node.name] not in self._known(first):
                self.command(first, "CLUSTER", "MEET", node.host, str(DATA_PORT))
        return all(self._known(node) >= set(ids.values()) for node in self.nodes)

    def _known(self, node: Node) -> set[str]:
        rows = self.command(node, "CLUSTER NODES").values()
        return {row["node_id"] for row in rows if "handshake" not in row["flags"]}

    def _lines(self, node: Node) -> list[str]:
        lines = [
            f"bind {node.host}",
            "protected-mode no",
            "daemonize no",
            f"dir {node.directory}",
            'save ""',
            "appendonly no",
            "repl-diskless-sync-delay 0",
            "repl-ping-replica-period 1",
            f"replica-announce-ip {node.host}",
            f"user {ADMIN} on >{self.passwords[ADMIN]} ~* &* +@all",
            f"masteruser {ADMIN}",
            f"masterauth {self.passwords[ADMIN]}",
        ]
        if self.token:
            lines.append(f"user default on >{self.token} ~* &* +@all")
        else:
            lines += [
                "user default off",
                f"user {APPLICATION} on >{self.passwords[APPLICATION]} ~* &* +@all -@admin -@dangerous",
            ]
        if self.cluster:
            lines += [
                "cluster-enabled yes",
                "cluster-config-file nodes.conf",
                f"cluster-node-timeout {NODE_TIMEOUT_MS}",
                "cluster-require-full-coverage no",
                f"cluster-announce-ip {node.host}",
                f"cluster-announce-hostname {self.node_name(node)}",
                "cluster-preferred-endpoint-type hostname",
                "cluster-replica-validity-factor 0",
                "cluster-allow-replica-migration no",  # each primary keeps the replicas that the tests gave it
            ]
        lines += tls_lines(node, self.tls_directory)
        return [*lines, "tls-cluster yes"] if self.cluster and self.tls_directory else lines


def _strings(row: Any) -> Iterator[str]:
    for one in row:
        if isinstance(one, list | tuple):
            yield from _strings(one)
        elif isinstance(one, dict):
            yield from _strings(one.values())
        else:
            yield str(one)
