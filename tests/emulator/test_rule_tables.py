"""The rule tables: every row names a source, and the part that an SDK decides is what the installed SDK says."""

from __future__ import annotations

import importlib.util
import json
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pulumi_emulator import judges, rules
from pulumi_emulator.handlers import HANDLERS

ROOT = Path(__file__).resolve().parents[2]


def table(package: str) -> dict[str, Any]:
    return dict(json.loads(resources.files("pulumi_emulator").joinpath("data", f"{package}.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = ROOT / "tools" / "provider_rules.py"
    specification = importlib.util.spec_from_file_location("provider_rules", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("package", rules.PACKAGES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_the_sdk_decides_is_what_the_installed_sdk_says(package: str, generator: ModuleType) -> None:
    assert table(package)["sdk"] == generator.table_of(package), "run `python tools/provider_rules.py`"


@pytest.mark.parametrize("package", rules.PACKAGES)
def test_every_rule_names_its_source(package: str) -> None:
    for row in table(package)["rules"]:
        assert set(row) <= {"resource", "property", "rule", "value", "source"}
        source = row.get("source", "")
        # A repository and a file, a version, or a page: something that a reader can open.
        assert len(source) > 15, row
        assert any(mark in source for mark in ("/", " v", "4.", "5.", "7.")), row


@pytest.mark.parametrize("package", rules.PACKAGES)
def test_every_rule_speaks_about_a_known_property_and_is_of_a_known_kind(package: str) -> None:
    kinds = {*judges.JUDGES, *rules.OTHER_KINDS}
    for row in table(package)["rules"]:
        kind = rules.load(package)[row["resource"]]
        name = row["property"].split(".")[0].removesuffix("[]")
        assert name in {*kind.inputs, *kind.outputs}, row
        assert row["rule"] in kinds, row


def test_every_type_has_a_handler_and_every_handler_a_type() -> None:
    assert set(HANDLERS) == {token for package in rules.PACKAGES for token in rules.load(package)}


def test_rows_of_the_provider_schema_are_all_there() -> None:
    # What pulumi-digitalocean's schema marks as willReplaceOnChanges, by hand from v4.76.0 for the type that matters most.
    droplet = rules.load("digitalocean")["digitalocean:index/droplet:Droplet"]
    unconditional = {rule.property for rule in droplet.of_kind("replaces") if rule.value is None}
    assert unconditional == {
        "dropletAgent",
        "image",
        "monitoring",
        "publicNetworking",
        "region",
        "sshKeys",
        "userData",
        "vpcUuid",
    }


def test_rows_are_made_of_the_real_providers_schema(generator: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    monkeypatch.setattr(generator, "TERRAFORM_NAMES", {token: "aws_cloudwatch_metric_alarm"})
    schema = {
        "alarm_name": {"type": "TypeString", "forceNew": True},
        "ok_actions": {"type": "TypeSet", "maxItems": 5},
        "treat_missing_data": {"type": "TypeString", "default": "missing"},
        "metric_query": {
            "type": "TypeSet",
            "conflictsWith": ["metric_name"],
            "block": {"id": {"type": "TypeString", "required": True}, "metric": {"type": "TypeList", "block": {}}},
        },
        "evaluate_low_sample_count_percentiles": {"type": "TypeString", "computed": True},
        "not_in_the_sdk": {"type": "TypeString", "forceNew": True},
    }
    dump = {
        "source": "terraform-provider-aws 9.8.7-dev (a fork)",
        "resources": {"aws_cloudwatch_metric_alarm": {"schema": schema}},
    }
    rows = generator.SchemaRows(dump, table("aws")["sdk"]).rows()
    assert [(row["property"], row["rule"], row.get("value")) for row in rows] == [
        ("name", "replaces", None),
        ("okActions", "items", [None, 5]),
        ("okActions", "set", None),
        ("treatMissingData", "default", "missing"),
        ("metricQueries", "conflicts_with", ["metricName"]),
        ("metricQueries", "set", None),
        ("evaluateLowSampleCountPercentiles", "kept", None),
    ]
    where = "(aws_cloudwatch_metric_alarm.alarm_name: forceNew)"
    assert rows[0]["source"] == f"hashicorp/terraform-provider-aws 9.8.7 schema as the provider reports it {where}"


def test_no_row_is_there_twice() -> None:
    for package in rules.PACKAGES:
        seen = [(row["resource"], row["property"], row["rule"], str(row.get("value"))) for row in table(package)["rules"]]
        assert len(seen) == len(set(seen)), package
