"""What a HealthMonitor asks of the servers, and what their answers mean: plain decisions, shared by both halves.

A write is asked for, because nothing less tells: a replica answers PING, and so does a master that takes no writes. Without
cluster mode ROLE goes with it in one transaction, so that both answers are of one node: a replica may take writes
(replica-read-only no), and they are lost. In cluster mode a replica sends every write on to its primary, whatever its settings
are (redis/redis src/cluster.c, getNodeByQuery), so each shard gets a write alone.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redis import exceptions
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from .discovery import role_of
from .documents import ClusterConnection
from .errors import DocumentError, NotTheMasterError, mark_unknown, outcome_of
from .health import Failure, HealthPreset
from .lookup import ask_of
from .wiring import Settings
from .world import Writer

KEY = "redis-ha:health"
TTL_SECONDS = 60  # the key is gone a minute after the last monitor
# A slot is missed by so many tries with a probability of e to the -32.
_TRIES = 32 * REDIS_CLUSTER_HASH_SLOTS


def probe_settings(settings: Settings, preset: HealthPreset, key_prefix: str) -> Settings:
    """Return the settings of the probe's own client: its pool, its budget and its look-ups are nobody else's."""
    if settings.reader:
        raise DocumentError("the client was made with reader=True, and a health probe writes: give the one that writes")
    if not isinstance(key_prefix, str):
        raise DocumentError(f"key_prefix is {key_prefix!r}: must be text")
    if "{" in key_prefix and isinstance(settings.connection, ClusterConnection):
        raise DocumentError(
            f"key_prefix is {key_prefix!r}: '{{' in it puts all keys into one slot, and each shard gets a probe: leave it out"
        )
    policy, whole = preset.policy, settings.whole
    return replace(
        settings,
        policy=policy,
        pool_size=2,  # one for the probe, one for a cluster's layout meanwhile
        decode_responses=False,
        writer=None if whole is None else Writer(whole, ask_of(whole, policy)),
        safety=None,  # asked is whether the master takes writes, not what its replicas have
    )


def set_command(key: str) -> tuple[str, ...]:
    """Return the write."""
    return "SET", key, "1", "EX", str(TTL_SECONDS)


def shard_keys(primaries: Mapping[int, str], key_prefix: str) -> Iterator[str]:
    """Return a key for each primary of a cluster. primaries: slot -> name of the node that serves it."""
    missing = REDIS_CLUSTER_HASH_SLOTS - len(primaries)
    if missing:
        raise exceptions.SlotNotCoveredError(f"{missing} slots are served by no node")
    waiting = set(primaries.values())
    for number in itertools.islice(itertools.count(), _TRIES):
        if not waiting:
            return
        key = f"{key_prefix}{KEY}:{{{number}}}"
        primary = primaries[key_slot(key.encode())]
        if primary in waiting:
            waiting.discard(primary)
            yield key


def primaries_of(slots: Mapping[int, Sequence[Any]]) -> dict[int, str]:
    """Read redis-py's layout: slot -> name of its primary."""
    return {slot: nodes[0].name for slot, nodes in slots.items() if nodes}


def check_replies(replies: Sequence[Any]) -> None:
    """Raise the first error among the replies of a cluster's shards."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def check_master(replies: Sequence[Any]) -> None:
    """Refuse a node that took the write and is a replica. replies: of ROLE, and of the write."""
    role = role_of(replies[0])
    if role != "master":
        error = NotTheMasterError(f"the node that took the probe's write says that it is a {role}")
        mark_unknown(error)
        raise error


def role_not_allowed(error: Exception) -> bool:
    """Tell whether the user may not ask ROLE, or not in a transaction, or a proxy does not know it: the write tells alone."""
    return isinstance(error, exceptions.NoPermissionError) or "unknown command" in str(error).lower()


def failure_of(error: Exception) -> Failure:
    """Return what is kept of a failed probe."""
    return Failure(type(error).__name__, outcome_of(error))
