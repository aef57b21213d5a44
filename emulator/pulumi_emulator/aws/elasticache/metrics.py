"""What ElastiCache publishes of a node, from what the node says of itself at two moments. Plain functions on plain data.

Which metric is which field of INFO, and the units: docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html and
CacheMetrics.HostLevel.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from pulumi_emulator.aws.elasticache.node_types import Room
from pulumi_emulator.caches.measure import Calls, Reading

# A processor's share over less time than this is noise.
CPU_SECONDS: Final = 0.5
PRIMARY: Final = "primary"
REPLICA: Final = "replica"
# Metric -> field of INFO, of what grows since the process began: published is by how much it grew in the minute.
COUNTS: Final = {
    "AuthenticationFailures": "acl_access_denied_auth",
    "CacheHits": "keyspace_hits",
    "CacheMisses": "keyspace_misses",
    "ChannelAuthorizationFailures": "acl_access_denied_channel",
    "CommandAuthorizationFailures": "acl_access_denied_cmd",
    "ErrorCount": "total_error_replies",
    "Evictions": "evicted_keys",
    "KeyAuthorizationFailures": "acl_access_denied_key",
    "NewConnections": "total_connections_received",
    "Reclaimed": "expired_keys",
}
BYTE_COUNTS: Final = {"NetworkBytesIn": "total_net_input_bytes", "NetworkBytesOut": "total_net_output_bytes"}
LEVELS: Final = {
    "BlockedConnections": ("blocked_clients", "Count"),
    "BytesUsedForCache": ("used_memory", "Bytes"),
    "CurrConnections": ("connected_clients", "Count"),
    "MemoryFragmentationRatio": ("mem_fragmentation_ratio", "None"),
    "SaveInProgress": ("rdb_bgsave_in_progress", "None"),
}
ENGINE_CPU: Final = "EngineCPUUtilization"
HOST_CPU: Final = "CPUUtilization"
COUNTED_MEMORY: Final = "DatabaseMemoryUsageCountedForEvictPercentage"
GLOBAL_LAG: Final = "GlobalDatastoreReplicationLag"
# Published by shard and by group too, a value of each of its nodes. AmazonCloudWatch, "Supported metrics for resource tags for
# telemetry", AWS/ElastiCache: what has ReplicationGroupId and NodeGroupId; AutoScaling-Scaling-Policies: what has Role.
OF_GROUPS: Final = frozenset({ENGINE_CPU, COUNTED_MEMORY})


class Value(NamedTuple):
    """A metric's value or values in a minute: their number and sum (each is their mean)."""

    total: float
    unit: str
    number: float = 1


@dataclass(frozen=True)
class Node:
    """A node at the end of a minute: what it says, what it said at the end of the one before, and what it is.

    `cpu` has the shares of a second for which its engine's thread, and all of its process, ran; None while they are not known.
    """

    now: Reading
    before: Reading | None
    role: str
    room: Room
    cpu: tuple[float, float] | None
    global_lag: float | None = None


def published(node: Node) -> dict[str, Value]:
    """Return the metrics of a node."""
    info = node.now.info
    found = {name: Value(float(info[field]), unit) for name, (field, unit) in LEVELS.items() if field in info}
    found |= _memory(node) | _keys(info)
    found["IsMaster"] = Value(float(node.role == PRIMARY), "Count")
    if node.role == REPLICA:
        found |= _link(info)
    if node.cpu is not None:
        found[ENGINE_CPU] = Value(100 * node.cpu[0], "Percent")
        found[HOST_CPU] = Value(100 * node.cpu[1] / node.room.processors, "Percent")
    if node.global_lag is not None:
        found[GLOBAL_LAG] = Value(node.global_lag, "Seconds")
    return found | _counted(node, earlier(node.now, node.before))


def earlier(now: Reading, before: Reading | None) -> Reading:
    """Return what a node said before; a process that began since, or was not seen yet, had counted nothing when it began."""
    if before is not None and before.info.get("run_id") == now.info.get("run_id"):
        return before
    return Reading({}, Calls(0, 0), Calls(0, 0), 0, now.taken - float(now.info.get("uptime_in_seconds", 0)))


