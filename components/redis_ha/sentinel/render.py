"""From a plan to the text that a node boots: seeds for its files, systemd units, cloud-config. Plain functions, no Pulumi."""

import ast
import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from redis_ha.arguments import InvalidArgumentsError

from .connections import DEFAULT_MAXCLIENTS, OPEN_FILES, maxclients
from .node.config import NOWHERE, STATE_DIRECTORY
from .node.install import SEED_DIRECTORY, SELF_ADDRESS
from .slots import Kind, Slot, seeds_of
from .topology import (
    MASTER_REBOOT_DOWN_AFTER_MS,
    NODE_EXPORTER_PORT,
    REDIS_EXPORTER_PORT,
    REDIS_PORT,
    REPLICA_PRIORITY,
    RESERVED_CONNECTIONS,
    SENTINEL_PORT,
    Plan,
    redis_directives,
)

# digitalocean/openapi, specification/resources/droplets/models/droplet_create.yml: user_data may be at most 64 KiB.
MAX_USER_DATA_BYTES = 64 * 1024
# The longest password that may be given; with it and the longest addresses the size of user-data is checked beforehand.
MAX_PASSWORD_LENGTH = 128
LONGEST_ADDRESS = "255.255.255.255"
LIBRARY_DIRECTORY = "/usr/local/lib/redis-ha"
SETUP_UNIT = "redis-ha-setup.service"
# They run where the stack names who reads metrics.
EXPORTERS = ("redis-ha-exporter.service", "redis-ha-node-exporter.service")
SETTING_UP_UNIT = "redis-ha-setting-up.service"
# systemd reads it for every unit whose name begins so (systemd.unit(5)).
SANDBOX_FILE = "/etc/systemd/system/redis-ha-.service.d/sandbox.conf"
SSHD_FILE = "/etc/ssh/sshd_config.d/10-redis-ha.conf"
SYSCTL_FILE = "/etc/sysctl.d/60-redis-ha.conf"
METADATA_FILE = "/etc/redis-ha/metadata.nft"
CONNECTIONS_FILE = "/etc/redis-ha/connections.nft"
# The settings of the exporters; the set-up installs them where it is there.
EXPORTERS_SEED = "exporters.env"
# The last of the files that cloud-init writes: when it is there, all are.
LAST_FILE = CONNECTIONS_FILE
# It is there when all of the archive is on the disk.
UNPACKED_MARK = f"{LIBRARY_DIRECTORY}/unpacked"
# redis.conf `shutdown-timeout` is 10 s: a stopping master waits that long for its replicas, then writes its dump.
STOP_TIMEOUT_S = 120

# Which modules the units of a node start (node/__main__.py).
RUN_BY: dict[Kind, tuple[str, ...]] = {
    "data": ("install", "setting_up", "gate", "data_agent"),
    "sentinel": ("install", "setting_up", "sentinel_agent"),
}

