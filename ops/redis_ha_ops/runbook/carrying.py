"""Carries the steps of a run out, or takes them back: each written down before and after, whatever ends it told."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from redis_ha_ops.cloud import CloudError
from redis_ha_ops.errors import OpsError

from . import history, journal, lease
from .desk import Ended, Finish, PausedError, Run, written
from .journal import Outcome
from .plan import NOTHING, Runbook, Step

# A call that was throttled or not answered: its step is asked whether it happened, and tried again after 1, 2 and 4 s.
TRIES = 4


def carry_out(book: Runbook, run: Run, keeper: lease.Keeper, finish: Finish) -> Ended:
    """Do every step that is not done."""
    if any(run.journal.state(step.name) == "undone" for step in book.steps):
        raise OpsError(f"stack {book.stack}: the run {run.journal.id} was being taken back: go on with --abort")

    def work() -> None:
        for number, step in enumerate(book.steps, 1):
            state = run.journal.state(step.name)
            if state == "done":
                continue
            run.check()
            run.say(f"step {number} of {len(book.steps)}: {step.does}")
            if state == "begun" and step.done is not None and step.done(run):
                run.say("  it had happened already")
            else:
                _note(run, step, "begun")
                try:
                    _persist(run, step, step.act)
                except OpsError:
                    _forget(run, step)
                    raise
            _note(run, step, "done")

    return _guarded(book, run, keeper, finish, work, "done")


def take_back(book: Runbook, run: Run, keeper: lease.Keeper, finish: Finish) -> Ended:
    """Undo every step that was begun, the last one first."""

    def work() -> None:
        for name in reversed(list(run.journal.steps)):
            step = book.step(name)
            if run.journal.state(name) == "undone" or step.undo is None:
                continue
            run.check()
            run.say(f"taking back {step.name}: {step.undone_by}")
            undo = step.undo
            _persist(run, Step(step.name, step.does, undo), undo)
            _note(run, step, "undone")

    return _guarded(book, run, keeper, finish, work, "undone")


def _guarded(
    book: Runbook, run: Run, keeper: lease.Keeper, finish: Finish, work: Callable[[], None], planned: Outcome
) -> Ended:
    """Do the work; whatever ends it is told, and written into the history."""
    outcome, why = planned, None
    with _pausable() as paused:

        def check() -> None:
            keeper.check()
            if paused():
                raise PausedError

        run.check = check
        try:
            work()
        except PausedError:
            outcome, why = "paused", "the operator paused it"
        except OpsError as error:
            outcome, why = "failed", str(error)
        report = finish(run.journal, outcome)
        history.append(run.desk.folder, history.line_of(run.journal, outcome, written(run.desk.now()), report, why))
        if outcome in {"done", "undone"} or not _changed(book, run):
            run.desk.records.remove(journal.NAME)
    return Ended(outcome, run.journal, why, report)


def _changed(book: Runbook, run: Run) -> bool:
    """Tell whether a step was begun that changes something: else there is nothing to go on with."""
    return any(book.step(name).changes != NOTHING for name in run.journal.steps)


def _note(run: Run, step: Step, state: journal.State) -> None:
    run.journal.steps[step.name] = {"state": state, "at": written(run.desk.now())}
    _patiently(run, lambda: run.desk.records.write(journal.NAME, run.journal.text()))


def _forget(run: Run, step: Step) -> None:
    """Take a failed step out of what was begun when it says that it has not happened: AWS refused it."""
    with contextlib.suppress(OpsError):  # not known: it stays begun
        if step.done is not None and not step.done(run):
            del run.journal.steps[step.name]
            _patiently(run, lambda: run.desk.records.write(journal.NAME, run.journal.text()))


def _persist(run: Run, step: Step, act: Callable[[Run], None]) -> None:
    """Do it; when AWS throttled or did not answer, ask whether it happened, and try again."""
    for tried in range(1, TRIES + 1):
        try:
            return act(run)
        except CloudError as error:
            if not error.transient or tried == TRIES:
                raise
            run.say(f"  {error}; trying again")
        run.desk.sleep(2.0 ** (tried - 1))
        run.check()
        if step.done is not None and step.done(run):
            return None
    return None


def _patiently(run: Run, write: Callable[[], None]) -> None:
    """Write the run down; a throttled write is tried again."""
    for tried in range(1, TRIES + 1):
        try:
            return write()
        except CloudError as error:
            if not error.transient or tried == TRIES:
                raise
        run.desk.sleep(2.0 ** (tried - 1))
    return None


@contextlib.contextmanager
def _pausable() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C or SIGTERM; the second one ends the process as ever. Yields whether the first has come."""
    heard = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def hear(number: int, _: FrameType | None) -> None:
        nonlocal heard
        heard = True
        signal.signal(number, before[number])

    before: dict[int, Any] = {}
    before |= {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
