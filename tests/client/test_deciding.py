"""Plain decisions of the client: whose word counts among Sentinels, where a scan may go on, what NOPERM means."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import json
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import ScanInterruptedError, aio, outcome_of, routing, sync, world
from redis_ha_client.discovery import Poll, SentinelOrder
from redis_ha_client.endpoint import number_of
from redis_ha_client.scans import Origin, check, cursor_of, cursors_in, remember, scanned_at
from tests.client.test_documents import CONNECTION, CREDENTIALS
from tests.client.test_global_documents import CHECKED

A, B, C, D, E = (("10.0.0.1", port) for port in range(5))
OLD, NEW, OTHER = (("10.0.0.2", port) for port in range(3))


# --- whose word counts ---


@pytest.mark.parametrize(
    ("answers", "needed", "asked", "elected"),
    [
        ([(A, OLD), (B, NEW)], 1, 1, (OLD, A)),  # nothing is doubted: the first answer
        ([(A, NEW), (B, NEW), (C, OLD)], 2, 2, (NEW, A)),  # a majority: the third is not asked
        ([(A, OLD), (B, NEW), (C, NEW)], 2, 3, (NEW, B)),
        ([(A, OLD), (B, NEW)], 2, 2, (NEW, B)),  # no majority answers: not the one that refuses
        ([(A, NEW), (B, OLD)], 2, 2, (NEW, A)),
        ([(A, OLD)], 2, 1, (OLD, A)),  # one Sentinel is left: its word is better than none
        ([(A, OLD), (B, OLD)], 2, 2, (OLD, A)),  # a promoted master whose replica has not attached yet refuses too
        ([(A, NEW), (B, OLD), (C, OLD), (D, NEW), (E, OLD)], 3, 5, (OLD, B)),
        ([(A, OLD), (B, OTHER), (C, NEW)], 2, 3, (OTHER, B)),
        ([], 2, 0, None),
    ],
)
def test_a_majority_decides_after_a_refusal(answers: list[Any], needed: int, asked: int, elected: Any) -> None:
    poll = Poll(needed, OLD)
    heard = 0
    for sentinel, master in answers:
        heard += 1
        if poll.heard(sentinel, master):
            break
    assert heard == asked
    assert poll.elected() == elected


def test_one_look_up_after_a_refusal_asks_for_a_majority() -> None:
    order = SentinelOrder((A, B, C, D, E))
    assert order.poll() == Poll(1)
    first = order.to_ask()[0]
    order.refused(first, OLD)
    assert order.to_ask()[-1] == first
    assert order.poll() == Poll(3, OLD)
    assert order.poll() == Poll(1)


@pytest.mark.parametrize("half", [sync, aio])
def test_a_master_that_reads_its_data_from_disk_is_doubted_as_well(half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOADING comes in a class of redis-py's own: a former master that was started again may read for minutes."""

    def loading(*_: Any, **__: Any) -> None:
        raise exceptions.BusyLoadingError("Redis is loading the dataset in memory")

    class Finder:
        order = SentinelOrder((A, B, C))

    monkeypatch.setattr(half.nodes.NodeConnection, "read_response", loading)
    settings = half.connect(CONNECTION, CREDENTIALS).connection_pool.settings
    connection = half.sentinel.MasterConnection(finder=Finder(), host="127.0.0.1", port=1, redis_ha_settings=settings)
    connection._named_by = A

    async def read() -> None:
        reply = connection.read_response()
        if half is aio:
            await reply

    with pytest.raises(exceptions.BusyLoadingError):
        asyncio.run(read())
    assert Finder.order.poll() == Poll(2, ("127.0.0.1", 1))


# --- what a cursor remembers ---

FIRST = Origin("10.0.0.1:6379", 7, 100.0)


@pytest.mark.parametrize(
    ("end", "same"),
    [
        (FIRST, True),
        (Origin("10.0.0.2:6379", 7, 100.0), False),  # another node
        (Origin("10.0.0.1:6379", 9, 300.0), True),  # another connection to the node
        (Origin("10.0.0.1:6379", 3, 90.0), True),  # one that was there before
        (Origin("10.0.0.1:6379", 7, 300.0), False),  # dialled later, and numbered from 1 up again
        (Origin("10.0.0.1:6379", 3, 300.0), False),
        (Origin("10.0.0.1:6379", None, 300.0), True),  # the node does not number
    ],
)
def test_a_cursor_fits_the_process_that_gave_it(end: Origin, *, same: bool) -> None:
    cursor: Any = cursor_of(5, FIRST, 200.0)
    assert cursor.fits(end) is same
    if same:
        check((cursor,), end)
    else:
        with pytest.raises(
            ScanInterruptedError, match=r"cursor is of 10\.0\.0\.1:6379.*Scan again from the beginning"
        ) as caught:
            check((cursor,), end)
        assert outcome_of(caught.value) == "failed"


