"""`redis-ha preview-report`: what a plan loses, why, and the right way; as the engine 3.253 prints plans."""

import copy
import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pulumi_emulator.rules import load
from redis_ha_ops import preview_report
from redis_ha_ops.call import Call
from redis_ha_ops.cli import cli
from redis_ha_ops.danger import (
    BALANCER,
    DROPLET,
    DROPLET_VPC,
    GLOBAL,
    GROUP,
    HEALTH_CHECK,
    LISTENER,
    PARAMETER_GROUP,
    RECORD,
    SECURITY_GROUP,
    SUBNET,
    SUBNET_GROUP,
    TARGET_GROUP,
    USER,
    USER_GROUP,
    VPC,
)
from redis_ha_ops.dangers import LOST, SECONDARY_LOST, TABLE, row_of
from redis_ha_ops.errors import OpsError
from redis_ha_ops.plan_shape import read_plan
from redis_ha_ops.preview_report import Report, as_json, as_markdown, exit_code, judge

URN = "urn:pulumi:prod::shop::redis-ha:index:ElastiCacheHaGroup$"
STACK = {"op": "same", "urn": "urn:pulumi:prod::shop::pulumi:pulumi:Stack::shop-prod", "detailedDiff": None}


def step(op: str, resource_type: str, name: str, old: Any, new: Any, kind: str = "update", **more: Any) -> dict[str, Any]:
    """One step in the engine's form: `old` and `new` are the inputs that differ."""
    replaces = kind.endswith("-replace")
    return {
        "op": op,
        "urn": f"{URN}{resource_type}::{name}",
        "oldState": {"type": resource_type, "custom": True, "inputs": old, "outputs": {}, **more},
        "newState": {"type": resource_type, "custom": True, "inputs": new, "outputs": {}},
        "diffReasons": list(new),
        **({"replaceReasons": list(new)} if replaces else {}),
        "detailedDiff": {name: {"kind": kind, "inputDiff": True} for name in new} or None,
    }


def plan(*steps: dict[str, Any], diagnostics: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"config": {}, "steps": [STACK, *steps], "diagnostics": diagnostics or [], "changeSummary": {"same": 1}}


REFUSED = {
    "urn": f"{URN}{GROUP}::cache",
    "message": f'error: unable to replace resource "{URN}{GROUP}::cache"\nas it is currently marked for protection.',
    "severity": "error",
}
MOVED = step("replace", GROUP, "cache", {"subnetGroupName": "one"}, {"subnetGroupName": "two"}, "update-replace", protect=True)


def test_a_replacement_is_told_with_property_reason_right_way_and_source() -> None:
    report = judge(plan(MOVED, diagnostics=[REFUSED]))
    (change,) = report.dangerous
    assert (change.name, change.operation, change.protected) == ("cache", "replace", True)
    (reason,) = change.reasons
    assert (reason.property, reason.old, reason.new) == ("subnetGroupName", "one", "two")
    assert "cannot move" in reason.why
    assert "subnets in it" in reason.instead
    assert "replication_group.go" in reason.source
    assert exit_code(report) == 3
    text = as_markdown(report, "prod")
    assert "### `cache` (aws ReplicationGroup) would be REPLACED" in text
    assert "Lost: all keys" in text
    assert "Protected: `up` refuses this." in text
    assert "| subnetGroupName | one | two |" in text


def test_nothing_dangerous_ends_with_0() -> None:
    harmless = step("update", GROUP, "cache", {"description": "a"}, {"description": "b"})
    other = step("replace", "aws:cloudwatch/metricAlarm:MetricAlarm", "alarm", {"name": "a"}, {"name": "b"}, "update-replace")
    report = judge(plan(harmless, other))
    assert exit_code(report) == 0
    assert [change.dangerous for change in report.changes] == [False]
    assert "Nothing dangerous" in as_markdown(report, None)
    assert "Updated in place: `cache` (aws ReplicationGroup)" in as_markdown(report, None)


@pytest.mark.parametrize("resource_type", LOST)
def test_every_deletion_of_what_holds_something_is_dangerous(resource_type: str) -> None:
    gone = step("delete", resource_type, "thing", {}, {})
    del gone["newState"]
    report = judge(plan(gone))
    assert exit_code(report) == 3
    assert report.dangerous[0].reasons[0].instead


