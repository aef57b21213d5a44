"""The asyncio clients: the same as `sync`, on redis.asyncio. Use them as `redis_ha_client.aio.connect(...)`."""

from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.asyncio.cluster import RedisCluster

from redis_ha_client.aio.health import HealthMonitor as HealthMonitor
from redis_ha_client.aio.making import client_of
from redis_ha_client.documents import Document
from redis_ha_client.environment import PREFIX, documents_from_env
from redis_ha_client.policy import FailoverPolicy
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
    """Return a redis.asyncio client that writes to a stack's master or primaries and rides over failovers.

    Arguments and errors as of `redis_ha_client.connect`. It is no coroutine: nothing is dialled before the first command, of a
    cluster neither. Kind "ssm" reads its parameter here and blocks the event loop for that: call it before the loop has other
    work, or in a thread (`asyncio.to_thread`). Make one client an event loop and share it among tasks; `await client.aclose()`
    at the end closes the connections to Sentinels too.
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
    """Return what `aio.connect` does, with the documents from environment variables, as `redis_ha_client.connect_from_env`."""
    return connect(*documents_from_env(prefix), **arguments)
