"""A cluster whose master's cable is taken out, and one whose master stalls. Prints one JSON line of what became of it.

    unshare --net python -m tests.support.cut_cluster FOLDER

Sentinel by itself would call nobody down in all that time: down-after is ten minutes.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from redis_ha.sentinel.node.lowering import LOWERED_MS
from redis_ha.sentinel.node.resp import pairs
from tests.support.loopback_cluster import PYTHON, LoopbackNode
from tests.support.placed_cluster import PlacedCluster
from tests.support.waiting import wait_until

DOWN_AFTER_MS = 600_000
OPERATORS_MS = 500_000
STALL_S = 3.0
# What a client beside the master is told; nobody else reaches a node that is cut off.
WRITE = """
import sys
from redis_ha_node.resp import Connection, ReplyError
try:
    to = (sys.argv[1], int(sys.argv[2]))
    print(Connection(to, username="application", password=sys.stdin.read(), timeout=2).call("SET", "beside", "1"))
except ReplyError as error:
    print(error)
"""


def written_beside(node: LoopbackNode) -> str:
    done = subprocess.run(
        [*node.enter, PYTHON, "-c", WRITE, node.address, str(node.port)],
        input=node.passwords.application,
        env=node.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout


class CutCluster(PlacedCluster):
    """Its Redis would go on alone for a minute: what refuses before is the agent."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, down_after_ms=DOWN_AFTER_MS, failover_timeout_ms=4000, min_replicas_max_lag=60)

    def down_after(self, node: LoopbackNode) -> int:
        reply = node.call("SENTINEL", "MASTER", self.plan.master_name)
        return int(pairs(reply)["down-after-milliseconds"])  # type: ignore[arg-type]

    def set_down_after(self, node: LoopbackNode, value: int) -> None:
        node.call("SENTINEL", "SET", self.plan.master_name, "down-after-milliseconds", value)

    def lowerings(self) -> int:
        return sum(node.log("agent").count("lowered for the moment") for node in self.sentinels)


def stalled(cluster: CutCluster) -> bool:
    """A master that stops for a while: nobody may see a lost host. Returns whether it is the master as before."""
    master = cluster.master()
    server = master.processes["server"].popen
    assert server is not None
    server.send_signal(signal.SIGSTOP)
    time.sleep(STALL_S)
    server.send_signal(signal.SIGCONT)
    cluster.wait_whole()
    return cluster.master() is master


def alone(cluster: CutCluster) -> list[int]:
    """One Sentinel that is left alone lowers, and nobody agrees. Returns what is set, without its agent and with the next."""
    watching, *others = cluster.sentinels
    cluster.set_down_after(watching, OPERATORS_MS)
    for node in others:
        node.kill()
    place = cluster.places[cluster.master().address]
    place.cut()
    wait_until(lambda: cluster.down_after(watching) == LOWERED_MS, "it is lowered")
    watching.processes["agent"].end()
    live = cluster.down_after(watching)
    place.heal()
    watching.start_agent()
    wait_until(lambda: cluster.down_after(watching) != LOWERED_MS, "the next agent gives it back")
    values = [live, cluster.down_after(watching)]
    for node in others:
        node.start()
    cluster.wait_whole()
    return values


def cut(cluster: CutCluster) -> dict[str, Any]:
    """The master's cable is out: the others go on, and it takes no write."""
    old = cluster.master()
    others = [node for node in cluster.data if node is not old]
    before = sum(node.log("agent").count("a leading Sentinel has chosen") for node in others)
    wait_until(lambda: "OK" in written_beside(old), "it takes writes", every=0.2)
    cluster.places[old.address].cut()
    wait_until(lambda: any(node.role() == "master" for node in others), "a failover")
    wait_until(lambda: "NOREPLICAS" in written_beside(old), "the one that is cut off takes no write", every=0.2)
    refused = old.log("agent").rstrip().splitlines()
    cluster.places[old.address].heal()
    cluster.wait_whole()
    wait_until(lambda: all(cluster.down_after(node) > LOWERED_MS for node in cluster.sentinels), "down-after is given back")
    followed = sum(node.log("agent").count("a leading Sentinel has chosen") for node in others) > before
    return {
        "followed": followed,
        "refused_by_agent": any(line.startswith("takes no writes") for line in refused[-5:]),
        "old": old.role(),
        "down_after": [cluster.down_after(node) for node in cluster.sentinels],
        "notes": [str(path) for node in cluster.sentinels for path in Path(node.layout.state, "agent").glob("down-after*")],
    }


def scenario(folder: Path) -> dict[str, Any]:
    cluster = CutCluster(folder)
    try:
        cluster.start()
        cluster.wait_whole()
        same = stalled(cluster)
        after_stall = cluster.lowerings()
        given_back = alone(cluster)
        cuts = [cut(cluster), cut(cluster)]  # the second one of another master
        while not any(one["followed"] for one in cuts) and len(cuts) < 5:  # Sentinel may have been faster
            cuts.append(cut(cluster))
        return {"same_after_stall": same, "lowered_by_stall": after_stall, "given_back": given_back, "cuts": cuts}
    finally:
        cluster.end()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(scenario(Path(sys.argv[1]))) + "\n")