@pytest.mark.parametrize(
    ("old", "new", "dangerous"),
    [
        ({"automaticFailoverEnabled": True}, {"automaticFailoverEnabled": False}, True),
        ({"automaticFailoverEnabled": False}, {"automaticFailoverEnabled": True}, False),
        ({"multiAzEnabled": True}, {"multiAzEnabled": False}, True),
        ({"numNodeGroups": 3}, {"numNodeGroups": 2}, True),
        ({"numNodeGroups": 2}, {"numNodeGroups": 3}, False),
        ({"replicasPerNodeGroup": 2}, {"replicasPerNodeGroup": 1}, True),
        ({"numCacheClusters": 3.0}, {"numCacheClusters": 2.0}, True),
        ({"numCacheClusters": 2}, {"numCacheClusters": preview_report.UNKNOWN}, False),
        ({"snapshotRetentionLimit": 7}, {"snapshotRetentionLimit": 0}, True),
        ({"snapshotRetentionLimit": 7}, {"snapshotRetentionLimit": 1}, False),
        ({"transitEncryptionEnabled": True}, {"transitEncryptionEnabled": False}, True),
        ({"nodeType": "cache.r7g.large"}, {"nodeType": "cache.r7g.xlarge"}, False),
    ],
)
def test_an_update_in_place_is_dangerous_when_it_weakens(old: Any, new: Any, *, dangerous: bool) -> None:
    report = judge(plan(step("update", GROUP, "cache", old, new)))
    assert bool(report.dangerous) is dangerous
    assert exit_code(report) == (3 if dangerous else 0)


@pytest.mark.parametrize(
    ("kind", "old", "new", "dangerous"),
    [
        (RECORD, {"weightedRoutingPolicies": [{"weight": 90}]}, {"weightedRoutingPolicies": [{"weight": 10}]}, True),
        (RECORD, {"records": ["a.example"]}, {"records": ["b.example"]}, True),
        (RECORD, {"aliases": [{"name": "a"}]}, {"aliases": [{"name": "b"}]}, True),
        (RECORD, {"ttl": 30}, {"ttl": 300}, True),
        (RECORD, {"ttl": 300}, {"ttl": 30}, False),
        (RECORD, {"type": "A"}, {"type": "CNAME"}, True),
        (RECORD, {"setIdentifier": "blue"}, {"setIdentifier": "green"}, True),
        (RECORD, {"healthCheckId": "a"}, {"healthCheckId": None}, True),
        (RECORD, {"healthCheckId": "a"}, {"healthCheckId": "b"}, False),
        (HEALTH_CHECK, {"disabled": False}, {"disabled": True}, True),
        (HEALTH_CHECK, {"disabled": True}, {"disabled": False}, False),
        (LISTENER, {"defaultActions": [{"order": 1}]}, {"defaultActions": [{"order": 2}]}, True),
        (LISTENER, {"port": 80}, {"port": 443}, True),
        (BALANCER, {"enableDeletionProtection": True}, {"enableDeletionProtection": False}, True),
        (BALANCER, {"idleTimeout": 60}, {"idleTimeout": 30}, False),
        (GLOBAL, {"automaticFailoverEnabled": True}, {"automaticFailoverEnabled": False}, True),
        (GLOBAL, {"numNodeGroups": 3}, {"numNodeGroups": 2}, True),
        (GLOBAL, {"engineVersion": "8.0"}, {"engineVersion": "8.1"}, False),
    ],
)
def test_what_moves_traffic_or_weakens_a_datastore_is_dangerous(kind: str, old: Any, new: Any, *, dangerous: bool) -> None:
    report = judge(plan(step("update", kind, "thing", old, new)))
    assert bool(report.dangerous) is dangerous


def test_weights_and_a_live_colour_are_shown() -> None:
    weights = step(
        "update", RECORD, "a", {"weightedRoutingPolicies": [{"weight": 90}]}, {"weightedRoutingPolicies": [{"weight": 0}]}
    )
    weights["detailedDiff"] = {"weightedRoutingPolicies[0].weight": {"kind": "update", "inputDiff": True}}
    weights["diffReasons"] = ["weightedRoutingPolicies"]
    switch = step("update", RECORD, "b", {"records": ["blue.example"]}, {"records": ["green.example"]})
    text = as_markdown(judge(plan(weights, switch)), None)
    assert "| 90 | 0 | live traffic moves within a TTL" in text
    assert "| records | blue.example | green.example | the name leads elsewhere" in text
    assert "every writer" in text
    assert "At stake: where live traffic goes." in text


