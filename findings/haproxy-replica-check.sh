#!/bin/sh
# HAProxy 2.6.12 (Debian 12's haproxy): the check that finds the master among Redis servers, as it is usually written.
#
# Guessed: `tcp-check expect string role:master` fails at once on a replica, whose answer to INFO says role:slave.
# Seen: HAProxy waits for more of the answer until `timeout check` is over (status L7TOUT). `tcp-check expect ! string role:slave` is
# no way out: there it is the master that times out. `tcp-check expect min-recv 0 string role:master` judges what came first, which
# is the whole answer, and fails at once (L7RSP).
# Why it matters: after a failover the demoted master counts as up for `timeout check` times `fall`, on top of the failover, and
# HAProxy goes on sending it writes, which it refuses.
#
# Needs Debian 12 with apt (no root). Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
(cd "$folder" && apt-get download -qq redis-tools=5:7.0.15-1~deb12u10 haproxy=2.6.12-1+deb12u4 liblua5.3-0=5.3.6-2 \
    libopentracing-c-wrapper0=1.1.3-3+b1 libopentracing1=1.6.0-4 2>/dev/null && for one in *.deb; do dpkg -x "$one" package; done)
cat > "$folder/seen.py" <<'PYTHON'
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
USUAL = ["tcp-check expect string role:master"]
NEGATED = ["tcp-check expect ! string role:slave"]
AT_ONCE = ["tcp-check expect min-recv 0 string role:master"]
# Its name decides what the one program of Debian's package is.
(folder / "redis-server").symlink_to(folder / "package/usr/bin/redis-check-rdb")
processes = []


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return line.getsockname()[1]


def redis(*more: str) -> int:
    port = free()
    argv = [folder / "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, *more]
    processes.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL))
    return port


def backend(name: str, expect: list[str], servers: dict[str, int]) -> str:
    lines = [f"backend {name}", "option tcp-check", "tcp-check connect", "tcp-check send info\\ replication\\r\\n", *expect]
    return "\n  ".join([*lines, *(f"server {one} 127.0.0.1:{port} check inter 1s fall 1" for one, port in servers.items())])


def statuses() -> dict[tuple[str, str], str]:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(folder / "stats"))
        line.sendall(b"show stat\n")
        text = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, *rows = [row.split(",") for row in text.lstrip("# ").splitlines() if row]
    found = {}
    for row in rows:
        known = dict(zip(head, row))
        if known["svname"] not in ("FRONTEND", "BACKEND"):
            found[known["pxname"], known["svname"]] = known["check_status"].lstrip("* ")
    return found


try:
    master = redis()
    servers = {"master": master, "replica": redis("--replicaof", "127.0.0.1", str(master))}
    for port in servers.values():
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
    text = [
        f"global\n  stats socket {folder}/stats",
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n  timeout check 3s",
        backend("usual", USUAL, servers),
        backend("negated", NEGATED, servers),
        backend("at-once", AT_ONCE, servers),
    ]
    (folder / "haproxy.cfg").write_text("\n".join(text) + "\n")
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(folder / "package/usr/lib/x86_64-linux-gnu")}
    argv = [folder / "package/usr/sbin/haproxy", "-f", folder / "haproxy.cfg", "-db", "-q"]
    processes.append(subprocess.Popen(argv, env=libraries))
    wanted = {
        ("usual", "master"): "L7OK",
        ("usual", "replica"): "L7TOUT",
        ("negated", "master"): "L7TOUT",
        ("negated", "replica"): "L7RSP",
        ("at-once", "master"): "L7OK",
        ("at-once", "replica"): "L7RSP",
    }
    found: dict[tuple[str, str], str] = {}
    end = time.monotonic() + 60
    while found != wanted and time.monotonic() < end:
        time.sleep(0.5)
        if (folder / "stats").exists():
            found = statuses()
    for key, status in found.items():
        print(*key, status)
    sys.exit(found != wanted)
finally:
    for process in processes:
        process.kill()
        process.wait()
PYTHON
python3 "$folder/seen.py" "$folder"
