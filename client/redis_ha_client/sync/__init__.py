"""The synchronous clients. Use them as `redis_ha_client.connect(...)`."""

from pathlib import Path
from typing import Any

import redis
from redis.cluster import RedisCluster

from redis_ha_client.documents import Document
from redis_ha_client.environment import PREFIX, documents_from_env
from redis_ha_client.policy import FailoverPolicy
from redis_ha_client.sync.making import client_of
from redis_ha_client.wiring import DEFAULT_POOL_SIZE, read_settings


def connect(  # noqa: PLR0913 - each is a setting of its own
    connection: Document,
    credentials: Document,
    *,
    policy: FailoverPolicy | str | None = None,
    pool_size: int = DEFAULT_POOL_SIZE,
    database: int = 0,
    decode_responses: bool = False,
    client_name: str | None = None,
    tls_ca_file: str | Path | None = None,
    reader: bool = False,
    region: str | None = None,
    safe_writes: bool = False,
) -> redis.Redis | RedisCluster:
    """Return a redis-py client that writes to a stack's master or primaries and rides over failovers.

    A redis.Redis for connection.kind "sentinel" and "primary", a redis.RedisCluster for "cluster"; "global" is as its regions,
    and "ssm" as the endpoints in its parameter, which is read here, for at most 10 s, and again while the client is used.
    Nothing is dialled before the first command, except for a cluster: redis-py reads its slots here. Make one client a process
    and share it among threads; `close()` it at the end: that closes the connections to Sentinels too.

    connection, credentials: the stack's outputs as they are, mappings or JSON text.
    policy: time-outs, the total time of a command, and whether an unanswered command is sent again: a FailoverPolicy, or the
        name of a preset: `recommended` (default), `function` (a process that is frozen between invocations: 3 s a command),
        `tutorial-5-tries`, `tutorial-2.5s`.
    pool_size: the most connections (cluster: to each node); a command waits for a free one within its own budget.
    database: number of the database, default 0, the only one of a cluster. decode_responses: replies as str instead of bytes.
    client_name: shown by CLIENT LIST on nodes and Sentinels.
    tls_ca_file: PEM file of the CA when connection.tls is true, default the system's; certificates are always verified.
    reader: reads that may be a little behind come from replicas: kind "primary" from the reader endpoint (writes are refused),
        kind "cluster" from the shards' replicas (writes go to primaries); not for kind "sentinel". Kind "global":
        the same in the group of `region`, without leaving it; how far behind, connection.stale_seconds says.
    region: where this process runs, for kind "global" only and with reader=True needed. Writes go to the region that the
        connection's writer names at the time, wherever that is.
    safe_writes: a write counts when all replicas that its master has at that moment have acknowledged it (WAIT), at least one
        and at least connection.failover.min_replicas_to_write. Else NotReplicated is raised, after policy.read_seconds at the
        latest. Default False. For kind "sentinel", and for kinds "primary" and "ssm" without cluster mode and with replicas.
    Raises DocumentError for anything unusable, before anything is touched; of kind "ssm" also for an unusable parameter. A
    cluster's client may raise here what a command raises, WrongKindError among it. Kind "ssm": NotExecutedError when SSM does
    not answer, EndpointsForbiddenError when the parameter may not be read.
    """
    settings = read_settings(
        connection,
        credentials,
        policy,
        pool_size=pool_size,
        database=database,
        decode_responses=decode_responses,
        client_name=client_name,
        tls_ca_file=tls_ca_file,
        reader=reader,
        region=region,
        safe_writes=safe_writes,
    )
    return client_of(settings)


def connect_from_env(prefix: str = PREFIX, **arguments: Any) -> redis.Redis | RedisCluster:
    """Return what `connect` does, with the documents from the environment.

    The variables REDIS_HA_CONNECTION and REDIS_HA_CREDENTIALS hold the stack's outputs as JSON text, or the path of a file
    each that holds it.

    prefix: what the variables' names begin with, default `REDIS_HA`; another one for each further stack of an application.
    arguments: those of `connect` beside the documents.
    Raises DocumentError as `connect` does, and for a variable that is not set, or whose value is neither; no value is shown.
    """
    return connect(*documents_from_env(prefix), **arguments)