@pytest.mark.parametrize(
    ("greeting", "host", "number"),
    [
        ({b"id": 7, b"mode": b"standalone"}, "10.0.0.1", 7),
        ({"id": 7}, "clustercfg.shop.abc123.euc1.cache.amazonaws.com", 7),
        ({"id": 7}, "shop-abc123.serverless.euc1.cache.amazonaws.com", None),  # proxies number for themselves
        ({}, "10.0.0.1", None),
        (None, "10.0.0.1", None),
    ],
)
def test_a_nodes_number_for_a_connection(greeting: Any, host: str, number: int | None) -> None:
    assert number_of(greeting, host) == number


def test_a_cursor_is_the_number_that_redis_py_gives() -> None:
    cursor: Any = cursor_of(5, FIRST, 200.0)
    assert (cursor, hash(cursor), repr(cursor), f"{cursor}", json.dumps([cursor])) == (5, hash(5), "5", "5", "[5]")
    assert pickle.loads(pickle.dumps(cursor)).origin == FIRST  # noqa: S301 - one's own
    assert type(cursor_of(0, FIRST, 200.0)) is int
    assert type(cursor_of(5, None, 200.0)) is int


def test_replies_to_scans_remember_who_answered() -> None:
    other = Origin("b", 1, 1.0)
    cursors, data = remember("SCAN", ({"a": 5, "b": 6, "c": 0}, [b"x"]), {"a": FIRST, "b": other}, 1.0)
    assert (cursors, data) == ({"a": 5, "b": 6, "c": 0}, [b"x"])
    assert [getattr(cursors[name], "origin", None) for name in "abc"] == [FIRST, other, None]
    assert remember("HSCAN", (5, {}), {"layout": FIRST, "node": other}, 1.0)[0].origin == other
    for command, reply in (("GET", (5, [])), ("SCAN", [b"5"]), ("SCAN", "QUEUED"), ("SCAN", None)):
        assert remember(command, reply, {"a": FIRST}, 1.0) is reply


def test_cursors_are_found_where_scans_have_them() -> None:
    cursor: Any = cursor_of(5, FIRST, 200.0)
    commands = [("SCAN", cursor, "COUNT", 10), ("HSCAN", "key", cursor), ("SCAN", 5), ("SET", "key", 5), ("PING",)]
    assert cursors_in(commands) == (cursor, cursor)


def test_a_scan_goes_to_its_own_node_of_a_cluster() -> None:
    cursor: Any = cursor_of(5, FIRST, 200.0)
    assert scanned_at(("SSCAN", "key", cursor), {FIRST.node: "node"}, 2) == {"target_nodes": "node"}
    assert scanned_at(("SSCAN", "key", cursor), {FIRST.node: "node"}, 3) == {}  # two have failed: it may be gone
    assert scanned_at(("SCAN", cursor), {FIRST.node: "node"}, 1) == {}
    assert scanned_at(("SCAN", 5), {}, 1) == {}
    with pytest.raises(ScanInterruptedError, match="no node of the cluster"):
        scanned_at(("SCAN", cursor), {"other": "node"}, 1)


# --- what NOPERM means ---


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        ("this user has no permissions to run the 'set' command", True),
        ("User application has no permissions to run the 'set' command", True),
        ("this user has no permissions to run the 'set' command or its subcommand", True),
        ("this user has no permissions to run the 'xgroup|create' command", False),
        ("this user has no permissions to access one of the keys used as arguments", False),
        ("User application has no permissions to access the 'set' key", False),
        ("this user has no permissions to access one of the channels used as arguments", False),
    ],
)
def test_only_a_command_that_was_permitted_before_waits(told: str, *, waits: bool) -> None:
    assert routing.waits_for_writer(routing.NotPermittedHereError(told), {"set", "xgroup|destroy"}) is waits


def test_names_are_those_of_an_acl() -> None:
    assert [routing.acl_name(one) for one in ("SET", b"get", "XGROUP CREATE")] == ["set", "get", "xgroup|create"]


def test_a_mistake_hurries_the_look_up_once_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(world, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(world, "LOOK_UP_JITTER", 0.0)
    monkeypatch.setattr(world, "RECORD_PAUSE_SECONDS", 5.0)
    writer = world.Writer(CHECKED, lambda: "a.euc1.cache.amazonaws.com")
    writer.look_up()
    writer.doubted(at_once=True)
    assert writer.due
    writer.look_up()
    writer.doubted(at_once=True)  # a loop of mistakes
    assert not writer.due
    now[0] += 5.0
    assert writer.due
    writer.look_up()
    writer.doubted()
    assert not writer.due
    writer.doubted(at_once=True)
    assert writer.due
