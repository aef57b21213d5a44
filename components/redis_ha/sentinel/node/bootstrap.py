"""How a cluster begins, and how a replaced Sentinel joins: the decision of a Sentinel's agent, on plain data.

Nobody is told who the master is. A Sentinel that monitors nothing looks at its peers and at the data nodes it was given:
a peer that has a history is believed; without any, a majority of empty-handed Sentinels may begin a
cluster, once, and the lowest of them does it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from .resp import Address
from .sentinels import Answer

Act = Literal["wait", "adopt", "create"]


@dataclass(frozen=True)
class Seed:
    """What a data node of the first boot's list answers; `role` is None when it does not, or is still loading."""

    address: Address
    role: str | None = None
    follows: Address | None = None
    empty: bool = False


@dataclass(frozen=True)
class Decision:
    """What to do now and why; `promote` says that `master` has to be made one first."""

    act: Act
    reason: str
    master: Address | None = None
    promote: bool = False


def decide(own_id: str, sentinel_count: int, seeds: list[Seed], peers: list[Answer]) -> Decision:
    """Decide for a Sentinel that monitors no master. `seeds` are in the order of their slots, `peers` are the others."""
    remembering = [peer for peer in peers if peer.master is not None]
    if remembering:
        epoch = max(peer.config_epoch for peer in remembering)
        newest = [peer for peer in remembering if peer.config_epoch == epoch]
        master = Counter(peer.master for peer in newest).most_common(1)[0][0]
        knows = next(peer.sentinel_id for peer in newest if peer.master == master)
        return Decision("adopt", f"Sentinel {knows[:8]} knows the master", master)
    majority = sentinel_count // 2 + 1
    present = 1 + len(peers)
    if present < majority:
        return Decision("wait", f"{present} of {sentinel_count} Sentinels are here, {majority} have to be")
    silent = [seed.address[0] for seed in seeds if seed.role is None]
    if silent or not seeds:
        return Decision("wait", f"data nodes do not answer yet: {', '.join(silent) or 'none is known'}")
    masters = [seed for seed in seeds if seed.role == "master"]
    decision = _from_master(masters, seeds) if masters else _from_nothing(seeds)
    lowest = min([own_id, *(peer.sentinel_id for peer in peers)])
    if decision.act == "create" and lowest != own_id:
        return Decision("wait", f"Sentinel {lowest[:8]} begins the cluster")
    return decision


def is_stray(own: Answer, sentinel_count: int, peers: list[Answer]) -> bool:
    """Tell whether a Sentinel names another master than a majority of all does in the same config-epoch.

    No newer word will put it right. Sentinel comes into this state by itself: a leader that is still ending a failover away
    from a node hears of the next one, back to that node. It takes over the epoch alone, because it still monitors that very
    address, and then ends its own failover with it (src/sentinel.c, sentinelProcessHelloMessage).
    """
    if own.failover or any(peer.failover for peer in peers):
        return False
    others = Counter(peer.master for peer in peers if peer.config_epoch == own.config_epoch and peer.master != own.master)
    return own.master is not None and any(votes > sentinel_count // 2 for master, votes in others.items() if master is not None)


def _from_master(masters: list[Seed], seeds: list[Seed]) -> Decision:
    """One node is master already: a Sentinel died before it could say so, or all Sentinels were replaced at once."""
    master = masters[0]
    strangers = [seed.address[0] for seed in seeds if seed is not master and not (seed.empty or seed.follows == master.address)]
    if len(masters) > 1 or strangers:
        others = ", ".join([seed.address[0] for seed in masters[1:]] + strangers)
        return Decision(
            "wait",
            f"{master.address[0]} is a master, but {others} holds data of its own: name the master with SENTINEL MONITOR",
        )
    return Decision("create", "one data node is the master already", master.address)


def _from_nothing(seeds: list[Seed]) -> Decision:
    holding = [seed.address[0] for seed in seeds if not seed.empty]
    if holding:
        reason = f"no Sentinel remembers the master, but {', '.join(holding)} holds data: name the master with SENTINEL MONITOR"
        return Decision("wait", reason)
    return Decision("create", "all data nodes are empty, the first one becomes master", seeds[0].address, promote=True)
