"""From arguments to a plan: plain functions on plain data, no Pulumi. Everything that can be wrong is found here, at once."""

import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis_ha.arguments import EMAIL, Checks, InvalidArgumentsError, network, shown

from .checks import forbidden_channel, is_ambiguous
from .connections import MOST_MAXCLIENTS, maxclients, reserved_connections
from .directives import wrong_directive
from .slots import Kind, Slot

REDIS_PORT = 6379  # redis.io, redis.conf `port`
SENTINEL_PORT = 26379  # redis.io, sentinel.conf `port`
# github.com/prometheus/prometheus/wiki/Default-port-allocations.
NODE_EXPORTER_PORT = 9100
REDIS_EXPORTER_PORT = 9121

# Two replicas: after the loss of the master one replica still confirms the new master's writes (min-replicas-to-write 1).
DEFAULT_REPLICAS = 2
# Every replica is one more stream that the master feeds; more readers than this want a cache of their own.
MAX_REPLICAS = 9
# Three Sentinels on three machines survive the loss of one (redis.io, "Sentinel": at least three).
DEFAULT_SENTINELS = 3
MAX_SENTINELS = 7
# Of the largest cluster that this one can become: a droplet reads its user-data once, nodes are added later.
RESERVED_CONNECTIONS = reserved_connections(MAX_SENTINELS, MAX_REPLICAS)
# Debian's Redis: 8.0 in 13, 7.0 in 12; both know master-reboot-down-after-period and Sentinel's ACL (7.0 or newer).
IMAGES = ("debian-13-x64", "debian-12-x64")
DEFAULT_DATA_SIZE = "s-2vcpu-4gb"  # two CPUs: one for Redis, one for its forks and the kernel
DEFAULT_SENTINEL_SIZE = (
    "s-1vcpu-1gb"  # a Sentinel needs some MB; a machine of its own keeps it out of TILT (redis/redis issue 10547)
)

# Long enough that a fork's or a hypervisor's pause of a second or two is no failover (Sentinel's own tilt trigger is 2 s,
# src/sentinel.c), a sixth of Redis' default of 30 s. Detection is this long; everything after it costs about 1.2 s.
DEFAULT_DOWN_AFTER_MS = 5_000
MIN_DOWN_AFTER_MS, MAX_DOWN_AFTER_MS = 200, 600_000
# One failed attempt costs twice this time (src/sentinel.c, sentinelStartFailoverIfNeeded); Redis' default of 180 s means
# six minutes.
DEFAULT_FAILOVER_TIMEOUT_MS = 20_000
MIN_FAILOVER_TIMEOUT_MS, MAX_FAILOVER_TIMEOUT_MS = 1_000, 3_600_000
# One replica at a time is out of service while it is re-pointed (redis.io, sentinel.conf `parallel-syncs`, Redis' default too).
DEFAULT_PARALLEL_SYNCS = 1
# A master that comes back and loads for longer than this is called down (sentinel.conf; Redis' default 0 waits
# for ever, redis/redis issue 4561).
MASTER_REBOOT_DOWN_AFTER_MS = 10_000
# A master whom no replica follows refuses writes, so a cut-off one stops acknowledging (redis.io, "Replication").
DEFAULT_MIN_REPLICAS_TO_WRITE = 1
# Replicas report once a second, lag is counted in whole seconds: 1 flaps, 3 stops a cut-off master after 3 to 5 s.
DEFAULT_MIN_REPLICAS_MAX_LAG = 3
MIN_LAG, MAX_LAG = 2, 60
# The rest is for copy-on-write while a child saves or syncs, replica and client buffers, and the system
# (redis.io, "Redis administration").
MAXMEMORY_FRACTION = 0.6
MIN_MAXMEMORY_MB = 64
# A cache may forget, a database may not: with noeviction a full Redis refuses writes instead (Redis' default).
DEFAULT_MAXMEMORY_POLICY = "noeviction"
MAXMEMORY_POLICIES = (
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)
# The append-only file bounds a power cut's loss to about a second; the dump is what is copied away as a backup.
PERSISTENCE = ("aof+rdb", "aof", "rdb")
DEFAULT_PERSISTENCE = "aof+rdb"
# Redis' default priority; all nodes equal, so that Sentinel chooses by replication offset (src/sentinel.c,
# compareSlavesForPromotion).
REPLICA_PRIORITY = 100

