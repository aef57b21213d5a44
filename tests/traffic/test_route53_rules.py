"""The resolver of the tests follows Route 53's rules, on record sets that were really put into an emulated zone."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tests.support.emulated_zone import EmulatedZone
from tests.support.route53_health import CHECKERS, Health, Outage, longest_detection
from tests.support.route53_resolver import Answer, Balancer, Question

QUESTIONS = 400
BLUE, GREEN = "lb-blue.eu-central-1.elb.amazonaws.com", "lb-green.eu-central-1.elb.amazonaws.com"
# docs.aws.amazon.com, general/latest/gr/elb: the zone of Application Load Balancers in eu-central-1.
ELB_ZONE = "Z215JYRZR1TBD5"
# Words of the tables of routing-policy-weighted.
YES, NO, WELL, SICK, NONE = True, False, "Healthy", "Unhealthy", "N/A"


def weighted(zone: EmulatedZone, identifier: str, weight: int, **more: Any) -> dict[str, Any]:
    value = {"TTL": 30, "ResourceRecords": [{"Value": f"{identifier}.targets.example.net"}]}
    return {"Name": f"api.{zone.name}", "Type": "CNAME", "SetIdentifier": identifier, "Weight": weight, **value, **more}


def alias(
    zone: EmulatedZone, identifier: str, weight: int, target: str, *, evaluate: bool, zone_id: str = ELB_ZONE
) -> dict[str, Any]:
    pointer = {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": evaluate}
    return {"Name": f"api.{zone.name}", "Type": "A", "SetIdentifier": identifier, "Weight": weight, "AliasTarget": pointer}


def answers(
    zone: EmulatedZone,
    sick: set[str] = frozenset(),  # type: ignore[assignment]
    *,
    kind: str = "A",
    balancers: dict[str, Balancer] | None = None,
) -> Counter[Any]:
    """Ask many times for api; return how often each set identifier (or value) was the answer."""
    chance = random.Random(7)  # noqa: S311  nothing is kept secret by it
    question = Question(zone.records(), lambda check: check not in sick, balancers or {}, chance)
    found: Counter[Any] = Counter()
    for _ in range(QUESTIONS):
        answer = question.answer(f"api.{zone.name}", kind)
        assert answer is not None
        found[answer.identifiers[0] if answer.identifiers else answer.values] += 1
    return found


def one(zone: EmulatedZone, kind: str, **more: Any) -> Answer | None:
    question = Question(zone.records(), lambda _: True, more.get("balancers", {}), random.Random(7))  # noqa: S311  see above
    return question.answer(f"api.{zone.name}", kind)


@pytest.mark.parametrize(
    ("checked", "statuses", "answered"),
    [
        # The 0-weight record includes a health check.
        ([YES, YES, YES], [SICK, SICK, WELL], [NO, NO, YES]),
        ([YES, YES, YES], [SICK, SICK, SICK], [YES, YES, NO]),
        ([YES, YES, YES], [SICK, WELL, SICK], [NO, YES, NO]),
        ([YES, YES, YES], [WELL, WELL, SICK], [YES, YES, NO]),
        ([YES, YES, YES], [WELL, WELL, WELL], [YES, YES, NO]),
        # It does not.
        ([YES, YES, NO], [WELL, WELL, NONE], [YES, YES, NO]),
        ([YES, YES, NO], [SICK, SICK, NONE], [NO, NO, YES]),
        ([YES, YES, NO], [SICK, WELL, NONE], [NO, YES, NO]),
    ],
)
def test_the_tables_of_the_developer_guide(
    zone: EmulatedZone, checked: list[bool], statuses: list[str], answered: list[bool]
) -> None:
    """Every row of the two tables of "Health checks and weighted routing" (weights 1, 1 and 0)."""
    names = ["record-1", "record-2", "record-3"]
    checks = {
        name: zone.check(Type="TCP", IPAddress=f"203.0.113.{number}", Port=443) if has else None
        for number, (name, has) in enumerate(zip(names, checked, strict=True), start=1)
    }
    records = [weighted(zone, name, weight) for name, weight in zip(names, [1, 1, 0], strict=True)]
    zone.put(
        *(
            {**record, "HealthCheckId": checks[name]} if checks[name] else record
            for record, name in zip(records, names, strict=True)
        )
    )
    sick = {str(checks[name]) for name, status in zip(names, statuses, strict=True) if status == SICK}
    found = answers(zone, sick)
    assert {name: found[name] > 0 for name in names} == dict(zip(names, answered, strict=True))


def test_weights_are_shares_of_their_sum(zone: EmulatedZone) -> None:
    zone.put(weighted(zone, "blue", 3), weighted(zone, "green", 1))
    found = answers(zone)
    # 400 questions, p 1/4: four standard deviations are 4 x sqrt(400 x 1/4 x 3/4) = 34.6.
    assert abs(found["green"] - 100) < 34.6


def test_a_weight_of_0_without_checks_is_never_the_answer(zone: EmulatedZone) -> None:
    zone.put(weighted(zone, "blue", 1), weighted(zone, "green", 0))
    assert answers(zone) == {"blue": QUESTIONS}


def test_all_weights_0_are_equal_shares(zone: EmulatedZone) -> None:
    zone.put(weighted(zone, "blue", 0), weighted(zone, "green", 0))
    assert abs(answers(zone)["blue"] - QUESTIONS / 2) < 40  # 4 x sqrt(400 x 1/2 x 1/2)


def test_a_balancer_that_is_sick_is_left_when_its_health_is_evaluated(zone: EmulatedZone) -> None:
    sick = {BLUE: Balancer(("10.0.0.1",), healthy=False), GREEN: Balancer(("10.0.0.2",))}
    zone.put(alias(zone, "blue", 200, BLUE, evaluate=True), alias(zone, "green", 1, GREEN, evaluate=True))
    assert answers(zone, balancers=sick) == {"green": QUESTIONS}
    zone.put(alias(zone, "blue", 200, BLUE, evaluate=False), alias(zone, "green", 1, GREEN, evaluate=False))
    assert answers(zone, balancers=sick)["blue"] > QUESTIONS / 2


def test_an_alias_has_the_balancers_time_to_live(zone: EmulatedZone) -> None:
    zone.put(alias(zone, "blue", 1, f"dualstack.{BLUE}", evaluate=True))
    assert one(zone, "A", balancers={BLUE: Balancer(("10.0.0.1", "10.0.0.3"))}) == Answer(
        "A", ("10.0.0.1", "10.0.0.3"), 60, ("blue",)
    )


def test_an_alias_to_records_of_the_zone_is_as_healthy_as_the_best_of_them(zone: EmulatedZone) -> None:
    checks = [zone.check(Type="TCP", IPAddress=f"203.0.113.{number}", Port=443) for number in (1, 2)]
    for number, check in enumerate(checks, start=1):
        inner = {"Name": f"blue.{zone.name}", "Type": "A", "SetIdentifier": str(number), "Weight": 1, "TTL": 20}
        zone.put({**inner, "ResourceRecords": [{"Value": f"203.0.113.{number}"}], "HealthCheckId": check})
    plain = {"Name": f"green.{zone.name}", "Type": "A", "TTL": 20, "ResourceRecords": [{"Value": "203.0.113.9"}]}
    zone.put(plain)
    zone.put(
        alias(zone, "blue", 255, f"blue.{zone.name}", evaluate=True, zone_id=zone.id),
        alias(zone, "green", 1, f"green.{zone.name}", evaluate=True, zone_id=zone.id),
    )
    assert answers(zone, {checks[0]})["blue"] > QUESTIONS / 2
    assert answers(zone, set(checks)) == {"green": QUESTIONS}
    found = one(zone, "A")
    assert found is not None
    assert (found.ttl, found.type) == (20, "A")


def test_simple_records_and_names_that_are_not_there(zone: EmulatedZone) -> None:
    zone.put({"Name": f"api.{zone.name}", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "cache.example.net"}]})
    assert one(zone, "A") == Answer("CNAME", ("cache.example.net",), 5)
    assert one(zone, "CNAME") == Answer("CNAME", ("cache.example.net",), 5)
    question = Question(zone.records(), lambda _: True, {}, random.Random(7))  # noqa: S311  see above
    assert question.answer(f"web.{zone.name}", "A") is None


CHECK: dict[str, Any] = {"Type": "HTTPS", "FullyQualifiedDomainName": "blue.example.net", "Port": 443}


@pytest.mark.parametrize(("interval", "failures"), [(10, 1), (10, 3), (30, 3), (30, 10)])
def test_an_outage_shows_after_intervals_by_failures(interval: int, failures: int) -> None:
    config = CHECK | {"RequestInterval": interval, "FailureThreshold": failures}
    for begins in (100.0, 103.7, 109.99):
        health = Health({"c": config}, [Outage("blue.example.net", begins)])
        assert health.healthy("c", begins)
        # Most checkers have to agree: it takes nearly the whole time, and never more.
        assert health.healthy("c", begins + interval * (failures - 1))
        assert not health.healthy("c", begins + longest_detection(config))


def test_a_check_comes_back_by_the_same_count() -> None:
    health = Health({"c": CHECK | {"RequestInterval": 10, "FailureThreshold": 2}}, [Outage("blue.example.net", 100, 150)])
    assert not health.healthy("c", 150)
    assert health.healthy("c", 150 + 20)
    # A hiccup shorter than the count asks for is none.
    short = Health({"c": CHECK | {"RequestInterval": 10, "FailureThreshold": 3}}, [Outage("blue.example.net", 100, 115)])
    assert all(short.healthy("c", at) for at in range(90, 160))


def test_more_than_18_percent_of_the_checkers_decide() -> None:
    """With one failure in a row each checker says so at its first probe: the last few decide."""
    health = Health({"c": CHECK | {"RequestInterval": 10, "FailureThreshold": 1}}, [Outage("blue.example.net", 100)])
    # At 100 + k x 10/16 s, k + 1 checkers have seen it; it is sick once at most 18 % of 16, that is 2, say well.
    assert CHECKERS == 16
    assert health.healthy("c", 100 + 12 * 10 / 16)
    assert not health.healthy("c", 100 + 13 * 10 / 16)


def test_alarms_children_inversion_and_disabled_checks() -> None:
    alarm: dict[str, Any] = {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": "eu-central-1", "Name": "blue-sick"}}
    checks: dict[str, dict[str, Any]] = {
        "alarm": alarm,
        "inverted": alarm | {"Inverted": True},
        "never": {"Type": "TCP", "FullyQualifiedDomainName": "standby.invalid", "Disabled": True, "Inverted": True},
        "disabled": CHECK | {"Disabled": True},
        "one-of": {"Type": "CALCULATED", "ChildHealthChecks": ["alarm", "disabled"], "HealthThreshold": 1},
        "both": {"Type": "CALCULATED", "ChildHealthChecks": ["alarm", "disabled"], "HealthThreshold": 2},
        "nothing": {"Type": "CALCULATED", "ChildHealthChecks": ["never"], "HealthThreshold": 0},
        "too-many": {"Type": "CALCULATED", "ChildHealthChecks": ["disabled"], "HealthThreshold": 2},
    }
    health = Health(checks, [Outage("blue-sick", 100), Outage("blue.example.net", 0)])
    before = {name: health.healthy(name, 99) for name in checks}
    after = {name: health.healthy(name, 100) for name in checks}
    always = {"never": False, "disabled": True, "nothing": True, "too-many": False}
    assert before == {"alarm": True, "inverted": False, "one-of": True, "both": True, **always}
    assert after == {"alarm": False, "inverted": True, "one-of": True, "both": False, **always}
