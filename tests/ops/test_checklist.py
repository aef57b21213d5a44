"""The checklist of a failover: nothing is seen without evidence, and what is needed and not seen is no pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from redis_ha_ops.drill.checklist import NOT_SEEN, SEEN, UNKNOWN, Evidence, Item, checklist, verdict
from redis_ha_ops.drill.ledger import Loss, Operation, loss
from redis_ha_ops.drill.load import APPLICATION, PROBE
from redis_ha_ops.drill.measuring import Measured
from redis_ha_ops.group import STAGES

RATE = 10.0


def writes(failed: range, count: int = 100) -> list[Operation]:
    """Return a write every 0.1 s; those in `failed` fail."""
    return [
        Operation(number, number / RATE, number / RATE, number / RATE + 0.01, "failed", "NotExecutedError")
        if number in failed
        else Operation(number, number / RATE, number / RATE, number / RATE + 0.01, "acknowledged")
        for number in range(count)
    ]


def read_back(operations: list[Operation]) -> Loss:
    return loss(operations, {one.number: one.outcome == "acknowledged" for one in operations})


def measured(**changes: Any) -> Measured:
    probe, application = writes(range(20, 85)), writes(range(0))
    made = Measured(RATE, 0.0, {PROBE: probe, APPLICATION: application}, cut=1.95, recovered=True, notice_seconds=5.5)
    made.losses = {PROBE: read_back(probe), APPLICATION: read_back(application)}
    made.health = [(0.5, "up"), (6.0, "down"), (8.7, "up")]
    made.lines = [(0.1, "before"), (6.0, "WARNING DOWN")]
    return replace(made, **changes)


WHOLE = Evidence(
    measured=measured(),
    stages=dict.fromkeys(STAGES, "text"),
    in_order=True,
    status="available",
    generations=(3, 4),
    alarms=["shop-primary"],
    function_lines=["wrote"],
    automated=True,
)


def passes_of(items: list[Item]) -> tuple[bool, list[str]]:
    return verdict(items, "all is well")


def states(seen: Evidence) -> dict[str, str]:
    return {item.what: item.state for item in checklist(seen)}


def item(seen: Evidence, what: str) -> Item:
    return next(one for one in checklist(seen) if what in one.what)


def test_with_all_evidence_all_is_seen() -> None:
    assert set(states(WHOLE).values()) == {SEEN}
    assert passes_of(checklist(WHOLE)) == (True, ["all is well"])


def test_without_evidence_nothing_is_seen() -> None:
    assert set(states(Evidence()).values()) == {UNKNOWN}
    passed, reasons = passes_of(checklist(Evidence()))
    assert not passed
    assert "outage measured: could not be looked at (nobody looked)" in reasons


STUCK, SHORT, WELL = writes(range(20, 85)), writes(range(20, 25)), writes(range(0))
UP = [(0.5, "up")]


def unnoticed(probe: list[Operation], application: list[Operation]) -> Measured:
    """Return what two writers saw of a failover of which the health check saw nothing."""
    return measured(health=UP, operations={PROBE: probe, APPLICATION: application})


CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    ("AWS's events", {"missing": ["Recovering"]}, NOT_SEEN, False),
    ("AWS's events", {"in_order": False}, NOT_SEEN, False),
    ("AWS's events", {"stages": None}, UNKNOWN, False),
    ("outage measured", {"measured": None}, UNKNOWN, False),
    ("outage measured", {"measured": measured(cut=None)}, NOT_SEEN, False),
    ("outage measured", {"measured": measured(operations={PROBE: writes(range(20, 100)), APPLICATION: []})}, NOT_SEEN, False),
    ("outage measured", {"measured": measured(operations={PROBE: WELL, APPLICATION: WELL})}, NOT_SEEN, False),
    ("errors caught", {"measured": measured(cut=9.0)}, NOT_SEEN, False),
    ("health check", {"measured": unnoticed(STUCK, STUCK)}, NOT_SEEN, False),
    ("health check", {"measured": measured(cut=None, health=UP)}, NOT_SEEN, False),
    ("health check", {"measured": unnoticed(STUCK, [])}, NOT_SEEN, False),
    ("health check", {"measured": unnoticed(STUCK, WELL)}, UNKNOWN, True),
    ("health check", {"measured": unnoticed(WELL[:20] + SHORT[20:], STUCK)}, UNKNOWN, True),
    ("health check", {"measured": unnoticed(SHORT, SHORT)}, UNKNOWN, True),
    ("health check", {"measured": measured(health=[(0.5, "up"), (6.0, "down")])}, NOT_SEEN, False),
    ("alarms rang", {"alarms": []}, NOT_SEEN, True),
    ("alarms rang", {"alarms": None}, UNKNOWN, True),
    ("log lines of the application", {"measured": measured(lines=[(0.1, "before")])}, NOT_SEEN, True),
    ("log lines of the failover function", {"function_lines": []}, NOT_SEEN, False),
    ("log lines of the failover function", {"function_lines": None}, UNKNOWN, False),
    ("log lines of the failover function", {"function_lines": None, "automated": False}, UNKNOWN, True),
    ("writes recovered", {"measured": measured(recovered=False)}, NOT_SEEN, False),
    ("no acknowledged write lost", {"measured": measured(losses={PROBE: None, APPLICATION: None})}, UNKNOWN, False),
    ("no acknowledged write lost", {"measured": measured(losses={})}, UNKNOWN, False),
    ("generation", {"generations": (4, 4)}, NOT_SEEN, False),
    ("generation", {"generations": None}, UNKNOWN, False),
    ("generation", {"generations": None, "automated": False}, UNKNOWN, True),
    ("available again", {"status": "modifying"}, NOT_SEEN, False),
    ("available again", {"status": None}, UNKNOWN, False),
]


@pytest.mark.parametrize(("what", "changes", "state", "passes"), CASES)
def test_a_point_that_is_not_seen(what: str, changes: dict[str, Any], state: str, passes: bool) -> None:
    seen = replace(WHOLE, **changes)
    assert item(seen, what).state == state
    assert passes_of(checklist(seen))[0] is passes


@pytest.mark.parametrize("changes", [{"outcome": "acknowledged"}, {"outcome": "failed"}])
def test_a_lost_write_and_one_that_should_not_be_there(changes: dict[str, Any]) -> None:
    probe = writes(range(20, 85))
    present = {one.number: one.outcome == "acknowledged" for one in probe}
    number = next(one.number for one in probe if one.outcome == changes["outcome"])
    present[number] = not present[number]
    losses = {PROBE: loss(probe, present), APPLICATION: read_back(writes(range(0)))}
    seen = replace(WHOLE, measured=measured(losses=losses))
    assert item(seen, "no acknowledged").state == NOT_SEEN
    assert not passes_of(checklist(seen))[0]


def test_a_check_without_a_chance_is_told_as_such() -> None:
    seen = replace(WHOLE, measured=unnoticed(SHORT, STUCK))
    detail = (
        "it had no chance: it notices what lasts 5.5 s, and no more than 0.6 s were without an acknowledged write (up at 0.5 s)"
    )
    assert item(seen, "health check").detail == detail
    assert passes_of(checklist(seen)) == (True, ["all is well; could not be looked at: health check fired, and cleared"])


def test_a_failover_that_disturbed_nobody_is_told_from_one_without_an_end() -> None:
    details = [
        item(replace(WHOLE, measured=measured(operations={PROBE: probe, APPLICATION: WELL})), "outage measured").detail
        for probe in (WELL, writes(range(20, 100)))
    ]
    assert details == ["no write was disturbed", "it had not ended"]


def test_a_long_log_line_is_cut_in_the_checklist() -> None:
    assert len(item(replace(WHOLE, function_lines=["x" * 1000]), "failover function").detail) < 200


def test_a_pass_says_what_could_not_be_looked_at() -> None:
    passed, reasons = passes_of(checklist(replace(WHOLE, alarms=None, why={"alarms": "no permission"})))
    assert passed
    assert reasons[0].endswith("; could not be looked at: alarms rang")
    assert item(replace(WHOLE, alarms=None, why={"alarms": "no permission"}), "alarms").detail == "no permission"
