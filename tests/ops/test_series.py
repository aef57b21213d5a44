"""Several drills: a row of each run, median and worst of each kind."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from redis_ha_ops.drill import page, series


def report(drill: str = "kill-master", *, gap: float | None = 1.0, passed: bool = True, **changes: Any) -> dict[str, Any]:
    outage = {"began": 5.0, "steady": 6.0, "longest_gap_seconds": gap} | changes.get("outage", {})
    writer = {"outage": outage, "loss": {"lost": changes.get("lost", 0)}}
    return {
        "drill": drill,
        "verdict": {"passed": passed, "reasons": ["said"]},
        "checklist": [{"what": "failover", "seen": changes.get("failover", "+promoted-slave by sentinel-0")}],
        "writers": {"probe": writer, "application": writer} if changes.get("written", True) else {},
    }


def rows(*reports: dict[str, Any]) -> list[dict[str, Any]]:
    return [series.row_of(one, f"{at}.json") for at, one in enumerate(reports)]


def test_median_and_worst() -> None:
    (line,) = series.summary(rows(*(report(gap=gap) for gap in (3.0, 1.0, 2.0, 9.0, 2.5))))
    assert line["gap"]["probe"] == {"median": 2.5, "worst": 9.0}
    assert (line["runs"], line["passed"], line["failovers"], line["lost"]) == (5, 5, 5, 0)


@pytest.mark.parametrize("never", [report(outage={"steady": None}), report(written=False)])
def test_a_run_that_did_not_recover_is_worse_than_any(never: dict[str, Any]) -> None:
    (line,) = series.summary(rows(report(gap=1.0), never))
    assert line["gap"]["probe"] == {"median": 1.0, "worst": None}


def test_a_run_without_a_disturbed_write_has_a_gap() -> None:
    (line,) = series.summary(rows(report(gap=0.1, outage={"began": None, "steady": None}, failover="no")))
    assert line["gap"]["probe"] == {"median": 0.1, "worst": 0.1}
    assert line["failovers"] == 0


def test_losses_are_added_up_and_one_that_is_not_known_makes_the_sum_unknown() -> None:
    lines = series.summary(rows(report(lost=2), report(lost=1), report("stall-1s"), report("stall-1s", written=False)))
    assert [(line["drill"], line["lost"]) for line in lines] == [("kill-master", 6), ("stall-1s", None)]


@pytest.mark.parametrize(
    ("planned", "made", "trouble", "passed"),
    [
        (2, [report(), report()], None, True),
        (3, [report(), report()], None, False),
        (2, [report(), report(passed=False)], None, False),
        (2, [report(), report()], "not healthy", False),
    ],
)
def test_the_summary(planned: int, made: list[dict[str, Any]], trouble: str | None, passed: bool) -> None:
    found = series.report_of("local", "2026-01-01T00:00:00Z", planned, rows(*made), trouble)
    assert found["passed"] is passed
    schema = json.loads(files("redis_ha_ops.drill").joinpath("series.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(json.dumps(found)))
    shown = page.template("series.html.j2").render(report=found)
    assert ("Passed" in shown) == passed
    assert (trouble or "kill-master") in shown