_TEMPLATES = Environment(
    loader=PackageLoader("redis_ha.sentinel", "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 (configuration files, not HTML)
)


@dataclass(frozen=True)
class Passwords:
    """The cluster's passwords, one a user. Their values are in no repr."""

    application: str
    replication: str
    sentinel: str
    exporter: str
    admin: str
    sentinel_peer: str
    discovery: str

    def __repr__(self) -> str:
        return "Passwords(...)"


ROLES: tuple[str, ...] = tuple(field.name for field in fields(Passwords))


@dataclass(frozen=True)
class Layout:
    """Where a node keeps its files, and as whom its servers run."""

    state: str = STATE_DIRECTORY
    seed: str = SEED_DIRECTORY
    library: str = LIBRARY_DIRECTORY
    owner: str = "redis"
    redis_port: int = REDIS_PORT
    sentinel_port: int = SENTINEL_PORT


def acl_hash(password: str) -> str:
    """Return what Redis' ACL files hold in place of a password (redis.io, "ACL": `#<SHA-256>`)."""
    return hashlib.sha256(password.encode()).hexdigest()


def application_connections(plan: Plan, slot: Slot) -> int:
    """Return how many connections of a node applications may hold."""
    limit = maxclients(redis_directives(plan)) if slot.kind == "data" else DEFAULT_MAXCLIENTS
    return limit - RESERVED_CONNECTIONS


def node_document(plan: Plan, slot: Slot, passwords: Passwords, addresses: dict[str, str], layout: Layout) -> str:
    """Return node.json: what the agents of this node know. `addresses` maps slot names to private addresses."""
    seeds = seeds_of(slot, plan.slots)
    users = {
        "admin": {"username": "admin", "password": passwords.admin},
        "discovery": {"username": "application", "password": passwords.discovery},
        # A data node's agent only recognises the Sentinels' connections; it does not need their password.
        "sentinel": {"username": "sentinel", "password": passwords.sentinel if slot.kind == "sentinel" else ""},
    }
    document = {
        "name": slot.name,
        "kind": slot.kind,
        "self_address": SELF_ADDRESS,
        "master_name": plan.master_name,
        "redis_port": layout.redis_port,
        "sentinel_port": layout.sentinel_port,
        "sentinel_count": plan.sentinel_count,
        "quorum": plan.quorum,
        "replica_priority": REPLICA_PRIORITY,
        "replicas": len(plan.of_kind("data")) - 1,
        "min_replicas_to_write": plan.min_replicas_to_write,
        "application_connections": application_connections(plan, slot),
        "timers": {
            "down_after_ms": plan.down_after_ms,
            "failover_timeout_ms": plan.failover_timeout_ms,
            "parallel_syncs": plan.parallel_syncs,
            "master_reboot_down_after_ms": MASTER_REBOOT_DOWN_AFTER_MS,
        },
        "seeds": {
            "data": [addresses[seed.name] for seed in seeds if seed.kind == "data"],
            "sentinel": [addresses[seed.name] for seed in seeds if seed.kind == "sentinel"],
        },
        "users": users,
    }
    return json.dumps(document, indent=1) + "\n"


def seed_files(
    plan: Plan, slot: Slot, passwords: Passwords, addresses: dict[str, str], layout: Layout | None = None
) -> dict[str, str]:
    """Return the files of a node that are written once, by name; `@SELF_ADDRESS@` stands for its own address."""
    layout = layout or Layout()
    names = ["redis.conf", "users.acl"] if slot.kind == "data" else ["sentinel.conf", "sentinel-users.acl"]
    values = {
        "plan": plan,
        "slot": slot,
        "layout": layout,
        "passwords": passwords,
        "hashes": {role: acl_hash(getattr(passwords, role)) for role in ROLES},
        "directives": redis_directives(plan),
        "self_address": SELF_ADDRESS,
        "port": layout.redis_port if slot.kind == "data" else layout.sentinel_port,
        "exporter_ports": {"node": NODE_EXPORTER_PORT, "redis": REDIS_EXPORTER_PORT},
    }
    seeds = {name: _TEMPLATES.get_template(f"{name}.j2").render(values) for name in names}
    if plan.metrics_sources:
        seeds[EXPORTERS_SEED] = _TEMPLATES.get_template(f"{EXPORTERS_SEED}.j2").render(values)
    seeds["node.json"] = node_document(plan, slot, passwords, addresses, layout)
    seeds["manifest.json"] = json.dumps({"owner": layout.owner, "files": sorted(seeds)}) + "\n"
    return seeds


def units(kind: Kind) -> dict[str, str]:
    """Return the systemd units of a node by name, without those that set it up."""
    names = (
        ["redis-ha-data.service", "redis-ha-agent.service"]
        if kind == "data"
        else ["redis-ha-sentinel.service", "redis-ha-bootstrap.service"]
    )
    names += ["redis-ha-metadata.service", "redis-ha-connections.service", "redis-ha-thp.service"]
    values = {
        "layout": Layout(),
        "nowhere": NOWHERE,
        "stop_timeout_s": STOP_TIMEOUT_S,
        "metadata_file": METADATA_FILE,
        "connections_file": CONNECTIONS_FILE,
    }
    return {name: _TEMPLATES.get_template(f"{name}.j2").render(values) for name in names}


def connection_rules(plan: Plan, slot: Slot, layout: Layout | None = None) -> str:
    """Return what the packet filter of a node does so that applications leave connections to the cluster."""
    layout = layout or Layout()
    return _TEMPLATES.get_template("connections.nft.j2").render(
        layout=layout,
        port=layout.redis_port if slot.kind == "data" else layout.sentinel_port,
        limit=application_connections(plan, slot),
    )


def node_modules(kind: Kind) -> dict[str, str]:
    """Return the agents' source by file name, as it is shipped: what a node of this kind runs, and what that imports."""
    folder = resources.files("redis_ha.sentinel.node")
    found: dict[str, str] = {}
    wanted = ["__init__", "__main__", *RUN_BY[kind]]
    while wanted:
        name = wanted.pop()
        if f"{name}.py" not in found:
            source = (folder / f"{name}.py").read_text()
            found[f"{name}.py"] = source
            wanted += _imported(source)
    return dict(sorted(found.items()))


def _imported(source: str) -> list[str]:
    """Return the modules of its own package that a module imports."""
    relative = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.level == 1]
    return [name for node in relative for name in ([node.module] if node.module else [one.name for one in node.names])]


