"""What may not happen to a living cluster in one update: judged from what its component recorded. No Pulumi resources.

A droplet with a new size, or whose `resize_disk` becomes true, is powered off, resized and powered on again
(terraform-provider-digitalocean, resource_droplet.go, Update). One with a new generation, region or VPC is replaced. The engine
does so to all droplets at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from redis_ha.guard import Judge, Refusals

from .topology import Plan

# Every droplet, the tag or the VPC would be made anew: input of the component -> argument and why.
OF_CREATION = {
    "name": ("name", "the tag changes, and the firewall covers no droplet until all have the new one"),
    "masterName": (
        "master_name",
        "the live Sentinels go on with the old name, and clients that ask for the new one get no master",
    ),
    "region": ("region", "every droplet would be replaced at once"),
    "vpcId": ("vpc_id", "every droplet would be replaced at once"),
    "vpcIpRange": ("vpc_ip_range", "the VPC and every droplet in it would be replaced at once"),
}
# What stops machines, the first one named where several do.
ARGUMENTS = ("generations", "sizes", "replicas", "sentinels")
ORDER = "`redis-ha status` healthy before the next: replicas first, then fail over, then the old master, Sentinels last"


def recorded(plan: Plan, vpc_id: pulumi.Input[str] | None) -> dict[str, Any]:
    """Return what the component records of its machines, for `refusals` in the next update."""
    found = {
        "name": plan.name,
        "masterName": plan.master_name,
        "region": plan.region,
        "vpcId": vpc_id,
        "vpcIpRange": plan.vpc_ip_range,
        "slots": {
            slot.key: {"size": plan.size_of(slot), "generation": slot.generation, "grown": slot.key in plan.grown}
            for slot in plan.slots
        },
    }
    return {name: value for name, value in found.items() if value is not None}


def refusals(old: Mapping[str, Any], new: Mapping[str, Any], *, finished: bool = True) -> Refusals:
    """Return (argument, reason with the values and the way that works) for each change that must not be made like this.

    A cluster that an earlier version made has no record yet: nothing of its first update is refused. After an `up` that did
    not finish the record is what was asked for: a size that no droplet ever got stops none, so the droplets say who is resized.
    """
    if "slots" not in old:
        return []
    return [
        *_of_creation(old, new),
        *_stopped_together(old["slots"], new["slots"], finished=finished),
        *_added(old["slots"], new["slots"]),
    ]


def raised(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the slots that stay and get another generation."""
    before, after = old.get("slots", {}), new.get("slots", {})
    return [key for key in sorted(before) if key in after and before[key]["generation"] != after[key]["generation"]]


