"""What a HealthMonitor decides: states from probes, the time to notice, what is stale, when to end; all without servers."""

import asyncio
import itertools
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import exceptions
from redis.crc import key_slot

from redis_ha_client import DocumentError, HealthMonitor, HealthPreset, aio, connect, describe, health_asgi
from redis_ha_client.clocks import Moment
from redis_ha_client.errors import NotTheMasterError
from redis_ha_client.health import (
    PRESETS,
    Failure,
    Health,
    State,
    judge,
    leave_at,
    status_of,
    wait_seconds,
)
from redis_ha_client.presets import PRESETS as POLICIES
from redis_ha_client.probing import check_master, failure_of, primaries_of, shard_keys
from redis_ha_client.watching import EXIT_CODE
from tests.client.test_documents import CONNECTION, CREDENTIALS
from tests.client.test_managed_documents import CLUSTER, PRIMARY, USER
from tests.support.documents import ROOT
from tests.support.health import QUICK, asked, monitored, wait_for
from tests.support.loopback import next_subnet
from tests.support.waiting import wait_until

FAILED = Failure("NotExecutedError", "failed")


def told(results: str, threshold: int = 3) -> list[State]:
    """Give the states after each probe: `.` succeeded, `x` failed."""
    health = Health()
    states: list[State] = []
    for number, result in enumerate(results):
        health = judge(health, None if result == "." else FAILED, Moment(number, number), threshold)
        states.append(health.state)
    return states


# --- states ---


def test_nothing_is_known_before_the_first_success_or_the_threshold() -> None:
    assert Health().state == "unknown"
    assert told(".") == ["up"]
    assert told("xx") == ["unknown"] * 2
    assert told("xxx") == ["unknown", "unknown", "down"]
    assert told("xx.") == ["unknown", "unknown", "up"]


def test_failures_in_a_row_are_down_and_a_success_begins_anew() -> None:
    assert told(".xxx") == ["up", "up", "up", "down"]
    assert told(".xx.xx") == ["up"] * 6
    assert told("x.", 1) == ["down", "up"]


def test_only_a_success_is_up() -> None:
    assert told("xxx" + "x" * 50)[2:] == ["down"] * 51
    assert told("xxx.") == ["unknown", "unknown", "down", "up"]


def test_since_is_when_the_state_began_and_the_newest_failure_is_kept() -> None:
    health = Health()
    for number, failure in enumerate((None, None, FAILED, replace(FAILED, error="TimeoutError"), None)):
        health = judge(health, failure, Moment(number, 1000 + number), 3)
    assert health.since == Moment(0, 1000)
    status = status_of(health, Moment(4, 1004), "custom", QUICK)
    assert (status["state"], status["probes"], status["failed_probes"], status["failures_in_a_row"]) == ("up", 5, 2, 0)
    assert status["since"] == "1970-01-01T00:16:40.000Z"
    assert status["last_probe"] == "1970-01-01T00:16:44.000Z"
    assert status["last_error"] == {"class": "TimeoutError", "outcome": "failed", "at": "1970-01-01T00:16:43.000Z"}
    json.dumps(status)


# --- time ---


@pytest.mark.parametrize("preset", [*PRESETS.values(), replace(QUICK, total_seconds=7), replace(QUICK, threshold=1)])
def test_the_worst_case_is_what_the_probes_add_up_to(preset: HealthPreset) -> None:
    """The outage begins when a probe has just succeeded; every later one fails after all of its time."""
    now, health = 0.0, judge(Health(), None, Moment(0, 0), preset.threshold)
    began, ends = now, [now]
    while health.state != "down":
        now += wait_seconds(began, now, preset.interval_seconds)
        began = now
        now += preset.total_seconds
        ends.append(now)
        health = judge(health, FAILED, Moment(now, now), preset.threshold)
    assert now == pytest.approx(preset.notice_seconds)
    assert max(later - earlier for earlier, later in itertools.pairwise(ends)) < preset.stale_seconds


