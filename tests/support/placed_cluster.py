"""A cluster of processes with a network namespace a node, as droplets have, and the rendered rules of their packet filters.

For a process that itself runs in a network namespace of its own (`unshare --net`): every process ends with it, and every
namespace with its last process.
"""

import subprocess
from contextlib import suppress
from pathlib import Path

from redis_ha.sentinel import render
from redis_ha.sentinel.slots import Slot
from tests.support.loopback_cluster import LoopbackCluster, LoopbackNode
from tests.support.redis_processes import GUARD

NET = "10.77.0"
HERE = f"{NET}.1"


def run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, f"{command}: {done.stderr}"


class Place:
    """A network namespace with one address, on the bridge of this one."""

    def __init__(self, number: int, address: str) -> None:
        ready = "echo ready; exec sleep infinity"
        self.cable = f"p{number}"
        self._holder = subprocess.Popen(
            [*GUARD, "unshare", "--net", "sh", "-c", ready], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        inside = f"/proc/{self._holder.pid}/ns/net"
        self.enter = ("nsenter", f"--net={inside}")
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth1", "netns", inside)
        run("ip", "link", "set", self.cable, "master", "bridge0", "up")
        for device in ("lo", "eth1"):
            run(*self.enter, "ip", "link", "set", device, "up")
        run(*self.enter, "ip", "addr", "add", f"{address}/24", "dev", "eth1")

    def cut(self) -> None:
        """Take the cable out: nobody is told, nothing is answered any more."""
        run("ip", "link", "set", self.cable, "down")

    def heal(self) -> None:
        run("ip", "link", "set", self.cable, "up")

    def end(self) -> None:
        self._holder.kill()
        self._holder.wait(10)


class PlacedCluster(LoopbackCluster):
    """From here its nodes are reached as from another node."""

    def __init__(self, folder: Path, **args: object) -> None:
        self.places: dict[str, Place] = {}
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge0", "type", "bridge")
        # Packets between two nodes are none of this namespace's: its own filter does not see them.
        with suppress(FileNotFoundError):
            Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("0")
        run("ip", "link", "set", "bridge0", "up")
        run("ip", "addr", "add", f"{HERE}/24", "dev", "bridge0")
        super().__init__(folder, **args)
        run("nft", "-f", "-", text=render.connection_rules(self.plan, self.sentinels[0].slot))

    def subnet(self) -> str:
        return NET

    def place(self, address: str) -> Place:
        self.places[address] = Place(len(self.places), address)
        return self.places[address]

    def _node(self, slot: Slot, address: str, suffix: str = "") -> LoopbackNode:
        node = super()._node(slot, address, suffix)
        node.enter = self.place(address).enter
        run(*node.enter, "nft", "-f", "-", text=render.connection_rules(self.plan, slot))
        return node

    def end(self) -> None:
        super().end()
        for place in self.places.values():
            place.end()
