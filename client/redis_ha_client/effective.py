"""What a client was set to, and how long a command can take at worst: for a report's header, without secrets."""

from dataclasses import asdict
from typing import Any

import redis
import redis.asyncio
from redis.utils import DEFAULT_RESP_VERSION

from .aio.cluster import ClusterClient as AsyncClusterClient
from .aio.nodes import NodePool as AsyncNodePool
from .documents import Address, ClusterConnection, GlobalConnection, PrimaryConnection, SentinelConnection, kind_of
from .errors import DocumentError
from .policy import (
    HEALTH_CHECK_SECONDS,
    KEEPALIVE_IDLE_SECONDS,
    KEEPALIVE_INTERVAL_SECONDS,
    KEEPALIVE_PROBES,
    MANAGED_FAILOVER_SECONDS,
    FailoverPolicy,
)
from .published import Published
from .replicating import described
from .sync.cluster import ClusterClient
from .sync.nodes import NodePool
from .wiring import Settings
from .world import source_of

Client = redis.Redis | redis.asyncio.Redis | redis.RedisCluster | redis.asyncio.RedisCluster


def describe(subject: Client | FailoverPolicy) -> dict[str, Any]:
    """Return the effective settings of a client made by `connect` (or of a policy alone) as plain data without secrets.

    worst_case_seconds holds sums of time-outs: `command` is the budget, which cuts all others; `attempt` is one look-up, dial
    and answer if everything is as slow as allowed; with Sentinels, `one_failover` and `two_elections` are the servers' clocks;
    with ElastiCache, which publishes none, `one_failover` is the longest that was seen (null: nothing is promoted).
    rides_over says whether the budget is as large as they. Of a global datastore `region` is a reader's own, or the one that
    takes writes as far as is known (null: not looked up yet). `durability` says what a failover of an ElastiCache group may
    lose of what was acknowledged: `sync` nothing, `async` the last 10 s, null what the replicas lack. `safe_writes` says
    how many replicas have to have a write at least, and how long they are waited for (null: none is). Of kind "ssm" `document`
    is what is known of the endpoints document, with the `problem` of the last reading, and `failover` null: it names no clocks.
    Raises DocumentError for a client that `connect` did not make.
    """
    if isinstance(subject, FailoverPolicy):
        return {"policy": asdict(subject), "worst_case_seconds": {"command": subject.total_seconds}, **_fixed()}
    settings = settings_of(subject, "describe() knows FailoverPolicy and")
    is_sentinel = isinstance(settings.connection, SentinelConnection)
    return _sentinel(settings) if is_sentinel else _managed(settings)


def settings_of(client: object, who: str) -> Settings:
    """Return the settings of a client; one that `connect` did not make is a DocumentError that begins with `who`."""
    if isinstance(client, ClusterClient | AsyncClusterClient):
        return client.settings
    pool = getattr(client, "connection_pool", None)
    if not isinstance(pool, NodePool | AsyncNodePool):
        raise DocumentError(f"{who} clients made by redis_ha_client.connect or redis_ha_client.aio.connect")
    return pool.settings


def _fixed() -> dict[str, Any]:
    return {
        "redis_py": redis.__version__,
        "protocol": DEFAULT_RESP_VERSION,
        "health_check_seconds": HEALTH_CHECK_SECONDS,
        "keepalive": {
            "idle_seconds": KEEPALIVE_IDLE_SECONDS,
            "interval_seconds": KEEPALIVE_INTERVAL_SECONDS,
            "probes": KEEPALIVE_PROBES,
        },
    }


def _sentinel(settings: Settings) -> dict[str, Any]:
    connection, policy = settings.of_kind(SentinelConnection), settings.policy
    clocks = connection.clocks
    named = 1 if settings.client_name else 0
    # One wait each: connect, HELLO, CLIENT SETNAME if named, and the answers (the address; whether it is down, and what was
    # promoted in its place); TLS adds a handshake of one connect wait.
    tls = 1 if connection.tls else 0
    look_up = len(connection.sentinels) * (5 + named + tls) * policy.sentinel_seconds
    # Connect, HELLO, SETNAME, SELECT, ROLE, then the command's own answer.
    dial = (3 + named + tls + (1 if settings.database else 0)) * policy.connect_seconds
    budget = policy.budget_seconds
    return {
        "kind": "sentinel",
        "master_name": connection.master_name,
        "sentinels": [f"{host}:{port}" for host, port in connection.sentinels],
        "tls": connection.tls,
        "pool_size": settings.pool_size,
        "safe_writes": described(settings.safety, settings.policy.read_seconds),
        "database": settings.database,
        "policy": asdict(policy),
        "failover": asdict(clocks),
        "worst_case_seconds": {
            "command": budget,
            "attempt": min(look_up + dial + _answers(settings), budget),
            "look_up": min(look_up, budget),
            "one_failover": clocks.one_failover_seconds(),
            "two_elections": clocks.two_elections_seconds(),
        },
        "rides_over": {
            "one_failover": budget >= clocks.one_failover_seconds(),
            "two_elections": budget >= clocks.two_elections_seconds(),
        },
        **_fixed(),
    }


