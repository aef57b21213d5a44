"""Begins a runbook, goes on with one, takes one back: alone on its stack, after its checks, with a lease."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from redis_ha_ops.errors import OpsError

from . import journal, lease
from .carrying import carry_out, take_back
from .desk import Desk, Ended, Finish, Run, unfinished, written
from .journal import Journal
from .plan import Answer, Check, Runbook, refusals

MARKS = {"fits": "ok", "against": "AGAINST", "unknown": "not known"}


def look(book: Runbook, say: Callable[[str], None]) -> list[tuple[Check, Answer]]:
    """Carry out the checks and tell their answers; OpsError when one stands against the run."""
    answers = []
    for check in book.checks:
        try:
            answer = check.look()
        except OpsError as error:
            answer = Answer("unknown", str(error))
        answers.append((check, answer))
        say(f"  {MARKS[answer.word]:<9} {check.name}: {answer.text}")
    against = refusals(answers)
    if against:
        more = f" (and {len(against) - 1} more)" if len(against) > 1 else ""
        raise OpsError(f"stack {book.stack}: {book.name} is refused: {against[0]}{more}. Nothing was touched")
    return answers


def start(book: Runbook, desk: Desk, *, ask: Callable[[], None] = lambda: None, finish: Finish = lambda _, __: None) -> Ended:
    """Check, ask, and carry out a runbook.

    ask: asks the operator, and raises OpsError for a no. Errors: OpsError when it did not begin; nothing was touched then.
    """
    with _alone(desk):
        _refuse_second(book, desk)
        look(book, desk.say)
        ask()
        made = Journal(
            id=f"{desk.now().strftime('%Y%m%dT%H%M%SZ')}-{secrets.token_hex(2)}",
            runbook=book.name,
            stack=book.stack,
            given=dict(book.given),
            operator=desk.operator,
            began=written(desk.now()),
        )
        with _leased(made, desk) as keeper:
            look(book, lambda _: None)  # a person may have thought about it for an hour
            if not desk.records.create(journal.NAME, made.text()):
                _refuse_second(book, desk)
            return carry_out(book, Run(made, desk), keeper, finish)


def resume(book: Runbook, desk: Desk, *, ask: Callable[[], None] = lambda: None, finish: Finish = lambda _, __: None) -> Ended:
    """Go on with the run that has not ended. OpsError when there is none of this runbook."""
    return _again(book, desk, ask, finish, carry_out)


def abort(book: Runbook, desk: Desk, *, ask: Callable[[], None] = lambda: None, finish: Finish = lambda _, __: None) -> Ended:
    """Take back what the run that has not ended has done, last step first. OpsError when there is none of this runbook."""
    return _again(book, desk, ask, finish, take_back)


def _again(book: Runbook, desk: Desk, ask: Callable[[], None], finish: Finish, work: Callable[..., Ended]) -> Ended:
    with _alone(desk):
        found = unfinished(desk.records)
        if found is None:
            raise OpsError(f"stack {book.stack}: no run has been left unfinished ({desk.records.where}); nothing was touched")
        if found.runbook != book.name:
            raise OpsError(f"stack {book.stack}: the unfinished run {found.id} is of `{found.runbook}`; nothing was touched")
        if found.given != dict(book.given):
            raise OpsError(
                f"stack {book.stack}: the unfinished run {found.id} was asked for {_shown(found.given)}, "
                f"this is {_shown(book.given)}; nothing was touched"
            )
        for name in found.steps:
            book.step(name)
        ask()
        with _leased(found, desk) as keeper:
            newest = unfinished(desk.records)  # as the holder: whoever ran before has stopped
            if newest is None or newest.id != found.id:
                raise OpsError(f"stack {book.stack}: the run {found.id} has ended meanwhile; nothing was touched")
            return work(book, Run(newest, desk), keeper, finish)


def _shown(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.items()) or "nothing"


def _refuse_second(book: Runbook, desk: Desk) -> None:
    found = unfinished(desk.records)
    if found is not None:
        raise OpsError(
            f"stack {book.stack}: the run {found.id} of `{found.runbook}` by {found.operator} has not ended: "
            f"`redis-ha {found.runbook}` with --resume goes on with it, with --abort takes it back. Nothing was touched"
        )


@contextlib.contextmanager
def _alone(desk: Desk) -> Iterator[None]:
    """Hold this folder's lock; it ends with the process, however that ends."""
    desk.folder.mkdir(parents=True, exist_ok=True)
    with (desk.folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OpsError(f"another run is alive in {desk.folder}: wait for its end. Nothing was touched") from None
        yield


@contextlib.contextmanager
def _leased(made: Journal, desk: Desk) -> Iterator[lease.Keeper]:
    held = lease.take(desk.records, desk.operator, made.runbook, made.id, desk.name, desk.now)
    keeper = lease.Keeper(desk.records, held, desk.now, desk.renew_seconds)
    keeper.start()
    try:
        yield keeper
    finally:
        try:
            keeper.give_back()
        except OpsError as error:
            desk.say(f"the lease could not be given back, it ends by itself: {error}")
