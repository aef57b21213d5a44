"""What a node knows about itself: /var/lib/redis-ha/agent/node.json, made from the seed of its first boot."""

import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Every data node starts as a replica of this address, where nothing listens (port 1 is tcpmux, which Debian does not run): a
# node is read-only until somebody who knows the cluster's state places it.
NOWHERE = ("127.0.0.1", 1)
# The environment variable that moves the state directory (tests); systemd's units do not set it.
STATE_VARIABLE = "REDIS_HA_STATE"
STATE_DIRECTORY = "/var/lib/redis-ha"


@dataclass(frozen=True)
class User:
    """A user name and its password; the password is in no repr."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"User({self.username!r}, ...)"


@dataclass(frozen=True)
class NodeConfig:
    """One node's settings; times in milliseconds."""

    name: str
    kind: str
    self_address: str
    master_name: str
    redis_port: int
    sentinel_port: int
    sentinel_count: int
    quorum: int
    down_after_ms: int
    failover_timeout_ms: int
    parallel_syncs: int
    master_reboot_down_after_ms: int
    replica_priority: int
    replicas: int
    min_replicas_to_write: int
    application_connections: int
    data_seeds: tuple[str, ...]
    sentinel_seeds: tuple[str, ...]
    users: dict[str, User]
    state: Path

    @property
    def data_directory(self) -> Path:
        """Return the directory of the dump, the append-only files and the marker."""
        return self.state / "data"

    @property
    def redis_configuration(self) -> Path:
        """Return Redis' own configuration file."""
        return self.state / "config" / "redis.conf"

    @property
    def agent_directory(self) -> Path:
        """Return the agents' own directory, which only root reads."""
        return self.state / "agent"


def state_directory() -> Path:
    """Return the directory that holds everything a node keeps."""
    return Path(os.environ.get(STATE_VARIABLE, STATE_DIRECTORY))


def parse(document: dict[str, Any], state: Path) -> NodeConfig:
    """Make the settings from node.json's content; a missing key raises KeyError."""
    timers = document["timers"]
    return NodeConfig(
        name=document["name"],
        kind=document["kind"],
        self_address=document["self_address"],
        master_name=document["master_name"],
        redis_port=int(document["redis_port"]),
        sentinel_port=int(document["sentinel_port"]),
        sentinel_count=int(document["sentinel_count"]),
        quorum=int(document["quorum"]),
        down_after_ms=int(timers["down_after_ms"]),
        failover_timeout_ms=int(timers["failover_timeout_ms"]),
        parallel_syncs=int(timers["parallel_syncs"]),
        master_reboot_down_after_ms=int(timers["master_reboot_down_after_ms"]),
        replica_priority=int(document["replica_priority"]),
        replicas=int(document["replicas"]),
        min_replicas_to_write=int(document["min_replicas_to_write"]),
        application_connections=int(document["application_connections"]),
        data_seeds=tuple(document["seeds"]["data"]),
        sentinel_seeds=tuple(document["seeds"]["sentinel"]),
        users={role: User(**user) for role, user in document["users"].items()},
        state=state,
    )


def load() -> NodeConfig:
    """Read this node's settings."""
    state = state_directory()
    return parse(json.loads((state / "agent" / "node.json").read_text()), state)


def write_privately(path: Path, content: str, *, exclusive: bool = False, owner: str | None = None) -> None:
    """Write a file of mode 0600 in one step: readers see the old text or the new, and no link placed there is followed.

    With `exclusive` a file that exists is left as it is.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if owner is not None:
        shutil.chown(temporary, owner, owner)
    if exclusive:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
        temporary.unlink()
    else:
        temporary.replace(path)


_unwritten: set[Path] = set()


def note(path: Path, content: str, *, exclusive: bool = False) -> bool:
    """Write a file of an agent's own; tell whether it is written. What an agent decides must not depend on room on its disk."""
    try:
        write_privately(path, content, exclusive=exclusive)
    except OSError as error:
        if path not in _unwritten:
            print(f"goes on without writing {path}: {error.strerror}", flush=True)
        _unwritten.add(path)
        return False
    _unwritten.discard(path)
    return True
