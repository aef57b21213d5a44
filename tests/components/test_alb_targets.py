"""A target that is attached already is not attached under a second name: the end of the first would take it out."""

from typing import Any

import pytest

from redis_ha.traffic.alb_plan import Targets
from redis_ha.traffic.alb_targets import recorded, target_refusals


def record(blue: list[Any], names: list[str] | None = None) -> dict[str, Any]:
    """What is recorded of blue's addresses; anything but text stands for an Output."""
    found = Targets("ip_addresses", "ip", tuple(names or blue))
    return recorded({"blue": found, "green": Targets("ecs", "ip")}, {"blue": {"ip_addresses": blue}, "green": {"ecs": True}})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (record(["a", "b"]), record(["b", "a"])),
        (record(["a", "b"]), record(["b"])),
        (record(["a"]), record(["a", "b"])),
        (record(["a"]), record(["b"])),
        (record(["a"]), record([1], ["a"])),
        (record([1, 2], ["web-1", "web-2"]), record([2], ["web-2"])),
        (record([1], ["web-1"]), record([1, 2], ["web-1", "web-2"])),
        ({}, record(["a"], ["web-1"])),  # made by an earlier version, which recorded none
    ],
)
def test_what_keeps_its_name_or_goes(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert target_refusals(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            record(["a", "b"]),
            record(["a", "b"], ["web-1", "web-2"]),
            "a is attached as 'a' and would be attached as 'web-1' too",
        ),
        (record(["a"], ["web-1"]), record(["a"], ["www-1"]), "keep 'web-1' in names"),
        # An Output may be any target, also the one that goes.
        (record(["a"]), record([1], ["web-1"]), "would be attached as 'web-1' too"),
        (record([1], ["web-1"]), record([1], ["www-1"]), "the target is attached as 'web-1'"),
    ],
)
def test_another_name_is_refused(old: dict[str, Any], new: dict[str, Any], says: str) -> None:
    found = target_refusals(old, new)
    assert {name for name, _ in found} == {"targets.blue.names"}
    assert any(says in reason for _, reason in found), found
