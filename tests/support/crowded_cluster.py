"""A cluster of processes with a network namespace a node, as droplets have, and a crowd of applications that wants the master.

    unshare --net python -m tests.support.crowded_cluster FOLDER SENTINELS

The whole runs in a network namespace of its own and leaves nothing behind: every process ends with this one, every namespace
with its last process. The rules of the nodes' packet filters are the rendered ones. Prints one JSON line of what became of the
cluster when its master died.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis_ha.sentinel.node.resp import client_list
from redis_ha.sentinel.topology import RESERVED_CONNECTIONS
from tests.support.loopback_cluster import PYTHON, LoopbackNode
from tests.support.placed_cluster import NET, PlacedCluster
from tests.support.redis_processes import GUARD
from tests.support.waiting import wait_until

CROWD_AT = f"{NET}.200"
ALLOWED = 40  # connections for applications
CROWD = 220  # how many want one, at every moment: more than maxclients
WATCH_S = 12.0  # several failovers, where they do not end (down-after is 1 s here)
# Runs in the crowd's namespace: every member connects, holds what it gets, and comes back when it is refused or cut.
CROWD_PROGRAM = """
import asyncio, random, sys
password, size, sentinels = sys.stdin.readline().split()[0], int(sys.argv[1]), sys.argv[2:]
master, held = [None], [0]

def words(*given):
    return b"*%d\\r\\n" % len(given) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(one), one) for one in map(str.encode, given))

async def follow():
    while True:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(random.choice(sentinels), 26379), 1)
            writer.write(words("AUTH", "application", discovery))
            writer.write(words("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "proc"))
            lines = [await asyncio.wait_for(reader.readline(), 1) for _ in range(4)]
            master[0] = lines[3].decode().strip() or None
            writer.close()
        except (OSError, asyncio.TimeoutError, IndexError):
            pass
        await asyncio.sleep(0.2)

async def member():
    while True:
        await asyncio.sleep(random.uniform(0.05, 0.3))
        address, writer = master[0], None
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(address, 6379), 1)
            writer.write(words("AUTH", "application", password))
            if not (await asyncio.wait_for(reader.readline(), 1)).startswith(b"+OK"):
                raise OSError
            held[0] += 1
            try:
                while master[0] == address and not reader.at_eof():
                    try:
                        await asyncio.wait_for(reader.read(100), 0.5)
                    except asyncio.TimeoutError:
                        pass
            finally:
                held[0] -= 1
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            if writer:
                writer.close()

async def say():
    while True:
        print(held[0], master[0], flush=True)
        await asyncio.sleep(0.1)

async def main():
    await asyncio.gather(follow(), say(), *(member() for _ in range(size)))

discovery = sys.stdin.readline().strip()
asyncio.run(main())
"""


class CrowdedCluster(PlacedCluster):
    """With room for few applications, and a place for those."""

    def __init__(self, folder: Path, **args: object) -> None:
        super().__init__(folder, extra_directives={"maxclients": str(RESERVED_CONNECTIONS + ALLOWED)}, **args)
        self.crowd_place = self.place(CROWD_AT)

    @contextmanager
    def crowd(self) -> Iterator["subprocess.Popen[str]"]:
        addresses = [node.address for node in self.sentinels]
        process = subprocess.Popen(
            [*GUARD, *self.crowd_place.enter, PYTHON, "-c", CROWD_PROGRAM, str(CROWD), *addresses],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(f"{self.passwords.application}\n{self.passwords.discovery}\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def until_crowded(process: "subprocess.Popen[str]", *, not_at: str = "") -> None:
    """Read what the crowd says of itself until it holds all connections that it may have, on another node than `not_at`."""
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    for line in process.stdout:
        held, master = line.split()
        if int(held) >= ALLOWED and master not in {not_at, "None"}:
            return
        assert time.monotonic() < deadline, f"the crowd has {line.strip()}"


def scenario(folder: Path, sentinels: int) -> dict[str, Any]:
    cluster = CrowdedCluster(folder, sentinels=sentinels)
    try:
        cluster.start()
        cluster.wait_whole()
        old = cluster.master()
        with cluster.crowd() as process:
            until_crowded(process)
            wait_until(lambda: "few connections are left" in old.log("agent"), "the agent has warned")
            ports = {user: ports_of(old, user) for user in ("application", "replication", "sentinel")}
            old.kill()
            wait_until(lambda: len(cluster.named()) == 1 and old.address not in cluster.named(), "a failover")
            until_crowded(process, not_at=old.address)
            time.sleep(WATCH_S)
            old.start()
            cluster.wait_whole()
            held = len(ports_of(cluster.master(), "application"))
        return {
            "ports": ports,
            "held": held,
            "switches": [node.log().count("+switch-master") for node in cluster.sentinels],
            "refused_by_redis": [int(node.info()["rejected_connections"]) for node in cluster.data],
        }
    finally:
        cluster.end()


def ports_of(node: LoopbackNode, user: str) -> list[int]:
    """From which ports a user's connections come."""
    clients = client_list(node.call("CLIENT", "LIST"))  # type: ignore[arg-type]
    return [int(client["addr"].rpartition(":")[2]) for client in clients if client["user"] == user]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(scenario(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