def shared_files(kind: Kind) -> dict[str, str]:
    """Return the files that all nodes of a kind have in common, in every cluster, by path. None holds a secret."""
    layout = Layout()
    services = units(kind)

    def rendered(name: str, **values: object) -> str:
        return _TEMPLATES.get_template(f"{name}.j2").render(layout=layout, **values)

    exporters = {name: rendered(name, exporters_file=EXPORTERS_SEED) for name in EXPORTERS}
    setup_units = {
        SETTING_UP_UNIT: rendered(SETTING_UP_UNIT),
        SETUP_UNIT: rendered(SETUP_UNIT, last_file=LAST_FILE),
    }
    return (
        {f"{layout.library}/redis_ha_node/{name}": source for name, source in node_modules(kind).items()}
        | {f"/etc/systemd/system/{name}": text for name, text in (services | exporters | setup_units).items()}
        | {
            f"{layout.library}/setup.sh": rendered(
                "setup.sh",
                services=services,
                setting_up_name=SETTING_UP_UNIT,
                exporters=EXPORTERS,
                exporters_file=EXPORTERS_SEED,
            ),
            SANDBOX_FILE: rendered("sandbox.conf", open_files=OPEN_FILES),
            SSHD_FILE: rendered("sshd.conf"),
            SYSCTL_FILE: rendered("sysctl.conf"),
            METADATA_FILE: rendered("metadata.nft"),
        }
    )


def archive(files: Mapping[str, str]) -> str:
    """Return files by path as a tar archive, packed by gzip, in base64: root's, readable by all.

    The same files give the same text on every day and computer: nothing in it says when, where or by whom it was made. Only
    another implementation of zlib may pack it otherwise.
    """
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as opened:
        for path, text in sorted(files.items()):
            content = text.encode()
            entry = tarfile.TarInfo(path.removeprefix("/"))
            entry.size, entry.mode = len(content), 0o644
            opened.addfile(entry, io.BytesIO(content))
    packed = io.BytesIO()
    # Not gzip.compress: before Python 3.13 zlib wrote its header then, with the operating system in it (docs.python.org, gzip).
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as zipped:
        zipped.write(tar.getvalue())
    return base64.b64encode(packed.getvalue()).decode("ascii")


@cache
def shared_archive(kind: Kind) -> str:
    """Return the archive of `shared_files`; it is packed once for all slots."""
    return archive(shared_files(kind))


def cloud_config(plan: Plan, slot: Slot, passwords: Passwords, addresses: dict[str, str]) -> str:
    """Return the user-data of one node. `addresses` holds the private addresses of the slot's seeds by slot name."""
    layout = Layout()
    return _TEMPLATES.get_template("cloud-config.yaml.j2").render(
        plan=plan,
        slot=slot,
        layout=layout,
        archive=shared_archive(slot.kind),
        unpacked_mark=UNPACKED_MARK,
        seeds=seed_files(plan, slot, passwords, addresses, layout),
        setup_name=SETUP_UNIT,
        connections_file=CONNECTIONS_FILE,
        connections=connection_rules(plan, slot, layout),
    )


def most_bytes(plan: Plan, slot: Slot) -> int:
    """Return how long the user-data of a slot is with the longest passwords and addresses that there may be."""
    passwords = Passwords(**dict.fromkeys(ROLES, "x" * MAX_PASSWORD_LENGTH))
    addresses = {slot.name: LONGEST_ADDRESS for slot in plan.slots}
    return len(cloud_config(plan, slot, passwords, addresses).encode())


def check_size(plan: Plan) -> None:
    """Raise InvalidArgumentsError when user-data would be too long, with the arguments that make it long and their bytes."""
    total, longest = max(((most_bytes(plan, slot), slot) for slot in plan.slots), key=lambda found: found[0])
    if total <= MAX_USER_DATA_BYTES:
        return
    # The arguments whose length nothing else bounds.
    without = {
        "extra_directives": replace(plan, extra_directives=()),
        "application_channels": replace(plan, application_channels=()),
    }
    takes = {name: total - most_bytes(rest, longest) for name, rest in without.items() if rest != plan}
    first, *others = sorted(takes, key=lambda name: -takes[name])
    told = ", ".join([f"{first} takes {takes[first]} of them", *(f"{name} {takes[name]}" for name in others)])
    reason = f"user-data would be {total} bytes, the limit is {MAX_USER_DATA_BYTES}; {told}: use fewer or shorter ones"
    raise InvalidArgumentsError(f"SentinelCluster {plan.name!r}", [(first, reason)])