def test_a_promotion_that_a_program_follows_is_told_with_its_way_out() -> None:
    old, new = {"primaryReplicationGroupId": "home"}, {"primaryReplicationGroupId": "away"}
    (reason,) = judge(plan(step("replace", GLOBAL, "store", old, new, "update-replace"))).dangerous[0].reasons
    assert "after a promotion outside the program" in reason.why
    assert "46121" in reason.source


def test_a_secondarys_deletion_is_told_apart_from_a_groups() -> None:
    gone = step("delete", GROUP, "away", {"globalReplicationGroupId": "ldgnf-prod"}, {})
    del gone["newState"]
    (change,) = judge(plan(gone)).dangerous
    assert change.lost == SECONDARY_LOST
    assert "AWS lets no primary leave" in change.reasons[0].why
    del gone["oldState"]["inputs"]["globalReplicationGroupId"]
    (change,) = judge(plan(gone)).dangerous
    assert change.lost == LOST[GROUP]


def test_protection_is_not_said_to_stop_an_update() -> None:
    old, new = {"multiAzEnabled": True}, {"multiAzEnabled": False}
    text = as_markdown(judge(plan(step("update", GROUP, "cache", old, new, protect=True))), None)
    assert "Weakened: what protects all keys." in text
    assert "refuses" not in text


def test_a_replacement_that_somebody_asked_for_has_no_property_and_is_told() -> None:
    """As the engine reports a raised replacement_trigger: no reasons at all."""
    asked = {**step("replace", DROPLET, "data-0", {}, {}), "detailedDiff": None}
    (reason,) = judge(plan(asked)).dangerous[0].reasons
    assert "generation was raised" in reason.why
    assert "one slot" in reason.instead
    asked = {**step("replace", SUBNET_GROUP, "subnets", {}, {}), "detailedDiff": None}
    assert "replacement_trigger" in judge(plan(asked)).dangerous[0].reasons[0].why


def test_a_property_without_a_row_is_told_without_its_value() -> None:
    replaced = step("replace", GROUP, "cache", {"new": "hunter2"}, {"new": "hunter3"}, "update-replace")
    report = judge(plan(replaced))
    assert report.dangerous[0].reasons[0].property == "new"
    assert "hunter" not in as_markdown(report, None) + json.dumps(as_json(report, None))


def test_no_secret_is_shown_even_when_the_plan_holds_it() -> None:
    """`pulumi preview --json --show-secrets`, and values that nobody marked."""
    changes = [
        step("replace", DROPLET, "data-0", {"userData": "hunter2"}, {"userData": "hunter3"}, "update-replace"),
        step("replace", USER, "user", {"userName": "a", "passwords": ["hunter2"]}, {"userName": "b"}, "update-replace"),
        step("update", GROUP, "cache", {"authToken": "hunter2"}, {"authToken": "hunter3"}),
        step("replace", GROUP, "other", {"port": "[secret]"}, {"port": "[secret]"}, "update-replace"),
    ]
    report = judge(plan(*changes))
    shown = as_markdown(report, None) + json.dumps(as_json(report, None))
    assert "hunter" not in shown
    assert "[secret]" not in shown


def test_what_only_the_cloud_knows_is_said_so() -> None:
    unknown = step("replace", GROUP, "cache", {"kmsKeyId": "a"}, {"kmsKeyId": preview_report.UNKNOWN}, "update-replace")
    assert judge(plan(unknown)).dangerous[0].reasons[0].new == "known after apply"


@pytest.mark.parametrize("ops", list(itertools.permutations(("create-replacement", "replace", "delete-replaced"))))
def test_a_replacement_told_in_three_steps_is_one_change_with_its_reasons(ops: tuple[str, ...]) -> None:
    steps = [{**copy.deepcopy(MOVED), "op": op} for op in ops]
    for one in steps:
        if one["op"] == "delete-replaced":  # the engine gives it no reasons
            one.update({"detailedDiff": None, "diffReasons": None, "replaceReasons": None})
    (change,) = judge(plan(*steps)).changes
    assert [reason.property for reason in change.reasons] == ["subnetGroupName"]


def test_the_path_of_a_nested_property_finds_its_row() -> None:
    nested = step("replace", GROUP, "cache", {"nodeGroupConfigurations": []}, {}, "update-replace")
    nested["detailedDiff"] = {"nodeGroupConfigurations[0].slots": {"kind": "update-replace", "inputDiff": True}}
    nested["replaceReasons"] = ["nodeGroupConfigurations"]
    (reason,) = judge(plan(nested)).dangerous[0].reasons
    assert "laid out by hand" in reason.why


