"""The placing agent of a data node: reads, asks and does what `placement` decides, for as long as the node lives."""

import time

from . import append_only
from . import config as node_config
from .config import NodeConfig
from .crowd import Crowd
from .fencing import REPLICAS_WITHIN_S, Fence, is_doubtful
from .full_syncs import FullSyncs
from .lines import Lines
from .marker import holds_data, set_marker
from .placement import (
    LAST_RESORT,
    Cluster,
    Decision,
    Node,
    as_known,
    chosen,
    decide,
    has_to_ask,
    is_confirmed,
    is_detour,
    is_unplaced,
    named_master,
    replica_priority,
)
from .position import RECORD, Recorder, replication, was_linked, witness
from .resp import Connection, ReplyError, info_fields
from .sentinels import ASK_AT_MOST_S, AddressBook, Answer, Failovers, addresses_among_clients

# An unplaced node is an outage when it is the master: look often. A placed one is looked after once a second.
UNPLACED_EVERY_S = 0.25
PLACED_EVERY_S = 1.0
LOCAL_TIMEOUT_S = 2.0
# Between two looks: how often what the Sentinels said is glanced at, and how old it may be then.
GLANCE_EVERY_S = 0.1
GLANCED_S = 0.4
# A glance that comes so much later than the one before says nothing of the Sentinels: this process was not run meanwhile.
STALLED_S = 0.3
# A decision to become master counts only for this part of the least silence (and at most a second) from the question on.
PROMOTION_WITHIN = 0.5
PROMOTION_AT_MOST_S = 1.0