def _managed(settings: Settings) -> dict[str, Any]:
    settings = settings.now
    connection, policy = settings.connection, settings.policy
    if isinstance(connection, SentinelConnection):
        raise TypeError("a Sentinel topology is described by _sentinel")
    promotes = connection.clocks.promotes
    # One wait each: connect, HELLO, CLIENT SETNAME, SELECT, READONLY (a cluster's reader); TLS adds a handshake.
    extra = (settings.client_name is not None, connection.tls, bool(settings.database), settings.reader)
    dial = (2 + sum(extra)) * policy.connect_seconds
    # A lost node's dial, then the layout from the configuration endpoint (dial and CLUSTER SLOTS), then the node that serves.
    dials = 3 * dial + policy.connect_seconds if isinstance(connection, ClusterConnection) else dial
    budget = policy.budget_seconds
    return {
        "kind": kind_of(connection),
        "endpoints": _endpoints(connection),
        "reader": settings.reader,
        "engine": connection.engine,
        "durability": connection.durability if isinstance(connection, ClusterConnection) else None,
        "tls": connection.tls,
        "login": _login(settings),
        "pool_size": settings.pool_size,
        "safe_writes": described(settings.safety, settings.policy.read_seconds),
        "database": settings.database,
        "policy": asdict(policy),
        "failover": asdict(connection.clocks),
        "worst_case_seconds": {
            "command": budget,
            "attempt": min(dials + _answers(settings), budget),
            "one_failover": MANAGED_FAILOVER_SECONDS if promotes else None,
        },
        "rides_over": {"one_failover": promotes and budget >= MANAGED_FAILOVER_SECONDS},
        **({} if settings.whole is None else _global(settings, settings.whole)),
        **({} if settings.published is None else _published(settings.published)),
        **_fixed(),
    }


def _answers(settings: Settings) -> float:
    """Return the longest wait for a command's answer. With safe writes ROLE, the replicas and the answer to WAIT follow."""
    return settings.policy.read_seconds * (1 if settings.safety is None else 4)


def _global(settings: Settings, whole: GlobalConnection) -> dict[str, Any]:
    region = settings.region if settings.writer is None else settings.writer.region
    return {
        "kind": "global",
        "regions_kind": kind_of(settings.connection),
        "region": region,
        "endpoints": None if region is None else _endpoints(whole.regions[region]),
        "regions": {name: _endpoints(one) for name, one in whole.regions.items()},
        "writer": source_of(whole),
        "stale_seconds": whole.stale_seconds,
    }


def _published(published: Published) -> dict[str, Any]:
    endpoints = published.known.endpoints
    return {
        "kind": "ssm",
        "group_kind": kind_of(endpoints.connection),
        "document": {
            "source": published.source,
            "group_id": endpoints.group_id,
            "generation": endpoints.generation,
            "state": endpoints.state,
            "read_seconds_ago": round(published.read_seconds_ago, 1),
            "interval_seconds": published.connection.interval_seconds,
            "problem": published.problem,
        },
        "failover": None,
    }


def _endpoints(connection: PrimaryConnection | ClusterConnection) -> dict[str, str | None]:
    known: dict[str, Address | None] = (
        {"configuration": connection.configuration}
        if isinstance(connection, ClusterConnection)
        else {"primary": connection.primary, "reader": connection.reader}
    )
    return {name: f"{address[0]}:{address[1]}" if address else None for name, address in known.items()}


def _login(settings: Settings) -> str:
    credentials = settings.credentials
    if credentials.iam is not None:
        return "iam"
    if credentials.username is not None:
        return "user"
    return "none" if credentials.password is None else "token"