def test_the_engines_refusal_is_told_in_one_line() -> None:
    report = judge(plan(MOVED, diagnostics=[REFUSED, {"message": "error: preview failed\n", "severity": "error"}]))
    assert report.errors == ("cache is protected: the engine refuses to replace or delete it",)


def test_protection_that_the_same_change_takes_away_is_not_promised() -> None:
    """The engine goes by the new state: it lets a replacement through in the `up` that says protect=False."""
    assert not judge(plan(MOVED)).dangerous[0].protected
    gone = step("delete", GROUP, "cache", {}, {}, protect=True)
    del gone["newState"]
    assert judge(plan(gone)).dangerous[0].protected


@pytest.mark.parametrize(("renamed", "code"), [(True, 0), (False, 3)])
def test_a_parameter_group_of_another_family_stands_beside_the_old_one(*, renamed: bool, code: int) -> None:
    old, new = {"family": "valkey7", "name": "a-valkey7"}, {"family": "valkey8", "name": "a-valkey8"}
    if not renamed:
        del old["name"], new["name"]
    report = judge(plan(step("replace", PARAMETER_GROUP, "parameters", old, new, "update-replace")))
    assert exit_code(report) == code
    assert ("Made anew under another name" in as_markdown(report, None)) is renamed


DELETION = {"op": "delete", "urn": f"urn:pulumi:prod::redis-ha::{GROUP}::orders", "oldState": {"inputs": {}}}
NOT_UNDERSTOOD: list[tuple[object, str]] = [
    (3, "is no object"),
    ({"op": "delete"}, "has no urn"),
    (DELETION | {"op": None}, "op has the unknown value null"),
    (DELETION | {"op": ["delete"]}, r'op has the unknown value \["delete"\]'),
    (DELETION | {"urn": "orders"}, "urn names no resource"),
    (DELETION | {"urn": {DELETION["urn"]: 1}}, "urn is no text"),
    (DELETION | {"oldState": []}, "oldState is no object or null"),
    (DELETION | {"oldState": {"inputs": [3]}}, "oldState.inputs is no object or null"),
    (DELETION | {"op": "replace", "detailedDiff": {"nodeType": "replace"}}, "detailedDiff.nodeType is no object"),
    (
        DELETION | {"op": "replace", "detailedDiff": {"nodeType": {"kind": 3}}},
        "detailedDiff.nodeType.kind has the unknown value 3",
    ),
    (DELETION | {"op": "replace", "replaceReasons": "nodeType"}, "replaceReasons is no list or null"),
    (DELETION | {"op": "replace", "replaceReasons": [["nodeType"]]}, "replaceReasons.0 is no text"),
    (DELETION | {"op": "update", "diffReasons": [None]}, "diffReasons.0 is no text"),
    (DELETION | {"op": "update"}, "does not say what it updates"),
    (DELETION | {"op": "update", "diffReasons": [], "detailedDiff": {}}, "does not say what it updates"),
]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Previewing update (prod):", "is no JSON: give the output of `pulumi preview --json`"),
        ("[]", "has no `steps`"),
        ('{"resources": []}', "has no `steps`"),
        (b'{"steps": [\xff]}', "is no JSON"),
        ('{"steps": [], "config": "\\ud800"}', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"diagnostics": []}', "neither steps nor errors"),
        ('{"steps": [], "diagnostics": [3]}', "diagnostic 1 is no object"),
        (
            '{"steps": [], "diagnostics": [{"message": "error: no", "severity": "fatal"}]}',
            "diagnostic 1: severity has the unknown",
        ),
        *((json.dumps({"steps": [given]}), f"step 1:? {told}") for given, told in NOT_UNDERSTOOD),
        (json.dumps({"steps": [DELETION, DELETION | {"op": "shred"}]}), 'step 2: op has the unknown value "shred"'),
        *(
            (json.dumps({"steps": [], "changeSummary": given}), f"changeSummary{told}")
            for given, told in (
                (3, " is no object"),
                ([], " is no object"),
                ({"shred": 1}, ' has the unknown value "shred"'),
                ({"delete": True}, ".delete is no whole number"),
                ({"delete": -1}, ".delete is less than 0"),
            )
        ),
    ],
)
def test_what_is_not_understood_is_no_plan_without_danger(text: str | bytes, told: str) -> None:
    with pytest.raises(OpsError, match=told):
        read_plan(text, "plan.json")


