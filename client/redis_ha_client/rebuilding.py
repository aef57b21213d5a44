"""A client that a library makes again from the class and the pool of one that `connect` made: what it may change, and what not.

RQ's scheduler and WorkerPool make `type(client)(connection_pool=ConnectionPool(connection_class=..., **arguments))` in another
process (rq 3.0 connections.py, scheduler.py, worker_pool.py); redis-py itself makes `type(client)(connection_pool=...)` for
`client.client()`; others `type(client)(**client.connection_pool.connection_kwargs)` or `type(client).from_url(url)`.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .documents import Address, ClusterConnection, PrimaryConnection, SentinelConnection
from .errors import DocumentError
from .wiring import SETTINGS, Settings, validated

# Argument of redis-py -> the field of Settings that it changes in the new client.
_CHANGEABLE = {
    "db": "database",
    "decode_responses": "decode_responses",
    "client_name": "client_name",
    "max_connections": "pool_size",
}
# What is made anew, or is the policy's to say: taken and not looked at.
_PASSED_OVER = frozenset(
    [
        *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "socket_keepalive_options", "socket_read_size"),
        *("health_check_interval", "timeout", "retry", "retry_on_timeout", "retry_on_error", "connection_class", "queue_class"),
        *("parser_class", "driver_info", "lib_name", "lib_version", "maint_notifications_config", "event_dispatcher"),
        *("maint_notifications_pool_handler", "orig_host_address", "orig_socket_timeout", "orig_socket_connect_timeout"),
        *(
            "himport_registry",
            "redis_connect_func",
            "response_callbacks",
            "policy_resolver",
            "connection_pool_class",
        ),
        # this package's own
        *("finder", "endpoint", "age_seconds", "reads_only", "follows"),
    ]
)


def settings_again(kind: type, settings: Settings | None, given: Mapping[str, Any]) -> Settings:
    """Return the settings of a `kind` that is made: by `connect`, or again by a library with the arguments of one that was.

    Raises DocumentError for a class that is used without `connect`, and for an argument that would lead elsewhere.
    """
    if settings is not None:
        return settings
    known = given.get(SETTINGS)
    if not isinstance(known, Settings):
        raise DocumentError(
            f"{kind.__name__} is made by redis_ha_client.connect or redis_ha_client.aio.connect: a URL, a host or a pool of "
            "redis-py's own names one server, and a failover leaves it behind. Give the library the client itself, or use "
            "redis.Redis for a server outside the stack"
        )
    changes: dict[str, Any] = {}
    own = _own_arguments(known)
    for name, value in given.items():
        if name in _CHANGEABLE:
            changes[_CHANGEABLE[name]] = value
        elif not (name in _PASSED_OVER or value is None or _leads_here(name, value, own)):
            raise DocumentError(
                f"{name} differs from what {kind.__name__} was made with: a client that is made again may have its own "
                f"{', '.join(_CHANGEABLE)}; for anything else call connect() once more"
            )
    return validated(replace(known, **changes))


def _leads_here(name: str, value: Any, own: Mapping[str, tuple[Any, ...]]) -> bool:
    if name == "startup_nodes":
        return all(_leads_here(part, getattr(node, part), own) for node in value for part in ("host", "port"))
    return value in own.get(name, ())


def retries_refused() -> DocumentError:
    """Build the error of a redis-py Retry for a client whose retries the budget ends."""
    return DocumentError(
        "set_retry: how often a command is tried is the time budget's to say; give connect() a policy, as in "
        "policy=FailoverPolicy(total_seconds=10)"
    )


def _own_arguments(settings: Settings) -> dict[str, tuple[Any, ...]]:
    """Return the arguments that must be as they were, with the values that this means."""
    hosts, ports = zip(*_addresses(settings), strict=True)
    # redis-py's defaults stand last.
    return {
        **{name: (value,) for name, value in settings.node_arguments().items()},
        "host": hosts,
        "port": ports,
        "encoding": ("utf-8",),
        "encoding_errors": ("strict",),
        "legacy_responses": (True,),
        "ssl": (settings.connection.tls,),
        "ssl_cert_reqs": ("required", ssl.CERT_REQUIRED),
        "ssl_check_hostname": (True,),
    }


def _addresses(settings: Settings) -> Iterator[Address]:
    whole = settings.whole
    if settings.published is not None:  # beside those of the time when the client was made
        yield from _addresses(replace(settings.now, published=None))
    for connection in [settings.connection] if whole is None else [settings.connection, *whole.regions.values()]:
        if isinstance(connection, ClusterConnection):
            yield connection.configuration
        elif isinstance(connection, PrimaryConnection):
            yield from filter(None, (connection.primary, connection.reader))
        elif isinstance(connection, SentinelConnection):
            yield from connection.sentinels