# DigitalOcean: docs.digitalocean.com, products/networking/vpc: /16 to /24, RFC 1918, and ranges it keeps for itself.
VPC_LARGEST, VPC_SMALLEST = 16, 24
RFC1918 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
VPC_RESERVED = ("10.244.0.0/16", "10.245.0.0/16", "10.246.0.0/24", "10.229.0.0/16")
# DigitalOcean: docs.digitalocean.com, products/networking/firewalls/details/limits: 1000 addresses and 5 tags a field.
MAX_FIREWALL_ADDRESSES = 1000
MAX_FIREWALL_TAGS = 5

# Names become droplet names, a firewall's and a VPC's name: what all of them take.
NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
# redis.io, "Sentinel": a master name is made of these.
MASTER_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
REGION = re.compile(r"[a-z]{3}[0-9]{1,2}")  # e.g. ams3; slugs.do-api.dev lists them
SIZE = re.compile(r"[a-z]+[0-9]*(_[0-9]+)?(-[0-9a-z]+){1,6}")  # e.g. s-2vcpu-4gb, c-2, so1_5-2vcpu-16gb
SIZE_MEMORY = re.compile(r"-([0-9]+)(mb|gb)(?:-|$)")  # the first one; a second one is the disk: s-1vcpu-512mb-10gb
TAG = re.compile(r"[A-Za-z0-9:_-]{1,255}")  # DigitalOcean API: tags
MAX_GENERATION = 1_000_000

# Directives that carry the cluster's safety or that an argument sets: refused in extra_directives.
OWN_ARGUMENT = {
    "maxmemory": "maxmemory_mb",
    "maxmemory-policy": "maxmemory_policy",
    "min-replicas-to-write": "min_replicas_to_write",
    "min-slaves-to-write": "min_replicas_to_write",
    "min-replicas-max-lag": "min_replicas_max_lag",
    "min-slaves-max-lag": "min_replicas_max_lag",
    "appendonly": "persistence",
    "save": "persistence",
}
# fmt: off
RESERVED_DIRECTIVES = frozenset((
    "aclfile", "user", "requirepass", "masterauth", "masteruser", "acl-pubsub-default", "bind", "bind-source-addr", "port",
    "protected-mode", "unixsocket", "unixsocketperm", "replicaof", "slaveof", "replica-announce-ip", "slave-announce-ip",
    "replica-announce-port", "slave-announce-port", "replica-announced", "replica-priority", "slave-priority",
    "replica-read-only", "slave-read-only", "replica-serve-stale-data", "slave-serve-stale-data", "dir", "dbfilename",
    "appendfilename", "appenddirname", "daemonize", "supervised", "pidfile", "logfile", "syslog-enabled", "include",
    "rename-command", "loadmodule", "cluster-enabled", "sentinel", "enable-debug-command", "enable-module-command",
    "enable-protected-configs", "tls-port", "tls-cluster", "tls-replication",
))
# fmt: on
DIRECTIVE = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Plan:
    """Everything about a cluster that is known before its resources are made."""

    name: str
    master_name: str
    region: str
    vpc_ip_range: str | None
    image: str
    data_size: str
    sentinel_size: str
    sizes: tuple[tuple[str, str], ...]
    grown: tuple[str, ...]
    slots: tuple[Slot, ...]
    quorum: int
    down_after_ms: int
    failover_timeout_ms: int
    parallel_syncs: int
    min_replicas_to_write: int
    min_replicas_max_lag: int
    maxmemory_mb: int
    maxmemory_policy: str
    persistence: str
    extra_directives: tuple[tuple[str, str], ...]
    application_channels: tuple[str, ...]
    tags: tuple[str, ...]
    client_sources: tuple[str, ...]
    client_tags: tuple[str, ...]
    admin_sources: tuple[str, ...]
    metrics_sources: tuple[str, ...]
    alert_emails: tuple[str, ...]
    protect: bool

    def of_kind(self, kind: Kind) -> tuple[Slot, ...]:
        """Return the slots of one kind, in order."""
        return tuple(slot for slot in self.slots if slot.kind == kind)

    def size_of(self, slot: Slot) -> str:
        """Return the size slug of a slot's droplet."""
        return dict(self.sizes).get(slot.key, self.data_size if slot.kind == "data" else self.sentinel_size)

    @property
    def sentinel_count(self) -> int:
        """Return how many Sentinels are configured."""
        return len(self.of_kind("sentinel"))

    @property
    def tag(self) -> str:
        """Return the tag that all droplets of this cluster, and no others, carry."""
        return f"redis-ha-{self.name}"


def memory_of_size(size: str) -> int | None:
    """Return the memory in MB that a size slug names, or None when it names none (c-2)."""
    found = SIZE_MEMORY.search(size)
    return None if found is None else int(found[1]) * (1024 if found[2] == "gb" else 1)


