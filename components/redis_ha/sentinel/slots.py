"""The numbered places of a cluster's nodes: what a droplet is called, which ones it is told of, which comes first."""

import hashlib
from dataclasses import dataclass
from typing import Literal

Kind = Literal["data", "sentinel"]


@dataclass(frozen=True)
class Slot:
    """One numbered place for a node. A droplet in it is replaced when `generation` rises, and by nothing else."""

    cluster: str
    kind: Kind
    index: int
    generation: int = 0

    @property
    def key(self) -> str:
        """Return the name inside the cluster: `data-0`."""
        return f"{self.kind}-{self.index}"

    @property
    def name(self) -> str:
        """Return the droplet's name: `local-data-0`."""
        return f"{self.cluster}-{self.key}"

    @property
    def sentinel_id(self) -> str:
        """Return the id of the slot's Sentinel; after a replacement the others see one that moved, not one more voter."""
        return hashlib.sha1(f"{self.cluster}/{self.key}".encode(), usedforsecurity=False).hexdigest()


def rank(slot: Slot, slots: tuple[Slot, ...]) -> tuple[int, int]:
    """Return the slot's rank: a node is told the addresses of all slots of lower rank, so nobody waits for himself.

    Data nodes come before Sentinels, older generations before newer ones. A Sentinel counts at least as new as the oldest data
    node, else the Sentinels of a cluster whose data nodes were all replaced would be told of none.
    """
    if slot.kind == "data":
        return slot.generation, 0
    oldest_data = min(other.generation for other in slots if other.kind == "data")
    return max(slot.generation, oldest_data), 1


def seeds_of(slot: Slot, slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """Return the slots whose addresses the node in `slot` is told at its first boot, in a fixed order."""
    own = rank(slot, slots)
    lower = [other for other in slots if rank(other, slots) < own]
    return tuple(sorted(lower, key=lambda other: (*rank(other, slots), other.index)))


def in_creation_order(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """Return the slots so that every one comes after its seeds."""
    return tuple(sorted(slots, key=lambda slot: (*rank(slot, slots), slot.index)))
