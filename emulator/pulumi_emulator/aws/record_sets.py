"""What Route 53 does with a batch of changes to a zone's record sets: all of it, or nothing and a list of what is wrong.

Record sets are plain data, named as in the API (ResourceRecordSet). A batch is judged as a whole: what matters is how the zone
looks after it, so both members of a weighted pair can change their TTL together, but not one after the other.
docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

RecordSet = Mapping[str, Any]
Key = tuple[str, str, str]

API: Final = "docs.aws.amazon.com/Route53/latest/APIReference/"
# "You can create a maximum of 100 weighted resource record sets that have the same values for the Name and Type elements."
MAX_WEIGHTED: Final = 100  # API_ResourceRecordSet.html (Weight)
MAX_WEIGHT: Final = 255  # API_ResourceRecordSet.html (Weight)
MAX_VALUES: Final = 1000  # Route53/latest/DeveloperGuide/DNSLimitations.html, where UPSERT counts twice
# What makes a routing policy, and the word for it in Route 53's texts.
POLICIES: Final = {
    "Weight": "weighted",
    "Region": "latency",
    "Failover": "failover",
    "GeoLocation": "geo location",
    "GeoProximityLocation": "geo proximity",
    "MultiValueAnswer": "multivalue answer",
    "CidrRoutingConfig": "CIDR",
}
ACTIONS: Final = ("CREATE", "DELETE", "UPSERT")


class RefusedError(Exception):
    """A batch that Route 53 does not take: the error's code and its text."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Refusal:
    """One rule: the error's code, its text, and where that is written."""

    code: str
    text: str
    source: str


