"""The report and its page from a record made by hand; where they go; what is refused before anything is touched."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from redis_ha_ops.drill import ledger, page, report
from redis_ha_ops.drill.ledger import Operation
from redis_ha_ops.drill.load import APPLICATION, PROBE, Clock
from redis_ha_ops.drill.run import Plan, Record, refuse_unless_healthy
from redis_ha_ops.drill.witness import Event
from redis_ha_ops.errors import OpsError
from redis_ha_ops.findings import Finding
from redis_ha_ops.kinds import DRILLS, Kind
from redis_ha_ops.stack import Stack
from redis_ha_ops.status import Look
from redis_ha_ops.topology import Topology
from tests.support.ops_data import SECRET


def led_by_the_first_replica(healthy: Topology) -> Topology:
    return replace(healthy, sentinels=tuple(replace(one, master=healthy.data[1].slot.address) for one in healthy.sentinels))


@pytest.fixture
def record(stack: Stack, healthy: Topology) -> Record:
    def write(number: int, rate: float) -> Operation:
        due = number / rate
        down = 2.0 <= due < 4.0
        return Operation(
            number, due, due, due + (0.5 if down else 0.01), "failed" if down else "acknowledged", "X" if down else None
        )

    before, kind = Look([], healthy, []), DRILLS["kill-master"]
    made = Record(Plan(rate=50), stack, "run-1", Clock(), before, "local-data-0", kind, "a test's power cut")
    made.after = Look([], led_by_the_first_replica(healthy), [])
    made.operations = {PROBE: [write(at, 50) for at in range(500)], APPLICATION: [write(at, 10) for at in range(100)]}
    made.losses = {
        name: ledger.loss(each, {one.number: True for one in each if not one.error}) for name, each in made.operations.items()
    }
    made.cut_began, made.cut_ended, made.restored, made.rejoined, made.ended = 2.0, 2.1, 8.0, 9.5, 10.0
    made.events = [
        Event(2.0, "drill", "cut-begins", "local-data-0"),
        Event(3.1, "local-sentinel-1", "+sdown", "master local 10.0.0.2 6379"),
        Event(3.0, "local-sentinel-0", "+sdown", "master local 10.0.0.2 6379"),
        Event(1.0, "local-sentinel-0", "+odown", "an earlier one"),
        Event(3.2, "local-sentinel-0", "+switch-master", "local <script>alert(1)</script>"),
        Event(3.3, "local-sentinel-0", "+chatter", "not for the page"),
    ]
    return made


def test_the_report_follows_its_schema_and_holds_no_secret(record: Record, tmp_path: Path) -> None:
    schema = json.loads(files("redis_ha_ops.drill").joinpath("report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    path = tmp_path / "report.json"
    report.write_json(path, report.report_of(record))
    text = path.read_text()
    Draft202012Validator(schema).validate(json.loads(text))
    assert json.loads(text) == json.loads(json.dumps(report.report_of(record)))  # the layout by hand loses nothing
    assert SECRET not in text


def test_what_the_report_says(record: Record) -> None:
    made = report.report_of(record)
    assert made["verdict"] == {"passed": True, "reasons": ["recovered, and no acknowledged write was lost"], "remedy": None}
    assert made["writers"][PROBE]["outage"]["outage_seconds"] == pytest.approx(2.01)
    assert made["writers"][PROBE]["counts"] == {"issued": 500, "acknowledged": 400, "failed": 100, "unknown": 0}
    # The first of three Sentinels, and only what came after the cut.
    assert made["detection"]["sdown"] == pytest.approx(1.0)
    assert made["detection"]["odown"] is None
    assert [event["at"] for event in made["timeline"]] == sorted(event["at"] for event in made["timeline"])


def test_another_outcome_than_the_expected_one_fails_the_report(record: Record) -> None:
    record.after = record.before
    made = report.report_of(record)
    assert made["verdict"]["passed"] is False
    assert made["verdict"]["reasons"] == ["master afterwards: expected not local-data-0, seen local-data-0"]
    assert [point["what"] for point in made["checklist"] if not point["passed"]] == ["master afterwards"]
    assert "FAIL" in page.render(made)


def test_a_promotion_before_the_fault_is_not_the_drills(record: Record) -> None:
    record.events = [replace(one, at=1.5) if one.what == "+switch-master" else one for one in record.events]
    assert "failover: expected yes, seen no" in report.report_of(record)["verdict"]["reasons"]


def test_a_loss_fails_the_report(record: Record) -> None:
    present = {one.number: one.number != 7 for one in record.operations[PROBE]}
    record.losses[PROBE] = ledger.loss(record.operations[PROBE], present)
    made = report.report_of(record)
    assert not made["verdict"]["passed"]
    assert made["writers"][PROBE]["loss"]["lost_numbers"] == (7,)


def test_a_trouble_fails_the_report_and_comes_first(record: Record) -> None:
    record.trouble, record.remedy = "power on failed", "python -m pulumi_emulator power ..."
    verdict = report.report_of(record)["verdict"]
    assert (verdict["passed"], verdict["reasons"][0]) == (False, "power on failed")
    assert verdict["remedy"] == "python -m pulumi_emulator power ..."


def test_an_interrupted_drill_still_has_a_report_and_a_page(record: Record) -> None:
    record.interrupted, record.after, record.rejoined, record.cut_began = True, None, None, None
    record.losses = {PROBE: None, APPLICATION: None}
    made = report.report_of(record)
    assert not made["verdict"]["passed"]
    assert "interrupted" in page.render(made)


@pytest.mark.parametrize(
    ("began", "ended", "disturbed", "expected"),
    [
        (None, None, None, None),
        (2.0, 3.0, None, 2.0),
        (2.0, 3.0, 2.6, 2.6),  # the first disturbed write tells when, within the command's run time
        (2.0, 3.0, 1.9, 2.0),  # a write in flight was due before
        (2.0, 3.0, 3.4, 3.0),  # the cut was done before anybody noticed
        (2.0, None, 2.4, 2.4),
    ],
)
def test_the_moment_of_the_cut(
    began: float | None, ended: float | None, disturbed: float | None, expected: float | None
) -> None:
    seen = ledger.Outage(disturbed, None, None, None, None, None, None, 0.01)
    assert report.cut_of(began, ended, seen) == expected


def test_an_outage_that_has_not_ended_is_not_over(record: Record) -> None:
    record.operations[PROBE] = [one for one in record.operations[PROBE] if one.due < 3.5]
    rows = {what: probe for what, probe, _ in report.summary(report.report_of(record))}
    assert rows["outage: disturbed until first success"] == "not over"
    record.cut_began = None
    rows = {what: probe for what, probe, _ in report.summary(report.report_of(record))}
    assert rows["outage: disturbed until first success"] == "not cut"


def test_the_limits_are_said(record: Record) -> None:
    told = " ".join(report.limits(record))
    assert "asynchronous" in told
    assert "min-replicas-to-write 1 with min-replicas-max-lag 10" in told
    assert "Emulated" in told
    assert "evicted" not in told
    node = record.before.topology.data[0]
    record.after = Look([], Topology((replace(node, evicted_keys=1), *record.before.topology.data[1:]), ()), [])
    assert "evicted" in " ".join(report.limits(record))


def test_the_page_stands_alone_and_escapes(record: Record) -> None:
    html = page.render(report.report_of(record))
    assert not re.search(r"(src|href)=|url\(|@import|<script", html)
    assert "&lt;script&gt;" in html
    assert "+chatter" not in html
    assert SECRET not in html
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314 - our own page
    bars = [one.get("class") for one in svg.iter("rect")]
    assert {"acknowledged", "failed"} <= set(bars)
    labels = [one.text for one in svg.iter("text")]
    assert "power of local-data-0 cut" in labels
    assert "first acknowledged write" in labels
    assert "old master is a replica" in labels


@pytest.mark.parametrize("kind", DRILLS.values(), ids=lambda kind: kind.name)
def test_report_and_page_say_which_drill_it_was(kind: Kind, record: Record) -> None:
    record.kind, record.remedy = kind, "a command"
    made = json.loads(json.dumps(report.report_of(record)))
    schema = json.loads(files("redis_ha_ops.drill").joinpath("report.schema.json").read_text())
    Draft202012Validator(schema).validate(made)
    assert made["drill"] == kind.name
    labels = [label for _, label, _ in page.marks_of(made)]
    assert kind.broken.format("local-data-0") in labels
    assert len(labels) == len(set(labels)) == 5 + (kind.mended is not None)
    html = page.render(made)
    assert kind.title.replace("'", "&#39;") in html
    assert f"{kind.left.format('local-data-0')} <code>a command</code>" in html


def test_an_old_master_that_leads_again_is_called_so(record: Record) -> None:
    """A killed process is back within a second, perhaps before anybody else was chosen."""
    record.after = record.before
    assert "old master leads" in [label for _, label, _ in page.marks_of(report.report_of(record))]


def test_labels_do_not_cover_each_other() -> None:
    moments = [(at / 10, "a label of some length", "sentinel") for at in range(100)]
    placed = page.place(moments, scale=100.0)
    width = len(moments[0][1]) * page.LETTER
    for row in {mark.row for mark in placed}:
        spans = sorted(
            (mark.x - width, mark.x) if mark.flip else (mark.x, mark.x + width) for mark in placed if mark.row == row
        )
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    assert all(mark.x - width >= 0 if mark.flip else mark.x + width <= page.WIDTH for mark in placed)


def test_a_default_path_is_unique_and_its_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert report.choose_path(None, ".json", force=False, stem="drill-x") == tmp_path / "reports" / "drill-x.json"
    assert (tmp_path / "reports").is_dir()


def test_an_existing_report_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("mine")
    with pytest.raises(OpsError, match=r"--output .*exists already.*--force"):
        report.choose_path(path, ".json", force=False, stem="")
    assert report.choose_path(path, ".json", force=True, stem="") == path


def test_a_path_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OpsError, match=r"--html .*cannot be made"):
        report.choose_path(tmp_path / "file" / "r.html", ".html", force=False, stem="")
    with pytest.raises(OpsError, match="that is a folder"):
        report.choose_path(tmp_path, ".json", force=False, stem="")
    monkeypatch.setattr(report, "ROOM_BYTES", 10**18)
    with pytest.raises(OpsError, match="KiB are free"):
        report.choose_path(tmp_path / "r.json", ".json", force=False, stem="")


def test_a_drill_starts_on_a_healthy_stack_only(stack: Stack, healthy: Topology) -> None:
    note = Finding("note", "versions-differ", "cluster", "x")
    wrong: list[Any] = [Finding("degraded", "lagging", "local-data-1", "acknowledged 12 s ago")]
    assert refuse_unless_healthy(Look([], healthy, [note]), stack) == "local-data-0"
    with pytest.raises(OpsError, match=r"local-data-1: acknowledged 12 s ago.*Nothing was touched"):
        refuse_unless_healthy(Look([], healthy, [note, *wrong]), stack)
