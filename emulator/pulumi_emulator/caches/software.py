"""The programs that nodes run: Debian's redis-server and valkey-server, each in a root file system that is built once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pulumi_emulator.machines.images import bootstrap, ensure_root, folder_of

NODE_FOLDER: Final = "/cache-node"  # where a node finds its own folder inside the root file system
LAYOUT: Final = 1  # raise it when `_build` changes


@dataclass(frozen=True)
class Software:
    """An engine's program and the Debian suite it comes from.

    Redis comes from bookworm: 7.0 is what ElastiCache for Redis OSS has (up to 7.1), trixie's 8.0 is no version of it; and
    like there, a Valkey node can take over its data.
    """

    suite: str
    packages: tuple[str, ...]
    server: str
    layout: int = LAYOUT


SOFTWARE: Final = {
    "redis": Software("bookworm", ("redis-server", "redis-tools"), "redis-server"),  # 7.0.15
    "valkey": Software("trixie", ("valkey-server", "valkey-tools"), "valkey-server"),  # 8.1.1
}


def root_path(home: Path, engine: str) -> Path:
    """Return where an engine's root file system lies, whether it is built or not."""
    digest = hashlib.sha256(json.dumps(asdict(SOFTWARE[engine]), sort_keys=True).encode()).hexdigest()[:12]
    return folder_of(home) / f"cache-nodes-{engine}-{digest}"


def ensure_engine(home: Path, engine: str, report: Callable[[str], None]) -> Path:
    """Return an engine's root file system, building it first when it is not there (about 20 s, once)."""
    return ensure_root(root_path(home, engine), lambda building: _build(building, engine, report), report)


def _build(building: Path, engine: str, report: Callable[[str], None]) -> None:
    software = SOFTWARE[engine]
    started = time.monotonic()
    report(f"building the cache nodes' {software.server} (Debian {software.suite}, once, about 20 s)")
    bootstrap(building, f"cache-nodes-{engine}", software.suite, software.packages, ["--variant=essential"])
    (building / NODE_FOLDER.lstrip("/")).mkdir()
    report(f"{software.server} built in {time.monotonic() - started:.0f} s")
