"""No argument from another language is lost: what the SDK's mapping would drop is refused by name, for every argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from tests.support.hosted import constructed, nested_output, refused_by, schema, secret, token

REGION, ZONES = "eu-central-1", ["eu-central-1a", "eu-central-1b"]
SUBNETS = {"vpcId": "vpc-1", "subnetIds": ["subnet-1", "subnet-2"]}
HOSTS = {"blue": {"host": "a.example.net"}, "green": {"host": "b.example.net"}}
IN_ZONE = {"region": REGION, "zoneId": "Z1", "zoneName": "example.com"}
# Alarms are most of what a group has, and take most of the time.
QUIET = {"alarms": {"enabled": False}}
GROUP = {"dashboard": False, **QUIET}
# The least that each component takes.
PLAIN: dict[str, dict[str, Any]] = {
    "AlbBlueGreen": {"region": REGION, **SUBNETS, **QUIET, "targets": {"blue": {"ecs": True}, "green": {"ecs": True}}},
    "ElastiCacheHaGroup": {"region": REGION, "zones": ZONES, **SUBNETS, **GROUP},
    "FailoverAutomation": {
        "region": REGION,
        "groups": {"orders": {"topicArn": f"arn:aws:sns:{REGION}:123456789012:orders"}},
        **QUIET,
    },
    "GlobalDatastore": {
        "primary": {"region": REGION, "zones": ZONES, **SUBNETS, **GROUP},
        "secondaries": {"eu-west-1": {"zones": ["eu-west-1a", "eu-west-1b"], **SUBNETS, **GROUP}},
    },
    "LiveColourRecord": {**IN_ZONE, "name": "w.example.com", "live": "blue", "targets": {"blue": "a.b", "green": "c.d"}},
    "PrivateNetwork": {"region": REGION, "zones": ZONES, "ipRange": "10.50.0.0/20"},
    "SentinelCluster": {"region": "ams3", "vpcIpRange": "10.20.0.0/24"},
    "ServerlessCache": {"region": REGION, "subnetIds": SUBNETS["subnetIds"], "securityGroupIds": ["sg-1"]},
    "WeightedBlueGreen": {
        **IN_ZONE,
        "names": {"a.example.com": HOSTS},
        "weights": {"blue": 1, "green": 0},
        "standbyReceivesOnFailure": False,
    },
}

Path = tuple[str, ...]


def definition(of: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema()["types"][of.removeprefix("#/types/")]
    return found


def inside(spec: Mapping[str, Any]) -> tuple[str | None, str]:
    """The type of the blocks that an argument holds, and what leads to one of them; None where it holds none."""
    for holder, step in ((spec, ""), (spec.get("items", {}), "0"), (spec.get("additionalProperties", {}), "any")):
        if str(holder.get("$ref", "")).startswith("#/types/") and "enum" not in definition(holder["$ref"]):
            return str(holder["$ref"]), step
    return None, ""


def arguments(properties: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every argument at every depth, with its place."""
    for name, spec in properties.items():
        yield (*path, name), spec
        block, step = inside(spec)
        if block is not None:
            yield from arguments(definition(block)["properties"], (*path, name, *([step] if step else [])))


EVERY = [
    (component, path, spec)
    for component in PLAIN
    for path, spec in arguments(schema()["resources"][token(component)]["inputProperties"])
]
BLOCKS = [(component, path) for component, path, spec in EVERY if inside(spec)[0] is not None]


def placed(given: Any, path: Path, value: Any) -> Any:
    """The arguments with a value put at a place; what is missing on the way is made."""
    first, *rest = path
    if first == "0":
        return [placed(given[0] if given else {}, tuple(rest), value)] if rest else [value]
    inner = (given or {}).get(first)
    return {**(given or {}), first: placed(inner, tuple(rest), value) if rest else value}


def said_of(component: str, path: Path, value: Any, *, known: bool = True) -> list[str] | None:
    """The arguments that are refused when one place has this value; None when it is taken. Nothing else may be raised."""
    try:
        constructed(component, placed(PLAIN[component], path, value), known=known)
    except pulumi.InputPropertyError as error:
        return [error.property_path]
    except pulumi.InputPropertiesError as error:
        return refused_by(error)
    return None


def test_every_component_is_here() -> None:
    assert {token(component) for component in PLAIN} == schema()["resources"].keys()
    for component, plain in PLAIN.items():
        first = next(iter(plain))
        assert said_of(component, (first,), plain[first]) is None


@pytest.mark.parametrize(("component", "path"), BLOCKS, ids=lambda value: value if isinstance(value, str) else ".".join(value))
@pytest.mark.parametrize("kind", ["secret", "unknown", "output", "text"])
def test_no_block_is_made_empty(component: str, path: Path, kind: str) -> None:
    value = {"secret": secret({}), "unknown": rpc.UNKNOWN, "output": nested_output({}), "text": "text"}[kind]
    said = said_of(component, path, value, known=kind != "unknown")
    # A secret in a block makes a secret of all that is around it.
    places = {".".join(path[: depth + 1]) for depth in range(len(path))} if kind in {"secret", "output"} else {".".join(path)}
    assert said
    assert places & set(said)


@pytest.mark.parametrize(("component", "path"), BLOCKS, ids=lambda value: value if isinstance(value, str) else ".".join(value))
def test_no_unknown_name_is_passed_over(component: str, path: Path) -> None:
    spec = next(spec for other, place, spec in EVERY if (other, place) == (component, path))
    _, step = inside(spec)
    place = (*path, *([step] if step else []), "noSuchName")
    said = said_of(component, place, 1)
    assert said is not None
    assert ".".join(place) in said


@pytest.mark.parametrize("component", PLAIN)
def test_no_unknown_name_is_passed_over_at_the_top(component: str) -> None:
    assert said_of(component, ("noSuchName",), 1) == ["noSuchName"]


@pytest.mark.parametrize(
    ("component", "path"),
    [(component, path) for component, path, spec in EVERY if inside(spec)[0] is None],
    ids=lambda value: value if isinstance(value, str) else ".".join(value),
)
def test_a_value_of_any_kind_is_taken_or_refused_by_name(component: str, path: Path) -> None:
    """A value that is not known yet, a secret, a wrong type: never an error of Python's, and what is refused says where."""
    for value, known in ((rpc.UNKNOWN, False), (secret("text"), True)):
        said = said_of(component, path, value, known=known)
        assert said is None or all(said)
    said = said_of(component, path, [[{}]])
    assert said
    assert any(one.startswith(".".join(path)) for one in said)


@pytest.mark.parametrize(
    ("component", "path", "value"),
    [
        ("ElastiCacheHaGroup", ("authToken",), 1234567890123456),
        ("ElastiCacheHaGroup", ("users",), [{"passwords": ["1234567890123456"]}]),
        ("ElastiCacheHaGroup", ("users", "application", "passwords"), [1234567890123456]),
        ("SentinelCluster", ("adminPassword",), 1234567890123456),
    ],
)
def test_a_secret_of_a_wrong_type_is_not_told(component: str, path: Path, value: Any) -> None:
    with pytest.raises(pulumi.InputPropertiesError) as caught:
        constructed(component, placed(PLAIN[component], path, value))
    assert "123456789" not in str(caught.value)
    assert "123456789" not in str(caught.value.errors)
