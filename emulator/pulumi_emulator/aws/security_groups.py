"""Security groups before moto's: ranges as AWS keeps them, so that no two rules of a group are equal.

"AWS canonicalizes IPv4 and IPv6 CIDRs ... if you attempt to add another rule with the non-canonical form of the CIDR and there
is already a rule for the canonicalized form, the API throws an duplicate rule error" (botocore SecurityGroupRuleRequest).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from moto.ec2.exceptions import InvalidPermissionDuplicateError
from moto.ec2.models.security_groups import SecurityGroupBackend, SecurityGroupRule

RANGES: Final = frozenset({"CidrIp", "CidrIpv6", "CidrIpv4"})
# What a change of a rule changes in moto's.
CHANGED: Final = ("ip_protocol", "from_port", "to_port", "ip_range")
_make = SecurityGroupRule.__init__
_modify = SecurityGroupBackend.modify_security_group_rules


def canonical(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's peer with its range written as AWS keeps it."""
    return {
        name: str(ipaddress.ip_network(value, strict=False)) if name in RANGES and value else value
        for name, value in given.items()
    }


def make(rule: SecurityGroupRule, *args: Any, **given: Any) -> None:
    """Make a rule; moto has checked its range."""
    _make(rule, *args, **given)
    rule.ip_range = canonical(rule.ip_range)


def modify(backend: SecurityGroupBackend, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    """Change rules, unless one of them would then be there twice; moto looks at that only when it makes a rule."""
    group = backend.get_security_group_by_name_or_id(group_id)
    every = [group.ingress_rules, group.egress_rules] if group else []
    before = [(rule, {name: getattr(rule, name) for name in CHANGED}) for some in every for rule in some]
    for rule, _ in before:
        # moto writes into it.
        rule.ip_range = dict(rule.ip_range)
    _modify(backend, group_id, {rule_id: canonical(rule) for rule_id, rule in rules.items()})
    if any(rule in some[:at] for some in every for at, rule in enumerate(some)):
        for rule, old in before:
            for name, value in old.items():
                setattr(rule, name, value)
        raise InvalidPermissionDuplicateError


def install() -> None:
    """Let rules be so."""
    SecurityGroupRule.__init__ = make  # type: ignore[assignment,method-assign]
    SecurityGroupBackend.modify_security_group_rules = modify  # type: ignore[assignment,method-assign]