class DataAgent:
    """Keeps one redis-server in its place."""

    def __init__(self, config: NodeConfig) -> None:
        """Prepare; nothing is contacted yet."""
        self._config = config
        self._cluster = Cluster(config.sentinel_count, config.quorum, config.down_after_ms, config.failover_timeout_ms)
        self._address = (config.self_address, config.redis_port)
        seeds = [(host, config.sentinel_port) for host in config.sentinel_seeds]
        self._book = AddressBook(config.agent_directory / "sentinels.json", seeds)
        self._connection: Connection | None = None
        self._run_id = ""
        self._first_seen = 0.0
        self._role = ""
        self._role_since = 0.0
        self._priority: int | None = None
        self._recorder = Recorder(config.agent_directory / RECORD)
        self._failovers = Failovers(config)
        self._lines = Lines(config)
        self._known = self._cluster
        self._node_seen: Node | None = None
        self._glanced = 0.0
        self._confirmed = True
        self._heard = time.monotonic()
        self._full_syncs = FullSyncs()
        self._fence = Fence(config, self._cluster)
        self._epoch: int | None = None
        self._history = ""
        self._crowd = Crowd(config.application_connections)
        self._looks = 0
        self._said = ""

    def look(self) -> float:
        """Look once, do what is due, and return after how many seconds to look again."""
        try:
            connection = self._connect()
            fields = info_fields(connection.call("INFO"))
            if fields.get("loading") == "1" or fields.get("async_loading") == "1":
                self._say("redis-server is loading its data")
                return UNPLACED_EVERY_S
            return self._look_at(connection, fields)
        except (OSError, ReplyError) as error:
            self._say(f"redis-server does not answer: {error}")
            self._disconnect()
            return UNPLACED_EVERY_S

    def wait(self, seconds: float) -> None:
        """Wait until the next look is due, or the Sentinels say something that makes it due."""
        until = time.monotonic() + seconds
        self._glanced = time.monotonic()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(GLANCE_EVERY_S, left))
            try:
                if self._glance():
                    return
            except (OSError, ReplyError) as error:
                self._say(f"redis-server does not answer: {error}")
                self._disconnect()
                return

    def _glance(self) -> bool:
        """Look at what the Sentinels said last; tell whether a whole look is due."""
        now = time.monotonic()
        stalled, self._glanced = now - self._glanced > STALLED_S, now
        node = self._node_seen
        if stalled or node is None or self._connection is None:
            return False
        answers = self._lines.heard(now - GLANCED_S)
        if node.role != "master":
            return self._follow_promoted(self._connection, node, answers)
        if self._is_doubtful(answers):
            self._fence_now(self._connection, info_fields(self._connection.call("INFO")), answers)
        confirmed = is_confirmed(node, named_master(answers, self._known)[0], answers)
        changed, self._confirmed = confirmed != self._confirmed, confirmed
        return changed

    def _follow_promoted(self, connection: Connection, node: Node, answers: list[Answer]) -> bool:
        """Follow the replica that the Sentinels have made master, as soon as it is one; tell whether that was done."""
        target = chosen(node, answers)
        if target is None or replication(target, self._config, REPLICAS_WITHIN_S).get("role") != "master":
            return False
        if not self._still(connection, node):
            return True
        connection.transaction([("REPLICAOF", *target)])
        self._say(f"follow: a leading Sentinel has chosen {target[0]}, and it is master")
        return True

    def _look_at(self, connection: Connection, fields: dict[str, str]) -> float:
        node = self._node(fields)
        clients = connection.call("CLIENT", "LIST")
        found = addresses_among_clients(clients, self._config.sentinel_port, self._config.users["sentinel"].username)
        self._book.learn(found)
        self._confirm(connection, node, fields)
        self._recorder.look(fields)
        self._crowd.look(fields)
        append_only.free(connection, fields)
        self._looks += 1
        if has_to_ask(node, fields, history=self._history, looks=self._looks):
            self._place(connection, node)
        self._history = fields.get("master_replid", "")
        self._fence_now(connection, fields, self._lines.heard(time.monotonic() - GLANCED_S))
        self._full_syncs.look(connection, fields)
        return UNPLACED_EVERY_S if is_unplaced(node) else PLACED_EVERY_S

    def _place(self, connection: Connection, node: Node) -> None:
        asked = time.monotonic()
        self._lines.keep(self._book.addresses())
        answers = self._lines.ask()
        self._book.learn(address for answer in answers for address in (answer.address, *answer.peers))
        cluster = self._known = as_known(self._cluster, answers)
        named, agreeing, _ = named_master(answers, cluster)
        if is_confirmed(node, named, answers):
            self._heard = time.monotonic()
            self._fence.confirm()
        if named == self._address:
            self._epoch = agreeing[0].config_epoch
        decision = self._yielding(decide(node, answers, cluster), answers, agreeing)
        decision = self._repointing(decision, node)
        if decision.act == "promote":  # the questions to the replicas took their time
            asked = time.monotonic()
            decision = decide(node, self._lines.ask(), cluster)
        self._say(f"{decision.act}: {decision.reason}" + (f" ({decision.target[0]})" if decision.target else ""))
        if decision.act in {"follow", "promote", "demote", "repoint"} and self._still(connection, node):
            self._act(connection, decision, asked)

    def _yielding(self, decision: Decision, answers: list[Answer], agreeing: list[Answer]) -> Decision:
        """Leave the lead to a replica that has lived on and knows as much as this node's disk."""
        if decision.act != "promote":
            return decision
        ahead = witness(self._config, {address for answer in answers for address in answer.replicas}, ASK_AT_MOST_S)
        if ahead is None:
            return decision
        told = self._failovers.ask(agreeing)
        reason = f"{ahead[0]} has lived on and knows as much: it has to lead"
        return Decision("wait", f"{reason}; asked for a failover: {told}" if told else reason)

    def _repointing(self, decision: Decision, node: Node) -> Decision:
        """Leave a master that only hands on what it gets; in all other cases re-pointing is Sentinel's business."""
        if decision.act != "repoint" or decision.target is None or node.master is None:
            return decision
        via, lead = (replication(address, self._config, ASK_AT_MOST_S) for address in (node.master, decision.target))
        if is_detour(via, lead, decision.target):
            return decision
        return Decision("stay", "the Sentinels name another master, and have to re-point this node")

    def _unheard_ms(self) -> int:
        """Return since when no majority of the Sentinels answers; 0 while one does, and before one ever did."""
        heard = self._lines.heard_at(self._known.majority)
        return 0 if heard is None else int((time.monotonic() - heard) * 1000)

    def _is_doubtful(self, answers: list[Answer]) -> bool:
        return is_doubtful(self._address, self._unheard_ms(), answers)

    def _fence_now(self, connection: Connection, fields: dict[str, str], answers: list[Answer]) -> None:
        node = self._node(fields)
        silent_s = min(time.monotonic() - self._heard, node.role_ms / 1000)
        self._fence.look(connection, node, fields, int(silent_s * 1000), doubtful=self._is_doubtful(answers))

    def _act(self, connection: Connection, decision: Decision, asked: float) -> None:
        if decision.act == "promote":
            limit = min(PROMOTION_AT_MOST_S, PROMOTION_WITHIN * self._known.least_silence_ms / 1000)
            if time.monotonic() - asked < limit:
                connection.call("REPLICAOF", "NO", "ONE")
        elif decision.target is not None:
            follow: list[tuple[str | int, ...]] = [("REPLICAOF", *decision.target)]
            if decision.act == "demote":
                # As Sentinel does (sentinelSendSlaveOf): clients that keep their connection would go on talking to a replica.
                follow += [("CLIENT", "KILL", "TYPE", "normal"), ("CLIENT", "KILL", "TYPE", "pubsub")]
                if self._priority != 0:
                    follow = [("CONFIG", "SET", "replica-priority", LAST_RESORT), *follow]
                    self._priority = LAST_RESORT
            connection.transaction(follow)

    def _still(self, connection: Connection, node: Node) -> bool:
        """Look again right before acting: a Sentinel may have placed the node while the others were asked."""
        now = self._node(info_fields(connection.call("INFO", "replication")) | {"run_id": self._run_id})
        return (now.role, now.master) == (node.role, node.master)

    def _confirm(self, connection: Connection, node: Node, fields: dict[str, str]) -> None:
        """Note that this disk holds data, and let Sentinels choose the node: it starts with priority 0, which never wins.

        Without it a freshly replaced, still empty node could be promoted when the others are gone for a moment.
        """
        in_sync = fields.get("master_link_status") == "up" and fields.get("master_sync_in_progress") == "0"
        if node.role == "master" or in_sync:
            set_marker(self._config.data_directory, node.role, self._config.redis_configuration)
        held = holds_data(self._config.data_directory)
        in_step = node.role == "master" or was_linked(fields)
        wanted = replica_priority(self._config.replica_priority, holds_data=held, in_step=in_step)
        if wanted != self._priority:
            connection.call("CONFIG", "SET", "replica-priority", wanted)
            self._priority = wanted

    def _node(self, fields: dict[str, str]) -> Node:
        if fields.get("run_id", "") != self._run_id:
            self._run_id = fields.get("run_id", "")
            self._first_seen = time.monotonic()
            self._role = ""
            self._full_syncs = FullSyncs()
            self._priority = None
        if fields.get("role", "") != self._role:
            self._role = fields.get("role", "")
            self._role_since = time.monotonic()
            self._epoch = None
        is_replica = fields.get("role") != "master"
        self._node_seen = Node(
            address=self._address,
            role=fields.get("role", ""),
            master=(fields["master_host"], int(fields["master_port"])) if is_replica else None,
            holds_data=holds_data(self._config.data_directory),
            up_ms=int((time.monotonic() - self._first_seen) * 1000),
            role_ms=int((time.monotonic() - self._role_since) * 1000),
            epoch=self._epoch,
        )
        return self._node_seen

    def _connect(self) -> Connection:
        if self._connection is None:
            admin = self._config.users["admin"]
            self._connection = Connection(
                self._address,
                username=admin.username,
                password=admin.password,
                timeout=LOCAL_TIMEOUT_S,
                source=self._config.self_address,
                name="redis-ha-agent",
            )
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _say(self, message: str) -> None:
        if message != self._said:
            self._said = message
            print(message, flush=True)


def main() -> int:
    """Look after the node until the service manager ends the process."""
    agent = DataAgent(node_config.load())
    while True:
        agent.wait(agent.look())
