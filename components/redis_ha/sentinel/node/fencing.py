"""When a master takes no writes, because it may have been replaced without knowing.

- A master that no majority names needs all the replicas that it has: one that leaves may have been promoted. After `down-after`
  and a margin it needs all that there are. With all its replicas nobody else can be master.
- A master that hears no majority of the Sentinels at all may be cut off, and they lower down-after then (`lowering`). It takes
  no writes from there on, unless every replica says that it follows it, asked anew. The same holds for one that hears that it
  is called down, or that a failover away from it is on.
- Only a majority's word, or that of all replicas, ends that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .config import NodeConfig
from .min_replicas import MinReplicas
from .placement import Cluster, Node
from .position import ask_replication
from .resp import Address, Connection
from .sentinels import Answer

# For this part of `down-after` a master without a majority's word goes on as before: it may have been promoted just now.
ALONE_AFTER = 0.25
# How long after `down-after` such a master stops taking writes if a replica is missing. Sentinels on the other side promote a
# replica about then: they need down-after, up to a second until their timer sees it, and an election.
FENCE_MARGIN_MS = 2_000
# min-replicas-to-write of a master that takes no writes: more than there can ever be. Reads go on.
FENCED = 1_000_000
# A master that hears no majority for so long asks its replicas at once. Its Sentinels call it down after SILENT_MS at the
# earliest, and then elect and choose, a tick of theirs each: by then it takes no writes. It is more than the time between two
# questions and a slow answer (`lines`).
UNHEARD_MS = 350
# How long such a master waits for the word of its replicas.
REPLICAS_WITHIN_S = 0.15


@dataclass(frozen=True)
class Backing:
    """What stands behind a master.

    `silent_ms` is since it was confirmed (`placement.is_confirmed`), or since it became master. `online` of its `replicas` are
    connected, `confirming` say that they follow it, asked just now where there is doubt. `needed` is min-replicas-to-write as
    decided at the last look, None where that is what is `configured`.
    """

    silent_ms: int
    doubtful: bool
    replicas: int
    online: int
    confirming: int
    configured: int
    needed: int | None


def is_doubtful(node: Address, unheard_ms: int, answers: Iterable[Answer]) -> bool:
    """Tell whether a master may be about to be replaced. `unheard_ms` is since a majority of the Sentinels answered at all."""
    condemned = {"o_down", "failover_in_progress"}
    return unheard_ms > UNHEARD_MS or any(answer.master == node and answer.flags & condemned for answer in answers)


def needed_replicas(node: Node, cluster: Cluster, backing: Backing) -> int | None:
    """Return min-replicas-to-write for a node, None where the configured value stays.

    A replica that is promoted leaves its old master before it takes a write: Redis refuses from that moment on, not from the
    next look.
    """
    confirmed = backing.silent_ms <= ALONE_AFTER * cluster.down_after_ms and not backing.doubtful
    if node.role != "master" or confirmed:
        return None
    if (backing.doubtful or backing.needed == FENCED) and backing.confirming < backing.replicas:
        return FENCED
    if backing.silent_ms > cluster.down_after_ms + FENCE_MARGIN_MS and backing.online < backing.replicas:
        return FENCED
    so_far = backing.configured if backing.needed is None or backing.needed == FENCED else backing.needed
    needed = max(so_far, backing.online)
    return needed if needed > backing.configured else None


def online_replicas(fields: Mapping[str, str], down_after_ms: int) -> int:
    """Count the replicas that INFO shows as connected and that have answered within down-after (at least 2 s: once a second).

    A replica behind a cut network stays "online" until repl-timeout, 60 s; only its lag grows.
    """
    replicas = [
        dict(pair.split("=", 1) for pair in value.split(",") if "=" in pair) for value in fields.values() if "lag=" in value
    ]
    longest = max(2, down_after_ms // 1000)
    return sum(one.get("state") == "online" and int(one["lag"]) <= longest for one in replicas)


def follows(fields: Mapping[str, str], master: Address) -> bool:
    """Tell from a data node's INFO replication whether it follows that master now."""
    address = (fields.get("master_host"), fields.get("master_port"))
    return fields.get("role") == "slave" and address == (master[0], str(master[1])) and fields.get("master_link_status") == "up"


class Fence:
    """Raises min-replicas-to-write of one node, and gives it its value back."""

    def __init__(self, config: NodeConfig, cluster: Cluster) -> None:
        """Read what an earlier process left."""
        self._config = config
        self._cluster = cluster
        self._min_replicas = MinReplicas(config.agent_directory)
        self._most_online = 0
        # An agent that was started anew does not know since when nobody named this master. What the earlier one raised stays
        # in doubt until a majority's word.
        self._inherited = self._min_replicas.raised

    def confirm(self) -> None:
        """Take note that a majority names this master: what an earlier process doubted is over."""
        self._inherited = False

    def look(self, connection: Connection, node: Node, fields: Mapping[str, str], silent_ms: int, *, doubtful: bool) -> None:
        """Let a master that no majority names need more replicas; as many as before afterwards, and in any other role."""
        self._inherited &= node.role == "master"
        doubtful |= self._inherited
        online = online_replicas(fields, self._config.down_after_ms)
        self._most_online = max(self._most_online, online) if node.role == "master" else 0
        replicas = max(self._config.replicas, self._most_online)
        asks = node.role == "master" and (doubtful or self._min_replicas.needed == FENCED)
        confirming = self._confirming(node, fields) if asks else 0
        self._min_replicas.look(connection)
        backing = Backing(
            silent_ms, doubtful, replicas, online, confirming, self._min_replicas.configured, self._min_replicas.needed
        )
        needed = needed_replicas(node, self._cluster, backing)
        if not self._min_replicas.need(connection, needed):
            return
        if needed is None:
            print("needs no more replicas than configured again", flush=True)
        elif needed == FENCED:
            print(f"takes no writes: no majority of Sentinels names it, {online} of {replicas} replicas are here", flush=True)
        else:
            print(f"no majority of Sentinels names it: takes writes only with {needed} replicas", flush=True)

    def _confirming(self, node: Node, fields: Mapping[str, str]) -> int:
        """Ask the replicas that INFO shows, all at once, and count those that say they follow this node."""
        entries = [dict(pair.split("=", 1) for pair in value.split(",")) for value in fields.values() if "lag=" in value]
        told = ask_replication({(one["ip"], int(one["port"])) for one in entries}, self._config, REPLICAS_WITHIN_S)
        return sum(follows(one, node.address) for one in told.values())
