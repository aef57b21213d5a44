"""Route 53's answers to questions, from record sets as its API lists them, the health of checks, and a source of chance.

Pure: the same record sets, health and chance give the same answer. Nothing here knows how the emulated zone keeps records, nor
what the components meant.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The name of an alias target as zones spell it has a final dot; load balancers' names are the same with and without
# "dualstack." in front (docs.aws.amazon.com, Route53/latest/DeveloperGuide, resource-record-sets-values-weighted-alias).
DUALSTACK = "dualstack."
# botocore, route53 2013-04-01, ResourceRecordSet.TTL: "60 seconds (the TTL for load balancers)".
BALANCER_TTL = 60

RecordSet = Mapping[str, Any]
Healthy = Callable[[str], bool]


@dataclass(frozen=True)
class Balancer:
    """What a name outside of the zone leads to, and whether its owner counts it as healthy."""

    addresses: tuple[str, ...]
    healthy: bool = True


@dataclass(frozen=True)
class Answer:
    """What a resolver gets: values of a type, how long it may keep them, and the set identifiers on the way to them."""

    type: str
    values: tuple[str, ...]
    ttl: int
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One question to a zone at a moment: the record sets, the health at that moment, the balancers outside, and chance."""

    records: Sequence[RecordSet]
    healthy: Healthy
    balancers: Mapping[str, Balancer]
    chance: random.Random

    def group(self, name: str, kind: str) -> list[RecordSet]:
        """Return the record sets of a name and type."""
        return [record for record in self.records if spelled(record["Name"]) == spelled(name) and record["Type"] == kind]

    def answer(self, name: str, kind: str) -> Answer | None:
        """Return the answer; None when there is nothing of this name and type, and no CNAME in its place."""
        group = self.group(name, kind) or self.group(name, "CNAME")
        if not group:
            return None
        chosen = self.choose(group)
        said = (chosen["SetIdentifier"],) if "SetIdentifier" in chosen else ()
        alias = chosen.get("AliasTarget")
        if alias is None:
            values = tuple(value["Value"] for value in chosen["ResourceRecords"])
            return Answer(chosen["Type"], values, int(chosen["TTL"]), said)
        balancer = self.balancers.get(spelled(alias["DNSName"]))
        if balancer is not None:
            return Answer(kind, balancer.addresses, BALANCER_TTL, said)
        # "Amazon Route 53 uses the value of TTL for the alias target" (ResourceRecordSet.TTL).
        target = self.answer(alias["DNSName"], chosen["Type"])
        return None if target is None else Answer(target.type, target.values, target.ttl, said + target.identifiers)

    def choose(self, group: Sequence[RecordSet]) -> RecordSet:
        """Choose one record set of a group: the only one, or by weight among those that count now."""
        if "Weight" not in group[0]:
            return group[0]
        candidates = self.considered(group)
        weights = [int(record["Weight"]) for record in candidates]
        # All weights 0: "traffic is routed to all resources with equal probability" (ResourceRecordSet.Weight).
        return self.chance.choices(candidates, weights=weights if any(weights) else None)[0]

    def considered(self, group: Sequence[RecordSet]) -> list[RecordSet]:
        """Return the weighted record sets among which the weights decide: the healthy ones, or all when none is.

        Those without a weight are chosen when no other is healthy, as the weights by themselves have it
        (docs.aws.amazon.com, Route53/latest/DeveloperGuide, health-checks-how-route-53-chooses-records, and the tables of
        routing-policy-weighted).
        """
        return [record for record in group if self.is_healthy(record)] or list(group)

    def is_healthy(self, record: RecordSet) -> bool:
        """Tell whether a record set is healthy: without anything that says otherwise it is.

        An alias with a check of its own needs both: the check, and (evaluating its target's health) the target
        (dns-failover-complex-configs, "What happens when you associate a health check with an alias record?").
        """
        check = record.get("HealthCheckId")
        if check is not None and not self.healthy(check):
            return False
        alias = record.get("AliasTarget")
        if alias is None or not alias["EvaluateTargetHealth"]:
            return True
        balancer = self.balancers.get(spelled(alias["DNSName"]))
        if balancer is not None:
            return balancer.healthy
        # "As long as at least one of the weighted records is healthy, Route 53 considers the alias record to be healthy."
        return any(self.is_healthy(target) for target in self.group(alias["DNSName"], record["Type"]))


def spelled(name: str) -> str:
    """Return a name in one spelling."""
    return name.rstrip(".").lower().removeprefix(DUALSTACK)
