"""Answers -> what each node says, as plain data. No judgement here, and nothing is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .asking import FLUSH, Answers, key_of
from .stack import Slot

# min-replicas-to-write by which an agent keeps a master from taking writes: more than there can be (node/fencing.py).
FENCED = 1_000_000
# down-after-milliseconds while the agent of a Sentinel hears nothing of the master's host (node/lowering.py).
LOWERED_MS = 307
# Connections of a node that its packet filter keeps for the cluster (redis_ha.sentinel.topology, RESERVED_CONNECTIONS).
RESERVED_CONNECTIONS = 108
LINK_UP = "connected"  # ROLE's word for a replica in step with its master; others are connect, connecting, handshake, sync


@dataclass(frozen=True)
class Attached:
    """A replica as its master sees it (INFO's line slaveN). `lag_seconds`: since the last acknowledgement, whole seconds."""

    address: str
    state: str
    offset: int
    lag_seconds: int


@dataclass(frozen=True)
class DataNode:
    """What a data node says of itself. Fields stay at their defaults where it gave no answer (`trouble` says why)."""

    slot: Slot
    trouble: str | None = None
    setting_up: bool = False  # then `trouble` is why that takes so long
    role: str | None = None  # "master" | "replica", Redis's word "slave" is not repeated
    follows: str | None = None
    link: str | None = None  # ROLE's word
    loading: bool = False
    version: str = "?"
    used_bytes: int = 0
    maximum_bytes: int = 0  # 0: no limit
    offset: int = 0
    attached: tuple[Attached, ...] = ()
    good_replicas: int | None = None  # INFO's min_slaves_good_slaves; absent when min-replicas-to-write is 0
    evicted_keys: int = 0
    persistence_errors: tuple[str, ...] = ()
    clients: int = 0
    most_clients: int = 0  # maxclients; 0: not known
    settings: Mapping[str, str] = field(default_factory=dict)
    see_secrets: tuple[str, ...] = ()  # users other than the administrator who may read `masterauth`

    @property
    def needed_replicas(self) -> int:
        """min-replicas-to-write as it is set live."""
        return int(self.settings.get("min-replicas-to-write", "0") or 0)

    @property
    def fenced(self) -> bool:
        """Whether the node's own agent keeps it from taking writes (redis_ha.sentinel.node.fencing, FENCED)."""
        return self.needed_replicas >= FENCED

    @property
    def disk_refuses(self) -> str | None:
        """The state of the disk by which Redis refuses writes (redis src/server.c, writeCommandsDeniedByDiskError)."""
        failed = set(self.persistence_errors)
        dumps = self.settings.get("save") and self.settings.get("stop-writes-on-bgsave-error", "yes") == "yes"
        if "aof_last_write_status" in failed:
            return "aof_last_write_status"
        return "rdb_last_bgsave_status" if dumps and "rdb_last_bgsave_status" in failed else None

    @property
    def writable(self) -> bool:
        """Whether the node takes writes by what it says of itself; nothing is written to find out."""
        enough = self.needed_replicas == 0 or (self.good_replicas or 0) >= self.needed_replicas
        may = enough and self.disk_refuses is None
        return self.trouble is None and self.role == "master" and not self.loading and may


@dataclass(frozen=True)
class Peer:
    """Another instance as a Sentinel knows it. `flags` are Sentinel's words: slave, sentinel, s_down, disconnected ..."""

    address: str
    flags: tuple[str, ...]
    run_id: str = ""

    @property
    def down(self) -> bool:
        """Whether the Sentinel calls it down or has no connection to it."""
        return bool({"s_down", "o_down", "disconnected"} & set(self.flags))


@dataclass(frozen=True)
class SentinelNode:
    """What a Sentinel says. `watches` is False when it knows no master of the stack's name."""

    slot: Slot
    trouble: str | None = None
    setting_up: bool = False  # then `trouble` is what the set-up said last
    watches: bool = False
    my_id: str | None = None
    master: str | None = None
    epoch: int | None = None
    flags: tuple[str, ...] = ()
    quorum: int | None = None
    replicas: tuple[Peer, ...] = ()
    sentinels: tuple[Peer, ...] = ()
    quorum_ok: bool | None = None
    quorum_text: str = ""
    version: str = "?"
    tilt: bool = False
    unsaved: str | None = None  # why it did not write its configuration
    clients: int = 0
    most_clients: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Topology:
    """Everything that was seen in one look."""

    data: tuple[DataNode, ...]
    sentinels: tuple[SentinelNode, ...]

    def nodes(self) -> list["DataNode | SentinelNode"]:
        """Return all nodes, data nodes first."""
        return [*self.data, *self.sentinels]

    def named_masters(self) -> dict[str, list[str]]:
        """Return address -> names of the Sentinels that name it the master."""
        named: dict[str, list[str]] = {}
        for one in self.sentinels:
            if one.master:
                named.setdefault(one.master, []).append(one.slot.name)
        return named

    def master(self) -> DataNode | None:
        """Return the node that most Sentinels name (the highest epoch first), else the only one that says master; else None."""
        said = [one for one in self.sentinels if one.master]
        if said:
            votes = self.named_masters()
            best = max(said, key=lambda one: (len(votes[one.master or ""]), one.epoch or 0)).master
            return next((node for node in self.data if node.slot.address == best), None)
        masters = [node for node in self.data if node.role == "master"]
        return masters[0] if len(masters) == 1 else None


def read(answers: Sequence[Answers]) -> Topology:
    """Turn raw answers into a Topology."""
    data = [read_data(one) for one in answers if one.slot.kind == "data"]
    sentinels = [read_sentinel(one) for one in answers if one.slot.kind == "sentinel"]
    return Topology(
        tuple(sorted(data, key=lambda one: one.slot.slot)),
        tuple(sorted(sentinels, key=lambda one: one.slot.slot)),
    )


def read_data(answers: Answers) -> DataNode:
    """Turn a data node's ROLE, INFO and CONFIG GET into a DataNode."""
    trouble = answers.trouble or _refused(answers, ("ROLE", "INFO"))
    if trouble:
        return DataNode(answers.slot, trouble=trouble, setting_up=answers.setting_up)
    role = answers.replies["ROLE"]
    info = read_info(answers.replies["INFO"])
    replica = role[0] == "slave"
    attached = tuple(
        Attached(f"{row.get('ip')}:{row.get('port')}", row.get("state", "?"), _whole(row.get("offset")), _whole(row.get("lag")))
        for key, value in info.items()
        if key.startswith("slave") and key[5:].isdigit()
        for row in [dict(part.split("=", 1) for part in value.split(",") if "=" in part)]
    )
    good = info.get("min_slaves_good_slaves")
    return DataNode(
        slot=answers.slot,
        role="replica" if replica else str(role[0]),
        follows=f"{role[1]}:{role[2]}" if replica else None,
        link=str(role[3]) if replica else None,
        loading=info.get("loading") == "1",
        version=info.get("redis_version", "?"),
        used_bytes=_whole(info.get("used_memory")),
        maximum_bytes=_whole(info.get("maxmemory")),
        offset=_whole(info.get("slave_repl_offset" if replica else "master_repl_offset")),
        attached=attached,
        good_replicas=None if good is None else _whole(good),
        evicted_keys=_whole(info.get("evicted_keys")),
        persistence_errors=tuple(
            name
            for name in ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
            if info.get(name) == "err"
        ),
        clients=_whole(info.get("connected_clients")),
        most_clients=_whole(info.get("maxclients")),
        settings=pairs(answers.replies.get("CONFIG GET")),
        see_secrets=tuple(
            user for user in answers.replies.get("ACL USERS") or () if answers.replies.get(f"ACL DRYRUN {user}") == "OK"
        ),
    )


def read_sentinel(answers: Answers) -> SentinelNode:
    """Turn a Sentinel's answers into a SentinelNode."""
    if answers.trouble:
        return SentinelNode(answers.slot, trouble=answers.trouble, setting_up=answers.setting_up)
    info = read_info(answers.replies.get("INFO") or "")
    common: dict[str, Any] = {
        "slot": answers.slot,
        "my_id": answers.replies.get("SENTINEL MYID"),
        "version": info.get("redis_version", "?"),
        "tilt": info.get("sentinel_tilt") == "1",
        "unsaved": answers.refused.get(key_of(FLUSH)),
        "clients": _whole(info.get("connected_clients")),
        "most_clients": _whole(info.get("maxclients")),
    }
    state = pairs(answers.replies.get("SENTINEL MASTER"))
    if not state:
        told = answers.refused.get("SENTINEL MASTER", "")
        # "ERR No such master with that name" is an answer; a missing permission is a trouble.
        return SentinelNode(**common, trouble=None if "No such master" in told else told or "gave no usable answer")
    named = answers.replies.get("SENTINEL GET-MASTER-ADDR-BY-NAME")
    ckquorum = answers.replies.get("SENTINEL CKQUORUM")
    return SentinelNode(
        **common,
        watches=True,
        master=f"{named[0]}:{named[1]}" if named else None,
        epoch=_whole(state.get("config-epoch")),
        flags=tuple(state.get("flags", "").split(",")),
        quorum=_whole(state.get("quorum")),
        replicas=_peers(answers.replies.get("SENTINEL REPLICAS")),
        sentinels=_peers(answers.replies.get("SENTINEL SENTINELS")),
        quorum_ok=ckquorum is not None,
        quorum_text=str(ckquorum if ckquorum is not None else answers.refused.get("SENTINEL CKQUORUM", "no answer")),
        settings={
            name: state[name]
            for name in ("down-after-milliseconds", "failover-timeout", "parallel-syncs", "quorum")
            if name in state
        },
    )


def read_info(text: str) -> dict[str, str]:
    """Turn INFO's text into names and values; later sections win, headings and blanks are left out."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def pairs(reply: Any) -> dict[str, str]:
    """Turn RESP2's flat list of names and values into a mapping; anything else is empty."""
    if not isinstance(reply, list):
        return {}
    return {str(reply[at]): str(reply[at + 1]) for at in range(0, len(reply) - 1, 2)}


def _peers(reply: Any) -> tuple[Peer, ...]:
    rows = [pairs(row) for row in reply or []]
    return tuple(
        Peer(f"{row.get('ip')}:{row.get('port')}", tuple(row.get("flags", "").split(",")), row.get("runid", "")) for row in rows
    )


def _refused(answers: Answers, needed: Sequence[str]) -> str | None:
    return next((f"{key}: {answers.refused.get(key, 'no answer')}" for key in needed if key not in answers.replies), None)


def _whole(text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:
        return 0
