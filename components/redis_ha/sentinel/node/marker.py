"""The marker: a file inside the data directory that says this disk holds the cluster's data.

Written when the node was seen as master or as a replica in sync, and its disk has what Redis loads at a start. It goes with
the directory when that is wiped, and it does not count when Redis' own files are gone or not whole (redis/redis issue 1297: a
master that restarts empty wipes its replicas).
"""

import json
import time
from pathlib import Path

from .config import note

MARKER = "holds-data.json"
# What Redis 7 and newer load at start (redis.conf: appenddirname, dbfilename): with append-only files those alone, however good
# the dump beside them is.
MANIFESTS = "appendonlydir/*.manifest"
DUMP = "dump.rdb"
# Files of a manifest that are loaded: the base and what came after it; those of the history are about to be deleted
# (redis/redis src/aof.c).
LOADED = ("b", "i")


def is_append_only(configuration: Path) -> bool:
    """Tell from redis.conf whether Redis loads append-only files; the last word counts."""
    try:
        words = [line.split() for line in configuration.read_text().splitlines()]
    except OSError:
        return False
    given = [line[1] for line in words if len(line) == 2 and line[0].lower() == "appendonly"]
    return bool(given) and given[-1].strip('"').lower() == "yes"


def is_loadable(directory: Path, configuration: Path) -> bool:
    """Tell whether Redis would start with data from this directory."""
    if is_append_only(configuration):
        return any(_is_whole(manifest) for manifest in directory.glob(MANIFESTS))
    return _has_content(directory / DUMP)


def _is_whole(manifest: Path) -> bool:
    """Tell whether a manifest has a base, and everything that it names is there."""
    entries = [dict(zip(line[::2], line[1::2], strict=False)) for line in map(str.split, manifest.read_text().splitlines())]
    loaded = {entry["file"].strip('"'): entry["type"] for entry in entries if entry.get("type") in LOADED and "file" in entry}
    base = next((name for name, kind in loaded.items() if kind == "b"), None)
    missing = [name for name in loaded if not (manifest.parent / name).is_file()]
    return base is not None and not missing and _has_content(manifest.parent / base)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def holds_data(directory: Path) -> bool:
    """Tell whether the marker is there."""
    return (directory / MARKER).exists()


def set_marker(directory: Path, role: str, configuration: Path) -> None:
    """Write the marker, once, and not before Redis' own files are whole: a new replica's first ones take their time."""
    if holds_data(directory) or not is_loadable(directory, configuration):
        return
    note(directory / MARKER, json.dumps({"seen_as": role, "at": int(time.time())}) + "\n", exclusive=True)


def verify_before_start(directory: Path, configuration: Path) -> bool:
    """Remove a marker that outlived Redis' files, and tell whether the node holds data. Only while redis-server is stopped."""
    if not is_loadable(directory, configuration):
        (directory / MARKER).unlink(missing_ok=True)
    return holds_data(directory)
