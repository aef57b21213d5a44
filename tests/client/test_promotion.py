"""A client that goes ahead of the Sentinels: to the node that a failover has promoted and that they do not name yet."""

# mypy: disable-error-code="no-untyped-call"

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis

from redis_ha_client import FailoverPolicy, OutcomeUnknownError
from redis_ha_client.silence import ASK_SECONDS
from tests.support.redis_processes import DATA_PORT, Node, RedisProcesses
from tests.support.twins import TWINS, settled, used
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers

POLICY = FailoverPolicy(total_seconds=SLOWEST_SECONDS, connect_seconds=0.5, read_seconds=0.5, sentinel_seconds=0.5)


@contextlib.contextmanager
def deaf(topology: RedisProcesses, *rules: str) -> Iterator[None]:
    """Let the Sentinels hear of no promotion for the block, and clients ask them what `rules` allow.

    A node promoted in it says that it is a master, and the Sentinels name the old one until the failover's time is over.
    """
    old, option = topology.master(), ("SENTINEL", "SET", topology.master_name)
    try:
        for node in topology.sentinels:
            topology.command(node, "ACL", "SETUSER", "application", *rules)
            topology.command(node, *option, "failover-timeout", str(SLOWEST_SECONDS * 1000))
        yield
    finally:
        for node in topology.sentinels:
            topology.command(node, "ACL", "SETUSER", "application", "-sentinel|master", "-sentinel|replicas")
            topology.command(node, *option, "failover-timeout", str(topology.failover_timeout_ms))
            topology.command(node, *option, "rename-command", "INFO", "INFO")
    wait_until(lambda: topology.named_master() != old.address, "the Sentinels have heard of it")


def promoted_unheard(topology: RedisProcesses, old: Node) -> Node:
    """Wait until the leader has promoted a replica, of which no Sentinel hears: INFO has another name for them by now."""
    for node in topology.sentinels:
        topology.command(node, "SENTINEL", "SET", topology.master_name, "rename-command", "INFO", "NO-SUCH-COMMAND")
    replicas = [node for node in topology.data if node is not old]
    found: list[Node] = []

    def is_there() -> bool:
        found[:] = [node for node in replicas if topology.command(node, "ROLE")[0] == "master"]
        return bool(found)

    wait_until(is_there, "a replica is promoted")
    assert topology.named_master() == old.address
    return found[0]


def let_write(topology: RedisProcesses, *nodes: Node) -> None:
    for node in nodes:
        topology.command(node, "CONFIG", "SET", "min-replicas-to-write", "0")


def keys_of(topology: RedisProcesses, node: Node) -> int:
    return int(topology.command(node, "DBSIZE"))


ALLOWED = ("+sentinel|master", "+sentinel|replicas")


@pytest.mark.parametrize("twin", TWINS)
def test_a_promoted_node_is_found_before_the_sentinels_name_it(whole: RedisProcesses, twin: str) -> None:
    old = whole.master()

    async def go_on(client: Any) -> None:
        await settled(client.set("ahead", "before"))
        old.kill()
        promoted = promoted_unheard(whole, old)
        (other,) = (node for node in whole.data if node not in (old, promoted))
        whole.command(other, "REPLICAOF", promoted.host, str(DATA_PORT))  # as the node's agent does
        await settled(client.set("ahead", twin))
        assert whole.command(promoted, "GET", "ahead") == twin
        await settled(client.set("ahead-2", twin))  # on the same connection: it is not left again
        assert client.connection_pool.finder.address == promoted.address
        assert whole.named_master() == old.address

    with deaf(whole, *ALLOWED):
        used(whole, twin, go_on, policy=POLICY)


@pytest.mark.parametrize("twin", TWINS)
def test_another_node_that_says_that_it_is_a_master_is_not_written_to(whole: RedisProcesses, twin: str) -> None:
    """As a master of an earlier time does that comes back just now: nobody has promoted it."""
    old = whole.master()
    rogue, chosen = (node for node in whole.data if node is not old)

    async def go_on(client: Any) -> None:
        whole.command(rogue, "CONFIG", "SET", "replica-priority", "1000")
        await settled(client.set("rogue", "before"))
        wait_until(lambda: whole.command(rogue, "GET", "rogue") == "before", "the replica has it")
        wait_until(partial(knows_priority, whole, rogue), "the Sentinels know whom to choose")
        old.kill()
        whole.command(rogue, "REPLICAOF", "NO", "ONE")
        for node in whole.sentinels:
            whole.command(node, "SENTINEL", "SET", whole.master_name, "rename-command", "INFO", "NO-SUCH-COMMAND")
        let_write(whole, rogue, chosen)
        await settled(client.set("rogue", "after"))
        assert whole.command(chosen, "GET", "rogue") == "after"
        assert whole.command(rogue, "GET", "rogue") == "before"

    try:
        with deaf(whole, *ALLOWED):
            used(whole, twin, go_on, policy=POLICY)
    finally:
        whole.command(rogue, "CONFIG", "SET", "replica-priority", "100")


