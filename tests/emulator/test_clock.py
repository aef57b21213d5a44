"""The emulated account's clock: advanced, it does what is due in order, each at its time, and waits for what that set going."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from pulumi_emulator.aws.clock import Clock
from tests.support.waiting import wait_until

SECOND = timedelta(seconds=1)


def test_what_is_due_is_done_in_order_each_at_its_own_time() -> None:
    clock = Clock()
    began = clock.now()
    done: list[tuple[str, timedelta]] = []

    def note(name: str) -> None:
        done.append((name, clock.now() - began))

    clock.after(300, lambda: note("late"))
    end = clock.every(120, lambda: note("often"))
    clock.after(600, lambda: note("too late"))
    reached = clock.advance(400)
    assert [name for name, _ in done] == ["often", "often", "late", "often"]
    for (_, at), due in zip(done, (120, 240, 300, 360), strict=True):
        assert timedelta(0) <= at - due * SECOND < 10 * SECOND
    assert clock.now() >= reached >= began + 400 * SECOND
    assert timedelta(0) < clock.ahead() <= 400 * SECOND
    end()
    clock.advance(250)
    assert [name for name, _ in done[4:]] == ["too late"]


def test_time_stands_while_something_is_at_work() -> None:
    clock = Clock()
    go, done = threading.Event(), list[str]()

    def work() -> None:
        with clock.at_work():
            started.set()
            go.wait(60)
            clock.after(10, lambda: done.append("followed"))

    started = threading.Event()
    worker = threading.Thread(target=work)
    worker.start()
    assert started.wait(60)
    advancing = threading.Thread(target=clock.advance, args=(3600,))
    advancing.start()
    assert clock.ahead() == timedelta(0)
    go.set()
    advancing.join(60)
    worker.join(60)
    assert done == ["followed"]
    assert clock.ahead() > 3500 * SECOND


def test_it_goes_by_itself_too() -> None:
    clock, done = Clock(), list[str]()
    clock.after(0.01, lambda: done.append("due"))
    wait_until(lambda: done == ["due"], "what was due")
    assert abs(clock.now() - datetime.now(UTC)) < SECOND


def test_one_failure_does_not_end_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    clock, done = Clock(), list[str]()

    def fail() -> None:
        raise RuntimeError("no")

    clock.after(1, fail)
    clock.after(2, lambda: done.append("done"))
    clock.advance(3)
    assert done == ["done"]
    assert "RuntimeError: no" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_does_not_go_back(seconds: float) -> None:
    with pytest.raises(ValueError, match="give 0 or more"):
        Clock().advance(seconds)
