"""How far a master's data surely goes on its disk, and whether a living replica knows as much.

A master that restarts has lost its last seconds (appendfsync everysec), or all since its last dump, and its replicas still
have them. If it led again, they would throw that away to resemble it (redis/redis issues 1297, 7892). So it leads only when no
living replica knows as much as its disk surely holds.
"""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from .append_only import rewrite_is_done
from .config import NodeConfig, note
from .resp import Address, Connection, ReplyError, info_fields

RECORD = "position.json"
# An append-only file is on the disk after two seconds at most (redis.conf, appendfsync everysec); there is a look a second.
LOOKS_UNTIL_SYNCED = 3


@dataclass(frozen=True)
class Position:
    """A place in a replication history: INFO's master_replid and an offset in it."""

    history: str
    offset: int


class Recorder:
    """Notes in a file what a master surely has on its disk. It may have more; never less."""

    def __init__(self, path: Path) -> None:
        """Note nothing yet; what an earlier process noted stays."""
        self._path = path
        self._noted: Position | None = None
        self._seen: list[Position] = []
        self._saved_at = ""
        self._before_save: Position | None = None

    def look(self, fields: Mapping[str, str]) -> None:
        """Take one look at INFO."""
        if fields.get("role") != "master":
            self._seen, self._saved_at = [], ""
            return
        now = Position(fields.get("master_replid", ""), int(fields.get("master_repl_offset", "0")))
        held = self._appended(now, fields) if fields.get("aof_enabled") == "1" else self._dumped(now, fields)
        if held is not None and held != self._noted and note(self._path, json.dumps(asdict(held)) + "\n"):
            self._noted = held

    def _appended(self, now: Position, fields: Mapping[str, str]) -> Position | None:
        if fields.get("aof_last_write_status") != "ok" or not rewrite_is_done(fields):
            self._seen = []
            return None
        if any(one.history != now.history for one in self._seen):
            self._seen = []
        self._seen = [*self._seen, now][-LOOKS_UNTIL_SYNCED:]
        return self._seen[0] if len(self._seen) == LOOKS_UNTIL_SYNCED else None

    def _dumped(self, now: Position, fields: Mapping[str, str]) -> Position | None:
        """Take what was there before a dump began: that much is in it."""
        saved_at = fields.get("rdb_last_save_time", "")
        new = bool(self._saved_at) and saved_at != self._saved_at and fields.get("rdb_last_bgsave_status") == "ok"
        held = self._before_save if new else None
        self._saved_at = saved_at
        if fields.get("rdb_bgsave_in_progress") == "0":
            self._before_save = now
        return held


def recorded(path: Path) -> Position | None:
    """Read what was noted; None when nothing was, or the file is torn."""
    try:
        found = json.loads(path.read_text())
        return Position(str(found["history"]), int(found["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def was_linked(fields: Mapping[str, str]) -> bool:
    """Tell from INFO whether a replica has been in step with a master since it started, or since it was master itself.

    Redis says -1 until then (redis/redis src/replication.c, repl_down_since).
    """
    return fields.get("master_link_status") == "up" or int(fields.get("master_link_down_since_seconds", "-1")) >= 0


def knows_as_much(fields: Mapping[str, str], node: Address, held: Position | None) -> bool:
    """Tell from a replica's INFO whether it has lived on with the node's data and knows at least what the node's disk holds.

    One that was never linked since it started is no witness, nor is one that may not lead (priority 0). Of another history than
    the noted one nobody can say what it lacks, so it counts.
    """
    follows = (fields.get("master_host"), fields.get("master_port")) == (node[0], str(node[1]))
    if fields.get("role") != "slave" or not follows or fields.get("slave_priority") == "0":
        return False
    least = held.offset if held is not None and held.history == fields.get("master_replid") else 0
    return was_linked(fields) and int(fields.get("slave_repl_offset", "0")) >= least


def witness(config: NodeConfig, replicas: Iterable[Address], timeout: float) -> Address | None:
    """Ask the replicas all at once; return one that knows as much as this node's disk holds, None when there is none."""
    node = (config.self_address, config.redis_port)
    held = recorded(config.agent_directory / RECORD)
    told = ask_replication(set(replicas) - {node}, config, timeout)
    return next((address for address, fields in told.items() if knows_as_much(fields, node, held)), None)


def ask_replication(addresses: Iterable[Address], config: NodeConfig, timeout: float) -> dict[Address, dict[str, str]]:
    """Ask data nodes for INFO replication all at once, in the order of their addresses; empty when one does not answer."""
    wanted = sorted(set(addresses))
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        answers = pool.map(lambda address: replication(address, config, timeout), wanted)
    return dict(zip(wanted, answers, strict=True))


def replication(address: Address, config: NodeConfig, timeout: float) -> dict[str, str]:
    """Ask a data node for INFO replication; empty when it does not answer."""
    admin = config.users["admin"]
    try:
        connection = Connection(
            address, username=admin.username, password=admin.password, timeout=timeout, source=config.self_address
        )
    except (OSError, ReplyError):
        return {}
    try:
        return info_fields(connection.call("INFO", "replication"))
    except (OSError, ReplyError):
        return {}
    finally:
        connection.close()
