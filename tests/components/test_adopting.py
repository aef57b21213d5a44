"""An adoption that would change what exists is refused: which updates are adoptions, and what counts as a difference."""

from typing import Any

import pulumi
import pytest

from redis_ha.adopting import Adoption, checked_change, differing, no_such_properties
from redis_ha.arguments import Checks

LIVE: dict[str, Any] = {"nodeType": "large", "port": 6379.0, "subnetIds": ["b", "a"], "tags": {}, "multiAz": True}
LIVE |= {"sticky": {"enabled": False, "duration": 0.0}, "logged": {"enabled": True, "bucket": "b"}}
LIVE["actions"] = [{"order": 1, "type": "forward", "groups": [{"arn": "a", "weight": 100}, {"arn": "b", "weight": 0}]}]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"nodeType": "large", "port": 6379, "subnetIds": ["a", "b"]}, []),
        ({"nodeType": "small"}, ["nodeType"]),
        ({"port": 7000}, ["port"]),
        ({"subnetIds": ["a"]}, ["subnetIds"]),
        ({"multiAz": False}, ["multiAz"]),
        # What is empty is as good as not there; the engine's own marks are nobody's wish.
        ({"description": "", "fifo": False, "parameters": [], "tags": {}, "tagsAll": {"a": "b"}, "__defaults": ["x"]}, []),
        ({"retention": 7}, ["retention"]),
        ({"weights": [{"weight": 0}]}, ["weights"]),
        ({"actions": [{"type": "forward", "groups": [{"arn": "b", "weight": 0}, {"arn": "a", "weight": 100}]}]}, []),
        ({"actions": [{"type": "forward", "groups": [{"arn": "b", "weight": 100}, {"arn": "a", "weight": 0}]}]}, ["actions"]),
        ({"actions": [{"type": "forward", "groups": [{"arn": "a", "weight": 100}]}]}, ["actions"]),
        # A stickiness that is off has no duration at AWS (pulumi/pulumi-aws#1824).
        ({"sticky": {"enabled": False, "duration": 3600}, "logs": {"enabled": False, "bucket": "b"}}, []),
        ({"sticky": {"enabled": True, "duration": 3600}}, ["sticky"]),
        ({"logged": {"enabled": False, "bucket": "b"}}, ["logged"]),
    ],
)
def test_differences(asked: dict[str, Any], names: list[str]) -> None:
    assert differing(LIVE, asked) == names


def test_what_is_secret_is_not_compared() -> None:
    async def compared() -> list[str]:
        return differing({"token": pulumi.Output.secret("a")}, {"token": "b", "other": pulumi.Output.from_input("c")})

    import asyncio

    assert asyncio.run(compared()) == []


def judged(before: dict[str, Any], *, change: tuple[str, ...] = (), free: tuple[str, ...] = ()) -> list[str]:
    adoption = Adoption({"group": "legacy", "topic": "arn"}, change)
    adoption.look(before)
    return [name for name, _ in adoption.judge("group", free)(LIVE, {"nodeType": "small", "port": 7000.0})]


def test_only_a_new_adoption_is_judged() -> None:
    assert judged({}) == ["node_type", "port"]
    assert judged({"takenOver": {"topic": "arn"}}) == ["node_type", "port"]
    assert judged({"takenOver": {"group": "another"}}) == ["node_type", "port"]
    assert judged({"takenOver": {"group": "legacy"}}) == []


def test_both_values_are_shown_as_people_write_them() -> None:
    adoption = Adoption({"group": "legacy"})
    adoption.look({})
    [(_, reason)] = adoption.judge("group")({"groups": [{"weight": 1.0, "__defaults": []}]}, {"groups": [{"weight": 0.5}]})
    assert reason.startswith("[{'weight': 1}] is live, [{'weight': 0.5}] is asked for; ")


def test_what_is_named_or_the_components_own_may_change() -> None:
    assert judged({}, change=("node_type",)) == ["port"]
    assert judged({}, free=("port",)) == ["node_type"]


def test_a_component_that_is_not_updated_adopts_nothing() -> None:
    assert Adoption({"group": "legacy"}).judge("group")(LIVE, {"nodeType": "small"}) == []


@pytest.mark.parametrize("change", ["node_type", [1], ["nodeType"], {"node_type": True}])
def test_names_of_properties(change: Any) -> None:
    checks = Checks({"change": change})
    assert checked_change(checks) == ()
    assert [name for name, _ in checks.problems] == ["change"]
    assert checked_change(Checks({"change": ["node_type"]})) == ("node_type",)


def test_names_that_are_no_property_are_refused_with_the_nearest() -> None:
    class GroupArgs:
        def __init__(self, *, node_type: str, snapshot_retention_limit: int) -> None:
            """Nothing is made of it."""

    assert no_such_properties(("node_type", "snapshot_retention_limit"), (GroupArgs,)) == []
    assert no_such_properties(("snapshot_retention_days", "zones"), (GroupArgs,)) == [
        (
            "adopt.change",
            "'snapshot_retention_days' is no property of what can be taken over; did you mean snapshot_retention_limit?",
        ),
        ("adopt.change", "'zones' is no property of what can be taken over; the refusal of a difference shows its name"),
    ]


def test_a_name_is_found_in_the_sdks_spelling() -> None:
    adoption = Adoption({"listener": "arn"}, ("routing_http_request_x_amzn_tls_version_header_name",))
    adoption.look(None)
    assert adoption.judge("listener")({}, {"routingHttpRequestXAmznTlsVersionHeaderName": "version"}) == []
