"""What is wrong with a topology: plain data in, findings out. The order of the rules is the order in which they are shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from .live_settings import differences
from .stack import Slot, Stack
from .topology import FENCED, LINK_UP, LOWERED_MS, RESERVED_CONNECTIONS, Peer, SentinelNode, Topology

# broken: writes are refused, or two nodes may take them. degraded: it works, one more fault may end that. note: worth knowing.
Severity = Literal["broken", "degraded", "note"]

# A data node that the boot gate has not placed follows this dead address: a node is never writable on its own word.
NOWHERE = "127.0.0.1:1"
# A node that refuses writes when full is in danger before it is full: copy-on-write and buffers need room of their own.
MEMORY_WARNING_SHARE = 0.9
# Early enough to find who holds the connections before the first application is refused one.
CONNECTIONS_WARNING_SHARE = 0.8
# redis.conf, min-replicas-max-lag: Redis's own default, used where the live one is not known.
DEFAULT_MAX_LAG_SECONDS = 10


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be. `code` is stable (for scripts), `subject` the slot or "cluster"."""

    severity: Severity
    code: str
    subject: str
    text: str


def judge(seen: Topology, stack: Stack) -> list[Finding]:
    """Return every disagreement between the nodes, the Sentinels and the stack; empty (or notes only) means healthy."""
    return [finding for rule in RULES for finding in rule(seen, stack)]


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing but notes was found."""
    return all(one.severity == "note" for one in findings)


def nobody_answered(seen: Topology) -> bool:
    """Whether not a single node gave an answer: then nothing is known about the stack's health."""
    return all(node.trouble and not node.setting_up for node in seen.nodes())


def _unreachable(seen: Topology, stack: Stack) -> Iterator[Finding]:
    for node in seen.nodes():
        if node.setting_up:
            yield Finding("degraded", "setting-up", node.slot.name, f"is still being set up: {node.trouble}")
        elif node.trouble:
            text = f"{node.slot.address}: {node.trouble}; if its machine runs, `{_journal_of(node.slot, stack)}` tells why"
            yield Finding("degraded", "unreachable", node.slot.name, text)


def _journal_of(slot: Slot, stack: Stack) -> str:
    """Return what a person types to read a machine's journal."""
    if stack.emulated:
        return f"python -m pulumi_emulator logs --stack {stack.name} {slot.name}"
    return f"ssh root@{slot.public_ip or slot.private_ip} journalctl -n 50"


def _masters(seen: Topology, _: Stack) -> Iterator[Finding]:
    masters = [node for node in seen.data if node.role == "master"]
    writable = [node for node in masters if node.writable]
    if len(writable) > 1:
        names = ", ".join(node.slot.name for node in writable)
        yield Finding(
            "broken",
            "two-writable",
            "cluster",
            f"{len(writable)} nodes take writes at once: {names}; what the wrong one takes is lost",
        )
    elif len(masters) > 1:
        names = ", ".join(node.slot.name for node in masters)
        yield Finding("broken", "two-masters", "cluster", f"{len(masters)} nodes call themselves master: {names}")
    if not masters:
        yield Finding("broken", "no-master", "cluster", "no reachable data node is a master: nothing takes writes")
    for node in masters:
        if node.writable:
            continue
        if node.loading:
            yield Finding("broken", "loading", node.slot.name, "is loading its data and answers nothing else yet")
        elif node.disk_refuses:
            why = f"cannot write its disk ({node.disk_refuses} is err): free space on it"
            yield Finding("broken", "writes-refused", node.slot.name, f"refuses writes (MISCONF): {why}")
        elif node.fenced:
            why = "it hears no majority of the Sentinels and misses a replica, so another node may be master"
            yield Finding("broken", "writes-refused", node.slot.name, f"refuses writes (NOREPLICAS): {why}")
        else:
            counted = f"{node.good_replicas or 0} of {node.needed_replicas} needed replicas acknowledge in time"
            yield Finding("broken", "writes-refused", node.slot.name, f"refuses writes (NOREPLICAS): {counted}")


def _sentinel_words(seen: Topology, stack: Stack) -> Iterator[Finding]:
    for one in seen.sentinels:
        if not one.trouble and not one.watches:
            yield Finding(
                "degraded",
                "watches-nothing",
                one.slot.name,
                f"watches no master {stack.master_name!r}: it has not joined (yet)",
            )
    named = seen.named_masters()
    if len(named) > 1:
        told = "; ".join(f"{', '.join(names)}: {_who(address, stack)}" for address, names in sorted(named.items()))
        yield Finding("broken", "named-differently", "cluster", f"the Sentinels name different masters: {told}")
    epochs = {one.epoch for one in seen.sentinels if one.watches}
    if len(epochs) > 1:
        told = ", ".join(f"{one.slot.name} {one.epoch}" for one in seen.sentinels if one.watches)
        yield Finding("degraded", "epochs-differ", "cluster", f"the Sentinels are at different config-epochs: {told}")
    for address, names in sorted(named.items()):
        node = next((node for node in seen.data if node.slot.address == address), None)
        if node is None:
            yield Finding(
                "broken",
                "named-stranger",
                "cluster",
                f"{', '.join(names)} name {address} the master, which is no slot of this stack",
            )
        elif node.role == "replica":
            yield Finding(
                "broken",
                "named-replica",
                node.slot.name,
                f"is named the master by {', '.join(names)} but is a replica of {node.follows}",
            )


