"""Redis's answers, as they come, turned into what a node says; and settings that mean the same in two spellings."""

import pytest

from redis_ha_ops.asking import HIDDEN, Answers, key_of, questions, questions_about_users, without_secrets
from redis_ha_ops.live_settings import differences, meaning
from redis_ha_ops.stack import Stack
from redis_ha_ops.topology import read_data, read_sentinel

INFO_MASTER = (
    "# Server\r\nredis_version:8.0.2\r\n# Clients\r\nconnected_clients:42\r\nmaxclients:10000\r\n"
    "# Memory\r\nused_memory:1048576\r\nmaxmemory:4194304\r\n# Persistence\r\nloading:0\r\n"
    "aof_last_write_status:err\r\n# Stats\r\nevicted_keys:7\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
    "min_slaves_good_slaves:1\r\nslave0:ip=10.0.0.3,port=6379,state=online,offset=500,lag=1\r\n"
    "slave1:ip=10.0.0.4,port=6379,state=wait_bgsave,offset=0,lag=0,io-thread=0\r\nmaster_repl_offset:512\r\n"
)


def test_a_masters_answers(stack: Stack) -> None:
    replies = {
        "ROLE": ["master", 512, [["10.0.0.3", "6379", "500"]]],
        "INFO": INFO_MASTER,
        "CONFIG GET": ["min-replicas-to-write", "1", "maxmemory", "4194304"],
    }
    node = read_data(Answers(stack.of_kind("data")[0], replies=replies))
    assert (node.role, node.follows, node.version, node.offset, node.evicted_keys) == ("master", None, "8.0.2", 512, 7)
    assert [(row.address, row.state, row.offset, row.lag_seconds) for row in node.attached] == [
        ("10.0.0.3:6379", "online", 500, 1),
        ("10.0.0.4:6379", "wait_bgsave", 0, 0),
    ]
    assert (node.used_bytes, node.maximum_bytes, node.good_replicas, node.writable) == (
        1048576,
        4194304,
        1,
        False,
    )  # its append-only file fails
    assert node.persistence_errors == ("aof_last_write_status",)
    assert (node.clients, node.most_clients) == (42, 10_000)


def test_who_may_read_the_replication_users_password(stack: Stack) -> None:
    no = "User {} has no permissions to run the 'config|get' command"
    said = {user: no.format(user) for user in ("application", "replication", "sentinel")} | {"exporter": "OK", "grafana": "OK"}
    replies = {"ROLE": ["slave", "10.0.0.2", 6379, "sync", -1], "INFO": "", "ACL USERS": ["admin", *said]}
    replies |= {f"ACL DRYRUN {user}": text for user, text in said.items()}
    assert read_data(Answers(stack.of_kind("data")[0], replies=replies)).see_secrets == ("exporter", "grafana")


def test_a_replicas_answers(stack: Stack) -> None:
    replies = {"ROLE": ["slave", "10.0.0.2", 6379, "sync", -1], "INFO": "loading:1\r\nslave_repl_offset:7\r\n"}
    node = read_data(Answers(stack.of_kind("data")[1], replies=replies))
    assert (node.role, node.follows, node.link, node.loading, node.offset) == ("replica", "10.0.0.2:6379", "sync", True, 7)
    assert not node.writable


def test_a_command_that_is_refused_is_a_trouble(stack: Stack) -> None:
    node = read_data(Answers(stack.of_kind("data")[0], replies={}, refused={"ROLE": "NOPERM no"}))
    assert node.trouble == "ROLE: NOPERM no"


def test_a_sentinels_answers(stack: Stack) -> None:
    replies = {
        "SENTINEL MYID": "a" * 40,
        "SENTINEL GET-MASTER-ADDR-BY-NAME": ["10.0.0.3", "6379"],
        "SENTINEL MASTER": [
            "name",
            "local",
            "flags",
            "master,o_down",
            "quorum",
            "2",
            "config-epoch",
            "5",
            "parallel-syncs",
            "1",
        ],
        "SENTINEL REPLICAS": [["ip", "10.0.0.2", "port", "6379", "flags", "s_down,slave,disconnected"]],
        "SENTINEL SENTINELS": [["ip", "10.0.0.6", "port", "26379", "flags", "sentinel", "runid", "b" * 40]],
        "INFO": "redis_version:8.0.2\r\nsentinel_tilt:1\r\n",
    }
    one = read_sentinel(
        Answers(stack.of_kind("sentinel")[0], replies=replies, refused={"SENTINEL CKQUORUM": "NOQUORUM 1 usable"})
    )
    # GET-MASTER-ADDR is ahead of MASTER's own address during a failover: it is what clients are told.
    assert (one.watches, one.master, one.epoch, one.quorum, one.tilt) == (True, "10.0.0.3:6379", 5, 2, True)
    assert one.flags == ("master", "o_down")
    assert [(peer.address, peer.down) for peer in (*one.replicas, *one.sentinels)] == [
        ("10.0.0.2:6379", True),
        ("10.0.0.6:26379", False),
    ]
    assert (one.quorum_ok, one.quorum_text) == (False, "NOQUORUM 1 usable")


