"""What the Sentinels say, asked over the network, and how a node learns where they are."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from .config import NodeConfig, note
from .lowering import LOWERED_MS
from .resp import Address, Connection, Reply, ReplyError, client_list, pairs, text

# A Sentinel in the same VPC answers in a millisecond. A round with dead Sentinels has to be over well within down-after, else
# what was learnt in it would be too old to become master on.
ASK_AT_MOST_S = 0.5
ASK_WITHIN = 0.25
NEVER_MS = 10**12
# A Sentinel that began a failover says so in its next answer; one that refused is given time before the next is asked.
FAILOVER_EVERY_S = 2.0
# The connection that a Sentinel's agent holds to a data node is named so, followed by `<address>:<port>` of the Sentinel.
PRESENCE = "redis-ha-sentinel-"
# Sentinel names its own connections `sentinel-<first 8 of its id>-cmd` and `-pubsub` (src/sentinel.c, sentinelSetClientName).
SENTINEL_OWN = "sentinel-"
# Addresses of Sentinels that a node keeps. Replaced Sentinels leave theirs behind; the least recently seen ones go first.
KEPT_ADDRESSES = 24


@dataclass(frozen=True)
class Answer:
    """One Sentinel's word about the master. `master` is None when it monitors none; ages and times in milliseconds.

    `replicas` are those that it reaches, `peers` the other Sentinels that it knows, lost ones too. `quorum` is its own, 0 when
    it monitors none. `failover` is the state of the failover that it leads or wants to lead, empty when there is none. `leads`
    is the epoch in which a majority voted for it, 0 when none did. `promoted` is the replica that it has chosen, and `failed`
    the master that this is to replace. `lowered`: it is about to call the master down (`lowering`).
    """

    sentinel_id: str
    address: Address
    master: Address | None = None
    config_epoch: int = 0
    flags: frozenset[str] = frozenset()
    ok_ping_age_ms: int = 0
    role_reported: str = ""
    role_reported_ms: int = 0
    replicas: tuple[Address, ...] = ()
    peers: tuple[Address, ...] = ()
    quorum: int = 0
    failover: str = ""
    leads: int = 0
    promoted: Address | None = None
    failed: Address | None = None
    lowered: bool = False


def ask_one(address: Address, config: NodeConfig) -> Answer | None:
    """Ask one Sentinel; None when it does not answer in time or is not ours (another password)."""
    user = config.users["discovery"]
    timeout = min(ASK_AT_MOST_S, ASK_WITHIN * config.down_after_ms / 1000)
    try:
        connection = Connection(
            address, username=user.username, password=user.password, timeout=timeout, source=config.self_address
        )
    except (OSError, ReplyError):
        return None
    try:
        return read_answer(connection, address, config.master_name)
    except (OSError, ReplyError, ValueError):
        return None
    finally:
        connection.close()


def read_answer(connection: Connection, address: Address, master_name: str) -> Answer:
    """Read a Sentinel's word over an open connection."""
    sentinel_id = text(connection.call("SENTINEL", "MYID"))
    try:
        fields = pairs(connection.call("SENTINEL", "MASTER", master_name))
    except ReplyError as error:
        if "No such master" in str(error):
            return Answer(sentinel_id, address)
        raise
    # Asked after SENTINEL MASTER: that gives the old address until a failover has ended, but the new config-epoch as soon as
    # the promotion was seen; this command gives the new address then (src/sentinel.c, sentinelGetCurrentMasterAddress).
    current = connection.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name)
    replicas = instances(connection.call("SENTINEL", "REPLICAS", master_name))
    chosen = next((one for one in replicas if "promoted" in one.get("flags", "").split(",")), None)
    others = instances(connection.call("SENTINEL", "SENTINELS", master_name))
    peers = tuple((peer["ip"], int(peer["port"])) for peer in others if peer.get("ip") and int(peer.get("port", "0")))
    listed = (fields["ip"], int(fields["port"]))
    master = (text(current[0]), int(text(current[1]))) if isinstance(current, list) else listed
    known = Answer(
        sentinel_id,
        address,
        master,
        int(fields["config-epoch"]),
        peers=peers,
        quorum=int(fields["quorum"]),
        failover=fields.get("failover-state", ""),
        leads=elected(sentinel_id, others),
        promoted=None if chosen is None else (chosen["ip"], int(chosen["port"])),
        failed=listed,
        lowered=fields.get("down-after-milliseconds") == str(LOWERED_MS),
    )
    if master != listed:  # flags and times are those of the old master: nothing is known about how the new one was reached
        return replace(known, ok_ping_age_ms=NEVER_MS)
    return replace(
        known,
        flags=frozenset(fields["flags"].split(",")),
        ok_ping_age_ms=int(fields.get("last-ok-ping-reply", NEVER_MS)),
        role_reported=fields.get("role-reported", ""),
        role_reported_ms=int(fields.get("role-reported-time", "0")),
        replicas=tuple((one["ip"], int(one["port"])) for one in replicas if _usable(one)),
    )


