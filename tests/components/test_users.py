"""What each user of a data node and of a Sentinel may do, as the real server decides: commands, keys, channels, scripts."""

import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.machines.images import REPOSITORY, ensure_image
from pulumi_emulator.stacks import emulator_home
from redis_ha.sentinel.node.resp import Connection, ReplyError
from tests.support.loopback_cluster import LoopbackCluster, LoopbackNode
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

CHANNEL = "news:1"
SENTINELS_CHANNEL = "__sentinel__:hello"
# Any user may log in, and leave (src/server.h, CMD_NO_AUTH).
ALWAYS = frozenset({"auth", "hello", "quit", "reset"})
DATA = {
    "default": frozenset(),
    # github.com/oliver006/redis_exporter, exporter/exporter.go. It asks for CONFIG too, which shows `masterauth`.
    "exporter": frozenset(
        {"client|setname", "info", "latency|histogram", "latency|latest", "ping", "slowlog|get", "slowlog|len"}
    ),
    # redis.io, "ACL": rules for replicas.
    "replication": frozenset({"ping", "psync", "replconf"}),
    # redis.io, "High availability with Redis Sentinel"; PING is answered to subscribers too.
    "sentinel": frozenset(
        {
            *("client|kill", "client|list", "client|setname", "config|rewrite", "exec", "info", "multi", "ping", "publish"),
            *("replicaof", "role", "script|kill", "slaveof", "subscribe"),
        }
    ),
}
SENTINEL = {
    "default": frozenset(),
    # As on the data nodes, exporter/sentinels.go.
    "exporter": frozenset(
        {
            *("client|setname", "info", "ping", "sentinel|ckquorum", "sentinel|masters", "sentinel|replicas"),
            *("sentinel|sentinels", "sentinel|slaves"),
        }
    ),
    "sentinel-peer": frozenset({"client|setname", "ping", "publish", "sentinel|is-master-down-by-addr"}),
}
# What belongs to operators; of it an application has what tells it where it is.
OF_OPERATORS = {"admin", "dangerous"}
STILL_OF_APPLICATIONS = {
    "data-0": {"info", "role"},
    "sentinel-0": {
        *("role", "sentinel|ckquorum", "sentinel|get-master-addr-by-name", "sentinel|master", "sentinel|masters"),
        *("sentinel|myid", "sentinel|replicas", "sentinel|sentinels", "sentinel|slaves"),
    },
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackCluster]:
    made = LoopbackCluster(tmp_path_factory.mktemp("users"), application_channels=["news:*"])
    try:
        for node in (made.nodes["data-0"], made.nodes["sentinel-0"]):
            node.start()
            wait_until(node.answers, "the server runs")
        yield made
    finally:
        made.end()


def commands(node: LoopbackNode) -> dict[str, tuple[int, set[str]]]:
    """Every command and subcommand that can be called, with its arity and its categories."""
    found: dict[str, tuple[int, set[str]]] = {}

    def walk(entries: Any) -> None:
        for entry in entries:
            inner = entry[9] if len(entry) > 9 else []
            if not inner:
                found[entry[0]] = entry[1], {category.removeprefix("@") for category in entry[6]}
            walk(inner)

    walk(node.call("COMMAND"))
    return found


def verdict(node: LoopbackNode, user: str, *words: str) -> str:
    reply = node.call("ACL", "DRYRUN", user, *words)
    assert isinstance(reply, str)
    return reply


def allowed(node: LoopbackNode, user: str) -> set[str]:
    """The commands that a user may call with some argument: a key `k`, or one of the channels."""
    found = set()
    for name, (arity, _) in commands(node).items():
        words = name.split("|")
        for argument in ("k", CHANNEL, SENTINELS_CHANNEL):
            # PUBLISH's message is no channel.
            given = [*words, *[argument] * (abs(arity) - len(words))]
            if verdict(node, user, *given) == "OK":
                found.add(name)
    return found


@pytest.mark.parametrize("user", DATA)
def test_who_serves_the_cluster_may_what_its_work_needs(cluster: LoopbackCluster, user: str) -> None:
    assert allowed(cluster.nodes["data-0"], user) == DATA[user] | ALWAYS


@pytest.mark.parametrize("user", SENTINEL)
def test_who_serves_the_sentinels_may_what_its_work_needs(cluster: LoopbackCluster, user: str) -> None:
    assert allowed(cluster.nodes["sentinel-0"], user) == SENTINEL[user] | (ALWAYS & {"auth", "hello"})