def _followers(seen: Topology, stack: Stack) -> Iterator[Finding]:
    master = seen.master()
    named = seen.named_masters()
    for node in seen.data:
        if node.trouble:
            continue
        if node.role == "master":
            if master is not None and node is not master:
                yield Finding(
                    "broken", "wrong-master", node.slot.name, f"calls itself master; the Sentinels name {master.slot.name}"
                )
            continue
        if node.follows == NOWHERE:
            yield Finding(
                "degraded",
                "orphan",
                node.slot.name,
                "is placed nowhere (read-only, follows no master): no majority of Sentinels placed it",
            )
            continue
        if named and node.follows not in named:
            yield Finding(
                "degraded", "follows-other", node.slot.name, f"follows {_who(node.follows or '?', stack)}, not the named master"
            )
        if node.link != LINK_UP:
            yield Finding("degraded", "link-down", node.slot.name, f"is not connected to its master ({node.link})")
        if node.loading:
            yield Finding("degraded", "loading", node.slot.name, "is loading its data")


def _replication(seen: Topology, stack: Stack) -> Iterator[Finding]:
    master = seen.master()
    if master is None or master.role != "master":
        return
    limit = int(master.settings.get("min-replicas-max-lag", DEFAULT_MAX_LAG_SECONDS))
    rows = {row.address: row for row in master.attached}
    for node in seen.data:
        if node is master or node.trouble or node.role != "replica" or node.follows != master.slot.address:
            continue
        row = rows.pop(node.slot.address, None)
        if row is None:
            yield Finding(
                "degraded",
                "not-attached",
                node.slot.name,
                f"follows {master.slot.name}, which does not count it among its replicas",
            )
        elif row.state != "online":
            yield Finding(
                "degraded", "not-online", node.slot.name, f"is attached to {master.slot.name} but not in step ({row.state})"
            )
        elif row.lag_seconds > limit:
            yield Finding(
                "degraded", "lagging", node.slot.name, f"acknowledged {row.lag_seconds} s ago (min-replicas-max-lag {limit})"
            )
    known = {slot.address for slot in stack.slots}
    for address in sorted(set(rows) - known):
        yield Finding(
            "degraded", "replica-stranger", master.slot.name, f"replicates to {address}, which is no slot of this stack"
        )


def _sentinel_peers(seen: Topology, stack: Stack) -> Iterator[Finding]:
    data = {slot.address for slot in stack.of_kind("data")}
    sentinels = {slot.address for slot in stack.of_kind("sentinel")}
    for one in seen.sentinels:
        if not one.watches:
            continue
        expected = {"replica": data - {one.master or ""}, "Sentinel": sentinels - {one.slot.address}}
        for word, peers in (("replica", one.replicas), ("Sentinel", one.sentinels)):
            yield from _peer_findings(one, word, peers, expected[word], stack)


def _peer_findings(
    one: SentinelNode, word: str, peers: tuple[Peer, ...], expected: set[str], stack: Stack
) -> Iterator[Finding]:
    for peer in peers:
        if peer.address not in expected and peer.address != one.master:
            yield Finding(
                "degraded",
                "dead-peer",
                one.slot.name,
                f"knows a {word} {peer.address}, which is no slot of this stack ({', '.join(peer.flags)}); "
                "`redis-ha forget` ends that",
            )
        elif peer.down:
            yield Finding(
                "degraded",
                "peer-down",
                one.slot.name,
                f"calls the {word} {_who(peer.address, stack)} down ({', '.join(peer.flags)})",
            )
    for address in sorted(expected - {peer.address for peer in peers}):
        yield Finding("degraded", "peer-unknown", one.slot.name, f"does not know the {word} {_who(address, stack)}")


