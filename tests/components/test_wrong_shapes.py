"""Values of wrong shapes in every argument, at every depth: accepted, or refused by name. No other error, and no secret told.

Text or a list in a block's place may be a password that belongs into it: neither is shown. The plain functions are asked that
decide before anything is registered.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from redis_ha.arguments import snake_case
from redis_ha.elasticache.serverless import checked_serverless_plan
from redis_ha.network import PrivateNetwork
from redis_ha.sentinel.cluster import checked_plan as checked_cluster
from tests.components.test_argument_sets import ALL

CANARY = "hunter2-correct-horse"
SHAPES: tuple[Any, ...] = (
    CANARY, [[CANARY]], {"a": CANARY}, {"application": {"passwords": CANARY}}, {3: CANARY}, 3, 10**5000, [None], object(),
)  # fmt: skip
SETS = 100  # with several wrong values each
SCHEMA = json.loads(Path(__file__).resolve().parents[2].joinpath("components/schema.json").read_text())
Check = Callable[[str, Mapping[str, Any]], object]
checked_network: Any = PrivateNetwork.check
ZONES = ["eu-central-1a", "eu-central-1b"]
BASE: dict[str, tuple[Check, Mapping[str, Any]]] = {
    "PrivateNetwork": (checked_network, {"region": "eu-central-1", "zones": ZONES, "ip_range": "10.60.0.0/20"}),
    "SentinelCluster": (checked_cluster, {"region": "ams3", "vpc_ip_range": "10.20.0.0/24", "client_tags": ["web"]}),
    "ServerlessCache": (checked_serverless_plan, {"region": "eu-central-1", "subnet_ids": ["subnet-1", "subnet-2"]}),
    **{one.component: (one.check, next(s.args for s in one.generated(40) if not one.refused(s))) for one in ALL},
}
# A primary's arguments are those of ElastiCacheHaGroup, which are asked about there.
ASKED_ELSEWHERE = {"GlobalDatastore": "primary"}
every_component = pytest.mark.parametrize("component", BASE)


def paths(component: str) -> list[tuple[str, ...]]:
    """Every argument and every one of its blocks; names that are the user's own are some that mean something."""

    def of_type(definition: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        reference = str(definition.get("$ref", ""))
        if reference.startswith("#/types"):
            yield from of(SCHEMA["types"][reference.rpartition("/")[2]].get("properties", {}), path)
        elif isinstance(definition.get("additionalProperties"), Mapping):
            for name in ("application", "blue"):
                yield (*path, name)
                yield from of_type(definition["additionalProperties"], (*path, name))

    def of(properties: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        for name, definition in properties.items():
            yield (*path, snake_case(name))
            if snake_case(name) != ASKED_ELSEWHERE.get(component):
                yield from of_type(definition, (*path, snake_case(name)))

    return list(of(SCHEMA["resources"][f"redis-ha:index:{component}"]["inputProperties"]))


def with_value(args: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = path
    if not rest:
        return {**args, name: value}
    block = args.get(name)
    return {**args, name: with_value(block if isinstance(block, Mapping) else {}, tuple(rest), value)}


def said(component: str, args: Mapping[str, Any]) -> str:
    """Return what is said of arguments, nothing when they are accepted. Any other error ends the test."""
    try:
        BASE[component][0]("set", args)
    except (pulumi.InputPropertiesError, pulumi.InputPropertyError) as error:
        return str(error)
    return ""


@every_component
def test_one_wrong_value(component: str) -> None:
    for path in paths(component):
        for value in SHAPES:
            told = said(component, with_value(BASE[component][1], path, value))
            if value is not CANARY or path[-1].endswith(("password", "passwords", "token", "webhook_url", "routing_key")):
                assert CANARY not in told, (path, value)


@every_component
def test_several_wrong_values(component: str) -> None:
    chosen = random.Random(component)  # noqa: S311 - the same sets in every run
    known = paths(component)
    for _ in range(SETS):
        args = BASE[component][1]
        for path in chosen.sample(known, chosen.randint(2, 5)):
            args = with_value(args, path, chosen.choice(SHAPES[1:]))
        assert CANARY not in said(component, args), args
