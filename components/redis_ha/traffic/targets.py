"""Where a colour's record leads to: which record that makes, and whether both colours differ. No Pulumi resources."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from redis_ha.arguments import Checks, camel_case, kind_of, shown
from redis_ha.inputs import holds_output

from .names import HOST_NAME, MAX_TTL_SECONDS, normal
from .settings import TrafficAlias, TrafficTarget, WeightedName

KINDS = ("alias", "host", "address")
ALIAS_TYPE = re.compile("A|AAAA")
# An alias of a load balancer is answered with the balancer's 60 seconds; beside one, any other time to live skews the weights,
# and health-checked records should not live longer (botocore, route53 2013-04-01, ResourceRecordSet.TTL).
ALIAS_TTL_SECONDS = 60
DEFAULT_TTL_SECONDS = 60
# In front of a load balancer's own name in the console's aliases: the same balancer (docs.aws.amazon.com,
# Route53/latest/DeveloperGuide, resource-record-sets-values-weighted-alias).
DUALSTACK = "dualstack."


@dataclass(frozen=True)
class NamePlan:
    """A name with its pair of records for each type. `ttl` is None where both are aliases."""

    key: str
    name: str
    kinds: Mapping[str, str]
    types: tuple[str, ...]
    ttl: int | None
    adopt: bool
    checks_targets: bool


def planned_name(checks: Checks, key: str, name: str, settings: object, default_ttl: int) -> NamePlan | None:
    """Check one entry of `names`; problems are noted under `names.<key>`."""
    where = f"names.{key}"
    if not isinstance(settings, Mapping):
        checks.refuse(where, f"{kind_of(settings)} is no mapping with blue and green")
        return None
    given = Checks(settings)
    given.known(tuple(WeightedName.__annotations__))
    kinds = {colour: _kind(given, colour) for colour in ("blue", "green")}
    types = _types(given, kinds)
    ttl = _ttl(given, kinds, default_ttl)
    if None not in kinds.values() and same_target(settings["blue"], settings["green"]):
        given.refuse("green", "leads to the same as blue: a weight between two names of one thing moves nothing; give another")
    adopt = given.switch("adopt", default=False)
    checks.problems += given.under(where)
    found = {colour: kind or "host" for colour, kind in kinds.items()}
    return NamePlan(key, name, found, types, ttl, adopt, _evaluates(settings, kinds))


def same_target(blue: Mapping[str, Any], green: Mapping[str, Any]) -> bool:
    """Tell whether two targets are one thing, as far as their values are known."""
    first, second = identity(blue), identity(green)
    if first is None or second is None:
        return False
    if isinstance(first, str) and isinstance(second, str):
        return same_thing(first, second)
    return first is second  # one Output given twice is one value


def identity(target: Mapping[str, Any]) -> Any:
    """Return the name or address that a target leads to, which may be an Output; None when it names none."""
    alias = target.get("alias")
    return alias.get("name") if isinstance(alias, Mapping) else target.get("host", target.get("address"))


def same_thing(first: str, second: str) -> bool:
    """Tell whether two names or addresses are the same to DNS."""
    return normal(first).removeprefix(DUALSTACK) == normal(second).removeprefix(DUALSTACK)


def distinct(value: Any, other: Any, argument: str) -> Any:
    """Return a target's name, checked against the other colour's as soon as both are known."""
    if isinstance(value, str) and isinstance(other, str):
        return value  # checked with the plan

    def check(both: Mapping[str, str]) -> str:
        if same_thing(both["value"], both["other"]):
            reason = (
                f"{both['value']!r} is what the other colour leads to as well: between two names of one thing nothing moves"
            )
            raise pulumi.InputPropertyError(camel_case(argument), f"{argument}: {reason}; give another")
        return both["value"]

    return pulumi.Output.all(value=value, other=other).apply(check)


def _kind(given: Checks, colour: str) -> str | None:
    target = given.args.get(colour)
    if not isinstance(target, Mapping):
        given.refuse(colour, "is missing; give alias, host or address" if target is None else f"{kind_of(target)} is no target")
        return None
    inner = Checks(target)
    if "ttl_seconds" in target:
        inner.refuse(
            "ttl_seconds", "is one for both colours, Route 53 takes no two in a weighted set; give it beside the colours"
        )
    inner.known((*TrafficTarget.__annotations__, "ttl_seconds"))
    named = [kind for kind in KINDS if target.get(kind) is not None]
    if len(named) == 1:
        _check_value(inner, named[0], target[named[0]])
    elif not inner.problems:
        listed = ", ".join(named) or "none of them is"
        inner.refuse("", f"{listed} given; give exactly one of {', '.join(KINDS)}")
    given.problems += inner.under(colour)
    return named[0] if len(named) == 1 else None


def _check_value(inner: Checks, kind: str, value: Any) -> None:
    if kind == "alias":
        _check_alias(inner, value)
    elif holds_output(value):
        return
    elif kind == "host" and (not isinstance(value, str) or not HOST_NAME.fullmatch(value)):
        inner.refuse("host", f"{shown(value)} is not a full host name such as blue.example.com")
    elif kind == "address" and not _is_ipv4(value):
        inner.refuse("address", f"{shown(value)} is no IPv4 address")


def _check_alias(inner: Checks, value: Any) -> None:
    if not isinstance(value, Mapping):
        inner.refuse("alias", f"{kind_of(value)} is no mapping with name and zone_id")
        return
    alias = Checks(value)
    alias.known(tuple(TrafficAlias.__annotations__))
    for argument in ("name", "zone_id"):
        if value.get(argument) is None:
            alias.refuse(argument, "is missing; give the load balancer's")
    name = value.get("name")
    if name is not None and not holds_output(name) and (not isinstance(name, str) or not HOST_NAME.fullmatch(name)):
        alias.refuse("name", f"{shown(name)} is not the full DNS name of a load balancer")
    alias.switch("evaluate_target_health", default=True)
    inner.problems += alias.under("alias")


def _is_ipv4(value: object) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value).version == 4
    except ValueError:
        return False


def _types(given: Checks, kinds: Mapping[str, str | None]) -> tuple[str, ...]:
    types = given.texts("types", ALIAS_TYPE, "a type of an alias of a load balancer: A or AAAA")
    if given.args.get("types") is not None and not types and not given.refused("types"):
        given.refuse("types", "is empty; give A, AAAA or both, or leave it out")
    named = set(kinds.values())
    if "host" in named:
        if len(named - {None}) > 1:
            given.refuse(
                "green", "and blue make records of different types, and a CNAME stands alone; use the same kind of target"
            )
        if types:
            given.refuse("types", "are for aliases; a host is always a CNAME: leave types out")
        return ("CNAME",)
    if "address" in named and types not in {(), ("A",)}:
        given.refuse("types", f"{', '.join(types)}: an address makes an A record only; leave types out or use aliases")
        return ("A",)
    return types or ("A",)


def _ttl(given: Checks, kinds: Mapping[str, str | None], default: int) -> int | None:
    named = set(kinds.values())
    if named == {"alias"}:
        if given.args.get("ttl_seconds") is not None:
            given.refuse("ttl_seconds", "an alias record has the time to live of its target, and none of its own; leave it out")
        return None
    ttl = given.whole("ttl_seconds", default, 0, MAX_TTL_SECONDS)
    if "alias" in named and ttl != ALIAS_TTL_SECONDS and not given.refused("ttl_seconds"):
        given.refuse(
            "ttl_seconds",
            f"{ttl}: the other colour is an alias of a load balancer and lives {ALIAS_TTL_SECONDS} s; a difference within the "
            f"set skews the weights: use {ALIAS_TTL_SECONDS}",
        )
    return ttl


def _evaluates(settings: Mapping[str, Any], kinds: Mapping[str, str | None]) -> bool:
    return any(
        kind == "alias"
        and isinstance(settings[colour]["alias"], Mapping)
        and settings[colour]["alias"].get("evaluate_target_health") is not False
        for colour, kind in kinds.items()
    )
