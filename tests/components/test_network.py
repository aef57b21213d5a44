"""PrivateNetwork: a zone's subnet stays where it is, whatever other zones do, and wrong input is named."""

import ipaddress
from typing import Any

import pulumi
import pytest

from redis_ha.arguments import InvalidArgumentsError
from redis_ha.network import PrivateNetwork, PrivateNetworkArgs
from redis_ha.network.layout import make_layout
from tests.support.pulumi_world import run

GOOD: dict[str, Any] = {
    "region": "eu-central-1",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "ip_range": "10.50.0.0/20",
}
KNOWN = tuple(PrivateNetworkArgs.__annotations__)


def layout(**changes: Any) -> dict[str, str]:
    return dict(make_layout("net", GOOD | changes, KNOWN).subnets)


def test_each_zone_has_its_own_eighth_of_the_range() -> None:
    zones = [f"eu-central-1{letter}" for letter in "abcdefgh"]
    subnets = [ipaddress.IPv4Network(block) for block in layout(zones=zones).values()]
    assert list(ipaddress.collapse_addresses(subnets)) == [ipaddress.IPv4Network("10.50.0.0/20")]


def test_a_zone_that_comes_or_goes_moves_no_other() -> None:
    both = layout()
    three = layout(zones=["eu-central-1c", "eu-central-1b", "eu-central-1a"])
    assert {zone: three[zone] for zone in both} == both
    assert layout(zones=["eu-central-1b", "eu-central-1c"])["eu-central-1b"] == both["eu-central-1b"]


@pytest.mark.parametrize(
    ("changes", "argument", "said"),
    [
        ({"zones": ["eu-central-1a"]}, "zones", "at least 2"),
        ({"zones": ["eu-central-1a", "eu-central-1a"]}, "zones", "at least 2"),
        ({"zones": ["eu-central-1a", "eu-west-1b"]}, "zones", "'eu-west-1b' is not a zone of the region"),
        ({"zones": ["eu-central-1a", "eu-central-1z"]}, "zones", "'eu-central-1z' is not a zone"),
        ({"region": "Frankfurt"}, "region", "'Frankfurt' is not a region"),
        ({"ip_range": "10.50.0.0/23"}, "ip_range", "is a /23"),
        ({"ip_range": "10.0.0.0/8"}, "ip_range", "is a /8"),
        ({"ip_range": "10.50.0.1/20"}, "ip_range", "no private IPv4 range"),
        ({"ip_range": "198.51.100.0/20"}, "ip_range", "no private IPv4 range"),
        ({"ip_rang": "10.50.0.0/20"}, "ip_rang", "did you mean ip_range"),
        ({"protect": "yes"}, "protect", "neither true nor false"),
    ],
)
def test_wrong_arguments_are_named_with_value_and_remedy(changes: dict[str, Any], argument: str, said: str) -> None:
    with pytest.raises(InvalidArgumentsError) as caught:
        layout(**changes)
    assert said in dict(caught.value.problems)[argument]


@pytest.mark.parametrize("protect", [True, False])
def test_children(protect: bool) -> None:
    def program() -> dict[str, Any]:
        made = PrivateNetwork("net", PrivateNetworkArgs(**GOOD, tags={"team": "a"}, protect=protect))  # type: ignore[typeddict-item]
        return {"vpc": made.vpc_id, "subnets": made.subnet_ids}

    monitor, outputs = run(program)
    assert monitor.names("Vpc") == ["net-vpc"]
    assert monitor.names("Subnet") == ["net-eu-central-1a", "net-eu-central-1b"]
    assert outputs["subnets"][0] == ["net-eu-central-1a-id", "net-eu-central-1b-id"]
    for name in [*monitor.names("Vpc"), *monitor.names("Subnet")]:
        assert monitor.requests[name].protect is protect
        assert monitor.requests[name].object["region"] == "eu-central-1"
        assert monitor.requests[name].object["tags"]["team"] == "a"
    assert monitor.requests["net-vpc"].object["enableDnsHostnames"] is True


def test_nothing_is_registered_when_arguments_are_wrong() -> None:
    def program() -> None:
        with pytest.raises(pulumi.InputPropertiesError):
            PrivateNetwork("net", PrivateNetworkArgs(region="eu-central-1", zones=[], ip_range="x"))

    monitor, _ = run(program)
    assert monitor.order == []
