"""Before redis-server starts: a data node that the Sentinels call master, and that may not lead, stays down until a failover.

It may not when it is empty, or when a replica has lived on that knows as much as its disk.
"""

import time

from . import config as node_config
from .marker import verify_before_start
from .placement import ELECTION, Cluster, as_known, may_start, named_master, whom_to_ask
from .position import witness
from .sentinels import ASK_AT_MOST_S, AddressBook, Failovers, ask_all

# How often the Sentinels are asked while the node is held back.
ASK_EVERY_S = 0.5


def main() -> int:
    """Return when redis-server may start."""
    config = node_config.load()
    configured = Cluster(config.sentinel_count, config.quorum, config.down_after_ms, config.failover_timeout_ms)
    holds_data = verify_before_start(config.data_directory, config.redis_configuration)
    failovers = Failovers(config)
    own = (config.self_address, config.redis_port)
    said = ""
    elections: dict[str, float] = {}
    while True:
        seeds = [(host, config.sentinel_port) for host in config.sentinel_seeds]
        answers = ask_all(config, AddressBook(config.agent_directory / "sentinels.json", seeds).addresses())
        cluster = as_known(configured, answers)
        replicas = {address for answer in answers for address in answer.replicas}
        named, agreeing, _ = named_master(answers, cluster)
        ahead = witness(config, replicas, ASK_AT_MOST_S) if named == own else None
        decision = may_start(own, answers, cluster, holds_data=holds_data, witness=ahead)
        if decision.reason != said:
            said = decision.reason
            print(f"{'held back' if decision.act == 'wait' else 'starting'}: {said}", flush=True)
        if decision.act != "wait":
            return 0
        now = time.monotonic()
        elections = {one.sentinel_id: elections.get(one.sentinel_id, now) for one in answers if one.failover == ELECTION}
        if ahead is not None:
            waited_ms = {sentinel_id: int((now - since) * 1000) for sentinel_id, since in elections.items()}
            told = failovers.ask(whom_to_ask(answers, agreeing, cluster, waited_ms))
            if told:
                print(f"asked for a failover: {told}", flush=True)
        time.sleep(ASK_EVERY_S)
