"""The parameters of each family, and what may be set."""

from __future__ import annotations

import importlib.resources
import json
import re
from typing import Any

import pytest

from pulumi_emulator.aws.elasticache.engines import FAMILIES, NODE_SIZES, VERSIONS
from pulumi_emulator.aws.elasticache.parameter_table import parameters_of
from tests.support.aws_world import World


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_default_is_allowed_itself(family: str) -> None:
    for parameter in parameters_of(family).values():
        assert parameter.allows(parameter.default), parameter.name


@pytest.mark.parametrize(
    ("family", "name", "good", "bad"),
    [
        ("valkey8", "timeout", ["0", "20", "300"], ["19", "-1", "soon"]),
        ("valkey8", "maxmemory-policy", ["allkeys-lfu", "noeviction"], ["lru", ""]),
        ("redis7", "activedefrag", ["yes", "no"], ["true"]),
        ("redis6.x", "maxmemory-samples", ["5"], ["0", "five"]),
        ("valkey8", "notify-keyspace-events", ["", "AKE"], []),
    ],
)
def test_values(family: str, name: str, good: list[str], bad: list[str]) -> None:
    parameter = parameters_of(family)[name]
    assert all(parameter.allows(value) for value in good)
    assert not any(parameter.allows(value) for value in bad)


def test_names_follow_the_version() -> None:
    assert "min-slaves-to-write" in parameters_of("redis4.0")
    assert "min-replicas-to-write" not in parameters_of("redis4.0")
    assert "hash-max-listpack-entries" in parameters_of("valkey7")
    assert "hash-max-listpack-entries" not in parameters_of("redis6.x")


def test_what_the_user_set_is_told_apart(world: World) -> None:
    name = world.name("p")
    made = {"CacheParameterGroupName": name, "CacheParameterGroupFamily": "valkey8", "Description": "p"}
    world.cache.create_cache_parameter_group(**made)
    values = [{"ParameterName": "timeout", "ParameterValue": "60"}]
    world.cache.modify_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=values)
    (own,) = world.cache.describe_cache_parameters(CacheParameterGroupName=name, Source="user")["Parameters"]
    assert (own["ParameterName"], own["ParameterValue"], own["ChangeType"]) == ("timeout", "60", "immediate")
    world.cache.reset_cache_parameter_group(CacheParameterGroupName=name, ParameterNameValues=[{"ParameterName": "timeout"}])
    assert world.cache.describe_cache_parameters(CacheParameterGroupName=name, Source="user")["Parameters"] == []


def test_default_groups_are_there(world: World) -> None:
    found = world.cache.describe_cache_parameter_groups(CacheParameterGroupName="default.valkey8.cluster.on")
    assert found["CacheParameterGroups"][0]["CacheParameterGroupFamily"] == "valkey8"
    own = world.cache.describe_cache_parameters(CacheParameterGroupName="default.valkey8.cluster.on")["Parameters"]
    assert next(row["ParameterValue"] for row in own if row["ParameterName"] == "cluster-enabled") == "yes"
    defaults = world.cache.describe_engine_default_parameters(CacheParameterGroupFamily="valkey8")["EngineDefaults"]
    assert len(defaults["Parameters"]) == len(own)


def cfn_lint(name: str) -> Any:
    """Return one of the lists of AWS's that cfn-lint ships."""
    folder = importlib.resources.files("cfnlint") / "data/schemas/extensions/aws_elasticache_cachecluster"
    return json.loads((folder / name).read_text("utf-8"))


def test_the_engines_versions_are_aws_s() -> None:
    rules = cfn_lint("engine_version.json")["allOf"]
    listed = {
        rule["if"]["properties"]["Engine"]["const"]: rule["then"]["properties"]["EngineVersion"]["enum"]
        for rule in rules
        if "EngineVersion" in rule["then"]["properties"]
    }
    assert {engine: sorted(versions) for engine, versions in VERSIONS.items()} == {
        engine: sorted(listed[engine]) for engine in VERSIONS
    }


def test_the_node_types_are_aws_s() -> None:
    listed = set(re.findall(r"cache\.[a-z0-9]+\.[a-z0-9]+", json.dumps(cfn_lint("cachenodetype_enum.json"))))
    own = {f"cache.{family}.{size}" for family, sizes in NODE_SIZES.items() for size in sizes}
    old = re.compile(r"cache\.(t1|[mc][123]|r3)\.")
    assert own == {name for name in listed if not old.match(name)}


def test_engine_versions(world: World) -> None:
    found = world.cache.describe_cache_engine_versions(Engine="valkey", DefaultOnly=True)["CacheEngineVersions"]
    assert [row["EngineVersion"] for row in found] == ["8.2"]
    rows = world.cache.describe_cache_engine_versions(CacheParameterGroupFamily="redis7")["CacheEngineVersions"]
    assert {row["EngineVersion"] for row in rows} == {"7.0", "7.1"}