def test_an_update_of_what_holds_nothing_need_not_say_what_it_changes() -> None:
    """Providers that report no details; whether it is of interest is decided by the type."""
    other = step("update", "aws:cloudwatch/metricAlarm:MetricAlarm", "alarm", {}, {})
    assert read_plan(json.dumps(plan(other)), "plan.json")


CREATION = {"op": "create", "urn": DELETION["urn"], "newState": {"inputs": {}}}


@pytest.mark.parametrize(
    ("steps", "summary", "told"),
    [
        ([], {"delete": 3}, "changeSummary.delete is 3, the steps tell of 0"),
        ([CREATION], {"create": 1, "delete": 1}, "changeSummary.delete is 1, the steps tell of 0"),
        ([CREATION], {"create": 1, "replace": 1}, "changeSummary.replace is 1, the steps tell of 0"),
        ([DELETION], {"delete": 2}, "changeSummary.delete is 2, the steps tell of 1"),
        ([], {"update": 1}, "changeSummary.update is 1, the steps tell of 0"),
        # One resource's three steps are not two replacements.
        ([MOVED, MOVED | {"op": "create-replacement"}], {"replace": 2}, "changeSummary.replace is 2, the steps tell of 1"),
    ],
)
def test_a_plan_that_counts_more_than_it_tells_is_not_understood(steps: Any, summary: Any, told: str) -> None:
    done = CliRunner().invoke(
        cli, ["preview-report", "-"], obj=Call(), input=json.dumps({"steps": steps, "changeSummary": summary})
    )
    assert isinstance(done.exception, OpsError)
    assert told in str(done.exception)
    assert "Nothing dangerous" not in done.output


@pytest.mark.parametrize(
    ("ops", "summary"),
    [
        (("replace",), {"replace": 1, "same": 3}),
        (("create-replacement", "replace", "delete-replaced"), {"replace": 1}),
        (("replace",), {"replace": 1, "create-replacement": 1, "delete-replaced": 1}),
        (("delete", "delete"), {"delete": 2, "read": 1, "discard": 1}),  # one of them left over from an interrupted `up`
        (("refresh",), {"update": 1}),
        (("delete", "replace"), {}),  # the engine stopped at an error and counted nothing
    ],
)
def test_what_the_engine_counts_beside_its_steps_is_accepted(ops: tuple[str, ...], summary: dict[str, int]) -> None:
    steps = [{**copy.deepcopy(MOVED), "op": op} for op in ops]
    assert read_plan(json.dumps({"steps": steps, "changeSummary": summary}), "plan.json")


# --- plans as the engine 3.253 printed them, with `preview --json` (`steps`: and --show-replacement-steps --show-sames;
# `refreshed`: and --refresh), without outputs, dependencies and times ---

RECORDED = Path(__file__).resolve().parents[1] / "recorded" / "plans"
WRONG: tuple[Any, ...] = (
    *(None, True, 3, 2e300, -1.5, 10**400, "", "x"),
    *([], {}, [None], [["x"]], {"x": {"x": [3]}}),
)


