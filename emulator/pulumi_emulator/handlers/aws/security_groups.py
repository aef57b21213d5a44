"""Security groups and their rules, inline and as resources of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import arn, prefixed
from pulumi_emulator.handlers.aws.network import specification, tag_changes
from pulumi_emulator.handlers.aws.translation import Call, Request, Through
from pulumi_emulator.handlers.base import Properties

# The rule that AWS gives to every new group in a VPC and that the provider takes away, so that the program's rules are all
# there are: hashicorp/terraform-provider-aws internal/service/ec2/vpc_security_group.go
ALLOW_ALL_EGRESS: Final = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def permission(rule: Properties, group_id: str) -> dict[str, Any]:
    """Return an inline rule as EC2 writes it."""
    description = {"Description": rule["description"]} if rule.get("description") else {}
    made: dict[str, Any] = {"IpProtocol": str(rule["protocol"])}
    if made["IpProtocol"] != "-1":
        made |= {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}
    groups = [*(rule.get("securityGroups") or []), *([group_id] if rule.get("self") else [])]
    lists = {
        "IpRanges": [{"CidrIp": block, **description} for block in rule.get("cidrBlocks") or []],
        "Ipv6Ranges": [{"CidrIpv6": block, **description} for block in rule.get("ipv6CidrBlocks") or []],
        "PrefixListIds": [{"PrefixListId": block, **description} for block in rule.get("prefixListIds") or []],
        "UserIdGroupPairs": [{"GroupId": group, **description} for group in groups],
    }
    return made | {name: items for name, items in lists.items() if items}


def inline(permissions: Iterable[dict[str, Any]], group_id: str) -> list[dict[str, Any]]:
    """Return EC2's rules as the program writes them."""
    rules = []
    for item in permissions:
        groups = [pair["GroupId"] for pair in item.get("UserIdGroupPairs") or []]
        sources = [*(item.get("IpRanges") or []), *(item.get("Ipv6Ranges") or []), *(item.get("PrefixListIds") or [])]
        sources += item.get("UserIdGroupPairs") or []
        rule = {
            "protocol": item["IpProtocol"],
            "fromPort": item.get("FromPort", 0),
            "toPort": item.get("ToPort", 0),
            "description": next((source["Description"] for source in sources if source.get("Description")), ""),
            "cidrBlocks": [block["CidrIp"] for block in item.get("IpRanges") or []],
            "ipv6CidrBlocks": [block["CidrIpv6"] for block in item.get("Ipv6Ranges") or []],
            "prefixListIds": [block["PrefixListId"] for block in item.get("PrefixListIds") or []],
            "securityGroups": [group for group in groups if group != group_id],
            "self": group_id in groups,
        }
        rules.append({name: value for name, value in rule.items() if value not in ("", [])})
    return rules