def redis_directives(plan: Plan) -> dict[str, str]:
    """Return the settings of the data nodes that may change while they run (CONFIG SET)."""
    return {
        "maxmemory": f"{plan.maxmemory_mb}mb",
        "maxmemory-policy": plan.maxmemory_policy,
        "min-replicas-to-write": str(plan.min_replicas_to_write),
        "min-replicas-max-lag": str(plan.min_replicas_max_lag),
        "appendonly": "no" if plan.persistence == "rdb" else "yes",
        "save": "" if plan.persistence == "aof" else "3600 1 300 100 60 10000",  # Redis' own default points
    } | dict(plan.extra_directives)


def sentinel_directives(plan: Plan) -> dict[str, str]:
    """Return the settings of a monitored master that may change while Sentinel runs (SENTINEL SET)."""
    return {
        "down-after-milliseconds": str(plan.down_after_ms),
        "failover-timeout": str(plan.failover_timeout_ms),
        "parallel-syncs": str(plan.parallel_syncs),
        "master-reboot-down-after-period": str(MASTER_REBOOT_DOWN_AFTER_MS),
        "quorum": str(plan.quorum),
    }


def make_plan(resource_name: str, args: Mapping[str, Any], known: Sequence[str] = ()) -> Plan:
    """Check the plain arguments and make the plan. Raises InvalidArgumentsError with everything that is wrong."""
    checks = Checks(args)
    if known:
        checks.known(known)
    name = checks.text("name", resource_name, NAME, "lower-case letters, digits and dashes, at most 40, starting with a letter")
    size_hint = "a size slug such as s-2vcpu-4gb (doctl compute size list)"
    data_size = checks.text("data_size", DEFAULT_DATA_SIZE, SIZE, size_hint)
    replicas = checks.whole("replicas", DEFAULT_REPLICAS, 0, MAX_REPLICAS)
    sentinels = _sentinels(checks)
    slots = _slots(checks, name, replicas, sentinels)
    sizes = _sizes(checks, slots, size_hint)
    image = checks.one_of("image", IMAGES[0], IMAGES)
    plan = Plan(
        name=name,
        master_name=checks.text("master_name", name, MASTER_NAME, "letters, digits, dot, dash and underscore, at most 64"),
        region=checks.text("region", None, REGION, "a region slug such as ams3 (doctl compute region list)"),
        vpc_ip_range=_vpc(checks),
        image=image,
        data_size=data_size,
        sentinel_size=checks.text("sentinel_size", DEFAULT_SENTINEL_SIZE, SIZE, size_hint),
        sizes=tuple(sizes.items()),
        grown=_grown(checks, slots),
        slots=slots,
        quorum=_quorum(checks, sentinels),
        down_after_ms=checks.whole("down_after_ms", DEFAULT_DOWN_AFTER_MS, MIN_DOWN_AFTER_MS, MAX_DOWN_AFTER_MS),
        failover_timeout_ms=checks.whole(
            "failover_timeout_ms", DEFAULT_FAILOVER_TIMEOUT_MS, MIN_FAILOVER_TIMEOUT_MS, MAX_FAILOVER_TIMEOUT_MS
        ),
        parallel_syncs=checks.whole("parallel_syncs", DEFAULT_PARALLEL_SYNCS, 1, MAX_REPLICAS),
        min_replicas_to_write=_min_replicas(checks, replicas),
        min_replicas_max_lag=checks.whole("min_replicas_max_lag", DEFAULT_MIN_REPLICAS_MAX_LAG, MIN_LAG, MAX_LAG),
        maxmemory_mb=_maxmemory(checks, [sizes.get(slot.key, data_size) for slot in slots if slot.kind == "data"]),
        maxmemory_policy=checks.one_of("maxmemory_policy", DEFAULT_MAXMEMORY_POLICY, MAXMEMORY_POLICIES),
        persistence=checks.one_of("persistence", DEFAULT_PERSISTENCE, PERSISTENCE),
        extra_directives=_extra_directives(checks, image),
        application_channels=_channels(checks),
        tags=_tags(checks, "tags"),
        client_sources=_sources(checks, "client_sources"),
        client_tags=_client_tags(checks),
        admin_sources=_sources(checks, "admin_sources"),
        metrics_sources=_sources(checks, "metrics_sources"),
        alert_emails=checks.texts("alert_emails", EMAIL, "a mail address"),
        protect=checks.switch("protect", default=True),
    )
    if checks.problems:
        raise InvalidArgumentsError(f"SentinelCluster {resource_name!r}", checks.problems)
    return plan