def resized(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the slots that stay and get another size, or whose disk begins to grow."""
    before, after = old.get("slots", {}), new.get("slots", {})
    return [key for key in sorted(before) if key in after and _resizes(before[key], after[key])]


def removed(old: Mapping[str, Any], new: Mapping[str, Any], kind: str) -> list[str]:
    """Return the slots of a kind that go."""
    before, after = old.get("slots", {}), new.get("slots", {})
    return [key for key in sorted(before) if key not in after and key.startswith(f"{kind}-")]


def _resizes(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return bool(before["size"] != after["size"] or (after.get("grown") and not before.get("grown")))


@dataclass
class Out:
    """The slots of one cluster whose machines are out in this run, as its droplets say themselves.

    What the component recorded is what was asked for: after an `up` that failed half-way the droplets know what is still to
    come. `known`: the slots of the record, None while it is what this run asks for. `stopping`: those that stop, by the
    argument that says so: as the record has it, for `sizes` as the droplets say. `made`: known slots that are made.
    """

    known: Collection[str] | None = None
    stopping: dict[str, set[str]] = field(default_factory=lambda: {argument: set() for argument in ARGUMENTS})
    made: set[str] = field(default_factory=set)

    def look(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Note what the record says, before any droplet is touched."""
        self.known = frozenset(old.get("slots", {}))
        self.stopping["generations"].update(raised(old, new))
        self.stopping["replicas"].update(removed(old, new, "data"))
        self.stopping["sentinels"].update(removed(old, new, "sentinel"))

    def updates(self, key: str) -> Judge:
        """Return what judges a droplet's own update. One of an earlier version has no `resizeDisk`: true by default."""

        def judge(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
            grows = new.get("resizeDisk") is True and old.get("resizeDisk") is False
            if old.get("size") == new.get("size") and not grows:
                return []
            self.stopping["sizes"].add(key)
            return out_together(self.stopping, self.made)

        return judge

    def creation(self, key: str) -> Refusals:
        """Judge that a droplet is made: for a new slot, in the place of another one, or of one that is not there."""
        if self.known is not None and key not in self.known:
            return []
        self.made.add(key)
        return out_together(self.stopping, self.made)


def out_together(causes: Mapping[str, Collection[str]], made: set[str]) -> Refusals:
    """Refuse that a machine stops while another one does, or is not there. Several that are lost may all be made again."""
    stopping = {key for keys in causes.values() for key in keys}
    missing = made - set(causes["generations"])
    if not stopping or len(stopping | made) == 1:
        return []
    argument = next(argument for argument in ARGUMENTS if causes[argument])
    stop = "stops" if len(stopping) == 1 else "stop"
    if missing:
        reason = (
            f"{', '.join(sorted(missing))} is still to be made (an earlier `up` did not finish, or the machine was lost), and "
            f"{', '.join(sorted(stopping))} {stop} in the same `up`; put {argument} of that back and `up` first; {ORDER}"
        )
        return [(argument, reason)]
    return [(argument, f"{', '.join(sorted(stopping))} would stop in one `up`; change one slot first; {ORDER}")]


def _of_creation(old: Mapping[str, Any], new: Mapping[str, Any]) -> Refusals:
    found: Refusals = []
    for name, (argument, why) in OF_CREATION.items():
        before, after = old.get(name), new.get(name)
        if before != after and not isinstance(before, pulumi.Output) and not isinstance(after, pulumi.Output):
            way = "put it back, or make a second cluster beside it and move the clients"
            found.append((argument, f"{before} -> {after}: {why}; {way}"))
    return found


def _stopped_together(before: Mapping[str, Any], after: Mapping[str, Any], *, finished: bool) -> Refusals:
    old, new = {"slots": before}, {"slots": after}
    causes = {
        "sizes": resized(old, new) if finished else [],
        "generations": raised(old, new),
        "replicas": removed(old, new, "data"),
        "sentinels": removed(old, new, "sentinel"),
    }
    stopped = {key for keys in causes.values() for key in keys}
    if len(stopped) <= 1 or (stopped == set(causes["sentinels"]) and _majority_stays(before, causes["sentinels"])):
        return []
    return [
        (
            argument,
            f"{_listed(argument, keys, before, after)}: with this `up` {len(stopped)} machines would stop at once; {way}",
        )
        for argument, keys in causes.items()
        if keys
        for way in [_way(argument, keys, after)]
    ]


def _added(before: Mapping[str, Any], after: Mapping[str, Any]) -> Refusals:
    """Judge new data nodes: one is told of those of a lower generation alone (`slots.rank`), and without any it never joins."""
    staying = [after[key]["generation"] for key in before if key in after and key.startswith("data-")]
    lost = [
        key
        for key in sorted(after)
        if key not in before and key.startswith("data-") and after[key]["generation"] <= min(staying, default=0)
    ]
    if not lost:
        return []
    generations = ", ".join(f"{key}: {min(staying, default=0) + 1:g}" for key in lost)
    reason = (
        f"{', '.join(lost)} would be told of no other node and never join; set generations: {{{generations}}} in the same `up`"
    )
    return [("replicas", reason)]


def _majority_stays(before: Mapping[str, Any], gone: list[str]) -> bool:
    """Tell whether the Sentinels that stay can elect a leader before they forget the others. Their number is odd: two go."""
    sentinels = [key for key in before if key.startswith("sentinel-")]
    return len(sentinels) - len(gone) > len(sentinels) // 2


def _listed(argument: str, keys: list[str], before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if argument == "sizes":
        return ", ".join(f"{key} {_size(before[key])} -> {_size(after[key])}" for key in keys)
    if argument == "generations":
        return ", ".join(f"{key} {before[key]['generation']:g} -> {after[key]['generation']:g}" for key in keys)
    return f"{', '.join(keys)} removed"


def _size(slot: Mapping[str, Any]) -> str:
    return f"{slot['size']}{' with its disk' if slot.get('grown') else ''}"


def _way(argument: str, keys: list[str], after: Mapping[str, Any]) -> str:
    if argument == "sizes":
        last = max([key for key in keys if key.startswith("data-")] or keys)
        return f"one slot in each `up`, such as sizes: {{{last}: {after[last]['size']}}}; {ORDER}"
    if argument == "generations":
        return f"one slot in each `up`; {ORDER}"
    step = "one" if argument == "replicas" else "two"
    return f"lower {argument} by {step} in an `up` of its own; `redis-ha status` healthy before the next"