def elected(sentinel_id: str, peers: list[dict[str, str]]) -> int:
    """Return the epoch in which a majority voted for a Sentinel, by what it knows of its peers (SENTINEL SENTINELS); 0 if none.

    Its own vote counts too. What peers voted is forgotten after some seconds (src/sentinel.c, SENTINEL_ASK_PERIOD).
    """
    votes = Counter(int(peer.get("voted-leader-epoch", "0")) for peer in peers if peer.get("voted-leader") == sentinel_id)
    won = [epoch for epoch, count in votes.items() if 1 + count > (len(peers) + 1) // 2]
    return max(won, default=0)


def instances(reply: Reply) -> list[dict[str, str]]:
    """Read the answer to SENTINEL REPLICAS or SENTINELS."""
    return [pairs(entry) for entry in reply] if isinstance(reply, list) else []


def _usable(replica: dict[str, str]) -> bool:
    return not {"s_down", "o_down", "disconnected"} & set(replica.get("flags", "").split(","))


def ask_all(config: NodeConfig, addresses: Iterable[Address]) -> list[Answer]:
    """Ask all addresses at once; one answer a Sentinel, also when it is known by two addresses."""
    wanted = sorted(set(addresses))
    if not wanted:
        return []
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        answers = pool.map(lambda address: ask_one(address, config), wanted)
    return list({answer.sentinel_id: answer for answer in answers if answer is not None}.values())


class Failovers:
    """Asks Sentinels for a failover that does not wait for their time-outs, one at a time: two could choose two replicas."""

    def __init__(self, config: NodeConfig) -> None:
        """Ask nothing yet."""
        self._config = config
        self._next = 0.0
        self._turn = 0

    def ask(self, answers: list[Answer]) -> str:
        """Ask one of those that answered; return what it said, empty when it is too early to ask again."""
        if not answers or time.monotonic() < self._next:
            return ""
        self._next = time.monotonic() + FAILOVER_EVERY_S
        chosen = sorted(answers, key=lambda answer: answer.sentinel_id)[self._turn % len(answers)]
        admin = self._config.users["admin"]
        try:
            connection = Connection(
                chosen.address,
                username=admin.username,
                password=admin.password,
                timeout=ASK_AT_MOST_S,
                source=self._config.self_address,
            )
            try:
                return text(connection.call("SENTINEL", "FAILOVER", self._config.master_name))
            finally:
                connection.close()
        except (OSError, ReplyError) as error:
            self._turn += 1
            return f"{chosen.address[0]}: {error}"


def addresses_among_clients(reply: Reply, sentinel_port: int, username: str) -> set[Address]:
    """Find the Sentinels among a data node's clients.

    Only connections of the Sentinels' own user count: any client may choose any name. A Sentinel's own connection names no
    port, all Sentinels of a cluster listen on the same one.
    """
    found: set[Address] = set()
    for client in client_list(reply):
        name = client.get("name", "")
        if client.get("user") != username:
            continue
        if name.startswith(PRESENCE):
            host, _, port = name.removeprefix(PRESENCE).rpartition(":")
            if port.isdigit():
                found.add((host, int(port)))
        elif name.startswith(SENTINEL_OWN):
            found.add((client.get("addr", "").rpartition(":")[0], sentinel_port))
    return found


class AddressBook:
    """The Sentinels' addresses that a data node has seen, in a file that survives a restart and a wiped data directory."""

    def __init__(self, path: Path, seeds: Iterable[Address]) -> None:
        """Read the file, if it is there and whole, and add the seeds of the first boot."""
        self._path = path
        self._seen: dict[Address, float] = {}
        try:
            entries = json.loads(path.read_text())["sentinels"]
            self._seen = {(str(entry["host"]), int(entry["port"])): float(entry["seen"]) for entry in entries}
        except (OSError, ValueError, KeyError, TypeError):
            self._seen = {}  # no file yet, or a torn one: the seeds and the next CLIENT LIST fill it again
        for seed in seeds:
            self._seen.setdefault(seed, 0.0)
        self._written = set(self._seen)

    def addresses(self) -> set[Address]:
        """Return all known addresses."""
        return set(self._seen)

    def learn(self, addresses: Iterable[Address]) -> None:
        """Note addresses as seen now; the file is written only when an address is new or has to go."""
        found = set(addresses)
        now = time.time()
        self._seen.update(dict.fromkeys(found, now))
        keep = sorted(self._seen, key=lambda address: self._seen[address], reverse=True)[:KEPT_ADDRESSES]
        self._seen = {address: self._seen[address] for address in keep}
        if set(self._seen) != self._written:
            entries = [{"host": host, "port": port, "seen": seen} for (host, port), seen in sorted(self._seen.items())]
            if note(self._path, json.dumps({"sentinels": entries}, indent=1) + "\n"):
                self._written = set(self._seen)
