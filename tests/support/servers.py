"""Real servers of Consul and Vault: built from their sources once a computer, started on the loopback interface with TLS."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_emulator.stacks import emulator_home
from tests.support.certificates import issue
from tests.support.ports import ADDRESS, free_port
from tests.support.waiting import wait_until
from tools import build_engine

SOURCES = Path(__file__).resolve().parents[1] / "servers"
# What is built of each: Consul's own program; of Vault what main.go says.
PACKAGES = {"consul": "github.com/hashicorp/consul", "vault": "."}


def program(name: str) -> Path:
    """Return a server's program. The first time on a computer it is built, which takes some minutes."""
    source, home = SOURCES / name, emulator_home()
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(source.iterdir()))).hexdigest()[:12]
    made = home / "servers" / f"{name}-{digest}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            needed = build_engine.version_tuple((source / "go.mod").read_text().split("\ngo ")[1])
            go = build_engine.go_of_path(needed) or build_engine.go_of_wheel(home)
            building = made.with_suffix(".new")
            argv = [str(go), "build", "-mod=readonly", "-ldflags", "-s -w", "-o", str(building), PACKAGES[name]]
            subprocess.run(argv, cwd=source, check=True, env=build_engine.environment(home))
            building.replace(made)
    return made


@dataclass
class Server:
    """A server: where it answers, its authority's certificate, and a token that may do everything."""

    name: str
    url: str
    authority: str
    token: str
    header: str

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Ask its API; None where nothing is there."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/v1{path}", data, {self.header: token or self.token, "Content-Type": "application/json"}, method=method
        )
        context = ssl.create_default_context(cadata=self.authority)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=20) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise AssertionError(f"{self.name} answered {error.code} to {method} {path}") from None

    def answers(self, path: str) -> bool:
        """Tell whether it answers a path yet."""
        try:
            return self.ask("GET", path) is not None
        except (AssertionError, OSError):
            return False


@contextlib.contextmanager
def consul(folder: Path) -> Iterator[Server]:
    """Run a server of Consul whose access is by token alone."""
    keys = issue(folder / "keys", [ADDRESS])
    port, token = free_port(), hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    token = f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:32]}"  # Consul wants the form of a UUID
    settings = {
        "server": True,
        "bootstrap": True,
        "data_dir": str(folder / "data"),
        "bind_addr": ADDRESS,
        "client_addr": ADDRESS,
        "ports": {
            "http": -1,
            "https": port,
            "dns": -1,
            "grpc": -1,
            "server": free_port(),
            "serf_lan": free_port(),
            "serf_wan": -1,
        },
        "cert_file": str(keys / "node.crt"),
        "key_file": str(keys / "node.key"),
        "acl": {"enabled": True, "default_policy": "deny", "tokens": {"master": token}},
        "disable_update_check": True,
        "performance": {"raft_multiplier": 1},
    }
    file = folder / "consul.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings))
    server = Server("consul", f"https://{ADDRESS}:{port}", (keys / "ca.crt").read_text(), token, "X-Consul-Token")
    with running([str(program("consul")), "agent", "-config-file", str(file)], folder / "consul.log"):
        wait_until(lambda: server.answers("/acl/token/self"), lambda: f"consul: {(folder / 'consul.log').read_text()[-500:]}")
        yield server


@contextlib.contextmanager
def vault(folder: Path) -> Iterator[Server]:
    """Run a server of Vault with a key/value store of version 2 at secret/."""
    keys = issue(folder / "keys", [ADDRESS])
    port, log = free_port(), folder / "vault.log"
    with running([str(program("vault")), f"{ADDRESS}:{port}", str(keys / "node.crt"), str(keys / "node.key")], log) as process:
        assert process.stdout is not None
        token = process.stdout.readline().strip()
        assert token, log.read_text()[-500:]
        server = Server("vault", f"https://{ADDRESS}:{port}", (keys / "ca.crt").read_text(), token, "X-Vault-Token")
        server.ask("POST", "/sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        wait_until(lambda: server.ask("POST", "/secret/data/ready", {"data": {}}), "vault's store of version 2")
        yield server


@contextlib.contextmanager
def running(argv: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the end; it reads nothing, and writes errors into a file."""
    with log.open("w") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
