"""VPC and subnet. What the creating call cannot say, EC2 takes one attribute at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.names import arn
from pulumi_emulator.handlers.aws.tagging import ec2_changes
from pulumi_emulator.handlers.aws.translation import Call, Request, Through
from pulumi_emulator.handlers.base import Properties


def specification(kind: str) -> Callable[[Mapping[str, str]], list[dict[str, Any]]]:
    """Return what makes the tags of a new thing as EC2 wants them: with the kind of the thing."""
    return lambda tags: [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def tag_changes(resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
    """Return the calls for changed tags of something of EC2's."""
    return ec2_changes(resource_id, state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {}) if TAGS_ALL in changed else []


class Vpc(AwsHandler):
    """A private network."""

    token = "aws:ec2/vpc:Vpc"  # noqa: S105 - a type token
    creation = Call(
        "ec2",
        "CreateVpc",
        {
            "assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock",
            "cidrBlock": "CidrBlock",
            "instanceTenancy": "InstanceTenancy",
            "ipv4IpamPoolId": "Ipv4IpamPoolId",
            "ipv4NetmaskLength": "Ipv4NetmaskLength",
            "ipv6CidrBlock": "Ipv6CidrBlock",
            "ipv6CidrBlockNetworkBorderGroup": "Ipv6CidrBlockNetworkBorderGroup",
            "ipv6IpamPoolId": "Ipv6IpamPoolId",
            "ipv6NetmaskLength": "Ipv6NetmaskLength",
            TAGS_ALL: Through("TagSpecifications", specification("vpc")),
        },
    )
    attributes = ("enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics")
    # What a new VPC has anyway: docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html
    at_first: ClassVar = {"enableDnsHostnames": False, "enableDnsSupport": True, "enableNetworkAddressUsageMetrics": False}
    provider_only = EVERYWHERE

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return self._set(
            resource_id, {name: inputs[name] for name in self.attributes if inputs.get(name) not in (None, self.at_first[name])}
        )

    @staticmethod
    def _set(resource_id: str, values: Mapping[str, Any]) -> list[Request]:
        return [
            Request("ec2", "ModifyVpcAttribute", {"VpcId": resource_id, name[0].upper() + name[1:]: {"Value": bool(value)}})
            for name, value in values.items()
        ]

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["Vpc"]["VpcId"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("ec2", "DescribeVpcs", VpcIds=[resource_id])
        return answer["Vpcs"][0] if answer and answer["Vpcs"] else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        vpc_id = found["VpcId"]
        here = [{"Name": "vpc-id", "Values": [vpc_id]}]
        main = [*here, {"Name": "association.main", "Values": ["true"]}]
        groups = aws.ask("ec2", "DescribeSecurityGroups", Filters=[*here, {"Name": "group-name", "Values": ["default"]}])
        tables = aws.ask("ec2", "DescribeRouteTables", Filters=main)["RouteTables"]
        lists = aws.ask("ec2", "DescribeNetworkAcls", Filters=[*here, {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
        ipv6: dict[str, Any] = next(iter(found.get("Ipv6CidrBlockAssociationSet") or []), {})
        return {
            "arn": arn("ec2", aws.region, f"vpc/{vpc_id}"),
            "assignGeneratedIpv6CidrBlock": state.get("assignGeneratedIpv6CidrBlock"),
            "cidrBlock": found["CidrBlock"],
            "instanceTenancy": found["InstanceTenancy"],
            "enableDnsHostnames": self._attribute(aws, vpc_id, "enableDnsHostnames"),
            "enableDnsSupport": self._attribute(aws, vpc_id, "enableDnsSupport"),
            "enableNetworkAddressUsageMetrics": self._attribute(aws, vpc_id, "enableNetworkAddressUsageMetrics"),
            "ipv6CidrBlock": ipv6.get("Ipv6CidrBlock", ""),
            "ipv6CidrBlockNetworkBorderGroup": ipv6.get("NetworkBorderGroup", ""),
            "ipv6AssociationId": ipv6.get("AssociationId", ""),
            "defaultNetworkAclId": lists[0]["NetworkAclId"] if lists else "",
            "defaultRouteTableId": tables[0]["RouteTableId"] if tables else "",
            "mainRouteTableId": tables[0]["RouteTableId"] if tables else "",
            "defaultSecurityGroupId": groups["SecurityGroups"][0]["GroupId"] if groups["SecurityGroups"] else "",
            "dhcpOptionsId": found.get("DhcpOptionsId", ""),
            "ownerId": found.get("OwnerId", ""),
            TAGS_ALL: tags_of(found.get("Tags")),
        }

    @staticmethod
    def _attribute(aws: Aws, vpc_id: str, name: str) -> bool:
        answer = aws.ask("ec2", "DescribeVpcAttribute", VpcId=vpc_id, Attribute=name)
        return bool(answer[name[0].upper() + name[1:]]["Value"])

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = self._set(resource_id, {name: inputs.get(name) for name in self.attributes if name in changed})
        if "instanceTenancy" in changed:
            requests.append(
                Request("ec2", "ModifyVpcTenancy", {"VpcId": resource_id, "InstanceTenancy": inputs["instanceTenancy"]})
            )
        if set(changed) & {"assignGeneratedIpv6CidrBlock", "ipv6CidrBlock", "ipv6IpamPoolId", "ipv6NetmaskLength"}:
            requests += self._ipv6(resource_id, state, inputs)
        return requests + tag_changes(resource_id, state, inputs, changed)

    @staticmethod
    def _ipv6(resource_id: str, state: Properties, inputs: Properties) -> list[Request]:
        table = {
            "assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock",
            "ipv6CidrBlock": "Ipv6CidrBlock",
            "ipv6CidrBlockNetworkBorderGroup": "Ipv6CidrBlockNetworkBorderGroup",
            "ipv6IpamPoolId": "Ipv6IpamPoolId",
            "ipv6NetmaskLength": "Ipv6NetmaskLength",
        }
        association = state.get("ipv6AssociationId")
        requests = [Request("ec2", "DisassociateVpcCidrBlock", {"AssociationId": association})] if association else []
        wanted = Call("ec2", "AssociateVpcCidrBlock", table).request(inputs, VpcId=resource_id)
        return [*requests, wanted] if any(inputs.get(name) for name in table) else requests

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("ec2", "DeleteVpc", {"VpcId": resource_id})]


class Subnet(AwsHandler):
    """A range of a VPC's addresses in one zone."""

    token = "aws:ec2/subnet:Subnet"  # noqa: S105 - a type token
    creation = Call(
        "ec2",
        "CreateSubnet",
        {
            "availabilityZone": "AvailabilityZone",
            "availabilityZoneId": "AvailabilityZoneId",
            "cidrBlock": "CidrBlock",
            "ipv4IpamPoolId": "Ipv4IpamPoolId",
            "ipv4NetmaskLength": "Ipv4NetmaskLength",
            "ipv6CidrBlock": "Ipv6CidrBlock",
            "ipv6IpamPoolId": "Ipv6IpamPoolId",
            "ipv6Native": "Ipv6Native",
            "ipv6NetmaskLength": "Ipv6NetmaskLength",
            "outpostArn": "OutpostArn",
            "vpcId": "VpcId",
            TAGS_ALL: Through("TagSpecifications", specification("subnet")),
        },
    )
    # Set one at a time after the creation, when they are not what a new subnet has.
    attributes: ClassVar = {
        "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation.Value",
        "customerOwnedIpv4Pool": "CustomerOwnedIpv4Pool",
        "enableDns64": "EnableDns64.Value",
        "enableLniAtDeviceIndex": "EnableLniAtDeviceIndex",
        "enableResourceNameDnsARecordOnLaunch": "EnableResourceNameDnsARecordOnLaunch.Value",
        "enableResourceNameDnsAaaaRecordOnLaunch": "EnableResourceNameDnsAAAARecordOnLaunch.Value",
        "mapCustomerOwnedIpOnLaunch": "MapCustomerOwnedIpOnLaunch.Value",
        "mapPublicIpOnLaunch": "MapPublicIpOnLaunch.Value",
        "privateDnsHostnameTypeOnLaunch": "PrivateDnsHostnameTypeOnLaunch",
    }
    provider_only = EVERYWHERE

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return self._set(resource_id, {name: inputs[name] for name in self.attributes if inputs.get(name)})

    def _set(self, resource_id: str, values: Properties) -> list[Request]:
        return [
            Call("ec2", "ModifySubnetAttribute", {name: self.attributes[name]}).request(values, SubnetId=resource_id)
            for name in values
        ]

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        return str(answer["Subnet"]["SubnetId"])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("ec2", "DescribeSubnets", SubnetIds=[resource_id])
        return answer["Subnets"][0] if answer and answer["Subnets"] else None

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        ipv6: dict[str, Any] = next(iter(found.get("Ipv6CidrBlockAssociationSet") or []), {})
        names = found.get("PrivateDnsNameOptionsOnLaunch") or {}
        return {
            "arn": found.get("SubnetArn") or arn("ec2", aws.region, f"subnet/{found['SubnetId']}"),
            "availabilityZone": found["AvailabilityZone"],
            "availabilityZoneId": found.get("AvailabilityZoneId", ""),
            "cidrBlock": found["CidrBlock"],
            "vpcId": found["VpcId"],
            "ownerId": found.get("OwnerId", ""),
            "assignIpv6AddressOnCreation": bool(found.get("AssignIpv6AddressOnCreation")),
            "mapPublicIpOnLaunch": bool(found.get("MapPublicIpOnLaunch")),
            "ipv6CidrBlock": ipv6.get("Ipv6CidrBlock", ""),
            "ipv6CidrBlockAssociationId": ipv6.get("AssociationId", ""),
            "privateDnsHostnameTypeOnLaunch": names.get("HostnameType")
            or state.get("privateDnsHostnameTypeOnLaunch")
            or "ip-name",
            TAGS_ALL: tags_of(found.get("Tags")),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        values = {name: inputs[name] for name in self.attributes if name in changed and inputs.get(name) is not None}
        requests = self._set(resource_id, values)
        if "ipv6CidrBlock" in changed:
            association = state.get("ipv6CidrBlockAssociationId")
            if association:
                requests.append(Request("ec2", "DisassociateSubnetCidrBlock", {"AssociationId": association}))
            if inputs.get("ipv6CidrBlock"):
                wanted = {"SubnetId": resource_id, "Ipv6CidrBlock": inputs["ipv6CidrBlock"]}
                requests.append(Request("ec2", "AssociateSubnetCidrBlock", wanted))
        return requests + tag_changes(resource_id, state, inputs, changed)

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("ec2", "DeleteSubnet", {"SubnetId": resource_id})]