@pytest.mark.parametrize("key", STILL_OF_APPLICATIONS)
def test_an_application_may_nothing_of_an_operators(cluster: LoopbackCluster, key: str) -> None:
    known = commands(cluster.nodes[key])
    may = allowed(cluster.nodes[key], "application")
    assert {name for name in may if known[name][1] & OF_OPERATORS} == STILL_OF_APPLICATIONS[key]
    for name in ("acl|list", "client|kill", "config|get", "config|set", "shutdown", "replicaof", "debug", "monitor"):
        assert name not in may
    assert {"ping", "subscribe", "role"} <= may
    if key == "data-0":
        assert {"get", "set", "eval", "multi", "exec", "wait", "info", "xreadgroup", "publish"} <= may
        assert not {"flushall", "keys", "swapdb", "psync", "slowlog|get"} & may


def test_keys_are_the_applications_and_its_channels_those_of_the_plan(cluster: LoopbackCluster) -> None:
    node = cluster.nodes["data-0"]
    for user in DATA:
        assert " ".join(str(word) for word in node.call("ACL", "GETUSER", user)).count("~") == 0  # type: ignore[attr-defined]
        assert verdict(node, user, "PUBLISH", CHANNEL, "x") != "OK"
    for command in (("GET", "k"), ("SET", "k", "v"), ("COPY", "k", "other"), ("PUBLISH", CHANNEL, "x"), ("SUBSCRIBE", CHANNEL)):
        assert verdict(node, "application", *command) == "OK"
    for command in (("PUBLISH", SENTINELS_CHANNEL, "x"), ("SUBSCRIBE", SENTINELS_CHANNEL), ("PSUBSCRIBE", "*")):
        assert "channel" in verdict(node, "application", *command)


def test_a_script_may_no_more_than_its_user(cluster: LoopbackCluster) -> None:
    node = cluster.nodes["data-0"]
    node.call("REPLICAOF", "NO", "ONE")
    password = node.passwords.application
    connection = Connection((node.address, node.port), username="application", password=password, timeout=5)
    try:
        assert connection.call("EVAL", "return redis.call('EXISTS', KEYS[1])", 1, "k") == 0
        for refused in (
            "'CONFIG', 'GET', 'masterauth'",
            "'ACL', 'LIST'",
            f"'PUBLISH', '{SENTINELS_CHANNEL}', 'x'",
            "'KEYS', '*'",
        ):
            with pytest.raises(ReplyError, match=r"user executing the script|ACL failure in script|not allowed from"):
                connection.call("EVAL", f"return redis.call({refused})", 0)
    finally:
        connection.close()


@pytest.mark.machines
def test_the_exporter_that_debian_ships_works_with_what_its_user_may(cluster: LoopbackCluster, tmp_path: Path) -> None:
    """And with `-config-command=-` it asks for nothing else."""
    (package,) = (ensure_image(emulator_home(), "debian-13-x64", print) / REPOSITORY).glob("prometheus-redis-exporter_*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    node = cluster.nodes["data-0"]
    node.call("ACL", "LOG", "RESET")
    listen = f"{node.address}:9121"  # addresses of this process alone
    exporter = subprocess.Popen(
        [
            str(tmp_path / "usr/bin/prometheus-redis-exporter"),
            *(f"-redis.addr=redis://{node.address}:{node.port}", "-redis.user=exporter"),
            *(f"-web.listen-address={listen}", "-config-command=-"),
        ],
        env={"PATH": os.environ["PATH"], "REDIS_PASSWORD": node.passwords.exporter},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        metrics: list[str] = []

        def scraped() -> bool:
            try:
                with urllib.request.urlopen(f"http://{listen}/metrics", timeout=5) as answer:
                    metrics[:] = answer.read().decode().splitlines()
            except OSError:
                return False
            return True

        wait_until(scraped, "the exporter answers")
        assert {"redis_up 1", "redis_slowlog_length 0", 'redis_exporter_last_scrape_error{err=""} 0'} <= set(metrics)
        assert any(line.startswith("redis_max_clients ") for line in metrics)
        assert node.call("ACL", "LOG") == []
    finally:
        exporter.send_signal(signal.SIGTERM)
        exporter.wait(10)