def test_the_presets_and_their_worst_cases_are_those_of_the_page() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)`[^|]*\| ([\d.]+) s \| (\d+) \| ([\d.]+) s \| ([\d.]+) s \|$",
        (ROOT / "docs" / "clients.md").read_text(),
        flags=re.MULTILINE,
    )
    assert {name: (float(a), int(b), float(c), float(d)) for name, a, b, c, d in rows} == {
        name: (one.interval_seconds, one.threshold, one.total_seconds, one.notice_seconds) for name, one in PRESETS.items()
    }


def test_the_policies_by_name_are_those_of_the_page() -> None:
    rows = re.findall(
        r"^\| `([\w.-]+)` \| ([\d.]+) s \| ([\d.]+) s \| ([\d.]+) s, ([\d.]+) s \| (?:([\d.]+) s|computed .*) \|$",
        (ROOT / "docs" / "clients.md").read_text(),
        flags=re.MULTILINE,
    )
    assert {name: tuple(float(one) if one else None for one in numbers) for name, *numbers in rows} == {
        name: (
            one.connect_seconds,
            one.read_seconds,
            one.backoff_base_seconds,
            one.backoff_cap_seconds,
            describe(one)["worst_case_seconds"]["command"],
        )
        for name, one in POLICIES.items()
    }


def test_what_nobody_has_probed_lately_is_unknown_whatever_it_was() -> None:
    health = judge(Health(), None, Moment(100, 100), 3)
    preset = PRESETS["recommended"]
    assert status_of(health, Moment(100 + preset.stale_seconds, 0), "", preset)["state"] == "up"
    late = status_of(health, Moment(100.1 + preset.stale_seconds, 0), "", preset)
    assert (late["state"], late["since"]) == ("unknown", None)
    assert "no probe has ended for" in str(late["problem"])


def test_an_exit_is_due_between_once_and_twice_the_time_and_an_up_takes_it_back() -> None:
    up = judge(Health(), None, Moment(0, 0), 1)
    down = judge(up, FAILED, Moment(100, 0), 1)
    assert [leave_at(up, down, None, 60, draw) for draw in (0, 0.5, 1)] == [160, 190, 220]
    longer = judge(down, FAILED, Moment(120, 0), 1)
    assert leave_at(down, longer, 190, 60, 0.9) == 190  # drawn once
    assert leave_at(longer, judge(longer, None, Moment(130, 0), 1), 190, 60, 0.9) is None
    assert leave_at(up, down, None, None, 0.5) is None  # off by default


# --- what is asked, and the answers ---


def test_a_node_that_took_the_write_and_is_a_replica_is_not_taken_for_the_master() -> None:
    check_master([[b"master", 0, []], b"OK"])
    with pytest.raises(NotTheMasterError, match="says that it is a slave") as caught:
        check_master([[b"slave", b"127.0.0.1", 6379, b"connect", -1], b"OK"])
    assert failure_of(caught.value) == Failure("NotTheMasterError", "unknown")  # it took the write


def test_each_shard_gets_a_key() -> None:
    slots = {slot: f"node-{slot % 500}" for slot in range(16384)}
    keys = list(shard_keys(slots, "orders:"))
    assert sorted(slots[key_slot(key.encode())] for key in keys) == sorted({f"node-{number}" for number in range(500)})
    assert all(key.startswith("orders:redis-ha:health:{") for key in keys)


def test_slots_that_nobody_serves_are_a_failure() -> None:
    layout = {slot: [type("Node", (), {"name": "one"})()] for slot in range(16384)}
    assert len(list(shard_keys(primaries_of(layout), ""))) == 1
    layout[5] = []
    with pytest.raises(exceptions.SlotNotCoveredError, match="1 slots"):
        list(shard_keys(primaries_of(layout), ""))


# --- arguments ---


def master() -> Any:
    return connect(CONNECTION, CREDENTIALS)


REFUSED: list[tuple[Callable[[], object], str]] = [
    (
        lambda: HealthMonitor(master(), "fast"),
        "preset is 'fast': known are recommended, tutorial-30s, tutorial-5s, tutorial-2s",
    ),
    (lambda: aio.HealthMonitor(master(), "fast"), "preset is 'fast': known are"),
    (lambda: HealthMonitor(master(), None), "preset is None: known are"),  # type: ignore[arg-type]
    (lambda: replace(QUICK, threshold=0), r"threshold is 0: must be a whole number of at least 1"),
    (lambda: replace(QUICK, threshold=True), r"threshold is True"),
    (lambda: replace(QUICK, interval_seconds=0), r"interval_seconds is 0: must be a number of seconds above 0"),
    (lambda: replace(QUICK, total_seconds=float("inf")), r"total_seconds is inf"),
    (lambda: HealthMonitor(object()), "HealthMonitor knows clients made by redis_ha_client.connect"),  # type: ignore[arg-type]
    (lambda: HealthMonitor(connect(PRIMARY, USER, reader=True)), "reader=True, and a health probe writes"),
    (lambda: HealthMonitor(master(), key_prefix=5), "key_prefix is 5: must be text"),  # type: ignore[arg-type]
    (lambda: HealthMonitor(aio.connect(CLUSTER, USER), key_prefix="{shop}:"), "key_prefix is '{shop}:': '{' in it"),
    (lambda: HealthMonitor(master(), exit_when_down_seconds=0), "exit_when_down_seconds is 0: must be"),
    (lambda: HealthMonitor(master(), on_change=print), "on_change is one callable: give a list"),  # type: ignore[arg-type]
    (lambda: HealthMonitor(master(), on_change=["x"]), "on_change holds a str: each must be callable"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_refused_by_name(make: Callable[[], object], message: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(message) if "{" in message else message):
        make()


def test_a_clients_braces_are_its_own_without_cluster_mode() -> None:
    assert HealthMonitor(connect(PRIMARY, USER), key_prefix="{shop}:").key_prefix == "{shop}:"


# --- running, against an address at which nobody listens ---


def nobody() -> Any:
    """A client of a primary that refuses every connection."""
    document = PRIMARY | {"primary": {"host": f"{next_subnet()}.2", "port": 6379}, "reader": None, "tls": False}
    return connect(document, USER)


HASTY = replace(QUICK, threshold=1, interval_seconds=0.01, total_seconds=0.02)


def test_one_that_does_not_run_is_unknown() -> None:
    monitor = HealthMonitor(nobody(), HASTY)
    assert (monitor.status()["state"], monitor.status()["problem"]) == ("unknown", "the monitor is not running: start() it")
    monitor.stop()
    with monitor:
        wait_for(monitor, "down")
        assert monitor.start() is monitor
    assert monitor.status()["state"] == "unknown"
    monitor.stop()


@pytest.mark.parametrize("twin", ["sync", "asyncio"])
def test_a_callback_that_fails_is_logged_and_ends_nothing(twin: str, caplog: pytest.LogCaptureFixture) -> None:
    changes: list[Any] = []

    def broken(_: Any) -> None:
        raise RuntimeError("broken on purpose")

    with monitored(nobody(), twin, preset=HASTY, on_change=[broken, changes.append]) as monitor:
        wait_until(lambda: changes, "the second callback is called")
        before = monitor.status()["probes"]
        wait_until(lambda: monitor.status()["probes"] > before, "the next probe")
    assert (changes[0]["state"], changes[0]["previous"]) == ("down", "unknown")
    assert changes[0]["last_error"]["class"] == "NotExecutedError"
    assert len(changes) == 1
    logged = [record for record in caplog.records if "broken failed" in record.getMessage()]
    assert len(logged) == 1
    assert logged[0].exc_info


def test_asyncio_awaits_a_callback_that_is_a_coroutine_function() -> None:
    changes: list[Any] = []

    async def keep(change: Any) -> None:
        changes.append(change)

    with monitored(nobody(), "asyncio", preset=HASTY, on_change=[keep]):
        wait_until(lambda: changes, "the callback was awaited")


def test_a_callback_may_stop_the_monitor(caplog: pytest.LogCaptureFixture) -> None:
    monitor = HealthMonitor(nobody(), HASTY, on_change=[lambda _: monitor.stop()])
    monitor.start()
    thread = monitor._thread
    assert thread is not None
    thread.join()
    assert monitor.status()["state"] == "unknown"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_asyncio_a_callback_may_stop_the_monitor() -> None:
    async def stop(_: Any) -> None:
        await monitor.stop()

    monitor = aio.HealthMonitor(nobody(), HASTY, on_change=[stop])

    async def run() -> None:
        task = monitor.start()._task
        assert monitor.start()._task is task  # starting twice is starting once
        assert task is not None
        await task
        await monitor.stop()

    asyncio.run(run())
    assert monitor.status()["state"] == "unknown"


PROGRAM = """
    import os, sys, time
    from redis_ha_client import HealthMonitor, HealthPreset, connect
    document = {"version": 1, "kind": "primary", "primary": {"host": "127.0.0.1", "port": 1}, "reader": None, "tls": False,
        "engine": "redis", "failover": {"automatic": True, "multi_az": True, "replicas": 1}}
    preset = HealthPreset(interval_seconds=0.01, threshold=1, total_seconds=0.02, connect_seconds=0.3, read_seconds=0.3)
    client = connect(document, {"version": 1})
    monitor = HealthMonitor(client, preset, exit_when_down_seconds=float(sys.argv[1])).start()
    while monitor.status()["state"] != "down":
        time.sleep(0.01)
    parent = os.getpid()
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        monitor.stop()
    else:
        status = monitor.status()
        print(status["state"], status["problem"].replace(str(parent), "PARENT"), flush=True)
        monitor.stop()  # not this process's to stop
        monitor._exit_seconds = 0.05
        monitor.start()
        time.sleep(60)
"""


def test_a_fork_is_told_and_starts_its_own_and_a_process_that_is_down_too_long_ends_with_a_code_for_its_supervisor() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(PROGRAM), "600"], capture_output=True, text=True, check=False
    )
    assert ran.stdout.splitlines() == [
        "unknown the monitor runs in process PARENT, of which this is a fork: start() it here",
        str(EXIT_CODE),
    ], ran.stderr
    assert ran.returncode == 0


TERMINATED = """
    import signal, sys, time
    from redis_ha_client import watching
    watching.EXIT_GRACE_SECONDS = 0.1
    signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
    watching.leave()
    time.sleep(60)
"""


def test_an_application_that_handles_sigterm_is_asked_first() -> None:
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(TERMINATED)], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("asked\n", EXIT_CODE), ran.stderr


# --- for load balancers ---


def test_a_load_balancer_gets_503_unless_up() -> None:
    monitor = HealthMonitor(nobody(), HASTY)
    code, headers, body = asked(monitor)
    assert code == "503 Service Unavailable"
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert json.loads(body) == monitor.status()
    with monitor:
        wait_for(monitor, "down")
        assert asked(monitor)[0] == "503 Service Unavailable"
        assert asked(monitor, "HEAD")[2] == b""
        assert asked(monitor, "POST")[0] == "405 Method Not Allowed"


def test_asgi_answers_as_wsgi_does() -> None:
    monitor = HealthMonitor(nobody(), HASTY)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def run(scope: dict[str, Any]) -> None:
        await health_asgi(monitor)(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(run({"type": "http", "method": "GET"}))
    code, headers, body = asked(monitor)
    assert sent[0]["status"] == int(code.split()[0])
    assert {name.decode(): value.decode() for name, value in sent[0]["headers"]} == {
        name.lower(): value for name, value in headers.items()
    }
    assert sent[1]["body"] == body
    with pytest.raises(ValueError, match="scope is 'websocket'"):
        asyncio.run(run({"type": "websocket"}))
