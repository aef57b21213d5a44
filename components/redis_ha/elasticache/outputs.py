"""The outputs of a replication group: how to connect, and the application's login. Plain functions, no Pulumi."""

from collections.abc import Mapping
from typing import Any

from .access_rules import APPLICATION
from .plan import Plan


def connection_document(plan: Plan, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return how applications connect.

    Only a group that speaks the cluster protocol has a configuration endpoint, and then the provider tells of no other
    (hashicorp/terraform-provider-aws, internal/service/elasticache/replication_group.go).
    """
    port = int(known["port"])
    failover = {
        "automatic": plan.topology.automatic_failover,
        "multi_az": plan.topology.multi_az,
        "replicas": plan.topology.replicas,
    }
    common: dict[str, Any] = {"version": 1, "tls": plan.tls != "off", "engine": plan.engine, "failover": failover}
    if plan.durable:  # the others keep the version that older clients read
        common |= {"version": 2, "durability": plan.durability}
    if known.get("configuration"):
        return common | {"kind": "cluster", "configuration": {"host": known["configuration"], "port": port}}
    # The reader endpoint of a single node would be the node itself.
    reader = {"host": known["reader"], "port": port} if plan.topology.replicas and known.get("reader") else None
    return common | {"kind": "primary", "primary": {"host": known["primary"], "port": port}, "reader": reader}


def credentials_document(plan: Plan, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return who the application is; `secrets` holds passwords by user, and the token as `token`."""
    if plan.auth == "token":
        return {"version": 1, "password": secrets["token"]}
    user = next((user for user in plan.users if user.key == APPLICATION), None)
    if user is None:  # no users, or a brought user group: whose they are is not known here
        return {"version": 1}
    if user.authentication == "iam":
        resource = {"region": plan.region, "resource": plan.group_id, "serverless": False}
        return {"version": 1, "username": user.user_name, "iam": resource}
    return {"version": 1, "username": user.user_name, "password": secrets[user.key]}
