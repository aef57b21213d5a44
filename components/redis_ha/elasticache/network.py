"""The network side of a group: its subnet group, and a security group with one rule resource for each kind of client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from redis_ha.amazon import Keyed, Place, adoption, imported, keyed, refuse_own_group
from redis_ha.arguments import network

from .plan import Plan

# What adopted children keep until they are brought into line.
SUBNET_GROUP_AS_FOUND = ("description", "tags")
SECURITY_GROUP_AS_FOUND = ("tags",)
# A security group's own name and description would replace it; its rules stay beside the component's.
SECURITY_GROUP_OF_OTHERS = ("name", "namePrefix", "description", "ingress", "egress", "revokeRulesOnDelete")


@dataclass(frozen=True)
class Network:
    """What was made for a group's network: None or empty where it was brought."""

    subnet_group: aws.elasticache.SubnetGroup | None
    security_group: aws.ec2.SecurityGroup | None
    rules: dict[str, aws.vpc.SecurityGroupIngressRule | aws.vpc.SecurityGroupEgressRule]

    def group_arguments(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the replication group is told of its network: what was made, else what the arguments bring."""
        made, rules = self.subnet_group, self.security_group
        return {
            "subnet_group_name": args.get("subnet_group_name") if made is None else made.name,
            "security_group_ids": args.get("security_group_ids") if rules is None else [rules.id],
        }


@dataclass(frozen=True)
class Rule:
    """One source that may reach the port: the rule's name and the argument that names the source."""

    name: str
    source: Mapping[str, Any]
    description: str
    entry: Keyed | None = None


def make_network(place: Place, plan: Plan, args: Mapping[str, Any]) -> Network:
    """Make subnet group, security group and rules, as far as they are not brought."""
    subnet_group = make_subnet_group(place, plan, args["subnet_ids"]) if plan.makes_subnet_group else None
    if not plan.makes_security_group:
        return Network(subnet_group, None, {})
    security_group = make_security_group(place, plan, args["vpc_id"])
    groups, lists = args.get("client_security_group_ids") or (), args.get("client_prefix_list_ids") or ()
    refuse_own_group("client_security_group_ids", groups, security_group.id)
    return Network(subnet_group, security_group, make_rules(place, plan, security_group.id, client_rules(plan, groups, lists)))


def make_subnet_group(
    place: Place, plan: Plan, subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
) -> aws.elasticache.SubnetGroup:
    """Make the subnet group. Its name follows from the group's id alone: another name would replace the cache."""
    adopted = plan.adopted("subnet_group")
    return aws.elasticache.SubnetGroup(
        f"{place.name}-subnet-group",
        name=adopted or plan.group_id,
        description=f"Subnets of {plan.group_id}",
        subnet_ids=subnet_ids,
        region=place.region,
        tags=place.tags,
        opts=place.child(
            protect=plan.protect,
            **imported(adopted, place.region),
            **place.judged("subnet_group", SUBNET_GROUP_AS_FOUND),
            ignore_changes=list(SUBNET_GROUP_AS_FOUND) if adopted and plan.keep_as_found else None,
        ),
    )


def make_security_group(place: Place, plan: Plan, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
    """Make the security group, without rules: inline ones and rule resources undo each other."""
    adopted = plan.adopted("security_group")
    ignored = [*SECURITY_GROUP_OF_OTHERS, *(SECURITY_GROUP_AS_FOUND if plan.keep_as_found else ())] if adopted else None
    return aws.ec2.SecurityGroup(
        f"{place.name}-security-group",
        description=f"Clients of {plan.group_id}",
        vpc_id=vpc_id,
        region=place.region,
        tags={**place.tags, "Name": plan.group_id},
        opts=place.child(
            **adoption(adopted, place.region, protect=plan.protect),
            **place.judged("security_group", (*SECURITY_GROUP_OF_OTHERS, *SECURITY_GROUP_AS_FOUND)),
            ignore_changes=ignored,
        ),
    )


def client_rules(
    plan: Plan, security_group_ids: Sequence[pulumi.Input[str]], prefix_list_ids: Sequence[pulumi.Input[str]]
) -> list[Rule]:
    """Return who may reach the group."""
    rules = [
        Rule(f"group-{entry.key}", {"referenced_security_group_id": entry.value}, "clients of a security group", entry)
        for entry in keyed("client_security_group_ids", security_group_ids)
    ]
    rules += [
        Rule(f"prefix-list-{entry.key}", {"prefix_list_id": entry.value}, "clients of a prefix list", entry)
        for entry in keyed("client_prefix_list_ids", prefix_list_ids)
    ]
    for cidr in plan.client_cidrs:
        found = network(cidr)
        version = 6 if found is not None and found.version == 6 else 4
        name = cidr.replace("/", "-").replace(":", "-").replace(".", "-")
        rules.append(Rule(f"cidr-{name}", {f"cidr_ipv{version}": cidr}, f"clients of {cidr}"))
    return rules


def make_rules(
    place: Place, plan: Plan, security_group_id: pulumi.Input[str], rules: Sequence[Rule]
) -> dict[str, aws.vpc.SecurityGroupIngressRule | aws.vpc.SecurityGroupEgressRule]:
    """Make a rule resource for each source, and two for the nodes among themselves; nothing else goes in or out."""
    # IPv6-only clients of a dual-stack group, port 6380 of a serverless one: not this component's.
    common: dict[str, Any] = {
        "security_group_id": security_group_id,
        "ip_protocol": "tcp",
        "from_port": plan.port,
        "to_port": plan.port,
        "region": place.region,
        "tags": place.tags,
    }
    made: dict[str, aws.vpc.SecurityGroupIngressRule | aws.vpc.SecurityGroupEgressRule] = {}
    own = Rule("nodes", {"referenced_security_group_id": security_group_id}, "the nodes among themselves")
    for rule in [own, *rules]:
        name = f"{place.name}-from-{rule.name}"
        formerly = {} if rule.entry is None else rule.entry.options(name.removesuffix(rule.entry.key))
        made[f"from-{rule.name}"] = aws.vpc.SecurityGroupIngressRule(
            name, description=rule.description, **common, **rule.source, opts=place.child(**formerly)
        )
    made["to-nodes"] = aws.vpc.SecurityGroupEgressRule(
        f"{place.name}-to-nodes", description=own.description, **common, **own.source, opts=place.child()
    )
    return made