def _sentinel_state(seen: Topology, stack: Stack) -> Iterator[Finding]:
    for one in seen.sentinels:
        if not one.watches:
            continue
        if not one.quorum_ok:
            yield Finding("degraded", "no-quorum", one.slot.name, f"CKQUORUM: {one.quorum_text}")
        words = [flag for flag in one.flags if flag not in ("master", "")]
        if words:
            yield Finding("degraded", "master-flags", one.slot.name, f"says of the master: {', '.join(words)}")
        if one.tilt:
            yield Finding(
                "degraded",
                "tilt",
                one.slot.name,
                "is in TILT: its clock jumped or it was stopped; its agent starts it anew, else it acts again after 30 s",
            )
        wanted = one.slot.sentinel_id
        if wanted and one.my_id and one.my_id != wanted:
            yield Finding(
                "degraded",
                "other-id",
                one.slot.name,
                f"runs as {one.my_id[:12]}..., its slot's id is {wanted[:12]}...: peers count it twice",
            )
        if one.quorum != stack.quorum:
            yield Finding("degraded", "setting-differs", one.slot.name, f"quorum is {one.quorum} live, {stack.quorum} desired")


def _health_of_nodes(seen: Topology, _: Stack) -> Iterator[Finding]:
    for node in seen.data:
        if node.persistence_errors:
            yield Finding(
                "degraded",
                "persistence",
                node.slot.name,
                f"could not write its disk: {', '.join(node.persistence_errors)} is err",
            )
        full = node.maximum_bytes and node.used_bytes >= MEMORY_WARNING_SHARE * node.maximum_bytes
        if full and node.settings.get("maxmemory-policy") == "noeviction":
            share = 100 * node.used_bytes // node.maximum_bytes
            yield Finding(
                "degraded",
                "memory",
                node.slot.name,
                f"{share} % of maxmemory is used and nothing is evicted: writes will be refused (OOM)",
            )


def _files_of_sentinels(seen: Topology, _: Stack) -> Iterator[Finding]:
    for one in seen.sentinels:
        if one.unsaved:
            why = f"cannot write its configuration ({one.unsaved.rstrip('.')})"
            text = f"{why}: it forgets what a failover changes when it restarts; free space on its disk"
            yield Finding("degraded", "persistence", one.slot.name, text)


def _rights(seen: Topology, _: Stack) -> Iterator[Finding]:
    for node in seen.data:
        for user in node.see_secrets:
            # A right may come from a selector (Redis 7.0), which no rule of the user's own takes away.
            remedy = f"on this node as admin: ACL SETUSER {user} -config|get clearselectors, then ACL SAVE"
            shows = f"ACL GETUSER {user} shows its selectors first, to set again those that it needs"
            text = (
                f"user {user} has the right to read masterauth by CONFIG GET, and to copy all data with it; {remedy} ({shows})"
            )
            yield Finding("degraded", "rights", node.slot.name, text)


def _connections(seen: Topology, _: Stack) -> Iterator[Finding]:
    for node in seen.nodes():
        allowed = node.most_clients - RESERVED_CONNECTIONS
        if node.most_clients and node.clients >= CONNECTIONS_WARNING_SHARE * allowed:
            yield Finding(
                "degraded",
                "connections",
                node.slot.name,
                f"has {node.clients} connections of the {max(allowed, 0)} that applications may hold: new ones will be refused",
            )


def _settings(seen: Topology, stack: Stack) -> Iterator[Finding]:
    for node in seen.nodes():
        desired = stack.redis_settings if node.slot.kind == "data" else stack.sentinel_settings
        for name, live, wanted in differences(desired, node.settings):
            if node.slot.kind == "sentinel" and name == "quorum":
                continue  # said by the Sentinels' own rule
            if name == "min-replicas-to-write" and live == str(FENCED):
                continue  # the agent's doing, said above
            if name == "down-after-milliseconds" and live == str(LOWERED_MS):
                told = "its agent hears nothing of the master's host, and has lowered down-after-milliseconds for the moment"
                yield Finding("degraded", "host-silent", node.slot.name, told)
                continue
            raised = name == "min-replicas-to-write" and live.isdigit() and wanted.isdigit() and int(live) > int(wanted)
            cause = "; an agent raises it while its master hears no majority of the Sentinels" if raised else ""
            yield Finding(
                "degraded",
                "setting-differs",
                node.slot.name,
                f"{name} is {live or '(empty)'} live, {wanted or '(empty)'} desired{cause}",
            )


def _versions(seen: Topology, _: Stack) -> Iterator[Finding]:
    versions = {node.version for node in seen.nodes() if not node.trouble}
    if len(versions) > 1:
        yield Finding("note", "versions-differ", "cluster", f"different versions run: {', '.join(sorted(versions))}")


def _who(address: str, stack: Stack) -> str:
    """Return the slot's name for an address, else the address."""
    return next((slot.name for slot in stack.slots if slot.address == address), address)


RULES: tuple[Callable[[Topology, Stack], Iterator[Finding]], ...] = (
    _masters,
    _sentinel_words,
    _unreachable,
    _followers,
    _replication,
    _sentinel_state,
    _sentinel_peers,
    _health_of_nodes,
    _files_of_sentinels,
    _connections,
    _rights,
    _settings,
    _versions,
)
