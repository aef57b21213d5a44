"""DNS names, record types and what a zone may hold beside each other. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis_ha.arguments import Checks, kind_of, shown

# docs.aws.amazon.com, Route53/latest/DeveloperGuide, DomainNameFormat: labels of up to 63, 255 in all, `*` as a whole label; of
# the characters, letters, digits, dashes and underscores.
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
HOST_NAME = re.compile(rf"(?=.{{1,255}}$){LABEL}(\.{LABEL})+\.?", re.IGNORECASE)
RECORD_NAME = re.compile(rf"(?=.{{1,255}}$)(\*\.)?{LABEL}(\.{LABEL})+\.?", re.IGNORECASE)
ZONE_NAME = re.compile(rf"(?=.{{1,255}}$){LABEL}(\.{LABEL})*\.?", re.IGNORECASE)
# botocore, route53 2013-04-01, TTL.
MAX_TTL_SECONDS = 2_147_483_647


@dataclass(frozen=True)
class Held:
    """A record that the zone holds; simple ones have no set identifier."""

    name: str
    type: str
    set_identifier: str | None


def normal(name: str) -> str:
    """Return a DNS name as Route 53 and its provider keep it: lower case, without the dot at the end."""
    return name.rstrip(".").lower()


def zone_name(checks: Checks) -> str:
    """Read the zone's name."""
    return normal(checks.text("zone_name", None, ZONE_NAME, "the hosted zone's own name such as example.com"))


def check_name(checks: Checks, argument: str, name: object, zone: str) -> str:
    """Check a record's name: its form, and whether it is in the zone."""
    if not isinstance(name, str) or not RECORD_NAME.fullmatch(name):
        checks.refuse(argument, f"{shown(name)} is not a full DNS name such as api.example.com")
        return ""
    found = normal(name)
    if zone and not checks.refused("zone_name") and found != zone and not found.endswith(f".{zone}"):
        checks.refuse(argument, f"{name!r} is not in the zone {zone}; use {zone} itself or a name that ends with .{zone}")
    return found


def check_apex(checks: Checks, argument: str, name: str, kind: str, zone: str) -> None:
    """Refuse a CNAME that has the zone's own name: SOA and NS are there, and a CNAME stands alone (RFC 1034, 3.6.2)."""
    if kind == "CNAME" and name == zone:
        checks.refuse(argument, f"{name!r} is the zone's own name, which cannot be a CNAME; use an alias or another name")


def known_records(checks: Checks) -> tuple[Held, ...] | None:
    """Read what the zone holds as far as somebody looked; None when nobody did."""
    value = checks.args.get("known_records")
    if value is None:
        return None
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        checks.refuse("known_records", f"{kind_of(value)} is no list of records")
        return None
    found = []
    for entry in value:
        record: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {}
        name, kind = record.get("name"), record.get("type")
        identifier = record.get("set_identifier")
        if not isinstance(name, str) or not isinstance(kind, str) or not isinstance(identifier, str | None):
            checks.refuse(
                "known_records", f"{kind_of(entry)} is no record; give name, type and, where there is one, set_identifier"
            )
        else:
            found.append(Held(normal(name.replace(r"\052", "*")), kind.upper(), identifier or None))
    return tuple(found)


def check_beside(
    checks: Checks,
    argument: str,
    name: str,
    kind: str,
    identifiers: Sequence[str | None],
    held: Sequence[Held] | None,
) -> None:
    """Refuse a name at which the zone holds what Route 53 or the intention forbids beside the wanted records.

    `identifiers` are those of the wanted records, (None,) for a simple one. Whether records with the very same identity are
    the stack's own is not known here.
    """
    for one in held or ():
        if one.name != name:
            continue
        if one.type == kind and one.set_identifier not in identifiers:
            checks.refuse(argument, _same_type(one, weighted=None not in identifiers))
        elif one.type != kind and "CNAME" in {one.type, kind}:
            checks.refuse(
                argument,
                f"the zone has a record {name} {one.type}, and a CNAME stands alone: Route 53 would refuse {kind}; "
                "remove the one that is there first",
            )


def _same_type(one: Held, *, weighted: bool) -> str:
    if one.set_identifier is None:
        return (
            f"the zone has a simple record {one.name} {one.type}, and Route 53 takes no weighted one beside it; replace it in "
            "one change batch (delete it, create both colours), then adopt the colours"
        )
    if weighted:
        return (
            f"the zone has a record {one.name} {one.type} with set identifier {one.set_identifier!r} that is not one of these "
            "two and would get its share; remove it, or name it in set_identifiers and adopt it"
        )
    return (
        f"the zone has a record {one.name} {one.type} with set identifier {one.set_identifier!r}, and Route 53 takes no simple "
        "one beside it; remove it first"
    )


def check_adopted(
    checks: Checks, argument: str, wanted: Held, held: Sequence[Held] | None, *, zone_id_known: bool = True
) -> None:
    """Refuse to adopt what is not there, as far as it is known, or cannot be named when the program runs."""
    if not zone_id_known:
        checks.refuse(argument, "an existing record is found by its zone's id, so zone_id has to be a plain value here")
    if held is not None and wanted not in held:
        which = "" if wanted.set_identifier is None else f" with set identifier {wanted.set_identifier!r}"
        checks.refuse(argument, f"the zone has no record {wanted.name} {wanted.type}{which} to adopt; leave adopt out")


def record_import_id(zone_id: str, wanted: Held) -> str:
    """Return what the provider imports a record by.

    hashicorp/terraform-provider-aws, website/docs/r/route53_record: zone, name, type and set identifier with underscores.
    """
    parts = [zone_id.rsplit("/", maxsplit=1)[-1], wanted.name, wanted.type]
    return "_".join(parts if wanted.set_identifier is None else [*parts, wanted.set_identifier])
