"""The agent of a Sentinel: makes itself known to the data nodes, and gives its Sentinel a master to monitor, once.

What Sentinel knows from then on is its own: this agent takes a monitored master away only when a majority names another one in
the same epoch. It goes on showing the way to data nodes that have lost their list of Sentinels, tells when its connections run
out, and ends a Sentinel that is in TILT or whose own failover cannot go on, for the service manager to start it anew.
Beside it a second witness watches the master's host (`second_witness`).
"""

import time

from . import config as node_config
from .bootstrap import Decision, Seed, decide, is_stray
from .config import NodeConfig, note
from .crowd import Crowd
from .promotion import awaited, is_in_vain
from .resp import Address, Connection, ReplyError, info_fields, pairs
from .second_witness import SecondWitness
from .sentinels import PRESENCE, Answer, addresses_among_clients, ask_all, instances, read_answer

UNSETTLED_EVERY_S = 0.5
SETTLED_EVERY_S = 1.0
# Every how many looks the agent of a settled Sentinel looks at the data nodes.
SEEDS_EVERY = 5
TIMEOUT_S = 1.0
# Empty replicas follow within a second; a cluster begins without them rather than not at all.
FOLLOWING_WITHIN_S = 5.0
CONFIGURED = "sentinel-configured"
# A Sentinel whose clock jumped or that was stopped for 2 s acts on nothing for 30 s (src/sentinel.c, SENTINEL_TILT_PERIOD): if
# two of three are in TILT, a lost master stays lost for so long. Started anew a Sentinel acts at once, and it calls nobody down
# before it has itself heard nothing for down-after, so the time that it missed cannot mislead it.
TILT_ENDED_EVERY_S = 60.0
# A failover that waits in vain ends with its Sentinel, which has its epochs and votes in its file, and the failover in its
# memory alone. Not more often than this, whatever makes replicas fail.
GIVEN_UP_EVERY_S = 10.0