def _sentinels(checks: Checks) -> int:
    sentinels = checks.whole("sentinels", DEFAULT_SENTINELS, 3, MAX_SENTINELS)
    if sentinels % 2 == 0:
        checks.refuse(
            "sentinels",
            f"{sentinels} is even: one more Sentinel survives no more losses; use {sentinels - 1} or {sentinels + 1}",
        )
    return sentinels


def _quorum(checks: Checks, sentinels: int) -> int:
    """Take the quorum. Default: the majority. With fewer, one Sentinel with a bad link starts failovers; more only delays."""
    quorum = checks.whole("quorum", sentinels // 2 + 1, 1, 1_000)
    if quorum > sentinels:
        checks.refuse(
            "quorum", f"{quorum} is more than the {sentinels} Sentinels: no failover could ever start; use {sentinels // 2 + 1}"
        )
    return quorum


def _min_replicas(checks: Checks, replicas: int) -> int:
    wanted = checks.whole("min_replicas_to_write", DEFAULT_MIN_REPLICAS_TO_WRITE, 0, MAX_REPLICAS)
    if wanted > replicas:
        remedy = (
            "raise replicas, or set min_replicas_to_write to 0 and accept that a cut-off master goes on acknowledging writes"
        )
        checks.refuse(
            "min_replicas_to_write", f"{wanted} is more than the {replicas} replicas: no write would ever be taken; {remedy}"
        )
    return wanted


def _slots(checks: Checks, name: str, replicas: int, sentinels: int) -> tuple[Slot, ...]:
    keys: list[tuple[Kind, int]] = [("data", index) for index in range(replicas + 1)] + [
        ("sentinel", index) for index in range(sentinels)
    ]
    generations = {
        key: checks.number(f"generations.{key}", value, 0, MAX_GENERATION, 0)
        for key, value in _by_slot(checks, "generations", {f"{kind}-{index}" for kind, index in keys}).items()
    }
    return tuple(Slot(name, kind, index, generations.get(f"{kind}-{index}", 0)) for kind, index in keys)


def _sizes(checks: Checks, slots: tuple[Slot, ...], hint: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in _by_slot(checks, "sizes", {slot.key for slot in slots}).items():
        if not isinstance(value, str) or not SIZE.fullmatch(value):
            checks.refuse(f"sizes.{key}", f"{shown(value)} is not {hint}")
        else:
            found[key] = value
    return found


def _grown(checks: Checks, slots: tuple[Slot, ...]) -> tuple[str, ...]:
    """Read the slots whose disk grows with their size."""
    known = {slot.key for slot in slots}
    found = checks.texts("resize_disk", re.compile(r"[a-z0-9-]+"), "slots such as data-2")
    for key in found:
        if key not in known:
            checks.refuse("resize_disk", f"{key!r} is no slot of this cluster; it has {', '.join(sorted(known))}")
    return found


def _by_slot(checks: Checks, argument: str, known: Collection[str]) -> dict[str, Any]:
    """Read values by slot name; those of no slot of this cluster are refused."""
    given = checks.mapping(argument)
    for key in sorted(given.keys() - known):
        checks.refuse(argument, f"{key!r} is no slot of this cluster; it has {', '.join(sorted(known))}")
    return {key: value for key, value in given.items() if key in known}


def _vpc(checks: Checks) -> str | None:
    text = checks.optional_text("vpc_ip_range")
    brought = checks.args.get("vpc_id") is not None
    if brought == (text is not None):
        remedy = "give vpc_id for an existing VPC, or vpc_ip_range for a new one"
        checks.refuse("vpc_ip_range", f"{'both are' if brought else 'neither is'} given; {remedy}")
    if text is None:
        return None
    found = network(text)
    if not isinstance(found, ipaddress.IPv4Network) or not any(
        found.subnet_of(ipaddress.IPv4Network(private)) for private in RFC1918
    ):
        checks.refuse(
            "vpc_ip_range", f"{text!r} is no private IPv4 range (RFC 1918) in CIDR form; use one such as 10.20.0.0/24"
        )
    elif not VPC_LARGEST <= found.prefixlen <= VPC_SMALLEST:
        checks.refuse(
            "vpc_ip_range", f"{text!r} has a prefix of /{found.prefixlen}; DigitalOcean takes /{VPC_LARGEST} to /{VPC_SMALLEST}"
        )
    elif any(found.overlaps(ipaddress.IPv4Network(reserved)) for reserved in VPC_RESERVED):
        checks.refuse(
            "vpc_ip_range", f"{text!r} overlaps a range that DigitalOcean keeps for itself ({', '.join(VPC_RESERVED)})"
        )
    return text


def _maxmemory(checks: Checks, data_sizes: Sequence[str]) -> int:
    """Take the memory for data. While sizes differ the smallest decides: every replica has to hold what the master holds."""
    memory = {size: memory_of_size(size) for size in data_sizes}
    smallest = min((found for found in memory.values() if found is not None), default=None)
    if checks.args.get("maxmemory_mb") is None:
        unnamed = [size for size, found in memory.items() if found is None]
        if unnamed and not checks.refused("data_size"):
            checks.refuse("maxmemory_mb", f"the size {unnamed[0]!r} does not name its memory; set maxmemory_mb")
        return int((smallest or MIN_MAXMEMORY_MB) * MAXMEMORY_FRACTION)
    wanted = checks.whole("maxmemory_mb", MIN_MAXMEMORY_MB, MIN_MAXMEMORY_MB, 10_000_000)
    if smallest is not None and wanted >= smallest:
        fitting = int(smallest * MAXMEMORY_FRACTION)
        size = next(size for size, found in memory.items() if found == smallest)
        checks.refuse(
            "maxmemory_mb", f"{wanted} is all the memory of {size} or more; leave room for forks and buffers: {fitting}"
        )
    return wanted


def _extra_directives(checks: Checks, image: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for name, value in checks.mapping("extra_directives").items():
        if name in OWN_ARGUMENT:
            checks.refuse("extra_directives", f"{name!r} has an argument of its own; use {OWN_ARGUMENT[name]}")
        elif name in RESERVED_DIRECTIVES or name.startswith(("tls-", "cluster-")):
            checks.refuse(
                "extra_directives", f"{name!r} belongs to the component: changing it would break the cluster; leave it out"
            )
        elif not DIRECTIVE.fullmatch(name):
            checks.refuse(
                "extra_directives", f"{name!r} is no directive of redis.conf; write it in lower case, e.g. 'slowlog-max-len'"
            )
        elif not isinstance(value, str) or not value.strip() or not value.isprintable():
            checks.refuse("extra_directives", f"the value of {name!r} has to be text on one line; write it as in redis.conf")
        elif wrong := wrong_directive(image, name, value.strip()):
            checks.refuse("extra_directives", f"{wrong}: no data node of a new cluster would start")
        elif name == "maxclients" and not RESERVED_CONNECTIONS < maxclients({name: value}) <= MOST_MAXCLIENTS:
            limits = f"{RESERVED_CONNECTIONS} of them are the cluster's own, {MOST_MAXCLIENTS} is what its open files allow"
            checks.refuse("extra_directives", f"{name!r} is {value.strip()}: {limits}; take a number between")
        else:
            found.append((name, value.strip()))
    return tuple(found)


def _channels(checks: Checks) -> tuple[str, ...]:
    channels = checks.texts("application_channels", re.compile(r"[!-~]{1,256}"), "channel names or patterns without spaces")
    for channel in channels:
        if is_ambiguous(channel):
            checks.refuse(
                "application_channels", f"{channel!r} has a bracket or a backslash; write patterns with * and ? alone"
            )
        elif forbidden_channel(channel):
            checks.refuse(
                "application_channels",
                f"{channel!r} matches __sentinel__:hello, by which the Sentinels find each other: whoever publishes there can "
                "forge the topology; name the application's own channels, e.g. 'orders:*'",
            )
    return channels


def _sources(checks: Checks, argument: str) -> tuple[str, ...]:
    sources = checks.networks(argument)
    if len(sources) > MAX_FIREWALL_ADDRESSES:
        checks.refuse(argument, f"{len(sources)} networks; a DigitalOcean firewall takes {MAX_FIREWALL_ADDRESSES}: join some")
    return sources


def _tags(checks: Checks, argument: str) -> tuple[str, ...]:
    """Read tags. Case does not tell two apart, and the spelling in which one was made first is its name for ever.

    docs.digitalocean.com, reference: tags, "case stable"; digitalocean/doctl#333.
    """
    tags = checks.texts(argument, TAG, "letters, digits, colon, dash and underscore")
    spelled: dict[str, str] = {}
    for tag in tags:
        first = spelled.setdefault(tag.lower(), tag)
        if first != tag:
            checks.refuse(argument, f"{first!r} and {tag!r} are one tag at DigitalOcean; give the one that its panel shows")
    return tags


def _client_tags(checks: Checks) -> tuple[str, ...]:
    tags = _tags(checks, "client_tags")
    if len(tags) >= MAX_FIREWALL_TAGS:
        checks.refuse(
            "client_tags", f"{len(tags)} tags; a DigitalOcean firewall rule takes {MAX_FIREWALL_TAGS}, the cluster's own is one"
        )
    return tags