def cpu_share(now: Reading, before: Reading | None) -> tuple[float, float] | None:
    """Return for which share of the time since then a node's engine thread, and all its process, ran; None when too short."""
    start = earlier(now, before)
    seconds = now.taken - start.taken
    if seconds < CPU_SECONDS:
        return None
    thread = _grown(now, start, "used_cpu_sys_main_thread") + _grown(now, start, "used_cpu_user_main_thread")
    every = sum(
        _grown(now, start, field)
        for field in ("used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children")
    )
    return min(1.0, thread / seconds), every / seconds


def _grown(now: Reading, before: Reading, field: str) -> float:
    return max(0.0, float(now.info.get(field, 0)) - float(before.info.get(field, 0)))


def _memory(node: Node) -> dict[str, Value]:
    """Return how full a node is, as if it had its type's memory."""
    info = node.now.info
    used, most = float(info["used_memory"]), float(node.room.data)
    counted = used - float(info.get("mem_not_counted_for_evict", 0))
    free = max(0.0, node.room.memory - float(info["used_memory_rss"]))
    return {
        "DatabaseMemoryUsagePercentage": Value(100 * used / most, "Percent"),
        COUNTED_MEMORY: Value(100 * counted / most, "Percent"),
        "FreeableMemory": Value(free, "Bytes"),
        "SwapUsage": Value(node.now.swap_bytes, "Bytes"),
    }


def _keys(info: Mapping[str, str]) -> dict[str, Value]:
    """Return the numbers of keys, from lines as `db0:keys=1,expires=0,avg_ttl=0`."""
    totals = {"keys": 0, "expires": 0}
    for field, text in info.items():
        if field.startswith("db") and field[2:].isdigit():
            parts = dict(part.split("=", 1) for part in text.split(","))
            totals = {name: total + int(parts[name]) for name, total in totals.items()}
    return {"CurrItems": Value(totals["keys"], "Count"), "CurrVolatileItems": Value(totals["expires"], "Count")}


def _link(info: Mapping[str, str]) -> dict[str, Value]:
    """Return how a replica follows: whether its link is up, and the seconds since it last heard of its primary."""
    up = info.get("master_link_status") == "up"
    lag = info.get("master_last_io_seconds_ago" if up else "master_link_down_since_seconds")
    found = {"MasterLinkHealthStatus": Value(float(up), "None")}
    # -1: it never had a link.
    return {**found, "ReplicationLag": Value(float(lag), "Seconds")} if lag is not None and int(lag) >= 0 else found


def _counted(node: Node, before: Reading) -> dict[str, Value]:
    """Return what happened in the minute."""
    now = node.now
    found = {name: Value(_grown(now, before, field), "Count") for name, field in COUNTS.items()}
    found |= {name: Value(_grown(now, before, field), "Bytes") for name, field in BYTE_COUNTS.items()}
    sends = node.role == PRIMARY and int(now.info.get("connected_slaves", 0)) > 0
    found["ReplicationBytes"] = Value(_grown(now, before, "master_repl_offset") if sends else 0.0, "Bytes")
    looked = found["CacheHits"].total + found["CacheMisses"].total
    if looked:
        found["CacheHitRate"] = Value(100 * found["CacheHits"].total / looked, "Percent")
    for (kind, request), own, other in (
        (("Get", "Read"), now.reads, before.reads),
        (("Set", "Write"), now.writes, before.writes),
    ):
        calls, spent = max(0, own.calls - other.calls), max(0, own.microseconds - other.microseconds)
        found[f"{kind}TypeCmds"] = Value(calls, "Count")
        if calls:
            found[f"{kind}TypeCmdsLatency"] = Value(spent / calls, "Microseconds")
            # AWS times whole requests; what the engine spends in commands is what there is here.
            found[f"Successful{request}RequestLatency"] = Value(spent, "Microseconds", calls)
    return found
