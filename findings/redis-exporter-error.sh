#!/bin/sh
# redis_exporter 1.45.0 (Debian 12's prometheus-redis-exporter): what the label of redis_exporter_last_scrape_error says.
#
# Guessed: `err` names the cause, a refused login or a refused connection.
# Seen: with an address of the form redis://, as its README has it, both say "dial redis: unknown network redis". The exporter tries
# the address again as something else, and tells the error of that. No log line has the cause either.
# Why it matters: an alert that shows the label sends people to look for a mistake in the address. A password that was changed and a
# server that is gone cannot be told apart: ask the server itself.
#
# Needs Debian 12 with apt (no root). Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
(cd "$folder" && apt-get download -qq redis-tools=5:7.0.15-1~deb12u10 prometheus-redis-exporter=1.45.0-2+b4 2>/dev/null &&
    for one in *.deb; do dpkg -x "$one" package; done)
cat > "$folder/seen.py" <<'PYTHON'
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

folder = Path(sys.argv[1])
UNKNOWN = 'redis_exporter_last_scrape_error{err="dial redis: unknown network redis"} 1'
NONE = 'redis_exporter_last_scrape_error{err=""} 0'
# Its name decides what the one program of Debian's package is.
(folder / "redis-server").symlink_to(folder / "package/usr/bin/redis-check-rdb")
asking = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return line.getsockname()[1]


def page(port: int) -> str:
    """Return what a server answers to a scrape, as soon as it answers."""
    for _ in range(100):
        try:
            return asking.open(f"http://127.0.0.1:{port}/metrics").read().decode()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the exporter does not answer")


def seen(port: int, password: str) -> str:
    """Return the line of an exporter that scrapes a server with a password."""
    at = free()
    argv = [folder / "package/usr/bin/prometheus-redis-exporter", "-redis.addr", f"redis://127.0.0.1:{port}"]
    argv += ["-web.listen-address", f"127.0.0.1:{at}"]
    given = {**os.environ, "REDIS_PASSWORD": password}
    exporter = subprocess.Popen(argv, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        (line,) = (one for one in page(at).splitlines() if one.startswith("redis_exporter_last_scrape_error{"))
        return line
    finally:
        exporter.kill()
        exporter.wait()


port, nobody = free(), free()
argv = [folder / "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "right"]
server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, cwd=folder)
try:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.1)
    found = {"right password": seen(port, "right"), "wrong password": seen(port, "wrong"), "no server": seen(nobody, "right")}
finally:
    server.kill()
    server.wait()
for name, line in found.items():
    print(f"{name}: {line}")
sys.exit(list(found.values()) != [NONE, UNKNOWN, UNKNOWN])
PYTHON
python3 "$folder/seen.py" "$folder"
