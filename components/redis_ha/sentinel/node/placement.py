"""Where a data node belongs: the decision of the placing agent, as plain functions on plain data.

The rules (why: a rebooted old master must never be a second one; redis/redis issues 1255, 1297, 13658; bitnami/charts 8878):

- A node starts read-only, following nowhere. Only the word of a majority of the configured Sentinels places it.
- Of several words the one with the highest config-epoch counts (redis.io, "Sentinel": configuration epochs). Where Sentinels
  name several masters in it (`bootstrap.is_stray`), that of a majority counts.
- A node makes itself master only if it holds data, no Sentinel is about to fail over, and so many Sentinels have reached it
  since it started that the others cannot call it down: a failover needs silence (`Cluster.least_silence_ms`), none can begin
  meanwhile.
- It does not while a replica lives that knows as much as its own disk: that one leads, by a failover (`position`).
- A node that is master against the word of a majority follows, unless Sentinels may just have made it master: they name the old
  one until they have seen the promotion, for at most `failover-timeout`, and with no newer epoch than that of this node.
- A replica follows the one that a leading Sentinel has chosen as soon as that one says that it is master. Sentinel tells it so
  too, a second later: it asks a promoted node only then (src/sentinel.c, sentinelSendPeriodicCommands).
- A master that may have been replaced takes fewer writes, or none (`fencing`).
- A replica that follows another one, which follows the node that a majority names, follows that node itself.
- A node that was not in step with a master since it started, or since it was one, is chosen only where there is no other.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .config import NOWHERE
from .lowering import SILENT_MS, can_lower
from .resp import Address
from .sentinels import Answer

# Sentinel calls a master down that has reported itself a replica for down-after plus two of its INFO periods of 10 s
# (redis/redis src/sentinel.c, sentinelCheckSubjectivelyDown). That long a node may be read-only and still become master.
ROLE_MISMATCH_MS = 20_000
# How long before that moment a node stops making itself master, so that it never acts while Sentinels begin to fail over.
ROLE_MISMATCH_MARGIN_MS = 5_000

# replica-priority of a node that may lack what the others have. Sentinel takes the lowest number above 0, and only then the
# highest offset (redis/redis src/sentinel.c, compareSlavesForPromotion). Offsets of two histories say nothing: a master that
# was frozen runs hundreds of hellos when it wakes, and each raises its offset (sentinelSendPeriodicCommands repeats them).
LAST_RESORT = 1_000_000

# Every how many looks a replica that is well asks the Sentinels, for their peers above all.
REPLICA_ASKS_EVERY = 15

# A Sentinel that wants to lead a failover is voted for at once or at the next question, a second later (src/sentinel.c,
# SENTINEL_ASK_PERIOD). One that was not is in this state for 10 s and more, and does nothing.
ELECTION = "wait_start"
ELECTION_MS = 2_000
# The states in which the chosen replica has been told to lead (src/sentinel.c, sentinelFailoverStateStr).
LEADING = ("wait_promotion", "reconf_slaves")
# How long before and after the moment at which Sentinels call a master down no failover is asked for: it needs no votes. If
# another one begins before its leader hears of that, both promote a replica, even in one epoch, and each makes the other's
# choice a replica of its own: nobody leads for down-after and ROLE_MISMATCH_MS. Hellos come every 2 s (src/sentinel.c,
# SENTINEL_PUBLISH_PERIOD).
APART_MS = 2_000

Act = Literal["stay", "wait", "follow", "promote", "demote", "repoint"]


@dataclass(frozen=True)
class Node:
    """What a data node says of itself.

    `up_ms` counts from the first answer of this redis-server process, `role_ms` from the first one in this role. `epoch` is the
    config-epoch in which a majority named it since it became master, None when none did yet.
    """

    address: Address
    role: str
    master: Address | None
    holds_data: bool
    up_ms: int
    role_ms: int
    epoch: int | None = None


@dataclass(frozen=True)
class Cluster:
    """What is configured: how many Sentinels there are, how many call a master down together, and their times."""

    sentinel_count: int
    quorum: int
    down_after_ms: int
    failover_timeout_ms: int

    @property
    def majority(self) -> int:
        """Return how many Sentinels have to answer before a node is placed."""
        return self.sentinel_count // 2 + 1

    @property
    def promoters(self) -> int:
        """Return how many have to agree before a node makes itself master: with fewer, the silent ones could fail over."""
        return max(self.majority, self.sentinel_count - self.quorum + 1)

    @property
    def least_silence_ms(self) -> int:
        """Return for how long a node is silent, at least, before its Sentinels call it down."""
        lowered = can_lower(down_after_ms=self.down_after_ms, quorum=self.quorum, sentinels=self.sentinel_count)
        return SILENT_MS if lowered else self.down_after_ms


def as_known(cluster: Cluster, answers: list[Answer]) -> Cluster:
    """Return the cluster as its Sentinels know it: `sentinels` may have been raised since this node was made.

    They elect by the Sentinels that they know, so also by those that are gone and were not forgotten (`SENTINEL RESET`).
    """
    count = max([cluster.sentinel_count, *(len(answer.peers) + 1 for answer in answers)])
    quorum = min([cluster.quorum, *(answer.quorum for answer in answers if answer.quorum)])
    return replace(cluster, sentinel_count=count, quorum=quorum)


@dataclass(frozen=True)
class Decision:
    """What to do now and why; `target` is the master to follow."""

    act: Act
    reason: str
    target: Address | None = None


def is_unplaced(node: Node) -> bool:
    """Tell whether the node follows nowhere, as every node does after its start."""
    return node.role != "master" and node.master == NOWHERE


def has_to_ask(node: Node, fields: Mapping[str, str], *, history: str, looks: int) -> bool:
    """Decide whether the Sentinels are asked at this look: by a replica when its link is down or it is handed another history.

    `fields` are INFO's, `history` is master_replid at the last look.
    """
    if is_unplaced(node) or node.role == "master":
        return True
    well = fields.get("master_link_status") == "up" and fields.get("master_replid", "") == history
    return not well or looks % REPLICA_ASKS_EVERY == 1


def named_master(answers: list[Answer], cluster: Cluster) -> tuple[Address | None, list[Answer], str]:
    """Return the master that counts, the answers that name it, and the reason when there is none."""
    speaking = [answer for answer in answers if answer.master is not None]
    if len(speaking) < cluster.majority:
        reason = f"{len(speaking)} of {cluster.sentinel_count} Sentinels name a master, {cluster.majority} have to"
        return None, [], reason
    newest = max(answer.config_epoch for answer in speaking)
    agreeing = [answer for answer in speaking if answer.config_epoch == newest]
    masters = Counter(answer.master for answer in agreeing)
    master, votes = masters.most_common(1)[0]
    if len(masters) > 1 and votes < cluster.majority:
        return None, [], f"Sentinels name {len(masters)} masters for config-epoch {newest}"
    return master, [answer for answer in agreeing if answer.master == master], ""


def decide(node: Node, answers: list[Answer], cluster: Cluster) -> Decision:
    """Decide where the node belongs now."""
    master, agreeing, silence = named_master(answers, cluster)
    if master is None:
        return Decision("wait" if is_unplaced(node) else "stay", silence)
    if is_unplaced(node):
        return _place(node, master, agreeing, answers, cluster)
    if node.role == "master" and master != node.address:
        return _second_master(node, master, agreeing, answers, cluster)
    if node.role != "master" and master not in {node.address, node.master}:
        return _elsewhere(master, agreeing, answers, cluster)
    return Decision("stay", "placed")


def _elsewhere(master: Address, agreeing: list[Answer], answers: list[Answer], cluster: Cluster) -> Decision:
    if len(agreeing) < cluster.majority or any("failover_in_progress" in answer.flags for answer in answers):
        return Decision("stay", "the Sentinels place replicas while they fail over")
    return Decision("repoint", "a majority of the Sentinels names another master, which this node's master follows", master)


def is_detour(via: Mapping[str, str], lead: Mapping[str, str], master: Address) -> bool:
    """Tell from INFO of the node that a replica follows, and of the one that is named, whether the first only hands on.

    Then the replica gets nothing from it that the named one does not have. Sentinel re-points it too, after failover-timeout
    (redis/redis src/sentinel.c, sentinelRefreshInstanceInfo).
    """
    follows = (via.get("master_host"), via.get("master_port")) == (master[0], str(master[1]))
    in_step = via.get("role") == "slave" and via.get("master_link_status") == "up"
    one_history = bool(lead.get("master_replid")) and lead.get("master_replid") == via.get("master_replid")
    return follows and in_step and lead.get("role") == "master" and one_history


def _second_master(node: Node, master: Address, agreeing: list[Answer], answers: list[Answer], cluster: Cluster) -> Decision:
    newer = node.epoch is not None and bool(agreeing) and agreeing[0].config_epoch > node.epoch
    unseen = node.role_ms <= cluster.failover_timeout_ms and not newer
    if unseen or any("failover_in_progress" in answer.flags for answer in answers):
        return Decision("stay", "master; the Sentinels may be about to name it")
    if len(agreeing) < cluster.majority:
        return Decision("stay", "master; no majority of the Sentinels names another one")
    return Decision("demote", "a majority of the Sentinels names another master", master)


def _place(  # noqa: PLR0911 (one return a rule, in the order in which they count)
    node: Node, master: Address, agreeing: list[Answer], answers: list[Answer], cluster: Cluster
) -> Decision:
    if any("failover_in_progress" in answer.flags for answer in answers):
        return Decision("wait", "a failover is in progress")
    if master != node.address:
        return Decision("follow", "the Sentinels name this master", master)
    if not node.holds_data:
        return Decision(
            "wait", "the Sentinels name this node, but its data directory is empty: they have to fail over to a replica"
        )
    if len(agreeing) < cluster.promoters:
        return Decision("wait", f"{len(agreeing)} Sentinels name this node, {cluster.promoters} have to")
    reached = sum(answer.ok_ping_age_ms < node.up_ms for answer in agreeing)
    if reached < cluster.promoters:
        return Decision("wait", f"{reached} Sentinels have reached this node since it started, {cluster.promoters} have to")
    if any(_calls_down(answer, cluster) for answer in agreeing) and any(answer.replicas for answer in agreeing):
        return Decision("wait", "the Sentinels are about to fail over to a replica")
    return Decision("promote", "the Sentinels name this node and it holds data")


def _calls_down(answer: Answer, cluster: Cluster) -> bool:
    nearly = cluster.down_after_ms + ROLE_MISMATCH_MS - ROLE_MISMATCH_MARGIN_MS
    mismatch = answer.role_reported == "slave" and answer.role_reported_ms > nearly
    return answer.lowered or mismatch or bool(answer.flags & {"s_down", "o_down"})


def replica_priority(configured: int, *, holds_data: bool, in_step: bool) -> int:
    """Return replica-priority: 0, which never wins, without data; LAST_RESORT until the node is in step with a master."""
    if not holds_data or configured == 0:
        return 0
    return configured if in_step else LAST_RESORT


def is_confirmed(node: Node, master: Address | None, answers: list[Answer]) -> bool:
    """Tell whether the Sentinels let a master lead: they name it, and none of them is failing over or about to.

    While they fail over they name the old one until they have seen the promotion, also to one that comes back in that moment.
    """
    return master == node.address and not any(answer.flags & {"o_down", "failover_in_progress"} for answer in answers)


def chosen(node: Node, answers: list[Answer]) -> Address | None:
    """Return the replica that a Sentinel has chosen in place of this replica's master, and has told to lead; None without one.

    It counts when the Sentinel leads in an epoch as new as any that is known. Whether the chosen one is master it says itself.
    """
    newest = max((answer.config_epoch for answer in answers), default=0)
    leading = [
        answer
        for answer in answers
        if answer.failover in LEADING and answer.leads >= max(newest, 1) and answer.failed == node.master
    ]
    promoted = max(leading, key=lambda answer: answer.leads).promoted if leading else None
    return promoted if promoted != node.address else None


def whom_to_ask(
    answers: list[Answer], agreeing: list[Answer], cluster: Cluster, election_ms: Mapping[str, int]
) -> list[Answer]:
    """Return the Sentinels of which one may be asked for a failover; none while another one is at it, or may begin now.

    `election_ms` is for how long each of them has wanted to lead, by its id.
    """
    watching = [answer for answer in answers if answer.master is not None]
    if any(answer.lowered or abs(answer.ok_ping_age_ms - cluster.down_after_ms) < APART_MS for answer in watching):
        return []
    at_it = [answer for answer in answers if "failover_in_progress" in answer.flags]
    if any(answer.failover != ELECTION or election_ms.get(answer.sentinel_id, 0) < ELECTION_MS for answer in at_it):
        return []
    return [answer for answer in agreeing if not answer.failover]


def may_start(
    node_address: Address, answers: list[Answer], cluster: Cluster, *, holds_data: bool, witness: Address | None
) -> Decision:
    """Decide before redis-server starts: a node that the Sentinels call master but that may not lead stays down.

    Running read-only it would be called down only after `down-after` plus 20 s; silent it is after `down-after`. `witness` is a
    living replica that knows as much as this node's disk holds.
    """
    master, _, silence = named_master(answers, cluster)
    if master != node_address:
        return Decision("stay", silence or "another node is the master")
    if witness is not None:
        return Decision("wait", f"{witness[0]} has lived on and knows as much as this disk: it has to lead", witness)
    if not holds_data:
        return Decision(
            "wait",
            "the Sentinels name this node as master, but its data directory is empty; it starts once they have failed over. "
            "If the data is gone with every replica: SENTINEL REMOVE the master on every Sentinel, and the cluster begins anew",
        )
    return Decision("stay", "the node holds data, no living replica knows as much, and it starts read-only")
