"""Before redis-server starts: an empty data node that the Sentinels call master stays down until they have failed over."""

import time

from . import config as node_config
from .marker import verify_before_start
from .placement import Cluster, may_start
from .sentinels import AddressBook, ask_all

# How often the Sentinels are asked while the node is held back.
ASK_EVERY_S = 0.5


def main() -> int:
    """Return when redis-server may start."""
    config = node_config.load()
    cluster = Cluster(config.sentinel_count, config.quorum, config.down_after_ms, config.failover_timeout_ms)
    holds_data = verify_before_start(config.data_directory)
    said = ""
    while True:
        seeds = [(host, config.sentinel_port) for host in config.sentinel_seeds]
        book = AddressBook(config.agent_directory / "sentinels.json", seeds)
        answers = [] if holds_data else ask_all(config, book.addresses())
        decision = may_start((config.self_address, config.redis_port), answers, cluster, holds_data=holds_data)
        if decision.reason != said:
            said = decision.reason
            print(f"{'held back' if decision.act == 'wait' else 'starting'}: {said}", flush=True)
        if decision.act != "wait":
            return 0
        time.sleep(ASK_EVERY_S)