class SecurityGroup(AwsHandler):
    """A group with its inline rules, if the program gives any."""

    token = "aws:ec2/securityGroup:SecurityGroup"  # noqa: S105 - a type token
    creation = Call(
        "ec2",
        "CreateSecurityGroup",
        {
            "description": "Description",
            "name": "GroupName",
            "namePrefix": Through("GroupName", prefixed),
            "vpcId": "VpcId",
            TAGS_ALL: Through("TagSpecifications", specification("security-group")),
        },
    )
    provider_only: ClassVar = {
        **EVERYWHERE,
        "revokeRulesOnDelete": "whether the provider takes the rules away before the group",
    }

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        requests = []
        if inputs.get("vpcId"):
            requests.append(
                Request("ec2", "RevokeSecurityGroupEgress", {"GroupId": resource_id, "IpPermissions": [ALLOW_ALL_EGRESS]})
            )
        for direction, operation in (("ingress", "AuthorizeSecurityGroupIngress"), ("egress", "AuthorizeSecurityGroupEgress")):
            wanted = [permission(rule, resource_id) for rule in inputs.get(direction) or []]
            if wanted:
                requests.append(Request("ec2", operation, {"GroupId": resource_id, "IpPermissions": wanted}))
        return requests

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["GroupId"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("ec2", "DescribeSecurityGroups", GroupIds=[resource_id])
        return answer["SecurityGroups"][0] if answer and answer["SecurityGroups"] else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        group_id = found["GroupId"]
        return {
            "arn": arn("ec2", aws.region, f"security-group/{group_id}"),
            "name": found["GroupName"],
            "description": found["Description"],
            "vpcId": found.get("VpcId", ""),
            "ownerId": found.get("OwnerId", ""),
            "ingress": inline(found.get("IpPermissions") or [], group_id),
            "egress": inline(found.get("IpPermissionsEgress") or [], group_id),
            TAGS_ALL: tags_of(found.get("Tags")),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        for direction in ("ingress", "egress"):
            if direction not in changed:
                continue
            word = direction.capitalize()
            old = [permission(rule, resource_id) for rule in state.get(direction) or []]
            new = [permission(rule, resource_id) for rule in inputs.get(direction) or []]
            gone, added = [rule for rule in old if rule not in new], [rule for rule in new if rule not in old]
            if gone:
                requests.append(Request("ec2", f"RevokeSecurityGroup{word}", {"GroupId": resource_id, "IpPermissions": gone}))
            if added:
                requests.append(
                    Request("ec2", f"AuthorizeSecurityGroup{word}", {"GroupId": resource_id, "IpPermissions": added})
                )
        return requests + tag_changes(resource_id, state, inputs, changed)

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("ec2", "DeleteSecurityGroup", {"GroupId": resource_id})]


class _Rule(AwsHandler):
    """One rule of a group; AWS gives it an id of its own."""

    direction: ClassVar[str]
    provider_only = EVERYWHERE
    needed_for_removal = ("securityGroupId",)
    sources: ClassVar[dict[str, tuple[str, str]]] = {
        "cidrIpv4": ("IpRanges", "CidrIp"),
        "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "prefixListId": ("PrefixListIds", "PrefixListId"),
        "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }
    change: ClassVar[Call] = Call(
        "ec2",
        "ModifySecurityGroupRules",
        {
            "cidrIpv4": "SecurityGroupRules[].SecurityGroupRule.CidrIpv4",
            "cidrIpv6": "SecurityGroupRules[].SecurityGroupRule.CidrIpv6",
            "description": "SecurityGroupRules[].SecurityGroupRule.Description",
            "fromPort": "SecurityGroupRules[].SecurityGroupRule.FromPort",
            "ipProtocol": "SecurityGroupRules[].SecurityGroupRule.IpProtocol",
            "prefixListId": "SecurityGroupRules[].SecurityGroupRule.PrefixListId",
            "referencedSecurityGroupId": "SecurityGroupRules[].SecurityGroupRule.ReferencedGroupId",
            "toPort": "SecurityGroupRules[].SecurityGroupRule.ToPort",
        },
    )

    @override
    def first_request(self, inputs: Properties) -> Request:
        source, key = next(place for name, place in self.sources.items() if inputs.get(name))
        value = next(inputs[name] for name in self.sources if inputs.get(name))
        described = {"Description": inputs["description"]} if inputs.get("description") else {}
        ports = {name: int(inputs[name[0].lower() + name[1:]]) for name in ("FromPort", "ToPort") if self._has(inputs, name)}
        wanted = {"IpProtocol": str(inputs["ipProtocol"]), **ports, source: [{key: value, **described}]}
        return self.creation.request(inputs, IpPermissions=[wanted])

    @staticmethod
    def _has(inputs: Properties, name: str) -> bool:
        return inputs.get(name[0].lower() + name[1:]) is not None

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("ec2", "DescribeSecurityGroupRules", SecurityGroupRuleIds=[resource_id])
        return answer["SecurityGroupRules"][0] if answer and answer["SecurityGroupRules"] else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        rule_id = found["SecurityGroupRuleId"]
        everything = found["IpProtocol"] == "-1"
        properties = {
            "arn": arn("ec2", aws.region, f"security-group-rule/{rule_id}"),
            "securityGroupRuleId": rule_id,
            "securityGroupId": found["GroupId"],
            "ipProtocol": found["IpProtocol"],
            "cidrIpv4": found.get("CidrIpv4"),
            "cidrIpv6": found.get("CidrIpv6"),
            "prefixListId": found.get("PrefixListId"),
            "referencedSecurityGroupId": (found.get("ReferencedGroupInfo") or {}).get("GroupId"),
            "description": found.get("Description"),
            "fromPort": None if everything else found.get("FromPort"),
            "toPort": None if everything else found.get("ToPort"),
            TAGS_ALL: tags_of(found.get("Tags")),
        }
        return {name: value for name, value in properties.items() if value not in (None, "")}

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) & set(self.change.properties):
            request = self.change.request(inputs, GroupId=inputs["securityGroupId"])
            rule = request.parameters["SecurityGroupRules"][0]
            rule["SecurityGroupRuleId"] = resource_id
            if inputs["ipProtocol"] == "-1":
                # Ports mean nothing then; moto wants some all the same.
                rule["SecurityGroupRule"] |= {"FromPort": -1, "ToPort": -1}
            requests.append(request)
        return requests + tag_changes(resource_id, state, inputs, changed)

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        operation = f"RevokeSecurityGroup{self.direction}"
        return [Request("ec2", operation, {"GroupId": state["securityGroupId"], "SecurityGroupRuleIds": [resource_id]})]


RULE_TAGS: Final = Through("TagSpecifications", specification("security-group-rule"))


class SecurityGroupIngressRule(_Rule):
    """What may come in."""

    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"  # noqa: S105 - a type token
    direction = "Ingress"
    creation = Call("ec2", "AuthorizeSecurityGroupIngress", {"securityGroupId": "GroupId", TAGS_ALL: RULE_TAGS})


class SecurityGroupEgressRule(_Rule):
    """What may go out."""

    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"  # noqa: S105 - a type token
    direction = "Egress"
    creation = Call("ec2", "AuthorizeSecurityGroupEgress", {"securityGroupId": "GroupId", TAGS_ALL: RULE_TAGS})
