"""1,000 clients over 300 s of virtual time, on the records that WeightedBlueGreen puts into an emulated zone.

Whether shares follow the weights, and how long clients stay with a colour that is sick. Route 53's own time to bring a change
to all its servers (generally within 60 s, GetChange says when) and connections that stay open are no part of it.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from redis_ha.traffic.weighted import WeightedBlueGreen
from tests.support.emulated_zone import EmulatedZone
from tests.support.route53_clients import CLIENTS, EVERY, SECONDS, Lookup, lookups, share, tolerance
from tests.support.route53_health import Health, Outage, longest_detection
from tests.support.route53_resolver import Answer, Balancer, Question

SEED = 20261121
TTL = 20
SICK_AT = 103.4
BLUE, GREEN = "blue-1.eu-central-1.elb.amazonaws.com", "green-1.eu-central-1.elb.amazonaws.com"
ELB_ZONE = "Z215JYRZR1TBD5"


def deploy(zone: EmulatedZone, weights: dict[str, int], **more: Any) -> None:
    """Deploy a name with a CNAME a colour, or what `names` says."""
    hosts = {"blue": {"host": "blue.example.net"}, "green": {"host": "green.example.net"}, "ttl_seconds": TTL}
    given: dict[str, Any] = {
        "region": "eu-central-1",
        "zone_id": zone.id,
        "zone_name": zone.name,
        "names": {f"api.{zone.name}": hosts},
        "weights": weights,
        **more,
    }
    zone.deploy(lambda: WeightedBlueGreen("shop", given))  # type: ignore[arg-type]


def endpoint_check(colour: str, interval: int, failures: int) -> dict[str, Any]:
    """A check of a colour's own host, which is not the record's name."""
    return {"endpoint": {"host": f"{colour}.example.net", "interval_seconds": interval, "failure_threshold": failures}}


def met(zone: EmulatedZone, *outages: Outage, balancers: dict[str, Balancer] | None = None, sick: str = "") -> list[Lookup]:
    """Let the clients ask; `sick` is a balancer that is unhealthy from SICK_AT on."""
    records, health = zone.records(), Health(zone.checks(), outages)
    outside = balancers or {}
    after = {**outside, sick: Balancer(outside[sick].addresses, healthy=False)} if sick else outside

    def ask(at: float, chance: random.Random) -> Answer | None:
        found = after if at >= SICK_AT else outside
        question = Question(records, lambda check: health.healthy(check, at), found, chance)
        return question.answer(f"api.{zone.name}", "A")

    return lookups(ask, seed=SEED)


def last_use(found: list[Lookup], colour: str) -> float:
    return max(each.last for each in found if each.colour == colour)


@pytest.mark.parametrize("weights", [(90, 10), (50, 50), (255, 1), (1, 99), (128, 127)])
def test_shares_follow_the_weights(zone: EmulatedZone, weights: tuple[int, int]) -> None:
    blue, green = weights
    deploy(zone, {"blue": blue, "green": green})
    found = met(zone)
    assert sum(each.requests for each in found) == CLIENTS * SECONDS / EVERY
    assert len(found) >= CLIENTS * SECONDS / TTL
    expected = green / (blue + green)
    allowed = tolerance(found, expected)
    assert abs(share(found, "green") - expected) <= allowed
    # The tolerance says something: 15,000 answers know 10 % to the percent.
    assert allowed < 0.02


def test_a_colour_without_weight_is_met_by_nobody(zone: EmulatedZone) -> None:
    deploy(zone, {"blue": 100, "green": 0})
    assert {each.colour for each in met(zone)} == {"blue"}


def test_both_without_weight_share_equally(zone: EmulatedZone) -> None:
    deploy(zone, {"blue": 0, "green": 0}, allow_both_zero=True)
    found = met(zone)
    assert abs(share(found, "green") - 0.5) <= tolerance(found, 0.5)


@pytest.mark.parametrize(("interval", "failures"), [(10, 1), (30, 1), (10, 3), (30, 2)])
def test_a_sick_colour_is_left_within_detection_and_time_to_live(zone: EmulatedZone, interval: int, failures: int) -> None:
    """With a failure threshold of 1 that is one check interval plus the time to live."""
    health = {colour: endpoint_check(colour, interval, failures) for colour in ("blue", "green")}
    deploy(zone, {"blue": 90, "green": 10}, health=health, standby_receives_on_failure=True)
    found = met(zone, Outage("blue.example.net", SICK_AT))
    assert longest_detection(zone.check_of("blue")) == interval * failures
    left = last_use(found, "blue")
    assert left <= SICK_AT + interval * failures + TTL
    # And not sooner than caches allow: somebody had asked just before it showed.
    assert left > SICK_AT + TTL / 2
    # Nobody is without an answer: everything goes to the other colour, although its weight is a tenth.
    assert {each.colour for each in found if each.at > SICK_AT + interval * failures} == {"green"}


def test_without_a_check_a_sick_colour_is_never_left(zone: EmulatedZone) -> None:
    deploy(zone, {"blue": 90, "green": 10})
    assert last_use(met(zone, Outage("blue.example.net", SICK_AT)), "blue") > SECONDS - 2 * EVERY


def test_a_colour_that_recovers_gets_its_share_again(zone: EmulatedZone) -> None:
    health = {colour: endpoint_check(colour, 10, 1) for colour in ("blue", "green")}
    deploy(zone, {"blue": 50, "green": 50}, health=health, standby_receives_on_failure=True)
    found = met(zone, Outage("blue.example.net", 50, 150))
    assert {each.colour for each in found if 60 < each.at < 150} == {"green"}
    later = [each for each in found if each.at > 150 + 10]
    assert abs(share(later, "blue") - 0.5) <= tolerance(later, 0.5)


@pytest.mark.parametrize("receives", [True, False])
def test_a_standby_takes_over_or_not_as_was_said(zone: EmulatedZone, receives: bool) -> None:
    health = {"blue": endpoint_check("blue", 10, 1)}
    deploy(zone, {"blue": 100, "green": 0}, health=health, standby_receives_on_failure=receives)
    found = met(zone, Outage("blue.example.net", SICK_AT))
    before, after = ({each.colour for each in found if (each.at > SICK_AT + 10) is later} for later in (False, True))
    assert "blue" in before
    assert after == ({"green"} if receives else {"blue"})


def test_a_sick_balancer_is_left_within_its_time_to_live(zone: EmulatedZone) -> None:
    """Aliases that evaluate their target's health: detection is the balancer's own (interval by unhealthy threshold)."""
    balancers = {BLUE: Balancer(("10.0.0.1",)), GREEN: Balancer(("10.0.0.2",))}
    aliases = {
        colour: {"alias": {"name": name, "zone_id": ELB_ZONE, "evaluate_target_health": True}}
        for colour, name in (("blue", BLUE), ("green", GREEN))
    }
    deploy(zone, {"blue": 90, "green": 10}, names={f"api.{zone.name}": aliases}, standby_receives_on_failure=True)
    found = met(zone, balancers=balancers, sick=BLUE)
    early = [each for each in found if each.at < SICK_AT]
    assert abs(share(early, "green") - 0.1) <= tolerance(early, 0.1)
    assert SICK_AT < last_use(found, "blue") <= SICK_AT + 60
    assert {each.colour for each in found if each.at > SICK_AT} == {"green"}


def test_a_shift_reaches_everybody_within_the_time_to_live(zone: EmulatedZone) -> None:
    deploy(zone, {"blue": 90, "green": 10})
    before = zone.records()
    pair = [record for record in before if "SetIdentifier" in record]
    zone.put(*({**record, "Weight": 0 if record["SetIdentifier"] == "blue" else 100} for record in pair))
    after = zone.records()

    def ask(at: float, chance: random.Random) -> Answer | None:
        question = Question(before if at < SICK_AT else after, lambda _: True, {}, chance)
        return question.answer(f"api.{zone.name}", "A")

    found = lookups(ask, seed=SEED)
    assert {each.colour for each in found if each.at >= SICK_AT} == {"green"}
    assert SICK_AT + TTL / 2 < last_use(found, "blue") <= SICK_AT + TTL


def test_unequal_times_to_live_would_shift_the_shares() -> None:
    """Why a set has one time to live, and none beside aliases of load balancers but theirs, 60 s."""
    common = {"Name": "api.example.com.", "Type": "A", "Weight": 1}
    records: list[dict[str, Any]] = [
        {**common, "SetIdentifier": "blue", "AliasTarget": {"DNSName": BLUE, "EvaluateTargetHealth": False}},
        {**common, "SetIdentifier": "green", "TTL": 300, "ResourceRecords": [{"Value": "10.0.0.2"}]},
    ]
    outside = {BLUE: Balancer(("10.0.0.1",))}
    found = lookups(
        lambda _, chance: Question(records, lambda _: True, outside, chance).answer("api.example.com", "A"), seed=SEED
    )
    assert share(found, "green") > 0.6
