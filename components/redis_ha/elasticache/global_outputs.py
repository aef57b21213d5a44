"""The outputs of a Global Datastore."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi

from .global_checks import GlobalPlan
from .permissions import promotion_document


def global_connection(plan: GlobalPlan, regions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return how applications connect: each region's own `connection`, and where to look who takes writes now."""
    return {
        "version": 1,
        "kind": "global",
        "primary_region": plan.primary_region,
        "stale_seconds": None if plan.lag is None else plan.lag.threshold_seconds,
        "writer": None if plan.writer is None else dict(plan.writer),
        "regions": {region: as_made(connection) for region, connection in regions.items()},
    }


def as_made(connection: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's `connection` as it was made: on the way to a hosted component nulls are lost, and numbers are floats."""
    found: dict[str, Any] = _whole_numbers(connection)
    return {"reader": None, **found} if found.get("kind") == "primary" else found


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _whole_numbers(entry) for key, entry in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def writing_endpoint(connection: Mapping[str, Any]) -> str:
    """Return the host of a region's `connection` to which writes go while it is primary."""
    address: Mapping[str, Any] = connection["configuration"] if connection["kind"] == "cluster" else connection["primary"]
    return str(address["host"])


def wrong_primary(plan: GlobalPlan, group_id: str, connection: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was said of a brought primary and what itself says otherwise: (argument, reason)."""
    found: list[tuple[str, str]] = []
    same = [region for region, secondary in plan.secondaries.items() if secondary.group_id == group_id.lower()]
    if same:
        reason = f"{group_id!r} is the primary's id too; ids differ from region to region, or destroying hangs"
        found.append((f"secondaries.{same[0]}.group_id", reason))
    kind = "cluster" if plan.clustered else "primary"
    if connection.get("kind") != kind:
        has = "enabled" if connection.get("kind") == "cluster" else "disabled"
        found.append(("cluster_mode", f"the primary's connection says cluster_mode {has}; say what it has"))
    if connection.get("tls") is not plan.tls:
        found.append(("tls", f"the primary's connection says tls {connection.get('tls')}; say what it has"))
    automatic = (connection.get("failover") or {}).get("automatic")
    if automatic is not plan.automatic_failover:
        found.append(
            ("automatic_failover", f"the primary's connection says {automatic}; change the group first, or say what it has")
        )
    if connection.get("engine") != plan.engine:
        found.append(("engine", f"{plan.engine!r} is not the primary's {connection.get('engine')!r}; say what it has"))
    return found


def promotion_policy(global_arn: pulumi.Output[str], member_arns: pulumi.Output[dict[str, str]]) -> pulumi.Output[str]:
    """Return the JSON of `promotion_document` once the ARNs are known."""
    known = pulumi.Output.all(global_arn, member_arns)
    return known.apply(lambda found: json.dumps(promotion_document(found[0], list(found[1].values()))))
