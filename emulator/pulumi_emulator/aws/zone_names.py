"""CNAME records of the emulated Route 53, for the name server that the cache clients ask: a writer's name leads somewhere."""

from __future__ import annotations

import random

from moto.route53.models import RecordSet, route53_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID


def alias(name: str) -> tuple[str, int] | None:
    """Return where a CNAME record of any zone leads to, and for how many seconds; None when there is no such record.

    Weighted records take turns by their weights, equally when all are zero (docs.aws.amazon.com, Route53 developer guide,
    "Weighted routing"); health checks are not looked at here.
    """
    found: list[RecordSet] = [
        record
        for zone in list(route53_backends[ACCOUNT_ID]["aws"].zones.values())
        for record in list(zone.rrsets)
        if record.type == "CNAME" and record.name.rstrip(".").lower() == name and record.records
    ]
    if not found:
        return None
    weights = [int(record.weight or 0) for record in found]
    chosen = random.choices(found, weights if any(weights) else None)[0]  # noqa: S311 - nothing depends on it being unguessable
    value = chosen.records[0]
    target = value["Value"] if isinstance(value, dict) else value
    return str(target).rstrip(".").lower(), int(chosen.ttl or 0)
