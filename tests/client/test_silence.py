"""What counts as silence of a node, and what a subscriber makes of it: decided without servers."""

import pytest

from redis_ha_client.policy import KEEPALIVE_IDLE_SECONDS
from redis_ha_client.silence import ASK_AGAIN_SECONDS, ASK_SECONDS, LOOK_SECONDS, Stillness, Traffic, first_wait, traffic_of
from redis_ha_client.subscribing import Watch, is_displaced

QUIET = Traffic(received_ago=500, acknowledged_ago=500, acknowledged=10, received=10)


def test_the_silence_begins_with_the_last_byte_that_moved() -> None:
    still = Stillness(2, QUIET, now=100)
    assert still.wait(100) == 2
    assert not still.is_over(QUIET._replace(received=11, received_ago=500), 102)
    assert still.wait(102) == 1.5
    assert not still.is_over(QUIET._replace(received=11, acknowledged=11, acknowledged_ago=1000), 103.5)
    assert still.wait(103.5) == 1
    assert still.is_over(QUIET._replace(received=11, acknowledged=11, acknowledged_ago=1000), 104.5)


def test_keepalive_is_no_sign_of_life() -> None:
    """A waiting BLPOP's 32 s on a frozen master: its machine takes the command, and then a probe every 5 s."""
    still = Stillness(32, QUIET, now=0)
    assert still.wait(0) == LOOK_SECONDS < KEEPALIVE_IDLE_SECONDS
    taken = QUIET._replace(acknowledged=11)
    assert not still.is_over(taken._replace(acknowledged_ago=3750), 4)
    for now in range(8, 32, 4):
        assert not still.is_over(taken._replace(acknowledged_ago=1000), now)
    assert still.wait(32) == 0.25
    assert still.is_over(taken._replace(acknowledged_ago=1000), 32.25)


def test_where_nothing_is_known_of_what_moves_a_wait_has_its_length() -> None:
    assert traffic_of(None) is None
    still = Stillness(32, None, now=0)
    assert still.wait(0) == 32
    assert still.is_over(None, 32)


def test_who_can_find_out_whether_the_node_is_replaced_asks_before_the_silence_is_over() -> None:
    assert first_wait(2, None, asks=True) == ASK_SECONDS
    assert first_wait(ASK_SECONDS / 2, None, asks=True) == ASK_SECONDS / 2
    still = Stillness(2, QUIET, now=100, asks=True)
    assert not still.is_to_ask(100 + ASK_SECONDS / 2)
    assert still.is_to_ask(100 + ASK_SECONDS)
    assert still.wait(100 + ASK_SECONDS) == ASK_AGAIN_SECONDS
    assert still.wait(101.9) == pytest.approx(0.1)
    assert not still.is_over(QUIET._replace(received=QUIET.received + 1, received_ago=0), 101)  # an answer that keeps arriving
    assert not still.is_to_ask(101 + ASK_SECONDS / 2)
    assert not Stillness(2, QUIET, now=100).is_to_ask(101.5)  # nobody to ask


def test_a_node_is_silent_when_its_answer_to_a_ping_takes_too_long() -> None:
    watch = Watch(0)
    assert watch.wait(now=0, due_in=15, seconds=2) == 15
    assert not watch.silent(100, None, 2)  # nobody asked
    watch.asked(100, None)
    assert watch.wait(now=100.5, due_in=-1, seconds=2) == 1.5
    assert not watch.silent(101.9, None, 2)
    assert watch.silent(102, None, 2)
    watch.answered()
    assert not watch.silent(102, None, 2)


def test_a_message_that_keeps_arriving_is_a_sign_of_life_and_a_ping_that_was_taken_is_none() -> None:
    before = Traffic(received_ago=9000, acknowledged_ago=9000, acknowledged=10, received=10)
    taken = before._replace(acknowledged=11, acknowledged_ago=100)
    watch = Watch(0)
    watch.asked(100, before)
    assert watch.silent(102, taken, 2)
    assert not watch.silent(102, taken._replace(received=11, received_ago=500), 2)
    assert not watch.silent(103, taken._replace(received=11, received_ago=1500), 2)
    assert watch.silent(103.5, taken._replace(received=11, received_ago=2000), 2)


def test_what_was_missed_is_told_when_every_subscription_is_there_again() -> None:
    watch = Watch(0)
    assert watch.received([b"subscribe", b"a", 1], 1) is None  # the first time nothing is missed
    watch.received([b"message", b"a", b"x"], 5)
    watch.begins_again(2)
    assert watch.received(["subscribe", "a", 1], 20) is None
    watch.begins_again(2)  # lost once more: the gap goes on
    assert watch.received([b"subscribe", b"a", 1], 30) is None
    assert watch.received([b"message", b"a", b"x"], 31) is None
    assert watch.received([b"psubscribe", b"b*", 2], 32) == 27
    assert watch.received([b"subscribe", b"c", 3], 33) is None


def test_a_channel_is_displaced_when_its_node_ends_it_and_nobody_asked() -> None:
    ended = [b"sunsubscribe", b"a", 0]
    assert is_displaced(ended, {b"a": None}, set())
    assert not is_displaced(ended, {b"a": None}, {b"a"})
    assert not is_displaced(ended, {}, set())
    assert not is_displaced([b"smessage", b"a", b"x"], {b"a": None}, set())
    assert not is_displaced(None, {b"a": None}, set())


def test_a_subscription_that_was_moved_on_is_not_waited_for() -> None:
    old, new = Watch(0), Watch(5)
    old.received([b"ssubscribe", b"a", 1], 10)
    new.takes_over(old)
    new.refused(1)  # MOVED
    assert new.received([b"ssubscribe", b"b", 1], 15) is None
    new.takes_over(old)
    assert new.received([b"ssubscribe", b"a", 2], 20) == 15