@pytest.mark.parametrize(
    ("name", "dangerous", "errors"),
    [
        ("changes", ["subnet", "parameters", "password", "live", "topic"], 0),
        ("steps", ["subnet", "parameters", "password", "live", "topic"], 0),
        ("refreshed", ["subnet", "parameters", "password", "live", "topic"], 0),
        ("refused", ["zone", "live"], 1),
        ("failed", [], 2),
    ],
)
def test_a_plan_of_the_engine_is_understood(name: str, dangerous: list[str], errors: int) -> None:
    report = judge(read_plan((RECORDED / f"{name}.json").read_bytes(), name))
    assert sorted(change.name for change in report.dangerous) == sorted(dangerous)
    assert len(report.errors) == errors
    told = {change.name: [reason.property for reason in change.reasons] for change in report.dangerous}
    assert told.get("parameters", ["family"]) == ["family"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every field of a plan: what holds it, and its key there."""
    held = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, inner in held:
        yield value, key
        yield from places(inner)


def outcome(given: dict[str, Any]) -> Report | str:
    """The report on a plan, or the error's text."""
    try:
        return judge(read_plan(json.dumps(given), "plan.json"))
    except OpsError as error:
        return str(error)


@pytest.mark.parametrize("name", ["changes", "refused", "failed"])
def test_a_plan_with_one_field_of_another_form_ends_in_a_report_or_in_one_line(name: str) -> None:
    given = json.loads((RECORDED / f"{name}.json").read_bytes())
    for holder, key in places(given):
        right = holder[key]
        for wrong in WRONG:
            holder[key] = wrong
            found = outcome(given)
            if isinstance(found, str):
                assert re.fullmatch(r"plan\.json.{1,290}", found)
                continue
            text = as_markdown(found, "prod") + json.dumps(as_json(found, "prod"))
            assert text.encode()
            counts = {op: sum(step["op"] == op for step in given.get("steps", [])) for op in ("delete", "replace")}
            uncounted = [op for op in counts if (given.get("changeSummary") or {}).get(op, 0) > counts[op]]
            assert found.dangerous or not uncounted, (key, wrong)
        holder[key] = right


# --- the table ---


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.type.rpartition(':')[2]}-{row.property}-{row.operation}")
def test_every_row_is_of_a_type_that_loses_something_and_names_its_source(row: Any) -> None:
    assert row.type in LOST
    assert row.why
    assert row.instead
    assert row.source
    assert (row.when == "") or row.operation == "update"


# Replaced under a condition only, which the provider decides in code: no rule says it of every change.
SOMETIMES = {"transitEncryptionEnabled", "engineVersion", "engine", "nodeGroupConfigurations"}


def test_the_table_and_the_providers_rules_agree() -> None:
    """A property that the provider always replaces for has a row, and a row that says so is right."""
    caches = (GROUP, GLOBAL, SUBNET_GROUP, PARAMETER_GROUP, USER, USER_GROUP)
    traffic = (RECORD, HEALTH_CHECK, BALANCER, TARGET_GROUP, LISTENER)
    for kind in (*caches, *traffic, VPC, SUBNET, SECURITY_GROUP, DROPLET, DROPLET_VPC):
        rules = load(kind.partition(":")[0])[kind].of_kind("replaces")
        always = {rule.property for rule in rules if rule.value is None} - {"region"}
        told = {row.property for row in TABLE if (row.type, row.operation) == (kind, "replace")} - {"region", ""}
        assert told - SOMETIMES == always, kind
        assert row_of(kind, "region", "replace") is not None, kind


# --- the command ---


def run(*arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(cli, ["preview-report", *arguments], obj=Call(), input=text)


def test_the_command_reads_a_file_or_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(MOVED)))
    done = run(str(path), "--stack", "prod", "--output", str(tmp_path / "report.md"))
    assert done.exit_code == 3
    assert done.output == (tmp_path / "report.md").read_text()
    assert done.output.startswith("## redis-ha: preview of stack `prod`")
    piped = run("-", "--json", text=json.dumps(plan(MOVED)))
    assert piped.exit_code == 3
    assert json.loads(piped.output)["changes"][0]["reasons"][0]["property"] == "subnetGroupName"
    assert run("-", text=json.dumps(plan())).exit_code == 0


def test_a_preview_that_failed_for_another_reason_is_no_all_clear() -> None:
    failed = plan(diagnostics=[{"message": "error: zones: must be at least two\n", "severity": "error"}])
    done = run("-", text=json.dumps(failed))
    assert done.exit_code == 2
    assert "zones: must be at least two" in done.output


def test_nothing_to_report_on_is_told() -> None:
    with pytest.raises(OpsError, match="say what to report on"):
        CliRunner().invoke(cli, ["preview-report"], obj=Call(), catch_exceptions=False)


def test_a_preview_is_run_in_the_world_of_its_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    ran: list[list[str]] = []

    def fake(command: list[str], **_: Any) -> Any:
        ran.append(command)
        return subprocess.CompletedProcess(command, 255, json.dumps(plan(MOVED)), "error: preview failed")

    monkeypatch.setattr("subprocess.run", fake)
    assert run("--stack", "prod", "--program", str(tmp_path)).exit_code == 3
    assert ran[0] == ["pulumi", "preview", "--json", "--non-interactive", "--stack", "prod"]
    assert run("--stack", "local", "--program", str(tmp_path)).exit_code == 3
    assert ran[1][2:] == ["-m", "pulumi_emulator", "preview", "--stack", "local", "--program", str(tmp_path), "--json"]
