"""What counts as silence of a node, and what a subscriber makes of it: decided without servers."""

from redis_ha_client.silence import Traffic, patience
from redis_ha_client.subscribing import Watch, is_displaced


def test_the_silence_begins_with_the_last_byte_that_moved() -> None:
    before = Traffic(received_ago=500, acknowledged_ago=500, acknowledged=10, received=10)
    assert patience(before, before, 2) == 0
    assert patience(before, before._replace(received=11, received_ago=500), 2) == 1.5
    assert patience(before, before._replace(acknowledged=11, acknowledged_ago=1500), 2) == 0.5
    assert patience(before, before._replace(acknowledged_ago=0, received_ago=0), 2) == 0  # keepalive carries no byte
    assert patience(before, None, 2) == patience(None, before, 2) == 0


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
