"""The second witness of one Sentinel: watches its master's host, and lowers or gives back down-after. A thread of the agent.

A thread, because the agent's other looks wait for lost nodes, just when this one must not.
"""

import threading
import time

from .config import NodeConfig
from .lowering import DownAfter, View, decide, has_candidate
from .resp import Connection, ReplyError, pairs
from .sentinels import instances
from .silence import TRY_EVERY_S, Knocker

TIMEOUT_S = 1.0
# How often a Sentinel is asked again that does not answer, or monitors nothing.
AGAIN_EVERY_S = 0.5


class SecondWitness:
    """Looks ten times a second, with a connection of its own to its Sentinel."""

    def __init__(self, config: NodeConfig) -> None:
        """Prepare; nothing is contacted yet."""
        self._config = config
        self._down_after = DownAfter(config.agent_directory, config.master_name, config.down_after_ms)
        self._connection: Connection | None = None
        self._knocker: Knocker | None = None

    def start(self) -> None:
        """Look for as long as the process lives."""
        threading.Thread(target=self._run, daemon=True, name="second-witness").start()

    def look(self) -> float:
        """Look once, do what is due, and return after how many seconds to look again."""
        try:
            self._look()
        except (OSError, ReplyError, KeyError, ValueError):
            # The agent's own look says why: the Sentinel is down, or monitors nothing yet.
            self._disconnect()
            return AGAIN_EVERY_S
        return TRY_EVERY_S / 2

    def _look(self) -> None:
        connection = self._connect()
        view = View.of(pairs(connection.call("SENTINEL", "MASTER", self._config.master_name)))
        silent_ms = self._watched(view.host).look()
        self._down_after.look(view.down_after_ms)
        act = decide(view, silent_ms, self._down_after.before)
        if act == "lower":
            if not has_candidate(instances(connection.call("SENTINEL", "REPLICAS", self._config.master_name))):
                return
            self._down_after.lower(connection, view.down_after_ms)
            print(f"{view.host} answers no TCP for {silent_ms} ms: down-after is lowered for the moment", flush=True)
        elif act == "give back":
            self._down_after.give_back(connection)
            print(f"down-after is {self._down_after.before} ms again", flush=True)

    def _watched(self, host: str) -> Knocker:
        if self._knocker is None or self._knocker.host != host:
            if self._knocker is not None:
                self._knocker.close()
            ports = (self._config.sentinel_port, self._config.redis_port)
            self._knocker = Knocker(host, ports, self._config.self_address)
        return self._knocker

    def _connect(self) -> Connection:
        if self._connection is None:
            admin = self._config.users["admin"]
            self._connection = Connection(
                (self._config.self_address, self._config.sentinel_port),
                username=admin.username,
                password=admin.password,
                timeout=TIMEOUT_S,
                source=self._config.self_address,
                name="redis-ha-witness",
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _run(self) -> None:
        while True:
            time.sleep(self.look())
