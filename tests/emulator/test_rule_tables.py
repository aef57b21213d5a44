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