@pytest.mark.parametrize(
    ("told", "trouble"), [("ERR No such master with that name", None), ("NOPERM this user may not", "NOPERM this user may not")]
)
def test_a_sentinel_without_a_master_is_no_trouble_but_a_forbidden_one_is(told: str, trouble: str | None, stack: Stack) -> None:
    one = read_sentinel(Answers(stack.of_kind("sentinel")[0], replies={}, refused={"SENTINEL MASTER": told}))
    assert (one.watches, one.trouble) == (False, trouble)


@pytest.mark.parametrize(
    ("replies", "refused", "unsaved"),
    [
        ({"SENTINEL FLUSHCONFIG": "OK"}, {}, None),
        ({}, {"SENTINEL FLUSHCONFIG": "Failed to save config file."}, "Failed to save config file."),
        ({}, {"SENTINEL MASTER": "ERR No such master with that name"}, None),
    ],
)
def test_a_sentinel_that_cannot_write_says_so(
    replies: dict[str, str], refused: dict[str, str], unsaved: str | None, stack: Stack
) -> None:
    assert read_sentinel(Answers(stack.of_kind("sentinel")[0], replies=replies, refused=refused)).unsaved == unsaved


def test_secrets_are_not_asked_for_and_masked_if_told(stack: Stack) -> None:
    every = questions(stack.of_kind("data")[0], stack)
    asked = [word for command in every for word in command]
    assert "maxmemory" in asked
    assert "masterauth" not in asked
    assert without_secrets("CONFIG GET", ["masterauth", "x", "save", ""]) == ["masterauth", HIDDEN, "save", ""]
    assert without_secrets("SENTINEL MASTER", ["auth-pass", "x"]) == ["auth-pass", HIDDEN]


def test_commands_read_and_one_lets_a_sentinel_write_what_it_has(stack: Stack) -> None:
    sent = {key_of(command) for slot in stack.slots for command in questions(slot, stack)}
    assert sent == {
        "ROLE",
        "INFO",
        "CONFIG GET",
        "ACL USERS",
        "SENTINEL MYID",
        "SENTINEL GET-MASTER-ADDR-BY-NAME",
        "SENTINEL MASTER",
        "SENTINEL REPLICAS",
        "SENTINEL SENTINELS",
        "SENTINEL CKQUORUM",
        "SENTINEL FLUSHCONFIG",
    }
    # Runs nothing: a question about a user.
    asked = questions_about_users(["default", "admin", "grafana"], stack)
    assert asked == [("ACL", "DRYRUN", user, "CONFIG", "GET", "masterauth") for user in ("default", "grafana")]


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        ("256mb", "268435456"),
        ("1GB", "1073741824"),
        ("1k", "1000"),
        (True, "yes"),
        (False, "no"),
        (5, "5"),
        (5.0, "5"),
        ("", ""),
        ('""', ""),
        ("3600 1  300 100", "3600 1 300 100"),
        ("Allkeys-LRU", "allkeys-lru"),
        (["3600", 1], "3600 1"),
    ],
)
def test_the_same_setting_in_two_spellings(desired: object, live: str) -> None:
    assert meaning(desired) == meaning(live)


@pytest.mark.parametrize(("desired", "live"), [("256mb", "256000000"), ("yes", "no"), ("3600 1", "3600 2"), ("", "3600 1")])
def test_different_settings(desired: str, live: str) -> None:
    assert differences({"x": desired}, {"x": live}) == [("x", live, desired)]


def test_what_a_node_does_not_have_is_not_compared() -> None:
    assert differences({"replicaof": "a 1", "masterauth": "x", "unknown": "1"}, {"replicaof": "b 2", "masterauth": "y"}) == []
