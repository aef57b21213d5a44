"""Which node a failover that is under way has promoted: what is evidence, and when a client looks for it."""

import asyncio
from typing import Any

import pytest
from redis import exceptions

from redis_ha_client import FailoverPolicy, aio, connect
from redis_ha_client.budget import command_budget
from redis_ha_client.promotion import Ahead, Evidence, LastWord
from redis_ha_client.silence import ASK_AGAIN_SECONDS
from tests.client.test_documents import CONNECTION, CREDENTIALS

A, B, C = (("10.0.0.1", port) for port in range(3))
OLD, NEW, OTHER = (("10.0.0.2", port) for port in range(3))
POLICY = FailoverPolicy(total_seconds=5)


def row(address: tuple[str, int], flags: str, *, flat: bool = False) -> Any:
    told = {b"name": b"local", b"ip": address[0].encode(), b"port": str(address[1]).encode(), b"flags": flags.encode()}
    return [word for pair in told.items() for word in pair] if flat else told


LEADS, DOWN, FINE = "master,s_down,o_down,failover_in_progress", "master,s_down,disconnected", "master"
CHOSEN = [row(OTHER, "slave"), row(NEW, "slave,promoted")]


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([(A, OLD, LEADS), (B, OLD, DOWN)], (NEW, A)),
        ([(B, OLD, DOWN), (A, OLD, LEADS)], (NEW, A)),
        ([(B, OLD, DOWN), (C, OLD, "master,o_down")], None),  # nobody has promoted anything yet
        (
            [(A, OLD, LEADS), (B, OLD, FINE), (C, OLD, FINE)],
            None,
        ),  # a minority calls it down: a planned switch, or a leader of old
        ([(A, OLD, LEADS), (B, OTHER, DOWN), (C, OTHER, LEADS)], None),  # a newer failover has ended since
        ([(A, OLD, LEADS)], None),
    ],
)
def test_a_majority_and_the_leaders_choice_are_evidence(told: list[Any], found: Any, *, flat: bool) -> None:
    evidence = Evidence(OLD, 3)
    for sentinel, named, flags in told:
        if evidence.shows(sentinel, row(named, flags, flat=flat)):
            evidence.chooses(sentinel, CHOSEN)
    assert evidence.found == found
    assert evidence.is_decided is (found is not None or len(told) == 3)


def test_a_leader_that_has_chosen_nobody_yet_is_no_evidence() -> None:
    evidence = Evidence(OLD, 3)
    assert evidence.shows(A, row(OLD, LEADS))
    evidence.chooses(A, [row(NEW, "slave"), row(OTHER, "slave,s_down")])
    assert not evidence.shows(B, row(OLD, DOWN))
    assert evidence.found is None


@pytest.mark.parametrize(
    ("told", "replaced"),
    [
        ([(A, OLD, LEADS), (B, OLD, DOWN)], True),
        ([(A, NEW, FINE), (B, NEW, FINE)], True),  # the Sentinels name another one by now
        ([(A, NEW, FINE), (B, OLD, FINE), (C, OLD, DOWN)], False),  # one alone may hold on to a master of old
        ([(A, OLD, DOWN), (B, OLD, DOWN), (C, OLD, DOWN)], False),
        ([(A, OLD, FINE), (B, OLD, FINE)], False),
    ],
)
def test_a_silent_master_is_left_when_it_is_certain_that_another_took_its_place(told: list[Any], *, replaced: bool) -> None:
    evidence = Evidence(OLD, 3)
    for sentinel, named, flags in told:
        if evidence.shows(sentinel, row(named, flags)):
            evidence.chooses(sentinel, CHOSEN)
    assert evidence.replaced is replaced


def test_one_of_all_that_wait_asks_and_the_others_take_its_word() -> None:
    word = LastWord()
    assert word.is_due(OLD, 10)
    assert not word.is_due(OLD, 10 + ASK_AGAIN_SECONDS / 2)
    assert not word.tells(OLD)
    word.said(OLD, replaced=True)
    assert word.tells(OLD)
    assert not word.tells(NEW)
    assert word.is_due(NEW, 10 + ASK_AGAIN_SECONDS / 2)
    word.said(OLD, replaced=True)  # an answer that comes late
    assert not word.tells(NEW)
    assert word.is_due(NEW, 10 + 2 * ASK_AGAIN_SECONDS)


def test_it_is_looked_for_after_a_failure_and_as_long_as_it_is_the_way() -> None:
    ahead = Ahead()
    with command_budget(POLICY, "GET") as budget:
        assert not ahead.wanted(OLD)
        budget.remember("Connection refused")
        assert ahead.wanted(OLD)
        assert ahead.instead_of((OLD, B), (NEW, A)) == (NEW, A)
    with command_budget(POLICY, "GET"):  # the next command, or another thread's
        assert ahead.wanted(OLD)
        assert not ahead.wanted(NEW)
        assert ahead.instead_of((NEW, B), None) == (NEW, B)
        assert not ahead.wanted(OLD)


class Asked:
    """A Sentinel that names the old master, and calls it down, or does not answer."""

    def __init__(self, *, gone: bool, half: str) -> None:
        self.gone, self.half = gone, half
        self.count = 0

    def execute_command(self, *words: str) -> Any:
        self.count += 1
        return self._answer(words) if self.half == "sync" else self._later(words)

    async def _later(self, words: tuple[str, ...]) -> Any:
        return self._answer(words)

    def _answer(self, words: tuple[str, ...]) -> Any:
        if self.gone:
            raise exceptions.TimeoutError("Timeout connecting to server")
        return list(OLD) if words[1] == "GET-MASTER-ADDR-BY-NAME" else row(OLD, DOWN)


@pytest.mark.parametrize("half", ["sync", "asyncio"])
def test_a_sentinel_that_is_gone_is_waited_for_once_a_command(half: str) -> None:
    client: Any = (connect if half == "sync" else aio.connect)(CONNECTION, CREDENTIALS)
    finder = client.connection_pool.finder
    gone, *answering = (Asked(gone=number == 0, half=half) for number in range(3))
    finder._clients = dict(zip(finder.order.sentinels, (gone, *answering), strict=True))
    finder.order._order = tuple(finder.order.sentinels[::-1])

    def find() -> Any:
        return finder.find() if half == "sync" else asyncio.run(finder.find())

    for command in (1, 2):
        with command_budget(POLICY, "GET") as budget:
            for attempt in range(5):
                budget.begin_attempt()
                assert find()[0] == OLD
                budget.remember("Connection refused")
                assert gone.count == (command if attempt else command - 1)
    gone.gone = False  # it answers again
    with command_budget(POLICY, "GET") as budget:
        budget.remember("Connection refused")
        for _ in range(5):
            budget.begin_attempt()
            find()
    assert gone.count == 2 + 5


@pytest.mark.parametrize("make", [connect, aio.connect])
def test_all_commands_of_a_client_share_what_the_sentinels_said(make: Any) -> None:
    finder = make(CONNECTION, CREDENTIALS).connection_pool.finder
    asked: list[Any] = []

    def evidence(master: Any) -> Evidence:
        asked.append(master)
        return Evidence(master, 1, elsewhere={A})

    async def asynchronous(master: Any) -> Evidence:
        return evidence(master)

    finder._evidence = evidence if make is connect else asynchronous

    async def ask() -> list[bool]:
        answers = [finder.replaced(OLD) for _ in range(3)]
        return answers if make is connect else [await answer for answer in answers]

    assert asyncio.run(ask()) == [True] * 3
    assert asked == [OLD]
