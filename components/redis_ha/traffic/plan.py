"""From the arguments of WeightedBlueGreen to a plan: what is wrong is found here, all of it at once. No Pulumi resources."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis_ha.amazon import REGION, checked_tags
from redis_ha.arguments import Checks
from redis_ha.inputs import holds_output

from . import names
from .authority import (
    AUTHORITIES,
    COLOURS,
    MAX_WEIGHT,
    MIN_WEIGHT,
    RECORD_PATH,
    AuthorityError,
    Decision,
    RuntimeRecords,
    Weights,
    decide_weights,
    default_record_path,
)
from .health_rules import check_health
from .names import MAX_TTL_SECONDS, Held
from .settings import ColourIdentifiers, ColourWeights
from .targets import DEFAULT_TTL_SECONDS, NamePlan, planned_name

# botocore, route53 2013-04-01, ResourceRecordSetIdentifier. Printable ASCII, so that a tool can show and type it.
SET_IDENTIFIER = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")


@dataclass(frozen=True)
class Plan:
    """One set of names that move together."""

    name: str
    region: str
    zone: str
    names: tuple[NamePlan, ...]
    decision: Decision[Weights]
    authority: str
    plan_of_record: bool
    identifiers: Mapping[str, str]
    record_path: str
    checked_colours: tuple[str, ...]
    standby_receives: bool | None
    health_matters: bool
    known: tuple[Held, ...] | None
    tags: Mapping[str, str]
    protect: bool

    @property
    def isolates_standby(self) -> bool:
        """Whether a colour with weight 0 is kept out even when the other one is sick."""
        return self.health_matters and self.standby_receives is False

    def is_standby(self, colour: str) -> bool:
        """Tell whether a colour gets nothing while the other gets all."""
        weights = self.decision.value
        return weights.of(colour) == 0 and max(weights.blue, weights.green) > 0

    def order(self) -> tuple[str, str]:
        """Return the colours in the order in which their records are made and changed.

        Pulumi's provider changes one record a call. The greater new weight is written first: as it is not 0, there is no
        moment at which both weights are 0, which would send half to either colour.
        """
        weights = self.decision.value
        return ("green", "blue") if weights.green > weights.blue else ("blue", "green")

    def record(self, name: NamePlan, kind: str, colour: str) -> Held:
        """Return the identity of a record."""
        return Held(name.name, kind, self.identifiers[colour])


def make_plan(name: str, args: Mapping[str, Any], known: Sequence[str]) -> tuple[Plan, Checks]:
    """Check the plain arguments; return the plan and the checks with everything that is wrong."""
    checks = Checks(args)
    checks.known(known)
    zone = names.zone_name(checks)
    if not args.get("zone_id"):
        checks.refuse("zone_id", "is missing; give the id of the hosted zone")
    private = checks.switch("private", default=False)
    held = names.known_records(checks)
    identifiers = _identifiers(checks)
    planned = _names(checks, zone)
    for one in planned:
        _check_name(checks, one, zone, identifiers, held)
    checked = check_health(checks, {one.name for one in planned}, private=private)
    matters = bool(checked) or any(one.checks_targets for one in planned)
    record_path = checks.text(
        "record_path", default_record_path(name), RECORD_PATH, "a path of parameters such as /redis-ha/shop"
    )
    authority = checks.one_of("weight_authority", "stack", AUTHORITIES)
    runtime = _weights(checks, "runtime_weights", required=False)
    unknown = checks.switch("runtime_unknown", default=False)
    plan = Plan(
        name=name,
        region=checks.text("region", None, REGION, "a region of AWS such as eu-central-1"),
        zone=zone,
        names=tuple(planned),
        decision=_decision(checks, authority, RuntimeRecords(weights=runtime, unknown=unknown), record_path),
        authority=authority,
        plan_of_record=runtime is not None and not unknown,
        identifiers=identifiers,
        record_path=record_path,
        checked_colours=checked,
        standby_receives=_standby(checks, matters=matters),
        health_matters=matters,
        known=held,
        tags=dict(checked_tags(checks)),
        protect=checks.switch("protect", default=True),
    )
    return plan, checks


def _identifiers(checks: Checks) -> Mapping[str, str]:
    given = Checks(checks.mapping("set_identifiers"))
    given.known(tuple(ColourIdentifiers.__annotations__))
    found = {colour: given.text(colour, colour, SET_IDENTIFIER, "1 to 128 printable characters") for colour in COLOURS}
    if found["blue"] == found["green"]:
        given.refuse("green", f"{found['green']!r} is blue's too; Route 53 tells the records apart by it")
    checks.problems += given.under("set_identifiers")
    return found


def _names(checks: Checks, zone: str) -> list[NamePlan]:
    given = checks.mapping("names")
    if not given:
        checks.refuse("names", "is missing; give at least one name with blue and green")
    default_ttl = checks.whole("ttl_seconds", DEFAULT_TTL_SECONDS, 0, MAX_TTL_SECONDS)
    planned: list[NamePlan] = []
    for key, settings in given.items():
        name = names.check_name(checks, f"names.{key}", key, zone)
        if name and name in {one.name for one in planned}:
            checks.refuse(f"names.{key}", f"{name!r} is given twice; names differ neither by case nor by a dot at the end")
        one = planned_name(checks, key, name, settings, default_ttl)
        if one is not None:
            planned.append(one)
    if checks.args.get("ttl_seconds") is not None and planned and all(one.ttl is None for one in planned):
        checks.refuse(
            "ttl_seconds", "alias records have the time to live of their targets, and there are no others; leave it out"
        )
    return planned


def _check_name(checks: Checks, one: NamePlan, zone: str, identifiers: Mapping[str, str], held: Sequence[Held] | None) -> None:
    where = f"names.{one.key}"
    zone_id_known = not holds_output(checks.args.get("zone_id"))
    for kind in one.types:
        names.check_apex(checks, where, one.name, kind, zone)
        names.check_beside(checks, where, one.name, kind, tuple(identifiers.values()), held)
        for colour in COLOURS if one.adopt else ():
            wanted = Held(one.name, kind, identifiers[colour])
            names.check_adopted(checks, f"{where}.adopt", wanted, held, zone_id_known=zone_id_known)


def _weights(checks: Checks, argument: str, *, required: bool) -> Weights | None:
    if checks.args.get(argument) is None:
        if required:
            checks.refuse(argument, f"is missing; give blue's and green's, {MIN_WEIGHT} to {MAX_WEIGHT}")
        return None
    given = Checks(checks.mapping(argument))
    given.known(tuple(ColourWeights.__annotations__))
    found = []
    for colour in COLOURS:
        if given.args.get(colour) is None:
            given.refuse(colour, f"is missing; use {MIN_WEIGHT} to {MAX_WEIGHT}")
        found.append(given.whole(colour, 1, MIN_WEIGHT, MAX_WEIGHT))
    checks.problems += given.under(argument)
    return None if given.problems else Weights(*found)


def _decision(checks: Checks, authority: str, records: RuntimeRecords, record_path: str) -> Decision[Weights]:
    configured = _weights(checks, "weights", required=True) or Weights(1, 1)
    both_zero = checks.switch("allow_both_zero", default=False)
    if configured == Weights(0, 0) and not both_zero:
        checks.refuse(
            "weights",
            "both are 0, and then Route 53 sends half to either colour: give one a weight, or say so by allow_both_zero",
        )
    try:
        return decide_weights(authority, configured, records, record_path)
    except AuthorityError as error:
        checks.refuse(error.argument, error.reason)
        return Decision(configured)


def _standby(checks: Checks, *, matters: bool) -> bool | None:
    given = checks.args.get("standby_receives_on_failure")
    if given is None and matters:
        checks.refuse(
            "standby_receives_on_failure",
            "is missing: with health checks a weight of 0 is not off. true: a colour with weight 0 takes over when the other "
            "one is sick; false: it never does",
        )
        return None
    wanted = checks.switch("standby_receives_on_failure", default=False)
    if given is not None and wanted and not matters:
        checks.refuse(
            "standby_receives_on_failure",
            "true needs to know what is sick: give health for a colour, or aliases with evaluate_target_health",
        )
    return None if given is None else wanted
