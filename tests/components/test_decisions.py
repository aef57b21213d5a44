"""The agents' decisions on plain data: a table for each."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from redis_ha.sentinel.node import append_only, bootstrap, crowd, full_syncs, install, marker, placement, position, promotion
from redis_ha.sentinel.node.bootstrap import Seed
from redis_ha.sentinel.node.config import NOWHERE, write_privately
from redis_ha.sentinel.node.min_replicas import MinReplicas
from redis_ha.sentinel.node.placement import Cluster, Node
from redis_ha.sentinel.node.position import Position
from redis_ha.sentinel.node.resp import ReplyError
from redis_ha.sentinel.node.sentinels import KEPT_ADDRESSES, AddressBook, Answer, addresses_among_clients

ME, OTHER, THIRD = ("10.0.0.2", 6379), ("10.0.0.3", 6379), ("10.0.0.4", 6379)
CLUSTER = Cluster(sentinel_count=3, quorum=2, down_after_ms=5000, failover_timeout_ms=20_000)
FRESH = Node(ME, "slave", NOWHERE, holds_data=True, up_ms=3000, role_ms=3000)
MASTER = Node(ME, "master", None, holds_data=True, up_ms=600_000, role_ms=600_000)
JUST = replace(MASTER, role_ms=3000)
REPLICA = Node(ME, "slave", OTHER, holds_data=True, up_ms=600_000, role_ms=600_000)


def word(number: int, master: tuple[str, int] | None, epoch: int = 5, flags: str = "master", **more: object) -> Answer:
    base = Answer(
        f"id{number}",
        (f"10.0.0.{10 + number}", 26379),
        master,
        epoch,
        frozenset(flags.split(",")),
        500,
        "slave",
        2000,
        (OTHER,),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def words(
    master: tuple[str, int] | None, count: int = 3, epoch: int = 5, flags: str = "master", **more: object
) -> list[Answer]:
    return [word(number, master, epoch, flags, **more) for number in range(count)]


@pytest.mark.parametrize(
    ("what", "node", "answers", "act"),
    [
        ("nobody answers", FRESH, [], "wait"),
        ("one of three is no majority", FRESH, words(OTHER, 1), "wait"),
        ("Sentinels that monitor nothing do not count", FRESH, [word(0, OTHER), word(1, None), word(2, None)], "wait"),
        ("a majority names another", FRESH, words(OTHER, 2), "follow"),
        ("the highest config-epoch decides against two", FRESH, [word(0, ME), word(1, ME), word(2, OTHER, 6)], "follow"),
        ("two masters in one epoch", FRESH, [word(0, THIRD), word(1, OTHER), word(2, OTHER, 4)], "wait"),
        ("named, holds data, seen alive", FRESH, words(ME), "promote"),
        ("two of three are enough", FRESH, words(ME, 2), "promote"),
        ("one is about to call it down", FRESH, [word(0, ME, lowered=True), *words(ME, 2)], "wait"),
        ("two masters in one epoch, one of them by a majority", FRESH, [word(0, THIRD), *words(OTHER, 2)], "follow"),
        ("itself by a majority, and another one", FRESH, [*words(ME, 2), word(2, OTHER)], "promote"),
        ("named by the newest epoch of one only", FRESH, [word(0, ME, 6), word(1, ME, 5), word(2, OTHER, 5)], "wait"),
        ("named, but the disk is empty", replace(FRESH, holds_data=False), words(ME), "wait"),
        ("an empty disk may follow", replace(FRESH, holds_data=False), words(OTHER), "follow"),
        ("those that have not reached it could call it down", FRESH, [word(0, ME), *words(ME, 2, ok_ping_age_ms=3000)], "wait"),
        ("one alone could not", FRESH, [*words(ME, 2), word(2, ME, ok_ping_age_ms=3000)], "promote"),
        ("one calls it down", FRESH, [*words(ME, 2), word(2, ME, flags="master,s_down")], "wait"),
        ("all call it down, but no replica is left", FRESH, words(ME, flags="s_down,master", replicas=()), "promote"),
        ("a failover is in progress", FRESH, [*words(ME, 2), word(2, ME, flags="master,o_down,failover_in_progress")], "wait"),
        ("so it is, whoever is named", FRESH, [*words(OTHER, 2), word(2, OTHER, flags="failover_in_progress")], "wait"),
        ("read-only for nearly so long that it is called down", FRESH, words(ME, role_reported_ms=20_500), "wait"),
        ("not yet that long", FRESH, words(ME, role_reported_ms=19_500), "promote"),
        ("a master that is named stays", MASTER, words(ME), "stay"),
        ("a master that nobody confirms stays; it may have to refuse writes", MASTER, words(OTHER, 1), "stay"),
        ("a master against a majority", MASTER, words(OTHER, 2, epoch=6), "demote"),
        ("a master against one newer word: the others follow in a second", MASTER, [word(0, OTHER, 6), *words(ME, 2)], "stay"),
        ("just promoted, not yet seen", replace(MASTER, role_ms=19_000), words(OTHER, flags="o_down"), "stay"),
        ("the word may change", MASTER, [*words(OTHER, 2), word(2, OTHER, flags="failover_in_progress")], "stay"),
        ("newer than the word that named it: it was replaced", replace(JUST, epoch=4), words(OTHER), "demote"),
        ("named in this epoch: the word is older or its own", replace(JUST, epoch=5), words(OTHER), "stay"),
        ("newer, and the word may change", replace(JUST, epoch=4), words(OTHER, flags="failover_in_progress"), "stay"),
        ("newer, by one alone", replace(JUST, epoch=4), [word(0, OTHER), *words(ME, 2, epoch=4)], "stay"),
        ("a replica of the named master", REPLICA, words(OTHER), "stay"),
        ("a replica of another one", REPLICA, words(THIRD), "repoint"),
        ("it is re-pointed by Sentinel now", REPLICA, words(THIRD, flags="failover_in_progress"), "stay"),
        ("the newest word is not yet that of a majority", REPLICA, [word(0, THIRD, 6), *words(OTHER, 2)], "stay"),
        ("a replica that will be promoted", REPLICA, words(ME), "stay"),
    ],
)  # fmt: skip
def test_placement(what: str, node: Node, answers: list[Answer], act: str) -> None:
    decision = placement.decide(node, answers, CLUSTER)
    assert decision.act == act, f"{what}: {decision}"
    assert (decision.target is not None) == (act in {"follow", "demote", "repoint"})
    assert decision.reason


LOST = word(2, ME, flags="master,o_down,failover_in_progress", failover="wait_start")
LEADS = replace(LOST, failover="wait_promotion")
ENDS = replace(LOST, flags=frozenset(), failover="reconf_slaves")


@pytest.mark.parametrize(
    ("what", "third", "wanted_ms", "asked"),
    [
        ("nobody is at it", word(2, ME), 0, [0, 1, 2]),
        ("one wants to lead", LOST, 1_999, []),
        ("it was not elected", LOST, 2_000, [0, 1]),
        ("it leads", LEADS, 60_000, []),
        ("it would refuse", ENDS, 0, [0, 1]),
        ("long before it is called down", word(2, ME, ok_ping_age_ms=3_000), 0, [0, 1, 2]),
        ("one may begin by itself", word(2, ME, ok_ping_age_ms=3_001), 0, []),
        ("it has just begun, or not", word(2, ME, ok_ping_age_ms=6_999), 0, []),
        ("it would have begun", word(2, ME, ok_ping_age_ms=7_000), 0, [0, 1, 2]),
        ("it monitors nothing", word(2, None, ok_ping_age_ms=5_000), 0, [0, 1, 2]),
        ("it has lowered down-after: it may begin at any moment", word(2, ME, lowered=True), 0, []),
    ],
)
def test_who_is_asked_for_a_failover(what: str, third: Answer, wanted_ms: int, asked: list[int]) -> None:
    answers = [*words(ME, 2), third]
    found = placement.whom_to_ask(answers, answers, CLUSTER, {"id2": wanted_ms})
    assert [answer.sentinel_id for answer in found] == [f"id{number}" for number in asked], what


@pytest.mark.parametrize(
    ("held", "already", "crowded"),
    [(79, False, False), (80, False, True), (79, True, True), (70, True, True), (69, True, False)],
)
def test_few_connections_left_are_told_once(held: int, *, already: bool, crowded: bool) -> None:
    assert crowd.is_crowded(held, 100, already=already) is crowded


def test_with_quorum_1_all_sentinels_have_to_agree_to_a_promotion() -> None:
    """Any single one of them may begin a failover: none may be silent."""
    loose = Cluster(sentinel_count=3, quorum=1, down_after_ms=5000, failover_timeout_ms=20_000)
    assert placement.decide(FRESH, words(ME, 2), loose).act == "wait"
    assert placement.decide(FRESH, [*words(ME, 2), word(2, ME, ok_ping_age_ms=3000)], loose).act == "wait"
    assert placement.decide(FRESH, words(ME, 3), loose).act == "promote"


def test_a_sentinel_that_names_another_master_in_the_same_epoch_agrees_to_no_promotion() -> None:
    loose = Cluster(sentinel_count=5, quorum=2, down_after_ms=5000, failover_timeout_ms=20_000)
    assert placement.decide(FRESH, [*words(ME, 3), word(3, OTHER), word(4, OTHER)], loose).act == "wait"
    assert placement.decide(FRESH, [*words(ME, 4), word(4, OTHER)], loose).act == "promote"


def test_a_node_counts_the_sentinels_that_were_added_after_it() -> None:
    """`sentinels: 5` changes no node that is there; the Sentinels know each other."""
    peers = tuple((f"10.0.0.{20 + number}", 26379) for number in range(4))
    two = words(OTHER, 2, peers=peers, quorum=3)
    known = placement.as_known(CLUSTER, two)
    assert (known.sentinel_count, known.majority, known.quorum, known.promoters) == (5, 3, 2, 4)
    assert placement.decide(FRESH, two, known).act == "wait"
    assert placement.decide(FRESH, words(OTHER, 3, peers=peers), known).act == "follow"
    assert placement.as_known(CLUSTER, words(OTHER, 2, peers=peers[:1])) == CLUSTER
    assert placement.as_known(CLUSTER, words(OTHER, quorum=1)).promoters == CLUSTER.sentinel_count


@pytest.mark.parametrize(
    ("holds_data", "answers", "witness", "act"),
    [
        (True, words(ME), None, "stay"),
        (True, words(ME), OTHER, "wait"),
        (True, words(ME, 1), OTHER, "stay"),
        (False, words(ME), None, "wait"),
        (False, words(ME), OTHER, "wait"),
        (False, words(ME, 1), None, "stay"),
        (False, words(OTHER), None, "stay"),
        (False, [], None, "stay"),
    ],
)
def test_gate(holds_data: bool, answers: list[Answer], witness: tuple[str, int] | None, act: str) -> None:
    assert placement.may_start(ME, answers, CLUSTER, holds_data=holds_data, witness=witness).act == act


@pytest.mark.parametrize(
    ("what", "master", "answers", "confirmed"),
    [
        ("they name it", ME, words(ME), True),
        ("they name another one", OTHER, words(OTHER), False),
        ("they do not agree", None, words(ME, 1), False),
        ("one does not reach it", ME, [*words(ME, 2), word(2, ME, flags="master,s_down")], True),
        ("they call it down", ME, [*words(ME, 2), word(2, ME, flags="master,s_down,o_down")], False),
        ("one fails over", ME, [*words(ME, 2), word(2, ME, flags="master,failover_in_progress")], False),
    ],
)
def test_when_a_master_is_confirmed(what: str, master: tuple[str, int] | None, answers: list[Answer], confirmed: bool) -> None:
    assert placement.is_confirmed(MASTER, master, answers) is confirmed, what


@pytest.mark.parametrize(
    ("what", "node", "changes", "looks", "asks"),
    [
        ("all is well", REPLICA, {}, 2, False),
        ("all is well, and it was long ago", REPLICA, {}, 16, True),
        ("its link is down", REPLICA, {"master_link_status": "down"}, 2, True),
        ("it is handed another history", REPLICA, {"master_replid": "h2"}, 2, True),
        ("a master", MASTER, {}, 2, True),
        ("follows nowhere", FRESH, {}, 2, True),
    ],
)
def test_when_the_sentinels_are_asked(what: str, node: Node, changes: dict[str, str], looks: int, asks: bool) -> None:
    fields = {"master_link_status": "up", "master_replid": "h1"} | changes
    assert placement.has_to_ask(node, fields, history="h1", looks=looks) is asks, what


VIA = {
    "role": "slave", "master_host": THIRD[0], "master_port": str(THIRD[1]), "master_link_status": "up", "master_replid": "h1",
}  # fmt: skip
LEAD = {"role": "master", "master_replid": "h1"}


@pytest.mark.parametrize(
    ("what", "via", "lead", "detour"),
    [
        ("it hands on what the named one sends", VIA, LEAD, True),
        ("it follows somebody else", VIA | {"master_host": OTHER[0]}, LEAD, False),
        ("at another port", VIA | {"master_port": "6380"}, LEAD, False),
        ("it is not in step", VIA | {"master_link_status": "down"}, LEAD, False),
        ("it is a master itself", VIA | {"role": "master"}, LEAD, False),
        ("it still has a history of its own", VIA | {"master_replid": "h0"}, LEAD, False),
        ("the named one is no master", VIA, LEAD | {"role": "slave"}, False),
        ("it does not answer", {}, LEAD, False),
        ("neither does", {}, {}, False),
        ("the named one does not answer", VIA, {}, False),
    ],
)
def test_a_replica_leaves_a_node_that_only_hands_on(what: str, via: dict[str, str], lead: dict[str, str], detour: bool) -> None:
    assert placement.is_detour(via, lead, THIRD) is detour, what


CHOSEN = {"name": "10.0.0.3:6379", "flags": "slave,promoted", "role-reported": "slave", "info-refresh": "400"}


@pytest.mark.parametrize(
    ("state", "replicas", "name"),
    [
        ("", [CHOSEN], None),
        ("wait_start", [{"flags": "slave"}], None),
        ("send_slaveof_noone", [{"flags": "slave"}, CHOSEN], CHOSEN["name"]),
        ("wait_promotion", [CHOSEN], CHOSEN["name"]),
        ("reconf_slaves", [CHOSEN], CHOSEN["name"]),
        ("update_config", [CHOSEN], None),
    ],
)
def test_which_replica_a_failover_waits_for(state: str, replicas: list[dict[str, str]], name: str | None) -> None:
    found = promotion.awaited(state, replicas)
    assert (found["name"] if found is not None else None) == name


@pytest.mark.parametrize(
    ("what", "state", "changes", "waited_ms", "in_vain"),
    [
        ("it says so after the order", "wait_promotion", {}, 2_000, True),
        ("too early: it may have said so before", "wait_promotion", {}, 1_999, False),
        ("what it said is as old as the order", "wait_promotion", {"info-refresh": "1500"}, 2_500, False),
        ("it is master: Sentinel goes on at once", "wait_promotion", {"role-reported": "master"}, 60_000, False),
        ("silent, but not for down-after", "wait_promotion", {"info-refresh": "4000"}, 4_000, False),
        ("down", "send_slaveof_noone", {"s-down-time": "1000", "info-refresh": "6000"}, 6_000, True),
        ("down just now", "send_slaveof_noone", {"s-down-time": "999", "info-refresh": "6000"}, 6_000, False),
        ("down after it was seen", "reconf_slaves", {"s-down-time": "1000", "role-reported": "master"}, 0, True),
        ("seen, and back as a replica: the failover ends", "reconf_slaves", {}, 60_000, False),
    ],
)
def test_when_a_failover_waits_in_vain(what: str, state: str, changes: dict[str, str], waited_ms: int, in_vain: bool) -> None:
    assert promotion.is_in_vain(state, CHOSEN | changes, waited_ms) is in_vain, what


@pytest.mark.parametrize(("count", "seconds"), [(0, 0), (3, 0), (4, 5), (7, 5), (8, 30), (600, 30)])
def test_a_replica_whose_full_syncs_fail_has_to_wait(count: int, seconds: int) -> None:
    assert full_syncs.sync_delay_s(count) == seconds


@pytest.mark.parametrize(
    ("configured", "holds_data", "in_step", "priority"),
    [(100, True, True, 100), (100, True, False, placement.LAST_RESORT), (100, False, True, 0), (0, True, False, 0)],
)
def test_a_node_that_may_lack_data_is_the_last_one_that_sentinels_choose(
    configured: int, holds_data: bool, in_step: bool, priority: int
) -> None:
    assert placement.replica_priority(configured, holds_data=holds_data, in_step=in_step) == priority


LIVING = {
    "role": "slave", "master_host": ME[0], "master_port": str(ME[1]), "master_link_status": "down",
    "master_link_down_since_seconds": "1", "slave_priority": "100", "master_replid": "h1", "slave_repl_offset": "900",
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "changes", "held", "knows"),
    [
        ("as much", {}, Position("h1", 900), True),
        ("more", {}, Position("h1", 100), True),
        ("less: it was cut off before", {}, Position("h1", 901), False),
        ("of a history that was not noted", {"master_replid": "h2"}, Position("h1", 9000), True),
        ("nothing was noted", {}, None, True),
        ("still linked", {"master_link_status": "up", "master_link_down_since_seconds": "-1"}, Position("h1", 900), True),
        ("restarted too, and never linked since", {"master_link_down_since_seconds": "-1"}, None, False),
        ("it may not lead", {"slave_priority": "0"}, Position("h1", 100), False),
        ("it follows another", {"master_host": OTHER[0]}, Position("h1", 100), False),
        ("it is no replica", {"role": "master"}, Position("h1", 100), False),
        ("it does not answer", dict.fromkeys(LIVING, ""), None, False),
    ],
)
def test_who_knows_as_much(what: str, changes: dict[str, str], held: Position | None, knows: bool) -> None:
    fields = {name: value for name, value in (LIVING | changes).items() if value}
    assert position.knows_as_much(fields, ME, held) is knows, what


def info(offset: int, **more: str) -> dict[str, str]:
    base = {"role": "master", "master_replid": "h1", "master_repl_offset": str(offset)}
    rewrites = {"aof_rewrite_in_progress": "0", "aof_rewrite_scheduled": "0", "aof_last_bgrewrite_status": "ok"}
    append_only = {"aof_enabled": "1", "aof_last_write_status": "ok", "aof_buffer_length": "0"} | rewrites
    dumps = {"aof_enabled": "0", "rdb_last_save_time": "1", "rdb_bgsave_in_progress": "0", "rdb_last_bgsave_status": "ok"}
    return base | (dumps if any(name.startswith("rdb") for name in more) else append_only) | more


@pytest.mark.parametrize(
    ("what", "looks", "held"),
    [
        ("two looks are too few: the file may not be synced", [info(10), info(20)], None),
        ("what was there two seconds ago", [info(10), info(20), info(30), info(40)], Position("h1", 20)),
        ("writes that fail reach no disk", [info(10), info(20), info(30, aof_last_write_status="err"), info(40)], None),
        ("the first file is not there yet", [info(n, aof_rewrite_in_progress="1") for n in (10, 20, 30)], None),
        ("its rewrite failed and waits for its turn", [info(n, aof_rewrite_scheduled="1") for n in (10, 20, 30)], None),
        ("its rewrite failed", [info(n, aof_last_bgrewrite_status="err") for n in (10, 20, 30)], None),
        ("another history begins anew", [info(10), info(20), info(30, master_replid="h2")], None),
        ("a replica notes nothing", [info(10), info(20), info(30, role="slave"), info(40)], None),
        ("no dump yet", [info(10, rdb_last_save_time="1"), info(20, rdb_last_save_time="1")], None),
        (
            "what was there before the dump began",
            [
                info(10, rdb_last_save_time="1"),
                info(20, rdb_last_save_time="1"),
                info(30, rdb_last_save_time="1", rdb_bgsave_in_progress="1"),
                info(40, rdb_last_save_time="9"),
                info(50, rdb_last_save_time="9"),
            ],
            Position("h1", 20),
        ),
        (
            "a dump that failed holds nothing new",
            [info(10, rdb_last_save_time="1"), info(20, rdb_last_save_time="9", rdb_last_bgsave_status="err")],
            None,
        ),
    ],
)
def test_what_a_disk_surely_holds(what: str, looks: list[dict[str, str]], held: Position | None, tmp_path: Path) -> None:
    recorder = position.Recorder(tmp_path / "position.json")
    for fields in looks:
        recorder.look(fields)
    assert position.recorded(tmp_path / "position.json") == held, what


@pytest.mark.parametrize(
    ("what", "changes", "stuck"),
    [
        ("nothing is left to write", {}, True),
        ("no write has failed", {"aof_last_write_status": "ok"}, False),
        ("the disk is still full", {"aof_buffer_length": "6052"}, False),
        ("a rewrite runs", {"aof_rewrite_in_progress": "1"}, False),
        ("a rewrite waits", {"aof_rewrite_scheduled": "1"}, False),
        ("the last rewrite failed", {"aof_last_bgrewrite_status": "err"}, False),
        ("the file was switched off", {"aof_enabled": "0"}, False),
    ],
)
def test_when_an_append_only_file_is_stuck(what: str, changes: dict[str, str], stuck: bool) -> None:
    fields = info(10, aof_last_write_status="err") | changes
    assert append_only.is_stuck(fields) is stuck, what


def test_a_torn_note_is_none(tmp_path: Path) -> None:
    (tmp_path / "position.json").write_text('{"history": "h')
    assert position.recorded(tmp_path / "position.json") is None


def seed(
    address: tuple[str, int], role: str | None = "slave", follows: tuple[str, int] | None = NOWHERE, empty: bool = True
) -> Seed:
    return Seed(address, role, None if role == "master" else follows, empty)


SEEDS = [seed(ME), seed(OTHER), seed(THIRD)]
PEERS = [word(1, None), word(2, None)]


@pytest.mark.parametrize(
    ("what", "own", "seeds", "peers", "act", "master", "promote"),
    [
        ("a peer remembers", "id0", SEEDS, [word(1, OTHER), word(2, None)], "adopt", OTHER, False),
        ("the newest memory counts", "id0", SEEDS, [word(1, OTHER, 3), word(2, THIRD, 4)], "adopt", THIRD, False),
        ("a memory counts though no data node answers", "id0", [seed(ME, None)], [word(1, OTHER)], "adopt", OTHER, False),
        ("alone", "id0", SEEDS, [], "wait", None, False),
        ("a majority begins, the lowest acts", "id0", SEEDS, PEERS[:1], "create", ME, True),
        ("a higher one waits", "id1", SEEDS, [word(0, None), word(2, None)], "wait", None, False),
        ("a data node is silent", "id0", [seed(ME), seed(OTHER, None)], PEERS, "wait", None, False),
        ("no data node is known", "id0", [], PEERS, "wait", None, False),
        ("a data node holds data", "id0", [seed(ME), seed(OTHER, empty=False)], PEERS, "wait", None, False),
        ("promoted, then its Sentinel died", "id0", [seed(ME, "master"), seed(OTHER)], PEERS[:1], "create", ME, False),
        (
            "all Sentinels are new, the others follow the one master", "id0",
            [seed(ME, follows=OTHER, empty=False), seed(OTHER, "master", empty=False)], PEERS[:1], "create", OTHER, False,
        ),
        (
            "one master, but another node has data of its own", "id0",
            [seed(ME, "master"), seed(OTHER, empty=False)], PEERS, "wait", None, False,
        ),
        ("promoted, about to be told", "id2", [seed(ME, "master"), seed(OTHER)], PEERS[:1], "wait", None, False),
        ("two masters", "id0", [seed(ME, "master"), seed(OTHER, "master")], PEERS, "wait", None, False),
    ],
)  # fmt: skip
def test_bootstrap(
    what: str, own: str, seeds: list[Seed], peers: list[Answer], act: str, master: tuple[str, int] | None, promote: bool
) -> None:
    decision = bootstrap.decide(own, 3, seeds, peers)
    assert (decision.act, decision.master, decision.promote) == (act, master, promote), f"{what}: {decision}"


def test_the_memory_that_most_have_is_adopted() -> None:
    peers = [word(1, THIRD, 4), word(2, OTHER, 4), word(3, OTHER, 4), word(4, THIRD, 3)]
    assert bootstrap.decide("id0", 5, SEEDS, peers).master == OTHER


@pytest.mark.parametrize(
    ("what", "own", "peers", "stray"),
    [
        ("all agree", word(0, OTHER), words(OTHER, 2), False),
        ("alone in the same epoch", word(0, THIRD), words(OTHER, 2), True),
        ("an older word is put right by Sentinel itself", word(0, THIRD, 4), words(OTHER, 2), False),
        ("one other is no majority", word(0, THIRD), [word(1, OTHER), word(2, THIRD)], False),
        ("nor are two that differ", word(0, THIRD), [word(1, OTHER), word(2, ME)], False),
        ("one fails over", word(0, THIRD), [word(1, OTHER), word(2, OTHER, failover="wait_start")], False),
        ("it fails over itself", word(0, THIRD, failover="reconf_slaves"), words(OTHER, 2), False),
        ("it monitors nothing", word(0, None), words(OTHER, 2), False),
        ("the others monitor nothing", word(0, THIRD), words(None, 2), False),
    ],
)
def test_which_sentinel_is_alone_with_its_master(what: str, own: Answer, peers: list[Answer], stray: bool) -> None:
    assert bootstrap.is_stray(own, 3, peers) is stray, what


def test_only_the_sentinels_own_user_is_believed() -> None:
    lines = [
        "id=1 addr=10.0.0.10:4000 name=sentinel-0a1b2c3d-cmd user=sentinel",
        "id=2 addr=10.0.0.99:4000 name=redis-ha-sentinel-10.0.0.11:26379 user=sentinel",
        "id=3 addr=10.0.0.66:4000 name=redis-ha-sentinel-10.0.0.66:26379 user=application",
        "id=4 addr=10.0.0.67:4000 name=sentinel-ffffffff-cmd user=application",
        "id=5 addr=10.0.0.68:4000 name= user=sentinel",
    ]
    found = addresses_among_clients("\n".join(lines) + "\n", 26379, "sentinel")
    assert found == {("10.0.0.10", 26379), ("10.0.0.11", 26379)}


def test_address_book_survives_and_forgets_the_oldest(tmp_path: Path) -> None:
    path = tmp_path / "sentinels.json"
    AddressBook(path, []).learn([("10.0.0.10", 26379)])
    assert AddressBook(path, [("10.0.0.11", 26379)]).addresses() == {("10.0.0.10", 26379), ("10.0.0.11", 26379)}
    AddressBook(path, []).learn((f"10.0.1.{number}", 26379) for number in range(KEPT_ADDRESSES))
    assert ("10.0.0.10", 26379) not in AddressBook(path, []).addresses()
    path.write_text("{ torn")
    assert AddressBook(path, []).addresses() == set()


BASE = "file appendonly.aof.1.base.rdb seq 1 type b\n"
INCREMENT = "file appendonly.aof.1.incr.aof seq 1 type i\n"
HISTORY = "file appendonly.aof.0.incr.aof seq 0 type h\n"


class FullDisk:
    """A server whose configuration file cannot be written."""

    def __init__(self) -> None:
        self.needs = 1

    def call(self, *words: str | int) -> object:
        if words[:2] == ("CONFIG", "REWRITE"):
            raise ReplyError("ERR Rewriting config file: No space left on device")
        if words[:2] == ("CONFIG", "SET"):
            self.needs = int(words[3])
        return ["min-replicas-to-write", str(self.needs)]


def test_a_configuration_that_cannot_be_written_is_tried_again_and_stops_nothing(tmp_path: Path) -> None:
    server, raised = FullDisk(), MinReplicas(tmp_path)
    for needed in (2, None, None):
        raised.look(server)  # type: ignore[arg-type]
        changed = raised.need(server, needed)  # type: ignore[arg-type]
        assert (server.needs, changed) == ((2, True) if needed else (1, False))
    assert MinReplicas(tmp_path)._before == 1  # whoever is started anew knows it too


def test_an_agent_goes_on_where_its_own_files_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "agent"  # not there: as good as a full disk
    path = folder / "sentinels.json"
    book = AddressBook(path, [("10.0.0.10", 26379)])
    for _ in range(2):
        book.learn([("10.0.0.11", 26379)])
    both = {("10.0.0.10", 26379), ("10.0.0.11", 26379)}
    assert book.addresses() == both
    assert capsys.readouterr().out == f"goes on without writing {path}: No such file or directory\n"
    folder.mkdir()
    book.learn([])
    assert AddressBook(path, []).addresses() == both


@pytest.mark.parametrize(
    ("what", "append_only", "files", "loadable"),
    [
        ("nothing", "no", {}, False),
        ("a dump", "no", {"dump.rdb": "REDIS"}, True),
        ("a dump of no length", "no", {"dump.rdb": ""}, False),
        ("a dump that Redis does not look at", "yes", {"dump.rdb": "REDIS"}, False),
        (
            "append-only files",
            "yes",
            {
                "appendonly.aof.manifest": BASE + INCREMENT,
                "appendonly.aof.1.base.rdb": "REDIS",
                "appendonly.aof.1.incr.aof": "",
            },
            True,
        ),
        ("a base alone", "yes", {"appendonly.aof.manifest": BASE + HISTORY, "appendonly.aof.1.base.rdb": "REDIS"}, True),
        ("no base", "yes", {"appendonly.aof.manifest": INCREMENT, "appendonly.aof.1.incr.aof": "*1"}, False),
        (
            "a file of the manifest is gone",
            "yes",
            {"appendonly.aof.manifest": BASE + INCREMENT, "appendonly.aof.1.base.rdb": "R"},
            False,
        ),
        ("files that Redis does not look at", "no", {"appendonly.aof.manifest": BASE, "appendonly.aof.1.base.rdb": "R"}, False),
    ],
)  # fmt: skip
def test_marker_goes_with_the_data(what: str, append_only: str, files: dict[str, str], loadable: bool, tmp_path: Path) -> None:
    configuration, directory = tmp_path / "redis.conf", tmp_path / "data"
    configuration.write_text(f"dir /x\nappendonly {'yes' if append_only == 'no' else 'no'}\nappendonly {append_only}\n")
    (directory / "appendonlydir").mkdir(parents=True)
    for name, content in files.items():
        (directory / ("" if name == "dump.rdb" else "appendonlydir") / name).write_text(content)
    marker.set_marker(directory, "slave", configuration)
    assert marker.holds_data(directory) is loadable, what
    (directory / marker.MARKER).write_text("{}")  # of a time when the files were whole
    assert marker.verify_before_start(directory, configuration) is loadable, what
    assert marker.holds_data(directory) is loadable, what


def test_private_files_follow_no_link_and_keep_what_exists(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    link = tmp_path / "node.json"
    link.symlink_to(precious)
    write_privately(link, "new")
    assert precious.read_text() == "as it was"
    assert (link.read_text(), link.is_symlink(), link.stat().st_mode & 0o777) == ("new", False, 0o600)
    write_privately(link, "newer", exclusive=True)
    assert link.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node.json", "precious"]


def test_a_link_in_the_way_of_a_private_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis owns the directory of the marker, which root writes: a compromised Redis may put a link at the next name."""
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    (tmp_path / f".marker.{os.getpid()}").symlink_to(precious)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # as if the link came right after the clean-up
    with pytest.raises(FileExistsError):
        write_privately(tmp_path / "marker", "new")
    assert precious.read_text() == "as it was"


