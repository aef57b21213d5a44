"""The marker: a file inside the data directory that says this disk holds the cluster's data.

Written when the node was seen as master or as a replica in sync. It goes with the directory when that is wiped, and it does not
count when Redis' own files beside it are gone (redis/redis issue 1297: a master that restarts empty wipes its replicas).
"""

import json
import time
from pathlib import Path

from .config import write_privately

MARKER = "holds-data.json"
# What Redis 7 and newer load at start: the manifest of the append-only files, or the dump (redis.conf:
# appenddirname, dbfilename).
APPEND_ONLY_MANIFESTS = "appendonlydir/*.manifest"
DUMP = "dump.rdb"


def holds_data(directory: Path) -> bool:
    """Tell whether the marker is there."""
    return (directory / MARKER).exists()


def set_marker(directory: Path, role: str) -> None:
    """Write the marker, once."""
    if holds_data(directory):
        return
    write_privately(directory / MARKER, json.dumps({"seen_as": role, "at": int(time.time())}) + "\n", exclusive=True)


def verify_before_start(directory: Path) -> bool:
    """Remove a marker that outlived Redis' files, and tell whether the node holds data. Only while redis-server is stopped."""
    loadable = (directory / DUMP).exists() or any(directory.glob(APPEND_ONLY_MANIFESTS))
    if not loadable:
        (directory / MARKER).unlink(missing_ok=True)
    return holds_data(directory)
