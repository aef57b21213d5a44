"""How a cluster begins, and how a replaced Sentinel joins: the decision of a Sentinel's agent, on plain data.

Nobody is told who the master is. A Sentinel that monitors nothing looks at its peers and at the data nodes it was given:
a peer that has a history is believed; without any, a majority of empty-handed Sentinels may begin a
cluster, once, and the lowest of them does it.
"""

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
        newest = max(remembering, key=lambda peer: peer.config_epoch)
        return Decision("adopt", f"Sentinel {newest.sentinel_id[:8]} knows the master", newest.master)
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
