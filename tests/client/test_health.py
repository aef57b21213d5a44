"""HealthMonitor against real processes: masters that die, freeze, refuse, or are replicas, watched by a thread and a task."""

# mypy: disable-error-code="no-untyped-call"

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.connecting import connected
from tests.support.health import asked, monitored, wait_for
from tests.support.redis_processes import RedisProcesses

pytestmark = pytest.mark.servers


@contextlib.contextmanager
def watched(topology: RedisProcesses, **arguments: Any) -> Iterator[list[Any]]:
    """Give two monitors, a thread and a task, that have seen a success."""
    with connected(topology, **arguments) as client, monitored(client, "sync") as one, monitored(client, "asyncio") as other:
        monitors = [one, other]
        wait_for_all(monitors, "up")
        yield monitors


def wait_for_all(monitors: list[Any], state: str) -> None:
    for monitor in monitors:
        wait_for(monitor, state)


def test_a_masters_death_is_down_until_the_failover_has_ended(whole: RedisProcesses) -> None:
    changes: list[Any] = []
    with watched(whole) as monitors:
        for monitor in monitors:
            assert asked(monitor)[0] == "200 OK"
            monitor._on_change = (changes.append,)
        with whole.nobody_down():
            whole.master().kill()
            wait_for_all(monitors, "down")
            assert asked(monitors[0])[0] == "503 Service Unavailable"
        wait_for_all(monitors, "up")
        for monitor in monitors:
            error = monitor.status()["last_error"]
            assert (error["class"], error["outcome"]) == ("NotExecutedError", "failed")
    assert {(change["previous"], change["state"]) for change in changes} == {("up", "down"), ("down", "up")}


def test_a_frozen_master_is_down(whole: RedisProcesses) -> None:
    with whole.nobody_down(), watched(whole) as monitors:
        master = whole.master()
        master.freeze()
        wait_for_all(monitors, "down")
        assert all(monitor.status()["failures_in_a_row"] >= 2 for monitor in monitors)
        master.thaw()
        wait_for_all(monitors, "up")


def test_a_master_that_refuses_writes_and_answers_ping_is_down(whole: RedisProcesses) -> None:
    with whole.nobody_down(), connected(whole) as client, watched(whole) as monitors:
        master = whole.master()
        whole.command(master, "CONFIG", "SET", "min-replicas-to-write", "9")
        wait_for_all(monitors, "down")
        assert client.ping() is True
        whole.command(master, *whole.enough)
        wait_for_all(monitors, "up")


def test_a_replica_is_down_although_it_answers_ping_and_takes_writes(whole: RedisProcesses) -> None:
    """Its connections stay, and what is written there is lost: only ROLE tells."""
    with whole.nobody_down(), connected(whole) as client, watched(whole) as monitors:
        client.ping()
        master = whole.master()
        whole.command(master, "CONFIG", "SET", "replica-read-only", "no")
        whole.command(master, "REPLICAOF", "127.0.0.1", "1")
        assert client.ping() is True
        assert client.set("lost", 1) is True
        wait_for_all(monitors, "down")
        whole.command(master, "REPLICAOF", "NO", "ONE")
        whole.command(master, "CONFIG", "SET", "replica-read-only", "yes")
        wait_for_all(monitors, "up")


def test_threads_that_hold_all_connections_hold_no_probe(topology: RedisProcesses) -> None:
    with connected(topology, pool_size=1) as client, client.pipeline() as pipeline:
        pipeline.watch("held")  # it keeps the one connection until the block ends
        with monitored(client, "sync") as one, monitored(client, "asyncio") as other:
            wait_for_all([one, other], "up")


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_the_probes_key_has_the_applications_prefix_and_expires(topology: RedisProcesses, twin: str) -> None:
    key = f"{twin}:redis-ha:health"
    with connected(topology) as client:
        with monitored(client, twin, key_prefix=f"{twin}:") as monitor:
            wait_for(monitor, "up")
            assert 0 < client.ttl(key) <= 60
        client.delete(key)
