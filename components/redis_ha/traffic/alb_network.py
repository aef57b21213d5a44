"""The security group of the balancers: who may reach them, and what they may reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Keyed, Place, adoption, keyed
from redis_ha.arguments import network

from .alb_plan import AS_FOUND, OF_OTHERS, AlbPlan

Rules = dict[str, aws.vpc.SecurityGroupIngressRule | aws.vpc.SecurityGroupEgressRule]
ANYWHERE = "0.0.0.0/0"


def make_alb_security_group(place: Place, plan: AlbPlan, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
    """Make the security group, without rules: inline ones and rule resources undo each other."""
    adopted = plan.adopted("security_group")
    return aws.ec2.SecurityGroup(
        f"{place.name}-security-group",
        description=f"Clients of {plan.alb_name}",
        vpc_id=vpc_id,
        region=place.region,
        tags={**place.tags, "Name": plan.alb_name},
        opts=place.child(
            **adoption(adopted, place.region, protect=plan.protect),
            **place.judged("security_group", (*OF_OTHERS["security_group"], *AS_FOUND["security_group"])),
            ignore_changes=plan.as_found("security_group"),
        ),
    )


@dataclass(frozen=True)
class Peer:
    """Who is at the other end of a rule: the argument that names it, and its entry where it stands in a list."""

    source: Mapping[str, Any]
    entry: Keyed | None = None


def groups(argument: str, ids: Sequence[pulumi.Input[str]]) -> dict[str, Peer]:
    """Return security groups by the name of their rules."""
    return {f"group-{entry.key}": Peer({"referenced_security_group_id": entry.value}, entry) for entry in keyed(argument, ids)}


def client_sources(
    plan: AlbPlan, security_group_ids: Sequence[pulumi.Input[str]], prefix_list_ids: Sequence[pulumi.Input[str]]
) -> dict[str, Peer]:
    """Return who may connect, by the rule's name."""
    found = groups("client_security_group_ids", security_group_ids)
    for entry in keyed("client_prefix_list_ids", prefix_list_ids):
        found[f"prefix-list-{entry.key}"] = Peer({"prefix_list_id": entry.value}, entry)
    for cidr in plan.client_cidrs:
        parsed = network(cidr)
        version = 6 if parsed is not None and parsed.version == 6 else 4
        found["cidr-" + cidr.replace("/", "-").replace(":", "-").replace(".", "-")] = Peer({f"cidr_ipv{version}": cidr})
    return found


def target_ports(plan: AlbPlan) -> list[int]:
    """Return the ports on which a balancer speaks to targets: traffic, and health checks where they have their own."""
    check = plan.health_check["port"]
    return sorted({plan.target_port} | (set() if check == "traffic-port" else {int(check)}))


def make_alb_rules(place: Place, plan: AlbPlan, security_group_id: pulumi.Input[str], args: Mapping[str, Any]) -> Rules:
    """Make a rule for each source of clients, and those to the targets: their groups, else anywhere on their ports."""
    common: dict[str, Any] = {
        "security_group_id": security_group_id,
        "ip_protocol": "tcp",
        "region": place.region,
        "tags": place.tags,
    }
    sources = client_sources(plan, args.get("client_security_group_ids") or (), args.get("client_prefix_list_ids") or ())
    made: Rules = {}
    for name, client in sources.items():
        made[f"from-{name}"] = aws.vpc.SecurityGroupIngressRule(
            f"{place.name}-from-{name}",
            description="clients",
            from_port=plan.port,
            to_port=plan.port,
            **common,
            **client.source,
            opts=place.child(**_formerly(client, f"{place.name}-from-{name}")),
        )
    argument = "target_security_group_ids"
    targets = groups(argument, args.get(argument) or ()) or {"targets": Peer({"cidr_ipv4": ANYWHERE})}
    for name, target in targets.items():
        for port in target_ports(plan):
            made[f"to-{name}-{port}"] = aws.vpc.SecurityGroupEgressRule(
                f"{place.name}-to-{name}-{port}",
                description="targets",
                from_port=port,
                to_port=port,
                **common,
                **target.source,
                opts=place.child(**_formerly(target, f"{place.name}-to-{name}", f"-{port}")),
            )
    return made


def _formerly(peer: Peer, name: str, suffix: str = "") -> dict[str, object]:
    return {} if peer.entry is None else peer.entry.options(name.removesuffix(peer.entry.key), suffix)