BATCH: Final = "InvalidChangeBatch"
INPUT: Final = "InvalidInput"
CHANGE: Final = "in Change with [Action={action}, Name={name}, Type={type}, SetIdentifier={id}]"
MEMBER: Final = "changeBatch.changes.{number}.member"
REFUSALS: Final = {
    # One change by itself.
    "action": Refusal(
        INPUT,
        "1 validation error detected: Value '{value}' at '" + MEMBER + ".action' failed to satisfy constraint: "
        "Member must satisfy enum value set: [CREATE, DELETE, UPSERT]",
        f"{API}API_Change.html (Action)",
    ),
    "nothing": Refusal(
        INPUT,
        "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
        f"TrafficPolicyInstanceId], but found none {CHANGE}",
        "ministryofjustice/modernisation-platform#10072",
    ),
    "alias-and-values": Refusal(
        INPUT,
        "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
        f"TrafficPolicyInstanceId], but found more than one {CHANGE}",
        "ansible-collections/community.aws#434",
    ),
    "policy-needs-id": Refusal(
        INPUT, f"Invalid request: Missing field 'SetIdentifier' {CHANGE}", f"{API}API_ResourceRecordSet.html (SetIdentifier)"
    ),
    "id-needs-policy": Refusal(
        INPUT,
        "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, GeoProximityLocation, "
        f"MultiValueAnswer, or CidrRoutingConfig], but found {{count}} {CHANGE}",
        f"{API}API_ResourceRecordSet.html (SetIdentifier)",
    ),
    "weight": Refusal(
        INPUT,
        "1 validation error detected: Value '{value}' at '" + MEMBER + ".resourceRecordSet.weight' failed to satisfy "
        "constraint: Member must have value less than or equal to 255",
        f"{API}API_ResourceRecordSet.html (Weight: 0 to 255)",
    ),
    "too-many-values": Refusal(BATCH, "Number of records limit of 1000 exceeded.", "moto/route53/exceptions.py"),
    "health-check": Refusal(
        "NoSuchHealthCheck",
        "A health check with id {value} does not exist.",
        f"{API}API_ChangeResourceRecordSets.html (NoSuchHealthCheck)",
    ),
    # One change against the zone.
    "protected": Refusal(
        BATCH,
        "The resource record set '{type} {name}' has a resource record set protection{comment}",
        f"{API}API_CreateResourceRecordSetProtections.html; the words are ours",
    ),
    "twice": Refusal(
        BATCH,
        "The request contains an invalid set of changes for a resource record set '{type} {name}'",
        f"{API}API_ChangeResourceRecordSets.html (InvalidChangeBatch)",
    ),
    "exists": Refusal(
        BATCH, "Tried to create resource record set [{record}] but it already exists", "barnybug/cli53#317, external-dns#5939"
    ),
    "missing": Refusal(BATCH, "Tried to delete resource record set [{record}] but it was not found", "barnybug/cli53#70"),
    "differs": Refusal(
        BATCH,
        "Tried to delete resource record set [{record}] but the values provided do not match the current values",
        "floci-io/floci#3565",
    ),
    "outside": Refusal(BATCH, "RRSet with DNS name {name} is not permitted in zone {zone}", "moto/route53/exceptions.py"),
    "address": Refusal(
        BATCH,
        "Invalid Resource Record: 'FATAL problem: {family}RRDATAIllegalIPv{version}Address (Value is not a valid "
        "IPv{version} address) encountered with '{value}''",
        "Route53/latest/DeveloperGuide/ResourceRecordTypes.html (A, AAAA)",
    ),
    # The zone after the batch.
    "apex": Refusal(
        BATCH,
        "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}",
        "stackoverflow.com/questions/20215729",
    ),
    "cname-beside": Refusal(
        BATCH,
        "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS "
        "name in zone {zone}",
        "capitalone/Particle-Cloud-Framework#113",
    ),
    "beside-cname": Refusal(
        BATCH,
        "RRSet of type {type} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same "
        "DNS name already exists in zone {zone}",
        "boto/boto3#1475",
    ),
    "simple-beside": Refusal(
        BATCH,
        "RRSet with DNS name {name}, type {type} cannot be created as other RRSets exist with the same name and type.",
        "chef-boneyard/route53#100",
    ),
    "other-policy": Refusal(
        BATCH,
        "RRSet with DNS name {name}, type {type}, SetIdentifier {id} cannot be created as a non-{policy} set exists with the "
        "same name and type.",
        "kubernetes-sigs/external-dns#4345",
    ),
    "ttl": Refusal(
        BATCH,
        "RRSet with DNS name {name}, type {type}, SetIdentifier {id} cannot be created as weighted sets must contain the "
        "same TTL.",
        "aws/aws-sdk-go-v2#518",
    ),
    "too-many-weighted": Refusal(
        BATCH,
        "RRSet with DNS name {name}, type {type}, SetIdentifier {id} cannot be created as there are already 100 weighted sets "
        "with the same name and type.",
        f"{API}API_ResourceRecordSet.html (Weight); the words are ours",
    ),
    "alias-outside": Refusal(
        BATCH,
        "Tried to create an alias that targets {target}, type {type} in zone {target_zone}, but the alias target name does "
        "not lie within the target zone",
        "harmony-one/harmony-ops#491",
    ),
    "alias-missing": Refusal(
        BATCH,
        "Tried to create an alias that targets {target}, type {type} in zone {target_zone}, but that target was not found",
        "harmony-one/harmony-ops#491",
    ),
    "no-servers": Refusal(
        BATCH,
        "A HostedZone must contain at least one NS record for the zone itself.",
        "Route53/latest/DeveloperGuide/SOA-NSrecords.html",
    ),
    "no-authority": Refusal(
        BATCH,
        "A HostedZone must contain exactly one SOA record.",
        "Route53/latest/DeveloperGuide/SOA-NSrecords.html",
    ),
}


@dataclass(frozen=True)
class Zone:
    """What of a hosted zone decides about changes: its name (ending in a dot), id, and what else exists beside it."""

    name: str
    zone_id: str
    health_checks: Collection[str] = ()
    # The names of the account's other zones by id, for aliases into them.
    others: Mapping[str, str] | None = None
    # Names and types that may not be changed, with the comments of those who said so.
    protected: Mapping[tuple[str, str], str] | None = None


