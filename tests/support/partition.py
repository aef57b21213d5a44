"""A network that is cut in two, on one machine: nodes and Sentinels of one side no longer take the other side's logins."""

import contextlib
from collections.abc import Iterator

from tests.support.redis_processes import Node, RedisProcesses
from tests.support.waiting import wait_until

WRONG = "no-such-password"


@contextlib.contextmanager
def cut_off(topology: RedisProcesses, sentinel: Node) -> Iterator[tuple[Node, Node]]:
    """Cut the master off together with one Sentinel; clients reach both sides. Gives the old master and the promoted one.

    The Sentinel goes on naming the old master, which has no replica any more. It is not told of the promotion: it can log in
    nowhere, and no other Sentinel with it.
    """
    old = topology.master()
    others = [node for node in topology.sentinels if node is not sentinel]
    password = topology.passwords["sentinel"]
    try:
        topology.command(sentinel, "SENTINEL", "SET", topology.master_name, "auth-pass", WRONG)
        topology.command(sentinel, "ACL", "SETUSER", "sentinel-peer", "off")
        topology.command(sentinel, "CLIENT", "KILL", "USER", "sentinel-peer")
        for user in ("sentinel", "replication"):
            topology.command(old, "ACL", "SETUSER", user, "off")
        for node in topology.data:
            hang_up(topology, node, str(topology.command(sentinel, "SENTINEL", "MYID"))[:8])
        for user in ("sentinel", "replication"):
            topology.command(old, "CLIENT", "KILL", "USER", user)
        wait_until(lambda: old.address not in named(topology, others), "the other side names another master")
        wait_until(lambda: len(named(topology, others)) == 1, "the other side agrees")
        promoted = topology.node_at(named(topology, others).pop())
        wait_until(lambda: replicas_of(topology, promoted) > 0, "a replica has attached to the promoted master")
        wait_until(lambda: replicas_of(topology, old) == 0, "the old master has lost its replicas")
        assert named(topology, [sentinel]) == {old.address}
        yield old, promoted
    finally:
        topology.command(sentinel, "ACL", "SETUSER", "sentinel-peer", "on")
        topology.command(sentinel, "SENTINEL", "SET", topology.master_name, "auth-pass", password)
        if old.running:
            for user in ("sentinel", "replication"):
                topology.command(old, "ACL", "SETUSER", user, "on")
        wait_until(lambda: len(named(topology, topology.sentinels)) == 1, "the Sentinel that was cut off has heard of it")


def hang_up(topology: RedisProcesses, node: Node, called: str) -> None:
    """End one Sentinel's connections to a node; without the other Sentinels' they would promote no replica for a while."""
    for row in str(topology.command(node, "CLIENT", "LIST")).splitlines():
        told = dict(word.split("=", 1) for word in row.split())
        if told["name"].startswith(f"sentinel-{called}"):
            topology.command(node, "CLIENT", "KILL", "ID", told["id"])


def named(topology: RedisProcesses, sentinels: list[Node]) -> set[tuple[str, int]]:
    words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", topology.master_name)
    return {(host, int(port)) for host, port in (topology.command(node, *words) for node in sentinels)}


def replicas_of(topology: RedisProcesses, node: Node) -> int:
    return len(topology.command(node, "ROLE")[2])
