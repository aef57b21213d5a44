#!/bin/sh
# Redis 7.0.15 (Debian 12's redis-tools), redis-server: the error of a failed write to the append-only file.
#
# Guessed: a write that fails on a full disk sets aof_last_write_status to err, and writes are taken again as soon as the disk has
# room; at the latest when BGREWRITEAOF has written the whole file anew.
# Seen: when the write fails during the first rewrite after `appendonly yes`, and that rewrite fails too, what was to be written
# goes with the rewrite's file. The buffer is empty, so nothing is ever written that could end the error: every write is refused
# with MISCONF, also after a rewrite that ended well. PING is answered with MISCONF as well, which a Sentinel takes for no answer.
# Switching the file off and on ends it.
# Why it matters: a node that was filled during a full synchronisation (it begins the file in the same way) looks well to every
# health check of the disk and takes no write once it leads. Free space and BGREWRITEAOF, the usual advice, do not help.
#
# Needs Debian 12 with apt (no root). A limit on the size of files stands for the full disk. Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
(cd "$folder" && apt-get download -qq redis-tools=5:7.0.15-1~deb12u7 2>/dev/null && dpkg -x redis-tools_*.deb package)
cat > "$folder/seen.py" <<'PYTHON'
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
path = folder / "redis.sock"
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # inherited: a write beyond the limit is an error, not the end
# Its name decides what the one program of Debian's package is.
(folder / "redis-server").symlink_to(folder / "package/usr/bin/redis-check-rdb")
server = subprocess.Popen(
    [folder / "redis-server", "--port", "0", "--unixsocket", path, "--dir", folder, "--save", "", "--appendonly", "no"],
    stdout=subprocess.DEVNULL,
    restore_signals=False,
)


def call(*words: str) -> str:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        line.sendall(f"*{len(words)}\r\n{''.join(f'${len(word)}{chr(13)}{chr(10)}{word}{chr(13)}{chr(10)}' for word in words)}".encode())
        line.shutdown(socket.SHUT_WR)
        with line.makefile(encoding="utf-8", newline="") as text:
            return text.read().strip()


def persistence() -> dict[str, str]:
    return dict(row.split(":", 1) for row in call("INFO", "persistence").splitlines() if ":" in row)


def until(true) -> None:
    for _ in range(300):
        if true():
            return
        time.sleep(0.1)
    raise SystemExit("waited for 30 s")


def limit(size: int) -> None:
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


try:
    until(path.exists)
    call("EVAL", "for i = 1, 400 do redis.call('SET', 'k' .. i, string.rep('x', 50)) end", "0")
    call("CONFIG", "SET", "rdb-key-save-delay", "20000")  # a slow disk: the write below meets the rewrite
    limit(0)
    call("CONFIG", "SET", "appendonly", "yes")
    until(lambda: call("SET", "a", "x" * 6000).startswith("-MISCONF"))
    until(lambda: persistence()["aof_last_bgrewrite_status"] == "err")
    limit(resource.RLIM_INFINITY)
    call("CONFIG", "SET", "rdb-key-save-delay", "0")
    time.sleep(2)  # a rewrite that is due begins by itself
    call("BGREWRITEAOF")
    until(lambda: (now := persistence())["aof_rewrite_in_progress"] == "0" and now["aof_last_bgrewrite_status"] == "ok")
    time.sleep(3)
    now = persistence()
    seen = [now[f"aof_{name}"] for name in ("last_bgrewrite_status", "last_write_status", "buffer_length")]
    seen += [call("SET", "a", "1").split()[0], call("PING").split()[0]]
    call("CONFIG", "SET", "appendonly", "no")
    call("CONFIG", "SET", "appendonly", "yes")
    seen += [call("SET", "a", "1"), persistence()["aof_last_write_status"]]
    print(seen)
    assert seen == ["ok", "err", "0", "-MISCONF", "-MISCONF", "+OK", "ok"], "it has changed"
finally:
    server.kill()
    server.wait(30)
PYTHON
python3 "$folder/seen.py" "$folder"
