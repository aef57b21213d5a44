"""Writers by redis_ha_client and redis-py. One process is one row: CLIENT, FORM and SETTINGS say which.

`CLIENT=server` is no library: it writes to every node directly, and so tells when one takes writes.
"""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on its Sentinel.

import os
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
from redis.backoff import FullJitterBackoff, NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

import redis_ha_client

form, prefix = os.environ["FORM"], os.environ["PREFIX"]
hosts = [(host, int(port)) for host, port in (one.rsplit(":", 1) for one in os.environ["HOSTS"].split(","))]
master_name = os.environ.get("MASTER_NAME", "")
username, password = os.environ["USERNAME"] or None, os.environ["PASSWORD"]
sentinel_username, sentinel_password = os.environ.get("SENTINEL_USERNAME"), os.environ.get("SENTINEL_PASSWORD")
host, port = hosts[0]


def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the stack's outputs hold: `connection` and `credentials`."""
    address = {"host": host, "port": port}
    caches = {"version": 1, "tls": False, "engine": "valkey", "failover": {"automatic": True, "multi_az": True, "replicas": 2}}
    connection = {
        "sentinel": {
            "version": 1,
            "kind": "sentinel",
            "master_name": master_name,
            "sentinels": [{"host": one, "port": at} for one, at in hosts],
            "tls": False,
            "failover": {"down_after_ms": 5000, "failover_timeout_ms": 20000, "min_replicas_to_write": 1},
        },
        "primary": {"kind": "primary", "primary": address, "reader": None, **caches},
        "cluster": {"kind": "cluster", "configuration": address, **caches},
    }[form]
    logins: dict[str, Any] = {"password": password} | ({"username": username} if username else {})
    if form == "sentinel":
        logins |= {"sentinel_username": sentinel_username, "sentinel_password": sentinel_password}
    return connection, {"version": 1, **logins}


def own_defaults() -> Any:
    connection, credentials = documents()
    # settings: redis_ha_client sentinel defaults
    # settings: redis_ha_client primary defaults
    # settings: redis_ha_client cluster defaults
    return redis_ha_client.connect(connection, credentials)
    # end


def own_recommended() -> Any:
    connection, credentials = documents()
    # settings: redis_ha_client sentinel recommended
    # settings: redis_ha_client primary recommended
    # settings: redis_ha_client cluster recommended
    return redis_ha_client.connect(connection, credentials, policy=redis_ha_client.FailoverPolicy(total_seconds=20))
    # end


def sentinel_defaults() -> Any:
    # settings: redis-py sentinel defaults
    sentinels = Sentinel(hosts, sentinel_kwargs={"username": sentinel_username, "password": sentinel_password})
    return sentinels.master_for(master_name, username=username, password=password)
    # end


# settings: redis-py sentinel recommended
# settings: redis-py cluster recommended
# Around each command. The client's own tries go to the node that the first one went to (redis/redis-py#3874): the next
# command asks anew.
def ride_over(command: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return command()
        except (redis.RedisError, redis.exceptions.RedisClusterException):
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - spreads the clients, keeps nothing secret


# end


def sentinel_recommended() -> Any:
    # settings: redis-py sentinel recommended
    quick = {"socket_timeout": 1, "socket_connect_timeout": 1}
    sentinels = Sentinel(
        hosts,
        sentinel_kwargs={
            **quick,
            "username": sentinel_username,
            "password": sentinel_password,
            "retry": Retry(NoBackoff(), 0),
        },
    )
    return sentinels.master_for(
        master_name,
        **quick,
        username=username,
        password=password,
        retry=Retry(NoBackoff(), 0),
    )
    # end


def primary_defaults() -> Any:
    # settings: redis-py primary defaults
    return redis.Redis(host, port, username=username, password=password)
    # end


def primary_recommended() -> Any:
    # settings: redis-py primary recommended
    return redis.Redis(
        host,
        port,
        username=username,
        password=password,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(FullJitterBackoff(cap=1, base=0.05), 20),
        retry_on_error=[redis.exceptions.ReadOnlyError],
    )
    # end


def cluster_defaults() -> Any:
    # settings: redis-py cluster defaults
    return redis.RedisCluster(host, port, username=username, password=password)
    # end


def cluster_recommended() -> Any:
    # settings: redis-py cluster recommended
    return redis.RedisCluster(host, port, username=username, password=password, socket_timeout=1, socket_connect_timeout=1)
    # end


KINDS: dict[tuple[str, str], Callable[[], Any]] = {
    ("sentinel", "defaults"): sentinel_defaults,
    ("sentinel", "recommended"): sentinel_recommended,
    ("primary", "defaults"): primary_defaults,
    ("primary", "recommended"): primary_recommended,
    ("cluster", "defaults"): cluster_defaults,
    ("cluster", "recommended"): cluster_recommended,
}


def now() -> int:
    return time.time_ns() // 1000


def write_for_ever(make: Callable[[], Any], *, only_ok: bool = False, pause: float = 0.01, looped: bool = False) -> None:
    client, number, until = None, 0, float(os.environ["UNTIL"])
    while time.time() < until:
        number += 1
        start, told = now(), "ok"
        try:
            client = client or make()
            send = partial(client.set, f"{prefix}{number}", number)
            ride_over(send, 20) if looped else send()
        except Exception as error:  # noqa: BLE001 - whatever a library raises is what is counted
            told = f"error {type(error).__name__}: {error}".replace("\n", " ")
        if told == "ok" or not only_ok:
            os.write(1, f"{start} {now()} {number} {told}\n".encode())
        time.sleep(pause)


def watch_servers() -> None:
    """Write to every node directly, a thread each."""
    waits: dict[str, Any] = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "retry": Retry(NoBackoff(), 0)}

    def one(node: str) -> None:
        at, number = node.rsplit(":", 1)
        write_for_ever(
            lambda: redis.Redis(at, int(number), username=username, password=password, **waits), only_ok=True, pause=0.02
        )

    threads = [threading.Thread(target=one, args=(node,)) for node in os.environ["NODES"].split(",")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    kind = os.environ["CLIENT"]
    settings = os.environ["SETTINGS"]
    if kind == "server":
        watch_servers()
    elif kind == "redis_ha_client":
        write_for_ever(own_defaults if settings == "defaults" else own_recommended)
    else:
        write_for_ever(KINDS[form, settings], looped=settings == "recommended" and form != "primary")
