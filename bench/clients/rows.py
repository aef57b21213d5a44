"""Which clients are run, and where their versions are written."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FORMS = ("sentinel", "primary", "cluster")
SETTINGS = ("defaults", "recommended")


@dataclass(frozen=True)
class Client:
    """A library. `program` starts its writer: {built} is the folder of what was built, {here} this folder."""

    name: str
    language: str
    package: str
    program: tuple[str, ...]
    forms: tuple[str, ...] = FORMS
    in_root: bool = False  # its program runs in the Debian root file system that the build makes


_GO = ("{built}/go/writers",)
_NODE = ("node", "{built}/node/writers.mjs")
_PYTHON = ("{python}", "{here}/python/writers.py")
_JAVA = ("java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", "{built}/java/classes:{built}/java/lib/*", "Writers")
_RUST = ("{built}/rust/release/writers",)
_PHP = ("php", "/clients/php/writers.php")
_C = ("/clients/c/writers",)
_PERL = ("perl", "/clients/perl/writers.pl")

CLIENTS: tuple[Client, ...] = (
    Client("redis_ha_client", "Python", "redis_ha_client", _PYTHON),
    Client("redis-py", "Python", "redis", _PYTHON),
    Client("go-redis", "Go", "github.com/redis/go-redis/v9", _GO),
    Client("rueidis", "Go", "github.com/redis/rueidis", _GO),
    Client("ioredis", "Node", "ioredis", _NODE),
    Client("iovalkey", "Node", "iovalkey", _NODE),
    Client("node-redis", "Node", "redis", _NODE),
    Client("glide", "Node", "@valkey/valkey-glide", _NODE, ("primary", "cluster")),
    Client("lettuce", "Java", "io.lettuce:lettuce-core", _JAVA),
    Client("jedis", "Java", "redis.clients:jedis", _JAVA),
    Client("redisson", "Java", "org.redisson:redisson", _JAVA),
    Client("redis-rs", "Rust", "redis", _RUST),
    Client("fred", "Rust", "fred", _RUST),
    Client("phpredis-request", "PHP", "php-redis", _PHP, in_root=True),
    Client("phpredis-lambda", "PHP", "php-redis", _PHP, in_root=True),
    Client("predis-request", "PHP", "php-predis", _PHP, in_root=True),
    Client("predis-lambda", "PHP", "php-predis", _PHP, in_root=True),
    Client("hiredis", "C", "libhiredis-dev", _C, ("sentinel", "primary"), in_root=True),
    Client("perl-redis", "Perl", "libredis-perl", _PERL, ("sentinel", "primary"), in_root=True),
    Client("perl-redis-fast", "Perl", "libredis-fast-perl", _PERL, ("sentinel", "primary"), in_root=True),
)


def rows(forms: Sequence[str], names: Sequence[str] = ()) -> list[tuple[Client, str, str]]:
    """Return (client, form, settings) of every row of these forms; all clients when no name is given."""
    return [
        (client, form, settings)
        for form in forms
        for client in CLIENTS
        for settings in SETTINGS
        if form in client.forms and (not names or client.name in names)
    ]


def versions(debian: Mapping[str, str]) -> dict[str, str]:
    """Return client -> version, from the lock files beside this one; `debian` are the packages of the root file system."""
    requirements = (HERE.parents[1] / "requirements.txt").read_text()
    npm = json.loads((HERE / "node/package-lock.json").read_text())["packages"]
    go = dict(re.findall(r"^\s*(?:require )?(\S+) v(\S+)", (HERE / "go/go.mod").read_text(), re.MULTILINE))
    maven = dict(re.findall(r"<artifactId>(\S+)</artifactId>\s*<version>(\S+)</version>", (HERE / "java/pom.xml").read_text()))
    crates = {one["name"]: one["version"] for one in tomllib.loads((HERE / "rust/Cargo.lock").read_text())["package"]}
    python = dict(re.findall(r"^([a-z-]+)==(\S+?)(?: |$)", requirements, re.MULTILINE))
    known: dict[str, Callable[[str], str | None]] = {
        "Go": go.get,
        "Node": lambda package: npm[f"node_modules/{package}"]["version"],
        "Java": lambda package: maven[package.split(":")[1]].removesuffix(".RELEASE"),
        "Rust": crates.get,
        "Python": python.get,
    }
    return {client.name: str(known.get(client.language, debian.get)(client.package) or "this repository") for client in CLIENTS}
