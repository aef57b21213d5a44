"""Whether a Sentinel's own failover waits in vain for the replica that it chose.

A replica that crashes right after its promotion, before the leading Sentinel has seen it, comes back read-only. The leader said
REPLICAOF NO ONE once, and waits for `role:master` until failover-timeout (src/sentinel.c, sentinelFailoverWaitPromotion). Until
then it begins no other failover, those that voted for it begin none for twice that time, and no agent acts beside it.

When it crashes later, the leader waits for its return before it ends the failover (sentinelFailoverDetectEnd). The others know
the new master by then and miss it; of the leader, which still monitors the old one, they get no vote. With three Sentinels the
two that are left may vote against each other again and again.
"""

from collections.abc import Iterable, Mapping

# The states in which Sentinel has chosen a replica and has not seen it as master, and the one after that
# (sentinelFailoverStateStr).
PROMOTING = ("send_slaveof_noone", "wait_promotion")
PROMOTED = "reconf_slaves"
# In a failover Sentinel asks replicas for INFO once a second (sentinelSendPeriodicCommands). The first answer may have been on
# its way when the order was sent; the second one is the chosen replica's word afterwards.
INFO_EVERY_MS = 1_000
# A replica that was silent only just as long as down-after may be back at once: then the failover goes on.
DOWN_MS = 1_000


def awaited(state: str, replicas: Iterable[Mapping[str, str]]) -> Mapping[str, str] | None:
    """Return the replica that a Sentinel needs for its failover, None in other states.

    `state` is the field failover-state of SENTINEL MASTER, `replicas` are those of SENTINEL REPLICAS.
    """
    if state not in (*PROMOTING, PROMOTED):
        return None
    return next((one for one in replicas if "promoted" in one.get("flags", "").split(",")), None)


def is_in_vain(state: str, replica: Mapping[str, str], waited_ms: int) -> bool:
    """Decide from what a Sentinel knows of the awaited replica, `waited_ms` after its agent first saw it wait.

    Either the replica was silent for down-after and a second, or it has said since that it is still a replica.
    """
    if int(replica.get("s-down-time", "0")) >= DOWN_MS:
        return True
    said_since = int(replica.get("info-refresh", waited_ms)) < waited_ms - INFO_EVERY_MS
    return state in PROMOTING and replica.get("role-reported") == "slave" and waited_ms >= 2 * INFO_EVERY_MS and said_since