def test_install_writes_once_and_lets_redis_in_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_directory, state = tmp_path / "seed", tmp_path / "state"
    seed_directory.mkdir()
    (seed_directory / "manifest.json").write_text(json.dumps({"owner": "root", "files": ["node.json", "redis.conf"]}))
    (seed_directory / "node.json").write_text("{}")
    (seed_directory / "redis.conf").write_text(f"bind {install.SELF_ADDRESS} 127.0.0.1\n")
    (tmp_path / "address").write_text("10.20.0.7\n")
    monkeypatch.setenv("REDIS_HA_SEED", str(seed_directory))
    monkeypatch.setenv("REDIS_HA_STATE", str(state))
    monkeypatch.setenv("REDIS_HA_METADATA", (tmp_path / "address").as_uri())
    monkeypatch.setattr("shutil.chown", lambda *_: None)  # owners are the process tier's business
    before = os.umask(0o077)
    try:
        assert install.main() == 0
    finally:
        os.umask(before)
    assert (state / "config/redis.conf").read_text() == "bind 10.20.0.7 127.0.0.1\n"
    assert (state.stat().st_mode & 0o777, (state / "config").stat().st_mode & 0o777) == (0o755, 0o700)
    (state / "config/redis.conf").write_text("rewritten")
    monkeypatch.setenv("REDIS_HA_METADATA", (tmp_path / "gone").as_uri())  # not asked again
    assert install.main() == 0
    assert (state / "config/redis.conf").read_text() == "rewritten"
    (state / "config/redis.conf").write_text("")  # a power cut while it was rewritten
    monkeypatch.setenv("REDIS_HA_METADATA", (tmp_path / "address").as_uri())
    assert install.main() == 0
    assert (state / "config/redis.conf").read_text() == "bind 10.20.0.7 127.0.0.1\n"
