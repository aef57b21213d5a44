"""The parameters that ElastiCache has, by family.

Source of every row: docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html (the table of the version that
added it).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Parameter:
    """One parameter: `allowed` is a range "1-100", words "yes,no", or empty where the docs name none."""

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
        if self.data_type == "integer" and re.fullmatch(r"-?\d+", value) is None:
            return False
        bounds = re.fullmatch(r"(-?\d+)-(\d+)", self.allowed)
        if bounds is not None and self.data_type == "integer":
            return int(bounds[1]) <= int(value) <= int(bounds[2])
        return not self.allowed or self.data_type == "integer" or value in self.allowed.split(",")


_YES: Final = "yes,no"
_POLICIES: Final = "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction"
_ROWS: Final = (
    Parameter("acllog-max-len", "128", "integer", "1-10000", since=6),
    Parameter("activedefrag", "no", "string", _YES, since=4),
    Parameter("active-defrag-cycle-max", "75", "integer", "1-75", since=4),
    Parameter("active-defrag-cycle-min", "5", "integer", "1-75", since=4),
    Parameter("active-defrag-ignore-bytes", "104857600", "integer", "1048576-9223372036854775807", since=4),
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
    Parameter("client-output-buffer-limit-replica-soft-seconds", "60", "integer", modifiable=False),
    Parameter("close-on-replica-write", "yes", "string", _YES),
    Parameter("close-on-slave-write", "yes", "string", _YES, until=4),
    Parameter("cluster-allow-pubsubshard-when-down", "yes", "string", _YES, since=7),
    Parameter("cluster-allow-reads-when-down", "no", "string", _YES, since=6),
    Parameter("cluster-enabled", "no", "string", _YES, reboot=True),
    Parameter("cluster-require-full-coverage", "no", "string", _YES),
    Parameter("databases", "16", "integer", "1-1200000", reboot=True),
    Parameter("extended-redis-compatibility", "yes", "string", _YES, since=7),
    Parameter("hash-max-listpack-entries", "512", "integer", "0-9223372036854775807", since=7),
    Parameter("hash-max-listpack-value", "64", "integer", "0-9223372036854775807", since=7),
    Parameter("hash-max-ziplist-entries", "512", "integer", "0-9223372036854775807"),
    Parameter("hash-max-ziplist-value", "64", "integer", "0-9223372036854775807"),
    Parameter("hll-sparse-max-bytes", "3000", "integer", "1-16000"),
    Parameter("latency-tracking", "no", "string", _YES, since=7),
    Parameter("lazyfree-lazy-eviction", "yes", "string", _YES, since=4),
    Parameter("lazyfree-lazy-expire", "yes", "string", _YES, since=4),
    Parameter("lazyfree-lazy-server-del", "yes", "string", _YES, since=4),
    Parameter("lazyfree-lazy-user-del", "yes", "string", _YES, since=6),
    Parameter("lfu-decay-time", "1", "integer", "0-2147483647", since=4),
    Parameter("lfu-log-factor", "10", "integer", "0-2147483647", since=4),
    Parameter("list-compress-depth", "0", "integer", "0-2147483647"),
    Parameter("list-max-listpack-size", "-2", "integer", since=7),
    Parameter("list-max-ziplist-size", "-2", "integer"),
    Parameter("lua-replicate-commands", "yes", "string", _YES, modifiable=False, since=5),
    Parameter("maxclients", "65000", "integer", "1-65000", modifiable=False),
    Parameter("maxmemory-policy", "volatile-lru", "string", _POLICIES),
    Parameter("maxmemory-samples", "3", "integer", "1-2147483647"),
    Parameter("min-replicas-max-lag", "10", "integer", "0-2147483647"),
    Parameter("min-replicas-to-write", "0", "integer", "0-2147483647"),
    Parameter("min-slaves-max-lag", "10", "integer", "0-2147483647", until=4),
    Parameter("min-slaves-to-write", "0", "integer", "0-2147483647", until=4),
    Parameter("notify-keyspace-events", "", "string"),
    Parameter("proto-max-bulk-len", "536870912", "integer", "1048576-536870912", since=5),
    Parameter("rename-commands", "", "string", modifiable=True, since=5, until=5),
    Parameter("repl-backlog-size", "1048576", "integer", "16384-9223372036854775807"),
    Parameter("repl-backlog-ttl", "3600", "integer", "0-2147483647", modifiable=False),
    Parameter("replica-allow-chaining", "no", "string", _YES, modifiable=False),
    Parameter("replica-ignore-maxmemory", "yes", "string", _YES, modifiable=False, since=5),
    Parameter("replica-lazy-flush", "yes", "string", _YES, modifiable=False, since=4),
    Parameter("reserved-memory-percent", "25", "integer", "0-100"),
    Parameter("search-fanout-target-mode", "client", "string", "client,system", since=8),
    Parameter("search-default-timeout-ms", "1000", "integer", "1-60000", since=8),
    Parameter("search-enable-partial-results", "yes", "string", _YES, since=8),
    Parameter("set-max-intset-entries", "512", "integer", "0-9223372036854775807"),
    Parameter("set-max-listpack-entries", "128", "integer", "0-9223372036854775807", since=7),
    Parameter("set-max-listpack-value", "64", "integer", "0-9223372036854775807", since=7),
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
