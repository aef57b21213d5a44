"""A lost host: what a Sentinel's second witness and a cut off master decide, on plain data."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from redis_ha.sentinel.node import fencing, lines, lowering, placement, sentinels, silence
from redis_ha.sentinel.node.fencing import FENCED, Backing, Fence
from redis_ha.sentinel.node.lowering import LOWERED_MS, DownAfter, View
from redis_ha.sentinel.node.placement import Cluster, Node
from redis_ha.sentinel.node.resp import ReplyError
from redis_ha.sentinel.node.sentinels import Answer
from redis_ha.sentinel.node.silence import Knocker, Try
from tests.support.loopback import next_subnet
from tests.support.waiting import wait_until

ME, OTHER, THIRD = ("10.0.0.2", 6379), ("10.0.0.3", 6379), ("10.0.0.4", 6379)
CLUSTER = Cluster(sentinel_count=3, quorum=2, down_after_ms=5000, failover_timeout_ms=20_000)
MASTER = Node(ME, "master", None, holds_data=True, up_ms=600_000, role_ms=600_000)
REPLICA = Node(ME, "slave", OTHER, holds_data=True, up_ms=600_000, role_ms=600_000)


@pytest.mark.parametrize(
    ("what", "tries", "silent_ms"),
    [
        ("nothing was tried", [], 0),
        ("all were answered", [(0.0, True), (0.5, True)], 0),
        ("since the first one that was not", [(0.0, True), (0.5, False), (0.6, False), (0.7, False)], 500),
        ("two lost packets are no silence", [(0.5, True), (0.6, False), (0.7, False)], 0),
        ("the last ones may still be answered", [(0.5, True), (0.8, False), (0.91, False), (0.95, False)], 0),
        ("an answer ends it", [(0.3, False), (0.4, False), (0.5, False), (0.6, True)], 0),
        ("never answered at all", [(0.2, False), (0.4, False), (0.85, False)], 800),
    ],
)
def test_for_how_long_a_host_is_silent(what: str, tries: list[tuple[float, bool]], silent_ms: int) -> None:
    assert round(silence.silent_ms([Try(begun, heard) for begun, heard in tries], 1.0)) == silent_ms, what


@pytest.fixture
def stalled() -> Iterator[tuple[str, int]]:
    """A server that never takes a connection out of its queue, which is full."""
    with socket.socket() as server:
        server.bind((f"{next_subnet()}.2", 0))
        server.listen(0)
        address: tuple[str, int] = server.getsockname()
        held = [socket.socket() for _ in range(8)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(address)
        yield address
        for one in held:
            one.close()


def looked(knocker: Knocker, seconds: float = 1.0) -> int:
    """Look as the agent does; return the longest silence that it saw."""
    longest = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        longest = max(longest, knocker.look())
        time.sleep(0.02)
    knocker.close()
    return longest


def test_a_busy_server_with_a_full_queue_is_no_silent_host(stalled: tuple[str, int]) -> None:
    """Its kernel drops connections to that port, and resets those to a port where nothing listens."""
    host, port = stalled
    own = f"{host.rsplit('.', 1)[0]}.3"
    assert looked(Knocker(host, (1, port), own)) == 0
    assert looked(Knocker(host, (port, port), own)) > 0, "the queue was not full: the test proves nothing"


def test_a_host_whose_first_port_is_dropped_is_heard_at_redis_port(stalled: tuple[str, int]) -> None:
    host, port = stalled
    own = f"{host.rsplit('.', 1)[0]}.3"
    assert looked(Knocker(host, (port, 1), own)) < lowering.SUSPECTED_MS


def test_a_silence_is_counted_from_its_begin_and_ends_with_an_answer(stalled: tuple[str, int]) -> None:
    host, port = stalled
    knocker = Knocker(host, (port, port), f"{host.rsplit('.', 1)[0]}.3")
    wait_until(lambda: knocker.look() > 1500, "longer than a try is kept", every=0.02)
    knocker._ports = (1, 1)
    wait_until(lambda: knocker.look() == 0, "an answer", every=0.02)
    knocker.close()


def test_a_machine_that_cannot_send_calls_nobody_silent() -> None:
    assert looked(Knocker("127.0.0.1", (1, 1), "192.0.2.1")) == 0


WELL = View(
    ME[0],
    ME[1],
    down_after_ms=5000,
    ping_age_ms=0,
    ok_ping_age_ms=60_000,
    flags=frozenset({"master"}),
    quorum=2,
    sentinels=3,
    failover="",
)
LOW = replace(WELL, down_after_ms=LOWERED_MS)


@pytest.mark.parametrize(
    ("what", "view", "silent_ms", "before", "act"),
    [
        ("it answers", WELL, 0, None, "stay"),
        ("silent, but not for long", WELL, 249, None, "stay"),
        ("suspected, and a new PING has to wait too", WELL, 250, None, "lower"),
        ("suspected, and a PING waits nearly as long", replace(WELL, ping_age_ms=200), 392, None, "stay"),
        ("suspected, and its PING will wait long enough", replace(WELL, ping_age_ms=100), 293, None, "lower"),
        ("silent for long enough, whatever PING waits", replace(WELL, ping_age_ms=490), 500, None, "lower"),
        ("silent since just before its last PONG", replace(WELL, ok_ping_age_ms=400), 500, None, "lower"),
        ("PONG came since: only new connections are dropped", replace(WELL, ok_ping_age_ms=399), 500, None, "stay"),
        ("it would be down by now without that", WELL, 5000, None, "stay"),
        ("it is down already", replace(WELL, flags=frozenset({"master", "s_down"})), 600, None, "stay"),
        ("one Sentinel alone is no agreement", replace(WELL, quorum=1), 600, None, "stay"),
        ("two of five are none", replace(WELL, sentinels=5), 600, None, "stay"),
        ("three of five are", replace(WELL, sentinels=5, quorum=3), 600, None, "lower"),
        ("an operator chose less than a second", replace(WELL, down_after_ms=999), 600, None, "stay"),
        ("a failover is on", replace(WELL, failover="wait_promotion"), 600, None, "stay"),
        ("lowered, and still silent", LOW, 700, 5000, "stay"),
        ("lowered, and it answers, or another host is watched", LOW, 0, 5000, "give back"),
        ("lowered, and PONG came since", replace(LOW, ok_ping_age_ms=399), 500, 5000, "give back"),
        ("lowered, and a replica is chosen", replace(LOW, failover="send_slaveof_noone"), 900, 5000, "give back"),
        ("lowered, and the election goes on", replace(LOW, failover="wait_start"), 900, 5000, "stay"),
        ("lowered, and its own time has come too", LOW, 6000, 5000, "give back"),
        ("lowered, and its own time is yet to come", LOW, 5999, 5000, "stay"),
    ],
)
def test_when_down_after_is_lowered_and_given_back(what: str, view: View, silent_ms: int, before: int | None, act: str) -> None:
    assert lowering.decide(view, silent_ms, before) == act, what


@pytest.mark.parametrize(
    ("what", "replica", "candidate"),
    [
        ("it is well", {"flags": "slave", "master-link-down-time": "0", "slave-priority": "100"}, True),
        ("its link is down since just now", {"flags": "slave", "master-link-down-time": "1000"}, True),
        ("it was without its master for long", {"flags": "slave", "master-link-down-time": "1535"}, False),
        ("it is down", {"flags": "s_down,slave", "master-link-down-time": "0"}, False),
        ("it is not connected", {"flags": "slave,disconnected", "master-link-down-time": "0"}, False),
        ("it may not lead", {"flags": "slave", "slave-priority": "0"}, False),
    ],
)
def test_whom_a_failover_could_choose(what: str, replica: dict[str, str], candidate: bool) -> None:
    assert lowering.is_candidate(replica) is candidate, what
    assert lowering.has_candidate([{"flags": "slave", "slave-priority": "0"}, replica]) is candidate, what


class FakeSentinel:
    """Takes SENTINEL SET down-after-milliseconds."""

    def __init__(self, *, full: bool = False) -> None:
        self.live = 5000
        self.sets = 0
        self.full = full

    def call(self, *words: str | int) -> str:
        assert words[:4] == ("SENTINEL", "SET", "proc", "down-after-milliseconds")
        self.live, self.sets = int(words[4]), self.sets + 1
        if self.full:
            raise ReplyError("ERR Failed to save config file")
        return "OK"


def test_down_after_comes_back_whoever_is_restarted(tmp_path: Path) -> None:
    sentinel = FakeSentinel()
    first = DownAfter(tmp_path, "proc", 5000)
    first.look(sentinel.live)
    sentinel.live = 7000  # an operator's
    first.look(sentinel.live)
    first.lower(sentinel, sentinel.live)  # type: ignore[arg-type]
    assert sentinel.live == LOWERED_MS
    second = DownAfter(tmp_path, "proc", 5000)
    second.look(sentinel.live)
    second.give_back(sentinel)  # type: ignore[arg-type]
    second.look(sentinel.live)
    assert (sentinel.live, second.before, list(tmp_path.iterdir()), sentinel.sets) == (7000, None, [], 2)


def test_what_an_operator_sets_meanwhile_stays(tmp_path: Path) -> None:
    sentinel = FakeSentinel()
    lowered = DownAfter(tmp_path, "proc", 5000)
    lowered.lower(sentinel, sentinel.live)  # type: ignore[arg-type]
    sentinel.live = 9000
    lowered.look(sentinel.live)
    lowered.give_back(sentinel)  # type: ignore[arg-type]
    assert (sentinel.live, lowered.before, list(tmp_path.iterdir())) == (9000, None, [])


def test_down_after_comes_back_where_no_disk_takes_a_note(tmp_path: Path) -> None:
    sentinel = FakeSentinel(full=True)
    gone = tmp_path / "gone"
    DownAfter(gone, "proc", 5000).lower(sentinel, sentinel.live)  # type: ignore[arg-type]
    another = DownAfter(gone, "proc", 5000)
    another.look(sentinel.live)
    another.give_back(sentinel)  # type: ignore[arg-type]
    assert sentinel.live == 5000


@pytest.mark.parametrize(
    ("what", "cluster", "least_ms"),
    [
        ("lowered on evidence", CLUSTER, 500),
        ("never lowered: no majority", replace(CLUSTER, quorum=1), 5000),
        ("never lowered: an operator chose less", replace(CLUSTER, down_after_ms=900), 900),
    ],
)
def test_after_how_long_a_silent_node_may_be_called_down(what: str, cluster: Cluster, least_ms: int) -> None:
    assert cluster.least_silence_ms == least_ms, what


WORD = Answer("id0", ("10.0.0.10", 26379), ME, 5)


@pytest.mark.parametrize(
    ("what", "unheard_ms", "answers", "doubtful"),
    [
        ("the Sentinels answer", 350, [WORD], False),
        ("no majority does", 351, [], True),
        ("one calls it down: that is its own view", 0, [replace(WORD, flags=frozenset({"s_down"}))], False),
        ("it is called down", 0, [WORD, replace(WORD, flags=frozenset({"s_down", "o_down"}))], True),
        ("a failover away from it is on", 0, [replace(WORD, flags=frozenset({"failover_in_progress"}))], True),
        ("away from another", 0, [replace(WORD, master=OTHER, flags=frozenset({"failover_in_progress"}))], False),
    ],
)
def test_when_a_master_may_be_about_to_be_replaced(what: str, unheard_ms: int, answers: list[Answer], doubtful: bool) -> None:
    assert fencing.is_doubtful(ME, unheard_ms, answers) is doubtful, what


SURE = Backing(silent_ms=0, doubtful=False, replicas=2, online=2, confirming=0, configured=1, needed=None)


@pytest.mark.parametrize(
    ("what", "node", "changes", "needed"),
    [
        ("a majority names it", MASTER, {"online": 1}, None),
        ("not for long enough", MASTER, {"silent_ms": 1_250}, None),
        ("no majority: it needs all that it has", MASTER, {"silent_ms": 1_251}, 2),
        ("it goes on needing one that has left", MASTER, {"silent_ms": 3_000, "online": 1, "needed": 2}, 2),
        ("and one that has come", MASTER, {"silent_ms": 3_000}, 2),
        ("what is configured is no more than that", MASTER, {"silent_ms": 3_000, "online": 1}, None),
        ("less than is configured is never enough", MASTER, {"silent_ms": 3_000, "online": 1, "configured": 2}, None),
        ("nothing is configured", MASTER, {"silent_ms": 3_000, "online": 1, "configured": 0}, 1),
        ("too long, and one is missing", MASTER, {"silent_ms": 7_001, "online": 1, "needed": 2}, FENCED),
        ("all are missing", MASTER, {"silent_ms": 7_001, "online": 0, "needed": 2}, FENCED),
        ("not yet too long", MASTER, {"silent_ms": 7_000, "online": 1, "needed": 2}, 2),
        ("no replica is missing: none can have been promoted", MASTER, {"silent_ms": 600_000, "needed": 2}, 2),
        ("the missing one is back, and says so", MASTER, {"silent_ms": 600_000, "confirming": 2, "needed": FENCED}, 2),
        ("back by its own count alone: that may be seconds old", MASTER, {"silent_ms": 3_000, "needed": FENCED}, FENCED),
        ("a replica", REPLICA, {"silent_ms": 600_000, "online": 0, "needed": FENCED}, None),
        ("in doubt, and a replica is not heard", MASTER, {"doubtful": True, "confirming": 1}, FENCED),
        ("in doubt, and all replicas follow", MASTER, {"doubtful": True, "confirming": 2}, 2),
        ("named again", MASTER, {"needed": FENCED}, None),
    ],
)
def test_how_many_replicas_a_master_needs(what: str, node: Node, changes: dict[str, int], needed: int | None) -> None:
    assert fencing.needed_replicas(node, CLUSTER, replace(SURE, **changes)) == needed, what  # type: ignore[arg-type]


class FakeMaster:
    """The one directive that a fence sets; no replica is there."""

    def __init__(self) -> None:
        self.needs = 1

    def call(self, *words: str | int) -> object:
        if words[:2] == ("CONFIG", "SET"):
            self.needs = int(words[3])
        return ["min-replicas-to-write", str(self.needs)]


def test_an_agent_that_is_started_anew_keeps_a_master_fenced_until_a_majority_names_it(tmp_path: Path) -> None:
    server = FakeMaster()
    config = SimpleNamespace(agent_directory=tmp_path, down_after_ms=5000, replicas=2)

    def looked_at(fence: Fence, node: Node, *, doubtful: bool) -> int:
        fence.look(server, node, {}, 0, doubtful=doubtful)  # type: ignore[arg-type]
        return server.needs

    assert looked_at(Fence(config, CLUSTER), MASTER, doubtful=True) == FENCED  # type: ignore[arg-type]
    # It has been cut off all the while, and the new process has heard of nobody yet.
    anew = Fence(config, CLUSTER)  # type: ignore[arg-type]
    assert looked_at(anew, MASTER, doubtful=False) == FENCED
    anew.confirm()
    assert looked_at(anew, MASTER, doubtful=False) == 1
    assert looked_at(anew, MASTER, doubtful=True) == FENCED
    demoted = Fence(config, CLUSTER)  # type: ignore[arg-type]
    assert looked_at(demoted, REPLICA, doubtful=False) == 1
    assert looked_at(demoted, MASTER, doubtful=False) == 1


def test_a_replica_that_is_silent_for_down_after_is_not_online() -> None:
    fields = {
        "slave0": "ip=10.0.0.3,port=6379,state=online,offset=10,lag=1,type=replica",
        "slave1": "ip=10.0.0.4,port=6379,state=online,offset=10,lag=6,type=replica",
        "slave2": "ip=10.0.0.5,port=6379,state=wait_bgsave,offset=0,lag=0,type=replica",
        "slave_repl_offset": "10",
    }
    assert fencing.online_replicas(fields, 5000) == 1
    assert fencing.online_replicas(fields, 6000) == 2
    assert fencing.online_replicas({"slave0": "state=online,lag=2"}, 1000) == 1


FOLLOWS = {"role": "slave", "master_host": ME[0], "master_port": str(ME[1]), "master_link_status": "up"}


@pytest.mark.parametrize(
    ("what", "changes", "so"),
    [
        ("it does", {}, True),
        ("its link is down", {"master_link_status": "down"}, False),
        ("it follows another", {"master_host": OTHER[0]}, False),
        ("it leads", {"role": "master"}, False),
    ],
)
def test_which_replica_confirms_its_master(what: str, changes: dict[str, str], so: bool) -> None:
    assert fencing.follows(FOLLOWS | changes, ME) is so, what


LEADS = replace(WORD, master=OTHER, failover="wait_promotion", leads=6, promoted=THIRD, failed=OTHER)


@pytest.mark.parametrize(
    ("what", "node", "answers", "target"),
    [
        ("a leader has told it to lead", REPLICA, [LEADS], THIRD),
        ("and has seen it: its epoch is that of the failover", REPLICA, [replace(LEADS, config_epoch=6)], THIRD),
        ("nobody leads", REPLICA, [WORD], None),
        ("it is chosen, and not told yet", REPLICA, [replace(LEADS, failover="send_slaveof_noone")], None),
        ("no majority voted for that Sentinel", REPLICA, [replace(LEADS, leads=0)], None),
        ("a leader of former times that woke up", REPLICA, [LEADS, replace(WORD, sentinel_id="id1", config_epoch=7)], None),
        (
            "of two leaders the newer one",
            REPLICA,
            [LEADS, replace(LEADS, leads=7, promoted=("10.0.0.5", 6379))],
            ("10.0.0.5", 6379),
        ),
        ("another master is replaced", replace(REPLICA, master=("10.0.0.9", 6379)), [LEADS], None),
        ("it is itself the chosen one", replace(REPLICA, address=THIRD), [LEADS], None),
        ("it is a master", MASTER, [LEADS], None),
    ],
)
def test_which_promoted_node_a_replica_follows(
    what: str, node: Node, answers: list[Answer], target: tuple[str, int] | None
) -> None:
    assert placement.chosen(node, answers) == target, what


@pytest.mark.parametrize(
    ("what", "votes", "epoch"),
    [
        ("nobody voted", [("", 0), ("?", 0)], 0),
        ("one of two peers: with its own a majority of three", [("me", 6), ("you", 6)], 6),
        ("one of four peers", [("me", 6), ("you", 6), ("", 0), ("", 0)], 0),
        ("votes of two elections", [("me", 6), ("me", 5), ("", 0), ("", 0)], 0),
        ("two of four", [("me", 6), ("me", 6), ("", 0), ("", 0)], 6),
    ],
)
def test_who_was_elected(what: str, votes: list[tuple[str, int]], epoch: int) -> None:
    peers = [{"voted-leader": leader, "voted-leader-epoch": str(number)} for leader, number in votes]
    assert sentinels.elected("me", peers) == epoch, what


class FakeConnection:
    """Answers as a leading Sentinel does."""

    def __init__(self, replies: dict[str, object]) -> None:
        self._replies = replies

    def call(self, *words: str | int) -> object:
        return self._replies[str(words[1])]


@pytest.mark.parametrize(
    ("state", "current"), [("wait_promotion", OTHER), ("reconf_slaves", THIRD)], ids=["promoting", "promoted, and seen"]
)
def test_what_a_leading_sentinel_says_is_read(state: str, current: tuple[str, int]) -> None:
    peer = ["ip", "10.0.0.11", "port", "26379", "voted-leader", "me", "voted-leader-epoch", "6"]
    fields = {
        "ip": OTHER[0], "port": "6379", "config-epoch": "5", "quorum": "2", "flags": "master,failover_in_progress",
        "failover-state": state, "down-after-milliseconds": str(LOWERED_MS),
    }  # fmt: skip
    replies: dict[str, object] = {
        "MYID": "me",
        "MASTER": [word for pair in fields.items() for word in pair],
        "GET-MASTER-ADDR-BY-NAME": [current[0], "6379"],
        "REPLICAS": [
            ["ip", THIRD[0], "port", "6379", "flags", "slave,promoted"],
            ["ip", ME[0], "port", "6379", "flags", "slave"],
        ],
        "SENTINELS": [peer, peer],
    }
    answer = sentinels.read_answer(FakeConnection(replies), ("10.0.0.10", 26379), "proc")  # type: ignore[arg-type]
    assert (answer.leads, answer.promoted, answer.failed, answer.failover) == (6, THIRD, OTHER, state)
    assert answer.lowered
    assert json.dumps(placement.chosen(REPLICA, [answer])) == json.dumps(THIRD)


def test_an_answer_of_an_odd_shape_ends_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Answer("a", ("10.0.0.5", 26379))
    said: Iterator[Exception | Answer] = iter([IndexError("an empty list"), TypeError("a number"), known])

    def read(*_: object) -> Answer:
        told = next(said, known)
        if isinstance(told, Exception):
            raise told
        return told

    monkeypatch.setattr(lines, "read_answer", read)
    monkeypatch.setattr(lines, "LOST_EVERY_S", 0.01)
    monkeypatch.setattr(lines.Line, "_connect", lambda _: None)
    line = lines.Line(known.address, SimpleNamespace(master_name="m"), threading.Condition())  # type: ignore[arg-type]
    line.start()
    try:
        wait_until(lambda: line.answer == known, "the Sentinel is heard again")
    finally:
        line.end()
