"""The checklist of a failover: what was seen, what was not, what could not be looked at. Plain data in, plain data out.

Nothing is seen by default: a point without evidence could not be looked at, and a needed one of these is no pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from . import ledger
from .load import APPLICATION, PROBE
from .measuring import Measured

State = Literal["seen", "not seen", "could not be looked at"]
SEEN: State = "seen"
NOT_SEEN: State = "not seen"
UNKNOWN: State = "could not be looked at"
MOST_SHOWN = 160  # characters of a log line


@dataclass(frozen=True)
class Item:
    """One point. needed: without it being seen the drill is not passed."""

    what: str
    state: State
    detail: str
    needed: bool = True


@dataclass(frozen=True)
class Evidence:
    """What there is to judge by. None: it could not be looked at, and `why` says why, by the field's name.

    stages: what AWS told of the failover, by group.STAGES. generations: of the endpoint document, before and after.
    alarms: those that rang. function_lines: what the failover function logged of the failover. status: of the group, at the
    end. automated: whether the stack has a failover function, whose points are needed then.
    """

    measured: Measured | None = None
    stages: Mapping[str, str] | None = None
    missing: Sequence[str] = ()
    in_order: bool = False
    status: str | None = None
    generations: tuple[int, int] | None = None
    alarms: Sequence[str] | None = None
    function_lines: Sequence[str] | None = None
    automated: bool = False
    why: Mapping[str, str] = field(default_factory=dict)


def checklist(seen: Evidence) -> list[Item]:
    """Return every point, in the order in which a failover goes."""
    return [
        _events(seen),
        outage(seen),
        _errors(seen),
        _check(seen),
        _alarms(seen),
        _client_lines(seen),
        _function_lines(seen),
        recovery(seen),
        losses(seen),
        _document(seen),
        _available(seen),
    ]


def verdict(items: Sequence[Item], passed: str) -> tuple[bool, list[str]]:
    """Return whether it was passed and, in words, why (not); `passed` says what a pass means."""
    against = [f"{item.what}: {item.state} ({item.detail})" for item in items if item.needed and item.state != SEEN]
    if against:
        return False, against
    open_points = [item.what for item in items if item.state == UNKNOWN]
    left = f"; could not be looked at: {', '.join(open_points)}" if open_points else ""
    return True, [f"{passed}{left}"]


def _not_known(seen: Evidence, what: str, field_name: str, *, needed: bool = True) -> Item:
    return Item(what, UNKNOWN, seen.why.get(field_name, "nobody looked"), needed)


def _events(seen: Evidence) -> Item:
    what = "AWS's events, in AWS's order"
    if seen.stages is None:
        return _not_known(seen, what, "stages")
    if seen.missing:
        return Item(what, NOT_SEEN, f"not told: {', '.join(seen.missing)}")
    if not seen.in_order:
        return Item(what, NOT_SEEN, "they came in another order")
    return Item(what, SEEN, f"{len(seen.stages)} events")


def outage(seen: Evidence, *, needed: bool = True) -> Item:
    """Tell whether an outage was measured, and how long it was."""
    what = "outage measured"
    if seen.measured is None:
        return _not_known(seen, what, "measured", needed=needed)
    found = seen.measured.outage()
    if found is None or found.began is None:
        return Item(what, NOT_SEEN, "no write was disturbed", needed)
    if found.outage_seconds is None:
        return Item(what, NOT_SEEN, "it had not ended", needed)
    return Item(what, SEEN, f"{found.outage_seconds:.2f} s, known to {1000 * found.resolution_seconds:.0f} ms", needed)


def _errors(seen: Evidence) -> Item:
    what = "errors caught"
    if seen.measured is None:
        return _not_known(seen, what, "measured", needed=False)
    cut = seen.measured.cut or 0.0
    caught = {
        name: ledger.errors([one for one in seen.measured.operations.get(name, []) if one.finished >= cut])
        for name in (PROBE, APPLICATION)
    }
    told = "; ".join(
        f"{name} {', '.join(f'{count}x {kind}' for kind, count in errors.items()) or 'none'}" for name, errors in caught.items()
    )
    return Item(what, SEEN if any(caught.values()) else NOT_SEEN, told, needed=False)


def _check(seen: Evidence) -> Item:
    what = "health check fired, and cleared"
    if seen.measured is None:
        return _not_known(seen, what, "measured", needed=False)
    states = [state for _, state in seen.measured.health]
    told = ", ".join(f"{state} at {at:.1f} s" for at, state in seen.measured.health) or "no change"
    if "down" in states:
        cleared = "up" in states[states.index("down") :]
        return Item(what, SEEN if cleared else NOT_SEEN, told)
    # The check is sure to fire when for so long it can write nothing, and while somebody's writes are acknowledged it can.
    silent, notices = seen.measured.silent_seconds(), seen.measured.notice_seconds
    if silent is None or silent >= notices:
        return Item(what, NOT_SEEN, told)
    chance = f"it notices what lasts {notices:g} s, and no more than {silent:.1f} s were without an acknowledged write"
    return Item(what, UNKNOWN, f"it had no chance: {chance} ({told})", needed=False)


def _alarms(seen: Evidence) -> Item:
    what = "alarms rang"
    if seen.alarms is None:
        return _not_known(seen, what, "alarms", needed=False)
    return Item(what, SEEN if seen.alarms else NOT_SEEN, ", ".join(seen.alarms) or "none", needed=False)


def _client_lines(seen: Evidence) -> Item:
    what = "log lines of the application"
    if seen.measured is None:
        return _not_known(seen, what, "measured", needed=False)
    cut = seen.measured.cut or 0.0
    lines = [line for at, line in seen.measured.lines if at >= cut]
    return Item(what, SEEN if lines else NOT_SEEN, f"{len(lines)}: {lines[0]}" if lines else "none", needed=False)


def _function_lines(seen: Evidence) -> Item:
    what = "log lines of the failover function"
    if seen.function_lines is None:
        return _not_known(seen, what, "function_lines", needed=seen.automated)
    lines = seen.function_lines
    return Item(what, SEEN if lines else NOT_SEEN, f"{len(lines)}: {_short(lines[0])}" if lines else "none of this failover")


def _short(line: str) -> str:
    return line if len(line) <= MOST_SHOWN else f"{line[:MOST_SHOWN]}.."


def recovery(seen: Evidence, *, disturbed: bool = True) -> Item:
    """Tell whether no write failed any more. disturbed: without a disturbed write there is no recovery to be seen."""
    what = "writes recovered"
    if seen.measured is None:
        return _not_known(seen, what, "measured")
    found = seen.measured.outage()
    if not disturbed and seen.measured.recovered and found is not None and found.began is None:
        return Item(what, SEEN, "no write was disturbed")
    steady = found.steady_seconds if found else None
    if not seen.measured.recovered or steady is None:
        return Item(what, NOT_SEEN, seen.measured.trouble or "writes still failed at the end")
    return Item(what, SEEN, f"no write failed any more after {steady:.2f} s")


def losses(seen: Evidence) -> Item:
    """Tell whether all that was acknowledged is there."""
    what = "no acknowledged write lost"
    if seen.measured is None:
        return _not_known(seen, what, "measured")
    known = [loss for loss in seen.measured.losses.values() if loss is not None]
    if len(known) < 2:
        return Item(what, UNKNOWN, seen.measured.trouble or "what was written could not be read back")
    lost, impossible = sum(loss.lost for loss in known), sum(loss.impossible for loss in known)
    if lost or impossible:
        return Item(what, NOT_SEEN, f"{lost} lost, {impossible} there that were reported as not executed")
    return Item(what, SEEN, f"{sum(loss.checked for loss in known)} writes read back")


def _document(seen: Evidence) -> Item:
    what = "generation of the endpoint document raised"
    if seen.generations is None:
        return _not_known(seen, what, "generations", needed=seen.automated)
    before, after = seen.generations
    return Item(what, SEEN if after > before else NOT_SEEN, f"{before} before, {after} after")


def _available(seen: Evidence) -> Item:
    what = "the group is available again"
    if seen.status is None:
        return _not_known(seen, what, "status")
    return Item(what, SEEN if seen.status == "available" else NOT_SEEN, seen.status)