def changed(zone: Zone, sets: Sequence[RecordSet], changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a zone's record sets after a batch of changes; RefusedError with all that is wrong, and nothing is changed."""
    for number, change in enumerate(changes, start=1):
        _check_form(change, number, zone)
    if sum(len(_values(change)) * (2 if change["Action"] == "UPSERT" else 1) for change in changes) > MAX_VALUES:
        raise _refused("too-many-values")
    wanted = [(str(change["Action"]), normal(change["ResourceRecordSet"])) for change in changes]
    problems = list(_repeated(wanted))
    after = {key_of(one): dict(one) for one in sets}
    for action, one in wanted:
        problems += _applied(zone, after, action, one)
    for action, one in wanted:
        if action != "DELETE" and key_of(one) in after:
            problems += _conflicts(zone, after, one)
    problems += _apex(zone, after)
    if problems:
        # In the order in which they are found, each once.
        raise RefusedError(BATCH, f"[{', '.join(dict.fromkeys(problems))}]")
    return list(after.values())


def normal(one: RecordSet) -> dict[str, Any]:
    """Return a record set as Route 53 keeps it: names in lower case, with a dot at the end."""
    kept = {name: value for name, value in one.items() if value is not None}
    kept["Name"] = absolute(str(kept["Name"]))
    if "AliasTarget" in kept:
        kept["AliasTarget"] = {**kept["AliasTarget"], "DNSName": absolute(str(kept["AliasTarget"]["DNSName"]))}
    return kept


def absolute(name: str) -> str:
    """Return a DNS name as Route 53 gives it back."""
    return name.lower().removesuffix(".").replace("*", "\\052") + "."


def key_of(one: RecordSet) -> Key:
    """Return what tells a record set from the others of its zone."""
    return str(one["Name"]), str(one["Type"]), str(one.get("SetIdentifier", ""))


def order(one: RecordSet) -> tuple[list[str], str, str]:
    """Return what record sets are listed by: the name's labels from the last one, the type, the set identifier."""
    name, kind, identifier = key_of(one)
    return name.removesuffix(".").split(".")[::-1], kind, identifier


def policy_of(one: RecordSet) -> str | None:
    """Return the member that makes a record set's routing policy; None for a simple one."""
    return next((name for name in POLICIES if one.get(name) is not None), None)


def _refused(rule: str, **words: Any) -> RefusedError:
    row = REFUSALS[rule]
    return RefusedError(row.code, row.text.format(**words))


def _said(rule: str, **words: Any) -> str:
    return REFUSALS[rule].text.format(**words)


def _values(change: Mapping[str, Any]) -> list[Any]:
    return list(change["ResourceRecordSet"].get("ResourceRecords") or [])


def _check_form(change: Mapping[str, Any], number: int, zone: Zone) -> None:
    """Refuse a change that is wrong whatever the zone holds."""
    action, one = change["Action"], change["ResourceRecordSet"]
    if action not in ACTIONS:
        raise _refused("action", value=action, number=number)
    about = {"action": action, "name": one["Name"], "type": one["Type"], "id": one.get("SetIdentifier") or "null"}
    weight = one.get("Weight")
    if weight is not None and int(weight) > MAX_WEIGHT:
        raise _refused("weight", value=weight, number=number)
    alias, values = bool(one.get("AliasTarget")), bool(one.get("ResourceRecords")) and one.get("TTL") is not None
    if alias and (one.get("TTL") is not None or one.get("ResourceRecords")):
        raise _refused("alias-and-values", **about)
    if not alias and not values and not one.get("TrafficPolicyInstanceId"):
        raise _refused("nothing", **about)
    policies = [name for name in POLICIES if one.get(name) is not None]
    if policies and not one.get("SetIdentifier"):
        raise _refused("policy-needs-id", **about)
    if one.get("SetIdentifier") and len(policies) != 1:
        raise _refused("id-needs-policy", **about, count="more than one" if policies else "none")
    check = one.get("HealthCheckId")
    if action != "DELETE" and check and check not in zone.health_checks:
        raise _refused("health-check", value=check)


def _repeated(wanted: Sequence[tuple[str, RecordSet]]) -> Iterator[str]:
    """Yield what is wrong with several changes of one record set: only its deletion and then its creation go together."""
    actions: dict[Key, list[str]] = {}
    for action, one in wanted:
        actions.setdefault(key_of(one), []).append(action)
    for (name, kind, _), found in actions.items():
        if len(found) > 1 and found not in (["DELETE", "CREATE"], ["DELETE", "UPSERT"]):
            yield _said("twice", type=kind, name=name)


def _applied(zone: Zone, after: dict[Key, dict[str, Any]], action: str, one: dict[str, Any]) -> Iterator[str]:
    """Change the zone's sets by one change; yield why it cannot be."""
    name, kind, identifier = key = key_of(one)
    marked = f", set-identifier='{identifier}'" if identifier else ""
    record = f"name='{name}', type='{kind}'{marked}"
    if not within(name, zone.name):
        yield _said("outside", name=name, zone=zone.name)
        return
    comment = (zone.protected or {}).get((name, kind))
    if comment is not None:
        yield _said("protected", name=name, type=kind, comment=f": {comment}" if comment else "")
        return
    if action == "DELETE":
        if key not in after:
            yield _said("missing", record=record)
        elif _comparable(after[key]) != _comparable(one):
            yield _said("differs", record=record)
        else:
            del after[key]
        return
    if action == "CREATE" and key in after:
        yield _said("exists", record=record)
        return
    yield from _bad_addresses(one)
    after[key] = one


def within(name: str, zone: str) -> bool:
    """Tell whether a name (both end in a dot) is in a zone."""
    return name == zone or name.endswith(f".{zone}")


def _comparable(one: RecordSet) -> dict[str, Any]:
    """Return a record set so that it equals another one of the same meaning: the order of its values is none."""
    shown = {name: str(value) for name, value in one.items() if name not in ("ResourceRecords", "AliasTarget")}
    alias = one.get("AliasTarget")
    if alias:
        shown |= {f"AliasTarget.{name}": str(value) for name, value in alias.items()}
    return {**shown, "values": sorted(item["Value"] for item in one.get("ResourceRecords") or [])}


def _bad_addresses(one: RecordSet) -> Iterator[str]:
    version = {"A": 4, "AAAA": 6}.get(str(one["Type"]))
    for item in one.get("ResourceRecords") or []:
        if version is None:
            return
        try:
            fits = ipaddress.ip_address(item["Value"]).version == version
        except ValueError:
            fits = False
        if not fits:
            yield _said("address", family=one["Type"], version=version, value=item["Value"])


def _conflicts(zone: Zone, after: Mapping[Key, RecordSet], one: RecordSet) -> Iterator[str]:
    """Yield what a record set conflicts with in the zone as it is after the batch."""
    name, kind, identifier = key_of(one)
    about = {"name": name, "type": kind, "id": identifier, "zone": zone.name}
    if kind == "CNAME" and name == zone.name:
        yield _said("apex", **about)
    same_name = [other for key, other in after.items() if key[0] == name]
    other_types = {str(other["Type"]) for other in same_name} - {kind}
    if kind == "CNAME" and other_types:
        yield _said("cname-beside", **about)
    elif "CNAME" in other_types:
        yield _said("beside-cname", **about)
    others = [other for other in same_name if other["Type"] == kind and key_of(other) != key_of(one)]
    policy = policy_of(one)
    if policy is None and others:
        yield _said("simple-beside", **about)
    elif policy is not None and any(policy_of(other) != policy for other in others):
        yield _said("other-policy", **about, policy=POLICIES[policy])
    if policy == "Weight":
        yield from _weighted(one, others, about)
    yield from _alias(zone, after, one)


def _weighted(one: RecordSet, others: Sequence[RecordSet], about: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a record set as a member of its weighted group."""
    lives = {int(other["TTL"]) for other in [one, *others] if other.get("TTL") is not None}
    if one.get("TTL") is not None and len(lives) > 1:
        yield _said("ttl", **about)
    if len(others) >= MAX_WEIGHTED:
        yield _said("too-many-weighted", **about)


def _alias(zone: Zone, after: Mapping[Key, RecordSet], one: RecordSet) -> Iterator[str]:
    """Yield what is wrong with an alias into this zone or another one of the account; other services' targets are not known."""
    alias = one.get("AliasTarget")
    if not alias:
        return
    target_zone = str(alias["HostedZoneId"])
    known = {**(zone.others or {}), zone.zone_id: zone.name}
    if target_zone not in known:
        return
    about = {"target": alias["DNSName"], "type": one["Type"], "target_zone": target_zone}
    if not within(alias["DNSName"], known[target_zone]):
        yield _said("alias-outside", **about)
    if target_zone == zone.zone_id and not any(key[:2] == (alias["DNSName"], one["Type"]) for key in after):
        yield _said("alias-missing", **about)


def _apex(zone: Zone, after: Mapping[Key, RecordSet]) -> Iterator[str]:
    kinds = {kind for name, kind, _ in after if name == zone.name}
    if "NS" not in kinds:
        yield _said("no-servers")
    if "SOA" not in kinds:
        yield _said("no-authority")
