"""The parameters that ElastiCache has, by family.

Sources: rows of Redis 2.6 to 5.0 are awsdocs/amazon-elasticache-docs doc_source/redis/ParameterGroups.Redis.md, with its
defaults, permitted values and what can be modified. Later rows are of the page that followed it,
docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html, which could only be read in parts: where it was
silent the name and the default are the engine's own (valkey.conf) and no range is held.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Parameter:
    """One parameter: `allowed` is numbers and ranges "0,20-100", words "yes,no", or empty where the docs name none."""

    name: str
    default: str
    data_type: str
    allowed: str = ""
    modifiable: bool = True
    reboot: bool = False
    # The first major version that has it, and the last.
    since: int = 2
    until: int = 99

    def allows(self, value: str) -> bool:
        """Tell whether a value may be set."""
        if self.data_type != "integer":
            return not self.allowed or value in self.allowed.split(",")
        if re.fullmatch(r"-?\d+", value) is None:
            return False
        spans = [re.fullmatch(r"(-?\d+)(?:-(\d+))?", part) for part in self.allowed.split(",") if part]
        return not spans or any(span and int(span[1]) <= int(value) <= int(span[2] or span[1]) for span in spans)


_YES: Final = "yes,no"
_POLICIES: Final = "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction"
_ROWS: Final = (
    Parameter("acllog-max-len", "128", "integer", "1-10000", since=6),
    Parameter("activedefrag", "no", "string", _YES, since=4),
    Parameter("active-defrag-cycle-max", "75", "integer", "1-75", since=4),
    Parameter("active-defrag-cycle-min", "25", "integer", "1-75", since=4),
    Parameter("active-defrag-ignore-bytes", "104857600", "integer", "10485760-104857600", since=4),
    Parameter("active-defrag-max-scan-fields", "1000", "integer", "1-1000000", since=5),
    Parameter("active-defrag-threshold-lower", "10", "integer", "1-100", since=4),
    Parameter("active-defrag-threshold-upper", "100", "integer", "1-100", since=4),
    Parameter("active-expire-effort", "1", "integer", "1-10", since=6),
    Parameter("activerehashing", "yes", "string", _YES, reboot=True),
    Parameter("appendfsync", "everysec", "string", "always,everysec,no", modifiable=False),
    Parameter("appendonly", "no", "string", _YES, modifiable=False),
    Parameter("client-output-buffer-limit-normal-hard-limit", "0", "integer", "0-9223372036854775807"),
    Parameter("client-output-buffer-limit-normal-soft-limit", "0", "integer", "0-9223372036854775807"),
    Parameter("client-output-buffer-limit-normal-soft-seconds", "0", "integer", "0-2147483647"),
    Parameter("client-output-buffer-limit-pubsub-hard-limit", "33554432", "integer", "0-9223372036854775807"),
    Parameter("client-output-buffer-limit-pubsub-soft-limit", "8388608", "integer", "0-9223372036854775807"),
    Parameter("client-output-buffer-limit-pubsub-soft-seconds", "60", "integer", "0-2147483647"),
    Parameter("client-output-buffer-limit-replica-soft-seconds", "60", "integer", modifiable=False, since=5),
    Parameter("client-query-buffer-limit", "1073741824", "integer", "1048576-1073741824", since=4),
    Parameter("close-on-replica-write", "yes", "string", _YES, since=5),
    Parameter("close-on-slave-write", "yes", "string", _YES, until=4),
    Parameter("cluster-allow-pubsubshard-when-down", "yes", "string", _YES, since=7),
    Parameter("cluster-allow-reads-when-down", "no", "string", _YES, since=6),
    Parameter("cluster-enabled", "no", "string", _YES, reboot=True),
    Parameter("cluster-preferred-endpoint-type", "tls-dynamic", "string", "ip,tls-dynamic", since=7),
    Parameter("cluster-require-full-coverage", "no", "string", _YES),
    Parameter("databases", "16", "integer", "1-1200000", reboot=True),
    Parameter("extended-redis-compatibility", "yes", "string", _YES, since=7),
    Parameter("hash-max-listpack-entries", "512", "integer", "0-9223372036854775807", since=7),
    Parameter("hash-max-listpack-value", "64", "integer", "0-9223372036854775807", since=7),
    Parameter("hash-max-ziplist-entries", "512", "integer", "0-9223372036854775807"),
    Parameter("hash-max-ziplist-value", "64", "integer", "0-9223372036854775807"),
    Parameter("hll-sparse-max-bytes", "3000", "integer"),
    Parameter("latency-tracking", "no", "string", _YES, since=7),
    Parameter("lazyfree-lazy-eviction", "no", "string", _YES, since=4),
    Parameter("lazyfree-lazy-expire", "no", "string", _YES, since=4),
    Parameter("lazyfree-lazy-server-del", "no", "string", _YES, since=4),
    Parameter("lazyfree-lazy-user-del", "yes", "string", _YES, since=6),
    Parameter("lfu-decay-time", "1", "integer", "0-2147483647", since=4),
    Parameter("lfu-log-factor", "10", "integer", "0-2147483647", since=4),
    Parameter("list-compress-depth", "0", "integer", "0-2147483647"),
    Parameter("list-max-listpack-size", "-2", "integer", modifiable=False, since=7),
    Parameter("list-max-ziplist-size", "-2", "integer", modifiable=False, until=6),
    Parameter("lua-time-limit", "5000", "integer", modifiable=False),
    Parameter("lua-replicate-commands", "yes", "string", _YES, since=5, until=6),
    Parameter("maxclients", "65000", "integer", "1-65000", modifiable=False),
    Parameter("maxmemory-policy", "volatile-lru", "string", _POLICIES),
    Parameter("maxmemory-samples", "3", "integer", "1-2147483647"),
    Parameter("min-replicas-max-lag", "10", "integer", since=5),
    Parameter("min-replicas-to-write", "0", "integer", since=5),
    Parameter("min-slaves-max-lag", "10", "integer", "0-2147483647", until=4),
    Parameter("min-slaves-to-write", "0", "integer", "0-2147483647", until=4),
    Parameter("notify-keyspace-events", "", "string"),
    Parameter("proto-max-bulk-len", "536870912", "integer", "1048576-536870912", since=5),
    Parameter("rename-commands", "", "string", since=5),
    Parameter("repl-backlog-size", "1048576", "integer", "16384-9223372036854775807"),
    Parameter("repl-backlog-ttl", "3600", "integer"),
    Parameter("repl-timeout", "60", "integer", modifiable=False, until=4),
    Parameter("replica-allow-chaining", "no", "string", _YES, modifiable=False, since=5),
    Parameter("replica-ignore-maxmemory", "yes", "string", _YES, modifiable=False, since=5),
    Parameter("replica-lazy-flush", "no", "string", _YES, modifiable=False, since=5),
    Parameter("reserved-memory", "0", "integer"),
    Parameter("reserved-memory-percent", "25", "integer", "0-100"),
    Parameter("search-fanout-target-mode", "client", "string", "client,system", since=8),
    Parameter("search-default-timeout-ms", "1000", "integer", "1-60000", since=8),
    Parameter("search-enable-partial-results", "yes", "string", _YES, since=8),
    Parameter("set-max-intset-entries", "512", "integer", "0-9223372036854775807"),
    Parameter("set-max-listpack-entries", "128", "integer", "0-9223372036854775807", since=7),
    Parameter("set-max-listpack-value", "64", "integer", "0-9223372036854775807", since=7),
    Parameter("slave-allow-chaining", "no", "string", _YES, modifiable=False, until=4),
    Parameter("slave-lazy-flush", "no", "string", _YES, modifiable=False, since=4, until=4),
    Parameter("slowlog-log-slower-than", "10000", "integer"),
    Parameter("slowlog-max-len", "128", "integer", "0-9223372036854775807"),
    Parameter("stream-node-max-bytes", "4096", "integer", "0-9223372036854775807", since=5),
    Parameter("stream-node-max-entries", "100", "integer", "0-9223372036854775807", since=5),
    Parameter("tcp-keepalive", "300", "integer", "0-2147483647"),
    Parameter("timeout", "0", "integer", "0,20-2147483647"),
    Parameter("tracking-table-max-keys", "1000000", "integer", "1-100000000", since=6),
    Parameter("zset-max-listpack-entries", "128", "integer", "0-9223372036854775807", since=7),
    Parameter("zset-max-listpack-value", "64", "integer", "0-9223372036854775807", since=7),
    Parameter("zset-max-ziplist-entries", "128", "integer", "0-9223372036854775807"),
    Parameter("zset-max-ziplist-value", "64", "integer", "0-9223372036854775807"),
)


@functools.cache
def parameters_of(family: str) -> dict[str, Parameter]:
    """Return the parameters of a family by name."""
    major = int(re.findall(r"\d+", family)[0])
    return {row.name: row for row in _ROWS if row.since <= major <= row.until}