def knows_priority(topology: RedisProcesses, replica: Node) -> bool:
    for sentinel in topology.sentinels:
        with topology.admin(sentinel) as client:
            rows: Any = client.sentinel_slaves(topology.master_name)
        if {row["ip"]: int(row["slave-priority"]) for row in rows}[replica.host] != 1000:
            return False
    return True


@pytest.mark.parametrize("twin", TWINS)
def test_nobody_writes_to_a_master_that_is_cut_off(whole: RedisProcesses, twin: str) -> None:
    """It lives, says that it is a master, and clients reach it as they reach the other side."""
    old = whole.master()

    async def go_on(client: Any) -> None:
        await settled(client.set("cut", "before"))
        for user in ("sentinel", "replication"):
            whole.command(old, "ACL", "SETUSER", user, "off")
            whole.command(old, "CLIENT", "KILL", "USER", user)
        promoted = promoted_unheard(whole, old)
        (other,) = (node for node in whole.data if node not in (old, promoted))
        whole.command(other, "REPLICAOF", promoted.host, str(DATA_PORT))
        await settled(client.set("cut", "after"))
        assert whole.command(old, "ROLE")[0] == "master"
        assert whole.command(old, "GET", "cut") == "before"
        assert whole.command(promoted, "GET", "cut") == "after"

    try:
        with deaf(whole, *ALLOWED):
            used(whole, twin, go_on, policy=POLICY)
    finally:
        for user in ("sentinel", "replication"):
            whole.command(old, "ACL", "SETUSER", user, "on")


@pytest.mark.parametrize("twin", TWINS)
def test_who_may_not_ask_waits_for_the_sentinels_word(whole: RedisProcesses, twin: str) -> None:
    old = whole.master()

    async def go_on(client: Any) -> None:
        await settled(client.set("unasked", "before"))
        old.kill()
        promoted = promoted_unheard(whole, old)
        let_write(whole, promoted)
        with pytest.raises(redis.ConnectionError):
            await settled(client.set("unasked", "after"))
        assert whole.command(promoted, "GET", "unasked") != "after"

    with deaf(whole):
        used(whole, twin, go_on, policy=FailoverPolicy(total_seconds=3, connect_seconds=0.5))


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("twin", TWINS)
def test_the_end_of_a_silence_is_not_waited_for_when_the_master_is_replaced(
    whole: RedisProcesses, twin: str, *, again: bool
) -> None:
    """A command was under way when the master fell silent. What became of it is unknown, as after the whole silence."""
    patient = FailoverPolicy(
        total_seconds=SLOWEST_SECONDS, read_seconds=SLOWEST_SECONDS, connect_seconds=0.5, resend_ambiguous=again
    )
    old, name = whole.master(), f"silent-{twin}-{again}"

    async def go_on(client: Any) -> None:
        await settled(client.set(name, "before"))
        old.freeze()
        if again:
            assert await settled(client.set(name, "after")) is True
        else:
            with pytest.raises(OutcomeUnknownError):
                await settled(client.set(name, "after"))
        await settled(client.set(name, "end"))

    try:
        for node in whole.sentinels:
            whole.command(node, "ACL", "SETUSER", "application", *ALLOWED)
        used(whole, twin, go_on, policy=patient)
    finally:
        for node in whole.sentinels:
            whole.command(node, "ACL", "SETUSER", "application", "-sentinel|master", "-sentinel|replicas")


@pytest.mark.parametrize("twin", TWINS)
def test_a_slow_master_that_nobody_replaces_is_waited_for(whole: RedisProcesses, twin: str) -> None:
    """It counts: a command that was sent again would be executed twice."""
    slow = (
        "local t = redis.call('TIME') repeat local n = redis.call('TIME') until n[1] - t[1] >= 3 "
        "return redis.call('INCR', KEYS[1])"
    )
    policy = FailoverPolicy(total_seconds=SLOWEST_SECONDS, read_seconds=SLOWEST_SECONDS)

    async def wait(client: Any) -> None:
        assert await settled(client.eval(slow, 1, f"slow-{twin}")) == 1

    for node in whole.sentinels:
        whole.command(node, "ACL", "SETUSER", "application", *ALLOWED)
        whole.command(node, "SENTINEL", "SET", whole.master_name, "down-after-milliseconds", str(SLOWEST_SECONDS * 1000))
    try:
        used(whole, twin, wait, policy=policy)
    finally:
        for node in whole.sentinels:
            whole.command(node, "ACL", "SETUSER", "application", "-sentinel|master", "-sentinel|replicas")
            whole.command(node, "SENTINEL", "SET", whole.master_name, "down-after-milliseconds", str(whole.down_after_ms))


@pytest.mark.parametrize("twin", TWINS)
def test_the_sentinels_are_not_asked_while_a_command_blocks(topology: RedisProcesses, twin: str) -> None:
    """A thousand workers that wait for a job would ask all the time."""

    async def wait(client: Any) -> None:
        def asked(_: Any) -> bool:
            raise AssertionError("asked")

        client.connection_pool.finder.replaced = asked
        assert await settled(client.blpop(f"blocks-{twin}", timeout=2 * ASK_SECONDS)) is None

    used(topology, twin, wait)
