"""How many connections applications may hold, so that the cluster's own always find a place. No Pulumi.

Redis has one limit for all, `maxclients`, and counts a connection before it knows the user (src/networking.c,
acceptCommonHandler; redis/redis pull requests 5418 and 6945 would have kept some for administrators). When applications hold
them all, Sentinels call a healthy master down. A failover makes it worse: it closes every connection of the new master
(src/sentinel.c, sentinelSendSlaveOf, CLIENT KILL), and all come back in one moment. So whoever sorts them has to do so before
Redis does: the kernel (templates/connections.nft.j2). An agent that closes what is too much comes too late, has lost
its own connection by then, and cannot say who takes a free place: tried, and failovers went on as without it.
"""

import shlex
from collections.abc import Mapping

# redis.conf `maxclients`, of Redis and of Sentinel.
DEFAULT_MAXCLIENTS = 10_000
# LimitNOFILE of the units. Redis keeps 32 of them for itself (src/server.h, CONFIG_MIN_RESERVED_FDS), and lowers maxclients to
# what is left without stopping.
OPEN_FILES = 65_536
MOST_MAXCLIENTS = OPEN_FILES - 32
# A Sentinel's commands and its subscription (src/sentinel.c, sentinelReconnectInstance), and its agent's connection.
OF_A_SENTINEL = 3
# Another data node's replication link, a second one while it loads (8.0, repl-rdb-channel), and its agent's question.
OF_A_DATA_NODE = 3
# The node's own agent, an exporter, `redis-ha status`, and people in trouble.
OF_THE_MACHINE = 12


def reserved_connections(sentinels: int, replicas: int) -> int:
    """Return how many connections of a node the cluster may need.

    All of the others' twice: those of a machine that was replaced, or whose power failed, stay until tcp-keepalive ends them.
    """
    return 2 * (OF_A_SENTINEL * sentinels + OF_A_DATA_NODE * replicas) + OF_THE_MACHINE


def maxclients(directives: Mapping[str, str]) -> int:
    """Return the limit of a data node by its directives."""
    given = directives.get("maxclients")
    return DEFAULT_MAXCLIENTS if given is None else int(shlex.split(given)[0])
