"""Makes components/redis_ha/sentinel/directives.json: the directives of the images' Redis, asked of the servers themselves.

python tools/redis_directives.py            writes the file
python tools/redis_directives.py --check    ends with 1 when the file is not what the servers say

Needs the emulator's droplet images, whose package repository has the servers.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi_emulator.stacks import emulator_home
from redis_ha.sentinel.directives import TABLE

IMAGES = ("debian-12-x64", "debian-13-x64")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# Debian's libraries that the server needs and a droplet's image has not.
PACKAGES = ("redis-tools", "libjemalloc2", "liblzf1", "liblua5.1-0", "lua-bitop", "lua-cjson", "libatomic1", "libhiredis")
NONSENSE = "no-such-value"
STARTS_WITHIN_S = 2  # a server that refuses its configuration says so at once
BETWEEN = re.compile(r"between (-?\d+) and (-?\d+)")
ONE_OF = re.compile(r"one of the following: (.*)$", re.MULTILINE)


@contextmanager
def unpacked(image: Path) -> Iterator[list[str]]:
    """Yield the command line that runs an image's redis-server on this machine, whatever libraries this one has."""
    with tempfile.TemporaryDirectory() as name:
        for package in sorted((image / "var/lib/emulator-repository").glob("*.deb")):
            if package.name.startswith(PACKAGES):
                subprocess.run(["dpkg-deb", "-x", package, name], check=True)
        paths = f"{name}/{LIBRARIES}:{image}/{LIBRARIES}"
        loader = str(image / "lib64/ld-linux-x86-64.so.2")
        yield [loader, "--argv0", "redis-server", "--library-path", paths, f"{name}/usr/bin/redis-check-rdb"]


@contextmanager
def running(server: list[str], folder: str) -> Iterator[Any]:
    """Yield a function that sends a command to a server without a port, and returns its answer or its error as text."""
    import redis  # noqa: PLC0415  the check of the table alone does not need it

    socket = f"{folder}/redis.sock"
    process = subprocess.Popen([*server, "--port", "0", "--unixsocket", socket, "--dir", folder], stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(unix_socket_path=socket, decode_responses=True)
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.1)
        yield client
        client.close()
    finally:
        process.kill()
        process.wait()


def refusal(server: list[str], folder: str, name: str) -> str:
    """Start a server with a nonsensical value; return why it does not start, empty when it does.

    For what cannot be set while it runs.
    """
    command = [*server, "--port", "0", "--dir", folder, f"--{name}", NONSENSE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=STARTS_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout + done.stderr


def kind_of(why: str) -> dict[str, Any]:
    """Read from a refusal what a directive takes."""
    if "'yes' or 'no'" in why:
        return {"one_of": ["no", "yes"]}
    if found := ONE_OF.search(why):
        return {"one_of": sorted(found[1].split(", "))}
    if "memory value" in why:
        return {"kind": "memory"}
    if "integer" in why:
        return {"kind": "whole"}
    return {}


def directives(server: list[str]) -> dict[str, dict[str, Any]]:
    """Ask a server for all its directives, and by a wrong value what each takes."""
    import redis  # noqa: PLC0415  as above

    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder, running(server, folder) as client:
        for name, value in sorted(client.config_get("*").items()):
            try:
                client.config_set(name, NONSENSE)
                client.config_set(name, value)
                found[name] = {}
            except redis.ResponseError as error:
                why = str(error)
                found[name] = kind_of(refusal(server, folder, name) if "immutable" in why or "protected" in why else why)
            if found[name] == {"kind": "whole"}:
                found[name] |= limits(client, name)
    return found


def limits(client: Any, name: str) -> dict[str, int]:
    """Return the least and the largest whole number, when the server names them; nothing else is set by asking."""
    import redis  # noqa: PLC0415  as above

    for beyond in (-(2**62), 2**62):
        try:
            client.config_set(name, beyond)
        except redis.ResponseError as error:
            if found := BETWEEN.search(str(error)):
                return {"least": int(found[1]), "most": int(found[2])}
    return {}


def main() -> int:
    """Write the table, or compare it."""
    made = {}
    for image in IMAGES:
        (folder,) = (emulator_home() / "images").glob(f"{image}-*/")
        with unpacked(folder) as server:
            made[image] = directives(server)
    text = json.dumps(made, indent=0, sort_keys=True) + "\n"
    if "--check" in sys.argv[1:]:
        return int(TABLE.read_text() != text)
    TABLE.write_text(text)
    print(f"wrote {TABLE.name}: {', '.join(f'{len(known)} of {image}' for image, known in made.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