class SentinelAgent:
    """Brings one Sentinel into its cluster."""

    def __init__(self, config: NodeConfig) -> None:
        """Prepare; nothing is contacted yet."""
        self._config = config
        self._own_address = (config.self_address, config.sentinel_port)
        self._crowd = Crowd(config.application_connections)
        self._presence: dict[Address, Connection] = {}
        self._local: Connection | None = None
        self._said = ""
        self._tilt_ended = -TILT_ENDED_EVERY_S
        self._given_up = -GIVEN_UP_EVERY_S
        self._awaited = ""
        self._awaited_since = 0.0
        self._looks = 0

    def look(self) -> float:
        """Look once, do what is due, and return after how many seconds to look again."""
        try:
            return self._look()
        except (OSError, ReplyError) as error:
            self._say(f"the Sentinel does not answer, or refuses: {error}")
            self._drop_local()
            return UNSETTLED_EVERY_S

    def _look(self) -> float:
        local = self._connect()
        own = read_answer(local, self._own_address, self._config.master_name)
        fields = info_fields(local.call("INFO"))
        self._crowd.look(fields)
        self._end_tilt(local, fields)
        if own.master is not None:
            self._give_up(local)
        looks, self._looks = self._looks, self._looks + 1
        if own.master is not None and looks % SEEDS_EVERY:
            return self._settle(local, own)
        seeds, found = self._look_at_seeds()
        if own.master is not None:
            self._forget(local, own)
            return self._settle(local, own)
        found |= {(host, self._config.sentinel_port) for host in self._config.sentinel_seeds}
        peers = [
            answer for answer in ask_all(self._config, found - {self._own_address}) if answer.sentinel_id != own.sentinel_id
        ]
        decision = decide(own.sentinel_id, self._config.sentinel_count, seeds, peers)
        self._say(f"{decision.act}: {decision.reason}" + (f" ({decision.master[0]})" if decision.master else ""))
        self._act(local, decision)
        return UNSETTLED_EVERY_S

    def _end_tilt(self, local: Connection, fields: dict[str, str]) -> None:
        """Let a Sentinel in TILT be started anew; one whose clock jumps again and again stays as it is."""
        tilted = fields.get("sentinel_tilt") == "1"
        now = time.monotonic()
        if tilted and now - self._tilt_ended >= TILT_ENDED_EVERY_S:
            self._tilt_ended = now
            self._say("the Sentinel is in TILT and is started anew")
            local.call("SHUTDOWN", "NOSAVE")

    def _give_up(self, local: Connection) -> None:
        """Let a Sentinel be started anew whose failover waits for a replica that is lost."""
        name = self._config.master_name
        state = pairs(local.call("SENTINEL", "MASTER", name)).get("failover-state", "")
        replica = awaited(state, instances(local.call("SENTINEL", "REPLICAS", name)))
        now = time.monotonic()
        address = replica["name"] if replica is not None else ""
        if address != self._awaited:
            self._awaited, self._awaited_since = address, now
        if replica is None or not is_in_vain(state, replica, int((now - self._awaited_since) * 1000)):
            return
        if now - self._given_up >= GIVEN_UP_EVERY_S:
            self._given_up = now
            self._say(f"the Sentinel's failover waits in vain for {address}: it is started anew")
            local.call("SHUTDOWN", "NOSAVE")

    def _forget(self, local: Connection, own: Answer) -> None:
        """Let a Sentinel that is alone with its master forget it: the next look adopts that of the others."""
        peers = ask_all(self._config, own.peers)
        count = max(self._config.sentinel_count, len(own.peers) + 1)
        if is_stray(own, count, [peer for peer in peers if peer.sentinel_id != own.sentinel_id]):
            self._say("a majority of the Sentinels names another master in the same config-epoch: this one forgets its own")
            local.call("SENTINEL", "REMOVE", self._config.master_name)

    def _settle(self, local: Connection, own: Answer) -> float:
        marker = self._config.agent_directory / CONFIGURED
        if not marker.exists():  # the agent ended between MONITOR and SET
            self._configure(local)
        self._say(f"settled: the Sentinel monitors {own.master[0] if own.master else ''}")
        return SETTLED_EVERY_S

    def _act(self, local: Connection, decision: Decision) -> None:
        if decision.master is None:
            return
        try:
            if decision.promote:
                self._begin(decision.master)
            # One that forgot its master was configured once: without this it stays half set when a SET fails or the agent ends.
            (self._config.agent_directory / CONFIGURED).unlink(missing_ok=True)
            local.call("SENTINEL", "MONITOR", self._config.master_name, *decision.master, self._config.quorum)
            self._configure(local)
        except (OSError, ReplyError) as error:
            self._say(f"{decision.act} failed: {error}")

    def _begin(self, master: Address) -> None:
        """Make the first master and its replicas, all of them empty, and wait until these follow.

        Sentinel looks for replicas when it is given a master, and then only every 10 s (src/sentinel.c, sentinel_info_period):
        until it knows some it cannot fail over.
        """
        self._presence[master].call("REPLICAOF", "NO", "ONE")
        others = [connection for address, connection in self._presence.items() if address != master]
        for connection in others:
            connection.call("REPLICAOF", *master)
        deadline = time.monotonic() + FOLLOWING_WITHIN_S
        while time.monotonic() < deadline:
            fields = info_fields(self._presence[master].call("INFO", "replication"))
            replicas = [value for name, value in fields.items() if name.startswith("slave") and "state=online" in value]
            if len(replicas) == len(others):
                return
            time.sleep(0.1)

    def _configure(self, local: Connection) -> None:
        """Set what MONITOR does not take. Later changes are the operators': SENTINEL SET on each Sentinel."""
        user = self._config.users["sentinel"]
        settings: tuple[tuple[str, str | int], ...] = (
            ("auth-user", user.username),
            ("auth-pass", user.password),
            ("down-after-milliseconds", self._config.down_after_ms),
            ("failover-timeout", self._config.failover_timeout_ms),
            ("parallel-syncs", self._config.parallel_syncs),
            ("master-reboot-down-after-period", self._config.master_reboot_down_after_ms),
        )
        for option, value in settings:
            local.call("SENTINEL", "SET", self._config.master_name, option, value)
        local.call("SENTINEL", "FLUSHCONFIG")
        note(self._config.agent_directory / CONFIGURED, "SENTINEL SET was done once; later changes are not undone\n")

    def _look_at_seeds(self) -> tuple[list[Seed], set[Address]]:
        """Ask every data node of the first boot's list, holding a connection by which others find this Sentinel."""
        seeds: list[Seed] = []
        found: set[Address] = set()
        for host in self._config.data_seeds:
            address = (host, self._config.redis_port)
            try:
                seed, sentinels = self._look_at_seed(address)
            except (OSError, ReplyError, KeyError, ValueError):
                self._drop(address)
                seed, sentinels = Seed(address), set()
            seeds.append(seed)
            found |= sentinels
        return seeds, found

    def _look_at_seed(self, address: Address) -> tuple[Seed, set[Address]]:
        connection = self._presence.get(address)
        user = self._config.users["sentinel"]
        if connection is None:
            connection = Connection(
                address,
                username=user.username,
                password=user.password,
                timeout=TIMEOUT_S,
                source=self._config.self_address,
                name=f"{PRESENCE}{self._own_address[0]}:{self._own_address[1]}",
            )
            self._presence[address] = connection
        fields = info_fields(connection.call("INFO"))
        sentinels = addresses_among_clients(connection.call("CLIENT", "LIST"), self._config.sentinel_port, user.username)
        if fields.get("loading") == "1":
            return Seed(address), sentinels
        follows = None if fields["role"] == "master" else (fields["master_host"], int(fields["master_port"]))
        empty = not any(name.startswith("db") and value.startswith("keys=") for name, value in fields.items())
        return Seed(address, fields["role"], follows, empty), sentinels

    def _connect(self) -> Connection:
        if self._local is None:
            admin = self._config.users["admin"]
            self._local = Connection(
                self._own_address,
                username=admin.username,
                password=admin.password,
                timeout=TIMEOUT_S,
                source=self._config.self_address,
                name="redis-ha-agent",
            )
        return self._local

    def _drop_local(self) -> None:
        if self._local is not None:
            self._local.close()
            self._local = None

    def _drop(self, address: Address) -> None:
        connection = self._presence.pop(address, None)
        if connection is not None:
            connection.close()

    def _say(self, message: str) -> None:
        if message != self._said:
            self._said = message
            print(message, flush=True)


def main() -> int:
    """Look after the Sentinel until the service manager ends the process."""
    config = node_config.load()
    SecondWitness(config).start()
    agent = SentinelAgent(config)
    while True:
        time.sleep(agent.look())
